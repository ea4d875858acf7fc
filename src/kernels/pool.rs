//! Pools over images with channels last.

use fearless_simd::{Select, Simd, SimdBase, SimdFloat};

use super::lanes::load;
use super::level::Job;
use super::{InstructionSet, Window};

/// What an average is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Taps inside the image.
    Inside,
    /// All taps; padding counts as zeros.
    All,
}

/// The largest number under the window, channel by channel; padding is never chosen, and NaN wins.
///
/// `input` is [height, width, channels] with `size` = [height, width]; `output` is [height, width, channels] of
/// `window.output(size)`, or whole rows of it from `first_row` on.
///
/// # Panics
/// Where the lengths do not fit.
pub fn max_pool(
    window: &Window,
    size: [usize; 2],
    channels: usize,
    first_row: usize,
    input: &[f32],
    output: &mut [f32],
) {
    narrow(channels).run(Pool { window, size, channels, first_row, input, output, fold: Largest });
}

/// The mean under the window, channel by channel; slices as in `max_pool`.
///
/// # Panics
/// Where the lengths do not fit.
pub fn average_pool(
    window: &Window,
    size: [usize; 2],
    channels: usize,
    count: Count,
    first_row: usize,
    input: &[f32],
    output: &mut [f32],
) {
    let fold = Mean { all: (count == Count::All).then_some(window.kernel[0] * window.kernel[1]) };
    narrow(channels).run(Pool { window, size, channels, first_row, input, output, fold });
}

/// The mean of each channel over all pixels: `input` is [pixels, channels], `output` has one number a channel.
///
/// # Panics
/// Where the lengths do not fit.
pub fn global_average(input: &[f32], output: &mut [f32]) {
    let channels = output.len();
    let Some(pixels) = input.len().checked_div(channels) else { return };
    let window = Window::of([1, pixels.max(1)]);
    average_pool(&window, [1, pixels], channels, Count::All, 0, input, output);
}

/// The widest instructions whose vectors the channels fill.
fn narrow(channels: usize) -> InstructionSet {
    let fits = InstructionSet::all().iter().copied().find(|set| set.lanes() <= channels);
    fits.unwrap_or_else(InstructionSet::best)
}

/// How the numbers under a window become one.
trait Fold: Copy {
    const START: f32;
    fn with<S: Simd>(sum: S::f32s, next: S::f32s) -> S::f32s;
    fn with_one(sum: f32, next: f32) -> f32;
    /// What is multiplied to the result of so many taps.
    fn scale(self, taps: usize) -> f32;
}

#[derive(Clone, Copy)]
struct Largest;

impl Fold for Largest {
    const START: f32 = f32::NEG_INFINITY;

    #[inline(always)]
    fn with<S: Simd>(sum: S::f32s, next: S::f32s) -> S::f32s {
        // Not less, rather than greater: true of NaN.
        let next = next.simd_le(sum).select(sum, next);
        sum.is_nan().select(sum, next)
    }

    #[inline(always)]
    fn with_one(sum: f32, next: f32) -> f32 {
        if sum.is_nan() || next <= sum { sum } else { next }
    }

    fn scale(self, _: usize) -> f32 {
        1.0
    }
}

#[derive(Clone, Copy)]
struct Mean {
    all: Option<usize>,
}

impl Fold for Mean {
    const START: f32 = 0.0;

    #[inline(always)]
    fn with<S: Simd>(sum: S::f32s, next: S::f32s) -> S::f32s {
        sum + next
    }

    #[inline(always)]
    fn with_one(sum: f32, next: f32) -> f32 {
        sum + next
    }

    fn scale(self, taps: usize) -> f32 {
        1.0 / self.all.unwrap_or(taps) as f32
    }
}

struct Pool<'a, F> {
    window: &'a Window,
    size: [usize; 2],
    channels: usize,
    first_row: usize,
    input: &'a [f32],
    output: &'a mut [f32],
    fold: F,
}

impl<F: Fold> Job for Pool<'_, F> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Pool { window, size, channels, first_row, input, output, fold } = self;
        let [height, width] = window.output(size);
        assert_eq!(input.len(), size[0] * size[1] * channels, "the input");
        let row_len = width * channels;
        if row_len == 0 {
            return;
        }
        assert!(output.len().is_multiple_of(row_len), "whole rows of the output");
        assert!(first_row + output.len() / row_len <= height, "rows of the output");
        for (y, row) in output.chunks_exact_mut(row_len).enumerate() {
            for (x, pixel) in row.chunks_exact_mut(channels).enumerate() {
                let under = Under { window, size, channels, input, place: [first_row + y, x] };
                let lanes = S::f32s::LEN;
                let mut channel = 0;
                while channel < channels {
                    let left = channels - channel;
                    if left >= 4 * lanes {
                        under.vectors::<S, F, 4>(simd, fold, channel, pixel);
                        channel += 4 * lanes;
                    } else if channels >= lanes {
                        under.vectors::<S, F, 1>(simd, fold, channel.min(channels - lanes), pixel);
                        channel += lanes;
                    } else {
                        under.one(fold, channel, pixel);
                        channel += 1;
                    }
                }
            }
        }
    }
}

/// The numbers under the window of one output pixel.
#[derive(Clone, Copy)]
struct Under<'a> {
    window: &'a Window,
    size: [usize; 2],
    channels: usize,
    input: &'a [f32],
    place: [usize; 2],
}

impl Under<'_> {
    #[inline(always)]
    fn vectors<S: Simd, F: Fold, const V: usize>(self, simd: S, fold: F, channel: usize, to: &mut [f32]) {
        let lanes = S::f32s::LEN;
        let [down, across] = [0, 1].map(|axis| self.window.inside(axis, self.place[axis], self.size[axis]));
        let mut sums = [S::f32s::splat(simd, F::START); V];
        for i in down.clone() {
            let row = self.window.pixel(0, self.place[0], i) * self.size[1];
            for j in across.clone() {
                let pixel = row + self.window.pixel(1, self.place[1], j);
                let seen = &self.input[pixel * self.channels + channel..][..V * lanes];
                for v in 0..V {
                    sums[v] = F::with::<S>(sums[v], load(simd, seen, v * lanes));
                }
            }
        }
        let scale = fold.scale(down.len() * across.len());
        let to = &mut to[channel..channel + V * lanes];
        for v in 0..V {
            (sums[v] * scale).store_slice(&mut to[v * lanes..(v + 1) * lanes]);
        }
    }

    fn one<F: Fold>(self, fold: F, channel: usize, to: &mut [f32]) {
        let [down, across] = [0, 1].map(|axis| self.window.inside(axis, self.place[axis], self.size[axis]));
        let mut sum = F::START;
        for i in down.clone() {
            for j in across.clone() {
                let pixel =
                    self.window.pixel(0, self.place[0], i) * self.size[1] + self.window.pixel(1, self.place[1], j);
                sum = F::with_one(sum, self.input[pixel * self.channels + channel]);
            }
        }
        to[channel] = sum * fold.scale(down.len() * across.len());
    }
}
