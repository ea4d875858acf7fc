//! Images side by side, as channels of one.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{
    DatumExt, EvalContext, EvalOp, Op, StaticName, ToDim, as_op, op_as_typed_op, op_out_of_plan,
};

use super::step::{Step, evaluated};

/// From several `[1, h, w, C]` to `[1, h, w, sum of C]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ConcatChannels {
    /// Height and width.
    pub(super) size: [usize; 2],
    /// The channels of each.
    pub(super) channels: TVec<usize>,
}

impl ConcatChannels {
    fn shape(&self) -> [usize; 4] {
        [1, self.size[0], self.size[1], self.channels.iter().sum()]
    }
}

impl Step for ConcatChannels {
    fn run(&self, inputs: &[&[f32]], output: &mut [f32]) {
        let all = self.shape()[3];
        let mut first = 0;
        for (input, channels) in inputs.iter().zip(&self.channels) {
            for (from, to) in input.chunks_exact(*channels).zip(output.chunks_exact_mut(all)) {
                to[first..first + channels].copy_from_slice(from);
            }
            first += channels;
        }
    }
}

impl Op for ConcatChannels {
    fn name(&self) -> StaticName {
        "ConcatChannels".into()
    }

    op_as_typed_op!();
}

impl EvalOp for ConcatChannels {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        evaluated(self, inputs, &self.shape())
    }
}

impl TypedOp for ConcatChannels {
    fn output_facts(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let shape: TVec<_> = self.shape().iter().map(ToDim::to_dim).collect();
        Ok(tvec![f32::fact(shape)])
    }

    as_op!();
}
