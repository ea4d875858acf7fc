//! The gradient of concatenation.

use tract_onnx::tract_core::internal::*;

/// Cuts its input along an axis into consecutive parts, one output for each.
///
/// tract would write it as slices, and then slice what computes the input instead: in a dense block, where every layer
/// reads all layers before it, one convolution of the gradient would become one for each of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::autodiff) struct Split {
    /// The axis that is cut.
    pub(in crate::autodiff) axis: usize,
    /// The length of each part; together they are the input's.
    pub(in crate::autodiff) lengths: TVec<usize>,
}

impl Op for Split {
    fn name(&self) -> StaticName {
        "Split".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Split {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let mut start = 0;
        let mut parts = tvec![];
        for length in &self.lengths {
            parts.push(input.slice(self.axis, start, start + length)?.into_tvalue());
            start += length;
        }
        Ok(parts)
    }
}

impl TypedOp for Split {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let total: usize = self.lengths.iter().sum();
        ensure!(inputs[0].shape[self.axis] == total.to_dim(), "the parts do not add up to the whole");
        let part = |&length: &usize| {
            let mut shape = inputs[0].shape.to_tvec();
            shape[self.axis] = length.to_dim();
            inputs[0].datum_type.fact(shape)
        };
        Ok(self.lengths.iter().map(part).collect())
    }

    fn change_axes(
        &self,
        model: &TypedModel,
        node: &TypedNode,
        _io: InOut,
        change: &AxisOp,
    ) -> TractResult<Option<AxisChangeConsequence>> {
        let Some(axis) = change.transform_axis(self.axis) else { return Ok(None) };
        let op = Split { axis, ..self.clone() };
        Ok(Some(AxisChangeConsequence::new(model, node, Some(Box::new(op)), change)))
    }

    as_op!();
}
