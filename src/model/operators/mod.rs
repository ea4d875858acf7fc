//! ONNX operators that the program reads for itself: where tract computes something else than ONNX's reference, or nothing
//! that a gradient could be taken of.

mod activations;
mod conv_transpose;
mod cum_sum;
mod grid_sample;
mod helpers;
mod indices;
mod interpolation;
mod lrn;
mod pad;
mod quantise;
mod reductions;
mod resize;
mod slice;

use tract_onnx::Onnx;
use tract_onnx::tract_hir::internal::*;

pub(in crate::model) use helpers::{ADDITIVE_MASK, DETACHED};

/// tract's reader of ONNX files, with the program's own operators among its own.
pub fn onnx() -> Onnx {
    let mut onnx = tract_onnx::onnx();
    activations::register(&mut onnx.op_register);
    onnx.op_register.insert("ConvTranspose", conv_transpose::conv_transpose);
    onnx.op_register.insert("CumSum", cum_sum::cum_sum);
    onnx.op_register.insert("DequantizeLinear", quantise::dequantize);
    onnx.op_register.insert("GatherND", indices::gather_nd);
    onnx.op_register.insert("GlobalLpPool", reductions::global_norm);
    onnx.op_register.insert("GridSample", grid_sample::grid_sample);
    onnx.op_register.insert("LRN", lrn::lrn);
    onnx.op_register.insert("LogSoftmax", reductions::log_softmax);
    onnx.op_register.insert("Pad", pad::pad);
    onnx.op_register.insert("QuantizeLinear", quantise::quantize);
    onnx.op_register.insert("ReduceLogSumExp", reductions::log_sum_exp);
    onnx.op_register.insert("Resize", resize::resize);
    onnx.op_register.insert("ScatterND", indices::scatter_nd);
    onnx.op_register.insert("Slice", slice::slice);
    onnx.op_register.insert("Upsample", resize::upsample);
    onnx.op_register.insert(ADDITIVE_MASK, helpers::additive_mask);
    onnx.op_register.insert(DETACHED, helpers::detached);
    onnx
}

/// The rule of operators whose output has the type and the shape of the first of so many inputs.
fn like_its_input(
    solver: &mut Solver<'_>,
    inputs: &[TensorProxy],
    outputs: &[TensorProxy],
    count: usize,
) -> InferenceResult {
    check_input_arity(inputs, count)?;
    check_output_arity(outputs, 1)?;
    solver.equals(&inputs[0].datum_type, &outputs[0].datum_type)?;
    solver.equals(&inputs[0].shape, &outputs[0].shape)
}
