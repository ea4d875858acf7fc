//! The gradient of a sum: the same value in every place that was added up.

use tract_onnx::tract_core::internal::*;

/// Repeats its input along axes of length 1 up to a shape of the same rank.
///
/// tract's own operator for this is taken away in front of a matrix product, on the ground that products broadcast. They do
/// not where the repeated axis is in one of their inputs alone, and then the graph no longer fits together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::autodiff) struct Repeat {
    /// The shape of the output.
    pub(in crate::autodiff) shape: TVec<usize>,
}

impl Op for Repeat {
    fn name(&self) -> StaticName {
        "Repeat".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Repeat {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        Ok(tvec!(input.broadcast_to_shape(&self.shape)?.into_tvalue()))
    }
}

impl TypedOp for Repeat {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let from = &inputs[0].shape;
        let fits = from.rank() == self.shape.len()
            && from.iter().zip(&self.shape).all(|(from, to)| from.is_one() || *from == to.to_dim());
        ensure!(fits, "{from:?} cannot be repeated to {:?}", self.shape);
        Ok(tvec!(inputs[0].datum_type.fact(&*self.shape)))
    }

    fn change_axes(
        &self,
        model: &TypedModel,
        node: &TypedNode,
        _io: InOut,
        change: &AxisOp,
    ) -> TractResult<Option<AxisChangeConsequence>> {
        // An axis that is repeated must stay; one that is split or joined may be repeated in part.
        let stays = |axis: usize| self.shape.get(axis) != Some(&1);
        if matches!(change, AxisOp::Reshape(..)) || matches!(change, AxisOp::Rm(axis) if stays(*axis)) {
            return Ok(None);
        }
        let mut shape = self.shape.clone();
        if change.change_shape_array(&mut shape, false).is_err() {
            return Ok(None);
        }
        Ok(Some(AxisChangeConsequence::new(model, node, Some(Box::new(Repeat { shape })), change)))
    }

    as_op!();
}
