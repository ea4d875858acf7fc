//! Pixels in, pixels out: heat maps, colour maps, resizing, compositing. No files, no models.

pub mod caption;
pub mod npy;
pub mod resize;
pub mod superpixels;

mod colormap;
mod composite;
mod heat;
mod region;

pub use colormap::Colormap;
pub use composite::{Composition, Heat, Superpixels};
pub use heat::{Sign, display_map, display_scale, is_flat};
pub use region::Region;

/// A scalar field over an image, row-major `[height, width]`.
pub type Map = ndarray::Array2<f32>;
