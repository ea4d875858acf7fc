//! Softmax and its logarithm.

use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn::{Reduce, Reducer, Softmax, SoftmaxKind};

use crate::autodiff::{Adjoint, RuleResult};

/// With `y` the output: `dx = y (dy - sum(dy y))`, and for the logarithm `dx = dy - exp(y) sum(dy)`.
pub(super) fn softmax(op: &Softmax, node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    let output = node.output(0);
    let sum = Reduce { axes: op.axes.clone(), reducer: Reducer::Sum };
    let partial = match op.kind {
        SoftmaxKind::Softmax => {
            let product = node.wire("product", math::mul(), &[gradient, output])?;
            let sum = node.wire("sum", sum, &[product])?;
            let centred = node.wire("centred", math::sub(), &[gradient, sum])?;
            node.wire("scaled", math::mul(), &[centred, output])?
        }
        SoftmaxKind::LogSoftmax => {
            let sum = node.wire("sum", sum, &[gradient])?;
            let softmax = node.wire("softmax", math::exp(), &[output])?;
            let share = node.wire("share", math::mul(), &[softmax, sum])?;
            node.wire("centred", math::sub(), &[gradient, share])?
        }
    };
    Ok(tvec!(Some(partial)))
}
