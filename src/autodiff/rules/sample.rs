//! Values read between pixels: resizing, and sampling at the places of a grid.

use tract_onnx::tract_core::internal::*;

use crate::autodiff::ops::{GridSample, Resample, SampledGridGradient, SampledImageGradient};
use crate::autodiff::{Adjoint, RuleResult};

/// Resampling is linear: the gradient is resampled with the same weights, read the other way.
pub(super) fn resample(op: &Resample, node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    Ok(tvec!(Some(node.wire("transposed", op.transposed(), &[gradient])?)))
}

/// Inputs: image, grid.
pub(super) fn grid_sample(op: &GridSample, node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    let (image, grid) = (node.input(0), node.input(1));
    let &[_, _, height, width] = &*node.shape(image)? else { bail!("the image has no rows and columns") };
    let to_image = node.is_wanted(0).then(|| {
        let op = SampledImageGradient { sample: op.clone(), extent: [height, width] };
        node.wire("image", op, &[grid, gradient])
    });
    let to_image = to_image.transpose()?;
    let to_grid =
        node.is_wanted(1).then(|| node.wire("grid", SampledGridGradient(op.clone()), &[image, grid, gradient]));
    Ok(tvec!(to_image, to_grid.transpose()?))
}
