//! Convolutions as sums of products, straight from the image: any kernel, stride, dilation, padding, and groups.

use std::ops::Range;

use fearless_simd::Simd;

use super::aligned::grown;
use super::conv::{Piece, whole_bias};
use super::product::{Panels, Reads, Start, Writes, product};
use super::{Geometry, InstructionSet, Tail};

/// The weights of a matrix product are cut into pieces that are no deeper than this: of deeper ones so few pixels would stay
/// in the cache at once that the weights come from memory over and over.
const DEEPEST: usize = 1024;

/// Weights and bias of each group. Groups of less than a vector of outputs are taken together, with zeros between them: a full
/// vector of which a quarter is wanted costs as much as one that is a quarter full, and loads less.
#[derive(Debug)]
pub(super) struct Direct(Vec<Group>);

#[derive(Debug)]
struct Group {
    /// Of one piece of the depth each.
    panels: Vec<Panels>,
    bias: Vec<f32>,
}

impl Direct {
    pub(super) fn new(set: InstructionSet, geometry: &Geometry, weights: &[f32], bias: &[f32]) -> Direct {
        let Geometry { inputs, outputs, groups, window } = *geometry;
        let (inputs, outputs) = (inputs / groups, outputs / groups);
        let taps = window.kernel[0] * window.kernel[1];
        let together = (1..=groups).find(|n| groups.is_multiple_of(*n) && n * outputs >= set.lanes()).unwrap_or(groups);
        let group = |group: usize| {
            let first = group * together * outputs;
            let weight = |output: usize, k: usize| {
                let (tap, input) = (k / (together * inputs), k % (together * inputs));
                let same = output / outputs == input / inputs;
                if same { weights[((first + output) * inputs + input % inputs) * taps + tap] } else { 0.0 }
            };
            let bias = bias.get(first..first + together * outputs).unwrap_or_default();
            let (depth, outputs) = (taps * together * inputs, together * outputs);
            let is_product = groups == 1 && taps == 1 && outputs.is_multiple_of(set.lanes());
            let pieces = if is_product { depth.div_ceil(DEEPEST) } else { 1 };
            let panels = (0..pieces).map(|piece| {
                let (from, to) = (piece * depth / pieces, (piece + 1) * depth / pieces);
                if groups == 1 && taps == 1 {
                    // As below, without divisions: most weights of most networks are these.
                    return Panels::new(set, to - from, outputs, |output, k| weights[output * depth + from + k]);
                }
                Panels::new(set, to - from, outputs, |output, k| weight(output, from + k))
            });
            Group { panels: panels.collect(), bias: whole_bias(set, outputs, bias) }
        };
        Direct((0..groups / together).map(group).collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|group| group.panels.iter().map(Panels::len).sum::<usize>() + group.bias.len()).sum()
    }

    #[inline(always)]
    pub(super) fn run<S: Simd>(&self, simd: S, piece: &mut Piece<'_>) {
        let Geometry { inputs, outputs, window, .. } = *piece.geometry;
        let groups = self.0.len();
        let width = piece.whole[1];
        let [down, across] = window.kernel;
        // Rows of the output that are touched; pixels are counted from the first of them.
        let rows = piece.pixels.start / width..piece.pixels.end.div_ceil(width);
        let first = piece.pixels.start - rows.start * width;
        let padded = window.before != [0, 0] || window.after != [0, 0];
        let input_width = piece.size[1] + if padded { window.before[1] + window.after[1] } else { 0 };
        let top = rows.start * window.stride[0];
        let x = if padded {
            let needed = (rows.len() - 1) * window.stride[0] + (down - 1) * window.dilation[0] + 1;
            let image = grown(&mut piece.scratch.image, needed * input_width * inputs);
            pad(piece.input, piece.size, inputs, window.before, top, input_width, image);
            image
        } else {
            &piece.input[top * input_width * inputs..]
        };
        // Neighbouring taps of one group are one run.
        let together = groups == 1 && window.dilation[1] == 1;
        for (group, Group { panels, bias }) in self.0.iter().enumerate() {
            let each = inputs / groups;
            let reads = Reads {
                width,
                row_step: window.stride[0] * input_width * inputs,
                pixel_step: window.stride[1] * inputs,
                down,
                down_step: window.dilation[0] * input_width * inputs,
                across: if together { 1 } else { across },
                across_step: window.dilation[1] * inputs,
                run: if together { across * inputs } else { each },
                channel: group * each,
            };
            let start = Start::Bias(bias);
            let writes = Writes { step: outputs, channel: group * (outputs / groups), start, tail: piece.tail };
            let pixels = first..first + piece.pixels.len();
            match &panels[..] {
                [panels] => product(simd, panels, x, reads, pixels, piece.output, writes),
                pieces => deep_product(simd, pieces, x, reads, pixels, piece.output, writes),
            }
        }
    }
}

/// A product whose depth is cut into pieces.
#[inline(always)]
fn deep_product<S: Simd>(
    simd: S,
    pieces: &[Panels],
    x: &[f32],
    reads: Reads,
    pixels: Range<usize>,
    out: &mut [f32],
    writes: Writes<'_>,
) {
    let blocks = pixels.len().div_ceil(pieces[0].block());
    let edge = |block: usize| block * pixels.len() / blocks;
    for block in 0..blocks {
        let (from, to) = (edge(block), edge(block + 1));
        let out = &mut out[from * writes.step..to * writes.step];
        let residual = writes.tail.residual.map(|residual| &residual[from * writes.step..to * writes.step]);
        let mut channel = reads.channel;
        for (at, panels) in pieces.iter().enumerate() {
            let reads = Reads { channel, run: panels.depth(), ..reads };
            channel += panels.depth();
            let start = if at == 0 { writes.start } else { Start::Output };
            let is_last = at + 1 == pieces.len();
            let tail = if is_last { Tail { residual, ..writes.tail } } else { Tail::default() };
            product(
                simd,
                panels,
                x,
                reads,
                pixels.start + from..pixels.start + to,
                out,
                Writes { start, tail, ..writes },
            );
        }
    }
}

/// Rows of an image with zeros around it, from row `top` of the padded image on, as many as `to` holds.
fn pad(
    input: &[f32],
    [height, width]: [usize; 2],
    channels: usize,
    before: [usize; 2],
    top: usize,
    padded: usize,
    to: &mut [f32],
) {
    let (left, right) = (before[1] * channels, (before[1] + width) * channels);
    for (y, row) in to.chunks_exact_mut(padded * channels).enumerate() {
        let y = (top + y).wrapping_sub(before[0]);
        if y < height {
            row[..left].fill(0.0);
            row[left..right].copy_from_slice(&input[y * width * channels..(y + 1) * width * channels]);
            row[right..].fill(0.0);
        } else {
            row.fill(0.0);
        }
    }
}
