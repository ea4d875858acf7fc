//! Pixels in, pixels out: heat maps, colour maps, resizing, compositing. No files, no models.

pub mod npy;
pub mod resize;

/// A scalar field over an image, row-major `[height, width]`.
pub type Map = ndarray::Array2<f32>;
