//! From an image to what the network says of it.

use std::path::Path;
use std::sync::Arc;

use image::RgbImage;
use ndarray::ArrayD;

use super::image::prepare;
use super::{InputError, Opened, Session};
use crate::gallery::Decoded;
use crate::model::{Classifier, CropGeometry, Prepared};
use crate::network::{Activation, Network, NetworkError, Pass, Scores, with_threads};
use crate::raster::Region;

/// The longest side of a picture under an exported heat map, in pixels.
const LONGEST_SIDE: u32 = 1024;

/// An image that went through the network.
#[derive(Debug)]
pub struct Looked {
    /// The forward pass.
    pub pass: Arc<Pass>,
    /// What the network saw, at the size of its input.
    pub seen: RgbImage,
    /// Which part of the image that was, in pixels of the file's upright image.
    pub region: Region,
}

/// The picture to lay heat over.
#[derive(Debug, Clone)]
pub struct Ground {
    /// The image, no larger than a report needs; of a tensor, what the network sees.
    pub picture: Arc<RgbImage>,
    /// Where the network's input lies in it.
    pub region: Region,
}

/// An image that went through the network, with the picture to lay heat over.
#[derive(Debug)]
pub struct Seen {
    /// The forward pass.
    pub pass: Pass,
    /// The picture.
    pub ground: Ground,
    /// What must be known about the image before what is said of it is trusted, a sentence each, safe to print.
    pub warnings: Vec<String>,
}

/// The pass of an input through a network, on `threads` threads.
///
/// # Errors
/// When the network fails.
pub fn forward(network: &Network, input: ArrayD<f32>, threads: usize) -> Result<Pass, NetworkError> {
    with_threads(threads, || network.forward(Arc::new(input)))
}

/// Prepares and runs an image that is open, on `threads` threads, and keeps a picture of it.
///
/// # Errors
/// When the network takes no such input or fails.
pub(super) fn see(classifier: &Classifier, opened: Opened, threads: usize) -> Result<Seen, InputError> {
    let Prepared { tensor, crop, seen } = prepare(classifier, &opened)?;
    // The whole image need not be held while the network is at work.
    let (picture, warnings) = match opened {
        Opened::Picture(Decoded { image, warnings }) => (reduced(image), warnings),
        Opened::Tensor(_) => (seen, vec![]),
    };
    let pass = forward(classifier.network(), tensor, threads)?;
    let scale = picture.width() as f32 / crop.image.0.max(1) as f32;
    let ground = Ground { picture: Arc::new(picture), region: region(&crop).scaled(scale, scale) };
    Ok(Seen { pass, ground, warnings })
}

impl Session {
    /// The scores of an image, on `threads` threads, and what must be known about the image: no pass that could be explained.
    ///
    /// # Errors
    /// When the image cannot be opened or the network fails.
    pub fn scores(&self, path: &Path, threads: usize) -> Result<(Scores, Vec<String>), InputError> {
        let (tensor, warnings) = self.tensor(path)?;
        Ok((with_threads(threads, || self.classifier.network().scores(tensor.view()))?, warnings))
    }

    /// The scores of an image that is open, on `threads` threads.
    ///
    /// # Errors
    /// When the network takes no such input or fails.
    pub fn scores_of(&self, opened: &Opened, threads: usize) -> Result<Scores, InputError> {
        let tensor = self.input(opened)?;
        Ok(with_threads(threads, || self.classifier.network().scores(tensor.view()))?)
    }

    /// The forward pass of an image on `threads` threads, and what must be known about the image: no picture is made.
    ///
    /// # Errors
    /// When the image cannot be opened or the network fails.
    pub fn pass(&self, path: &Path, threads: usize) -> Result<(Pass, Vec<String>), InputError> {
        let (tensor, warnings) = self.tensor(path)?;
        Ok((forward(self.classifier.network(), tensor, threads)?, warnings))
    }

    /// Opens, prepares and runs an image on `threads` threads.
    ///
    /// # Errors
    /// When the image cannot be opened or the network fails.
    pub fn see(&self, path: &Path, threads: usize) -> Result<Seen, InputError> {
        see(&self.classifier, self.open(path)?, threads)
    }

    /// Prepares and runs an image that is open, on `threads` threads.
    ///
    /// # Errors
    /// When the network takes no such input or fails.
    pub fn look(&self, opened: &Opened, threads: usize) -> Result<Looked, InputError> {
        let Prepared { tensor, crop, seen } = prepare(&self.classifier, opened)?;
        let pass = Arc::new(forward(self.classifier.network(), tensor, threads)?);
        Ok(Looked { pass, seen, region: region(&crop) })
    }

    /// The same on one thread, with the output of a layer, `[C, h, w]`.
    ///
    /// # Errors
    /// When the network takes no such input or fails.
    pub fn survey(&self, opened: &Opened, layer: usize) -> Result<(Looked, Activation), InputError> {
        let looked = self.look(opened, 1)?;
        let activation = with_threads(1, || self.classifier.network().activation(&looked.pass, layer))?;
        Ok((looked, activation))
    }
}

/// Where the network's input lies in the image.
pub(super) fn region(crop: &CropGeometry) -> Region {
    Region { x: crop.x as f32, y: crop.y as f32, width: crop.width as f32, height: crop.height as f32 }
}

/// The image at a size that a report needs.
fn reduced(image: image::DynamicImage) -> RgbImage {
    let longest = image.width().max(image.height());
    if longest <= LONGEST_SIDE {
        return image.into_rgb8();
    }
    image.resize(LONGEST_SIDE, LONGEST_SIDE, image::imageops::FilterType::Triangle).into_rgb8()
}
