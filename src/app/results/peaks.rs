//! How strongly an image excites the channels of a layer.

use std::sync::Arc;

use image::RgbImage;

use crate::network::Activation;
use crate::session::Peak;

/// How strongly an image excites the channels of a layer, and what it looks like to the model.
#[derive(Debug, Clone)]
pub struct Peaks {
    pub(in crate::app) channels: Vec<Peak>,
    pub(in crate::app) small: Arc<RgbImage>,
}

impl Peaks {
    /// Of a layer's output, `[C, h, w]`, for an image with that [`small_picture`](super::small_picture).
    pub fn new(activation: &Activation, small: Arc<RgbImage>) -> Peaks {
        Peaks { channels: Peak::all(activation), small }
    }
}
