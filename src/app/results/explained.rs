//! A map, as a method returned it and as it is coloured.

use std::sync::Arc;
use std::time::Duration;

use ndarray::Array2;

use crate::explain::Attribution;
use crate::raster::{Map, display_map, display_scale, is_flat};

/// A finished or partial map.
#[derive(Debug, Clone)]
pub struct Explained {
    /// What the method returned.
    pub attribution: Attribution,
    /// The map as it is coloured, see [`display_map`].
    pub shown: Arc<Map>,
    /// The value that the strongest colour stands for, see [`display_scale`].
    pub scale: f32,
    /// Smallest and largest raw value.
    pub range: (f32, f32),
    /// Whether the map is the same everywhere: then it says nothing.
    pub flat: bool,
    /// Which part of the input each of its superpixels is, where it has some.
    pub shares: Vec<f32>,
    /// The method's time, without the forward pass; so far, for a partial map.
    pub elapsed: Duration,
    /// Model calls done and planned, while it is partial.
    pub progress: Option<(usize, usize)>,
}

impl Explained {
    /// Wraps what a method returned.
    pub fn new(attribution: Attribution, elapsed: Duration, progress: Option<(usize, usize)>) -> Explained {
        let shown = Arc::new(display_map(&attribution.map, attribution.sign));
        let scale = display_scale(&attribution.map, attribution.sign);
        let (low, high) = attribution
            .raw
            .iter()
            .filter(|value| value.is_finite())
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)));
        let range = if low <= high { (low, high) } else { (0.0, 0.0) };
        let flat = is_flat(&shown);
        let shares = attribution.segments.as_ref().map(|segments| shares(&segments.labels)).unwrap_or_default();
        Explained { attribution, shown, scale, range, flat, shares, elapsed, progress }
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        let values = self.attribution.map.len() + self.attribution.values.len() + self.attribution.raw.len();
        4 * (values + self.shown.len())
    }
}

/// Which part of the input each superpixel is.
pub(super) fn shares(labels: &Array2<u32>) -> Vec<f32> {
    let mut sizes = vec![0usize; labels.iter().max().map_or(0, |last| *last as usize + 1)];
    for label in labels {
        sizes[*label as usize] += 1;
    }
    let pixels = labels.len().max(1) as f32;
    sizes.into_iter().map(|size| size as f32 / pixels).collect()
}
