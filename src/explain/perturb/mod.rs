//! Methods that ask the model about changed inputs: windows slid over the image, superpixels hidden, soft masks.
//!
//! What they share with the class activation maps that ask about channels (samples, in blocks, until a map has settled) is
//! one floor up, in `sampling`. Here are the `division` into superpixels, and the `linear` models of the answers.

mod division;
mod kl_bounds;
mod linear;

pub(super) mod anchors;
pub(super) mod flip;
pub(super) mod kernel_shap;
pub(super) mod lime;
pub(super) mod occlusion;
pub(super) mod rise;
mod what_if;

pub use division::HIDE;
pub(super) use division::PARAMS as SUPERPIXEL_PARAMS;
pub use kernel_shap::{constrained_values, shapley_values};
pub use lime::lime_plane;
pub use occlusion::Windows;
pub use rise::{Masks, SoftMask, rise_with_masks};
pub use what_if::{WhatIf, what_if};
