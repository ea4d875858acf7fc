//! Options that every command takes: the model, how it is fed, and what its classes are called.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;

use crate::gallery::{Alpha, DecodeOptions, Depth, Exif};
use crate::model::{ChannelOrder, LabelSource, ModelSource, Overrides, Range, Resize, Size};
use crate::network::{Layout, OutputActivation};
use crate::raster::resize::Filter;
use crate::session::RunOptions;

/// How many classes are reported where nobody says how many.
const TOP: u32 = 5;

/// Options that every command takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct CommonArgs {
    /// Seed of the random numbers
    #[arg(long, global = true, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Number of threads [default: all cores]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// How many of the best classes to report [default: 5]; of a channel, how many images (`units`) [default: 9]
    #[arg(long, global = true, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(in crate::cli) top: Option<u32>,
    /// Say more: every layer (`model`), the summary as well (`classify`)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(in crate::cli) verbose: u8,
    /// Append the messages of standard error to a file, too
    #[arg(long, global = true, value_name = "FILE")]
    pub(in crate::cli) log: Option<PathBuf>,
    /// ONNX file, a folder as Hugging Face or timm write it, or `builtin`; the interface, `compare` and `explain` take two, the
    /// old one first
    #[arg(
        long = "model",
        global = true,
        env = "SEEWHY_MODEL",
        default_value = "builtin",
        value_name = "FILE|DIR|builtin",
        help_heading = "Model"
    )]
    pub(in crate::cli) models: Vec<PathBuf>,
    #[command(flatten)]
    scores: ScoreArgs,
    #[command(flatten)]
    names: NameArgs,
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    pictures: PictureArgs,
}

/// What the scores are.
#[derive(Debug, Args)]
#[command(next_help_heading = "Model")]
struct ScoreArgs {
    /// The output that holds the class scores, where there are several
    #[arg(long, global = true, value_name = "NAME")]
    output: Option<String>,
    /// What makes probabilities of the scores: softmax, sigmoid or none [default: as the graph does, else softmax]
    #[arg(long, global = true, value_name = "HOW")]
    activation: Option<OutputActivation>,
    /// The least probability at which a class is said, where an image may have several [default: 0.5]
    #[arg(long, global = true, value_name = "P", value_parser = probability, allow_hyphen_values = true)]
    threshold: Option<f32>,
}

/// What classes are called, and of which class images are.
#[derive(Debug, Args)]
#[command(next_help_heading = "Classes")]
struct NameArgs {
    /// Class names: lines, CSV, JSON, YAML, pbtxt or a Python list; an index in it is used
    #[arg(long, global = true, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Class names: those of the folders in this one, sorted, as torchvision's ImageFolder and Keras number them
    #[arg(long, global = true, value_name = "DIR", conflicts_with = "labels")]
    labels_from: Option<PathBuf>,
    /// Name i is that of output i + N: 1 where the model has a background class first that the names lack, -1 where the
    /// names have it and the model lacks it
    #[arg(long, global = true, value_name = "N", allow_hyphen_values = true)]
    labels_offset: Option<i64>,
    /// The true classes of images: CSV, JSON lines, or a path and a class a line; the class by name, folder or index,
    /// several as a+b [default: the folders that images are in]
    #[arg(long, global = true, value_name = "FILE")]
    truth: Option<PathBuf>,
}

/// How pixels become the input.
#[derive(Debug, Args)]
#[command(next_help_heading = "Preprocessing")]
struct InputArgs {
    /// Input size in pixels
    #[arg(long, global = true, value_name = "WxH")]
    input_size: Option<Size>,
    /// How an image is brought to size: shortest:N, squash, letterbox, inside:WxH, cover:WxH, centre:KEPT/OF or none
    #[arg(long, global = true, value_name = "HOW")]
    resize: Option<Resize>,
    /// Centre crop after resizing
    #[arg(long, global = true, value_name = "WxH")]
    crop: Option<Size>,
    /// Kernel of the resize: bilinear, bicubic, lanczos or nearest
    #[arg(long, global = true, value_name = "KERNEL")]
    interpolation: Option<Filter>,
    /// What pixels are scaled to, before mean and deviation: 0..1, 0..255 or -1..1
    #[arg(long, global = true, value_name = "FROM..TO", allow_hyphen_values = true)]
    range: Option<Range>,
    /// Mean subtracted from the values of that range: one number or one per channel
    #[arg(long, global = true, value_name = "R,G,B", value_delimiter = ',', allow_hyphen_values = true)]
    mean: Option<Vec<f32>>,
    /// Standard deviation to divide by: one number or one per channel
    #[arg(long, global = true, value_name = "R,G,B", value_delimiter = ',')]
    std: Option<Vec<f32>>,
    /// Channel order: rgb or bgr
    #[arg(long, global = true, value_name = "ORDER")]
    channel_order: Option<ChannelOrder>,
    /// Axis order: nchw or nhwc
    #[arg(long, global = true, value_name = "LAYOUT")]
    layout: Option<Layout>,
}

/// How files become pixels.
#[derive(Debug, Args)]
#[command(next_help_heading = "Pictures")]
struct PictureArgs {
    /// Transparent pixels: laid on white or black, or drop, to keep their colour as Pillow does [default: white, and a
    /// warning]
    #[arg(long, global = true, value_name = "HOW")]
    alpha: Option<Alpha>,
    /// Bits that deep images (16-bit, float) use: 8, 10, 12, 14, 16, or auto for the fewest that hold each [default: all, and
    /// a warning where few are used]
    #[arg(long, global = true, value_name = "BITS")]
    depth: Option<Depth>,
    /// The orientation that a camera noted: apply or ignore [default: apply]
    #[arg(long, global = true, value_name = "HOW")]
    exif: Option<Exif>,
}

impl CommonArgs {
    /// The model.
    ///
    /// # Errors
    /// When several are given.
    pub(in crate::cli) fn model(&self) -> anyhow::Result<ModelSource> {
        let [model] = self.models.as_slice() else {
            bail!("{} models were given, and this takes one; `seewhy compare` takes two", self.models.len());
        };
        Ok(ModelSource::from(model.as_path()))
    }

    /// The model, and the one that is held against it, if any.
    ///
    /// # Errors
    /// When there are more.
    pub(in crate::cli) fn one_or_two_models(&self) -> anyhow::Result<(ModelSource, Option<ModelSource>)> {
        let source = |path: &PathBuf| ModelSource::from(path.as_path());
        match self.models.as_slice() {
            [model] => Ok((source(model), None)),
            [first, second] => Ok((source(first), Some(source(second)))),
            models => bail!("{} models were given; the interface shows one, or two side by side", models.len()),
        }
    }

    /// The settings given as flags.
    pub(in crate::cli) fn overrides(&self) -> Overrides {
        let CommonArgs { scores, names, input, .. } = self;
        Overrides {
            input_size: input.input_size,
            resize: input.resize,
            crop: input.crop,
            interpolation: input.interpolation,
            range: input.range,
            mean: input.mean.clone(),
            std: input.std.clone(),
            channel_order: input.channel_order,
            layout: input.layout,
            labels: names.labels.clone().or(names.labels_from.clone()).map(LabelSource::File),
            labels_offset: names.labels_offset,
            output: scores.output.clone(),
            activation: scores.activation,
            threshold: scores.threshold,
            ..Overrides::default()
        }
    }

    /// What holds for all that a model is asked; sampling methods stop at this relative standard error.
    pub(in crate::cli) fn run_options(&self, tolerance: Option<f64>) -> RunOptions {
        let PictureArgs { alpha, depth, exif } = self.pictures;
        let decoding = DecodeOptions { alpha, depth, exif: exif.unwrap_or_default() };
        RunOptions { decoding, seed: self.seed, tolerance, top: self.top() }
    }

    /// How many of the best classes are reported.
    pub(in crate::cli) fn top(&self) -> usize {
        self.top.unwrap_or(TOP) as usize
    }

    /// The file that says the classes of images.
    pub(in crate::cli) fn truth(&self) -> Option<&Path> {
        self.names.truth.as_deref()
    }

    /// How many threads to use.
    pub(in crate::cli) fn threads(&self) -> usize {
        self.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from)
    }
}

fn probability(text: &str) -> Result<f32, String> {
    let value = text.parse().ok().filter(|value| (0.0..=1.0).contains(value));
    value.ok_or_else(|| "a probability is a number from 0 to 1".to_owned())
}
