//! Gradients of windowed pooling.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::cnn::{MaxPool, SumPool};

use crate::autodiff::ops::{Geometry, MaxPoolGradient, SumPoolGradient};
use crate::autodiff::{Adjoint, RuleResult};

/// Each window's gradient goes to its maximum, the first one in scan order where several are equal.
pub(super) fn max_pool(op: &MaxPool, node: &mut Adjoint<'_>) -> RuleResult {
    Geometry::new(&op.pool_spec, &node.shape(node.input(0))?)?;
    let inputs = [node.input(0), node.output(0), node.output_gradient()?];
    Ok(tvec!(Some(node.wire("max", MaxPoolGradient { spec: op.pool_spec.clone() }, &inputs)?)))
}

/// Each window's gradient goes to all its pixels, divided by their number for an average.
pub(super) fn sum_pool(op: &SumPool, node: &mut Adjoint<'_>) -> RuleResult {
    let shape = node.shape(node.input(0))?;
    Geometry::new(&op.pool_spec, &shape)?;
    let input = op.pool_spec.data_format.shape(&shape)?.hw_dims().into();
    let gradient = node.output_gradient()?;
    Ok(tvec!(Some(node.wire("spread", SumPoolGradient { pool: op.clone(), input }, &[gradient])?)))
}
