//! The kernel of a convolution, as its transpose reads it.

use tract_onnx::tract_core::internal::tract_ndarray::{Axis, Slice};
use tract_onnx::tract_core::internal::*;

/// Which taps of a kernel's axis: `count` of them, from `first`, each `step` after the one before. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct KernelTaps {
    pub(crate) first: usize,
    pub(crate) step: usize,
    pub(crate) count: usize,
}

/// Makes the kernel of a transposed convolution: from `[O, I/G, taps...]` to `[I, O/G, chosen taps, last first...]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TransposedKernel {
    pub(crate) group: usize,
    /// For each spatial axis.
    pub(crate) taps: TVec<KernelTaps>,
}

impl TransposedKernel {
    /// Transposes a kernel of floating-point numbers.
    pub(crate) fn transpose(&self, kernel: &Tensor) -> TractResult<Tensor> {
        dispatch_floatlike!(Self::transpose_t(kernel.datum_type())(self, kernel))
    }

    fn transpose_t<T: Datum + Copy>(&self, kernel: &Tensor) -> TractResult<Tensor> {
        let shape = self.shape(kernel.shape())?;
        let mut split: TVec<usize> = tvec![self.group, kernel.shape()[0] / self.group];
        split.extend_from_slice(&kernel.shape()[1..]);
        let kernel = kernel.to_plain_array_view::<T>()?;
        let mut view = kernel.to_shape(&*split)?;
        view.swap_axes(1, 2);
        for (axis, taps) in self.taps.iter().enumerate() {
            let past = taps.first + (taps.count - 1) * taps.step + 1;
            let chosen = Slice::new(taps.first as isize, Some(past as isize), -(taps.step as isize));
            view.slice_axis_inplace(Axis(axis + 3), chosen);
        }
        Tensor::from_shape(&shape, &view.iter().copied().collect::<Vec<_>>())
    }

    fn shape<D: DimLike>(&self, kernel: &[D]) -> TractResult<TVec<D>> {
        ensure!(kernel.len() == self.taps.len() + 2);
        let mut shape: TVec<D> = tvec![kernel[1].clone() * self.group, kernel[0].clone() / self.group];
        shape.extend(self.taps.iter().map(|taps| D::from(taps.count)));
        Ok(shape)
    }
}

impl Op for TransposedKernel {
    fn name(&self) -> StaticName {
        "TransposedKernel".into()
    }

    op_as_typed_op!();
}

impl EvalOp for TransposedKernel {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let kernel = args_1!(inputs);
        Ok(tvec!(self.transpose(&kernel)?.into_tvalue()))
    }
}

impl TypedOp for TransposedKernel {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        ensure!(inputs.len() == 1);
        Ok(tvec!(inputs[0].datum_type.fact(self.shape(&inputs[0].shape)?)))
    }

    as_op!();
}
