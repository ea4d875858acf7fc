//! The model that comes with the program.

/// A model in the binary.
pub(super) struct Bundled {
    /// What it is called.
    pub(super) name: &'static str,
    /// The graph with its weights.
    pub(super) onnx: &'static [u8],
    /// How its input is prepared, as TOML.
    pub(super) sidecar: &'static str,
    /// Where that text is in the repository.
    pub(super) sidecar_name: &'static str,
}

/// The model, once it is trained.
pub(super) const BUNDLED: Option<Bundled> = None;
