//! Quantisation: the gradient goes straight through where nothing was clipped, as in torch's fake quantisation.

use tract_onnx::tract_core::internal::*;

use crate::autodiff::ops::{FakeQuantize, StraightThrough};
use crate::autodiff::{Adjoint, RuleResult};

pub(super) fn fake_quantize(op: &FakeQuantize, node: &mut Adjoint<'_>) -> RuleResult {
    let inputs = [node.output_gradient()?, node.input(0)];
    Ok(tvec!(Some(node.wire("straight", StraightThrough(op.clone()), &inputs)?)))
}
