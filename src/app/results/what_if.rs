//! What the model says of an image with some of its superpixels hidden.

use std::sync::Arc;

use image::RgbImage;
use ndarray::Array2;

use super::explained::shares;
use crate::explain;
use crate::network::Scores;

/// What the model says of an image with some of its superpixels hidden.
#[derive(Debug, Clone)]
pub struct WhatIf {
    /// The superpixel of each pixel, numbered from 0, `[H, W]`.
    pub labels: Arc<Array2<u32>>,
    /// Which part of the input each of them is.
    pub shares: Vec<f32>,
    /// What the model saw, as 8-bit pixels at its input size.
    pub seen: Arc<RgbImage>,
    /// Raw score of each class, by index.
    pub logits: Scores,
    /// Probability of each class, by index.
    pub probabilities: Arc<[f32]>,
}

impl WhatIf {
    /// Wraps what the model said.
    pub fn new(answer: explain::WhatIf) -> WhatIf {
        let explain::WhatIf { labels, seen, scores, .. } = answer;
        let (shares, probabilities) = (shares(&labels), scores.probabilities().into());
        WhatIf { labels, shares, seen: Arc::new(seen), logits: scores, probabilities }
    }

    /// Memory held, in bytes; the superpixels are shared.
    pub fn bytes(&self) -> usize {
        self.seen.as_raw().len() + 4 * (self.shares.len() + 2 * self.probabilities.len())
    }
}
