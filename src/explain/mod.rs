//! Explanation methods: one trait, one registry, a file for each method, its arithmetic beside it.
//!
//! They live in four rooms: `cam` (class activation maps), `gradient` (gradients at the input, and rules on the way back),
//! `attention` (of transformers, from block to block) and `perturb` (the model is asked about changed inputs). What they
//! share is here.
//!
//! A [`Method`] takes a [`Subject`] (a network and one forward pass) and a [`Request`] (target, layer, parameters) and
//! returns an [`Attribution`]. It reports partial maps through its [`Monitor`] and stops within one model call when told.

mod attention;
pub mod cam;
mod channels;
mod decision;
mod dream;
mod frame;
mod gradient;
mod methods;
mod monitor;
mod params;
mod perturb;
mod samples;
mod sampling;

use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::{Array2, ArrayD};
use thiserror::Error;

use crate::model::{Classifier, Labels, Settings, Target, TargetError};
use crate::network::{Network, NetworkError, Pass};
use crate::raster::Map;
pub use crate::raster::Sign;

pub use attention::heads::{Asking, BlockHeads, attention_heads};
pub use channels::{LayerChannels, layer_channels};
pub use decision::{DecisionSum, ScoreSum, Term, decision_sum};
pub use dream::{Aim, Dream, DreamOptions, OverNoise, STEPS as DREAM_STEPS, dream, over_noise, value_of};
pub use frame::Frame;
pub use gradient::{
    Composite, Multipliers, Propagation, Statistic, multipliers, noisy_gradient, propagate_relevance,
    relevance_obstacles, rescale_exceptions,
};
pub use methods::{METHODS, default_method, find, obstacle, refusal};
pub use monitor::{Cancel, Monitor, Partial};
pub use params::ParameterError;
pub use perturb::{
    HIDE, Masks, SoftMask, WhatIf, Windows, constrained_values, lime_plane, rise_with_masks, shapley_values, what_if,
};
pub use samples::SampleCache;

/// What kind of question a method asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Class activation maps: where in a layer's grid the class is.
    Cam,
    /// Gradients with respect to the input.
    Gradient,
    /// Where a transformer's attention goes.
    Attention,
    /// The model is asked about changed inputs.
    Perturbation,
    /// A rule in words and pixels.
    Rule,
}

impl Family {
    /// One word.
    pub fn name(self) -> &'static str {
        match self {
            Family::Cam => "cam",
            Family::Gradient => "gradient",
            Family::Attention => "attention",
            Family::Perturbation => "perturbation",
            Family::Rule => "rule",
        }
    }
}

/// What a method needs from the model and from the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// Gradients, so that an operator without a rule stops it.
    pub gradient: bool,
    /// A layer with spatial extent.
    pub layer: bool,
    /// A division of the image into superpixels.
    pub superpixels: bool,
    /// Attention among all patches of the image.
    pub attention: bool,
}

impl Needs {
    /// Scores alone.
    pub const NOTHING: Needs = Needs { gradient: false, layer: false, superpixels: false, attention: false };
}

/// The type, range and default of a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ParamKind {
    /// A whole number.
    Integer {
        /// Value when not given.
        default: i64,
        /// Smallest allowed.
        min: i64,
        /// Largest allowed.
        max: i64,
    },
    /// A number.
    Real {
        /// Value when not given.
        default: f64,
        /// Smallest allowed.
        min: f64,
        /// Largest allowed.
        max: f64,
    },
    /// One of a few words.
    Choice {
        /// Value when not given.
        default: &'static str,
        /// The words.
        options: &'static [&'static str],
    },
    /// Yes or no.
    Flag {
        /// Value when not given.
        default: bool,
    },
}

/// One parameter of a method. Command line, interface, help and documentation all read it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Param {
    /// As given to `--param NAME=VALUE`.
    pub name: &'static str,
    /// Type, range and default.
    pub kind: ParamKind,
    /// One line, with the unit.
    pub help: &'static str,
}

/// A registry entry: everything that the rest of the program knows about a method.
pub struct MethodInfo {
    /// As given to `--method`.
    pub name: &'static str,
    /// What kind of question it asks.
    pub family: Family,
    /// One line.
    pub help: &'static str,
    /// The paper: authors, year, where.
    pub reference: &'static str,
    /// What it needs.
    pub needs: Needs,
    /// Its own parameters; [`MethodInfo::params`] has all that it takes.
    pub own_params: &'static [Param],
    /// What to know before trusting it, where something must be said.
    pub caution: Option<&'static str>,
    /// The method itself.
    pub method: &'static dyn Method,
}

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number.
    Integer(i64),
    /// A number.
    Real(f64),
    /// One of the options.
    Choice(String),
    /// Yes or no.
    Flag(bool),
}

/// Parameter values by name; those not given take their defaults.
pub type Values = BTreeMap<String, Value>;

/// Which layers a CAM uses; indices into [`Network::layers`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum LayerChoice {
    /// The last layer with spatial extent before the head.
    #[default]
    Auto,
    /// These; with several, the mean of their maps.
    These(Vec<usize>),
}

/// What to explain, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The score explained.
    pub target: Target,
    /// For methods that need one.
    pub layer: LayerChoice,
    /// Parameter values given, checked against the method's [`Param`]s.
    pub values: Values,
    /// Seed of the random numbers.
    pub seed: u64,
    /// Stop a sampling method when its map has settled to this relative tolerance.
    pub tolerance: Option<f64>,
}

/// What is explained: a network and one forward pass through it.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The network.
    pub network: &'a Network,
    /// Its forward pass of the image.
    pub pass: &'a Pass,
    /// How pixels become the network's input: for methods that look at colours, or write some.
    pub settings: &'a Settings,
    /// What the classes are called: for methods that name some.
    pub labels: &'a Labels,
    /// Where model calls are kept for other targets; nowhere, if the caller keeps none.
    pub samples: Option<&'a SampleCache>,
}

impl<'a> Subject<'a> {
    /// One image's pass through a classifier; no model calls are kept.
    pub fn of(classifier: &'a Classifier, pass: &'a Pass) -> Self {
        Subject {
            network: classifier.network(),
            pass,
            settings: classifier.settings(),
            labels: classifier.labels(),
            samples: None,
        }
    }

    /// The same, with model calls kept in `samples`, which must serve this classifier alone.
    #[must_use]
    pub fn keeping(self, samples: &'a SampleCache) -> Self {
        Subject { samples: Some(samples), ..self }
    }
}

/// A measured property of an attribution: a completeness gap, an R², a standard error.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// What was measured, such as `completeness gap`.
    pub name: &'static str,
    /// The value.
    pub value: f64,
    /// Its unit, empty for a pure number.
    pub unit: &'static str,
}

/// The superpixels of an image, each with the weight that a method gave it.
#[derive(Debug, Clone, PartialEq)]
pub struct Segments {
    /// The superpixel of each pixel, numbered from 0, `[H, W]`; shared by all maps of a run.
    pub labels: Arc<Array2<u32>>,
    /// One a superpixel; positive speaks for the target.
    pub weights: Vec<f32>,
}

impl Segments {
    /// The superpixels by the size of their weights, whatever their signs, the heaviest first.
    pub fn heaviest_first(&self) -> Vec<usize> {
        heaviest_first(&self.weights)
    }
}

/// Places by the size of the numbers there, whatever their signs, the largest first; equal ones as they are.
fn heaviest_first(weights: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|a, b| weights[*b].abs().total_cmp(&weights[*a].abs()));
    order
}

/// The result of a method for one image and target.
#[derive(Debug, Clone)]
pub struct Attribution {
    /// The map as users read it: for CAMs `[0, 1]` at input resolution, for others signed or positive values summed over
    /// channels; `[H, W]`.
    pub map: Map,
    /// What is written to `.npy`: `[H, W]` for CAM and perturbation maps, `[C, H, W]` for gradient maps.
    pub values: ArrayD<f32>,
    /// Before any post-processing, at its own resolution, `[h, w]` or `[C, H, W]`.
    pub raw: ArrayD<f32>,
    /// Whether values have a meaningful sign.
    pub sign: Sign,
    /// The layers used, by ONNX name; empty for methods without one.
    pub layers: Vec<String>,
    /// What was measured along the way.
    pub metrics: Vec<Metric>,
    /// What the user should know: a poor fit, a sign that flips.
    pub warnings: Vec<String>,
    /// Why the map tells no place from another, where it does not and the method knows.
    pub flatness: Option<String>,
    /// The superpixels with their weights, from methods that use them.
    pub segments: Option<Segments>,
    /// What the method says in words, such as the rule of an anchor.
    pub statement: Option<String>,
}

impl Attribution {
    /// A map that is as it was computed, with nothing to say of it.
    pub fn new(map: Map, sign: Sign) -> Self {
        Attribution {
            values: map.clone().into_dyn(),
            raw: map.clone().into_dyn(),
            map,
            sign,
            layers: vec![],
            metrics: vec![],
            warnings: vec![],
            flatness: None,
            segments: None,
            statement: None,
        }
    }

    /// What to know before trusting this map, with why it is flat.
    pub fn remarks(&self) -> impl Iterator<Item = &str> {
        self.warnings.iter().chain(&self.flatness).map(String::as_str)
    }
}

/// Why there is no attribution.
#[derive(Debug, Error)]
pub enum ExplainError {
    /// The user changed their mind.
    #[error("cancelled")]
    Cancelled,
    /// The network refused.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// No such class.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The method cannot explain this model: why, and what to do.
    #[error("this method cannot explain this model: {0}")]
    Unsuitable(String),
    /// No such channel.
    #[error("{layer} has {channels} channels, numbered from 0: none is {channel}")]
    NoChannel {
        /// The layer, by the name of its node.
        layer: String,
        /// How many it has.
        channels: usize,
        /// The channel asked for.
        channel: usize,
    },
    /// A parameter that does not exist or is out of range.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
}

/// An explanation method.
pub trait Method: Sync {
    /// Explains `subject` as `request` asks.
    ///
    /// # Errors
    /// [`ExplainError::Cancelled`] within one model call of the monitor's word; others as they come.
    fn explain(
        &self,
        subject: Subject<'_>,
        request: &Request,
        monitor: &Monitor<'_>,
    ) -> Result<Attribution, ExplainError>;

    /// What keeps the method from explaining `network`, in words, beyond what its [`Needs`] say.
    fn obstacle(&self, _network: &Network) -> Option<String> {
        None
    }
}
