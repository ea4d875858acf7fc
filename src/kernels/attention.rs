//! One head of attention: `softmax(queries · keysᵀ + biases) · values` (Vaswani and others, 2017).

use fearless_simd::{Select, Simd, SimdBase};

use super::InstructionSet;
use super::aligned::grown;
use super::lanes::{WIDEST, exp, load};
use super::level::Job;
use super::product::{Panels, Reads, Writes, product};

/// Rows of `width` numbers whose beginnings lie `step` apart.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// From the first row on.
    pub numbers: &'a [f32],
    /// How many rows there are.
    pub count: usize,
    /// Numbers in a row.
    pub width: usize,
    /// From one row to the next.
    pub step: usize,
}

/// What one head looks at.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// One row for each answer.
    pub queries: Rows<'a>,
    /// As many rows as there are values, as wide as the queries.
    pub keys: Rows<'a>,
    /// What answers are made of.
    pub values: Rows<'a>,
    /// By which the products of queries and keys are multiplied.
    pub factor: f32,
    /// Each [queries, keys], added to the products.
    pub biases: &'a [&'a [f32]],
}

/// The answers, rows of `step` numbers of which the first are written. `scratch` grows to what is needed and is kept.
///
/// # Panics
/// Where the lengths do not fit.
pub fn attend(head: Head<'_>, answers: &mut [f32], step: usize, scratch: &mut Vec<f32>) {
    let Head { queries, keys, values, biases, .. } = head;
    assert_eq!(queries.width, keys.width, "a key is as wide as a query");
    assert_eq!(keys.count, values.count, "a value for each key");
    let products = queries.count * keys.count;
    assert!(biases.iter().all(|bias| bias.len() == products), "a bias for each query and key");
    if products * keys.width > 0 {
        InstructionSet::best().run(Attention { head, answers, step, scratch });
    }
}

struct Attention<'a> {
    head: Head<'a>,
    answers: &'a mut [f32],
    step: usize,
    scratch: &'a mut Vec<f32>,
}

impl Job for Attention<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Attention { head: Head { queries, keys, values, factor, biases }, answers, step, scratch } = self;
        let set = InstructionSet::best();
        let n = keys.count;
        let scores = grown(scratch, queries.count * n);
        let reads = Reads { pixel_step: queries.step, ..Reads::dense(queries.width) };
        let panels = Panels::new(set, keys.width, n, |key, k| keys.numbers[key * keys.step + k] * factor);
        product(simd, &panels, queries.numbers, reads, 0..queries.count, scores, Writes::dense(n));
        let panels = Panels::new(set, n, values.width, |column, key| values.numbers[key * values.step + column]);
        let writes = Writes { step, ..Writes::dense(values.width) };
        for (at, scores) in scores.chunks_exact_mut(n).enumerate() {
            softmax(simd, scores, biases, at);
        }
        product(simd, &panels, scores, Reads::dense(n), 0..queries.count, answers, writes);
    }
}

/// The softmax of row number `at`, with its biases.
#[inline(always)]
fn softmax<S: Simd>(simd: S, row: &mut [f32], biases: &[&[f32]], at: usize) {
    let n = row.len();
    for bias in biases {
        for (score, bias) in row.iter_mut().zip(&bias[at * n..][..n]) {
            *score += bias;
        }
    }
    let lanes = S::f32s::LEN;
    let most = largest(simd, row);
    let mut sums = S::f32s::splat(simd, 0.0);
    let mut vectors = row.chunks_exact_mut(lanes);
    for vector in &mut vectors {
        let value = exp(simd, S::f32s::from_slice(simd, vector) - most);
        value.store_slice(vector);
        sums += value;
    }
    let rest = vectors.into_remainder();
    let mut last = [0.0; WIDEST];
    last[..rest.len()].copy_from_slice(rest);
    (exp(simd, load(simd, &last, 0) - most)).store_slice(&mut last[..lanes]);
    rest.copy_from_slice(&last[..rest.len()]);
    let mut total = rest.iter().sum::<f32>();
    sums.store_slice(&mut last[..lanes]);
    total += last[..lanes].iter().sum::<f32>();
    let share = 1.0 / total;
    for score in row {
        *score *= share;
    }
}

/// The largest number that is one.
#[inline(always)]
fn largest<S: Simd>(simd: S, row: &[f32]) -> f32 {
    let lanes = S::f32s::LEN;
    let mut most = S::f32s::splat(simd, f32::NEG_INFINITY);
    let mut vectors = row.chunks_exact(lanes);
    for vector in &mut vectors {
        let vector = load(simd, vector, 0);
        most = vector.simd_gt(most).select(vector, most);
    }
    let mut all = [f32::NEG_INFINITY; 2 * WIDEST];
    most.store_slice(&mut all[..lanes]);
    let rest = vectors.remainder();
    all[lanes..lanes + rest.len()].copy_from_slice(rest);
    all.into_iter().fold(f32::NEG_INFINITY, |most, number| if number > most { number } else { most })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row<'a>(rows: Rows<'a>, at: usize) -> &'a [f32] {
        &rows.numbers[at * rows.step..][..rows.width]
    }

    fn wave(count: usize, step: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * step + 11) % 101) as f32 / 50.0 - 1.0).collect()
    }

    #[test]
    fn answers_are_means_of_the_values_by_how_well_keys_fit() {
        for (asked, known, width, value_width) in [(1, 1, 4, 4), (5, 7, 8, 3), (49, 49, 32, 32), (20, 197, 64, 64)] {
            let (steps, factor) = ([width + 3, width, value_width + 5], 0.3);
            let (q, k, v) = (wave(asked * steps[0], 37), wave(known * steps[1], 29), wave(known * steps[2], 53));
            let biases = [wave(asked * known, 17), wave(asked * known, 71)];
            let rows = |numbers, count, width, step| Rows { numbers, count, width, step };
            let head = Head {
                queries: rows(&q, asked, width, steps[0]),
                keys: rows(&k, known, width, steps[1]),
                values: rows(&v, known, value_width, steps[2]),
                factor,
                biases: &[&biases[0], &biases[1]],
            };
            let step = value_width + 2;
            let mut found = vec![9.0; asked * step];
            attend(head, &mut found, step, &mut vec![]);
            for query in 0..asked {
                let weight = |key: usize| {
                    let (q, k) = (row(head.queries, query), row(head.keys, key));
                    let product: f64 = q.iter().zip(k).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum();
                    let bias: f32 = biases.iter().map(|bias| bias[query * known + key]).sum();
                    (product * f64::from(factor) + f64::from(bias)).exp()
                };
                let weights: Vec<f64> = (0..known).map(weight).collect();
                let total: f64 = weights.iter().sum();
                for column in 0..value_width {
                    let sum: f64 = (0..known).map(|key| weights[key] * f64::from(row(head.values, key)[column])).sum();
                    let found = f64::from(found[query * step + column]);
                    assert!((found - sum / total).abs() < 2e-6, "{found} is not {}", sum / total);
                }
                assert_eq!(found[query * step + value_width..][..2], [9.0; 2], "what lies between stays");
            }
        }
    }

    #[test]
    fn what_is_not_a_number_is_seen() {
        let mut q = wave(4 * 8, 37);
        q[9] = f32::NAN;
        let rows = |numbers, count| Rows { numbers, count, width: 8, step: 8 };
        let (k, v) = (wave(40, 29), wave(40, 53));
        let head = Head { queries: rows(&q, 4), keys: rows(&k, 5), values: rows(&v, 5), factor: 1.0, biases: &[] };
        let mut found = vec![0.0; 32];
        attend(head, &mut found, 8, &mut vec![]);
        assert!(found[8..16].iter().all(|value| value.is_nan()));
        assert!(found[..8].iter().chain(&found[16..]).all(|value| value.is_finite()));
    }
}
