//! What our operators have in common: each computes one slice of numbers from others.

use std::fmt::Debug;
use std::sync::Arc;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::PlainView;

use super::channels::ScaleChannels;
use super::concat::ConcatChannels;
use super::operator::Convolution;
use super::pool::Pool;
use super::relayout::Relayout;

/// An operator that can be run by itself, as one of tract's, or as a part of a [`super::program::Program`].
pub(super) trait Step: Debug + Send + Sync {
    /// Computes every number of `output`; what it holds before is of no account, unless the operator works in place.
    fn run(&self, inputs: &[&[f32]], output: &mut [f32]);

    /// Whether `output` holds the first input, of the same length, to begin with, and `inputs` are the others.
    fn in_place(&self) -> bool {
        false
    }
}

/// The operator as a step, if it is one of ours.
pub(super) fn step(op: &dyn TypedOp) -> Option<Arc<dyn Step>> {
    fn of<O: TypedOp + Step + Clone>(op: &dyn TypedOp) -> Option<Arc<dyn Step>> {
        op.downcast_ref::<O>().map(|op| Arc::new(op.clone()) as Arc<dyn Step>)
    }
    of::<Convolution>(op)
        .or_else(|| of::<ScaleChannels>(op))
        .or_else(|| of::<Pool>(op))
        .or_else(|| of::<ConcatChannels>(op))
        .or_else(|| of::<Relayout>(op))
}

/// Runs a step by itself.
pub(super) fn evaluated(step: &dyn Step, mut inputs: TVec<TValue>, shape: &[usize]) -> TractResult<TVec<TValue>> {
    // In place of its first input, unless something else still needs that.
    let mut output = if step.in_place() { inputs.remove(0).into_tensor() } else { Tensor::zero::<f32>(shape)? };
    let views = inputs.iter().map(|input| input.try_as_plain_ram()).collect::<TractResult<TVec<PlainView<'_>>>>()?;
    let slices = views.iter().map(PlainView::as_slice::<f32>).collect::<TractResult<TVec<_>>>()?;
    step.run(&slices, output.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?);
    Ok(tvec![output.into_tvalue()])
}
