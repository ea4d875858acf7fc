//! Products with a matrix that is read where it lies.

use fearless_simd::Simd;

use super::InstructionSet;
use super::layout::to_planes;
use super::level::Job;
use super::product::{Panels, Reads, Writes, product};

/// Rows of numbers, packed to be multiplied by the rows of a matrix. The roles are turned around: it is the vectors that are
/// packed, and the matrix, of which there need not be a second copy, is read as it is.
#[derive(Debug)]
pub struct PackedRows {
    set: InstructionSet,
    rows: usize,
    depth: usize,
    panels: Panels,
}

impl PackedRows {
    /// Packs `numbers`, [rows, depth].
    ///
    /// # Panics
    /// Where there is not a whole number of rows.
    pub fn new(numbers: &[f32], depth: usize) -> PackedRows {
        let set = InstructionSet::best();
        let rows = numbers.len() / depth;
        assert_eq!(rows * depth, numbers.len(), "a whole number of rows");
        let mut columns = vec![0.0; numbers.len()];
        to_planes(depth, numbers, &mut columns);
        let panels = Panels::new(set, depth, rows, |row, k| columns[k * rows + row]);
        PackedRows { set, rows, depth, panels }
    }

    /// The dot products of each row of `matrix`, [n, depth], with each of the packed rows: [n, rows].
    ///
    /// # Panics
    /// Where the lengths do not fit.
    pub fn times(&self, matrix: &[f32], products: &mut [f32]) {
        let n = matrix.len() / self.depth;
        assert_eq!(n * self.depth, matrix.len(), "a whole number of rows");
        assert_eq!(n * self.rows, products.len(), "a product for each pair of rows");
        self.set.run(Times { packed: self, matrix, products });
    }
}

struct Times<'a> {
    packed: &'a PackedRows,
    matrix: &'a [f32],
    products: &'a mut [f32],
}

impl Job for Times<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Times { packed: PackedRows { rows, depth, panels, .. }, matrix, products } = self;
        let pixels = 0..matrix.len() / depth;
        product(simd, panels, matrix, Reads::dense(*depth), pixels, products, Writes::dense(*rows));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_meets_every_row() {
        for (rows, depth, n) in [(1, 5, 3), (7, 16, 20), (19, 33, 8), (49, 40, 37)] {
            let wave = |count: usize, step: usize| -> Vec<f32> {
                (0..count).map(|i| ((i * step + 11) % 101) as f32 / 50.0 - 1.0).collect()
            };
            let (numbers, matrix) = (wave(rows * depth, 37), wave(n * depth, 29));
            let mut found = vec![0.0; n * rows];
            PackedRows::new(&numbers, depth).times(&matrix, &mut found);
            for (at, found) in found.into_iter().enumerate() {
                let (a, b) = (&matrix[at / rows * depth..][..depth], &numbers[at % rows * depth..][..depth]);
                let expected: f64 = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                assert!((f64::from(found) - expected).abs() < 1e-5, "{found} is not {expected}");
            }
        }
    }
}
