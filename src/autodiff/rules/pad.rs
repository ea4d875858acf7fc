//! Padding: constant, mirrored, or repeating the edge.

use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::array::{Pad, PadMode, Slice};

use crate::autodiff::ops::IndexAdd;
use crate::autodiff::{Adjoint, RuleResult};

/// Each element receives the gradients of its copies.
pub(super) fn pad(op: &Pad, node: &mut Adjoint<'_>) -> RuleResult {
    let shape = node.shape(node.input(0))?;
    let mut wire = node.output_gradient()?;
    // The forward operator pads the axes in this order and copies corners from what it has padded before.
    for (axis, &(before, after)) in op.pads.iter().enumerate().rev().filter(|(_, pads)| **pads != (0, 0)) {
        let length = shape[axis];
        wire = if let PadMode::Constant(_) = op.mode {
            node.wire("unpad", Slice::new(axis, before, before + length), &[wire])?
        } else {
            let source = |position: usize| source(&op.mode, position as isize - before as isize, length);
            let indices = (0..before + length + after).map(source).collect();
            node.wire("unpad", IndexAdd { axis, indices, length }, &[wire])?
        };
    }
    Ok(tvec!(Some(wire)))
}

/// Which element was copied to `position`, negative before the first and at least `length` after the last.
fn source(mode: &PadMode, position: isize, length: usize) -> usize {
    let last = length as isize - 1;
    match mode {
        PadMode::Reflect if position < 0 => -position as usize,
        PadMode::Reflect if position > last => (2 * last - position) as usize,
        _ => position.clamp(0, last) as usize,
    }
}
