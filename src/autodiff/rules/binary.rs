//! Arithmetic of two tensors, with broadcasting.

use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::math::{self, Add, Div, Max, Min, Mul, Pow, Rem, Sub};

use super::broadcast::unbroadcast;
use super::scalar;
use crate::autodiff::ops::{Pull, Real, pullback, pulled_back};
use crate::autodiff::{Adjoint, RuleResult};

/// The partial of one operand: `pull` yields it at the shape of the output.
fn partial(
    node: &mut Adjoint<'_>,
    slot: usize,
    pull: impl FnOnce(&mut Adjoint<'_>) -> TractResult<OutletId>,
) -> TractResult<Option<OutletId>> {
    if !node.is_wanted(slot) {
        return Ok(None);
    }
    let full = pull(node)?;
    unbroadcast(node, full, node.input(slot)).map(Some)
}

pub(super) fn add(_op: &Add, node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    Ok(tvec!(partial(node, 0, |_| Ok(gradient))?, partial(node, 1, |_| Ok(gradient))?))
}

pub(super) fn sub(_op: &Sub, node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    let left = partial(node, 0, |_| Ok(gradient))?;
    let right = partial(node, 1, |node| node.wire("negated", math::neg(), &[gradient]))?;
    Ok(tvec!(left, right))
}

pub(super) fn mul(_op: &Mul, node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    let (a, b) = (node.input(0), node.input(1));
    let left = partial(node, 0, |node| node.wire("times_right", math::mul(), &[gradient, b]))?;
    let right = partial(node, 1, |node| node.wire("times_left", math::mul(), &[gradient, a]))?;
    Ok(tvec!(left, right))
}

/// `y = a / b`: `da = dy / b` and `db = -y da`.
pub(super) fn div(_op: &Div, node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    let quotient = node.wire("quotient", math::div(), &[gradient, node.input(1)])?;
    let left = partial(node, 0, |_| Ok(quotient))?;
    let right = partial(node, 1, |node| {
        let product = node.wire("product", math::mul(), &[quotient, node.output(0)])?;
        node.wire("negated", math::neg(), &[product])
    })?;
    Ok(tvec!(left, right))
}

/// `y = a ^ b`: `da = dy b a^(b-1)` and `db = dy y ln(a)`.
pub(super) fn pow(_op: &Pow, node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    let (base, exponent) = (node.input(0), node.input(1));
    let left = partial(node, 0, |node| {
        let one = scalar(node, 1.0, exponent)?;
        let less = node.wire("exponent", math::sub(), &[exponent, one])?;
        let power = node.wire("power", math::pow(), &[base, less])?;
        let slope = node.wire("slope", math::mul(), &[power, exponent])?;
        node.wire("scaled", math::mul(), &[gradient, slope])
    })?;
    let right = partial(node, 1, |node| {
        let log = node.wire("log", math::ln(), &[base])?;
        let slope = node.wire("slope", math::mul(), &[node.output(0), log])?;
        node.wire("scaled", math::mul(), &[gradient, slope])
    })?;
    Ok(tvec!(left, right))
}

/// `y = a - b trunc(a / b)`, so `db = -dy (a - y) / b`.
pub(super) fn rem(_op: &Rem, node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    let left = partial(node, 0, |_| Ok(gradient))?;
    let right = partial(node, 1, |node| {
        let whole = node.wire("whole", math::sub(), &[node.output(0), node.input(0)])?;
        let times = node.wire("times", math::div(), &[whole, node.input(1)])?;
        node.wire("scaled", math::mul(), &[gradient, times])
    })?;
    Ok(tvec!(left, right))
}

pub(super) fn max(_op: &Max, node: &mut Adjoint<'_>) -> RuleResult {
    extreme(node, Side::Above)
}

pub(super) fn min(_op: &Min, node: &mut Adjoint<'_>) -> RuleResult {
    extreme(node, Side::Below)
}

/// Which operand of a maximum or minimum passes the gradient.
///
/// Two tensors that tie share it equally, as in torch's `maximum`. A tie with a constant goes to the constant: so
/// exporters write `Relu`, `Relu6`, hard sigmoid and `clamp`, whose gradient at the kink is 0 in torch.
fn extreme(node: &mut Adjoint<'_>, passes: Side) -> RuleResult {
    let gradient = node.output_gradient()?;
    let mut partials = tvec![];
    for (slot, other) in [(0, 1), (1, 0)] {
        let (input, other) = (node.input(slot), node.input(other));
        let bound = node.constant_value(other)?;
        let tie = if bound.is_some() { Tie::None } else { Tie::Half };
        let partial = partial(node, slot, |node| {
            let Some(bound) = bound.filter(|bound| bound.len() == 1) else {
                let excess = node.wire("excess", math::sub(), &[input, other])?;
                return node.wire("gated", pullback(Gate { bound: Bound(0.0), passes, tie }), &[gradient, excess]);
            };
            let gate = Gate { bound: Bound(bound.cast_to_scalar()?), passes, tie };
            if let Some((between, inputs)) = clipped(node, &gate, gradient) {
                return node.wire("clipped", pullback(between), &inputs);
            }
            // The output lies on the same side of the bound as the input, and does not keep the input in memory.
            node.wire("gated", pullback(gate), &[gradient, node.output(0)])
        })?;
        partials.push(partial);
    }
    Ok(partials)
}

/// A maximum followed by a minimum, or the reverse, is how exporters write a clip: if `gradient` has just come through the
/// other half of one, both halves in one pass over memory, and what that reads.
fn clipped(node: &Adjoint<'_>, gate: &Gate, gradient: OutletId) -> Option<(Between, [OutletId; 2])> {
    let producer = node.producer(gradient);
    let outer = pulled_back::<Gate>(producer.op.as_ref())?;
    let &[arriving, result] = &*producer.inputs else { return None };
    let (low, high) = match (gate.passes, outer.passes) {
        (Side::Above, Side::Below) => (gate.bound, outer.bound),
        (Side::Below, Side::Above) => (outer.bound, gate.bound),
        _ => return None,
    };
    let follows = node.producer(result).inputs.contains(&node.output(0));
    (follows && outer.tie == Tie::None && low.0 < high.0).then_some((Between { low, high }, [arriving, result]))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Above,
    Below,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tie {
    None,
    Half,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Bound(f64);

impl Eq for Bound {}

/// Passes the gradient where the value lies strictly to one side of a bound.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Gate {
    bound: Bound,
    passes: Side,
    tie: Tie,
}

impl Pull for Gate {
    fn pull<T: Real>(&self, gradient: T, value: T) -> T {
        let bound = T::of(self.bound.0);
        let inside = match self.passes {
            Side::Above => value > bound,
            Side::Below => value < bound,
        };
        // Choices without branches, so that the compiler may use vector registers.
        let tied = match self.tie {
            Tie::None => T::zero(),
            Tie::Half => gradient * T::of(0.5),
        };
        let outside = if value == bound { tied } else { T::zero() };
        if inside { gradient } else { outside }
    }
}

/// Passes the gradient where the value lies strictly between two bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Between {
    low: Bound,
    high: Bound,
}

impl Pull for Between {
    fn pull<T: Real>(&self, gradient: T, value: T) -> T {
        let inside = (value > T::of(self.low.0)) & (value < T::of(self.high.0));
        if inside { gradient } else { T::zero() }
    }
}
