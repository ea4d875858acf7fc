//! What is measured, and what reports are made of.

use serde::Serialize;

use crate::explain::ExplainError;

/// A figure of one image: who explained it and what was measured, as numbers in the design.
pub(super) struct Figure {
    pub(super) explainer: usize,
    pub(super) measure: usize,
    pub(super) value: Result<Option<f64>, ExplainError>,
}

/// How far down weights were drawn anew.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Stage {
    /// So many of the nodes with weights, counted from the top.
    pub(super) redrawn: usize,
    /// How many of them there are.
    pub(super) of: usize,
    /// The lowest of them.
    pub(super) down_to: String,
}
