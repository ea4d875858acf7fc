//! Why a model could not be loaded, in words for the person who pointed at it.

use std::fmt;
use std::io;

use thiserror::Error;

use super::file_kind;
use crate::network::NetworkError;
use crate::text::{Escaped, escape};

/// A model that could not be loaded: which one, and why.
#[derive(Debug, Error)]
#[error("cannot load the model {path}: {problem}")]
pub struct ModelError {
    /// The file or folder that was named.
    pub path: Escaped,
    /// What is wrong with it.
    pub problem: ModelProblem,
}

/// What is wrong with a model. Text from the file is shown escaped.
#[derive(Debug, Error)]
pub enum ModelProblem {
    /// It could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file has no bytes.
    #[error("the file is empty (0 bytes)")]
    Empty,
    /// The folder holds no model.
    #[error("the folder holds neither model.onnx, nor onnx/model.onnx, nor a single .onnx file")]
    EmptyFolder,
    /// It is something else.
    #[error("not an ONNX model{}", looks_like.map(|kind| format!(": this is {kind}")).unwrap_or_default())]
    NotOnnx {
        /// What it looks like, where that is known.
        looks_like: Option<&'static str>,
    },
    /// The file ends early.
    #[error("the file is cut off: it ends in the middle of a field")]
    Truncated,
    /// The file can't be read as a message.
    #[error("the file is broken: {0}")]
    Broken(String),
    /// The graph contradicts itself.
    #[error("the graph is not sound: {0}")]
    Malformed(String),
    /// A network that only makes sense, or runs, elsewhere.
    #[error("{what}: {remedy}")]
    Unsuitable {
        /// What it is, by the operator that shows it.
        what: String,
        /// What to export instead.
        remedy: String,
    },
    /// The folder holds several models, or other files than models.
    #[error("{0}")]
    Folder(String),
    /// A valid network that does not turn one image into scores of classes.
    #[error("not an image classifier: {0}")]
    NotClassifier(String),
    /// An output that only tells which classes are best, or only how good they are.
    #[error(
        "its output {output:?} holds what {operator} makes of the scores, not class scores: {}; \
         export it without {operator}",
        match *operator {
            "TopK" => "sorted values, whose classes change from image to image",
            "ArgMax" | "ArgMin" => "the index of a class",
            "OneHot" | "Hardmax" => "which class is the best, not how good each is",
            "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" | "Equal" => "yes or no for each class, not how sure",
            _ => "values that belong to no class",
        }
    )]
    NoScores {
        /// The output.
        output: String,
        /// The operator.
        operator: &'static str,
    },
    /// The same, where the network has several outputs.
    #[error("not an image classifier: {0}")]
    WrongOutput(String),
    /// tract has no implementation of these operators.
    #[error("tract cannot run {}", list(.0))]
    Operators(Vec<MissingOperator>),
    /// Weights that lie in another file, which cannot be had.
    #[error("the weights of {tensor:?} are in another file, {location:?}, {cause}")]
    ExternalData {
        /// The tensor.
        tensor: String,
        /// Where the model says that its values are.
        location: String,
        /// What is wrong with that.
        cause: ExternalDataProblem,
    },
    /// The graph only works for several images at a time.
    #[error("the batch size is fixed at {batch}{}, and the graph does not work for one image", by(.reshape.as_ref()))]
    FixedBatch {
        /// The batch size.
        batch: usize,
        /// The Reshape that fixes it, where one does.
        reshape: Option<String>,
    },
    /// A size was asked for that the graph does not take.
    #[error("{asked} was asked for by {by}, but the model's input is fixed at {fixed}")]
    FixedInput {
        /// What was asked for.
        asked: String,
        /// Who asked.
        by: String,
        /// What the graph takes.
        fixed: String,
    },
    /// `--output` names nothing.
    #[error("there is no output {asked:?}; the model has {}", quoted(.available))]
    NoSuchOutput {
        /// What was asked for.
        asked: String,
        /// The names of the outputs.
        available: Vec<String>,
    },
    /// A setting, a sidecar or another file beside the model is wrong.
    #[error("{}: {}", escape(origin), escape(message))]
    Setting {
        /// The flag or file.
        origin: String,
        /// What is wrong with it.
        message: String,
    },
    /// tract refused.
    #[error("{attempt}: {reason}")]
    Tract {
        /// What was attempted.
        attempt: &'static str,
        /// tract's account, shortened.
        reason: String,
    },
    /// The plans could not be made.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

/// An operator without an implementation, and the first node that needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingOperator {
    /// The ONNX operator.
    pub operator: String,
    /// The node.
    pub node: String,
    /// How many nodes need it.
    pub count: usize,
}

impl fmt::Display for MissingOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (operator, node) = (escape(&self.operator), &self.node);
        match self.count {
            1 => write!(f, "the operator {operator} of the node {node:?}"),
            count => write!(f, "the operator {operator} of {count} nodes, the first of them {node:?}"),
        }
    }
}

/// What is wrong with a file of weights.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExternalDataProblem {
    /// The path leads out of the folder of the model, which a model must not do.
    #[error("which is outside the model's folder: refused")]
    Outside,
    /// There is no such file.
    #[error("which is missing; it must lie beside the model")]
    Missing,
    /// The file is too short.
    #[error("which has {found} bytes where {needed} are needed")]
    Short {
        /// Bytes in the file.
        found: u64,
        /// Bytes up to the end of the tensor.
        needed: u64,
    },
    /// The position is no number.
    #[error("at a position that is not a number")]
    Position,
}

impl ModelError {
    /// The one action that helps, where there is one.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match &self.problem {
            ModelProblem::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                "give a .onnx file, a folder that holds one, or `builtin`"
            }
            ModelProblem::EmptyFolder => "export one with `torch.onnx.export(model, (input,), \"model.onnx\")`",
            ModelProblem::NotOnnx { looks_like: Some(kind) } => return file_kind::hint(kind),
            ModelProblem::Empty | ModelProblem::Truncated => "copy or export the file again",
            ModelProblem::FixedBatch { .. } => "export it with a batch of 1, or with a dynamic batch",
            ModelProblem::WrongOutput(_) => "where one of several outputs holds the scores, name it with --output",
            ModelProblem::Operators(_) => "export with another opset, or without the layer that needs it",
            _ => return None,
        })
    }
}

fn by(reshape: Option<&String>) -> String {
    reshape.map(|node| format!(" by the Reshape {node:?}")).unwrap_or_default()
}

fn list(operators: &[MissingOperator]) -> String {
    operators.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}
