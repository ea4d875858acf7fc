//! What is to be done in the world outside.

use std::path::Path;
use std::sync::Arc;

use super::{Agenda, DreamKey, Dreamt, Explained, ImageId, MapKey, ModelId, Picture, Predicted};

/// What is to be written.
#[derive(Debug, Clone)]
pub enum Export {
    /// A map.
    Map(Box<MapExport>),
    /// A channel, a head, or a stage.
    Channel(ChannelExport),
    /// A dream.
    Dream(DreamExport),
}

impl Export {
    /// The model whose map or channel it is.
    pub fn model(&self) -> ModelId {
        match self {
            Export::Map(map) => map.key.image.model,
            Export::Channel(channel) => channel.model,
            Export::Dream(dream) => dream.key.model,
        }
    }
}

/// A channel, a head, or a stage, to be written as it is shown.
#[derive(Debug, Clone)]
pub struct ChannelExport {
    /// The model.
    pub model: ModelId,
    /// The image's file.
    pub path: Arc<Path>,
    /// The layer, as users know it.
    pub layer: String,
    /// Which channel or head: what it is in a word, and its number in the layer; none where it is the layer.
    pub unit: Option<(&'static str, usize)>,
    /// The pictures on screen, each with what sets its file's name apart and what it shows in words.
    pub pictures: Vec<(&'static str, Picture, String)>,
}

/// A dream to be written.
#[derive(Debug, Clone)]
pub struct DreamExport {
    /// Which one.
    pub key: DreamKey,
    /// The file of the image that it began with, where it did.
    pub begun: Option<Arc<Path>>,
    /// The dream.
    pub dreamt: Arc<Dreamt>,
}

/// A map to be written, with all that its description says.
#[derive(Debug, Clone)]
pub struct MapExport {
    /// The image's file.
    pub path: Arc<Path>,
    /// What the map is of.
    pub key: MapKey,
    /// The map.
    pub explained: Arc<Explained>,
    /// The overlay as it is shown.
    pub overlay: Picture,
    /// What the model says about the image.
    pub predicted: Arc<Predicted>,
}

/// What `update` wants done.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Work, see [`Agenda`].
    Agenda(Agenda),
    /// Write files, then [`Report::Exported`](super::Report::Exported).
    Export(Export),
    /// Remember that an image is marked, or is not any more.
    Mark {
        /// The image.
        image: ImageId,
        /// Its file.
        path: Arc<Path>,
        /// Whether it is marked from now on.
        marked: bool,
    },
    /// Put text on the clipboard (OSC 52).
    Copy(String),
    /// Tell when a moment has passed in which no other of these came, by an [`Action::Rested`](super::Action::Rested) with
    /// its number.
    Rest(u64),
    /// Draw everything anew and send the pictures again.
    Redraw,
    /// Give the terminal back and stop until the shell continues us.
    Suspend,
    /// Leave.
    Quit,
}
