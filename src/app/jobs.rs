//! What the interface wants done, and what comes back.

use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use image::RgbImage;

use super::{Channels, ChannelsKey, Peaks, Picture};
use crate::explain::{Attribution, LayerChoice, Values};
use crate::model::Target;
use crate::network::{Prediction, Scores};
use crate::raster::{Map, Region, display_map, display_scale, is_flat};

/// Position of an image in [`State::entries`](super::State::entries), which only ever grows at its end.
pub type ImageId = usize;

/// What a map is of. The same key means the same map.
#[derive(Debug, Clone, PartialEq)]
pub struct MapKey {
    /// The image.
    pub image: ImageId,
    /// The method's name in the registry.
    pub method: &'static str,
    /// The target; never `Top`, so that a rank and a class that mean the same share a map.
    pub target: Target,
    /// The layer; `Auto` for methods that need none.
    pub layer: LayerChoice,
    /// The parameters that were set; none of them NaN.
    pub values: Values,
}

impl Eq for MapKey {}

impl Hash for MapKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.image, self.method, self.target, &self.layer).hash(state);
    }
}

/// A piece of work for one image.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Job {
    /// Decode the image and predict: [`Report::Decoded`] as soon as there are pixels, then [`Report::Predicted`].
    Open(ImageId),
    /// Predict only, for the list: [`Report::Predicted`].
    Classify(ImageId),
    /// Make a map: [`Report::Partial`] any number of times, then [`Report::Explained`].
    Explain(MapKey),
    /// Read the channels of a layer: [`Report::Channels`].
    Channels(ChannelsKey),
    /// Find out how strongly the image excites the channels of a layer (an index into
    /// [`Network::layers`](crate::network::Network::layers)): [`Report::Predicted`], then [`Report::Surveyed`].
    Survey(ImageId, usize),
}

/// How soon a task is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// The user looks at the place where the result will be.
    Now,
    /// The user may come by next.
    Ahead,
    /// Sooner or later.
    Background,
}

/// A job with what is needed to do it.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// What to do.
    pub job: Job,
    /// The image's file.
    pub path: Arc<Path>,
    /// How soon.
    pub priority: Priority,
}

/// All work that is wanted, best first. It replaces the plan before: what is not on it any more is dropped from the queue,
/// or cancelled where it runs already. What runs already and is still on it goes on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// Counts plans; a higher one replaces a lower one.
    pub generation: u64,
    /// At most one per job.
    pub tasks: Vec<Task>,
}

/// An image's pixels, upright.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The pixels, reduced where the file holds more than any screen shows.
    pub picture: Arc<RgbImage>,
    /// Width and height in the file, upright.
    pub size: (u32, u32),
}

/// What the model says about an image.
#[derive(Debug, Clone)]
pub struct Predicted {
    /// The best classes, best first; at least nine where the model has that many.
    pub top: Vec<Prediction>,
    /// Raw score of each class, by index, with what they mean.
    pub logits: Scores,
    /// Probability of each class, by index.
    pub probabilities: Arc<[f32]>,
    /// What the model saw, as 8-bit pixels at its input size.
    pub seen: Arc<RgbImage>,
    /// The same as a [`small_picture`](super::small_picture).
    pub small: Arc<RgbImage>,
    /// Which part of the image that was, in pixels of the file's upright image.
    pub region: Region,
    /// What must be known about the image before what is said of it is trusted, a sentence each, safe to print.
    pub warnings: Vec<String>,
    /// Preprocessing and forward pass.
    pub elapsed: Duration,
}

impl Predicted {
    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        let small = if Arc::ptr_eq(&self.seen, &self.small) { 0 } else { self.small.as_raw().len() };
        self.seen.as_raw().len() + small + 4 * self.probabilities.len()
    }
}

/// A finished or partial map.
#[derive(Debug, Clone)]
pub struct Explained {
    /// What the method returned.
    pub attribution: Attribution,
    /// The map as it is coloured, see [`display_map`].
    pub shown: Arc<Map>,
    /// The value that the strongest colour stands for, see [`display_scale`].
    pub scale: f32,
    /// Smallest and largest raw value.
    pub range: (f32, f32),
    /// Whether the map is the same everywhere: then it says nothing.
    pub flat: bool,
    /// The method's time, without the forward pass; so far, for a partial map.
    pub elapsed: Duration,
    /// Model calls done and planned, while it is partial.
    pub progress: Option<(usize, usize)>,
}

impl Explained {
    /// Wraps what a method returned.
    pub fn new(attribution: Attribution, elapsed: Duration, progress: Option<(usize, usize)>) -> Explained {
        let shown = Arc::new(display_map(&attribution.map, attribution.sign));
        let scale = display_scale(&attribution.map, attribution.sign);
        let (low, high) = attribution
            .raw
            .iter()
            .filter(|value| value.is_finite())
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)));
        let range = if low <= high { (low, high) } else { (0.0, 0.0) };
        let flat = is_flat(&shown);
        Explained { attribution, shown, scale, range, flat, elapsed, progress }
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        let values = self.attribution.map.len() + self.attribution.values.len() + self.attribution.raw.len();
        4 * (values + self.shown.len())
    }
}

/// What came of a task. Errors are messages for people, one line.
#[derive(Debug, Clone)]
pub enum Report {
    /// An image has pixels.
    Decoded(ImageId, Result<Arc<Decoded>, String>),
    /// An image has predictions.
    Predicted(ImageId, Result<Arc<Predicted>, String>),
    /// A method is at work: model calls done and planned, and the map so far where there is one.
    Partial(MapKey, (usize, usize), Option<Arc<Explained>>),
    /// A method is done. Not sent for cancelled work.
    Explained(MapKey, Result<Arc<Explained>, String>),
    /// The channels of a layer.
    Channels(ChannelsKey, Result<Arc<Channels>, String>),
    /// How strongly an image excites the channels of a layer.
    Surveyed(ImageId, usize, Result<Arc<Peaks>, String>),
    /// Files were written.
    Exported(Result<Vec<PathBuf>, String>),
}

/// What is to be written.
#[derive(Debug, Clone)]
pub enum Export {
    /// A map.
    Map(Box<MapExport>),
    /// A channel.
    Channel(ChannelExport),
}

/// A channel to be written, as it is shown.
#[derive(Debug, Clone)]
pub struct ChannelExport {
    /// The image's file.
    pub path: Arc<Path>,
    /// The layer, as users know it.
    pub layer: String,
    /// The channel.
    pub channel: usize,
    /// The pictures on screen, each with what sets its file's name apart and what it shows in words.
    pub pictures: Vec<(&'static str, Picture, String)>,
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
    /// Work, see [`Plan`].
    Plan(Plan),
    /// Write files, then [`Report::Exported`].
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
    /// Draw everything anew and send the pictures again.
    Redraw,
    /// Give the terminal back and stop until the shell continues us.
    Suspend,
    /// Leave.
    Quit,
}
