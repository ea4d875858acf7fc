//! The command line's words. Names are a contract: scripts rely on them.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::evidence::MEASURES;
use crate::explain::{METHODS, Param};
use crate::gallery::{Alpha, DecodeOptions, Depth, Exif};
use crate::model::{ChannelOrder, LabelSource, Layout, OutputActivation, Overrides, Range, Resize, Size};
use crate::raster::resize::Filter;

/// See why an image classifier said so, without leaving the terminal.
#[derive(Debug, Parser)]
#[command(
    name = "seewhy",
    version,
    about,
    max_term_width = 100,
    after_help = "\
Examples:
  seewhy demo                                    look around with the bundled model and pictures
  seewhy val/ --model net.onnx                   walk through a folder of images
  find . -name '*.jpg' -print0 | seewhy - --model net.onnx
  seewhy classify val/ --model net.onnx --format csv
  seewhy explain cat.jpg --method grad-cam --target tabby --out maps/"
)]
pub(super) struct Cli {
    /// What to do; without it, the interface opens.
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    /// Directories, images, .npy tensors, or - for a list on standard input; the current directory when there is none.
    #[arg(value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) screen: ScreenArgs,
    #[command(flatten)]
    pub(super) common: CommonArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Open the interface on the bundled pictures and model
    Demo(DemoArgs),
    /// Print predictions only, one JSON object per image and line
    Classify(ClassifyArgs),
    /// Write explanation maps, one JSON line per image and method
    #[command(after_long_help = parameters())]
    Explain(ExplainArgs),
    /// Measure how faithful the maps of some methods are, beside baselines that know nothing of the model
    Evaluate(EvaluateArgs),
    /// Say what a model file holds: inputs, preprocessing, layers, what stops a method
    Model(ModelArgs),
    /// Say what this terminal can do, and show a test card for each way to draw pictures in it
    Doctor(DoctorArgs),
    /// Print the images that were marked in the interface, a path per line
    Marks(MarksArgs),
    /// Print a completion script for a shell
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    #[command(flatten)]
    pub(super) screen: ScreenArgs,
}

#[derive(Debug, Args)]
pub(super) struct MarksArgs {
    /// Only those below these folders
    #[arg(value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    /// End each path with NUL instead of a line break, as `xargs -0` and `seewhy -` read it
    #[arg(short = '0', long)]
    pub(super) null: bool,
    /// The file of marks [default: marks.jsonl in the user's state folder]
    #[arg(long, value_name = "FILE")]
    pub(super) marks: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Try this graphics protocol alone
    #[arg(long, value_enum, default_value = "auto")]
    pub(super) graphics: GraphicsChoice,
}

/// Which terminal graphics protocol draws the pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum GraphicsChoice {
    /// Ask the terminal and take the best that it draws
    Auto,
    /// kitty's protocol
    Kitty,
    /// iTerm2's inline images
    Iterm2,
    /// Sixel
    Sixel,
    /// Coloured half-blocks: any terminal
    Halfblocks,
    /// No pictures
    None,
}

#[derive(Debug, Args)]
pub(super) struct ScreenArgs {
    /// Method to begin with [default: grad-cam]; `m` chooses another. `seewhy explain --help` lists them
    #[arg(long, value_name = "NAME", value_parser = method_names(), hide_possible_values = true)]
    pub(super) method: Option<String>,
    /// Graphics protocol
    #[arg(long, value_enum, default_value = "auto")]
    pub(super) graphics: GraphicsChoice,
    /// Stop a sampling method once the map's standard error is below this share of its largest value, such as 0.05
    #[arg(long, value_name = "T", value_parser = share, allow_hyphen_values = true)]
    pub(super) tolerance: Option<f64>,
    /// Where marks are kept [default: marks.jsonl in the user's state folder]
    #[arg(long, value_name = "FILE")]
    pub(super) marks: Option<PathBuf>,
}

/// Options that every command takes.
#[derive(Debug, Args)]
pub(super) struct CommonArgs {
    /// ONNX file, a folder as Hugging Face or timm write it, or `builtin`
    #[arg(long, global = true, env = "SEEWHY_MODEL", default_value = "builtin", value_name = "FILE|DIR|builtin")]
    pub(super) model: PathBuf,
    #[command(flatten)]
    names: NameArgs,
    /// Input size in pixels
    #[arg(long, global = true, value_name = "WxH", help_heading = "Preprocessing")]
    input_size: Option<Size>,
    /// To what pixels are scaled, before mean and deviation if those are given: 0..1, 0..255 or -1..1
    #[arg(long, global = true, value_name = "FROM..TO", allow_hyphen_values = true, help_heading = "Preprocessing")]
    range: Option<Range>,
    /// Mean subtracted from the values of that range: one number or one per channel
    #[arg(
        long,
        global = true,
        value_name = "R,G,B",
        value_delimiter = ',',
        allow_hyphen_values = true,
        help_heading = "Preprocessing"
    )]
    mean: Option<Vec<f32>>,
    /// Standard deviation to divide by: one number or one per channel
    #[arg(long, global = true, value_name = "R,G,B", value_delimiter = ',', help_heading = "Preprocessing")]
    std: Option<Vec<f32>>,
    /// How an image is brought to size: shortest:N, squash, letterbox, inside:WxH, cover:WxH, centre:KEPT/OF or none
    #[arg(long, global = true, value_name = "HOW", help_heading = "Preprocessing")]
    resize: Option<Resize>,
    /// Centre crop after resizing
    #[arg(long, global = true, value_name = "WxH", help_heading = "Preprocessing")]
    crop: Option<Size>,
    /// Kernel of the resize: bilinear, bicubic, lanczos or nearest
    #[arg(long, global = true, value_name = "KERNEL", help_heading = "Preprocessing")]
    interpolation: Option<Filter>,
    /// Channel order: rgb or bgr
    #[arg(long, global = true, value_name = "ORDER", help_heading = "Preprocessing")]
    channel_order: Option<ChannelOrder>,
    /// Axis order: nchw or nhwc
    #[arg(long, global = true, value_name = "LAYOUT", help_heading = "Preprocessing")]
    layout: Option<Layout>,
    /// Transparent pixels: laid on white or black, or drop, to keep their colour as Pillow does [default: white, and a warning]
    #[arg(long, global = true, value_name = "HOW", help_heading = "Pictures")]
    alpha: Option<Alpha>,
    /// Bits that deep images (16-bit, float) use: 8, 10, 12, 14, 16, or auto for the fewest that
    /// hold each [default: all, and a warning where few are used]
    #[arg(long, global = true, value_name = "BITS", help_heading = "Pictures")]
    depth: Option<Depth>,
    /// The orientation that a camera noted: apply or ignore [default: apply]
    #[arg(long, global = true, value_name = "HOW", help_heading = "Pictures")]
    exif: Option<Exif>,
    /// The output that holds the class scores
    #[arg(long, global = true, value_name = "NAME")]
    output: Option<String>,
    /// What makes probabilities of the scores: softmax, sigmoid or none
    #[arg(long, global = true, value_name = "HOW")]
    activation: Option<OutputActivation>,
    /// From which probability on a class is said, where an image may have several [default: 0.5]
    #[arg(long, global = true, value_name = "P", value_parser = probability, allow_hyphen_values = true)]
    threshold: Option<f32>,
    /// Seed of the random numbers
    #[arg(long, global = true, default_value_t = 0, value_name = "N")]
    pub(super) seed: u64,
    /// How many threads work [default: all cores]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// How many of the best classes to report
    #[arg(long, global = true, default_value_t = 5, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) top: u32,
    /// Say more: every layer (`model`), how many images are right (`classify`)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
    /// Append the messages of standard error to a file, too
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) log: Option<PathBuf>,
}

/// What classes are called, and of which class images are.
#[derive(Debug, Args)]
struct NameArgs {
    /// Class names: lines, CSV, JSON, YAML, pbtxt or a Python list; an index in it is obeyed
    #[arg(long, global = true, value_name = "FILE", help_heading = "Classes")]
    labels: Option<PathBuf>,
    /// Class names: those of the folders in this one, sorted, as torchvision's ImageFolder and Keras number them
    #[arg(long, global = true, value_name = "DIR", conflicts_with = "labels", help_heading = "Classes")]
    labels_from: Option<PathBuf>,
    /// Name i is that of output i + N: 1 where the model has a background class first that the names lack, -1 where the
    /// names have it and the model lacks it
    #[arg(long, global = true, value_name = "N", allow_hyphen_values = true, help_heading = "Classes")]
    labels_offset: Option<i64>,
    /// The true classes of images: CSV, JSON lines, or a path and a class a line; the class by name, folder or index,
    /// several as a+b [default: the folders that images are in]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Classes")]
    truth: Option<PathBuf>,
}

impl CommonArgs {
    /// The settings given as flags.
    pub(super) fn overrides(&self) -> Overrides {
        Overrides {
            input_size: self.input_size,
            resize: self.resize,
            crop: self.crop,
            interpolation: self.interpolation,
            range: self.range,
            mean: self.mean.clone(),
            std: self.std.clone(),
            channel_order: self.channel_order,
            layout: self.layout,
            labels: self.names.labels.clone().or(self.names.labels_from.clone()).map(LabelSource::File),
            labels_offset: self.names.labels_offset,
            output: self.output.clone(),
            activation: self.activation,
            threshold: self.threshold,
            ..Overrides::default()
        }
    }

    /// How files become pixels.
    pub(super) fn decoding(&self) -> DecodeOptions {
        DecodeOptions { alpha: self.alpha, depth: self.depth, exif: self.exif.unwrap_or_default() }
    }

    /// The file that says the classes of images.
    pub(super) fn truth(&self) -> Option<&Path> {
        self.names.truth.as_deref()
    }

    /// How many threads to use.
    pub(super) fn threads(&self) -> usize {
        self.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from)
    }
}

/// How `classify` and `evaluate` print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum TableFormat {
    /// One JSON object per line
    Jsonl,
    /// Comma-separated values with a header
    Csv,
    /// Aligned columns for reading
    Table,
}

#[derive(Debug, Args)]
pub(super) struct ClassifyArgs {
    /// Directories, images, .npy tensors, or - for a list on standard input
    #[arg(required = true, value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    /// Only images that meet these conditions, as the interface's filter takes them: "is:wrong true:cat said:dog p<0.5"
    #[arg(long = "where", value_name = "CONDITIONS")]
    pub(super) wanted: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value = "jsonl")]
    pub(super) format: TableFormat,
}

/// What `explain` writes for each map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FileFormat {
    /// The overlay with a colour bar and the raw range
    Png,
    /// The values, float32
    Npy,
    /// The JSON line, as a file
    Json,
}

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// Directories, images, .npy tensors, or - for a list on standard input
    #[arg(required = true, value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    /// Only images that meet these conditions, as the interface's filter takes them: "is:wrong true:cat said:dog p<0.5"
    #[arg(long = "where", value_name = "CONDITIONS")]
    pub(super) wanted: Option<String>,
    /// Methods, separated by commas
    #[arg(long, value_delimiter = ',', default_value = "grad-cam", value_name = "NAME", value_parser = method_names())]
    pub(super) method: Vec<String>,
    /// What to explain: `top`, `top:2` for the second best, a class index, a label, or `a-b` for one against another;
    /// `p:` before a class explains its probability in place of its logit
    #[arg(long, default_value = "top", value_name = "TOP|INDEX|LABEL", allow_hyphen_values = true)]
    pub(super) target: String,
    /// Layers for class activation maps, by the names that `seewhy model` prints, separated by commas; the maps of several
    /// are averaged
    #[arg(long, value_delimiter = ',', default_value = "auto", value_name = "NODE|auto")]
    pub(super) layer: Vec<String>,
    /// A method's parameter, such as samples=500; may be given several times. `seewhy explain --help` lists them
    #[arg(long, value_name = "NAME=VALUE", value_parser = key_value)]
    pub(super) param: Vec<(String, String)>,
    /// Stop a sampling method once the map's standard error is below this share of its largest value, such as 0.05
    #[arg(long, value_name = "T", value_parser = share, allow_hyphen_values = true)]
    pub(super) tolerance: Option<f64>,
    /// Folder for the files, made where it is missing; without it, only the lines are printed
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Where a file is there already, that is an error; without this, files of the same request are replaced, and others
    /// stay: the new ones get longer names
    #[arg(long, requires = "out")]
    pub(super) no_clobber: bool,
    /// Files to write, separated by commas [default: png,npy when --out is given]
    #[arg(long, value_enum, value_delimiter = ',', requires = "out")]
    pub(super) format: Vec<FileFormat>,
    /// Write the map before post-processing, at its own resolution
    #[arg(long)]
    pub(super) raw: bool,
}

#[derive(Debug, Args)]
pub(super) struct EvaluateArgs {
    /// Directories, images, .npy tensors, or - for a list on standard input
    #[arg(required = true, value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    /// Methods, separated by commas [default: seven that go through the model and back once or twice]
    #[arg(long, value_delimiter = ',', value_name = "NAME", value_parser = method_names())]
    pub(super) method: Vec<String>,
    /// Measures, separated by commas [default: all that model and images allow]
    #[arg(long, value_delimiter = ',', value_name = "NAME", value_parser = measure_names())]
    pub(super) measure: Vec<String>,
    /// Layers for class activation maps, by the names that `seewhy model` prints, separated by commas; the maps of several
    /// are averaged
    #[arg(long, value_delimiter = ',', default_value = "auto", value_name = "NODE|auto")]
    pub(super) layer: Vec<String>,
    /// A method's parameter, such as samples=500; may be given several times. `seewhy explain --help` lists them
    #[arg(long, value_name = "NAME=VALUE", value_parser = key_value)]
    pub(super) param: Vec<(String, String)>,
    /// Measure on so many of the images, evenly spread [default: all]
    #[arg(long, value_name = "N", value_parser = at_least_one, allow_hyphen_values = true)]
    pub(super) limit: Option<NonZeroUsize>,
    /// Folder of masks, <folder>/<image>.<class>.png, white where the class is [default: `masks` beside `pictures`]
    #[arg(long, value_name = "DIR")]
    pub(super) masks: Option<PathBuf>,
    /// Images along a side of a mosaic, for the grid pointing game; 64 mosaics at most are measured
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=4))]
    pub(super) grid: u32,
    /// Output format [default: table on a terminal, else jsonl]
    #[arg(long, value_enum)]
    pub(super) format: Option<TableFormat>,
}

#[derive(Debug, Args)]
pub(super) struct ModelArgs {
    /// The model; the same as --model
    #[arg(value_name = "MODEL")]
    pub(super) path: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

fn method_names() -> PossibleValuesParser {
    PossibleValuesParser::new(
        METHODS.iter().map(|method| clap::builder::PossibleValue::new(method.name).help(method.help)),
    )
}

fn measure_names() -> PossibleValuesParser {
    PossibleValuesParser::new(
        MEASURES.iter().map(|measure| clap::builder::PossibleValue::new(measure.name).help(measure.help)),
    )
}

/// Every parameter of every method, for people.
fn parameters() -> String {
    let mut lines = vec!["Parameters, as --param takes them, with the values that they have by default:".to_owned()];
    let mut told: Vec<&Param> = vec![];
    for param in METHODS.iter().flat_map(|method| method.params()) {
        if told.contains(&param) {
            continue;
        }
        told.push(param);
        let takes = METHODS.iter().filter(|method| method.params().any(|other| other == param));
        let names: Vec<&str> = takes.map(|method| method.name).collect();
        lines.extend([String::new(), format!("  {}={}", param.name, param.default_value())]);
        lines.extend(wrapped(&format!("{}; {}. For {}", param.help, param.domain(), names.join(", "))));
    }
    lines.join("\n")
}

/// Text in indented lines for terminals of 80 columns.
fn wrapped(text: &str) -> Vec<String> {
    const WIDTH: usize = 78;
    const INDENT: &str = "     ";
    let mut lines = vec![INDENT.to_owned()];
    for word in text.split_whitespace() {
        let line = lines.last().map_or(0, |line| line.chars().count());
        if line + 1 + word.chars().count() > WIDTH {
            lines.push(INDENT.to_owned());
        }
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines
}

fn probability(text: &str) -> Result<f32, String> {
    let value = text.parse().ok().filter(|value| (0.0..=1.0).contains(value));
    value.ok_or_else(|| "a probability is a number from 0 to 1".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|value| 0.0 < *value && *value < 1.0);
    value.ok_or_else(|| "a share is a number between 0 and 1, such as 0.05".to_owned())
}

fn at_least_one(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "it takes a whole number from 1 up".to_owned())
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is not NAME=VALUE"))?;
    Ok((name.into(), value.into()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_path_alone_opens_the_interface_and_options_go_before_or_after() {
        let cli = Cli::try_parse_from(["seewhy", "val/", "--model", "net.onnx"]).unwrap();
        assert!(cli.command.is_none() && cli.paths == [PathBuf::from("val/")]);
        for order in [["--top", "3", "classify", "a.png"], ["classify", "a.png", "--top", "3"]] {
            let cli = Cli::try_parse_from(["seewhy"].into_iter().chain(order)).unwrap();
            assert!(matches!(cli.command, Some(Command::Classify(_))) && cli.common.top == 3);
        }
    }

    #[test]
    fn negative_means_and_contrasts_are_values_not_flags() {
        let cli = Cli::try_parse_from(["seewhy", "explain", "a.png", "--target", "3-5", "--mean", "-1,0,1"]).unwrap();
        assert_eq!(cli.common.overrides().mean, Some(vec![-1.0, 0.0, 1.0]));
    }

    #[test]
    fn a_tolerance_is_a_share_and_a_limit_leaves_something() {
        for (command, option, bad, says) in [
            ("explain", "--tolerance", &["-1", "-5", "0", "1", "5", "nan", "inf", "x"][..], "between 0 and 1"),
            ("evaluate", "--limit", &["0", "-1", "1.5", ""], "whole number from 1"),
        ] {
            for value in bad {
                for arguments in [vec![option.to_owned(), (*value).to_owned()], vec![format!("{option}={value}")]] {
                    let all = ["seewhy", command, "a.png"].map(String::from).into_iter().chain(arguments);
                    let error = Cli::try_parse_from(all).unwrap_err().to_string();
                    assert!(error.contains(says) && error.contains(option), "{value}: {error}");
                }
            }
        }
        assert!(Cli::try_parse_from(["seewhy", "a/", "--tolerance", "2"]).is_err());
        let cli = Cli::try_parse_from(["seewhy", "a/", "--tolerance", "0.05"]).unwrap();
        assert_eq!(cli.screen.tolerance, Some(0.05));
    }
}
