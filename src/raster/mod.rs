//! Pixels in, pixels out: heat maps, colour maps, resizing, compositing. No input or output, no models.

/// A scalar field over an image, row-major `[height, width]`.
pub type Map = ndarray::Array2<f32>;
