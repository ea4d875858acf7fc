//! The network as plans that run: forward, from a layer to the logits with the gradient, gradient of the input.

use std::collections::HashMap;
use std::sync::Arc;

use ndarray::{Array3, ArrayD};
use thiserror::Error;

use crate::autodiff;

/// How the values of a layer lie in its tensor, and so how they become `[C, h, w]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerLayout {
    /// `[1, C, h, w]`, a convolutional layer.
    ChannelsFirst,
    /// `[1, h, w, C]`, such as Swin's blocks.
    ChannelsLast,
    /// `[1, prefix + h * w, C]`, a transformer's tokens; the prefix (class token, registers) is dropped.
    Tokens {
        /// Tokens before the patch grid.
        prefix: usize,
    },
}

/// A node whose output has spatial extent, so that a class activation map can be made of it.
#[derive(Debug, Clone)]
pub struct Layer {
    /// The ONNX name of the node.
    pub name: String,
    /// The name of the tensor that it outputs in the ONNX file; accepted in place of `name`.
    pub tensor: String,
    /// The module path that PyTorch's default exporter records (`layer4.1.relu`), where there is one.
    pub path: Option<String>,
    /// The ONNX operator (`Relu`, `Conv`, ...), in tract's words where the file does not say.
    pub operator: String,
    /// `[C, h, w]`.
    pub shape: [usize; 3],
    /// How the tensor is laid out.
    pub layout: LayerLayout,
    /// Whether every path from input to logits goes through it: these are the layers to step through.
    pub trunk: bool,
}

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
    pub logits: Vec<f32>,
    /// Internal values that the tails start from, by outlet.
    pub(super) kept: HashMap<(usize, usize), Arc<ArrayD<f32>>>,
}

/// Why a network could not be built or run.
#[derive(Debug, Error)]
pub enum NetworkError {
    /// tract refused.
    #[error("{attempt}: {source:#}")]
    Tract {
        /// What was attempted, on which node.
        attempt: String,
        /// tract's account.
        source: tract_onnx::prelude::TractError,
    },
    /// No gradient.
    #[error(transparent)]
    Gradient(#[from] autodiff::Error),
    /// The layer named does not exist or has no spatial extent.
    #[error("no layer {0:?}; `seewhy model` lists those that a class activation map can use")]
    NoSuchLayer(String),
    /// The input has another shape than the network's.
    #[error("the input has shape {found:?}, the network expects {expected:?}")]
    InputShape {
        /// What was given.
        found: Vec<usize>,
        /// What the network takes.
        expected: Vec<usize>,
    },
}

/// A loaded classifier network.
pub struct Network;
