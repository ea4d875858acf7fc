//! What is explained, and how it is shown.

use crate::explain::{Values, default_method};
use crate::model::Target;
use crate::raster::Colormap;

/// What the picture pane shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum View {
    /// The image.
    Image,
    /// Heat over the image.
    #[default]
    Overlay,
    /// Heat alone.
    Heat,
    /// The image, and beside it heat over the image.
    SideBySide,
    /// Of two models: heat over the image by the one and by the other, on one scale.
    Both,
    /// Of two models: what the second one's heat is more, and less, than the first one's.
    Difference,
}

impl View {
    /// The next one, around; some are for two models.
    #[must_use]
    pub fn next(self, is_pair: bool) -> View {
        match self {
            View::Image => View::Overlay,
            View::Overlay => View::Heat,
            View::Heat => View::SideBySide,
            View::SideBySide if is_pair => View::Both,
            View::Both if is_pair => View::Difference,
            View::SideBySide | View::Both | View::Difference => View::Image,
        }
    }

    /// Whether it shows the maps of two models.
    pub fn is_of_pair(self) -> bool {
        matches!(self, View::Both | View::Difference)
    }
}

/// What is to be explained, and how it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// The target: a rank counts anew at each image, a class stays.
    pub target: Target,
    /// Position in [`ModelSummary::layers`](super::ModelSummary::layers); none means the automatic one.
    pub layer: Option<usize>,
    /// The method's name in the registry.
    pub method: &'static str,
    /// Its parameters, where they differ from the defaults.
    pub values: Values,
    /// What the pane shows.
    pub view: View,
    /// Whether the pane shows the model's input in place of the file's image.
    pub seen: bool,
    /// Opacity of the hottest heat, in percent.
    pub percent: u8,
    /// Colours of positive maps.
    pub colormap: Colormap,
    /// Whether superpixels are outlined.
    pub outlines: bool,
}

impl Default for Selection {
    fn default() -> Self {
        Selection {
            target: Target::Top(0),
            layer: None,
            method: default_method().name,
            values: Values::new(),
            view: View::default(),
            seen: false,
            percent: 60,
            colormap: Colormap::default(),
            outlines: false,
        }
    }
}
