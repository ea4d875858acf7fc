//! Between tract's tensors and the arrays that the rest of the program works on.

use ndarray::{ArrayView3, ArrayViewMut3, Axis, Ix3, Slice};
use tract_onnx::prelude::*;

use super::{Activation, Layer, LayerLayout};

/// All values of a float tensor, in order.
pub(super) fn values(tensor: &Tensor) -> TractResult<Vec<f32>> {
    Ok(tensor.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
}

/// A layer's tensor as `[C, h, w]`, without the tokens before the patch grid.
pub(super) fn to_activation(layer: &Layer, tensor: &Tensor) -> TractResult<Activation> {
    let view = tensor.to_plain_array_view::<f32>()?.index_axis_move(Axis(0), 0);
    let [channels, rows, columns] = layer.shape;
    let grid: ArrayView3<'_, f32> = match layer.layout {
        LayerLayout::ChannelsFirst => view.into_dimensionality::<Ix3>()?,
        LayerLayout::ChannelsLast => view.into_dimensionality::<Ix3>()?.permuted_axes([2, 0, 1]),
        LayerLayout::Tokens { prefix } => {
            let mut patches = view;
            patches.slice_axis_inplace(Axis(0), Slice::from(prefix..prefix + rows * columns));
            patches.into_shape_with_order((rows, columns, channels))?.permuted_axes([2, 0, 1])
        }
    };
    Ok(grid.as_standard_layout().into_owned())
}

/// The tensor of a layer with its `[C, h, w]` replaced. Tokens before the patch grid stay as they are in `original`.
pub(super) fn from_activation(layer: &Layer, activation: &Activation, original: &Tensor) -> TractResult<Tensor> {
    let mut tensor = Tensor::zero_dt(original.datum_type(), original.shape())?;
    let (mut into, from) = (tensor.to_plain_array_view_mut::<f32>()?, original.to_plain_array_view::<f32>()?);
    let [channels, rows, columns] = layer.shape;
    let (mut into, from) = (into.index_axis_mut(Axis(0), 0), from.index_axis(Axis(0), 0));
    match layer.layout {
        LayerLayout::ChannelsFirst => into.assign(activation),
        LayerLayout::ChannelsLast => into.assign(&activation.view().permuted_axes([1, 2, 0])),
        LayerLayout::Tokens { prefix } => {
            into.assign(&from);
            let patches = into.slice_axis_mut(Axis(0), Slice::from(prefix..prefix + rows * columns));
            let mut patches: ArrayViewMut3<'_, f32> = patches.into_shape_with_order((rows, columns, channels))?;
            patches.assign(&activation.view().permuted_axes([1, 2, 0]));
        }
    }
    Ok(tensor)
}
