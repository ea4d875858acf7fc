//! Sums, means and extremes along axes.

use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_core::ops::logic::comp_eq;
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn::{Reduce, Reducer, RmsNorm};

use super::broadcast::broadcast_to;
use super::scalar;
use crate::autodiff::ops::OtherFactors;
use crate::autodiff::{Adjoint, RuleResult};

pub(super) fn reduce(op: &Reduce, node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    let input = node.input(0);
    let shape = node.shape(input)?;
    let partial = match op.reducer {
        Reducer::Sum => broadcast_to(node, gradient, &shape)?,
        Reducer::Max | Reducer::Min => shared_by_extremes(op, node, gradient)?,
        Reducer::MeanOfSquares => {
            let count: usize = op.axes.iter().map(|&axis| shape[axis]).product();
            let factor = scalar(node, 2.0 / count as f64, gradient)?;
            let scaled = node.wire("scaled", math::mul(), &[gradient, factor])?;
            node.wire("times_input", math::mul(), &[input, scaled])?
        }
        Reducer::ArgMax(_) | Reducer::ArgMin(_) | Reducer::All | Reducer::Any => return Ok(tvec!(None)),
        Reducer::Prod => product(op, node, gradient)?,
    };
    Ok(tvec!(Some(partial)))
}

/// Each element receives the gradient times the product of all others, one axis after the other.
fn product(op: &Reduce, node: &mut Adjoint<'_>, gradient: OutletId) -> TractResult<OutletId> {
    let mut steps = vec![];
    let mut wire = node.input(0);
    for &axis in &op.axes {
        steps.push((axis, wire));
        wire = node.wire("product", Reduce { axes: tvec![axis], reducer: Reducer::Prod }, &[wire])?;
    }
    let mut gradient = gradient;
    for (axis, factors) in steps.into_iter().rev() {
        let others = node.wire("others", OtherFactors { axis }, &[factors])?;
        gradient = node.wire("times_others", math::mul(), &[gradient, others])?;
    }
    Ok(gradient)
}

/// Elements that tie for the maximum share its gradient equally, as torch's `amax` has it.
fn shared_by_extremes(op: &Reduce, node: &mut Adjoint<'_>, gradient: OutletId) -> TractResult<OutletId> {
    let input = node.input(0);
    let dt = node.fact(input)?.datum_type;
    let is_extreme = node.wire("is_extreme", TypedBinOp(comp_eq(), None), &[input, node.output(0)])?;
    let mask = node.wire("mask", cast(dt), &[is_extreme])?;
    let count = node.wire("count", Reduce { axes: op.axes.clone(), reducer: Reducer::Sum }, &[mask])?;
    let share = node.wire("share", math::div(), &[gradient, count])?;
    node.wire("shared", math::mul(), &[mask, share])
}

/// `y = x r` with `r = 1 / sqrt(mean(x^2) + eps)`, so `dx = r (dy - y mean(dy y))`.
pub(super) fn rms_norm(op: &RmsNorm, node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    let (input, output) = (node.input(0), node.output(0));
    let axes: TVec<usize> = tvec!(op.axis);
    let length = node.shape(input)?[op.axis];

    let square =
        node.wire("mean_of_squares", Reduce { axes: axes.clone(), reducer: Reducer::MeanOfSquares }, &[input])?;
    let eps = scalar(node, op.eps.cast_to_scalar::<f64>()?, square)?;
    let shifted = node.wire("shifted", math::add(), &[square, eps])?;
    let factor = node.wire("factor", math::rsqrt(), &[shifted])?;

    let product = node.wire("product", math::mul(), &[gradient, output])?;
    let sum = node.wire("sum", Reduce { axes, reducer: Reducer::Sum }, &[product])?;
    let share = scalar(node, 1.0 / length as f64, sum)?;
    let mean = node.wire("mean", math::mul(), &[sum, share])?;
    let along = node.wire("along", math::mul(), &[output, mean])?;
    let across = node.wire("across", math::sub(), &[gradient, along])?;
    Ok(tvec!(Some(node.wire("scaled", math::mul(), &[across, factor])?)))
}
