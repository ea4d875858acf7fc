//! How strongly an image excites the channels of a layer.

use std::sync::Arc;

use image::RgbImage;
use ndarray::{ArrayView2, Axis};

use crate::network::Activation;
use crate::raster::{Map, reduced};

/// Longest side of a kept map, in cells.
const LONGEST: usize = 28;

/// How strongly an image excites the channels of a layer, and what it looks like to the model.
#[derive(Debug, Clone)]
pub struct Peaks {
    pub(in crate::app) channels: Vec<Peak>,
    pub(in crate::app) small: Arc<RgbImage>,
}

/// How strongly an image excites a channel.
#[derive(Debug, Clone)]
pub(in crate::app) struct Peak {
    /// The largest value.
    pub(in crate::app) value: f32,
    pub(in crate::app) lowest: f32,
    /// The values, `[h, w]`, reduced.
    pub(in crate::app) map: Arc<Map>,
}

impl Peaks {
    /// Of a layer's output, `[C, h, w]`, for an image with that [`small_picture`](super::small_picture).
    pub fn new(activation: &Activation, small: Arc<RgbImage>) -> Peaks {
        let peak = |channel: ArrayView2<'_, f32>| {
            let finite = || channel.iter().copied().filter(|value| value.is_finite());
            let map = reduced(&channel.to_owned(), LONGEST);
            Peak {
                value: finite().fold(f32::NEG_INFINITY, f32::max),
                lowest: map.iter().copied().fold(0.0, f32::min),
                map: Arc::new(map),
            }
        };
        Peaks { channels: activation.axis_iter(Axis(0)).map(peak).collect(), small }
    }
}
