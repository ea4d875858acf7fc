//! Pools by our own kernels, as tract's operator.

use rayon::prelude::*;
use tract_linalg::multithread::Executor;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{
    DatumExt, EvalContext, EvalOp, Op, StaticName, ToDim, as_op, op_as_typed_op, op_out_of_plan,
};

use super::super::threads::threads;
use super::step::{Step, evaluated};
use crate::kernels::{Count, Window, average_pool, max_pool};

/// How many taps make a second thread worth its while.
const PARALLEL_FROM: usize = 1 << 20;

/// What becomes of the numbers under a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Max,
    Average(Count),
}

/// From `[1, h, w, C]` to `[1, h', w', C]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pool {
    pub(super) kind: Kind,
    pub(super) window: Window,
    /// Height and width of what goes in.
    pub(super) size: [usize; 2],
    pub(super) channels: usize,
}

impl Pool {
    fn shape(&self) -> [usize; 4] {
        let [height, width] = self.window.output(self.size);
        [1, height, width, self.channels]
    }

    /// Whole rows of the output, from one on.
    fn rows(&self, first: usize, input: &[f32], output: &mut [f32]) {
        match self.kind {
            Kind::Max => max_pool(&self.window, self.size, self.channels, first, input, output),
            Kind::Average(count) => {
                average_pool(&self.window, self.size, self.channels, count, first, input, output);
            }
        }
    }
}

impl Step for Pool {
    fn run(&self, inputs: &[&[f32]], output: &mut [f32]) {
        let [input] = inputs else { return };
        let [_, height, width, channels] = self.shape();
        let taps = output.len() * self.window.kernel[0] * self.window.kernel[1];
        let threads = threads(taps, PARALLEL_FROM);
        let rows = height.div_ceil(threads.count).max(1);
        let work = |(part, piece): (usize, &mut [f32])| self.rows(part * rows, input, piece);
        match &threads.executor {
            Executor::MultiThread(pool) if threads.count > 1 => {
                pool.install(|| output.par_chunks_mut(rows * width * channels).enumerate().for_each(work));
            }
            _ => self.rows(0, input, output),
        }
    }
}

impl Op for Pool {
    fn name(&self) -> StaticName {
        "Pool".into()
    }

    fn info(&self) -> TractResult<Vec<String>> {
        Ok(vec![format!("{:?} of {:?}", self.kind, self.window)])
    }

    op_as_typed_op!();
}

impl EvalOp for Pool {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        evaluated(self, inputs, &self.shape())
    }
}

impl TypedOp for Pool {
    fn output_facts(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let shape: TVec<_> = self.shape().iter().map(ToDim::to_dim).collect();
        Ok(tvec![f32::fact(shape)])
    }

    as_op!();
}
