//! The words that say how pictures are drawn, and what the interface begins with.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::{method_names, share};
use crate::app::{Keymap, View};
use crate::raster::Colormap;
use crate::term::{CellSize, Protocol, Wishes};

#[derive(Debug, Args)]
pub(in crate::cli) struct DoctorArgs {
    /// Try this graphics protocol alone
    #[arg(long, default_value = AUTO, value_parser = graphics())]
    graphics: Choice,
    #[command(flatten)]
    cell: CellArgs,
}

impl DoctorArgs {
    /// How pictures are to be drawn.
    pub(in crate::cli) fn wishes(&self) -> Wishes {
        Wishes { protocol: self.graphics.0, cell: self.cell.cell }
    }
}

#[derive(Debug, Args)]
struct CellArgs {
    /// Width and height of a character in pixels, where the terminal does not know them
    #[arg(long, value_name = "WxH")]
    cell: Option<CellSize>,
}

/// The graphics protocol; none leaves it to what the terminal says.
#[derive(Debug, Clone, Copy)]
struct Choice(Option<Protocol>);

#[derive(Debug, Args)]
pub(in crate::cli) struct ScreenArgs {
    /// Method to begin with [default: grad-cam]; `m` chooses another. `seewhy explain --help` lists them
    #[arg(long, env = "SEEWHY_METHOD", hide_env = true, value_name = "NAME", value_parser = method_names(),
        hide_possible_values = true)]
    pub(in crate::cli) method: Option<String>,
    /// Layer to begin with, by the name that `seewhy model` prints, or of a module (`layer3`) for the last layer inside it; `L`
    /// chooses another
    #[arg(long, env = "SEEWHY_LAYER", hide_env = true, default_value = AUTO, value_name = "NODE|auto")]
    layer: String,
    /// Colours of maps without sign; `c` goes on to the next
    #[arg(long, env = "SEEWHY_COLORMAP", hide_env = true, default_value = "inferno", value_parser = colormaps())]
    pub(in crate::cli) colormap: Colormap,
    /// Opacity of the hottest heat in percent; `+` and `-` change it
    #[arg(long, env = "SEEWHY_OPACITY", hide_env = true, default_value_t = 60, value_name = "PERCENT",
        value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(in crate::cli) opacity: u8,
    /// What is shown of an image first; `o` goes on to the next
    #[arg(long, env = "SEEWHY_VIEW", hide_env = true, default_value = "overlay", value_parser = views())]
    pub(in crate::cli) view: View,
    /// Whether text is drawn for a light or a dark background
    #[arg(long, env = "SEEWHY_BACKGROUND", hide_env = true, default_value = AUTO, value_parser = backgrounds())]
    pub(in crate::cli) background: Background,
    /// Graphics protocol
    #[arg(long, env = "SEEWHY_GRAPHICS", hide_env = true, default_value = AUTO, value_parser = graphics())]
    graphics: Choice,
    /// The keys of the interface.
    #[arg(skip)]
    pub(in crate::cli) keymap: Keymap,
    #[command(flatten)]
    cell: CellArgs,
    /// Stop a sampling method once the map's standard error is below this share of its largest value, such as 0.05
    #[arg(long, value_name = "T", value_parser = share, allow_hyphen_values = true)]
    pub(in crate::cli) tolerance: Option<f64>,
    /// Where marks are kept [default: marks.jsonl in the user's state folder]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) marks: Option<PathBuf>,
    /// Look out for the model's next version and for more images: a model whose file is written anew is held against the one
    /// from before
    #[arg(long)]
    pub(in crate::cli) watch: bool,
}

impl ScreenArgs {
    /// The layer to begin with, where somebody named one.
    pub(in crate::cli) fn layer(&self) -> Option<String> {
        Some(self.layer.clone()).filter(|layer| layer != AUTO)
    }

    /// How pictures are to be drawn.
    pub(in crate::cli) fn wishes(&self) -> Wishes {
        Wishes { protocol: self.graphics.0, cell: self.cell.cell }
    }
}

const AUTO: &str = "auto";

/// Which terminal graphics protocol draws the pictures.
fn graphics() -> impl TypedValueParser<Value = Choice> {
    let auto = PossibleValue::new(AUTO).help("Ask the terminal and take the best that it draws");
    let named = |protocol: Protocol| PossibleValue::new(protocol.name()).help(protocol.help());
    PossibleValuesParser::new(std::iter::once(auto).chain(Protocol::ALL.map(named)))
        .map(|name| Choice(Protocol::from_name(&name)))
}

/// The background that text is drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct Background {
    /// Whether it is light; none where the terminal is asked.
    pub(in crate::cli) light: Option<bool>,
}

fn backgrounds() -> impl TypedValueParser<Value = Background> {
    PossibleValuesParser::new([AUTO, "light", "dark"]).map(|name| Background {
        light: match &*name {
            "light" => Some(true),
            "dark" => Some(false),
            _ => None,
        },
    })
}

fn colormaps() -> impl TypedValueParser<Value = Colormap> {
    PossibleValuesParser::new(Colormap::ALL.map(Colormap::name))
        .map(|name| Colormap::ALL.into_iter().find(|map| map.name() == name).unwrap_or_default())
}

/// The views that a single image has.
const VIEWS: [(&str, View); 4] =
    [("overlay", View::Overlay), ("heat", View::Heat), ("beside", View::SideBySide), ("image", View::Image)];

fn views() -> impl TypedValueParser<Value = View> {
    PossibleValuesParser::new(VIEWS.map(|(name, _)| name))
        .map(|name| VIEWS.into_iter().find(|(known, _)| *known == name).map(|(_, view)| view).unwrap_or_default())
}
