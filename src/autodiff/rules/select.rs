//! Operators that pass values on unchanged: identities, conversions, choices by a condition.

use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::cast::{Cast, cast as cast_to};
use tract_onnx::tract_core::ops::identity::Identity;
use tract_onnx::tract_core::ops::logic::Iff;

use super::broadcast::unbroadcast;
use super::scalar;
use crate::autodiff::{Adjoint, Detached, RuleResult};

pub(super) fn identity(_op: &Identity, node: &mut Adjoint<'_>) -> RuleResult {
    Ok(tvec!(Some(node.output_gradient()?)))
}

/// Only floats carry a gradient: what comes from an index or a truth value is constant for it.
pub(super) fn cast(_op: &Cast, node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    let dt = node.fact(node.input(0))?.datum_type;
    if dt == node.fact(gradient)?.datum_type {
        return Ok(tvec!(Some(gradient)));
    }
    dt.is_float().then(|| node.wire("cast", cast_to(dt), &[gradient])).transpose().map(|partial| tvec!(partial))
}

/// Constant by decree.
#[allow(clippy::unnecessary_wraps, reason = "all rules have this type")]
pub(super) fn detached(_op: &Detached, _node: &mut Adjoint<'_>) -> RuleResult {
    Ok(tvec!(None))
}

/// The chosen operand receives the gradient, the other none; the condition has none.
pub(super) fn iff(_op: &Iff, node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    let condition = node.input(0);
    let zero = scalar(node, 0.0, gradient)?;
    let mut partials = tvec!(None);
    for (slot, choices) in [(1, [condition, gradient, zero]), (2, [condition, zero, gradient])] {
        let partial = node.is_wanted(slot).then(|| {
            let chosen = node.wire("chosen", Iff, &choices)?;
            unbroadcast(node, chosen, node.input(slot))
        });
        partials.push(partial.transpose()?);
    }
    Ok(partials)
}
