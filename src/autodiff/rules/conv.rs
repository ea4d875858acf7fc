//! Gradients of convolutions.
//!
//! The input gradient of a convolution is a convolution with the transposed kernel. With a stride, an input pixel is seen
//! by some taps only, and which ones depends on its coordinate modulo the stride: its *phase*. So each phase is a
//! stride-1 convolution of the output gradient with some taps of the kernel, and the phases are interleaved. In all they
//! cost as many multiplications as the forward pass, where a zero-stuffed convolution would cost stride² as many.
//!
//! Where the input has few channels, a picture's three, it is quicker to multiply first, window by window, and to add up
//! what falls on each pixel: the gradient of a network's stem becomes ten times as fast.
//! Depthwise convolutions with a stride have an operator to themselves.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::array::Slice;
use tract_onnx::tract_core::ops::cnn::{Conv, KernelFormat, PaddingSpec, PoolSpec};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::nn::{DataFormat, Reduce, Reducer};
use tract_onnx::tract_core::tract_data::itertools::Itertools;

use crate::autodiff::ops::{DepthwiseGradient, Fold, Interleave, KernelTaps, TransposedKernel};
use crate::autodiff::{Adjoint, RuleResult};

/// Up to how many channels of the input their gradient is folded.
const FEW_CHANNELS: usize = 8;

/// Inputs: data, kernel, bias.
pub(super) fn conv(op: &Conv, node: &mut Adjoint<'_>) -> RuleResult {
    ensure!(op.q_params.is_none(), "a quantised convolution has no gradient");
    ensure!(!node.is_wanted(1), "the gradient with respect to a convolution's kernel is not implemented");
    let data = if node.is_wanted(0) { Some(input_gradient(op, node)?) } else { None };
    let bias = if node.is_wanted(2) { Some(bias_gradient(op.pool_spec.data_format, node)?) } else { None };
    Ok(tvec!(data, None, bias))
}

/// One axis of one phase: a stride-1 correlation of the output gradient.
#[derive(Debug, Clone)]
struct Phase {
    /// Which pixels of the input: `first + q * stride`.
    first: usize,
    taps: KernelTaps,
    dilation: usize,
    /// Which rows of the output gradient it reads.
    reads: std::ops::Range<usize>,
    /// Zeros before and after those rows.
    pad: [usize; 2],
}

/// The phases of one axis that any tap reaches. `input` and `output` are lengths, `pad` is the padding before.
///
/// Output row `o` is the sum over taps `k` of input rows `o * stride + k * dilation - pad`.
fn phases(input: usize, output: usize, kernel: usize, stride: usize, dilation: usize, pad: usize) -> Vec<Phase> {
    let mut phases = vec![];
    for phase in 0..stride.min(input) {
        let reaching: Vec<usize> = (0..kernel).filter(|k| (phase + pad) % stride == (k * dilation) % stride).collect();
        let (Some(&first), Some(&last)) = (reaching.first(), reaching.last()) else { continue };
        let step = reaching.get(1).map_or(1, |second| second - first);
        let taps = KernelTaps { first, step, count: reaching.len() };
        // Pixel q of the phase is seen by tap `first` from output row q + shift, by the others from rows before that.
        let shift = ((phase + pad) as isize - (first * dilation) as isize) / stride as isize;
        let dilation = step * dilation / stride;
        let reach = ((last - first) / step * dilation) as isize;
        let pixels = (input - phase).div_ceil(stride) as isize;
        let (from, to) = (shift - reach, shift + pixels);
        let reads = from.clamp(0, output as isize) as usize..to.clamp(0, output as isize) as usize;
        if reads.is_empty() {
            continue;
        }
        let pad = [reads.start as isize - from, to - reads.end as isize].map(|pad| pad as usize);
        phases.push(Phase { first: phase, taps, dilation: dilation.max(1), reads, pad });
    }
    phases
}

fn input_gradient(op: &Conv, node: &mut Adjoint<'_>) -> TractResult<OutletId> {
    ensure!(op.kernel_fmt == KernelFormat::OIHW, "the kernel's format {:?} is not implemented", op.kernel_fmt);
    let spec = &op.pool_spec;
    let strided = spec.strides().iter().any(|&stride| stride > 1);
    let one_tap = spec.kernel_shape.iter().all(|&taps| taps == 1);
    let depthwise = op.group > 1 && op.group == spec.input_channels && op.group == spec.output_channels;
    if depthwise && strided && spec.rank() <= 3 {
        return depthwise_gradient(op, node);
    }
    // Folding touches taps times the input's channels, and a convolution leaves lanes empty that have no channel.
    let narrow = spec.input_channels <= spec.output_channels.min(FEW_CHANNELS);
    if narrow && !depthwise && !one_tap && !spec.data_format.c_is_last() && spec.rank() <= 3 {
        return folded(op, node);
    }
    phased(op, node)
}

/// One pass over the image: tract has no kernel for the transpose of a strided depthwise convolution.
fn depthwise_gradient(op: &Conv, node: &mut Adjoint<'_>) -> TractResult<OutletId> {
    let shape = node.shape(node.input(0))?;
    let image = op.pool_spec.data_format.shape(&shape)?.hw_dims().into();
    let inputs = [node.output_gradient()?, node.input(1)];
    node.wire("depthwise", DepthwiseGradient { spec: op.pool_spec.clone(), image }, &inputs)
}

/// One matrix product makes what each window sends to each of its pixels, and a second operator adds that up.
fn folded(op: &Conv, node: &mut Adjoint<'_>) -> TractResult<OutletId> {
    let spec = &op.pool_spec;
    let shape = node.shape(node.input(0))?;
    let image: String = "hwd".chars().take(spec.rank()).collect();
    let n = if spec.data_format.has_n() { "n" } else { "" };
    let taps: usize = spec.kernel_shape.iter().product();
    let (filters, channels) = (spec.output_channels / op.group, spec.input_channels / op.group);
    let mut flat: TVec<usize> = tvec![filters, channels * taps];
    if op.group > 1 {
        flat.insert(0, op.group);
    }
    let kernel = if let Some(kernel) = node.constant_value(node.input(1))? {
        node.own_constant("kernel", kernel.into_tensor().into_shape(&flat)?.into_arc_tensor())?
    } else {
        let shape = node.fact(node.input(1))?.shape.to_tvec();
        let flat = flat.iter().map(|&length| length.into()).collect();
        node.wire("kernel", AxisOp::Reshape(0, shape, flat), &[node.input(1)])?
    };
    let mut gradient = node.output_gradient()?;
    let c_axis = n.len();
    let group = if op.group == 1 { "" } else { "g" };
    if op.group > 1 {
        let (from, to) = (tvec![spec.output_channels.into()], tvec![op.group.into(), filters.into()]);
        gradient = node.wire("groups", AxisOp::Reshape(c_axis, from, to), &[gradient])?;
    }
    let axes = AxesMapping::from_strs(
        &[format!("{group}om"), format!("{n}{group}o{image}")],
        &[format!("{n}{group}m{image}")],
    )?;
    let operating = node.fact(gradient)?.datum_type;
    let products = node.wire("products", EinSum::new(axes, operating), &[kernel, gradient])?;
    node.wire("folded", Fold { spec: spec.clone(), shape }, &[products])
}

/// A stride-1 convolution for each phase of the stride.
fn phased(op: &Conv, node: &mut Adjoint<'_>) -> TractResult<OutletId> {
    let spec = &op.pool_spec;
    let input_shape = node.shape(node.input(0))?;
    let input = spec.data_format.shape(&input_shape)?;
    let axes: TVec<Vec<Phase>> = spec
        .computed_padding(input.hw_dims())
        .iter()
        .enumerate()
        .map(|(axis, padded)| {
            let (input, output, pad) = (padded.deconvoluted, padded.convoluted, padded.pad_before);
            phases(input, output, spec.kernel_shape[axis], spec.stride(axis), spec.dilation(axis), pad)
        })
        .collect();

    let mut images = tvec!();
    let mut placed = tvec!();
    for phase in axes.iter().map(|phases| phases.iter()).multi_cartesian_product() {
        images.push(wire_phase(op, node, &phase)?);
        placed.push(phase.iter().map(|axis| axis.first).collect());
    }
    let dt = node.fact(node.input(0))?.datum_type;
    if images.is_empty() {
        return node.constant("zero", Tensor::zero_dt(dt, &input_shape)?);
    }
    if spec.strides().iter().all(|&stride| stride == 1) {
        return Ok(images[0]);
    }
    let op = Interleave {
        data_format: spec.data_format,
        stride: spec.strides().iter().copied().collect(),
        shape: input.hw_dims().into(),
        phases: placed,
    };
    node.wire("interleave", op, &images)
}

/// One phase of the input gradient: a stride-1 convolution of the output gradient with some of the taps.
fn wire_phase(op: &Conv, node: &mut Adjoint<'_>, phase: &[&Phase]) -> TractResult<OutletId> {
    let mut gradient = node.output_gradient()?;
    let shape = node.shape(gradient)?;
    let h_axis = op.pool_spec.data_format.h_axis();
    for (axis, phase) in phase.iter().enumerate() {
        if phase.reads.len() < shape[h_axis + axis] {
            let slice = Slice::new(h_axis + axis, phase.reads.start, phase.reads.end);
            gradient = node.wire("seen", slice, &[gradient])?;
        }
    }
    let transposed = TransposedKernel { group: op.group, taps: phase.iter().map(|phase| phase.taps.clone()).collect() };
    // A constant kernel is transposed now, once.
    let kernel = match node.constant_value(node.input(1))? {
        Some(kernel) => node.own_constant("kernel", transposed.transpose(&kernel)?.into_arc_tensor())?,
        None => node.wire("kernel", transposed, &[node.input(1)])?,
    };
    let zero = Tensor::zero_scalar_dt(node.fact(gradient)?.datum_type)?;
    let bias = node.constant("no_bias", zero)?;
    let pad = |end: usize| phase.iter().map(|phase| phase.pad[end]).collect();
    let pool_spec = PoolSpec {
        data_format: op.pool_spec.data_format,
        kernel_shape: phase.iter().map(|phase| phase.taps.count).collect(),
        padding: PaddingSpec::Explicit(pad(0), pad(1)),
        dilations: Some(phase.iter().map(|phase| phase.dilation).collect()),
        strides: Some(tvec![1; phase.len()]),
        input_channels: op.pool_spec.output_channels,
        output_channels: op.pool_spec.input_channels,
    };
    let conv = Conv { pool_spec, kernel_fmt: KernelFormat::OIHW, group: op.group, q_params: None };
    node.wire("transposed", conv, &[gradient, kernel, bias])
}

/// The sum over the images and their pixels.
pub(super) fn bias_gradient(format: DataFormat, node: &mut Adjoint<'_>) -> TractResult<OutletId> {
    let gradient = node.output_gradient()?;
    let bias = node.shape(node.input(2))?;
    let shape = node.shape(gradient)?;
    let c_axis = format.shape(&shape)?.c_axis();
    let axes: TVec<usize> = (0..shape.len()).filter(|&axis| axis != c_axis || bias.is_empty()).collect();
    let mut sum = node.wire("bias", Reduce::new(axes.clone(), Reducer::Sum), &[gradient])?;
    for axis in axes.into_iter().rev() {
        sum = node.wire("bias", AxisOp::Rm(axis), &[sum])?;
    }
    Ok(sum)
}
