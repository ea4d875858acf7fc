//! A convolution whose weights are packed once and used for any number of images.

use std::ops::Range;

use fearless_simd::Simd;

use super::depthwise::Depthwise;
use super::direct::Direct;
use super::lanes::finish;
use super::level::Job;
use super::winograd::Winograd;
use super::{Geometry, InstructionSet, Tail};

/// Room that kernels work in. One a thread; it grows to what the largest convolution needs and is kept.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) image: Vec<f32>,
    pub(super) transformed: Vec<f32>,
    pub(super) products: Vec<f32>,
}

/// Inputs times outputs whose weights, for F(4x4,3x3), take no more than 2.4 MB.
const FEW_WEIGHTS: usize = 128 * 128;

/// How a convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// One chain of multiply-adds an output: any convolution. A kernel of 1x1 is a matrix product. Of small groups several are
    /// computed together, so that what is not finite in one makes NaN of the others.
    Direct,
    /// The same for a channel by itself, when every channel is.
    Depthwise,
    /// Winograd's F(2x2,3x3): kernels of 3x3 at stride 1, undilated, one group, at least a vector of channels. What is not finite
    /// makes NaN of all four outputs of a tile.
    Winograd2,
    /// Winograd's F(4x4,3x3) of the same: fewer products, more weights, and three times the error.
    Winograd4,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Algorithm; 4] =
        [Algorithm::Direct, Algorithm::Depthwise, Algorithm::Winograd2, Algorithm::Winograd4];

    /// The one that is quickest for images of `size` as a rule.
    pub fn quickest(geometry: &Geometry, size: [usize; 2], set: InstructionSet) -> Algorithm {
        let [height, width] = geometry.window.output(size);
        // Each weight is loaded once for all tiles. With fewer tiles than this, loading the weights of the larger transform,
        // of which there are more than twice as many, takes longer than the products that it saves; few weights stay in
        // the cache.
        let tiles = if geometry.inputs * geometry.outputs > FEW_WEIGHTS { 32 } else { 16 };
        let winograd =
            if height.div_ceil(4) * width.div_ceil(4) < tiles { Algorithm::Winograd2 } else { Algorithm::Winograd4 };
        let wanted = [Algorithm::Depthwise, winograd].into_iter().find(|algorithm| algorithm.does(geometry, set));
        wanted.unwrap_or(Algorithm::Direct)
    }

    /// Whether it can do a convolution.
    pub fn does(self, geometry: &Geometry, set: InstructionSet) -> bool {
        let Geometry { inputs, outputs, groups, window } = *geometry;
        match self {
            Algorithm::Direct => true,
            Algorithm::Depthwise => geometry.is_depthwise(),
            Algorithm::Winograd2 | Algorithm::Winograd4 => {
                let three = window.kernel == [3, 3] && window.stride == [1, 1] && window.dilation == [1, 1];
                three && groups == 1 && inputs.min(outputs) >= set.lanes()
            }
        }
    }
}

#[derive(Debug)]
enum Packed {
    Direct(Direct),
    Depthwise(Depthwise),
    Winograd2(Winograd<2, 4>),
    Winograd4(Winograd<4, 6>),
}

/// Packed weights. They do not change and may be shared by threads and plans.
#[derive(Debug)]
pub struct PackedConv {
    geometry: Geometry,
    set: InstructionSet,
    packed: Packed,
}

/// One piece of one convolution.
pub(super) struct Piece<'a> {
    pub(super) geometry: &'a Geometry,
    /// Height and width of the input.
    pub(super) size: [usize; 2],
    /// Height and width of the whole output.
    pub(super) whole: [usize; 2],
    /// The pixels of the output that are wanted.
    pub(super) pixels: Range<usize>,
    pub(super) input: &'a [f32],
    /// Those pixels, and nothing else.
    pub(super) output: &'a mut [f32],
    pub(super) scratch: &'a mut Scratch,
    pub(super) tail: Tail<'a>,
}

impl PackedConv {
    /// Packs `weights`, [outputs, inputs / groups, kernel down, kernel across]. `bias` has one number an output, or none.
    ///
    /// # Panics
    /// Where the lengths do not fit the geometry, the groups do not divide the channels, the algorithm does not do the geometry,
    /// or the processor lacks the instructions.
    pub fn new(
        geometry: Geometry,
        weights: &[f32],
        bias: &[f32],
        set: InstructionSet,
        algorithm: Algorithm,
    ) -> PackedConv {
        let Geometry { inputs, outputs, groups, window } = geometry;
        assert!(InstructionSet::all().contains(&set), "the processor has the instructions");
        assert!(groups > 0 && inputs % groups == 0 && outputs % groups == 0, "groups divide the channels");
        assert!(
            window.kernel.iter().chain(&window.stride).chain(&window.dilation).all(|n| *n > 0),
            "a window moves and has taps"
        );
        assert_eq!(weights.len(), outputs * (inputs / groups) * window.kernel[0] * window.kernel[1], "weights");
        assert!(bias.is_empty() || bias.len() == outputs, "one bias an output, or none");
        assert!(algorithm.does(&geometry, set), "the algorithm does the convolution");
        let packed = match algorithm {
            Algorithm::Direct => Packed::Direct(Direct::new(set, &geometry, weights, bias)),
            Algorithm::Depthwise => Packed::Depthwise(Depthwise::new(set, &geometry, weights, bias)),
            Algorithm::Winograd2 => Packed::Winograd2(Winograd::new(set, &geometry, weights, bias)),
            Algorithm::Winograd4 => Packed::Winograd4(Winograd::new(set, &geometry, weights, bias)),
        };
        PackedConv { geometry, set, packed }
    }

    /// What is convolved.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// How it is computed.
    pub fn algorithm(&self) -> Algorithm {
        match self.packed {
            Packed::Direct(_) => Algorithm::Direct,
            Packed::Depthwise(_) => Algorithm::Depthwise,
            Packed::Winograd2(_) => Algorithm::Winograd2,
            Packed::Winograd4(_) => Algorithm::Winograd4,
        }
    }

    /// Bytes that the packed weights take.
    pub fn bytes(&self) -> usize {
        let numbers = match &self.packed {
            Packed::Direct(packed) => packed.len(),
            Packed::Depthwise(packed) => packed.len(),
            Packed::Winograd2(packed) => packed.len(),
            Packed::Winograd4(packed) => packed.len(),
        };
        numbers * size_of::<f32>()
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
        let grain = match self.packed {
            Packed::Direct(_) => 1,
            Packed::Depthwise(_) => width,
            Packed::Winograd2(_) => 2 * width,
            Packed::Winograd4(_) => 4 * width,
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
        scratch: &mut Scratch,
        tail: Tail<'_>,
    ) {
        let geometry = &self.geometry;
        let whole = geometry.window.output(size);
        assert!(pixels.end <= whole[0] * whole[1], "pixels of the output");
        assert_eq!(input.len(), size[0] * size[1] * geometry.inputs, "the input");
        assert_eq!(output.len(), pixels.len() * geometry.outputs, "the output");
        assert!(tail.residual.is_none_or(|r| r.len() == output.len()), "the residual is as long as the output");
        if pixels.is_empty() {
            return;
        }
        self.set.run(Run {
            packed: &self.packed,
            piece: Piece { geometry, size, whole, pixels, input, output, scratch, tail },
        });
    }
}

struct Run<'a> {
    packed: &'a Packed,
    piece: Piece<'a>,
}

impl Job for Run<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Run { packed, mut piece } = self;
        match packed {
            Packed::Direct(packed) => packed.run(simd, &mut piece),
            Packed::Depthwise(packed) => packed.run(simd, &mut piece),
            Packed::Winograd2(packed) => packed.run(simd, &mut piece),
            Packed::Winograd4(packed) => packed.run(simd, &mut piece),
        }
        finish(simd, piece.tail.activation, piece.output);
    }
}

/// A bias for every output, and at least a vector of them.
pub(super) fn whole_bias(set: InstructionSet, outputs: usize, bias: &[f32]) -> Vec<f32> {
    let mut bias = bias.to_vec();
    bias.resize(outputs.max(set.lanes()), 0.0);
    bias
}
