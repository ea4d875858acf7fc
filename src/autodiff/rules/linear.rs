//! Linear operators whose gradient is one of their own kind.

use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::array::{CumSum, Trilu};
use tract_onnx::tract_core::ops::fft::Fft;

use crate::autodiff::{Adjoint, RuleResult};

/// Each element counts in the sums from it on: these are summed up from the other end.
pub(super) fn cum_sum(op: &CumSum, node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    let reversed = CumSum { reverse: !op.reverse, ..op.clone() };
    Ok(tvec!(Some(node.wire("reversed", reversed, &[gradient])?)))
}

/// What was cut off has no gradient.
pub(super) fn trilu(op: &Trilu, node: &mut Adjoint<'_>) -> RuleResult {
    let inputs = [node.output_gradient()?, node.input(1)];
    Ok(tvec!(Some(node.wire("triangle", op.clone(), &inputs)?), None))
}

/// The adjoint of a Fourier transform is its inverse, without the division by the length; tract's has none either way.
pub(super) fn fft(op: &Fft, node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    let back = Fft { inverse: !op.inverse, ..op.clone() };
    Ok(tvec!(Some(node.wire("back", back, &[gradient])?)))
}
