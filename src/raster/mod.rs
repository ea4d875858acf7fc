//! Pixels in, pixels out: heat maps, colour maps, resizing, compositing. No files, no models.

pub mod blur;
pub mod caption;
pub mod npy;
pub mod resize;
pub mod superpixels;

mod colormap;
mod composite;
mod contrast;
mod cut;
mod heat;
mod layer;
mod recipe;
mod region;
mod sheet;
mod smallest_box;
mod test_card;
mod tiles;
mod warp;

pub use colormap::Colormap;
pub use composite::{Composition, Frame, Heat, Superpixels};
pub use contrast::{Contrast, Placed};
pub use cut::Cut;
pub use heat::{Sign, display_map, display_scale, is_flat, layer_scale, percentile};
pub use layer::{LayerHeat, cells, layer_sign, mosaic};
pub use recipe::{Colouring, Recipe};
pub use region::Region;
pub use sheet::Sheet;
pub use smallest_box::smallest_box;
pub use test_card::{halves, test_card};
pub use tiles::{Tiles, reduced};
pub use warp::Warp;

/// A scalar field over an image, row-major `[height, width]`.
pub type Map = ndarray::Array2<f32>;
