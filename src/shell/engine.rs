//! What the workers need from a model: everything slow, behind a trait, so that the loop is tested without one.

use std::path::{Path, PathBuf};

use image::DynamicImage;

use crate::app::{ChannelsKey, Export, MapKey, ModelSummary, Predicted};
use crate::explain::{Attribution, ExplainError, LayerChannels, Monitor};
use crate::network::Activation;

/// A loaded model, as the workers use it; from several threads at once.
pub trait Engine: Send + Sync {
    /// What the interface needs to know of the model.
    fn summary(&self) -> ModelSummary;

    /// Predicts. `image` holds the upright pixels, and is `None` for a file that is a tensor already. With `urgent`, the
    /// user waits for this one, and all cores may be used for it.
    ///
    /// # Errors
    /// One line for people.
    fn predict(&self, path: &Path, image: Option<&DynamicImage>, urgent: bool) -> Result<Predicted, String>;

    /// Makes a map. `decode` gets the pixels if they are needed.
    ///
    /// # Errors
    /// [`ExplainError::Cancelled`], or what the method says.
    fn explain(
        &self,
        path: &Path,
        key: &MapKey,
        decode: &dyn Fn() -> Result<DynamicImage, String>,
        monitor: &Monitor<'_>,
    ) -> Result<Attribution, EngineError>;

    /// Reads the channels of a layer. `decode` gets the pixels if they are needed.
    ///
    /// # Errors
    /// [`ExplainError::Cancelled`], or what the network says.
    fn channels(
        &self,
        path: &Path,
        key: &ChannelsKey,
        decode: &dyn Fn() -> Result<DynamicImage, String>,
        monitor: &Monitor<'_>,
    ) -> Result<LayerChannels, EngineError>;

    /// Predicts, and reads the output of a layer, `[C, h, w]`, for an image that nobody looks at: on one thread. `image` is as
    /// for [`Engine::predict`].
    ///
    /// # Errors
    /// One line for people.
    fn survey(
        &self,
        path: &Path,
        layer: usize,
        image: Option<&DynamicImage>,
    ) -> Result<(Predicted, Activation), String>;

    /// Writes a map and its overlay; returns the files.
    ///
    /// # Errors
    /// One line for people.
    fn export(&self, export: &Export) -> Result<Vec<PathBuf>, String>;
}

/// Why there is no map, or no channels.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The file could not be decoded.
    #[error("{0}")]
    Decode(String),
    /// The method refused, or was cancelled.
    #[error(transparent)]
    Explain(#[from] ExplainError),
}
