//! Convolution's transpose, from products that are already made, and for one channel at a time.

use std::ops::AddAssign;

use tract_onnx::tract_core::internal::{multithread::par_chunks_mut, tract_num_traits::Float, *};
use tract_onnx::tract_core::ops::cnn::PoolSpec;

use super::geometry::{Geometry, change_everywhere, changed_format};

/// Adds up, for each pixel, what the windows over it send it: the inverse of taking an image apart into patches.
///
/// From `[N, (G,) C·taps, windows...]` to `[N, C, pixels...]`, with the taps in scan order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::autodiff) struct Fold {
    /// The windows; its format has the channels first.
    pub(in crate::autodiff) spec: PoolSpec,
    /// The full shape of the result.
    pub(in crate::autodiff) shape: TVec<usize>,
}

impl Op for Fold {
    fn name(&self) -> StaticName {
        "Fold".into()
    }

    fn info(&self) -> TractResult<Vec<String>> {
        Ok(self.spec.info())
    }

    op_as_typed_op!();
}

impl EvalOp for Fold {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let patches = args_1!(inputs);
        let result = dispatch_floatlike!(Self::fold(patches.datum_type())(self, &patches))?;
        Ok(tvec!(result.into_tvalue()))
    }
}

impl Fold {
    fn fold<T: Datum + Float + AddAssign>(&self, patches: &Tensor) -> TractResult<Tensor> {
        let geometry = Geometry::new(&self.spec, &self.shape)?;
        let patches = patches.try_as_plain_ram()?;
        let patches = patches.as_slice::<T>()?;
        let windows = geometry.output_plane();
        let taps: usize = geometry.kernel.iter().product();
        each_plane(&self.shape, &geometry, |index, result: &mut [T]| {
            let patches = &patches[index * taps * windows..][..taps * windows];
            geometry.pull_rows(result, |tap, output, row| {
                let values = &patches[tap * windows + output..][..row.len()];
                row.iter_mut().zip(values).for_each(|(row, &value)| *row += value);
            });
        })
    }
}

impl TypedOp for Fold {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        ensure!(inputs.len() == 1);
        Ok(tvec!(inputs[0].datum_type.fact(&self.shape)))
    }

    as_op!();
}

/// The input gradient of a depthwise convolution, from the gradient of its output and the kernel `[C, 1, taps...]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::autodiff) struct DepthwiseGradient {
    /// The windows of the convolution.
    pub(in crate::autodiff) spec: PoolSpec,
    /// The spatial shape of the result.
    pub(in crate::autodiff) image: TVec<usize>,
}

impl Op for DepthwiseGradient {
    fn name(&self) -> StaticName {
        "DepthwiseGradient".into()
    }

    fn info(&self) -> TractResult<Vec<String>> {
        Ok(self.spec.info())
    }

    op_as_typed_op!();
}

impl EvalOp for DepthwiseGradient {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (gradient, kernel) = args_2!(inputs);
        let result = dispatch_floatlike!(Self::pull(gradient.datum_type())(self, &gradient, &kernel))?;
        Ok(tvec!(result.into_tvalue()))
    }
}

impl DepthwiseGradient {
    fn shape<D: DimLike>(&self, gradient: &[D]) -> TractResult<TVec<D>> {
        let first = self.spec.data_format.h_axis();
        ensure!(first + self.image.len() <= gradient.len());
        let mut shape: TVec<D> = gradient.into();
        shape[first..].iter_mut().zip(&self.image).for_each(|(dim, &length)| *dim = length.into());
        Ok(shape)
    }

    fn pull<T: Datum + Float + AddAssign>(&self, gradient: &Tensor, kernel: &Tensor) -> TractResult<Tensor> {
        let shape = self.shape(gradient.shape())?;
        let geometry = Geometry::new(&self.spec, &shape)?;
        let (gradient, kernel) = (gradient.try_as_plain_ram()?, kernel.try_as_plain_ram()?);
        let (gradient, kernel) = (gradient.as_slice::<T>()?, kernel.as_slice::<T>()?);
        let (windows, pixel) = (geometry.output_plane(), geometry.pixel);
        let taps: usize = geometry.kernel.iter().product();
        let channels = self.spec.input_channels;
        if !self.spec.data_format.c_is_last() {
            return each_plane(&shape, &geometry, |index, result: &mut [T]| {
                let gradient = &gradient[index * windows..][..windows];
                let kernel = &kernel[index % channels * taps..][..taps];
                geometry.pull_rows(result, |tap, output, row| {
                    let weight = kernel[tap];
                    row.iter_mut().zip(&gradient[output..]).for_each(|(row, &g)| *row += weight * g);
                });
            });
        }
        // With the channels innermost, the kernel's must be too.
        let kernel: Vec<T> = (0..taps).flat_map(|tap| (0..channels).map(move |c| kernel[c * taps + tap])).collect();
        each_plane(&shape, &geometry, |index, result: &mut [T]| {
            let gradient = &gradient[index * windows..][..windows];
            geometry.pull_rows(result, |tap, output, row| {
                let kernel = &kernel[tap * channels..][..channels];
                let gradient = gradient[output * pixel..].chunks_exact(pixel);
                for (row, gradient) in row.chunks_exact_mut(pixel).zip(gradient) {
                    row.iter_mut().zip(gradient).zip(kernel).for_each(|((row, &g), &weight)| *row += weight * g);
                }
            });
        })
    }
}

impl TypedOp for DepthwiseGradient {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        ensure!(inputs.len() == 2);
        Ok(tvec!(inputs[0].datum_type.fact(self.shape(&inputs[0].shape)?)))
    }

    fn change_axes(
        &self,
        model: &TypedModel,
        node: &TypedNode,
        io: InOut,
        change: &AxisOp,
    ) -> TractResult<Option<AxisChangeConsequence>> {
        if io == InOut::In(1) {
            return Ok(None);
        }
        let rank = model.outlet_fact(node.inputs[0])?.rank();
        let Some(data_format) = changed_format(self.spec.data_format, rank, change) else { return Ok(None) };
        let op = Self { spec: PoolSpec { data_format, ..self.spec.clone() }, image: self.image.clone() };
        Ok(Some(change_everywhere(op, 1, change)))
    }

    as_op!();
}

/// Makes a tensor plane by plane, on tract's threads.
fn each_plane<T: Datum + Float>(
    shape: &[usize],
    geometry: &Geometry,
    make: impl Fn(usize, &mut [T]) + Sync + Send,
) -> TractResult<Tensor> {
    let mut result = Tensor::zero::<T>(shape)?;
    let plane = geometry.input_plane();
    if plane == 0 || result.len() == 0 {
        return Ok(result);
    }
    let mut view = result.try_as_plain_ram_mut()?;
    let values = view.as_slice_mut::<T>()?;
    let total = values.len();
    par_chunks_mut(values, plane, total, |first, chunk| {
        chunk.chunks_exact_mut(plane).zip(first..).for_each(|(result, index)| make(index, result));
        Ok(())
    })?;
    Ok(result)
}
