//! Weighted sums of bytes in fixed point, as images are resized with.
//!
//! Sums are of whole numbers: they are the same on each instruction set.

use fearless_simd::{Simd, SimdBase, SimdFrom, i32x4};

use super::InstructionSet;
use super::level::Job;

/// Bits after the point of a weight.
pub const WEIGHT_BITS: u32 = 32 - 8 - 2;

/// Where rounding to nearest starts from.
const HALF: i32 = 1 << (WEIGHT_BITS - 1);

/// Columns that are summed up in registers.
const COLUMNS: usize = 64;

/// Channels of a pixel that are summed up at once, wanted or not.
const CHANNELS: usize = 4;

/// Consecutive places, and the weight of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taps {
    /// The first place.
    pub first: usize,
    /// The weight of it and of each of its followers, times 2 to the power of [`WEIGHT_BITS`].
    pub weights: Vec<i32>,
}

/// Each byte of `to` becomes the sum of the bytes of `rows` in its column, each times the weight of its row, to the nearest,
/// within 0 to 255. `rows` has as many rows of `to.len()` bytes as there are weights.
///
/// # Panics
/// Where the lengths do not fit.
pub fn blend_rows(rows: &[u8], weights: &[i32], to: &mut [u8]) {
    assert_eq!(rows.len(), weights.len() * to.len(), "a row for each weight");
    InstructionSet::best().run(BlendRows { rows, weights, to });
}

/// Each pixel of `to` becomes the sum of those pixels of `row` that its taps name, each times its weight, to the nearest,
/// within 0 to 255. Pixels have 1 to 4 `channels`. What lies in `row` behind its last pixel counts for nothing, but makes that
/// pixel quicker.
///
/// # Panics
/// Where `to` does not hold a pixel for each of the taps, or a tap lies beyond the row, or there are other numbers of channels.
pub fn blend_pixels(row: &[u8], channels: usize, taps: &[Taps], to: &mut [u8]) {
    assert_eq!(to.len(), taps.len() * channels, "taps for each pixel");
    let set = InstructionSet::best();
    match channels {
        1 => set.run(BlendPixels::<1> { row, taps, to }),
        2 => set.run(BlendPixels::<2> { row, taps, to }),
        3 => set.run(BlendPixels::<3> { row, taps, to }),
        CHANNELS => set.run(BlendPixels::<CHANNELS> { row, taps, to }),
        _ => panic!("{channels} channels are not summed up at once"),
    }
}

struct BlendRows<'a> {
    rows: &'a [u8],
    weights: &'a [i32],
    to: &'a mut [u8],
}

impl Job for BlendRows<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let width = self.to.len();
        let (blocks, rest) = self.to.as_chunks_mut::<COLUMNS>();
        let left = blocks.len() * COLUMNS;
        for (block, to) in blocks.iter_mut().enumerate() {
            let mut sums = [HALF; COLUMNS];
            for (row, weight) in self.weights.iter().enumerate() {
                let Some(values) = self.rows[row * width + block * COLUMNS..].first_chunk::<COLUMNS>() else { return };
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += i32::from(*value) * weight;
                }
            }
            *to = sums.map(settle);
        }
        for (column, to) in rest.iter_mut().enumerate() {
            let column = self.rows[left + column..].iter().step_by(width);
            let sum = column.zip(self.weights).fold(HALF, |sum, (value, weight)| sum + i32::from(*value) * weight);
            *to = settle(sum);
        }
    }
}

struct BlendPixels<'a, const N: usize> {
    row: &'a [u8],
    taps: &'a [Taps],
    to: &'a mut [u8],
}

impl<const N: usize> Job for BlendPixels<'_, N> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (to, Taps { first, weights }) in self.to.as_chunks_mut::<N>().0.iter_mut().zip(self.taps) {
            let mut sums = i32x4::splat(simd, HALF);
            for (place, weight) in (*first..).zip(weights) {
                let from = &self.row[place * N..];
                // Channels of the next pixel cost nothing.
                let values = from.first_chunk().copied().unwrap_or_else(|| {
                    let mut values = [0; CHANNELS];
                    values[..N].copy_from_slice(&from[..N]);
                    values
                });
                sums += i32x4::simd_from(simd, values.map(i32::from)) * i32x4::splat(simd, *weight);
            }
            for (to, sum) in to.iter_mut().zip(sums.as_slice()) {
                *to = settle(*sum);
            }
        }
    }
}

/// A sum as a byte.
#[inline(always)]
fn settle(sum: i32) -> u8 {
    (sum >> WEIGHT_BITS).clamp(0, 255) as u8
}
