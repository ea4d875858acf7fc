//! Building small tract graphs, running them as built and after tract has worked on them, and differentiating them by
//! finite differences.

use seewhy::autodiff::vjp;
use seewhy::model::onnx;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{IntoArcTensor, TypedOp};

/// A graph under construction, with inputs of one type.
pub(crate) struct Graph {
    pub(crate) model: TypedModel,
    dt: DatumType,
}

impl Graph {
    pub(crate) fn new(dt: DatumType) -> Graph {
        Graph { model: TypedModel::default(), dt }
    }

    pub(crate) fn input(&mut self, shape: &[usize]) -> OutletId {
        let name = format!("input.{}", self.model.inputs.len());
        self.model.add_source(name, self.dt.fact(shape)).unwrap()
    }

    /// A constant of the graph's type, with values from `values`.
    pub(crate) fn constant(&mut self, shape: &[usize], range: (f64, f64)) -> OutletId {
        let value = values(shape, range, self.model.nodes.len() as u64);
        let value = value.cast_to_dt(self.dt).unwrap().into_owned();
        self.add_const(value)
    }

    /// One number, of the graph's type and of `rank`.
    pub(crate) fn number(&mut self, number: f64, rank: usize) -> OutletId {
        let value = tensor0(number).cast_to_dt(self.dt).unwrap().into_owned();
        self.add_const(value.broadcast_into_rank(rank).unwrap())
    }

    pub(crate) fn add_const(&mut self, value: impl IntoArcTensor) -> OutletId {
        let name = format!("constant.{}", self.model.nodes.len());
        self.model.add_const(name, value).unwrap()
    }

    /// The first output of an operator.
    pub(crate) fn op(&mut self, op: impl Into<Box<dyn TypedOp>>, inputs: &[OutletId]) -> OutletId {
        let op = op.into();
        let name = format!("{}.{}", op.name(), self.model.nodes.len());
        self.model.wire_node(name, op, inputs).unwrap()[0]
    }

    pub(crate) fn finish(mut self, output: OutletId) -> TypedModel {
        self.model.select_output_outlets(&[output]).unwrap();
        self.model
    }
}

/// Irregular f64 numbers between the bounds of `range`, the same for the same seed: no two differ by the same amount, so
/// that differences do not tie either.
pub(crate) fn values(shape: &[usize], range: (f64, f64), seed: u64) -> Tensor {
    let at = |i: usize| (43_758.545_3 * ((i + 1) as f64 * 12.989_8 + seed as f64 * 78.233).sin()).rem_euclid(1.0);
    let values: Vec<f64> = (0..shape.iter().product()).map(|i| range.0 + (range.1 - range.0) * at(i)).collect();
    Tensor::from_shape(shape, &values).unwrap()
}

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

/// What [`vjp`] finds for all inputs of `model` at `point`: for each level of tract's work, one gradient for each input.
pub(crate) fn gradients(model: &TypedModel, point: &[Tensor], cotangent: &Tensor) -> Vec<(Level, Vec<Vec<f64>>)> {
    let wanted = model.input_outlets().unwrap().to_vec();
    let graph = vjp(model, model.output_outlets().unwrap()[0], &wanted).unwrap_or_else(|error| panic!("{error}"));
    let inputs = [point, std::slice::from_ref(cotangent)].concat();
    let at = |level| {
        let outputs = run(&graph, level, &inputs);
        let gradients = outputs[1..].iter().zip(point).map(|(gradient, input)| {
            assert_eq!(gradient.shape(), input.shape());
            numbers(gradient)
        });
        (level, gradients.collect())
    };
    Level::ALL.into_iter().map(at).collect()
}

/// Central differences of `<cotangent, model(point)>` for all inputs of `model`.
pub(crate) fn finite_differences(model: &TypedModel, point: &[Tensor], cotangent: &Tensor, step: f64) -> Vec<Vec<f64>> {
    let plan = model.clone().into_runnable().unwrap();
    let weights = numbers(cotangent);
    let loss = |point: &[Tensor]| -> f64 {
        let outputs = plan.run(point.iter().map(|input| input.clone().into_tvalue()).collect()).unwrap();
        numbers(&outputs[0]).iter().zip(&weights).map(|(y, weight)| y * weight).sum()
    };
    let shifted = |slot: usize, element: usize, by: f64| {
        let mut values = numbers(&point[slot]);
        values[element] += by;
        let shifted = Tensor::from_shape(point[slot].shape(), &values).unwrap();
        let mut point = point.to_vec();
        point[slot] = shifted.cast_to_dt(point[slot].datum_type()).unwrap().into_owned();
        loss(&point)
    };
    let difference = |slot, element| (shifted(slot, element, step) - shifted(slot, element, -step)) / (2.0 * step);
    (0..point.len()).map(|slot| (0..point[slot].len()).map(|element| difference(slot, element)).collect()).collect()
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
        let model = onnx().model_for_path(path)?;
        model.with_input_fact(0, f32::fact(shape).into())?.into_typed()
    };
    load().unwrap_or_else(|error: TractError| panic!("{}: {error:#}", path.display()))
}
