//! A convolution by our own kernels, as tract's operator.

use std::cell::RefCell;
use std::sync::Arc;

use tract_onnx::tract_core::internal::{
    Datum, DatumExt, EvalContext, EvalOp, Op, StaticName, TDim, TValue, TVec, ToDim, TractResult, TypedFact, TypedOp,
    as_op, ensure, op_as_typed_op, op_out_of_plan, tvec,
};
use tract_onnx::tract_core::ops::Cost;

use super::super::threads::{Threads, threads};
use super::step::{Step, evaluated};
use crate::kernels::{Activation, PackedConv, Scratch, Tail};

/// How many multiply-adds make a second thread worth its while.
const PARALLEL_FROM: usize = 1 << 19;

/// How many take as long as one of a convolution that is depthwise, which loads as much as it multiplies.
const DEPTHWISE: usize = 4;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// From `[1, h, w, C]`, and a residual of the result's shape where there is one, to `[1, h', w', C']`.
#[derive(Debug, Clone)]
pub(super) struct Convolution {
    /// The weights, shared by all plans.
    pub(super) kernel: Arc<PackedConv>,
    /// Height and width of what goes in.
    pub(super) size: [usize; 2],
    /// What comes last.
    pub(super) activation: Activation,
}

impl PartialEq for Convolution {
    fn eq(&self, other: &Convolution) -> bool {
        Arc::ptr_eq(&self.kernel, &other.kernel) && self.size == other.size && self.activation == other.activation
    }
}

impl Eq for Convolution {}

impl Convolution {
    fn shape(&self) -> TVec<usize> {
        let geometry = self.kernel.geometry();
        let [height, width] = geometry.window.output(self.size);
        tvec![1, height, width, geometry.outputs]
    }

    pub(super) fn run(&self, input: &[f32], output: &mut [f32], residual: Option<&[f32]>) {
        let geometry = self.kernel.geometry();
        let each = if geometry.is_depthwise() { DEPTHWISE } else { 1 };
        let threads = threads(each * geometry.multiply_adds(self.size), PARALLEL_FROM);
        if threads.count == 1 {
            let tail = Tail { residual, activation: self.activation };
            SCRATCH.with_borrow_mut(|scratch| self.kernel.run(self.size, input, output, scratch, tail));
            return;
        }
        self.run_on(&threads, input, output, residual);
    }

    /// The pieces that the kernel is cut into give the same numbers as the whole.
    fn run_on(&self, threads: &Threads, input: &[f32], mut output: &mut [f32], residual: Option<&[f32]>) {
        let channels = self.kernel.geometry().outputs;
        let mut pieces = vec![];
        for pixels in self.kernel.cuts(self.size, threads.count) {
            let (piece, rest) = std::mem::take(&mut output).split_at_mut(pixels.len() * channels);
            output = rest;
            pieces.push((pixels, piece));
        }
        threads.each(pieces, |(pixels, piece)| {
            let residual = residual.map(|all| &all[pixels.start * channels..pixels.end * channels]);
            let tail = Tail { residual, activation: self.activation };
            // Not borrowed while the kernel runs, in which no other piece begins.
            SCRATCH.with_borrow_mut(|scratch| self.kernel.run_part(self.size, pixels, input, piece, scratch, tail));
        });
    }
}

impl Step for Convolution {
    fn run(&self, inputs: &[&[f32]], output: &mut [f32]) {
        let Some((input, rest)) = inputs.split_first() else { return };
        Convolution::run(self, input, output, rest.first().copied());
    }
}

impl Op for Convolution {
    fn name(&self) -> StaticName {
        "Convolution".into()
    }

    fn info(&self) -> TractResult<Vec<String>> {
        Ok(vec![format!("{:?} of {:?}, {:?}", self.kernel.algorithm(), self.kernel.geometry(), self.activation)])
    }

    op_as_typed_op!();
}

impl EvalOp for Convolution {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        evaluated(self, inputs, &self.shape())
    }
}

impl TypedOp for Convolution {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [height, width] = self.size;
        let input: TVec<TDim> = [1, height, width, self.kernel.geometry().inputs].iter().map(ToDim::to_dim).collect();
        ensure!(*inputs[0].shape == *input, "the convolution is for {input:?}, not for {:?}", inputs[0].shape);
        Ok(tvec![f32::fact(self.shape())])
    }

    /// As tract counts, whatever the algorithm saves.
    fn cost(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<(Cost, TDim)>> {
        let count = self.kernel.geometry().multiply_adds(self.size);
        Ok(tvec![(Cost::FMA(f32::datum_type()), count.to_dim())])
    }

    as_op!();
}
