//! The model that comes with the program.

/// What it is called.
pub(super) const NAME: &str = "cifar10";

/// The graph with its weights.
pub(super) const ONNX: &[u8] = include_bytes!("../../models/cifar10.onnx");

/// How its input is prepared.
pub(super) const SIDECAR: &str = include_str!("../../models/cifar10.toml");

/// Where that text is in the repository.
pub(super) const SIDECAR_PATH: &str = "models/cifar10.toml";
