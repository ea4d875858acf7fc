//! `GatherND` and `ScatterND` with indices that count from the end, which tract does not know.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::array::{GatherNd, ScatterReduction};
use tract_onnx::tract_hir::infer::InferenceRulesOp;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::array::ScatterNd as ScatterRules;

use super::like_its_input;

type Built = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

#[derive(Debug, Clone)]
struct Gather(GatherNd);

#[derive(Debug, Clone)]
struct Scatter(ScatterReduction);

pub(super) fn gather_nd(_context: &ParsingContext, node: &NodeProto) -> Built {
    Ok((expand(Gather(GatherNd::new(node.get_attr_opt("batch_dims")?.unwrap_or(0)))), vec![]))
}

pub(super) fn scatter_nd(_context: &ParsingContext, node: &NodeProto) -> Built {
    let reduction = node.get_attr_opt("reduction")?.unwrap_or("none");
    Ok((expand(Scatter(ScatterReduction::parse(reduction)?)), vec![]))
}

/// The indices counted from the start, where they are constant; `common` axes come before those that they are of.
fn from_the_start(prefix: &str, model: &mut TypedModel, inputs: &[OutletId], common: usize) -> TractResult<OutletId> {
    let Some(indices) = model.outlet_fact(inputs[1])?.konst.clone() else { return Ok(inputs[1]) };
    let shape = model.outlet_fact(inputs[0])?.shape.clone();
    let length = indices.shape().last().copied().unwrap_or(1).max(1);
    ensure!(common + length <= shape.rank(), "tuples of {length} indices for {} axes", shape.rank());
    let mut indices = indices.cast_to::<i64>()?.into_owned();
    let mut view = indices.try_as_plain_ram_mut()?;
    let mut negative = false;
    for tuple in view.as_slice_mut::<i64>()?.chunks_exact_mut(length) {
        for (axis, index) in tuple.iter_mut().enumerate().filter(|(_, index)| **index < 0) {
            *index += shape[common + axis].to_i64()?;
            negative = true;
        }
    }
    if !negative {
        return Ok(inputs[1]);
    }
    model.add_const(format!("{prefix}.indices"), indices)
}

impl Expansion for Gather {
    fn name(&self) -> StaticName {
        "GatherND".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        InferenceRulesOp::rules(&self.0, solver, inputs, outputs)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let indices = from_the_start(prefix, model, inputs, self.0.batch_dims)?;
        model.wire_node(prefix, self.0.clone(), &[inputs[0], indices])
    }
}

impl Expansion for Scatter {
    fn name(&self) -> StaticName {
        "ScatterND".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        like_its_input(solver, inputs, outputs, 3)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let indices = from_the_start(prefix, model, inputs, 0)?;
        ScatterRules::new(self.0).wire(prefix, model, &[inputs[0], indices, inputs[2]])
    }
}
