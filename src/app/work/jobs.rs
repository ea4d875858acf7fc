//! What the interface wants done, and what comes back.

use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::{
    Activated, Channels, Decoded, DreamFrame, Dreamt, End, Explained, Heads, Peaks, Predicted, WeightTable, WhatIf,
};
use crate::explain::{Aim, Asking, LayerChoice, Values};
use crate::model::Target;
use crate::network::StageTimes;
use crate::raster::Region;
use crate::session::ModelId;

/// Position of an image in [`State::entries`](crate::app::State::entries), which only ever grows at its end.
pub type ImageId = usize;

/// An image, as one model has it: what it says about the image and what it sees, which of a tensor is all that can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ImageKey {
    /// The model.
    pub model: ModelId,
    /// The image.
    pub id: ImageId,
}

/// What a map is of. The same key means the same map.
#[derive(Debug, Clone, PartialEq)]
pub struct MapKey {
    /// The image, and whose map of it.
    pub image: ImageKey,
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

/// Which channels: those of a layer, ordered by what they contribute to a target.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ChannelsKey {
    /// The image, and whose channels.
    pub image: ImageKey,
    /// The layer, an index into [`Network::layers`](crate::network::Network::layers).
    pub layer: usize,
    /// The target; never `Top`.
    pub target: Target,
}

/// Which heads: those of a block, asked by a token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HeadsKey {
    /// The image, and whose heads.
    pub image: ImageKey,
    /// The block, as a position in [`ModelSummary::attention`](crate::app::ModelSummary::attention).
    pub block: usize,
    /// Who asks.
    pub asking: Asking,
}

/// Which superpixels of an image are hidden. The same key means the same input.
#[derive(Debug, Clone, PartialEq)]
pub struct WhatIfKey {
    /// The image, and who is asked about it.
    pub image: ImageKey,
    /// How the image is divided, and what hides: parameters of methods that need superpixels; none of them NaN.
    pub values: Values,
    /// The superpixels that are hidden, ascending.
    pub hidden: Vec<u32>,
}

impl Eq for WhatIfKey {}

impl Hash for WhatIfKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.image, &self.hidden).hash(state);
    }
}

/// Which weights: those of a node, for one of its outputs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WeightsKey {
    /// The model.
    pub model: ModelId,
    /// The node, by its ONNX name.
    pub node: String,
    /// The output.
    pub output: usize,
}

/// Which place: the one in an image that takes a channel to an end of its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PlaceKey {
    /// The image, and whose channel.
    pub image: ImageKey,
    /// The layer, an index into [`Network::layers`](crate::network::Network::layers), and its channel.
    pub unit: (usize, usize),
    /// The end.
    pub end: End,
    /// Row and column in the layer's grid where the channel is there.
    pub at: (usize, usize),
}

/// Which dream. The same key means the same picture in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DreamKey {
    /// The model.
    pub model: ModelId,
    /// What is to be excited.
    pub aim: Aim,
    /// What it begins with.
    pub start: DreamStart,
}

/// What a dream begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DreamStart {
    /// Near grey: noise, another one for each number.
    Noise(u64),
    /// What the model sees of an image.
    Image(ImageId),
}

/// A piece of work for one image.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Job {
    /// Decode the image and predict: [`Report::Decoded`] as soon as there are pixels, then [`Report::Predicted`].
    Open(ImageKey),
    /// Predict only, for the list: [`Report::Predicted`].
    Classify(ImageKey),
    /// Make a map: [`Report::Partial`] any number of times, then [`Report::Explained`].
    Explain(MapKey),
    /// Read the channels of a layer: [`Report::Activated`], then [`Report::Channels`].
    Channels(ChannelsKey),
    /// Read what the heads of a block attend to: [`Report::Attended`].
    Attend(HeadsKey),
    /// Find out how strongly the image excites the channels of a layer (an index into
    /// [`Network::layers`](crate::network::Network::layers)): [`Report::Predicted`], then [`Report::Surveyed`].
    Survey(ImageKey, usize),
    /// Hide superpixels and predict: [`Report::WhatIf`].
    WhatIf(WhatIfKey),
    /// Read weights, which no image changes: [`Report::Weights`].
    Weights(WeightsKey),
    /// Find out how long the stages of the model take, whatever the image: [`Report::Timed`].
    Time(ModelId),
    /// Find the place in the image that excites a channel: [`Report::Placed`].
    Place(PlaceKey),
    /// Dream, with the image for company: [`Report::Dreaming`] any number of times, then [`Report::Dreamt`].
    Dream(DreamKey),
}

impl Job {
    /// The model that is asked.
    pub fn model(&self) -> ModelId {
        match self {
            Job::Open(image) | Job::Classify(image) | Job::Survey(image, _) => image.model,
            Job::Explain(key) => key.image.model,
            Job::Channels(key) => key.image.model,
            Job::Attend(key) => key.image.model,
            Job::WhatIf(key) => key.image.model,
            Job::Weights(key) => key.model,
            Job::Time(model) => *model,
            Job::Place(key) => key.image.model,
            Job::Dream(key) => key.model,
        }
    }
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

/// All work that is wanted, best first. It replaces the agenda before: what is not on it any more is dropped from the queue,
/// or cancelled where it runs already. What runs already and is still on it goes on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Agenda {
    /// Counts agendas; a higher one replaces a lower one.
    pub generation: u64,
    /// At most one per job.
    pub tasks: Vec<Task>,
}

/// What came of a task. Errors are messages for people, one line.
#[derive(Debug, Clone)]
pub enum Report {
    /// An image has pixels.
    Decoded(ImageKey, Result<Arc<Decoded>, String>),
    /// An image has predictions.
    Predicted(ImageKey, Result<Arc<Predicted>, String>),
    /// A method is at work: model calls done and planned, and the map so far where there is one.
    Partial(MapKey, (usize, usize), Option<Arc<Explained>>),
    /// A method is done. Not sent for cancelled work.
    Explained(MapKey, Result<Arc<Explained>, String>),
    /// How active a layer is; what its channels contribute is still to come.
    Activated(ChannelsKey, Arc<Activated>),
    /// The channels of a layer.
    Channels(ChannelsKey, Result<Arc<Channels>, String>),
    /// The heads of a block.
    Attended(HeadsKey, Result<Arc<Heads>, String>),
    /// How strongly an image excites the channels of a layer.
    Surveyed(ImageKey, usize, Result<Arc<Peaks>, String>),
    /// What the model says with superpixels hidden.
    WhatIf(WhatIfKey, Result<Arc<WhatIf>, String>),
    /// The weights of a node.
    Weights(WeightsKey, Result<Arc<WeightTable>, String>),
    /// How long the stages of a model take. Not sent for cancelled work.
    Timed(ModelId, Result<Arc<StageTimes>, String>),
    /// The place that excites a channel, in shares of the input's width and height; none where no pixel moves it.
    Placed(PlaceKey, Result<Option<Region>, String>),
    /// A dream as it forms.
    Dreaming(DreamKey, Arc<DreamFrame>),
    /// A dream is over. Not sent for cancelled work.
    Dreamt(DreamKey, Result<Arc<Dreamt>, String>),
    /// Files were written.
    Exported(Result<Vec<PathBuf>, String>),
}
