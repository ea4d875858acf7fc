//! ONNX classifiers: loading them, what they expect as input, what their outputs are called, and running them.
//!
//! `load` reads the file, `manifest` settles every setting and remembers where it came from, `preprocess` turns an image
//! into the input tensor, `labels` names the outputs, and `network` runs the graph: forward, layer to logit, gradients.

mod names;
mod network;
mod target;

pub use names::{NodeNames, OnnxNode};
pub use network::{Activation, Layer, LayerGradient, LayerLayout, Network, NetworkError, Pass, with_threads};
pub use target::{Prediction, Target, TargetError, softmax};
