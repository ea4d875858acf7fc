//! From planes to lanes and back.

use tract_onnx::tract_core::internal::{
    DatumExt, EvalContext, EvalOp, Op, StaticName, TDim, TValue, TVec, TractResult, TypedFact, TypedOp, as_op,
    op_as_typed_op, op_out_of_plan, tvec,
};

use super::step::{Step, evaluated};
use crate::kernels::{to_lanes, to_planes};

/// Moves the channels of `[1, C, h, w]` to the end, or back. It is an operator of its own so that tract does not move it
/// through others.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Relayout {
    pub(super) to_lanes: bool,
    pub(super) channels: usize,
}

impl Relayout {
    fn shape<D: Clone>(&self, from: &[D]) -> TVec<D> {
        let order = if self.to_lanes { [0, 2, 3, 1] } else { [0, 3, 1, 2] };
        order.iter().map(|axis| from[*axis].clone()).collect()
    }
}

impl Step for Relayout {
    fn run(&self, inputs: &[&[f32]], output: &mut [f32]) {
        let [input] = inputs else { return };
        if self.to_lanes {
            to_lanes(self.channels, input, output);
        } else {
            to_planes(self.channels, input, output);
        }
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
        let shape = self.shape(inputs[0].shape());
        evaluated(self, inputs, &shape)
    }
}

impl TypedOp for Relayout {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let shape: TVec<TDim> = self.shape(&inputs[0].shape);
        Ok(tvec![f32::fact(shape)])
    }

    as_op!();
}
