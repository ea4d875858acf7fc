//! What the model expects of its input, and who says so.
//!
//! Wrong preprocessing is the most common reason for wrong predictions, and nothing in a picture shows it. So every setting
//! keeps its [`Origin`], and what nobody says is a guess that is announced as one. Settings are looked for in this order:
//! flags, the sidecar, the files that Hugging Face, timm or Ultralytics put beside the model, the metadata of the ONNX file,
//! what the graph itself does to its input, and last the defaults of ImageNet classifiers.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

pub use super::choices::{ChannelOrder, Middle, Range, Resize, Size};
use crate::network::{Layout, OutputActivation};
use crate::raster::resize::Filter;
use crate::text::Escaped;

/// Where the names of the classes are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum LabelSource {
    /// A file in any of the usual forms, or a folder whose folders are named after the classes.
    File(PathBuf),
    /// The names themselves.
    Names(Vec<String>),
}

/// The settings that one source gives: the flags, or a file. What it does not mention, the next source decides.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// The size of the input.
    pub input_size: Option<Size>,
    /// How the image is brought near to that size.
    pub resize: Option<Resize>,
    /// The part of the resized image, from its centre, that is kept.
    pub crop: Option<Size>,
    /// The grey of what a letterboxed image leaves free.
    pub pad: Option<u8>,
    /// How the middle of the crop is found.
    pub middle: Option<Middle>,
    /// The kernel of the resize.
    pub interpolation: Option<Filter>,
    /// The interval to which pixels are brought before mean and deviation.
    pub range: Option<Range>,
    /// What is subtracted from the values of that range: one number, or one a channel, red first.
    pub mean: Option<Vec<f32>>,
    /// What the difference is divided by: one number, or one a channel, red first.
    pub std: Option<Vec<f32>>,
    /// The order of the channels.
    pub channel_order: Option<ChannelOrder>,
    /// The order of the axes.
    pub layout: Option<Layout>,
    /// The names of the classes.
    pub labels: Option<LabelSource>,
    /// The names of the folders that hold the images of each class, where they are not those of the classes: ImageNet's
    /// synsets.
    pub folders: Option<LabelSource>,
    /// The output that holds the scores.
    pub output: Option<String>,
    /// What makes probabilities of the scores.
    pub activation: Option<OutputActivation>,
    /// From which probability on a class is said, where several may be; in `[0, 1]`.
    pub threshold: Option<f32>,
    /// Name i of the labels is that of class i plus this.
    pub labels_offset: Option<i64>,
    /// What the source says about the input that is not obeyed, because nobody here knows how: fields by their names.
    pub ignored: Vec<String>,
}

/// Who decided a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag on the command line.
    Flag,
    /// The sidecar, or a file that came with the model.
    File(PathBuf),
    /// The metadata in the ONNX file.
    Metadata,
    /// What the ONNX file computes: its shapes, or the first operators of its graph.
    Graph,
    /// The values that came out of a first run.
    Values,
    /// Nobody: the classes are named after the folders here.
    Folders(PathBuf),
    /// Nobody: what most ImageNet classifiers expect, or most networks for small images.
    Guess,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag => f.write_str("flag"),
            Origin::File(path) => Escaped::from(path.as_path()).fmt(f),
            Origin::Metadata => f.write_str("ONNX metadata"),
            Origin::Graph => f.write_str("ONNX graph"),
            Origin::Values => f.write_str("the values of a first run"),
            Origin::Folders(path) => write!(f, "a guess: the folders of {}", Escaped::from(path.as_path())),
            Origin::Guess => f.write_str("a guess"),
        }
    }
}

/// A value, and who decided it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Who decided it.
    pub origin: Origin,
}

/// Every setting of the input, decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The size of the input.
    pub input_size: Setting<Size>,
    /// How the image is brought near to that size.
    pub resize: Setting<Resize>,
    /// The part that is kept after resizing. None: all of it.
    pub crop: Setting<Option<Size>>,
    /// The grey of what a letterboxed image leaves free, where somebody says so.
    pub pad: Option<u8>,
    /// How the middle of the crop is found.
    pub middle: Middle,
    /// The kernel of the resize.
    pub interpolation: Setting<Filter>,
    /// The interval to which pixels are brought.
    pub range: Setting<Range>,
    /// What is subtracted from the values of that range, one a channel, red first.
    pub mean: Setting<Vec<f32>>,
    /// What the difference is divided by, one a channel, red first.
    pub std: Setting<Vec<f32>>,
    /// 1 for grey, 3 for colour, 4 with transparency. Others take tensors alone, no pictures.
    pub channels: Setting<usize>,
    /// The order of the channels.
    pub channel_order: Setting<ChannelOrder>,
    /// The order of the axes.
    pub layout: Setting<Layout>,
}

impl Settings {
    /// Every setting as its name in the sidecar, its value, and who decided it.
    pub fn rows(&self) -> Vec<(&'static str, String, &Origin)> {
        let numbers = |values: &[f32]| values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let crop = self.crop.value.map_or("none".to_owned(), |size| size.to_string());
        vec![
            ("input_size", self.input_size.value.to_string(), &self.input_size.origin),
            ("resize", self.resize.value.to_string(), &self.resize.origin),
            ("crop", crop, &self.crop.origin),
            ("interpolation", self.interpolation.value.to_string(), &self.interpolation.origin),
            ("range", self.range.value.to_string(), &self.range.origin),
            ("mean", numbers(&self.mean.value), &self.mean.origin),
            ("std", numbers(&self.std.value), &self.std.origin),
            ("channels", self.channels.value.to_string(), &self.channels.origin),
            ("channel_order", self.channel_order.value.to_string(), &self.channel_order.origin),
            ("layout", self.layout.value.to_string(), &self.layout.origin),
        ]
    }

    /// The settings that nobody decided and that change the prediction when the guess is wrong.
    pub fn guesses(&self) -> Vec<&'static str> {
        let matter = ["input_size", "resize", "crop", "range", "mean", "std"];
        let guessed =
            |(name, _, origin): &(&'static str, String, &Origin)| matter.contains(name) && **origin == Origin::Guess;
        self.rows().into_iter().filter(guessed).map(|(name, ..)| name).collect()
    }

    /// What to tell whoever is about to trust the predictions.
    pub(super) fn notices(&self) -> Vec<String> {
        let guesses = self.guesses();
        if guesses.is_empty() {
            return vec![];
        }
        let verb = if guesses.len() == 1 { "is" } else { "are" };
        vec![format!("{} {verb} a guess", guesses.join(", "))]
    }

    /// Height and width of a tensor of this shape, with a batch of 1 or none, if its channels are the input's.
    pub(super) fn sides_of(&self, shape: &[usize]) -> Option<[usize; 2]> {
        let channels = self.channels.value;
        match (shape, self.layout.value) {
            ([found, height, width] | [1, found, height, width], _) if *found == channels => Some([*height, *width]),
            ([height, width, found] | [1, height, width, found], Layout::Nhwc) if *found == channels => {
                Some([*height, *width])
            }
            _ => None,
        }
    }

    /// The shape of the input tensor, batch first.
    pub fn shape(&self) -> [usize; 4] {
        let Size { width, height } = self.input_size.value;
        let (width, height, channels) = (width as usize, height as usize, self.channels.value);
        match self.layout.value {
            Layout::Nchw => [1, channels, height, width],
            Layout::Nhwc => [1, height, width, channels],
        }
    }
}
