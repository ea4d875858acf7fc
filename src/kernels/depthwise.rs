//! Every channel by itself.

use std::ops::Range;

use fearless_simd::{Simd, SimdBase, SimdFloat};

use super::aligned::Aligned;
use super::conv::{Piece, whole_bias};
use super::lanes::{clip, load};
use super::tail::Activation;
use super::{Geometry, InstructionSet, Window};

/// Weights [tap][channel], and a bias.
#[derive(Debug)]
pub(super) struct Depthwise {
    set: InstructionSet,
    weights: Aligned,
    bias: Vec<f32>,
}

impl Depthwise {
    pub(super) fn new(set: InstructionSet, geometry: &Geometry, weights: &[f32], bias: &[f32]) -> Depthwise {
        let channels = geometry.inputs;
        let taps = geometry.window.kernel[0] * geometry.window.kernel[1];
        let mut packed = Aligned::new(taps * channels);
        for tap in 0..taps {
            let row: Vec<f32> = (0..channels).map(|channel| weights[channel * taps + tap]).collect();
            packed.push(&row);
        }
        Depthwise { set, weights: packed, bias: whole_bias(set, channels, bias) }
    }

    pub(super) fn len(&self) -> usize {
        self.weights.numbers().len() + self.bias.len()
    }

    #[inline(always)]
    pub(super) fn run<S: Simd>(&self, simd: S, piece: &mut Piece<'_>) {
        let channels = piece.geometry.inputs;
        let lanes = S::f32s::LEN;
        let width = piece.whole[1];
        let window = &piece.geometry.window;
        // Outputs with all their taps across inside the image.
        let from = window.before[1].div_ceil(window.stride[1]).min(width);
        let reach = (window.kernel[1] - 1) * window.dilation[1] + 1;
        let fits = (piece.size[1] + window.before[1]).checked_sub(reach).map_or(0, |last| last / window.stride[1] + 1);
        let to = fits.clamp(from, width);
        let mut row = Row {
            this: self,
            window,
            size: piece.size,
            channels,
            input: piece.input,
            y: 0,
            down: 0..0,
            at: 0,
            piece: piece.pixels.start,
        };
        let mut pixel = piece.pixels.start;
        while pixel < piece.pixels.end {
            // A row of the output, or what is wanted of it.
            let (y, first) = (pixel / width, pixel % width);
            let end = width.min(first + piece.pixels.end - pixel);
            (row.y, row.at) = (y, y * width);
            row.down = window.inside(0, y, piece.size[0]);
            let (residual, activation) = (piece.tail.residual, piece.tail.activation);
            let output = Output { to: &mut *piece.output, residual, activation };
            row.run(simd, [first, from.clamp(first, end), to.clamp(first, end), end], lanes, output);
            pixel += end - first;
        }
    }
}

struct Output<'a> {
    to: &'a mut [f32],
    residual: Option<&'a [f32]>,
    activation: Activation,
}

/// One row of the output.
struct Row<'a> {
    this: &'a Depthwise,
    window: &'a Window,
    size: [usize; 2],
    channels: usize,
    input: &'a [f32],
    y: usize,
    /// Its taps down that lie inside.
    down: Range<usize>,
    /// Its first pixel, and the first of the output that is at hand.
    at: usize,
    piece: usize,
}

impl Row<'_> {
    /// Channels in blocks that stay in registers; where the lanes do not divide them, the last vector begins earlier.
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, edges: [usize; 4], lanes: usize, mut output: Output<'_>) {
        let channels = self.channels;
        let mut channel = 0;
        while channel < channels {
            let left = channels - channel;
            if left >= 4 * lanes {
                self.block::<S, 4>(simd, edges, channel, &mut output);
                channel += 4 * lanes;
            } else if left >= 2 * lanes {
                self.block::<S, 2>(simd, edges, channel, &mut output);
                channel += 2 * lanes;
            } else if channels >= lanes {
                self.block::<S, 1>(simd, edges, channel.min(channels - lanes), &mut output);
                channel += lanes;
            } else {
                self.few(edges, &mut output);
                channel = channels;
            }
        }
    }

    #[inline(always)]
    fn block<S: Simd, const V: usize>(
        &self,
        simd: S,
        [first, from, to, end]: [usize; 4],
        channel: usize,
        output: &mut Output<'_>,
    ) {
        for x in (first..from).chain(to..end) {
            simd.vectorize(
                #[inline(always)]
                || self.tile::<S, 1, V>(simd, x, channel, output),
            );
        }
        let mut x = from;
        while x < to {
            // Where a tile does not fit any more, it begins earlier and does some pixels again.
            let many = to - from;
            if many >= 8 && V <= 2 && V * 8 < self.this.set.registers() {
                let x8 = x.min(to - 8);
                simd.vectorize(
                    #[inline(always)]
                    || self.tile::<S, 8, V>(simd, x8, channel, output),
                );
                x += 8;
            } else if many >= 4 {
                let x4 = x.min(to - 4);
                simd.vectorize(
                    #[inline(always)]
                    || self.tile::<S, 4, V>(simd, x4, channel, output),
                );
                x += 4;
            } else {
                simd.vectorize(
                    #[inline(always)]
                    || self.tile::<S, 1, V>(simd, x, channel, output),
                );
                x += 1;
            }
        }
    }

    /// P pixels, which are one or have all their taps across inside, times V vectors of channels.
    #[inline(always)]
    fn tile<S: Simd, const P: usize, const V: usize>(
        &self,
        simd: S,
        x: usize,
        channel: usize,
        output: &mut Output<'_>,
    ) {
        let Row { this, window, size, channels, input, ref down, .. } = *self;
        let lanes = S::f32s::LEN;
        let step = window.stride[1] * channels;
        let mut sums = [[S::f32s::splat(simd, 0.0); V]; P];
        for v in 0..V {
            let bias = load(simd, &this.bias, channel + v * lanes);
            for m in 0..P {
                sums[m][v] = bias;
            }
        }
        let across = if P == 1 { window.inside(1, x, size[1]) } else { 0..window.kernel[1] };
        let many = across.len();
        for i in if many == 0 { 0..0 } else { down.clone() } {
            // Slices of one length each, so that one check does for all pixels.
            let row = window.pixel(0, self.y, i) * size[1];
            let first = (row + window.pixel(1, x, across.start)) * channels + channel;
            let run = (many - 1) * window.dilation[1] * channels + V * lanes;
            let mut runs = [&input[..0]; P];
            for m in 0..P {
                runs[m] = &input[first + m * step..][..run];
            }
            let first = (i * window.kernel[1] + across.start) * channels + channel;
            let weights = &this.weights.numbers()[first..][..(many - 1) * channels + V * lanes];
            for j in 0..many {
                let weights = &weights[j * channels..][..V * lanes];
                let at = j * window.dilation[1] * channels;
                let mut vectors = [S::f32s::splat(simd, 0.0); V];
                for v in 0..V {
                    vectors[v] = load(simd, weights, v * lanes);
                }
                for m in 0..P {
                    let pixel = &runs[m][at..at + V * lanes];
                    for v in 0..V {
                        sums[m][v] = vectors[v].mul_add(load(simd, pixel, v * lanes), sums[m][v]);
                    }
                }
            }
        }
        let at = (self.at + x - self.piece) * channels + channel;
        if let Some(residual) = output.residual {
            for m in 0..P {
                for v in 0..V {
                    sums[m][v] += load(simd, residual, at + m * channels + v * lanes);
                }
            }
        }
        if let Activation::Clip { low, high } = output.activation {
            for m in 0..P {
                for v in 0..V {
                    sums[m][v] = clip(simd, sums[m][v], low, high);
                }
            }
        }
        for m in 0..P {
            let to = &mut output.to[at + m * channels..][..V * lanes];
            for v in 0..V {
                sums[m][v].store_slice(&mut to[v * lanes..(v + 1) * lanes]);
            }
        }
    }

    /// Fewer channels than a vector holds.
    fn few(&self, [first, .., end]: [usize; 4], output: &mut Output<'_>) {
        let Row { this, window, size, channels, input, ref down, .. } = *self;
        for x in first..end {
            for channel in 0..channels {
                let mut sum = this.bias[channel];
                for i in down.clone() {
                    for j in window.inside(1, x, size[1]) {
                        let pixel = window.pixel(0, self.y, i) * size[1] + window.pixel(1, x, j);
                        sum += this.weights.numbers()[(i * window.kernel[1] + j) * channels + channel]
                            * input[pixel * channels + channel];
                    }
                }
                let at = (self.at + x - self.piece) * channels + channel;
                sum += output.residual.map_or(0.0, |residual| residual[at]);
                output.to[at] =
                    if let Activation::Clip { .. } = output.activation { output.activation.of(sum) } else { sum };
            }
        }
    }
}
