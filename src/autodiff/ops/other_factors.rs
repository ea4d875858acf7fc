//! The gradient of a product along an axis.

use tract_onnx::tract_core::internal::*;

use super::Real;

/// For each element along an axis, the product of all others: also where some of them are zero.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::autodiff) struct OtherFactors {
    pub(in crate::autodiff) axis: usize,
}

impl OtherFactors {
    fn multiply<T: Real>(&self, input: &Tensor) -> TractResult<Tensor> {
        let (length, inner) = (input.shape()[self.axis], input.shape()[self.axis + 1..].iter().product::<usize>());
        let mut result = Tensor::zero::<T>(input.shape())?;
        let input = input.try_as_plain_ram()?;
        let input = input.as_slice::<T>()?;
        let mut view = result.try_as_plain_ram_mut()?;
        let values = view.as_slice_mut::<T>()?;
        values.fill(T::one());
        for start in (0..values.len()).step_by((length * inner).max(1)) {
            for offset in start..start + inner {
                let places = (0..length).map(|position| offset + position * inner);
                let (mut before, mut after) = (T::one(), T::one());
                for place in places.clone() {
                    values[place] = values[place] * before;
                    before = before * input[place];
                }
                for place in places.rev() {
                    values[place] = values[place] * after;
                    after = after * input[place];
                }
            }
        }
        Ok(result)
    }
}

impl Op for OtherFactors {
    fn name(&self) -> StaticName {
        "OtherFactors".into()
    }

    op_as_typed_op!();
}

impl EvalOp for OtherFactors {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let result = dispatch_floatlike!(Self::multiply(input.datum_type())(self, &input))?;
        Ok(tvec!(result.into_tvalue()))
    }
}

impl TypedOp for OtherFactors {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(inputs[0].without_value()))
    }

    as_op!();
}
