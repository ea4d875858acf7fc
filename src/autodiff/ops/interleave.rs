//! Putting the phases of a strided image back together.

use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::nn::DataFormat;

/// Interleaves images: pixel `q` of an input of phase `r` becomes pixel `r + q * stride` of the output, along each
/// spatial axis. Pixels that no input reaches are zero.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Interleave {
    pub(crate) data_format: DataFormat,
    /// For each spatial axis.
    pub(crate) stride: TVec<usize>,
    /// The spatial shape of the output.
    pub(crate) shape: TVec<usize>,
    /// For each input, its phase along each spatial axis, below the stride.
    pub(crate) phases: TVec<TVec<usize>>,
}

impl Op for Interleave {
    fn name(&self) -> StaticName {
        "Interleave".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Interleave {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let result = dispatch_floatlike!(Self::interleave(inputs[0].datum_type())(self, &inputs))?;
        Ok(tvec!(result.into_tvalue()))
    }
}

impl Interleave {
    fn output_shape<D: DimLike>(&self, input: &[D]) -> TractResult<TVec<D>> {
        let mut shape: TVec<D> = input.into();
        let first = self.data_format.h_axis();
        ensure!(first + self.shape.len() <= shape.len());
        for (axis, &length) in self.shape.iter().enumerate() {
            shape[first + axis] = length.into();
        }
        Ok(shape)
    }

    fn interleave<T: Datum + Copy + tract_num_traits::Zero>(&self, inputs: &[TValue]) -> TractResult<Tensor> {
        let shape = self.output_shape(inputs[0].shape())?;
        let mut output = Tensor::zero::<T>(&shape)?;
        let mut view = output.try_as_plain_ram_mut()?;
        let values = view.as_slice_mut::<T>()?;
        for (input, phase) in inputs.iter().zip(&self.phases) {
            let view = input.try_as_plain_ram()?;
            self.place(view.as_slice::<T>()?, input.shape(), phase, &shape, values);
        }
        Ok(output)
    }

    /// Copies one phase, row by row.
    fn place<T: Copy>(&self, input: &[T], input_shape: &[usize], phase: &[usize], shape: &[usize], output: &mut [T]) {
        let first = self.data_format.h_axis();
        let last = first + self.shape.len() - 1;
        let pixel: usize = shape[last + 1..].iter().product();
        let (width, step) = (input_shape[last] * pixel, self.stride[last - first] * pixel);
        if width == 0 {
            return;
        }
        for (row, values) in input.chunks_exact(width).enumerate() {
            let (mut remainder, mut offset, mut size) = (row, phase[last - first] * pixel, shape[last] * pixel);
            for axis in (0..last).rev() {
                let coordinate = remainder % input_shape[axis];
                remainder /= input_shape[axis];
                let spatial = axis.checked_sub(first);
                offset += size * spatial.map_or(coordinate, |axis| phase[axis] + coordinate * self.stride[axis]);
                size *= shape[axis];
            }
            let target = &mut output[offset..];
            if pixel == 1 {
                target.iter_mut().step_by(step).zip(values).for_each(|(target, &value)| *target = value);
            } else {
                for (target, values) in target.chunks_mut(step).zip(values.chunks_exact(pixel)) {
                    target[..pixel].copy_from_slice(values);
                }
            }
        }
    }
}

impl TypedOp for Interleave {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        ensure!(!inputs.is_empty() && inputs.len() == self.phases.len());
        Ok(tvec!(inputs[0].datum_type.fact(self.output_shape(&inputs[0].shape)?)))
    }

    as_op!();
}
