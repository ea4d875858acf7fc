//! From planes to lanes and back.

use tract_onnx::tract_core::internal::{
    DatumExt, EvalContext, EvalOp, IntoTValue, Op, StaticName, TDim, TValue, TVec, Tensor, TractResult, TypedFact,
    TypedOp, args_1, as_op, op_as_typed_op, op_out_of_plan, tvec,
};

use crate::kernels::{to_lanes, to_planes};

/// Moves the channels of `[1, C, h, w]` to the end, or back. It is an operator of its own so that tract does not move it
/// through others.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Relayout {
    pub(super) to_lanes: bool,
}

impl Relayout {
    fn shape<D: Clone>(&self, from: &[D]) -> TVec<D> {
        let order = if self.to_lanes { [0, 2, 3, 1] } else { [0, 3, 1, 2] };
        order.iter().map(|axis| from[*axis].clone()).collect()
    }
}

impl Op for Relayout {
    fn name(&self) -> StaticName {
        if self.to_lanes { "ToLanes" } else { "ToPlanes" }.into()
    }

    op_as_typed_op!();
}

impl EvalOp for Relayout {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let mut output = Tensor::zero::<f32>(&self.shape(input.shape()))?;
        let (from, mut to) = (input.try_as_plain_ram()?, output.try_as_plain_ram_mut()?);
        let (from, to) = (from.as_slice::<f32>()?, to.as_slice_mut::<f32>()?);
        if self.to_lanes {
            to_lanes(input.shape()[1], from, to);
        } else {
            to_planes(input.shape()[3], from, to);
        }
        Ok(tvec![output.into_tvalue()])
    }
}

impl TypedOp for Relayout {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let shape: TVec<TDim> = self.shape(&inputs[0].shape);
        Ok(tvec![f32::fact(shape)])
    }

    as_op!();
}
