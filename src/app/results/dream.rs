//! A dream: as it forms, and when it is over.

use std::sync::Arc;
use std::time::Duration;

use image::RgbImage;
use ndarray::ArrayD;

use crate::explain::{Dream, OverNoise};

/// A dream after some of its steps.
#[derive(Debug, Clone)]
pub struct DreamFrame {
    /// The picture so far, of the size of the model's input.
    pub picture: Arc<RgbImage>,
    /// What the unit says to it.
    pub value: f32,
    /// Steps done.
    pub step: usize,
}

/// A dream that is over.
#[derive(Debug, Clone)]
pub struct Dreamt {
    /// Its end.
    pub last: DreamFrame,
    /// The picture before it was rounded to 8 bits, see [`Dream::values`].
    pub values: Arc<ArrayD<f32>>,
    /// What the unit says to noise with the same frequencies.
    pub noise: OverNoise,
    /// Time that it took.
    pub elapsed: Duration,
}

impl Dreamt {
    /// Wraps what was dreamt in so many steps.
    pub fn new(dream: Dream, noise: OverNoise, step: usize, elapsed: Duration) -> Dreamt {
        let Dream { picture, values, value } = dream;
        let last = DreamFrame { picture: Arc::new(picture), value, step };
        Dreamt { last, values: Arc::new(values), noise, elapsed }
    }

    /// As it was dreamt.
    pub fn dream(&self) -> Dream {
        Dream {
            picture: self.last.picture.as_ref().clone(),
            values: self.values.as_ref().clone(),
            value: self.last.value,
        }
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        self.last.picture.as_raw().len() + 4 * self.values.len()
    }
}
