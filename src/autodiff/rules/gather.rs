//! Picking by index.

use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::array::Gather;

use super::slice_concat::surround;
use crate::autodiff::ops::IndexAdd;
use crate::autodiff::{Adjoint, RuleResult};

/// Each row of the table receives the gradients of its readers. The indices must be constant, as they are wherever a
/// network picks from its activations; an embedding table picked from by an input is not on the way to that input.
pub(super) fn gather(op: &Gather, node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    let length = node.shape(node.input(0))?[op.axis];
    let indices = node.constant_value(node.input(1))?.context("its indices are not constant")?;
    let axes = if indices.rank() == 0 {
        AxisOp::Add(op.axis)
    } else {
        let picked = indices.shape().iter().map(ToDim::to_dim).collect();
        AxisOp::Reshape(op.axis, picked, tvec!(indices.len().to_dim()))
    };
    let wire = node.wire("axes", axes, &[gradient])?;
    let indices = indices.cast_to::<i64>()?;
    let from_the_end = |&index: &i64| if index < 0 { (index + length as i64) as usize } else { index as usize };
    let indices: Vec<usize> = indices.try_as_plain_ram()?.as_slice::<i64>()?.iter().map(from_the_end).collect();
    let wire = match indices[..] {
        [index] => surround(node, wire, op.axis, index, length - index - 1)?,
        _ => node.wire("scatter", IndexAdd { axis: op.axis, indices, length }, &[wire])?,
    };
    Ok(tvec!(Some(wire), None))
}
