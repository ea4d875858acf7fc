//! ONNX classifiers: loading them, what they expect as input, what their outputs are called, and running them.
//!
//! From the file to the graph: `source` finds the files of a model and `file_kind` says what strange ones are; `wire` and
//! `onnx_file` read the graph as a message, of which `nodes` and `constants` answer questions; `passes` make it simpler,
//! `operators` are those that the program reads for itself, and `graph` makes tract's typed graph of it.
//!
//! What goes in: `opening` reads what the graph does to its input and `front` runs that part by itself; `sidecar`, `hub`,
//! `processor` and `properties` read the files beside the model and the metadata in it; `settings` says what there is to
//! set, in the values of `choices`; `decide` settles it and remembers who said so; `preprocess` turns an image into the
//! input tensor.
//!
//! What comes out: `output` finds the raw scores in the graph, `activation` decides what makes probabilities of them,
//! `doubts` says what is odd about them, and `labels` names the classes. `target` and `target_spec` are what is explained.
//!
//! `classifier` is all of it together, with the [`crate::network`] that runs the graph; `fingerprint` says which one it is.

mod activation;
mod builtin;
mod choices;
mod classifier;
mod constants;
mod decide;
mod doubts;
mod error;
mod file_kind;
mod fingerprint;
mod front;
mod graph;
mod hub;
mod labels;
mod nodes;
mod onnx_file;
mod opening;
mod operators;
mod output;
mod passes;
mod preprocess;
mod processor;
mod properties;
mod settings;
mod sidecar;
mod source;
mod target;
mod target_spec;
mod wire;

pub use classifier::{Classifier, Output, TensorError, TensorProblem};
pub use error::{ExternalDataProblem, MissingOperator, ModelError, ModelProblem};
pub use fingerprint::Fingerprint;
pub use front::FrontError;
pub use labels::{JointLabels, Labels};
pub use operators::onnx;
pub use preprocess::{CropGeometry, PictureError, Prepared};
pub use settings::{ChannelOrder, LabelSource, Middle, Origin, Overrides, Range, Resize, Setting, Settings, Size};
pub use source::ModelSource;
pub use target::{Target, TargetError};
pub use target_spec::{ClassSpec, TargetSpec, TargetSpecError};
