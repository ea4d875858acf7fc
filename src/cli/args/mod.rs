//! The command line's words. Names are a contract: scripts rely on them.

mod common;
mod layers;
mod screen;

use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::parser::ValueSource;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

pub(super) use self::common::CommonArgs;
use self::layers::DREAM_EXAMPLES;
pub(super) use self::layers::{ActivationArgs, DreamArgs, UnitArgs, WeightArgs};
pub(super) use self::screen::{DoctorArgs, ScreenArgs};
use super::config::Config;
use super::output::{wrapped, written};
use crate::app::Keymap;
use crate::explain::{METHODS, Param};
use crate::metrics::MEASURES;

/// See why an image classifier said so, without leaving the terminal.
#[derive(Debug, Parser)]
#[command(
    name = "seewhy",
    version,
    about,
    max_term_width = 100,
    after_help = "\
Examples:
  seewhy demo                     look around with the bundled model and pictures
  seewhy val/ --model net.onnx    walk through a folder of images
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
    /// Whether a method was named before a command.
    #[arg(skip)]
    pub(super) has_method: bool,
}

impl Cli {
    /// The arguments of the process. What is wrong with them ends it. Where a screen opens, the user's file says what holds
    /// without them. None where help was asked for, and was printed.
    ///
    /// # Errors
    /// When help cannot be printed, or something in the user's file is wrong.
    pub(super) fn from_process() -> anyhow::Result<Option<Cli>> {
        let mut read = with_help_that_matters().try_get_matches();
        let mut keymap = Keymap::default();
        let command = read.as_ref().ok().map(|matches| matches.subcommand_name().map(str::to_owned));
        if let Some(command) = command.filter(|name| name.as_deref().is_none_or(|name| WITH_SCREEN.contains(&name))) {
            let config = Config::read()?;
            let all = with_help_that_matters();
            let all = match command {
                Some(name) => all.mut_subcommand(name, |command| config.applied_to(command)),
                None => config.applied_to(all),
            };
            read = all.try_get_matches();
            keymap = config.keymap;
        }
        let has_method = |matches: &clap::ArgMatches| matches.value_source("method") == Some(ValueSource::CommandLine);
        match read.and_then(|matches| Ok((has_method(&matches), Cli::from_arg_matches(&matches)?))) {
            Ok((has_method, mut cli)) => {
                cli.has_method = has_method;
                match &mut cli.command {
                    Some(Command::Demo(args)) => args.screen.keymap = keymap,
                    Some(Command::Live(args)) => args.screen.keymap = keymap,
                    _ => cli.screen.keymap = keymap,
                }
                Ok(Some(cli))
            }
            Err(error) if error.use_stderr() => error.exit(),
            Err(help) => written(help.print().and_then(|()| io::stdout().flush())).map(|()| None),
        }
    }
}

/// Commands that open a screen, besides the interface itself.
const WITH_SCREEN: [&str; 3] = ["demo", "live", "doctor"];

/// The options that the user's file may set, by their names.
pub(super) const SETTINGS: [&str; 7] = ["method", "layer", "colormap", "opacity", "view", "graphics", "background"];

/// These options, as a command of their own.
pub(super) fn settings_command() -> clap::Command {
    let command = ScreenArgs::augment_args(clap::Command::new("settings").no_binary_name(true));
    let method = crate::explain::default_method().name;
    command.mut_arg("method", |arg| if arg.get_default_values().is_empty() { arg.default_value(method) } else { arg })
}

/// Commands that have nothing to do with a model: its options are taken, so that an alias may hold them, but not listed.
const WITHOUT_MODEL: [&str; 5] = ["doctor", "marks", "config", "completions", "man"];

fn with_help_that_matters() -> clap::Command {
    let mut command = Cli::command();
    // Only then have commands the options that all take.
    command.build();
    WITHOUT_MODEL.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, |command| {
            command.mut_args(|arg| {
                let is_hidden = arg.is_global_set() && arg.get_id() != "log";
                if is_hidden { arg.hide(true) } else { arg }
            })
        })
    })
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Open the interface on the bundled pictures and model
    Demo(DemoArgs),
    /// Open the interface on frames as they come: images one after another on standard input, or an animated GIF or WebP
    #[command(after_help = LIVE_EXAMPLE)]
    Live(LiveArgs),
    /// Print predictions only, one JSON object per image and line
    Classify(ClassifyArgs),
    /// Hold two models against each other: what the second fixes and what it breaks
    Compare(CompareArgs),
    /// Write explanation maps, one JSON line per image and method
    #[command(after_long_help = parameters())]
    Explain(ExplainArgs),
    /// Write what layers hold for images: the values, a sheet of all channels, one JSON line per image and layer
    #[command(after_help = "\
Examples:
  seewhy activations cat.jpg --out acts/                          the layer before the head
  seewhy activations val/ --layer layer2.0,layer4.1 --out acts/   <image>.<layer>.npy, float32 [C, h, w], and .png
  seewhy activations cat.jpg --layer all | jq -c '[.layer, .shape, .sparsity]'")]
    Activations(ActivationArgs),
    /// Write what the model has learnt: its weights and a sheet of them, one JSON line per layer
    #[command(after_help = "\
Examples:
  seewhy weights --model net.onnx                                 what there is
  seewhy weights --model net.onnx --out weights/                  <model>.<layer>.npy, float32, and .png
  seewhy weights --model net.onnx --layer conv1,fc --out weights/")]
    Weights(WeightArgs),
    /// Make pictures of what channels and classes want to see
    #[command(after_help = DREAM_EXAMPLES)]
    Dream(DreamArgs),
    /// Find the images that excite each channel of a layer most, and the place in each that does it; one JSON line per channel
    #[command(after_help = "\
Examples:
  seewhy units val/ --layer layer3 > units.jsonl                  nine images of every channel
  seewhy units val/ --layer layer4.1 --channel 7,42 --out units/  and a sheet of each
  seewhy units val/ --channel 7 | jq -r '.images[] | [.image, .value, .box[]] | @tsv'

A box is [x, y, width, height] in pixels of the file's upright image (of a tensor, of the model's input): the smallest
that holds 90 % of the gradient energy of the channel's largest value. It never exceeds what the layer can see.")]
    Units(UnitArgs),
    /// Measure how faithful the maps of some methods are, beside baselines that know nothing of the model
    Evaluate(EvaluateArgs),
    /// Say what a model file holds: inputs, preprocessing, layers, what stops a method
    Model(ModelArgs),
    /// Say what this terminal can do, and show a test card for each way to draw pictures in it
    Doctor(DoctorArgs),
    /// Print the images that were marked in the interface, a path per line
    Marks(MarksArgs),
    /// Print the settings and keys of the interface, as its file would have them
    Config,
    /// Print a completion script for a shell
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write those of all commands
    Man {
        /// A folder for `seewhy.1`, `seewhy-explain.1` and so on; made where it is missing
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    #[command(flatten)]
    pub(super) screen: ScreenArgs,
}

/// How a film gets there.
const LIVE_EXAMPLE: &str = "Example:\n  ffmpeg -i clip.mp4 -f image2pipe -c:v mjpeg - | seewhy live - --model net.onnx";

#[derive(Debug, Args)]
pub(super) struct LiveArgs {
    /// `-` for JPEG and PNG images one after another on standard input, or an animated GIF or WebP
    #[arg(value_name = "SOURCE")]
    pub(super) source: PathBuf,
    #[command(flatten)]
    pub(super) screen: ScreenArgs,
}

#[derive(Debug, Args)]
pub(super) struct MarksArgs {
    /// Only those below these folders; `demo` for the bundled pictures
    #[arg(value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    /// Print paths as they were asked for, `val/cat/1.jpg` for `val/`; without a path, from the current folder on. Else they
    /// are absolute
    #[arg(long)]
    pub(super) relative: bool,
    /// End each path with NUL instead of a line break, as `xargs -0` and `seewhy -` read it
    #[arg(short = '0', long)]
    pub(super) null: bool,
    /// The file of marks [default: marks.jsonl in the user's state folder]
    #[arg(long, value_name = "FILE")]
    pub(super) marks: Option<PathBuf>,
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
    /// Output format [default: jsonl; with --summary, table on a terminal, else jsonl]
    #[arg(long, value_enum)]
    pub(super) format: Option<TableFormat>,
    /// Print what holds for all images together in place of a line for each: accuracy with its interval of 95 %, top-5,
    /// precision and recall of each class, calibration, confusions
    #[arg(long)]
    pub(super) summary: bool,
    /// End with status 3 where less than this share of the images is right, such as 0.9
    #[arg(long, value_name = "P", value_parser = accuracy, allow_hyphen_values = true)]
    pub(super) fail_under: Option<f64>,
}

#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// Directories, images, .npy tensors, or - for a list on standard input
    #[arg(required = true, value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    /// Only images that meet these conditions, as the interface's filter takes them: "is:broken true:cat"; said:, p< and
    /// p> are about the first model
    #[arg(long = "where", value_name = "CONDITIONS")]
    pub(super) wanted: Option<String>,
    /// Output format [default: table on a terminal, else jsonl]
    #[arg(long, value_enum)]
    pub(super) format: Option<TableFormat>,
    /// Print what holds for all images together in place of a line for each: accuracies, what was fixed and broken and
    /// whether chance explains it, class by class
    #[arg(long)]
    pub(super) summary: bool,
    /// End with status 3 where the second model breaks more images than this
    #[arg(long, value_name = "N")]
    pub(super) fail_if_broken: Option<usize>,
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
    /// Layers for class activation maps, by the names that `seewhy model` prints, or of modules (`layer3`) for the last layer
    /// inside each, separated by commas; the maps of several are averaged
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
    /// Fail where a file is there already; without this, files of the same request are replaced, and others stay: the new
    /// ones get longer names
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
    /// Layers for class activation maps, by the names that `seewhy model` prints, or of modules (`layer3`) for the last layer
    /// inside each, separated by commas; the maps of several are averaged
    #[arg(long, value_delimiter = ',', default_value = "auto", value_name = "NODE|auto")]
    pub(super) layer: Vec<String>,
    /// A method's parameter, such as samples=500; may be given several times. `seewhy explain --help` lists them
    #[arg(long, value_name = "NAME=VALUE", value_parser = key_value)]
    pub(super) param: Vec<(String, String)>,
    /// Measure on so many of the images, evenly spread [default: all]
    #[arg(long, value_name = "N", value_parser = at_least_one, allow_hyphen_values = true)]
    pub(super) limit: Option<NonZeroUsize>,
    /// Folder of masks, `<folder>/<image>.<class>.png`, white where the class is [default: `masks` beside `pictures`]
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
        lines.extend(wrapped("      ", &format!("{}; {}. For {}", param.help, param.domain(), names.join(", "))));
    }
    lines.join("\n")
}

/// Leaves the graphics protocol to what the terminal says.
fn share(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|value| 0.0 < *value && *value < 1.0);
    value.ok_or_else(|| "a share is a number between 0 and 1, such as 0.05".to_owned())
}

fn accuracy(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|value| (0.0..=1.0).contains(value));
    value.ok_or_else(|| "an accuracy is a number from 0 to 1, such as 0.9".to_owned())
}

fn at_least_one(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "it takes a whole number, 1 or more".to_owned())
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is not NAME=VALUE"))?;
    Ok((name.into(), value.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_command_without_a_model_lists_no_options_of_one_and_takes_them() {
        for name in WITHOUT_MODEL {
            let mut command = with_help_that_matters();
            let help = command.find_subcommand_mut(name).unwrap().render_long_help().to_string();
            assert!(!help.contains("--mean") && !help.contains("--model") && help.contains("--log"), "{name}: {help}");
        }
        let matches =
            with_help_that_matters().try_get_matches_from(["seewhy", "marks", "--model", "net.onnx"]).unwrap();
        assert_eq!(Cli::from_arg_matches(&matches).unwrap().common.models, [PathBuf::from("net.onnx")]);
        assert!(with_help_that_matters().render_long_help().to_string().contains("--mean"));
    }

    #[test]
    fn a_path_alone_opens_the_interface_and_options_go_before_or_after() {
        let cli = Cli::try_parse_from(["seewhy", "val/", "--model", "net.onnx"]).unwrap();
        assert!(cli.command.is_none() && cli.paths == [PathBuf::from("val/")]);
        for order in [["--top", "3", "classify", "a.png"], ["classify", "a.png", "--top", "3"]] {
            let cli = Cli::try_parse_from(["seewhy"].into_iter().chain(order)).unwrap();
            assert!(matches!(cli.command, Some(Command::Classify(_))) && cli.common.top == Some(3));
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
            ("evaluate", "--limit", &["0", "-1", "1.5", ""], "whole number, 1 or more"),
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
