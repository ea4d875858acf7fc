//! Whether the scores are a sum over a layer: then what a channel adds to a score is exact.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::array::{Gather, MultiBroadcastTo, Pad, PadMode, Slice, TypedConcat};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::Cast;
use tract_onnx::tract_core::ops::change_axes::AxisOp;
use tract_onnx::tract_core::ops::cnn::{Conv, SumPool};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::identity::Identity;
use tract_onnx::tract_core::ops::math::{Add, Div, Mul, Sub};
use tract_onnx::tract_core::ops::nn::{Reduce, Reducer};

use super::Network;
use super::extract::needed;

impl Network {
    /// Whether the scores are a constant and a sum of multiples of a layer's values, and nothing else of the image: behind it
    /// come averages, linear layers, and moves only.
    pub fn is_affine_behind(&self, layer: usize) -> bool {
        let outlet = self.layers.outlets[layer];
        let behind = needed(&self.graph, &[outlet], &[self.logits]);
        let Ok(order) = self.graph.eval_order() else { return false };
        // Something of the image gets past the layer.
        if behind.contains(&self.input.node) {
            return false;
        }
        let mut depends = vec![false; self.graph.nodes().len()];
        depends[outlet.node] = true;
        order.into_iter().filter(|id| behind.contains(id)).all(|id| {
            let node = self.graph.node(id);
            let slots: Vec<usize> = (0..node.inputs.len()).filter(|slot| depends[node.inputs[*slot].node]).collect();
            depends[id] = !slots.is_empty();
            !depends[id] || is_affine(node, &slots)
        })
    }
}

/// Whether a node makes a constant and a sum of multiples of what comes in at these slots.
fn is_affine(node: &TypedNode, slots: &[usize]) -> bool {
    if let Some(op) = node.op_as::<TypedBinOp>() {
        return match slots {
            _ if op.0.is::<Add>() || op.0.is::<Sub>() => true,
            [_] if op.0.is::<Mul>() => true,
            [0] => op.0.is::<Div>(),
            _ => false,
        };
    }
    if let Some(op) = node.op_as::<EinSum>() {
        return slots.len() == 1 && op.q_params.is_none();
    }
    let moves = node.op_is::<AxisOp>() || node.op_is::<TypedConcat>() || node.op_is::<MultiBroadcastTo>();
    if moves || node.op_is::<Identity>() {
        return true;
    }
    let is_float = || node.outputs[0].fact.datum_type == f32::datum_type();
    let sums = node.op_as::<Reduce>().is_some_and(|op| op.reducer == Reducer::Sum);
    let pads = node.op_as::<Pad>().is_some_and(|op| matches!(op.mode, PadMode::Constant(_)));
    let convolves = node.op_as::<Conv>().is_some_and(|op| op.q_params.is_none());
    let is_of_first = sums
        || pads
        || convolves
        || node.op_is::<Slice>()
        || node.op_is::<Gather>()
        || node.op_is::<SumPool>()
        || node.op_is::<Cast>() && is_float();
    is_of_first && slots == [0]
}
