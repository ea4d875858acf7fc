//! Taking tensors apart and putting them together.

use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::Downsample;
use tract_onnx::tract_core::ops::array::{Pad, PadMode, Slice, StridedSlice, TypedConcat};

use crate::autodiff::ops::{IndexAdd, Split};
use crate::autodiff::{Adjoint, RuleResult};

/// Each input receives its part.
pub(super) fn concat(op: &TypedConcat, node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    let length = |slot| Ok(node.shape(node.input(slot))?[op.axis]);
    let lengths: TVec<usize> = (0..node.input_count()).map(length).collect::<TractResult<_>>()?;
    let parts = node.wire_all("parts", Split { axis: op.axis, lengths }, &[gradient])?;
    Ok(parts.into_iter().map(Some).collect())
}

/// Zeros where nothing was read.
pub(super) fn slice(op: &Slice, node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    let length = node.shape(node.input(0))?[op.axis];
    let (start, end) = (op.start.to_usize()?, op.end.to_usize()?);
    Ok(tvec!(Some(surround(node, gradient, op.axis, start, length - end)?)))
}

/// As [`slice`] and [`downsample`] along several axes, by constant bounds.
pub(super) fn strided_slice(op: &StridedSlice, node: &mut Adjoint<'_>) -> RuleResult {
    let mut wire = node.output_gradient()?;
    let shape = node.shape(node.input(0))?;
    let bounds =
        |node: &Adjoint<'_>, slot| node.constant_value(node.input(slot))?.context("its bounds are not constant");
    let (begin, end) = (bounds(node, 1)?, bounds(node, 2)?);
    let axes = match op.optional_axes_input {
        Some(slot) => integers(bounds(node, slot)?.as_ref())?,
        None => (0..shape.len() as i64).collect(),
    };
    let steps = match op.optional_steps_input {
        Some(slot) => integers(bounds(node, slot)?.as_ref())?,
        None => vec![1; axes.len()],
    };
    let steps: Vec<i32> = steps.into_iter().map(|step| step as i32).collect();
    for axis in (0..shape.len()).filter(|axis| op.shrink_axis_mask & (1 << axis) != 0) {
        wire = node.wire("axis", AxisOp::Add(axis), &[wire])?;
    }
    for (position, axis) in axes.into_iter().enumerate() {
        let axis = (if axis < 0 { axis + shape.len() as i64 } else { axis }) as usize;
        let length = shape[axis];
        let part = op.prepare_one_dim(position, &length.to_dim(), &begin, &end, &steps)?;
        let (first, count) = (part.begin.to_isize()?, node.shape(wire)?[axis]);
        wire = if part.stride == 1 {
            surround(node, wire, axis, first as usize, length - count - first as usize)?
        } else {
            let indices = (0..count).map(|i| (first + i as isize * part.stride as isize) as usize).collect();
            node.wire("upsample", IndexAdd { axis, indices, length }, &[wire])?
        };
    }
    let mut partials = tvec!(Some(wire));
    partials.resize(node.input_count(), None);
    Ok(partials)
}

fn integers(tensor: &Tensor) -> TractResult<Vec<i64>> {
    let tensor = tensor.cast_to::<i64>()?;
    Ok(tensor.try_as_plain_ram()?.as_slice::<i64>()?.to_vec())
}

/// Every n-th element, backwards where the stride is negative.
pub(super) fn downsample(op: &Downsample, node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    let length = node.shape(node.input(0))?[op.axis];
    let count = node.shape(gradient)?[op.axis];
    let stride = op.stride.unsigned_abs();
    let first = if op.stride > 0 { op.modulo } else { length - 1 - op.modulo };
    let indices = (0..count).map(|i| if op.stride > 0 { first + i * stride } else { first - i * stride }).collect();
    Ok(tvec!(Some(node.wire("upsample", IndexAdd { axis: op.axis, indices, length }, &[gradient])?)))
}

/// Puts zeros before and after along an axis.
pub(super) fn surround(
    node: &mut Adjoint<'_>,
    wire: OutletId,
    axis: usize,
    before: usize,
    after: usize,
) -> TractResult<OutletId> {
    if (before, after) == (0, 0) {
        return Ok(wire);
    }
    let mut pads = vec![(0, 0); node.fact(wire)?.rank()];
    pads[axis] = (before, after);
    node.wire("zeros", Pad { pads, mode: PadMode::default() }, &[wire])
}
