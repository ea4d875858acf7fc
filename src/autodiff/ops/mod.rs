//! Operators that gradients need and that tract does not have.
//!
//! They work in f16, f32 and f64, in every memory layout that tract's own spatial operators know, and follow tract when
//! it changes that layout, so that a gradient does not stop the optimisation of the forward pass.

mod activation;
mod detached;
mod fake_quantize;
mod fold;
mod geometry;
mod grid_sample;
mod grid_sample_gradient;
mod index_add;
mod interleave;
mod kernel;
mod max_pool;
mod other_factors;
mod pullback;
mod repeat;
mod resample;
mod scatter_add;
mod split;
mod sum_pool;

pub use activation::Activation;
pub use detached::Detached;
pub use fake_quantize::FakeQuantize;
pub(super) use fake_quantize::StraightThrough;
pub(super) use fold::{DepthwiseGradient, Fold};
pub(super) use geometry::Geometry;
pub use grid_sample::{Beyond, GridSample, Sampling};
pub(super) use grid_sample_gradient::{SampledGridGradient, SampledImageGradient};
pub(super) use index_add::IndexAdd;
pub(super) use interleave::Interleave;
pub(super) use kernel::{KernelTaps, TransposedKernel};
pub(super) use max_pool::MaxPoolGradient;
pub(super) use other_factors::OtherFactors;
pub(super) use pullback::pulled_back;
pub use pullback::{Pull, Real, pullback};
pub(super) use repeat::Repeat;
pub use resample::{Resample, Taps};
pub(super) use scatter_add::{Places, ScatterAdd};
pub(super) use split::Split;
pub(super) use sum_pool::SumPoolGradient;
