//! What is kept of one image's way through a network.

use std::collections::HashMap;
use std::sync::Arc;

use ndarray::{Array3, ArrayD};
use tract_onnx::prelude::*;

use super::plans::Computed;
use super::scores::Scores;

/// A layer's output for one image, `[C, h, w]`.
pub type Activation = Array3<f32>;

/// A layer's output and the gradient of the target with respect to it, both `[C, h, w]`.
#[derive(Debug, Clone)]
pub struct LayerGradient {
    /// The layer's output.
    pub activation: Activation,
    /// The gradient of the target.
    pub gradient: Activation,
}

/// One forward pass of one image, kept so that other targets and layers need no second one.
#[derive(Debug, Clone)]
pub struct Pass {
    /// The input tensor, `[1, C, H, W]` (or `[1, H, W, C]` where the network wants it).
    pub input: Arc<ArrayD<f32>>,
    /// Raw scores, one a class.
    pub logits: Scores,
    /// Values that the tails start from: those of the trunk's layers, by outlet.
    pub(super) kept: HashMap<OutletId, Computed>,
}

impl Pass {
    /// The memory that the pass holds, in bytes.
    pub fn bytes(&self) -> usize {
        let kept: usize = self.kept.values().map(|value| value.len() * size_of::<f32>()).sum();
        kept + (self.input.len() + self.logits.len()) * size_of::<f32>()
    }
}
