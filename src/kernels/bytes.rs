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

/// Rows whose pixels are summed up at once.
const ROWS: usize = 4;

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

/// Resizes `rows`, `stride` bytes each, to those of `to`: each pixel of `to` becomes the sum of those pixels of its row that its
/// taps name, each times its weight, to the nearest, within 0 to 255. Pixels have 1 to 4 `channels`. What lies in `rows` behind
/// the last pixel counts for nothing, but makes that pixel quicker.
///
/// # Panics
/// Where `to` does not hold a pixel for each of the taps in every row, or a tap lies beyond the rows, or there are other numbers
/// of channels.
pub fn blend_pixels(rows: &[u8], stride: usize, channels: usize, taps: &[Taps], to: &mut [u8]) {
    if taps.is_empty() {
        return;
    }
    assert_eq!(to.len() % (taps.len() * channels), 0, "taps for each pixel");
    let set = InstructionSet::best();
    match channels {
        1 => set.run(BlendPixels::<1> { rows, stride, taps, to }),
        2 => set.run(BlendPixels::<2> { rows, stride, taps, to }),
        3 => set.run(BlendPixels::<3> { rows, stride, taps, to }),
        CHANNELS => set.run(BlendPixels::<CHANNELS> { rows, stride, taps, to }),
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
        // The last block overlaps the one before.
        let last = width.saturating_sub(COLUMNS);
        for first in (0..last).step_by(COLUMNS).chain([last]) {
            let Some(to) = self.to[first..].first_chunk_mut::<COLUMNS>() else { break };
            let mut sums = [HALF; COLUMNS];
            for (row, weight) in self.weights.iter().enumerate() {
                let Some(values) = self.rows[row * width + first..].first_chunk::<COLUMNS>() else { return };
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += i32::from(*value) * weight;
                }
            }
            for (to, sum) in to.iter_mut().zip(sums) {
                *to = settle(sum);
            }
        }
        if width < COLUMNS {
            for (column, to) in self.to.iter_mut().enumerate() {
                let column = self.rows[column..].iter().step_by(width);
                let sum = column.zip(self.weights).fold(HALF, |sum, (value, weight)| sum + i32::from(*value) * weight);
                *to = settle(sum);
            }
        }
    }
}

struct BlendPixels<'a, const N: usize> {
    rows: &'a [u8],
    stride: usize,
    taps: &'a [Taps],
    to: &'a mut [u8],
}

impl<const N: usize> Job for BlendPixels<'_, N> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let width = self.taps.len() * N;
        for (block, to) in self.to.chunks_mut(ROWS * width).enumerate() {
            let count = to.len() / width;
            // Rows that are not there repeat the last. All are cut to one length, so that a place is looked up once for all.
            let row = |row: usize| &self.rows[(block * ROWS + row.min(count - 1)) * self.stride..];
            let length = row(ROWS - 1).len();
            let rows = [&row(0)[..length], &row(1)[..length], &row(2)[..length], row(3)];
            for (pixel, Taps { first, weights }) in self.taps.iter().enumerate() {
                let mut sums = [i32x4::splat(simd, HALF); ROWS];
                for (place, weight) in (*first..).zip(weights) {
                    let weight = i32x4::splat(simd, *weight);
                    for (sum, row) in sums.iter_mut().zip(rows) {
                        *sum += channels::<S, N>(simd, &row[..length], place * N) * weight;
                    }
                }
                for (row, sum) in sums.into_iter().enumerate().take(count) {
                    let sum = (sum >> WEIGHT_BITS).max(0).min(255);
                    let [a, b, c, d] = <[i32; CHANNELS]>::from(sum);
                    let values = [a as u8, b as u8, c as u8, d as u8];
                    let at = row * width + pixel * N;
                    if at + CHANNELS <= (row + 1) * width {
                        // What is too much belongs to the next pixel, which comes later.
                        to[at..at + CHANNELS].copy_from_slice(&values);
                    } else {
                        to[at..at + N].copy_from_slice(&values[..N]);
                    }
                }
            }
        }
    }
}

/// The channels of the pixel that begins at `at`; those beyond them are of the next, which cost nothing.
#[inline(always)]
fn channels<S: Simd, const N: usize>(simd: S, row: &[u8], at: usize) -> i32x4<S> {
    let [a, b, c, d] = if at + CHANNELS <= row.len() {
        [row[at], row[at + 1], row[at + 2], row[at + 3]]
    } else {
        alone::<N>(&row[at..])
    };
    i32x4::simd_from(simd, [a.into(), b.into(), c.into(), d.into()])
}

/// A pixel with nothing behind it.
#[cold]
fn alone<const N: usize>(pixel: &[u8]) -> [u8; CHANNELS] {
    let mut values = [0; CHANNELS];
    values[..N].copy_from_slice(&pixel[..N]);
    values
}

/// A sum as a byte.
#[inline(always)]
fn settle(sum: i32) -> u8 {
    (sum >> WEIGHT_BITS).clamp(0, 255) as u8
}
