//! Winograd's F(2x2,3x3): four outputs of a 3x3 kernel from 16 multiplications instead of 36.
//!
//! Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015. Tiles of 4x4 inputs, which overlap by two, are
//! transformed; each of their 16 numbers has a matrix product over the channels of its own; what comes out is transformed
//! back to 2x2 outputs. The transforms only add and subtract, so the error is no larger than that of the plain sum.

use fearless_simd::{Simd, SimdBase};

use super::aligned::grown;
use super::conv::{Piece, whole_bias};
use super::lanes::{clip, load};
use super::product::{Panels, Reads, Writes, product};
use super::tail::Activation;
use super::{Geometry, InstructionSet, Tail};

/// Numbers between the matrices of a transformed block, so that they do not all fall on the same lines of the cache.
const APART: usize = 16;

/// Transformed weights: 16 matrices [inputs, outputs].
#[derive(Debug)]
pub(super) struct Winograd {
    matrices: Vec<Panels>,
    bias: Vec<f32>,
}

impl Winograd {
    pub(super) fn new(set: InstructionSet, geometry: &Geometry, weights: &[f32], bias: &[f32]) -> Winograd {
        let Geometry { inputs, outputs, .. } = *geometry;
        let panels = Panels::several(set, inputs, outputs, |output, input| {
            let kernel = &weights[(output * inputs + input) * 9..][..9];
            let [a, b, c] = [0, 1, 2].map(|column| spread([0, 3, 6].map(|row| f64::from(kernel[row + column]))));
            let rows = [0, 1, 2, 3].map(|row| spread([a[row], b[row], c[row]]));
            std::array::from_fn::<f32, 16, _>(|at| rows[at / 4][at % 4] as f32)
        });
        Winograd { matrices: panels.into(), bias: whole_bias(set, outputs, bias) }
    }

    pub(super) fn len(&self) -> usize {
        self.matrices.iter().map(Panels::len).sum::<usize>() + self.bias.len()
    }

    /// Whole rows of tiles.
    #[inline(always)]
    pub(super) fn run<S: Simd>(&self, simd: S, piece: &mut Piece<'_>) {
        let Piece { geometry, size, whole: [height, width], ref pixels, input, .. } = *piece;
        let Geometry { inputs, outputs, .. } = *geometry;
        assert_eq!(pixels.start % (2 * width), 0, "a cut lies between rows of tiles");
        assert!(pixels.end % (2 * width) == 0 || pixels.end == height * width, "a cut lies between rows of tiles");
        let across = width.div_ceil(2);
        let rows = pixels.start / (2 * width)..pixels.end.div_ceil(2 * width);
        let mut corners =
            Corners { outputs, whole: piece.whole, first: pixels.start, tail: piece.tail, output: piece.output };
        // Tiles that are done at once stay in the second-level cache.
        let most = ((inputs.max(outputs) / 4).clamp(56, 128) / across).clamp(1, rows.len());
        let blocks = rows.len().div_ceil(most);
        for block in 0..blocks {
            let first = rows.start + block * rows.len() / blocks;
            let end = rows.start + (block + 1) * rows.len() / blocks;
            let tiles = (end - first) * across;
            let place = |tile: usize| [2 * (first + tile / across), 2 * (tile % across)];
            let (apart, apart_out) = (tiles * inputs + APART, tiles * outputs + APART);
            let transformed = grown(&mut piece.scratch.transformed, 16 * apart);
            for tile in 0..tiles {
                let to = &mut transformed[tile * inputs..];
                simd.vectorize(
                    #[inline(always)]
                    || gather(simd, geometry, size, input, place(tile), apart, to),
                );
            }
            let products = grown(&mut piece.scratch.products, 16 * apart_out);
            for (m, matrix) in self.matrices.iter().enumerate() {
                let (x, out) =
                    (&transformed[m * apart..][..tiles * inputs], &mut products[m * apart_out..][..tiles * outputs]);
                product(simd, matrix, x, Reads::dense(inputs), 0..tiles, out, Writes::dense(outputs));
            }
            for tile in 0..tiles {
                let from = &products[tile * outputs..];
                simd.vectorize(
                    #[inline(always)]
                    || corners.put(simd, from, apart_out, place(tile), &self.bias),
                );
            }
        }
    }
}

/// Three weights in a line, transformed.
fn spread([a, b, c]: [f64; 3]) -> [f64; 4] {
    [a, 0.5 * (a + b + c), 0.5 * (a - b + c), c]
}

/// Where the 2x2 outputs of tiles go.
struct Corners<'a> {
    outputs: usize,
    whole: [usize; 2],
    /// The pixel that the output begins with.
    first: usize,
    tail: Tail<'a>,
    output: &'a mut [f32],
}

impl Corners<'_> {
    /// Transforms the products of one tile back.
    #[inline(always)]
    fn put<S: Simd>(&mut self, simd: S, from: &[f32], apart: usize, [y, x]: [usize; 2], bias: &[f32]) {
        let lanes = S::f32s::LEN;
        let ([height, width], outputs) = (self.whole, self.outputs);
        let (down, across) = ((height - y).min(2), (width - x).min(2));
        let first = (y * width + x - self.first) * outputs;
        let mut k = 0;
        while k < outputs {
            let output = k.min(outputs - lanes);
            k += lanes;
            let bias = load(simd, bias, output);
            let mut half = [[bias; 4]; 2];
            for j in 0..4 {
                let m0 = load(simd, from, j * apart + output);
                let m1 = load(simd, from, (4 + j) * apart + output);
                let m2 = load(simd, from, (8 + j) * apart + output);
                let m3 = load(simd, from, (12 + j) * apart + output);
                half[0][j] = m0 + (m1 + m2);
                half[1][j] = (m1 - m2) - m3;
            }
            for i in 0..2 {
                let [m0, m1, m2, m3] = half[i];
                let values = [m0 + (m1 + m2), (m1 - m2) - m3];
                for j in 0..2 {
                    if i < down && j < across {
                        let at = first + (i * width + j) * outputs + output;
                        let mut value = values[j] + bias;
                        if let Some(residual) = self.tail.residual {
                            value += load(simd, residual, at);
                        }
                        if let Activation::Clip { low, high } = self.tail.activation {
                            value = clip(simd, value, low, high);
                        }
                        value.store_slice(&mut self.output[at..at + lanes]);
                    }
                }
            }
        }
    }
}

/// The 4x4 inputs of the tile whose first output is at `place`, transformed, to 16 matrices `apart` from each other.
#[inline(always)]
fn gather<S: Simd>(
    simd: S,
    geometry: &Geometry,
    size: [usize; 2],
    input: &[f32],
    place: [usize; 2],
    apart: usize,
    to: &mut [f32],
) {
    let channels = geometry.inputs;
    let before = geometry.window.before;
    let inside = |axis: usize| place[axis] >= before[axis] && place[axis] + 4 <= size[axis] + before[axis];
    // Where rows and columns begin; what lies outside is zero.
    let at = |axis: usize, i: usize| (place[axis] + i).checked_sub(before[axis]).filter(|at| *at < size[axis]);
    let [rows, columns] = [0, 1].map(|axis| [0, 1, 2, 3].map(|i| at(axis, i)));
    if inside(0) && inside(1) {
        let starts = [0, 1, 2, 3].map(|i| ((place[0] + i - before[0]) * size[1] + place[1] - before[1]) * channels);
        transform(
            simd,
            channels,
            apart,
            to,
            #[inline(always)]
            |i, j, c| load(simd, input, starts[i] + j * channels + c),
        );
    } else {
        let zero = S::f32s::splat(simd, 0.0);
        transform(
            simd,
            channels,
            apart,
            to,
            #[inline(always)]
            |i, j, c| match (rows[i], columns[j]) {
                (Some(y), Some(x)) => load(simd, input, (y * size[1] + x) * channels + c),
                _ => zero,
            },
        );
    }
}

/// `pixel(row, column, channel)` is a vector of the tile.
#[inline(always)]
fn transform<S: Simd>(
    simd: S,
    channels: usize,
    apart: usize,
    to: &mut [f32],
    pixel: impl Fn(usize, usize, usize) -> S::f32s,
) {
    let lanes = S::f32s::LEN;
    let zero = S::f32s::splat(simd, 0.0);
    let mut k = 0;
    while k < channels {
        let channel = k.min(channels - lanes);
        k += lanes;
        let mut half = [[zero; 4]; 4];
        for j in 0..4 {
            let [d0, d1, d2, d3] =
                [pixel(0, j, channel), pixel(1, j, channel), pixel(2, j, channel), pixel(3, j, channel)];
            half[0][j] = d0 - d2;
            half[1][j] = d1 + d2;
            half[2][j] = d2 - d1;
            half[3][j] = d1 - d3;
        }
        for i in 0..4 {
            let [d0, d1, d2, d3] = half[i];
            let row = [d0 - d2, d1 + d2, d2 - d1, d1 - d3];
            for j in 0..4 {
                let at = (4 * i + j) * apart + channel;
                row[j].store_slice(&mut to[at..at + lanes]);
            }
        }
    }
}
