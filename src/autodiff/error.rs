//! What can go wrong when a graph is differentiated.

use thiserror::Error;
use tract_onnx::prelude::TractError;

/// An operator that stops the gradient, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// The operator, in tract's words.
    pub operator: String,
    /// The ONNX name of the node.
    pub node: String,
    /// Why the gradient stops there.
    pub reason: String,
}

/// Why a graph has no gradient.
#[derive(Debug, Error)]
pub enum Error {
    /// No rule is known for an operator between the wanted outlets and the output, or its rule refuses this use of it.
    #[error("no gradient through {} at node {:?}: {}", .0.operator, .0.node, .0.reason)]
    Unsupported(Unsupported),
    /// The graph itself is malformed.
    #[error("could not build the gradient graph: {0:#}")]
    Graph(TractError),
}

/// By hand, since the message tells all of it already: it is no source besides.
impl From<TractError> for Error {
    fn from(error: TractError) -> Error {
        Error::Graph(error)
    }
}
