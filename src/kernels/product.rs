//! Sums of products of pixels and weights: the loop that most time is spent in.

use std::ops::Range;

use fearless_simd::{Simd, SimdBase, SimdFloat};

use super::aligned::Aligned;
use super::lanes::{WIDEST as LANES, clip, load};
use super::tail::Activation;
use super::{InstructionSet, Tail};

/// Vectors of a panel, at most.
const WIDEST: usize = 3;
/// Pixels of a tile, at most.
const LONGEST: usize = 8;

/// A matrix [depth, outputs] in panels of one to three vectors of outputs, as even as they go: [panel][depth][vectors · lanes].
/// Where the lanes do not divide the outputs, the last vector begins earlier and repeats some of them, so that every store
/// is whole; below one vector it is filled up with zeros.
#[derive(Debug)]
pub(super) struct Panels {
    depth: usize,
    outputs: usize,
    set: InstructionSet,
    panels: Vec<Panel>,
    data: Aligned,
}

#[derive(Clone, Debug)]
struct Panel {
    /// Where its numbers begin.
    at: usize,
    vectors: usize,
    /// The first output of each vector.
    outputs: [usize; WIDEST],
}

impl Panels {
    /// `weight(output, depth)`
    pub(super) fn new(
        set: InstructionSet,
        depth: usize,
        outputs: usize,
        weight: impl Fn(usize, usize) -> f32,
    ) -> Panels {
        let mut panels = Panels::several(set, depth, outputs, 1, |output, k, number| number[0] = weight(output, k));
        panels.remove(0)
    }

    /// `count` matrices at once, of which `weights` gives one number each.
    pub(super) fn several(
        set: InstructionSet,
        depth: usize,
        outputs: usize,
        count: usize,
        weights: impl Fn(usize, usize, &mut [f32]),
    ) -> Vec<Panels> {
        let lanes = set.lanes();
        let vectors = outputs.div_ceil(lanes);
        let panel_count = vectors.div_ceil(WIDEST);
        let mut data: Vec<Aligned> = (0..count).map(|_| Aligned::new(vectors * lanes * depth)).collect();
        let mut numbers = vec![0.0; count];
        let mut rows = vec![[0.0; WIDEST * LANES]; count];
        let mut panels = vec![];
        for panel in 0..panel_count {
            let (first, end) = (panel * vectors / panel_count, (panel + 1) * vectors / panel_count);
            let start = |vector: usize| ((first + vector) * lanes).min(outputs.saturating_sub(lanes));
            let (at, starts, width) = (first * lanes * depth, [start(0), start(1), start(2)], (end - first) * lanes);
            panels.push(Panel { at, vectors: end - first, outputs: starts });
            for k in 0..depth {
                for column in 0..width {
                    let output = starts[column / lanes] + column % lanes;
                    if output < outputs {
                        weights(output, k, &mut numbers);
                        rows.iter_mut().zip(&numbers).for_each(|(row, number)| row[column] = *number);
                    } else {
                        rows.iter_mut().for_each(|row| row[column] = 0.0);
                    }
                }
                data.iter_mut().zip(&rows).for_each(|(data, row)| data.push(&row[..width]));
            }
        }
        data.into_iter().map(|data| Panels { depth, outputs, set, panels: panels.clone(), data }).collect()
    }

    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    pub(super) fn len(&self) -> usize {
        self.data.numbers().len()
    }

    /// Pixels that stay in the second-level cache, with the weights of a panel.
    pub(super) fn block(&self) -> usize {
        (60_000 / self.depth).clamp(LONGEST, 4096)
    }

    /// Pixels of a tile of panels with so many vectors: sums, a vector of weights each, and one number stay in registers.
    fn tile(&self, vectors: usize) -> usize {
        ((self.set.registers() - 1) / vectors - 1).min(LONGEST)
    }
}

/// Where the numbers of a pixel lie: `down · across` runs of `run` numbers each.
#[derive(Clone, Copy)]
pub(super) struct Reads {
    /// Output pixels in a row, and how far rows and pixels of the output lie apart in what is read.
    pub(super) width: usize,
    pub(super) row_step: usize,
    pub(super) pixel_step: usize,
    /// How many runs, how far apart, and how long.
    pub(super) down: usize,
    pub(super) down_step: usize,
    pub(super) across: usize,
    pub(super) across_step: usize,
    pub(super) run: usize,
    /// The channel that the first run begins at.
    pub(super) channel: usize,
}

impl Reads {
    /// Pixels of `depth` numbers, one after the other.
    pub(super) fn dense(depth: usize) -> Reads {
        Reads {
            width: usize::MAX,
            row_step: 0,
            pixel_step: depth,
            down: 1,
            down_step: 0,
            across: 1,
            across_step: 0,
            run: depth,
            channel: 0,
        }
    }

    /// Where P pixels begin, the first of them `pixel`. Divisions are slow: one does for all.
    #[inline(always)]
    fn starts<const P: usize>(&self, pixel: usize) -> [usize; P] {
        let (mut row, mut column) = (pixel / self.width, pixel % self.width);
        let mut starts = [0; P];
        for m in 0..P {
            starts[m] = row * self.row_step + column * self.pixel_step + self.channel;
            column += 1;
            if column == self.width {
                (row, column) = (row + 1, 0);
            }
        }
        starts
    }
}

/// What sums begin with.
#[derive(Clone, Copy)]
pub(super) enum Start<'a> {
    Zero,
    /// One number an output of the panels, at least a vector of them.
    Bias(&'a [f32]),
    /// What the output holds: the sums over what came before in the depth. Only where the lanes divide the outputs, since
    /// otherwise some are written twice.
    Output,
}

/// Where sums go, and what happens to them on the way.
#[derive(Clone, Copy)]
pub(super) struct Writes<'a> {
    /// From one pixel to the next, and the channel of the first output.
    pub(super) step: usize,
    pub(super) channel: usize,
    /// What the sums begin with.
    pub(super) start: Start<'a>,
    pub(super) tail: Tail<'a>,
}

impl Writes<'_> {
    /// The bare sums.
    pub(super) fn dense(outputs: usize) -> Writes<'static> {
        Writes { step: outputs, channel: 0, start: Start::Zero, tail: Tail::default() }
    }

    /// Fewer sums than a vector holds.
    fn store_few(&self, sums: &[f32], to: usize, out: &mut [f32]) {
        for (lane, sum) in sums.iter().enumerate() {
            let value = sum + self.tail.residual.map_or(0.0, |residual| residual[to + lane]);
            out[to + lane] =
                if let Activation::Clip { .. } = self.tail.activation { self.tail.activation.of(value) } else { value };
        }
    }
}

/// The output pixels `pixels` of `x` times `w`, which `out` begins with; activations but for limits are the caller's.
#[inline(always)]
pub(super) fn product<S: Simd>(
    simd: S,
    w: &Panels,
    x: &[f32],
    reads: Reads,
    pixels: Range<usize>,
    out: &mut [f32],
    writes: Writes<'_>,
) {
    let n = pixels.len();
    let block = w.block();
    let blocks = n.div_ceil(block);
    for block in 0..blocks {
        let (from, to) = (block * n / blocks, (block + 1) * n / blocks);
        for panel in &w.panels {
            let most = w.tile(panel.vectors);
            let tiles = (to - from).div_ceil(most);
            for tile in 0..tiles {
                let (p, q) = (from + tile * (to - from) / tiles, from + (tile + 1) * (to - from) / tiles);
                let job = Tile { simd, w, panel, x, reads: &reads, writes: &writes, first: pixels.start + p, at: p };
                match panel.vectors {
                    1 => job.of::<1>(q - p, out),
                    2 => job.of::<2>(q - p, out),
                    _ => job.of::<3>(q - p, out),
                }
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Tile<'a, S: Simd> {
    simd: S,
    w: &'a Panels,
    panel: &'a Panel,
    x: &'a [f32],
    reads: &'a Reads,
    writes: &'a Writes<'a>,
    first: usize,
    at: usize,
}

impl<S: Simd> Tile<'_, S> {
    #[inline(always)]
    fn of<const V: usize>(self, pixels: usize, out: &mut [f32]) {
        match pixels {
            1 => self.simd.vectorize(
                #[inline(always)]
                || self.sums::<1, V>(out),
            ),
            2 => self.simd.vectorize(
                #[inline(always)]
                || self.sums::<2, V>(out),
            ),
            3 => self.simd.vectorize(
                #[inline(always)]
                || self.sums::<3, V>(out),
            ),
            4 => self.simd.vectorize(
                #[inline(always)]
                || self.sums::<4, V>(out),
            ),
            5 => self.simd.vectorize(
                #[inline(always)]
                || self.sums::<5, V>(out),
            ),
            6 => self.simd.vectorize(
                #[inline(always)]
                || self.sums::<6, V>(out),
            ),
            7 => self.simd.vectorize(
                #[inline(always)]
                || self.sums::<7, V>(out),
            ),
            _ => self.simd.vectorize(
                #[inline(always)]
                || self.sums::<LONGEST, V>(out),
            ),
        }
    }

    /// P pixels times V vectors of outputs, all sums in registers.
    #[inline(always)]
    fn sums<const P: usize, const V: usize>(self, out: &mut [f32]) {
        let Tile { simd, w, panel, x, reads, writes, first, at } = self;
        let lanes = S::f32s::LEN;
        let mut sums = [[S::f32s::splat(simd, 0.0); V]; P];
        match writes.start {
            Start::Zero => {}
            Start::Bias(bias) => {
                for v in 0..V {
                    let bias = load(simd, bias, panel.outputs[v]);
                    for m in 0..P {
                        sums[m][v] = bias;
                    }
                }
            }
            Start::Output => {
                for m in 0..P {
                    for v in 0..V {
                        let from = (at + m) * writes.step + writes.channel + panel.outputs[v];
                        sums[m][v] = load(simd, out, from);
                    }
                }
            }
        }
        let starts: [usize; P] = reads.starts(first);
        let mut weights = &w.data.numbers()[panel.at..][..w.depth * V * lanes];
        for down in 0..reads.down {
            for across in 0..reads.across {
                let offset = down * reads.down_step + across * reads.across_step;
                let mut runs = [&x[..0]; P];
                for m in 0..P {
                    runs[m] = &x[starts[m] + offset..][..reads.run];
                }
                let (these, rest) = weights.split_at(reads.run * V * lanes);
                weights = rest;
                for (k, weights) in these.chunks_exact(V * lanes).enumerate().take(reads.run) {
                    let mut vectors = [S::f32s::splat(simd, 0.0); V];
                    for v in 0..V {
                        vectors[v] = S::f32s::from_slice(simd, &weights[v * lanes..][..lanes]);
                    }
                    for m in 0..P {
                        let number = S::f32s::splat(simd, runs[m][k]);
                        for v in 0..V {
                            sums[m][v] = number.mul_add(vectors[v], sums[m][v]);
                        }
                    }
                }
            }
        }
        // Loops with small bodies: they are unrolled, and the sums never leave their registers before the store.
        if w.outputs < lanes {
            let mut kept = [[0.0; LANES]; P];
            for m in 0..P {
                sums[m][0].store_slice(&mut kept[m][..lanes]);
            }
            for m in 0..P {
                let to = (at + m) * writes.step + writes.channel;
                writes.store_few(&kept[m][..w.outputs], to, out);
            }
            return;
        }
        let mut to = [[0; V]; P];
        for m in 0..P {
            for v in 0..V {
                to[m][v] = (at + m) * writes.step + writes.channel + panel.outputs[v];
            }
        }
        if let Some(residual) = writes.tail.residual {
            for m in 0..P {
                for v in 0..V {
                    sums[m][v] += load(simd, residual, to[m][v]);
                }
            }
        }
        if let Activation::Clip { low, high } = writes.tail.activation {
            for m in 0..P {
                for v in 0..V {
                    sums[m][v] = clip(simd, sums[m][v], low, high);
                }
            }
        }
        for m in 0..P {
            for v in 0..V {
                sums[m][v].store_slice(&mut out[to[m][v]..to[m][v] + lanes]);
            }
        }
    }
}
