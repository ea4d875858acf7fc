//! Repeating along an axis, and its gradient: summing along it.

use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::array::{MultiBroadcastTo, Tile};
use tract_onnx::tract_core::ops::nn::{Reduce, Reducer};

use crate::autodiff::ops::{IndexAdd, Repeat};
use crate::autodiff::{Adjoint, RuleResult};

pub(super) fn multi_broadcast_to(_op: &MultiBroadcastTo, node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    let gradient = unbroadcast(node, gradient, node.input(0))?;
    Ok(tvec!(Some(gradient)))
}

/// The copies of an element lie one tile apart.
pub(super) fn tile(_op: &Tile, node: &mut Adjoint<'_>) -> RuleResult {
    let (from, to) = (node.shape(node.input(0))?, node.shape(node.output(0))?);
    let mut wire = node.output_gradient()?;
    for (axis, (&length, &tiled)) in from.iter().zip(&to).enumerate().filter(|(_, (from, to))| from != to) {
        let indices = (0..tiled).map(|position| position % length).collect();
        wire = node.wire("untile", IndexAdd { axis, indices, length }, &[wire])?;
    }
    Ok(tvec!(Some(wire)))
}

/// Sums `gradient` over the axes along which `input` was repeated, so that it has the shape of `input`. Axes are aligned
/// from the last, as in numpy.
pub(super) fn unbroadcast(node: &mut Adjoint<'_>, gradient: OutletId, input: OutletId) -> TractResult<OutletId> {
    let (from, to) = (node.shape(gradient)?, node.shape(input)?);
    let leading = from.len().checked_sub(to.len()).context("the gradient has too few axes")?;
    let repeated = |axis: &usize| from[*axis] > 1 && (*axis < leading || to[*axis - leading] == 1);
    let axes: TVec<usize> = (0..from.len()).filter(repeated).collect();
    let mut wire = gradient;
    if !axes.is_empty() {
        wire = node.wire("sum", Reduce { axes, reducer: Reducer::Sum }, &[wire])?;
    }
    for _ in 0..leading {
        wire = node.wire("axis", AxisOp::Rm(0), &[wire])?;
    }
    Ok(wire)
}

/// Repeats along axes of length 1 up to `shape`, of the same rank.
pub(super) fn broadcast_to(node: &mut Adjoint<'_>, wire: OutletId, shape: &[usize]) -> TractResult<OutletId> {
    if *node.shape(wire)? == *shape {
        return Ok(wire);
    }
    node.wire("repeat", Repeat { shape: shape.into() }, &[wire])
}
