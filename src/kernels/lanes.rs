//! Vectors: what all kernels do with them.

use fearless_simd::{Bytes, Select, Simd, SimdBase, SimdFloat};

use super::tail::{Activation, ERF_ABOVE, ERF_BELOW};

/// Lanes of the widest vector.
pub(super) const WIDEST: usize = 16;

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
pub(super) fn finish<S: Simd>(simd: S, activation: Activation, values: &mut [f32]) {
    match activation {
        Activation::Identity | Activation::Clip { .. } => {}
        Activation::HardSwish => each(simd, values, HardSwish),
        Activation::Silu => each(simd, values, Silu),
        Activation::Gelu => each(simd, values, Gelu),
        Activation::Sigmoid => each(simd, values, Sigmoid),
    }
}

/// A function of one vector.
trait Function {
    fn of<S: Simd>(&self, simd: S, x: S::f32s) -> S::f32s;
}

/// Vectors, the last of them too, so that a number's bits do not depend on where the slice ends.
#[inline(always)]
fn each<S: Simd, F: Function>(simd: S, values: &mut [f32], function: F) {
    let lanes = S::f32s::LEN;
    let mut vectors = values.chunks_exact_mut(lanes);
    for vector in &mut vectors {
        function.of(simd, S::f32s::from_slice(simd, vector)).store_slice(vector);
    }
    let rest = vectors.into_remainder();
    let mut last = [0.0; WIDEST];
    last[..rest.len()].copy_from_slice(rest);
    function.of(simd, load(simd, &last, 0)).store_slice(&mut last[..lanes]);
    rest.copy_from_slice(&last[..rest.len()]);
}

struct HardSwish;

impl Function for HardSwish {
    #[inline(always)]
    fn of<S: Simd>(&self, simd: S, x: S::f32s) -> S::f32s {
        x * clip(simd, x.mul_add(1.0 / 6.0, 0.5), 0.0, 1.0)
    }
}

struct Silu;

impl Function for Silu {
    #[inline(always)]
    fn of<S: Simd>(&self, simd: S, x: S::f32s) -> S::f32s {
        x / (exp(simd, x * -1.0) + 1.0)
    }
}

struct Gelu;

impl Function for Gelu {
    #[inline(always)]
    fn of<S: Simd>(&self, simd: S, x: S::f32s) -> S::f32s {
        let z = clip(simd, x * std::f32::consts::FRAC_1_SQRT_2, -4.0, 4.0);
        let square = z * z;
        let mut above = S::f32s::splat(simd, ERF_ABOVE[0]);
        for coefficient in &ERF_ABOVE[1..] {
            above = above.mul_add(square, *coefficient);
        }
        let mut below = S::f32s::splat(simd, ERF_BELOW[0]);
        for coefficient in &ERF_BELOW[1..] {
            below = below.mul_add(square, *coefficient);
        }
        let half = x * 0.5;
        half.mul_add(z * above / below, half)
    }
}

struct Sigmoid;

impl Function for Sigmoid {
    #[inline(always)]
    fn of<S: Simd>(&self, simd: S, x: S::f32s) -> S::f32s {
        S::f32s::splat(simd, 1.0) / (exp(simd, x * -1.0) + 1.0)
    }
}

/// `exp(x)` to two units in the last place; below -87 what it is there, above 88.7 infinite.
#[inline(always)]
pub(super) fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let infinite = x.simd_gt(88.7);
    let x = clip(simd, x, -87.0, 88.0);
    // x = n ln 2 + r, with ln 2 in two parts; then a polynomial in r (Cephes, expf) and n in the exponent.
    let n = (x * std::f32::consts::LOG2_E).round_ties_even();
    let r = n.mul_add(2.121_944_4e-4, n.mul_add(-0.693_359_4, x));
    let mut p = r.mul_add(1.987_569_1e-4, 1.398_199_9e-3);
    for coefficient in [8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5] {
        p = p.mul_add(r, coefficient);
    }
    let p = p.mul_add(r * r, r) + 1.0;
    let exponent: S::i32s = n.to_int();
    let power = ((exponent + 127) << 23).bitcast::<S::f32s>();
    infinite.select(S::f32s::splat(simd, f32::INFINITY), p * power)
}
