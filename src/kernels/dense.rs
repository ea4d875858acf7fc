//! A matrix times a vector: each weight is read once, so memory is the limit.

use fearless_simd::{Simd, SimdBase, SimdFloat};

use super::InstructionSet;
use super::lanes::load;
use super::level::Job;

/// How many rows are read at once: memory answers several streams sooner than one.
const TOGETHER: usize = 4;

/// Vectors of sums that a dot product keeps apart: the next need not wait for the one before.
const APART: usize = 2;

/// Each product is the dot product of `vector` and a row of `rows`, [products, columns].
///
/// # Panics
/// Where the lengths do not fit.
pub fn dot_products(rows: &[f32], columns: usize, vector: &[f32], products: &mut [f32]) {
    assert_eq!(vector.len(), columns, "a number for each column");
    assert!(rows.len() >= columns * products.len(), "a row for each product");
    InstructionSet::best().run(Dots { rows, columns, vector, products });
}

/// The sum of all rows of `matrix`, [rows, columns], each times its number of `vector`; of it, the part that begins at column
/// `first`. Rows times zero are skipped.
///
/// # Panics
/// Where the lengths do not fit.
pub fn sum_of_rows(matrix: &[f32], columns: usize, first: usize, vector: &[f32], sums: &mut [f32]) {
    assert!(first + sums.len() <= columns, "columns of the matrix");
    assert!(matrix.len() >= columns * vector.len(), "a row for each number");
    sums.fill(0.0);
    if columns > 0 {
        let rows = matrix.chunks_exact(columns).map(|row| &row[first..][..sums.len()]);
        let rows = rows.zip(vector.iter().copied()).filter(|(_, factor)| *factor != 0.0).collect();
        InstructionSet::best().run(Sum { rows, sums });
    }
}

struct Dots<'a> {
    rows: &'a [f32],
    columns: usize,
    vector: &'a [f32],
    products: &'a mut [f32],
}

impl Job for Dots<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Dots { rows, columns, vector, products } = self;
        let row = |number: usize| &rows[number * columns..][..columns];
        let (groups, rest) = products.as_chunks_mut::<TOGETHER>();
        for (at, group) in groups.iter_mut().enumerate() {
            *group = dots(simd, std::array::from_fn(|n| row(at * TOGETHER + n)), vector);
        }
        let first = groups.len() * TOGETHER;
        for (at, product) in rest.iter_mut().enumerate() {
            [*product] = dots(simd, [row(first + at)], vector);
        }
    }
}

/// The dot product of `vector` and each of a few rows.
#[inline(always)]
fn dots<S: Simd, const N: usize>(simd: S, rows: [&[f32]; N], vector: &[f32]) -> [f32; N] {
    let lanes = S::f32s::LEN;
    let step = APART * lanes;
    let whole = vector.len() / step * step;
    let mut sums = [[S::f32s::splat(simd, 0.0); APART]; N];
    let mut at = 0;
    while at < whole {
        for part in 0..APART {
            let numbers = load(simd, vector, at + part * lanes);
            for n in 0..N {
                sums[n][part] = numbers.mul_add(load(simd, rows[n], at + part * lanes), sums[n][part]);
            }
        }
        at += step;
    }
    let mut products = [0.0; N];
    for n in 0..N {
        let mut sum = sums[n][0];
        for part in 1..APART {
            sum += sums[n][part];
        }
        let rest = vector[whole..].iter().zip(&rows[n][whole..]).map(|(number, weight)| number * weight);
        products[n] = sum.as_slice().iter().sum::<f32>() + rest.sum::<f32>();
    }
    products
}

struct Sum<'a> {
    rows: Vec<(&'a [f32], f32)>,
    sums: &'a mut [f32],
}

impl Job for Sum<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (groups, rest) = self.rows.as_chunks::<TOGETHER>();
        for group in groups {
            add_rows(simd, *group, self.sums);
        }
        for row in rest {
            add_rows(simd, [*row], self.sums);
        }
    }
}

/// Adds a few rows to `sums`, each times its factor.
#[inline(always)]
fn add_rows<S: Simd, const N: usize>(simd: S, rows: [(&[f32], f32); N], sums: &mut [f32]) {
    let lanes = S::f32s::LEN;
    let rows = rows.map(|(row, factor)| (&row[..sums.len()], factor));
    let whole = sums.len() / lanes * lanes;
    let mut at = 0;
    while at < whole {
        let mut sum = load(simd, sums, at);
        for (row, factor) in rows {
            sum = S::f32s::splat(simd, factor).mul_add(load(simd, row, at), sum);
        }
        sum.store_slice(&mut sums[at..at + lanes]);
        at += lanes;
    }
    for at in whole..sums.len() {
        for (row, factor) in rows {
            sums[at] += factor * row[at];
        }
    }
}
