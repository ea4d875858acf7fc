//! Whether a map is any good.
//!
//! A [`Measure`] holds one map against what the network does (deletion, insertion, ROAD, completeness), against where the
//! object is known to be (pointing game, relevance mass and rank, grid pointing game), or against the map of the same
//! network with other weights (randomisation). It knows maps and a network, and neither files nor screens. Whoever calls
//! it prepares the [`Case`] that the measure's [`Trial`] asks for.
//!
//! None of the figures means much alone: deletion and insertion reward blur, objects are mostly in the middle, and edges
//! are where objects are. So every measure is also taken of maps that know nothing of the network, the [`BASELINES`].

mod baselines;
mod completeness;
mod correlation;
mod curve;
pub mod deletion;
mod explainer;
mod grid_pointing;
pub mod imputation;
pub mod insertion;
mod measures;
mod mosaic;
mod pointing;
mod randomisation;
mod ranking;
mod relevance;
mod relevance_mass;
mod relevance_rank;
mod road;
mod tally;

use ndarray::{Array2, ArrayD};
use rayon::prelude::*;

use crate::explain::{Attribution, ExplainError, Monitor, Subject};
use crate::raster::Map;

pub use baselines::BASELINES;
pub use correlation::agreement;
pub use explainer::Explainer;
pub use measures::{MEASURES, find};
pub use mosaic::Mosaic;
pub use ranking::order;
pub use relevance::relevance;
pub use tally::Tally;

/// Where something is, `[H, W]`, at the resolution of the network's input.
pub type Mask = Array2<bool>;

/// What a measure is taken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trial {
    /// An image by itself.
    Image,
    /// An image with a mask of the object: [`Case::mask`].
    Object,
    /// A mosaic of images, on a network for an input of that size; [`Case::mask`] is the cell of the class explained.
    Mosaic,
    /// An image, by a network whose weights were drawn anew; [`Case::original`] is the map by the network as it was.
    Randomised,
}

/// Which way a measure is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Small is good.
    Lower,
    /// Large is good.
    Higher,
}

/// An entry of [`MEASURES`]: everything that the rest of the program knows about a measure.
pub struct Measure {
    /// As given to `--measure`.
    pub name: &'static str,
    /// One line.
    pub help: &'static str,
    /// The paper: authors, title, year, where.
    pub reference: &'static str,
    /// What the figure is.
    pub unit: &'static str,
    /// Which way is good.
    pub better: Better,
    /// What it is taken of.
    pub trial: Trial,
    /// The measure itself: none where the map has nothing to measure.
    pub score: fn(&Case<'_>, &Attribution) -> Result<Option<f64>, ExplainError>,
}

/// What a map is measured on.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    /// The network, the image's pass through it, and how pixels become its input.
    pub subject: Subject<'a>,
    /// The class explained.
    pub class: usize,
    /// Where that class is, where the [`Trial`] knows it.
    pub mask: Option<&'a Mask>,
    /// The map by the network as it was, where the subject's has other weights.
    pub original: Option<&'a Map>,
    /// Of the random numbers.
    pub seed: u64,
    /// Who may stop it.
    pub monitor: &'a Monitor<'a>,
}

impl Case<'_> {
    /// The probability of the class for each of `count` inputs, in their order, all cores busy; stops within one of them.
    fn probabilities(
        &self,
        count: usize,
        input: impl Fn(usize) -> ArrayD<f32> + Sync,
    ) -> Result<Vec<f64>, ExplainError> {
        let one = |index: usize| {
            self.monitor.check()?;
            let logits = self.subject.network.logits(input(index).view())?;
            Ok(logits.probabilities().get(self.class).copied().map_or(0.0, f64::from))
        };
        (0..count).into_par_iter().with_max_len(1).map(one).collect()
    }
}
