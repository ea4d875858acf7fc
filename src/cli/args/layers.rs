//! The words of the commands that are about layers: what they hold, what they have learnt, what excites them.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use crate::explain::DREAM_STEPS;
use crate::session::{SheetFolder, export};

/// Both ways to say what is wanted.
pub(super) const DREAM_EXAMPLES: &str = "Examples:\n  seewhy dream --target frog --out dreams/\n  seewhy dream --layer auto --channel 17,23 \
                              --out dreams/ --model net.onnx";

#[derive(Debug, Args)]
pub(in crate::cli) struct DreamArgs {
    /// Layer by the name of its node or output tensor, as `seewhy model -v` prints it, or of a module (`layer3`) for the last
    /// layer inside it; `auto` is the last with spatial extent before the head
    #[arg(long, value_name = "NODE", requires = "channel")]
    pub(in crate::cli) layer: Option<String>,
    /// Channels of it, from 0, separated by commas: what each wants to see, averaged over its places
    #[arg(long, value_delimiter = ',', value_name = "K", requires = "layer")]
    pub(in crate::cli) channel: Vec<usize>,
    /// Classes by name or index, separated by commas, in place of channels
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "CLASS",
        conflicts_with = "layer",
        required_unless_present = "layer"
    )]
    pub(in crate::cli) target: Vec<String>,
    /// Begin with this picture rather than near grey
    #[arg(long, value_name = "IMAGE")]
    pub(in crate::cli) start: Option<PathBuf>,
    /// Steps of ascent, each a forward and a backward pass
    #[arg(long, default_value_t = DREAM_STEPS as u32, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(in crate::cli) steps: u32,
    #[command(flatten)]
    pub(in crate::cli) out: OutArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ActivationArgs {
    /// Directories, images, .npy tensors, or - for a list on standard input
    #[arg(required = true, value_name = "PATH")]
    pub(in crate::cli) paths: Vec<PathBuf>,
    /// Layers by the names of their nodes or output tensors, as `seewhy model -v` prints them, or of modules (`layer3`) for
    /// their outputs, separated by commas; `auto` is the last with spatial extent before the head, `all` are all that have any
    #[arg(long, value_delimiter = ',', default_value = "auto", value_name = "NODE|auto|all")]
    pub(in crate::cli) layer: Vec<String>,
    #[command(flatten)]
    pub(in crate::cli) out: OutArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct WeightArgs {
    /// Layers by the names of their nodes or tensors, or of modules (`layer3`) for all inside them, separated by commas
    /// [default: all that have weights]
    #[arg(long, value_delimiter = ',', value_name = "NODE")]
    pub(in crate::cli) layer: Vec<String>,
    #[command(flatten)]
    pub(in crate::cli) out: OutArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct UnitArgs {
    /// Directories, images, .npy tensors, or - for a list on standard input
    #[arg(required = true, value_name = "PATH")]
    pub(in crate::cli) paths: Vec<PathBuf>,
    /// Layer by the name of its node or output tensor, as `seewhy model -v` prints it, or of a module (`layer3`) for the last
    /// layer inside it; `auto` is the last with spatial extent before the head
    #[arg(long, default_value = "auto", value_name = "NODE|auto")]
    pub(in crate::cli) layer: String,
    /// Channels, numbered from 0, separated by commas [default: all]
    #[arg(long, value_delimiter = ',', value_name = "K")]
    pub(in crate::cli) channel: Vec<usize>,
    #[command(flatten)]
    pub(in crate::cli) out: OutArgs,
}

/// Where files go.
#[derive(Debug, Args)]
pub(in crate::cli) struct OutArgs {
    /// Folder for the files, made where it is missing; without it, only the lines are printed
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) out: Option<PathBuf>,
    /// Fail where a file is there already; without this, files of the same request are replaced, and others stay: the new
    /// ones get longer names
    #[arg(long, requires = "out")]
    pub(in crate::cli) no_clobber: bool,
}

impl OutArgs {
    /// The folder, ready to be written to.
    ///
    /// # Errors
    /// When it cannot be written or made.
    pub(in crate::cli) fn folder(&self) -> anyhow::Result<Option<SheetFolder>> {
        let Some(folder) = &self.out else { return Ok(None) };
        export::prepare(folder).context("--out must be a folder that can be written, or made")?;
        Ok(Some(SheetFolder { folder: folder.clone(), clobber: !self.no_clobber }))
    }
}
