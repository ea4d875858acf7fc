//! What workers hand over. Whatever takes its time is made with it, pixels too: neither a key nor a frame waits for that.

mod channels;
mod dream;
mod explained;
mod heads;
mod image;
mod peaks;
mod weights;
mod what_if;

pub use channels::{Activated, Channels};
pub use dream::{DreamFrame, Dreamt};
pub use explained::Explained;
pub use heads::{HeadRow, Heads};
pub(super) use image::thumbnail_size;
pub use image::{Decoded, Predicted, small_picture};
pub use peaks::Peaks;
pub use weights::{WeightRow, WeightRows, WeightTable};
pub use what_if::WhatIf;
