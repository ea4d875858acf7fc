//! Vectors: what all kernels do with them.

use fearless_simd::{Select, Simd, SimdBase};

use super::tail::Activation;

/// The vector that begins at `at`.
#[inline(always)]
pub(super) fn load<S: Simd>(simd: S, from: &[f32], at: usize) -> S::f32s {
    S::f32s::from_slice(simd, &from[at..at + S::f32s::LEN])
}

/// Limits that let NaN pass; a processor's own maximum and minimum need not.
#[inline(always)]
pub(super) fn clip<S: Simd>(simd: S, value: S::f32s, low: f32, high: f32) -> S::f32s {
    let (low, high) = (S::f32s::splat(simd, low), S::f32s::splat(simd, high));
    let value = value.simd_lt(low).select(low, value);
    value.simd_gt(high).select(high, value)
}

/// Applies the activations that are not limits, which kernels have applied before they stored.
#[inline(always)]
pub(super) fn finish<S: Simd>(_simd: S, activation: Activation, values: &mut [f32]) {
    match activation {
        Activation::Identity | Activation::Clip { .. } => {}
        other => values.iter_mut().for_each(|value| *value = other.of(*value)),
    }
}
