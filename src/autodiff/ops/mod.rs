//! Operators that gradients need and that tract does not have.
//!
//! They work in f16, f32 and f64, in every memory layout that tract's own spatial operators know, and follow tract when
//! it changes that layout, so that a gradient does not stop the optimisation of the forward pass.

mod geometry;
mod interleave;
mod kernel;
mod max_pool;
mod sum_pool;

pub(super) use geometry::Geometry;
pub(super) use interleave::Interleave;
pub(super) use kernel::{KernelTaps, TransposedKernel};
pub(super) use max_pool::MaxPoolGradient;
pub(super) use sum_pool::SumPoolGradient;
