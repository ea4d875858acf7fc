//! Convolutions as sums of products, straight from the image: any kernel, stride, dilation, padding, and groups.

use fearless_simd::Simd;

use super::aligned::grown;
use super::conv::{Piece, whole_bias};
use super::product::{Panels, Reads, Writes, product};
use super::{Geometry, InstructionSet};

/// Weights and bias of each group. Groups of less than a vector of outputs are taken together, with zeros between them: a full
/// vector of which a quarter is wanted costs as much as one that is a quarter full, and loads less.
#[derive(Debug)]
pub(super) struct Direct(Vec<(Panels, Vec<f32>)>);

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
            let panels = Panels::new(set, taps * together * inputs, together * outputs, weight);
            (panels, whole_bias(set, together * outputs, bias))
        };
        Direct((0..groups / together).map(group).collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|(panels, bias)| panels.len() + bias.len()).sum()
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
        for (group, (panels, bias)) in self.0.iter().enumerate() {
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
            let writes = Writes { step: outputs, channel: group * (outputs / groups), bias, tail: piece.tail };
            product(simd, panels, x, reads, first..first + piece.pixels.len(), piece.output, writes);
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
