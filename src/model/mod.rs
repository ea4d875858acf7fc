//! ONNX classifiers: loading them, what they expect as input, what their outputs are called, and running them.
//!
//! `source` finds the files of a model; `wire` and `onnx_file` read the graph as a message, `graph` makes tract's typed graph
//! of it, with `operators` that the program reads for itself, and `names` remembers what became what. `opening` reads with the help of
//! `constants` what the graph does to its input; `sidecar`, `hub`, `processor` and `properties` read the files beside it and
//! the metadata in it, `settings` says what there is
//! to set, `decide` settles it and remembers who said so. `preprocess` turns an image into the input tensor, `labels` names
//! the outputs, and `network` runs the graph: forward, layer to logit, gradients. `classifier` is all of it together.

mod activation;
mod builtin;
mod choices;
mod classifier;
mod constants;
mod decide;
mod doubts;
mod error;
mod file_kind;
mod front;
mod graph;
mod hub;
mod labels;
mod names;
mod network;
mod nodes;
mod onnx_file;
mod opening;
mod operators;
mod output;
mod passes;
mod preprocess;
mod processor;
mod properties;
mod scores;
mod settings;
mod sidecar;
mod source;
mod target;
mod wire;
mod wish;

pub use crate::autodiff::Unsupported;
pub use classifier::{Classifier, Output, TensorError, TensorProblem};
pub use error::{ExternalDataProblem, MissingOperator, ModelError, ModelProblem};
pub use labels::Labels;
pub use names::{NodeNames, OnnxNode};
pub use network::{
    Activation, ChangedRegion, Composite, Layer, LayerGradient, LayerLayout, Multipliers, Network, NetworkError, Pass,
    Propagation, RegionalRuns, with_threads,
};
pub use operators::onnx;
pub use preprocess::{CropGeometry, PictureError, Prepared};
pub use scores::{OutputActivation, Prediction, Scores, Scoring, agree};
pub use settings::{
    ChannelOrder, LabelSource, Layout, Middle, Origin, Overrides, Range, Resize, Setting, Settings, Size,
};
pub use source::ModelSource;
pub use target::{Target, TargetError};
pub use wish::{ClassWish, TargetWish, TargetWishError};
