//! The two gradients of [`GridSample`].

use std::ops::AddAssign;

use tract_onnx::tract_core::internal::*;

use super::{GridSample, Real};

/// The gradient of [`GridSample`] with respect to the image, from the grid and the gradient of its output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::autodiff) struct SampledImageGradient {
    pub(in crate::autodiff) sample: GridSample,
    /// Rows and columns of the image.
    pub(in crate::autodiff) extent: [usize; 2],
}

impl SampledImageGradient {
    fn scatter<T: Real + AddAssign>(&self, grid: &Tensor, gradient: &Tensor) -> TractResult<Tensor> {
        let [height, width] = self.extent;
        let &[images, channels, ..] = gradient.shape() else { bail!("a gradient of rank {}", gradient.rank()) };
        let places = grid.shape()[1] * grid.shape()[2];
        let mut result = Tensor::zero::<T>(&[images, channels, height, width])?;
        let (grid, gradient) = (grid.try_as_plain_ram()?, gradient.try_as_plain_ram()?);
        let (grid, gradient) = (grid.as_slice::<T>()?, gradient.as_slice::<T>()?);
        let mut view = result.try_as_plain_ram_mut()?;
        let values = view.as_slice_mut::<T>()?;
        if places == 0 || values.is_empty() {
            return Ok(result);
        }
        let gradients = gradient.chunks_exact(channels * places);
        let images = values.chunks_exact_mut(channels * height * width);
        for ((values, grid), gradient) in images.zip(grid.chunks_exact(places * 2)).zip(gradients) {
            let taps = self.sample.taps(grid, self.extent);
            for (plane, gradient) in values.chunks_exact_mut(height * width).zip(gradient.chunks_exact(places)) {
                for (taps, &gradient) in taps.iter().zip(gradient) {
                    taps.iter().for_each(|tap| plane[tap.pixel] += tap.weight * gradient);
                }
            }
        }
        Ok(result)
    }
}

impl Op for SampledImageGradient {
    fn name(&self) -> StaticName {
        "SampledImageGradient".into()
    }

    op_as_typed_op!();
}

impl EvalOp for SampledImageGradient {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (grid, gradient) = args_2!(inputs);
        let grid = grid.cast_to_dt(gradient.datum_type())?;
        let result = dispatch_floatlike!(Self::scatter(gradient.datum_type())(self, &grid, &gradient))?;
        Ok(tvec!(result.into_tvalue()))
    }
}

impl TypedOp for SampledImageGradient {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let mut shape = inputs[1].shape.to_tvec();
        shape.truncate(2);
        shape.extend(self.extent.iter().map(ToDim::to_dim));
        Ok(tvec!(inputs[1].datum_type.fact(shape)))
    }

    as_op!();
}

/// The gradient of [`GridSample`] with respect to the grid, from the image, the grid and the gradient of its output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::autodiff) struct SampledGridGradient(pub(in crate::autodiff) GridSample);

impl SampledGridGradient {
    fn pull<T: Real + AddAssign>(&self, image: &Tensor, grid: &Tensor, gradient: &Tensor) -> TractResult<Tensor> {
        let &[_, channels, height, width] = image.shape() else { bail!("an image of rank {}", image.rank()) };
        let places = grid.shape()[1] * grid.shape()[2];
        let mut result = Tensor::zero::<T>(grid.shape())?;
        let (image, grid, gradient) =
            (image.try_as_plain_ram()?, grid.try_as_plain_ram()?, gradient.try_as_plain_ram()?);
        let (image, grid, gradient) = (image.as_slice::<T>()?, grid.as_slice::<T>()?, gradient.as_slice::<T>()?);
        let mut view = result.try_as_plain_ram_mut()?;
        let values = view.as_slice_mut::<T>()?;
        if places == 0 || image.is_empty() {
            return Ok(result);
        }
        let images = image.chunks_exact(channels * height * width).zip(gradient.chunks_exact(channels * places));
        let grids = values.chunks_exact_mut(places * 2).zip(grid.chunks_exact(places * 2));
        for ((values, grid), (image, gradient)) in grids.zip(images) {
            let taps = self.0.taps(grid, [height, width]);
            for (plane, gradient) in image.chunks_exact(height * width).zip(gradient.chunks_exact(places)) {
                for ((value, taps), &gradient) in values.chunks_exact_mut(2).zip(&taps).zip(gradient) {
                    for tap in taps {
                        let change = gradient * plane[tap.pixel];
                        value.iter_mut().zip(tap.slopes).for_each(|(value, slope)| *value += slope * change);
                    }
                }
            }
        }
        Ok(result)
    }
}

impl Op for SampledGridGradient {
    fn name(&self) -> StaticName {
        "SampledGridGradient".into()
    }

    op_as_typed_op!();
}

impl EvalOp for SampledGridGradient {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (image, grid, gradient) = args_3!(inputs);
        let dt = grid.datum_type();
        let (image, gradient) = (image.cast_to_dt(dt)?, gradient.cast_to_dt(dt)?);
        let result = dispatch_floatlike!(Self::pull(dt)(self, &image, &grid, &gradient))?;
        Ok(tvec!(result.into_tvalue()))
    }
}

impl TypedOp for SampledGridGradient {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        ensure!(inputs.len() == 3);
        Ok(tvec!(inputs[1].without_value()))
    }

    as_op!();
}
