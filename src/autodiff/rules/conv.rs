//! Gradients of convolutions.
//!
//! The input gradient of a convolution is a convolution with the transposed kernel. With a stride, an input pixel is seen
//! by some taps only, and which ones depends on its coordinate modulo the stride: its *phase*. So each phase is a
//! stride-1 convolution of the output gradient with some taps of the kernel, and the phases are interleaved. In all they
//! cost as many multiplications as the forward pass, where a zero-stuffed convolution would cost stride² as many.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::array::Slice;
use tract_onnx::tract_core::ops::cnn::{Conv, KernelFormat, PaddingSpec, PoolSpec};
use tract_onnx::tract_core::ops::nn::{Reduce, Reducer};
use tract_onnx::tract_core::tract_data::itertools::Itertools;

use crate::autodiff::ops::{Interleave, KernelTaps, TransposedKernel};
use crate::autodiff::{Adjoint, RuleResult};

/// Inputs: data, kernel, bias.
pub(super) fn conv(op: &Conv, node: &mut Adjoint<'_>) -> RuleResult {
    ensure!(op.q_params.is_none(), "a quantised convolution has no gradient");
    ensure!(!node.is_wanted(1), "the gradient with respect to a convolution's kernel is not implemented");
    let data = if node.is_wanted(0) { Some(input_gradient(op, node)?) } else { None };
    let bias = if node.is_wanted(2) { Some(bias_gradient(op, node)?) } else { None };
    Ok(tvec!(data, None, bias))
}

/// One axis of one phase: a stride-1 correlation of the output gradient.
#[derive(Debug, Clone)]
struct Phase {
    /// Which pixels of the input: `phase + q * stride`.
    phase: usize,
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
        phases.push(Phase { phase, taps, dilation: dilation.max(1), reads, pad });
    }
    phases
}

fn input_gradient(op: &Conv, node: &mut Adjoint<'_>) -> TractResult<OutletId> {
    ensure!(op.kernel_fmt == KernelFormat::OIHW, "the kernel's format {:?} is not implemented", op.kernel_fmt);
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
        placed.push(phase.iter().map(|axis| axis.phase).collect());
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
        Some(kernel) => node.constant("kernel", transposed.transpose(&kernel)?)?,
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
fn bias_gradient(op: &Conv, node: &mut Adjoint<'_>) -> TractResult<OutletId> {
    let gradient = node.output_gradient()?;
    let bias = node.shape(node.input(2))?;
    let shape = node.shape(gradient)?;
    let c_axis = op.pool_spec.data_format.shape(&shape)?.c_axis();
    let axes: TVec<usize> = (0..shape.len()).filter(|&axis| axis != c_axis || bias.is_empty()).collect();
    let mut sum = node.wire("bias", Reduce::new(axes.clone(), Reducer::Sum), &[gradient])?;
    for axis in axes.into_iter().rev() {
        sum = node.wire("bias", AxisOp::Rm(axis), &[sum])?;
    }
    Ok(sum)
}
