//! An image: its pixels, and what the model says about it.

use std::sync::Arc;
use std::time::Duration;

use image::{RgbImage, imageops};

use crate::network::{Prediction, Scores};
use crate::raster::Region;

/// Longest side of a picture among others, in pixels: as much as the ninth part of a pane shows.
const THUMBNAIL: u32 = 192;
/// Longest side of what a model saw that is kept as it is: most see no more.
const SMALL: u32 = 256;

/// An image's pixels, upright.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The pixels, reduced where the file holds more than any screen shows.
    pub picture: Arc<RgbImage>,
    /// Width and height in the file, upright.
    pub size: (u32, u32),
}

/// What the model says about an image.
#[derive(Debug, Clone)]
pub struct Predicted {
    /// The best classes, best first; at least nine where the model has that many.
    pub top: Vec<Prediction>,
    /// Raw score of each class, by index, with what they mean.
    pub logits: Scores,
    /// Probability of each class, by index.
    pub probabilities: Arc<[f32]>,
    /// What the model saw, as 8-bit pixels at its input size.
    pub seen: Arc<RgbImage>,
    /// The same as a [`small_picture`](super::small_picture).
    pub small: Arc<RgbImage>,
    /// Which part of the image that was, in pixels of the file's upright image.
    pub region: Region,
    /// What must be known about the image before what is said of it is trusted, a sentence each, safe to print.
    pub warnings: Vec<String>,
    /// Preprocessing and forward pass.
    pub elapsed: Duration,
}

impl Predicted {
    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        let small = if Arc::ptr_eq(&self.seen, &self.small) { 0 } else { self.small.as_raw().len() };
        self.seen.as_raw().len() + small + 4 * self.probabilities.len()
    }
}

/// Width and height of a picture of that width and height among others.
pub(in crate::app) fn thumbnail_size((width, height): (u32, u32)) -> (u32, u32) {
    let scale = (THUMBNAIL as f32 / width.max(height).max(1) as f32).min(1.0);
    let side = |side: u32| ((side as f32 * scale).round() as u32).max(1);
    (side(width), side(height))
}

/// The picture, small enough to keep many of them.
pub fn small_picture(picture: &Arc<RgbImage>) -> Arc<RgbImage> {
    let (width, height) = picture.dimensions();
    if width.max(height) <= SMALL {
        return Arc::clone(picture);
    }
    let (width, height) = thumbnail_size((width, height));
    Arc::new(imageops::thumbnail(picture.as_ref(), width, height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pictures_are_small_and_keep_their_proportions() {
        assert_eq!(
            [(224, 224), (32, 32), (1200, 600), (1, 5000)].map(thumbnail_size),
            [(192, 192), (32, 32), (192, 96), (1, 192)]
        );
        let small = |width, height| small_picture(&Arc::new(RgbImage::new(width, height))).dimensions();
        assert_eq!([small(224, 224), small(1200, 600)], [(224, 224), (192, 96)]);
    }
}
