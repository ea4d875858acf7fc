//! What the workers need from a model: everything slow, behind a trait, so that the loop is tested without one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ndarray::Array3;

use crate::app::{
    ChannelsKey, DreamFrame, DreamKey, Dreamt, Export, HeadsKey, MapKey, ModelSummary, PlaceKey, Predicted, Priority,
    WeightTable, WeightsKey, WhatIfKey,
};
use crate::explain::{Attribution, ExplainError, LayerChannels, Monitor, WhatIf};
use crate::gallery::Truths;
use crate::model::{JointLabels, Labels, TargetError};
use crate::network::{Activation, NetworkError, StageTimes};
use crate::raster::Region;
use crate::session::export::ExportError;
use crate::session::{InputError, Opened};

/// Makes the picture of a dream so far; none where the network fails.
pub type MakeFrame<'a> = dyn Fn() -> Option<DreamFrame> + 'a;

/// A loaded model, as the workers use it; from several threads at once.
pub trait Engine: Send + Sync {
    /// What the interface needs to know of the model.
    fn summary(&self) -> ModelSummary;

    /// What its classes are called.
    fn labels(&self) -> &Labels;

    /// Predicts for the file at `path`, which is open. Where the user waits for it, all cores may be used; where nobody looks
    /// at it, it is not worth memory.
    ///
    /// # Errors
    /// When the model takes no such input, or fails.
    fn predict(&self, path: &Path, opened: &Opened, priority: Priority) -> Result<Predicted, EngineError>;

    /// Makes a map.
    ///
    /// # Errors
    /// [`ExplainError::Cancelled`], or what the method says.
    fn explain(&self, path: &Path, key: &MapKey, monitor: &Monitor<'_>) -> Result<Attribution, EngineError>;

    /// Reads the channels of a layer; hands over what it holds before it asks what they contribute.
    ///
    /// # Errors
    /// [`ExplainError::Cancelled`], or what the network says.
    fn channels(
        &self,
        path: &Path,
        key: &ChannelsKey,
        monitor: &Monitor<'_>,
        activated: &mut dyn FnMut(&Activation),
    ) -> Result<LayerChannels, EngineError>;

    /// Reads what the heads of a block attend to, `[heads, rows, columns]`.
    ///
    /// # Errors
    /// [`ExplainError::Cancelled`], or what the network says.
    fn heads(&self, path: &Path, key: &HeadsKey, monitor: &Monitor<'_>) -> Result<Array3<f32>, EngineError>;

    /// Predicts with superpixels hidden.
    ///
    /// # Errors
    /// [`ExplainError::Cancelled`], why the image cannot be divided so, or what the network says.
    fn what_if(&self, path: &Path, key: &WhatIfKey, monitor: &Monitor<'_>) -> Result<WhatIf, EngineError>;

    /// Reads weights, as they are looked at.
    ///
    /// # Errors
    /// What the network says, or why there is nothing to look at.
    fn weights(&self, key: &WeightsKey) -> Result<WeightTable, EngineError>;

    /// Measures how long the stages take.
    ///
    /// # Errors
    /// [`ExplainError::Cancelled`], or what the network says.
    fn stage_times(&self, monitor: &Monitor<'_>) -> Result<StageTimes, EngineError>;

    /// Finds the place in an image that is open that excites a channel, in shares of the input's width and height; on one
    /// thread.
    ///
    /// # Errors
    /// When the model takes no such input, or has no gradient there.
    fn place(&self, opened: &Opened, key: &PlaceKey) -> Result<Option<Region>, EngineError>;

    /// Dreams. After each step `report` is handed what makes the picture so far, for when it is wanted.
    ///
    /// # Errors
    /// [`ExplainError::Cancelled`], why the image at `path` cannot be begun with, or what the network says.
    fn dream(
        &self,
        path: &Path,
        key: &DreamKey,
        monitor: &Monitor<'_>,
        report: &mut dyn FnMut(&MakeFrame<'_>),
    ) -> Result<Dreamt, EngineError>;

    /// Predicts, and reads the output of a layer, `[C, h, w]`, for an image that nobody looks at: on one thread.
    ///
    /// # Errors
    /// When the model takes no such input, or fails.
    fn survey(&self, opened: &Opened, layer: usize) -> Result<(Predicted, Activation), EngineError>;

    /// The file of an image has changed: nothing that is kept of it counts any more.
    fn forget(&self, _path: &Path) {}

    /// Writes a map and its overlay; returns the files.
    ///
    /// # Errors
    /// When one of them cannot be written.
    fn export(&self, export: &Export) -> Result<Vec<PathBuf>, EngineError>;
}

/// A second model, to be held against a first.
pub struct SecondEngine {
    /// The model, under a number that no other in this session has had.
    pub engine: Arc<dyn Engine>,
    /// The classes of both.
    pub joint: Arc<JointLabels>,
    /// Knows the true classes of images, in the classes of both.
    pub truths: Arc<Truths>,
}

/// Why a model has nothing to say, or what it said could not be written.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The model takes no such input, or fails.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The method refused, or was cancelled.
    #[error(transparent)]
    Explain(#[from] ExplainError),
    /// The image has no such target.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// No method is called so.
    #[error("there is no method {0}")]
    NoMethod(&'static str),
    /// It is not known where to write.
    #[error("cannot determine the current directory: {0}")]
    NoFolder(std::io::Error),
    /// There is nothing to look at.
    #[error("{0}")]
    Nothing(String),
    /// The network cannot be read.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A file could not be written.
    #[error(transparent)]
    Export(#[from] ExportError),
}
