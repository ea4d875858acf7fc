//! What can go wrong with a network.

use thiserror::Error;
use tract_onnx::prelude::TractError;

use crate::autodiff;
use crate::model::error::reason;

/// Why a network could not be built or run.
#[derive(Debug, Error)]
pub enum NetworkError {
    /// NaN or infinite scores, with which nothing can be said of the image.
    #[error("the scores are not finite: the first is {value} for class {class}{}", if *.all { ", and no other is finite" } else { "" })]
    NotFinite {
        /// The first class whose score is not finite.
        class: usize,
        /// NaN or an infinity.
        value: f32,
        /// Whether that holds for every class.
        all: bool,
    },
    /// tract refused.
    #[error("{attempt}: {}", reason(source))]
    Tract {
        /// What was attempted, on which node.
        attempt: String,
        /// tract's account.
        source: TractError,
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
    /// A replaced activation or a cotangent has another shape than the value that it stands for.
    #[error("{what} has shape {found:?}, expected {expected:?}")]
    Shape {
        /// What was given.
        what: &'static str,
        /// Its shape.
        found: Vec<usize>,
        /// The shape of what it stands for.
        expected: Vec<usize>,
    },
}

/// For `map_err`: what was attempted.
pub(super) fn tract(attempt: impl Into<String>) -> impl FnOnce(TractError) -> NetworkError {
    |source| NetworkError::Tract { attempt: attempt.into(), source }
}
