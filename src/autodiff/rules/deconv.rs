//! Transposed convolutions: their input gradient is the convolution that they are the transpose of.

use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::array::Slice;
use tract_onnx::tract_core::ops::cnn::{Conv, Deconv, KernelFormat, PaddingSpec, PoolSpec};

use super::conv::bias_gradient;
use crate::autodiff::{Adjoint, RuleResult};

/// Inputs: data, kernel, bias.
pub(super) fn deconv(op: &Deconv, node: &mut Adjoint<'_>) -> RuleResult {
    ensure!(!node.is_wanted(1), "the gradient with respect to a transposed convolution's kernel is not implemented");
    let data = if node.is_wanted(0) { Some(input_gradient(op, node)?) } else { None };
    let bias = if node.is_wanted(2) { Some(bias_gradient(op.pool_spec.data_format, node)?) } else { None };
    Ok(tvec!(data, None, bias))
}

fn input_gradient(op: &Deconv, node: &mut Adjoint<'_>) -> TractResult<OutletId> {
    ensure!(op.kernel_format == KernelFormat::OIHW, "the kernel's format {:?} is not implemented", op.kernel_format);
    let spec = &op.pool_spec;
    let shape = node.shape(node.input(0))?;
    let (strides, dilations) = (spec.strides(), spec.dilations());
    let image = spec.data_format.shape(&shape)?;
    let padded =
        spec.padding.compute_for_deconv(image.hw_dims(), &spec.kernel_shape, &dilations, &strides, &op.adjustments)?;

    // As many windows as the data has pixels: what the last ones lack is padded, and what they do not reach is cut off.
    let mut gradient = node.output_gradient()?;
    let mut after = tvec![];
    for (axis, padded) in padded.iter().enumerate() {
        let reach = (padded.convoluted - 1) * strides[axis] + (spec.kernel_shape[axis] - 1) * dilations[axis] + 1;
        let reach = reach.saturating_sub(padded.pad_before);
        if reach < padded.deconvoluted {
            gradient = node.wire("reached", Slice::new(spec.data_format.h_axis() + axis, 0, reach), &[gradient])?;
        }
        after.push(reach.saturating_sub(padded.deconvoluted));
    }
    let before = padded.iter().map(|padded| padded.pad_before).collect();
    let pool_spec = PoolSpec {
        data_format: spec.data_format,
        kernel_shape: spec.kernel_shape.clone(),
        padding: PaddingSpec::Explicit(before, after),
        dilations: Some(dilations.iter().copied().collect()),
        strides: Some(strides.iter().copied().collect()),
        input_channels: spec.output_channels,
        output_channels: spec.input_channels,
    };
    let kernel = kernel(op, node)?;
    let zero = Tensor::zero_scalar_dt(node.fact(gradient)?.datum_type)?;
    let bias = node.constant("no_bias", zero)?;
    let conv = Conv { pool_spec, kernel_fmt: KernelFormat::OIHW, group: op.group, q_params: None };
    node.wire("convolved", conv, &[gradient, kernel, bias])
}

/// The kernel with its two axes of channels exchanged within each group: from `[O, I/G, taps...]` to `[I, O/G, taps...]`.
fn kernel(op: &Deconv, node: &mut Adjoint<'_>) -> TractResult<OutletId> {
    let dims = |sides: &[usize]| sides.iter().map(ToDim::to_dim).collect::<TVec<TDim>>();
    let (inputs, outputs) = (op.pool_spec.input_channels, op.pool_spec.output_channels);
    let exchange = [
        AxisOp::Reshape(0, dims(&[outputs]), dims(&[op.group, outputs / op.group])),
        AxisOp::Move(1, 2),
        AxisOp::Reshape(0, dims(&[op.group, inputs / op.group]), dims(&[inputs])),
    ];
    if let Some(kernel) = node.constant_value(node.input(1))? {
        let mut kernel = kernel.into_tensor();
        for step in &exchange {
            step.change_tensor(&mut kernel, false)?;
        }
        return node.own_constant("kernel", kernel.into_arc_tensor());
    }
    let mut kernel = node.input(1);
    for step in exchange {
        kernel = node.wire("kernel", step, &[kernel])?;
    }
    Ok(kernel)
}
