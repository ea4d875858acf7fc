//! Winograd's transforms in one dimension; a tile is transformed line by line, down and then across.
//!
//! The product of two polynomials is known from its values at as many points as it has coefficients, one of them infinity; the
//! values of three weights times those of N inputs, carried back, are M = N - 2 outputs. Points near one another in magnitude,
//! and whose reciprocals are points, too, keep the numbers that are added up alike in size, and so the error small.

use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};

use fearless_simd::{Simd, SimdFloat};

use super::winograd::Winograd;

/// The transforms of F(M, 3), M outputs from N inputs.
pub(super) trait Transforms<const M: usize, const N: usize> {
    /// Of three weights.
    fn weights(weights: [f64; 3]) -> [f64; N];
    /// Of inputs.
    fn inputs<S: Simd>(inputs: [S::f32s; N]) -> [S::f32s; N];
    /// Of the products, to outputs.
    fn outputs<S: Simd>(products: [S::f32s; N]) -> [S::f32s; M];
}

/// The points 0, 1, -1: inputs and products are only added and subtracted.
impl Transforms<2, 4> for Winograd<2, 4> {
    fn weights([a, b, c]: [f64; 3]) -> [f64; 4] {
        [a, 0.5 * (a + b + c), 0.5 * (a - b + c), c]
    }

    #[inline(always)]
    fn inputs<S: Simd>([d0, d1, d2, d3]: [S::f32s; 4]) -> [S::f32s; 4] {
        [d0 - d2, d1 + d2, d2 - d1, d1 - d3]
    }

    #[inline(always)]
    fn outputs<S: Simd>([m0, m1, m2, m3]: [S::f32s; 4]) -> [S::f32s; 2] {
        [m0 + (m1 + m2), (m1 - m2) - m3]
    }
}

/// The points 0, ±1/√2, ±√2, which have half the error of 0, ±1, ±2.
impl Transforms<4, 6> for Winograd<4, 6> {
    fn weights([a, b, c]: [f64; 3]) -> [f64; 6] {
        let near = |b: f64| (a + b + 0.5 * c) / -1.5;
        let far = |b: f64| (a + b + 2.0 * c) / 6.0;
        let (low, high) = (b * std::f64::consts::FRAC_1_SQRT_2, b * std::f64::consts::SQRT_2);
        [a, near(low), near(-low), far(high), far(-high), c]
    }

    #[inline(always)]
    fn inputs<S: Simd>([d0, d1, d2, d3, d4, d5]: [S::f32s; 6]) -> [S::f32s; 6] {
        let (even, odd) = (d2.mul_add(-2.0, d4), d1.mul_add(-2.0, d3));
        let (even_far, odd_far) = (d2.mul_add(-0.5, d4), d1.mul_add(-0.5, d3));
        [
            d2.mul_add(-2.5, d0 + d4),
            odd.mul_add(FRAC_1_SQRT_2, even),
            odd.mul_add(-FRAC_1_SQRT_2, even),
            odd_far.mul_add(SQRT_2, even_far),
            odd_far.mul_add(-SQRT_2, even_far),
            d3.mul_add(-2.5, d1 + d5),
        ]
    }

    #[inline(always)]
    fn outputs<S: Simd>([m0, m1, m2, m3, m4, m5]: [S::f32s; 6]) -> [S::f32s; 4] {
        let (near, near_apart, far, far_apart) = (m1 + m2, m1 - m2, m3 + m4, m3 - m4);
        [
            m0 + (near + far),
            far_apart.mul_add(SQRT_2, near_apart * FRAC_1_SQRT_2),
            far.mul_add(2.0, near * 0.5),
            far_apart.mul_add(2.0 * SQRT_2, near_apart.mul_add(0.5 * FRAC_1_SQRT_2, m5)),
        ]
    }
}
