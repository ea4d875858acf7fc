//! Operators that only move or regroup axes: the gradient goes the same way back.

use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::array::FiniteReshape;

use crate::autodiff::{Adjoint, RuleResult};

pub(super) fn axis_op(op: &AxisOp, node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    Ok(tvec!(Some(node.wire("axes", op.recip(), &[gradient])?)))
}

pub(super) fn reshape(_op: &FiniteReshape, node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    let shape = node.shape(node.input(0))?;
    Ok(tvec!(Some(node.wire("reshape", FiniteReshape { shape }, &[gradient])?)))
}
