//! Where each position of a resized axis lies in the axis before, and which neighbours it is made of.
//!
//! All is computed in single precision, in onnxruntime's order: which of two neighbours is nearest may hang on the last bit.

use tract_onnx::tract_hir::internal::*;

/// One axis that is resized.
pub(super) struct Along {
    /// The length after by the length before, as the node has it.
    pub(super) scale: f32,
    pub(super) before: usize,
    pub(super) after: usize,
    /// Start and end of the part that is enlarged, for [`Coordinates::CropAndResize`].
    pub(super) region: (f32, f32),
}

impl Along {
    /// Whether the axis stays as it is: onnxruntime looks at the scale first, and then does not cut a region out either.
    pub(super) fn is_kept(&self) -> bool {
        self.scale == 1.0 && self.before == self.after
    }
}

/// Which formula takes a position after to one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coordinates {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
    HalfPixelForNearest,
    CropAndResize,
}

impl Coordinates {
    pub(super) fn parse(name: &str) -> TractResult<Coordinates> {
        Ok(match name {
            "half_pixel" => Coordinates::HalfPixel,
            "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
            "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
            "align_corners" => Coordinates::AlignCorners,
            "asymmetric" => Coordinates::Asymmetric,
            "tf_half_pixel_for_nn" => Coordinates::HalfPixelForNearest,
            "tf_crop_and_resize" => Coordinates::CropAndResize,
            other => bail!("the coordinate transformation {other:?} is not known"),
        })
    }

    fn of(self, position: usize, along: &Along) -> f32 {
        let (position, scale) = (position as f32, along.scale);
        let (before, after) = (along.before as f32, along.after as f32);
        let half_pixel = (position + 0.5) / scale - 0.5;
        match self {
            Coordinates::HalfPixel => half_pixel,
            Coordinates::HalfPixelSymmetric => {
                let adjustment = after / (scale * before);
                before / 2.0 * (1.0 - adjustment) + (position + 0.5) / scale - 0.5
            }
            Coordinates::PytorchHalfPixel if along.after > 1 => half_pixel,
            Coordinates::AlignCorners if along.after > 1 => position * (before - 1.0) / (after - 1.0),
            Coordinates::PytorchHalfPixel | Coordinates::AlignCorners => 0.0,
            Coordinates::Asymmetric => position / scale,
            Coordinates::HalfPixelForNearest => (position + 0.5) / scale,
            Coordinates::CropAndResize => {
                let (start, end) = along.region;
                if along.after > 1 {
                    start * (before - 1.0) + (position * (end - start) * (before - 1.0)) / (after - 1.0)
                } else {
                    0.5 * (start + end) * (before - 1.0)
                }
            }
        }
    }
}

/// Which neighbour is nearest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nearest {
    RoundPreferFloor,
    RoundPreferCeil,
    Floor,
    Ceil,
    /// Before opset 11: the floor of enlarged axes, the ceiling of others.
    Simple,
}

impl Nearest {
    pub(super) fn parse(name: &str) -> TractResult<Nearest> {
        Ok(match name {
            "round_prefer_floor" => Nearest::RoundPreferFloor,
            "round_prefer_ceil" => Nearest::RoundPreferCeil,
            "floor" => Nearest::Floor,
            "ceil" => Nearest::Ceil,
            other => bail!("the rounding {other:?} is not known"),
        })
    }

    fn of(self, coordinate: f32, scale: f32) -> f32 {
        match self {
            Nearest::RoundPreferFloor if coordinate == coordinate.trunc() + 0.5 => coordinate.floor(),
            Nearest::RoundPreferFloor | Nearest::RoundPreferCeil => coordinate.round(),
            Nearest::Simple if scale < 1.0 => coordinate.ceil(),
            Nearest::Ceil => coordinate.ceil(),
            Nearest::Floor | Nearest::Simple => coordinate.floor(),
        }
    }
}

/// How a value is made of its neighbours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kernel {
    Nearest,
    Linear,
    /// With this coefficient.
    Cubic(f32),
}

impl Kernel {
    /// How far it reaches, in pixels.
    fn support(self) -> f32 {
        match self {
            Kernel::Nearest | Kernel::Linear => 1.0,
            Kernel::Cubic(_) => 2.0,
        }
    }

    fn weight(self, distance: f32) -> f32 {
        let x = distance.abs();
        match self {
            Kernel::Nearest | Kernel::Linear => (1.0 - x).max(0.0),
            Kernel::Cubic(a) if x <= 1.0 => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
            Kernel::Cubic(a) if x < 2.0 => ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a,
            Kernel::Cubic(_) => 0.0,
        }
    }
}

/// All that a node says of how it resizes.
#[derive(Debug, Clone)]
pub(super) struct Interpolation {
    pub(super) kernel: Kernel,
    pub(super) coordinates: Coordinates,
    pub(super) nearest: Nearest,
    /// Whether the kernel is widened where an axis gets shorter.
    pub(super) antialias: bool,
    /// Whether neighbours beyond the edge count nothing, rather than as much as the edge.
    pub(super) exclude_outside: bool,
}

impl Interpolation {
    /// The neighbours and their weights, for each position after. None for those outside of what was there.
    pub(super) fn rows(&self, along: &Along) -> TractResult<Vec<TVec<(usize, f32)>>> {
        ensure!(along.scale > 0.0 && along.before > 0, "an axis of length {} scaled by {}", along.before, along.scale);
        Ok((0..along.after).map(|position| self.row(position, along)).collect())
    }

    fn row(&self, position: usize, along: &Along) -> TVec<(usize, f32)> {
        let coordinate = self.coordinates.of(position, along);
        let last = along.before as f32 - 1.0;
        let outside = coordinate < 0.0 || coordinate > last;
        if self.coordinates == Coordinates::CropAndResize && outside {
            return tvec![];
        }
        if self.kernel == Kernel::Nearest {
            return tvec![(self.nearest.of(coordinate, along.scale).clamp(0.0, last) as usize, 1.0)];
        }
        let shrinks = self.antialias && along.scale < 1.0;
        let widened = if shrinks { 1.0 / along.scale } else { 1.0 };
        let reach = self.kernel.support() * widened;
        let first = (coordinate - reach).floor() as isize;
        let past = (coordinate + reach).ceil() as isize + 1;
        let mut row: TVec<(usize, f32)> = tvec![];
        for neighbour in first..past {
            let weight = self.kernel.weight((neighbour as f32 - coordinate) / widened);
            let beyond = neighbour < 0 || neighbour >= along.before as isize;
            if weight == 0.0 || (beyond && self.exclude_outside) {
                continue;
            }
            let index = neighbour.clamp(0, along.before as isize - 1) as usize;
            match row.last_mut() {
                Some((last, sum)) if *last == index => *sum += weight,
                _ => row.push((index, weight)),
            }
        }
        if shrinks || self.exclude_outside {
            let sum: f32 = row.iter().map(|(_, weight)| weight).sum();
            row.iter_mut().for_each(|(_, weight)| *weight /= sum);
        }
        row
    }
}
