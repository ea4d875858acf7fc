//! A factor for each channel, what is added for each channel after it, and an activation: one pass over memory.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{
    DatumExt, EvalContext, EvalOp, Op, StaticName, TDim, as_op, op_as_typed_op, op_out_of_plan,
};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::math::{Add, Mul};

use super::step::{Step, evaluated};
use super::tail::{Tail, only_reader, other};
use super::{Inserter, Place};
use crate::kernels::{Activation, scale_channels};

/// Of `[1, h, w, C]`, factors `[1, 1, 1, C]` and, where there are three inputs, terms `[1, 1, 1, C]`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ScaleChannels {
    activation: Activation,
}

impl Eq for ScaleChannels {}

impl Inserter<'_> {
    /// Wires such a product, with the sum and the activation that follow it; false where it is something else.
    pub(super) fn scaled(&mut self, node: &TypedNode) -> TractResult<bool> {
        let here = OutletId::new(node.id, 0);
        let &[left, right] = node.inputs.as_slice() else { return Ok(false) };
        if !node.op_as::<TypedBinOp>().is_some_and(|op| op.0.is::<Mul>()) || !self.reads_lanes(node) {
            return Ok(false);
        }
        let (image, factor) = if self.is_for_channels(left, here) { (right, left) } else { (left, right) };
        if !self.is_for_channels(factor, here) || self.shape(image) != self.shape(here) {
            return Ok(false);
        }
        let mut tail = Tail::of(here);
        let mut inputs = tvec![self.lanes(image)?, self.lanes(factor)?];
        if let Some(sum) = only_reader(self.whole, here)
            && sum.op_as::<TypedBinOp>().is_some_and(|op| op.0.is::<Add>())
            && let Some((term, _)) = other(sum, here)
            && self.places.contains_key(&term)
            && self.is_for_channels(term, here)
        {
            inputs.push(self.lanes(term)?);
            tail.take(sum);
        }
        tail.activate(self.whole);
        let op = ScaleChannels { activation: tail.activation };
        let outlet = self.graph.wire_node(node.name.clone(), op, &inputs)?[0];
        self.fuse(tail.nodes, node);
        self.places.insert(tail.last, Place::lanes(outlet));
        Ok(true)
    }

    /// Whether a value has one number for each channel of `image`, which has more.
    fn is_for_channels(&self, value: OutletId, image: OutletId) -> bool {
        let (Some(value), Some(image)) = (self.shape(value), self.shape(image)) else { return false };
        *value == [1, image[1], 1, 1] && image[2] * image[3] > 1
    }
}

impl Step for ScaleChannels {
    fn run(&self, inputs: &[&[f32]], output: &mut [f32]) {
        let Some((factor, rest)) = inputs.split_first() else { return };
        scale_channels(output, factor, rest.first().copied(), self.activation);
    }

    fn in_place(&self) -> bool {
        true
    }
}

impl Op for ScaleChannels {
    fn name(&self) -> StaticName {
        "ScaleChannels".into()
    }

    op_as_typed_op!();
}

impl EvalOp for ScaleChannels {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let shape: TVec<usize> = inputs[0].shape().into();
        evaluated(self, inputs, &shape)
    }
}

impl TypedOp for ScaleChannels {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let shape: TVec<TDim> = inputs[0].shape.to_tvec();
        Ok(tvec![f32::fact(shape)])
    }

    as_op!();
}
