//! How methods divide an image into superpixels and hide some of them: the parameters they share, and what hides.

use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayD};

use crate::explain::frame::Frame;
use crate::explain::params::words;
use crate::explain::samples::SampleKey;
use crate::explain::{Attribution, ExplainError, Monitor, Param, ParamKind, Request, Segments, Sign, Subject};
use crate::raster::superpixels::{Felzenszwalb, Labels, Quickshift, Slic, Stop, grid};

/// The parameters of every method that needs superpixels.
pub(in crate::explain) const PARAMS: &[Param] =
    &[SEGMENTS, HIDE, KERNEL_SIZE, MAX_DIST, RATIO, COUNT, COMPACTNESS, SCALE];

#[derive(Clone, Copy)]
enum Divider {
    Quickshift,
    Slic,
    Felzenszwalb,
    Grid,
}

const DIVIDERS: [(&str, Divider); 4] = [
    ("quickshift", Divider::Quickshift),
    ("slic", Divider::Slic),
    ("felzenszwalb", Divider::Felzenszwalb),
    ("grid", Divider::Grid),
];

/// How the image is divided.
const SEGMENTS: Param = Param {
    name: "segments",
    kind: ParamKind::Choice { default: DIVIDERS[0].0, options: &words(&DIVIDERS) },
    help: "how the image is divided into superpixels",
};

/// Quickshift's kernel.
const KERNEL_SIZE: Param = Param {
    name: "kernel-size",
    kind: ParamKind::Real { default: 0.0, min: 0.0, max: 20.0 },
    help: "quickshift: width of the density's kernel in pixels, more for fewer superpixels; 0 for 4, less below 128 pixels",
};

/// Quickshift's reach.
const MAX_DIST: Param = Param {
    name: "max-dist",
    kind: ParamKind::Real { default: 200.0, min: 1.0, max: 1000.0 },
    help: "quickshift: the furthest step to a denser pixel, in pixels and weighted Lab",
};

/// Quickshift's weight of colour.
const RATIO: Param = Param {
    name: "ratio",
    kind: ParamKind::Real { default: 0.2, min: 0.0, max: 1.0 },
    help: "quickshift: weight of colour against place",
};

/// The number of superpixels where it can be chosen.
const COUNT: Param = Param {
    name: "count",
    kind: ParamKind::Integer { default: 50, min: 2, max: 400 },
    help: "slic, grid: about how many superpixels",
};

/// SLIC's compactness.
const COMPACTNESS: Param = Param {
    name: "compactness",
    kind: ParamKind::Real { default: 10.0, min: 0.01, max: 1000.0 },
    help: "slic: weight of place against colour",
};

/// The scale of the graph segmentation.
const SCALE: Param = Param {
    name: "scale",
    kind: ParamKind::Real { default: 100.0, min: 0.01, max: 100_000.0 },
    help: "felzenszwalb: more for larger superpixels",
};

#[derive(Clone, Copy)]
enum Hidden {
    Mean,
    Plain([u8; 3]),
    Blur,
}

const HIDDEN: [(&str, Hidden); 5] = [
    ("mean", Hidden::Mean),
    ("black", Hidden::Plain([0; 3])),
    ("grey", Hidden::Plain([128; 3])),
    ("white", Hidden::Plain([255; 3])),
    ("blur", Hidden::Blur),
];

/// What takes the place of a hidden superpixel.
pub const HIDE: Param = Param {
    name: "hide",
    kind: ParamKind::Choice { default: HIDDEN[0].0, options: &words(&HIDDEN) },
    help: "what hides a superpixel: its own mean colour, a colour, or the image out of focus",
};

/// The quickshift kernel of `lime_image`, in pixels, for images of at least 128 pixels.
const KERNEL: f64 = 4.0;
/// Smaller images get a kernel of this share of their shorter side, or only a handful of superpixels would be left.
const KERNEL_SHARE: f64 = 1.0 / 32.0;
/// The thirds of an image, down and across.
const PLACES: [[&str; 3]; 3] =
    [["top left", "top", "top right"], ["left", "centre", "right"], ["bottom left", "bottom", "bottom right"]];
/// More superpixels than this can not be told apart with any sensible number of model calls.
const MOST: usize = 500;

/// An image divided into superpixels, and what hides them.
pub(super) struct Division<'a> {
    pub(super) frame: Frame<'a>,
    pub(super) labels: Labels,
    /// The superpixel of each pixel, row by row.
    label_of: Vec<u32>,
    hidden: Vec<f32>,
    /// All parameters that matter, for the key of samples.
    pub(super) parameters: String,
}

impl<'a> Division<'a> {
    /// Divides the subject's image as the request asks; once, where samples are kept.
    ///
    /// # Errors
    /// [`ExplainError::Cancelled`]; [`ExplainError::Unsuitable`] when there are fewer than two superpixels or too many.
    pub(super) fn new(
        subject: Subject<'a>,
        request: &Request,
        monitor: &Monitor<'_>,
    ) -> Result<Division<'a>, ExplainError> {
        let frame = Frame::of(subject);
        // What hides the superpixels does not change them.
        let of_superpixels = settings(request, PARAMS.iter().filter(|param| **param != HIDE));
        let key = SampleKey::new("superpixels", subject, 0, of_superpixels);
        let labels = match subject.samples.and_then(|kept| kept.labels(&key)) {
            Some(labels) => labels,
            None => divide(&frame, request, &|| monitor.check().is_err()).ok_or(ExplainError::Cancelled)?,
        };
        if let Some(kept) = subject.samples {
            kept.put_labels(key, labels.clone());
        }
        if !(2..=MOST).contains(&labels.count) {
            let reason = format!(
                "the image has {} superpixels, and between 2 and {MOST} are needed; try segments=grid, another count or \
                 another kernel-size",
                labels.count
            );
            return Err(ExplainError::Unsuitable(reason));
        }
        let (height, width) = frame.extent();
        let hidden = match request.choice(&HIDE, &HIDDEN) {
            Hidden::Mean => frame.means(&labels),
            Hidden::Plain(colour) => frame.plain(colour),
            Hidden::Blur => frame.out_of_focus((height.min(width) as f64 / 16.0).max(1.0)),
        };
        let label_of = labels.pixels.iter().copied().collect();
        Ok(Division { frame, labels, label_of, hidden, parameters: settings(request, PARAMS) })
    }

    /// How many superpixels there are.
    pub(super) fn count(&self) -> usize {
        self.labels.count
    }

    /// The input with only those superpixels shown for which `mask` is true.
    pub(super) fn show(&self, mask: &[bool]) -> ArrayD<f32> {
        self.frame.hide(&self.hidden, |pixel| mask[self.label_of[pixel] as usize])
    }

    /// A map that gives each pixel the weight of its superpixel.
    pub(super) fn attribution(&self, weights: &Array1<f64>) -> Attribution {
        let weights: Vec<f32> = weights.iter().map(|weight| *weight as f32).collect();
        let map: Array2<f32> = self.labels.pixels.map(|label| weights[*label as usize]);
        let segments = Some(Segments { labels: Arc::clone(&self.labels.pixels), weights });
        Attribution { segments, ..Attribution::new(map, Sign::Signed) }
    }

    /// How much of the image superpixels cover, as a share of it.
    pub(super) fn covered(&self, segments: &[usize]) -> f64 {
        let sizes = self.labels.sizes();
        let total: usize = sizes.iter().sum();
        segments.iter().map(|segment| sizes[*segment]).sum::<usize>() as f64 / total.max(1) as f64
    }

    /// Where superpixels lie: `top left, the centre (3) and the right`.
    pub(super) fn places(&self, segments: &[usize]) -> String {
        let mut counts = [[0; 3]; 3];
        for segment in segments {
            let (down, across) = self.third(*segment);
            counts[down][across] += 1;
        }
        let named = PLACES.iter().flatten().zip(counts.iter().flatten()).filter(|(_, count)| **count > 0);
        let names: Vec<String> = named
            .map(|(name, count)| if *count > 1 { format!("{name} ({count})") } else { (*name).to_owned() })
            .collect();
        match names.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, others)) => format!("{} and the {last}", others.join(", the ")),
            None => String::new(),
        }
    }

    /// Which third of the image a superpixel's centre lies in, down and across.
    fn third(&self, segment: usize) -> (usize, usize) {
        let (height, width) = self.labels.pixels.dim();
        let pixels = self.labels.pixels.indexed_iter().filter(|(_, label)| **label as usize == segment);
        let (count, down, across) =
            pixels.fold((0, 0, 0), |(count, down, across), ((y, x), _)| (count + 1, down + y, across + x));
        let third = |sum: usize, side: usize| (3 * sum / (count * side).max(1)).min(2);
        (third(down, height), third(across, width))
    }
}

/// The values of these parameters, for keys.
fn settings<'a>(request: &Request, params: impl IntoIterator<Item = &'a Param>) -> String {
    let values: Vec<String> = params.into_iter().map(|param| format!("{:?}", request.value(param))).collect();
    values.join(" ")
}

fn divide(frame: &Frame<'_>, request: &Request, stop: &Stop<'_>) -> Option<Labels> {
    let (height, width) = frame.extent();
    let count = request.count(&COUNT);
    match request.choice(&SEGMENTS, &DIVIDERS) {
        Divider::Slic => {
            let compactness = request.real(&COMPACTNESS);
            Slic { segments: count, compactness, sigma: 0.0 }.segment(&frame.seen(), stop)
        }
        Divider::Felzenszwalb => {
            let min_size = (height * width / 1000).max(8);
            Some(Felzenszwalb { scale: request.real(&SCALE), sigma: 0.5, min_size }.segment(&frame.seen()))
        }
        Divider::Grid => {
            let (rows, columns) = grid_shape(count, height, width);
            Some(grid(height, width, rows, columns))
        }
        Divider::Quickshift => {
            let asked = request.real(&KERNEL_SIZE);
            let fitting = (height.min(width) as f64 * KERNEL_SHARE).clamp(1.0, KERNEL);
            let kernel_size = if asked > 0.0 { asked } else { fitting };
            let (max_dist, ratio) = (request.real(&MAX_DIST), request.real(&RATIO));
            Quickshift { kernel_size, max_dist, ratio }.segment(&frame.seen(), stop)
        }
    }
}

/// Rows and columns of a grid of about `count` cells that are nearly square: one cell too many or too few counts as much as
/// sides that differ by a fraction `4 / count`.
fn grid_shape(count: usize, height: usize, width: usize) -> (usize, usize) {
    let cost = |rows: usize, columns: usize| {
        let sides = (height * columns) as f64 / (width * rows) as f64;
        sides.ln().abs() + 4.0 * (rows * columns).abs_diff(count) as f64 / count as f64
    };
    let shapes = (1..=count).flat_map(|rows| [count / rows, count.div_ceil(rows)].map(|columns| (rows, columns)));
    shapes.min_by(|a, b| cost(a.0, a.1).total_cmp(&cost(b.0, b.1))).unwrap_or((1, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_has_the_cells_asked_for_where_they_are_nearly_square() {
        assert_eq!(grid_shape(8, 24, 28), (2, 4));
        assert_eq!(grid_shape(16, 24, 28), (4, 4));
        assert_eq!(grid_shape(50, 224, 224), (7, 7));
    }
}
