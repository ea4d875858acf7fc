//! Running tract graphs, as built and after tract has worked on them.

use tract_onnx::prelude::*;

/// How far tract has worked on a graph. A gradient must come out the same at each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    AsBuilt,
    Decluttered,
    Optimised,
}

impl Level {
    pub(crate) const ALL: [Level; 3] = [Level::AsBuilt, Level::Decluttered, Level::Optimised];

    fn prepare(self, model: TypedModel) -> TractResult<TypedModel> {
        match self {
            Level::AsBuilt => Ok(model),
            Level::Decluttered => model.into_decluttered(),
            Level::Optimised => model.into_optimized(),
        }
    }
}

/// Runs a graph once, at `level`.
pub(crate) fn run(model: &TypedModel, level: Level, inputs: &[Tensor]) -> TVec<TValue> {
    let run = || {
        let inputs = inputs.iter().map(|input| input.clone().into_tvalue()).collect();
        level.prepare(model.clone())?.into_runnable()?.run(inputs)
    };
    run().unwrap_or_else(|error| panic!("{level:?}: {error:#}"))
}

/// The values of a tensor, in f64 whatever it holds.
pub(crate) fn numbers(tensor: &Tensor) -> Vec<f64> {
    let tensor = tensor.cast_to::<f64>().unwrap();
    tensor.try_as_plain_ram().unwrap().as_slice::<f64>().unwrap().to_vec()
}

/// The distance of two vectors, relative to the length of the second.
pub(crate) fn relative_distance(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let length = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let difference = length(&mut found.iter().zip(expected).map(|(found, expected)| found - expected));
    difference / length(&mut expected.iter().copied())
}

/// An ONNX classifier for one image of `shape`, as `into_typed()` leaves it.
pub(crate) fn typed_onnx(path: &std::path::Path, shape: &[usize]) -> TypedModel {
    let load = || {
        let model = tract_onnx::onnx().model_for_path(path)?;
        model.with_input_fact(0, f32::fact(shape).into())?.into_typed()
    };
    load().unwrap_or_else(|error: TractError| panic!("{}: {error:#}", path.display()))
}
