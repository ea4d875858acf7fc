//! A convolution whose weights are packed once and used for any number of images.

use std::ops::Range;

use super::{Geometry, InstructionSet, Tail};

/// Room that kernels work in. One a thread; it grows to what the largest convolution needs and is kept.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(crate) image: Vec<f32>,
    pub(crate) transformed: Vec<f32>,
    pub(crate) products: Vec<f32>,
}

/// How a convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// One chain of multiply-adds an output: any convolution. A kernel of 1x1 is a matrix product.
    Direct,
    /// Winograd's F(2x2,3x3): kernels of 3x3 at stride 1, undilated, one group.
    Winograd,
}

/// Packed weights. Cheap to share: wrap it in an `Arc`.
#[derive(Debug)]
pub struct PackedConv {
    geometry: Geometry,
    set: InstructionSet,
    algorithm: Algorithm,
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl PackedConv {
    /// Packs `weights`, [outputs, inputs / groups, kernel down, kernel across], for this processor, with the algorithm
    /// that is quickest for most images. `bias` has one number an output, or none.
    ///
    /// # Panics
    /// Where the lengths do not fit the geometry, or the groups do not divide the channels.
    pub fn new(geometry: Geometry, weights: &[f32], bias: &[f32]) -> PackedConv {
        PackedConv::with(geometry, weights, bias, InstructionSet::best(), Self::quickest(&geometry))
    }

    /// The same with an instruction set and an algorithm of the caller's choice.
    ///
    /// # Panics
    /// As `new`, and where the algorithm does not do the geometry.
    pub fn with(
        geometry: Geometry,
        weights: &[f32],
        bias: &[f32],
        set: InstructionSet,
        algorithm: Algorithm,
    ) -> PackedConv {
        let Geometry { inputs, outputs, groups, window } = geometry;
        assert!(groups > 0 && inputs % groups == 0 && outputs % groups == 0, "groups divide the channels");
        assert_eq!(weights.len(), outputs * (inputs / groups) * window.kernel[0] * window.kernel[1], "weights");
        assert!(bias.is_empty() || bias.len() == outputs, "one bias an output, or none");
        let mut bias = bias.to_vec();
        bias.resize(outputs, 0.0);
        PackedConv { geometry, set, algorithm, weights: weights.to_vec(), bias }
    }

    fn quickest(_: &Geometry) -> Algorithm {
        Algorithm::Direct
    }

    /// What is convolved.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// How it is computed.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Bytes that the packed weights take.
    pub fn bytes(&self) -> usize {
        4 * (self.weights.len() + self.bias.len())
    }

    /// One image: `input` is [height, width, inputs] with `size` = [height, width], `output` is [height, width, outputs] of
    /// `window.output(size)`.
    ///
    /// # Panics
    /// Where the lengths do not fit.
    pub fn run(&self, size: [usize; 2], input: &[f32], output: &mut [f32], scratch: &mut Scratch, tail: Tail<'_>) {
        let [height, width] = self.geometry.window.output(size);
        self.run_part(size, 0..height * width, input, output, scratch, tail);
    }

    /// Ranges of output pixels, row by row, for `parts` threads of about the same work: at most `parts` of them, none
    /// empty. Pixel `p` begins at `p * outputs` in the output, so the ranges cut it into contiguous pieces.
    pub fn cuts(&self, size: [usize; 2], parts: usize) -> Vec<Range<usize>> {
        let [height, width] = self.geometry.window.output(size);
        let grain = match self.algorithm {
            Algorithm::Direct => 1,
            Algorithm::Winograd => 2 * width,
        };
        let pixels = height * width;
        let grains = pixels.div_ceil(grain.max(1));
        let parts = parts.clamp(1, grains.max(1));
        let edge = |part: usize| (part * grains / parts * grain).min(pixels);
        (0..parts).map(|part| edge(part)..edge(part + 1)).filter(|range| !range.is_empty()).collect()
    }

    /// The output pixels `pixels`, a range that `cuts` gave (or a union of neighbours). `output`, and the tail's residual,
    /// hold these pixels only; `input` is the whole image. Numbers do not depend on where the cuts lie.
    ///
    /// # Panics
    /// Where the lengths do not fit.
    pub fn run_part(
        &self,
        size: [usize; 2],
        pixels: Range<usize>,
        input: &[f32],
        output: &mut [f32],
        _scratch: &mut Scratch,
        tail: Tail<'_>,
    ) {
        let Geometry { inputs, outputs, groups, window } = self.geometry;
        let [_, width] = window.output(size);
        assert_eq!(input.len(), size[0] * size[1] * inputs, "the input");
        assert_eq!(output.len(), pixels.len() * outputs, "the output");
        assert!(tail.residual.is_none_or(|r| r.len() == output.len()), "the residual is as long as the output");
        let (each, of) = (inputs / groups, outputs / groups);
        let taps = window.kernel[0] * window.kernel[1];
        for (at, pixel) in pixels.enumerate() {
            let (y, x) = (pixel / width, pixel % width);
            for o in 0..outputs {
                let first = o / of * each;
                let mut sum = 0.0f32;
                for i in window.inside(0, y, size[0]) {
                    for j in window.inside(1, x, size[1]) {
                        let pixel = window.pixel(0, y, i) * size[1] + window.pixel(1, x, j);
                        for c in 0..each {
                            let weight = self.weights[(o * each + c) * taps + i * window.kernel[1] + j];
                            sum += weight * input[pixel * inputs + first + c];
                        }
                    }
                }
                let mut value = sum + self.bias[o];
                if let Some(residual) = tail.residual {
                    value += residual[at * outputs + o];
                }
                output[at * outputs + o] = tail.activation.of(value);
            }
        }
    }
}
