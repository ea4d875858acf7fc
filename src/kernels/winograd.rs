//! Winograd's F(2x2,3x3) and F(4x4,3x3): outputs of a 3x3 kernel from 4 or 2.25 multiplications each instead of 9.
//!
//! Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015. Tiles of 4x4 or 6x6 inputs, which overlap by two,
//! are transformed; each of their numbers has a matrix product over the channels of its own; what comes out is transformed
//! back to 2x2 or 4x4 outputs.

use fearless_simd::{Simd, SimdBase};

use super::aligned::grown;
use super::conv::{Piece, whole_bias};
use super::lanes::{clip, load};
use super::product::{Panels, Reads, Writes, product};
use super::tail::Activation;
use super::transforms::Transforms;
use super::{Geometry, InstructionSet, Tail};

/// Numbers between the matrices of a transformed block, so that they do not all fall on the same lines of the cache.
const APART: usize = 16;

/// F(MxM,3x3): transformed weights, a matrix [inputs, outputs] for each of the NxN numbers of a tile.
#[derive(Debug)]
pub(super) struct Winograd<const M: usize, const N: usize> {
    matrices: Vec<Panels>,
    bias: Vec<f32>,
}

impl<const M: usize, const N: usize> Winograd<M, N>
where
    Self: Transforms<M, N>,
{
    pub(super) fn new(set: InstructionSet, geometry: &Geometry, weights: &[f32], bias: &[f32]) -> Self {
        let Geometry { inputs, outputs, .. } = *geometry;
        let matrices = Panels::several(set, inputs, outputs, N * N, |output, input, numbers| {
            let kernel = &weights[(output * inputs + input) * 9..][..9];
            let columns = [0, 1, 2].map(|column| Self::weights([0, 3, 6].map(|row| f64::from(kernel[row + column]))));
            for (row, numbers) in numbers.chunks_exact_mut(N).enumerate() {
                let row = Self::weights(columns.map(|column| column[row]));
                numbers.iter_mut().zip(row).for_each(|(number, weight)| *number = weight as f32);
            }
        });
        Winograd { matrices, bias: whole_bias(set, outputs, bias) }
    }

    pub(super) fn len(&self) -> usize {
        self.matrices.iter().map(Panels::len).sum::<usize>() + self.bias.len()
    }

    /// Whole rows of tiles.
    #[inline(always)]
    pub(super) fn run<S: Simd>(&self, simd: S, piece: &mut Piece<'_>) {
        let Piece { geometry, size, whole: [height, width], ref pixels, input, .. } = *piece;
        let Geometry { inputs, outputs, .. } = *geometry;
        assert_eq!(pixels.start % (M * width), 0, "a cut lies between rows of tiles");
        assert!(pixels.end % (M * width) == 0 || pixels.end == height * width, "a cut lies between rows of tiles");
        let across = width.div_ceil(M);
        let rows = pixels.start / (M * width)..pixels.end.div_ceil(M * width);
        let mut outlet =
            Outlet { outputs, whole: piece.whole, first: pixels.start, tail: piece.tail, output: piece.output };
        // Tiles that are done at once stay in the second-level cache.
        let at_once = if M == 2 { (inputs.max(outputs) / 4).clamp(56, 128) } else { 56 };
        let most = (at_once / across).clamp(1, rows.len());
        let blocks = rows.len().div_ceil(most);
        for block in 0..blocks {
            let first = rows.start + block * rows.len() / blocks;
            let end = rows.start + (block + 1) * rows.len() / blocks;
            let tiles = (end - first) * across;
            let place = |tile: usize| [M * (first + tile / across), M * (tile % across)];
            let (apart, apart_out) = (tiles * inputs + APART, tiles * outputs + APART);
            let transformed = grown(&mut piece.scratch.transformed, N * N * apart);
            for tile in 0..tiles {
                let to = &mut transformed[tile * inputs..];
                simd.vectorize(
                    #[inline(always)]
                    || Self::gather(simd, geometry, size, input, place(tile), apart, to),
                );
            }
            let products = grown(&mut piece.scratch.products, N * N * apart_out);
            for (m, matrix) in self.matrices.iter().enumerate() {
                let (x, out) =
                    (&transformed[m * apart..][..tiles * inputs], &mut products[m * apart_out..][..tiles * outputs]);
                product(simd, matrix, x, Reads::dense(inputs), 0..tiles, out, Writes::dense(outputs));
            }
            for tile in 0..tiles {
                let from = &products[tile * outputs..];
                simd.vectorize(
                    #[inline(always)]
                    || self.put(simd, from, apart_out, place(tile), &mut outlet),
                );
            }
        }
    }

    /// Transforms the products of one tile back.
    #[inline(always)]
    fn put<S: Simd>(&self, simd: S, from: &[f32], apart: usize, [y, x]: [usize; 2], to: &mut Outlet<'_>) {
        let lanes = S::f32s::LEN;
        let ([height, width], outputs) = (to.whole, to.outputs);
        let (down, across) = ((height - y).min(M), (width - x).min(M));
        let first = (y * width + x - to.first) * outputs;
        let zero = S::f32s::splat(simd, 0.0);
        let mut k = 0;
        while k < outputs {
            let output = k.min(outputs - lanes);
            k += lanes;
            let bias = load(simd, &self.bias, output);
            let mut half = [[zero; N]; M];
            for j in 0..N {
                let mut column = [zero; N];
                for i in 0..N {
                    column[i] = load(simd, from, (N * i + j) * apart + output);
                }
                let column = Self::outputs::<S>(column);
                for i in 0..M {
                    half[i][j] = column[i];
                }
            }
            for i in 0..M {
                let values = Self::outputs::<S>(half[i]);
                for j in 0..M {
                    if i < down && j < across {
                        let at = first + (i * width + j) * outputs + output;
                        let mut value = values[j] + bias;
                        if let Some(residual) = to.tail.residual {
                            value += load(simd, residual, at);
                        }
                        if let Activation::Clip { low, high } = to.tail.activation {
                            value = clip(simd, value, low, high);
                        }
                        value.store_slice(&mut to.output[at..at + lanes]);
                    }
                }
            }
        }
    }

    /// The NxN inputs of the tile whose first output is at `place`, transformed, to matrices `apart` from each other.
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
        let inside = |axis: usize| place[axis] >= before[axis] && place[axis] + N <= size[axis] + before[axis];
        if inside(0) && inside(1) {
            let first = ((place[0] - before[0]) * size[1] + place[1] - before[1]) * channels;
            Self::transform(
                simd,
                channels,
                apart,
                to,
                #[inline(always)]
                |i, j, c| load(simd, input, first + (i * size[1] + j) * channels + c),
            );
        } else {
            // Where rows and columns begin; what lies outside is zero.
            let at = |axis: usize, i: usize| (place[axis] + i).checked_sub(before[axis]).filter(|at| *at < size[axis]);
            let [rows, columns]: [[Option<usize>; N]; 2] = [0, 1].map(|axis| std::array::from_fn(|i| at(axis, i)));
            let zero = S::f32s::splat(simd, 0.0);
            Self::transform(
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
            let mut half = [[zero; N]; N];
            for j in 0..N {
                let mut column = [zero; N];
                for i in 0..N {
                    column[i] = pixel(i, j, channel);
                }
                let column = Self::inputs::<S>(column);
                for i in 0..N {
                    half[i][j] = column[i];
                }
            }
            for i in 0..N {
                let row = Self::inputs::<S>(half[i]);
                for j in 0..N {
                    let at = (N * i + j) * apart + channel;
                    row[j].store_slice(&mut to[at..at + lanes]);
                }
            }
        }
    }
}

/// Where outputs go.
struct Outlet<'a> {
    outputs: usize,
    whole: [usize; 2],
    /// The pixel that the output begins with.
    first: usize,
    tail: Tail<'a>,
    output: &'a mut [f32],
}
