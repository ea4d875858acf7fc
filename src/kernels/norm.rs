//! Rows of numbers with mean 0 and variance 1: layer normalisation (Ba, Kiros, and Hinton, 2016).

use fearless_simd::{Simd, SimdBase, SimdFloat};

use super::InstructionSet;
use super::lanes::{WIDEST, load};
use super::level::Job;

/// `(x - mean) / sqrt(variance + epsilon) · scale + shift` of every row: `from` and `to` are [rows, n], `scale` and `shift`
/// [n].
///
/// # Panics
/// Where the lengths do not fit.
pub fn normalise_rows(from: &[f32], to: &mut [f32], scale: &[f32], shift: &[f32], epsilon: f32) {
    assert_eq!(from.len(), to.len(), "as much comes out as goes in");
    assert_eq!(scale.len(), shift.len(), "one term for each factor");
    if scale.is_empty() {
        return;
    }
    assert!(from.len().is_multiple_of(scale.len()), "a whole number of rows");
    InstructionSet::best().run(Normalisation { from, to, scale, shift, epsilon });
}

struct Normalisation<'a> {
    from: &'a [f32],
    to: &'a mut [f32],
    scale: &'a [f32],
    shift: &'a [f32],
    epsilon: f32,
}

impl Job for Normalisation<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Normalisation { from, to, scale, shift, epsilon } = self;
        let n = scale.len();
        let lanes = S::f32s::LEN;
        let whole = n / lanes * lanes;
        for (from, to) in from.chunks_exact(n).zip(to.chunks_exact_mut(n)) {
            let mean = sum(simd, from, Plain) / n as f32;
            let variance = sum(simd, from, SquaredFrom(mean)) / n as f32;
            let factor = 1.0 / (variance + epsilon).sqrt();
            let mut at = 0;
            while at < whole {
                let value = (load(simd, from, at) - mean) * factor;
                value.mul_add(load(simd, scale, at), load(simd, shift, at)).store_slice(&mut to[at..at + lanes]);
                at += lanes;
            }
            for at in whole..n {
                to[at] = ((from[at] - mean) * factor).mul_add(scale[at], shift[at]);
            }
        }
    }
}

/// What is added up.
trait Term: Copy {
    fn add<S: Simd>(self, sum: S::f32s, x: S::f32s) -> S::f32s;
    fn of(self, x: f32) -> f32;
}

#[derive(Clone, Copy)]
struct Plain;

impl Term for Plain {
    #[inline(always)]
    fn add<S: Simd>(self, sum: S::f32s, x: S::f32s) -> S::f32s {
        sum + x
    }

    #[inline(always)]
    fn of(self, x: f32) -> f32 {
        x
    }
}

#[derive(Clone, Copy)]
struct SquaredFrom(f32);

impl Term for SquaredFrom {
    #[inline(always)]
    fn add<S: Simd>(self, sum: S::f32s, x: S::f32s) -> S::f32s {
        let difference = x - self.0;
        difference.mul_add(difference, sum)
    }

    #[inline(always)]
    fn of(self, x: f32) -> f32 {
        (x - self.0) * (x - self.0)
    }
}

/// The sum over a row, in four vectors and the rest.
#[inline(always)]
fn sum<S: Simd, T: Term>(simd: S, row: &[f32], term: T) -> f32 {
    let lanes = S::f32s::LEN;
    let mut sums = [S::f32s::splat(simd, 0.0); 4];
    let mut blocks = row.chunks_exact(4 * lanes);
    for block in &mut blocks {
        for i in 0..4 {
            sums[i] = term.add::<S>(sums[i], load(simd, block, i * lanes));
        }
    }
    let mut vectors = blocks.remainder().chunks_exact(lanes);
    for vector in &mut vectors {
        sums[0] = term.add::<S>(sums[0], load(simd, vector, 0));
    }
    let mut last = [0.0; WIDEST];
    ((sums[0] + sums[1]) + (sums[2] + sums[3])).store_slice(&mut last[..lanes]);
    last[..lanes].iter().sum::<f32>() + vectors.remainder().iter().map(|x| term.of(*x)).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_normalised_scaled_and_shifted() {
        for n in [1, 3, 16, 64, 96, 197] {
            let from: Vec<f32> = (0..3 * n).map(|i| ((i * 37 + 11) % 101) as f32 / 10.0 + 5.0).collect();
            let scale: Vec<f32> = (0..n).map(|i| 0.5 + i as f32 / n as f32).collect();
            let shift: Vec<f32> = (0..n).map(|i| i as f32 * 0.1 - 1.0).collect();
            let mut found = vec![0.0; from.len()];
            normalise_rows(&from, &mut found, &scale, &shift, 1e-5);
            for (from, found) in from.chunks(n).zip(found.chunks(n)) {
                let mean = from.iter().copied().map(f64::from).sum::<f64>() / n as f64;
                let variance = from.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / n as f64;
                for at in 0..n {
                    let normal = (f64::from(from[at]) - mean) / (variance + 1e-5).sqrt();
                    let expected = normal * f64::from(scale[at]) + f64::from(shift[at]);
                    assert!((f64::from(found[at]) - expected).abs() < 2e-6 * (1.0 + expected.abs()), "{n} {at}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_a_number_stays_in_its_row() {
        let mut from = vec![1.0; 64];
        from[3] = f32::NAN;
        let mut found = vec![0.0; 64];
        normalise_rows(&from, &mut found, &[1.0; 32], &[0.5; 32], 1e-5);
        assert!(found[..32].iter().all(|value| value.is_nan()));
        assert!(found[32..].iter().all(|value| *value == 0.5));
    }
}
