//! A decision as a sum: what each channel of the last layer with spatial extent adds to the target's score.
//!
//! Behind a head of an average and a linear layer that is the score itself, term by term, and a bias. Behind any other it is
//! the tangent at this image: gradient times activation, and a remainder that belongs to no channel.
//!
//! [`ScoreSum`] is what has to be added to the channels of any layer until they are the score.

use ndarray::Axis;

use super::{ExplainError, Monitor, Subject};
use crate::model::Target;
use crate::network::{Activation, LayerGradient, LayerLayout};
use crate::raster::Map;

/// Gradients that differ by less than this share of the largest are the same.
const SAME: f32 = 1e-5;

/// What one channel adds to the score.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// The channel of the layer.
    pub channel: usize,
    /// In units of the target's score: for it above zero, against it below.
    pub value: f32,
}

/// What makes the terms of a layer's channels the score.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreSum {
    /// The score of the target: the terms and the rest added up.
    pub score: f32,
    /// What belongs to no channel: the bias where the sum is exact, else what the linearisation leaves.
    pub rest: f32,
    /// Whether the score is that sum for every image; else it is a local linearisation, and true of this image only.
    pub is_exact: bool,
    /// Where the sum is exact and an average follows the layer: the weight of each channel, which times the channel's mean is
    /// its term.
    pub weights: Option<Vec<f32>>,
}

/// A score as the sum of what channels add to it.
#[derive(Debug, Clone)]
pub struct DecisionSum {
    /// The layer whose channels they are, an index into [`Network::layers`](crate::network::Network::layers).
    pub layer: usize,
    /// The score of the target: the terms and the rest added up.
    pub score: f32,
    /// Whether the score is that sum for every image; else it is a local linearisation, and true of this image only.
    pub is_exact: bool,
    /// One for each channel, those that add or take away most first.
    pub terms: Vec<Term>,
    /// What belongs to no channel: the bias where the sum is exact, else what the linearisation leaves.
    pub rest: f32,
    /// Where each channel's term comes from, `[C, h, w]`: activation times gradient, which adds up to the term.
    pub places: Activation,
}

impl DecisionSum {
    /// The map of a term, `[h, w]`.
    pub fn map(&self, term: &Term) -> Map {
        self.places.index_axis(Axis(0), term.channel).to_owned()
    }

    /// The terms that speak for the target, the strongest first.
    pub fn speaking_for(&self) -> impl Iterator<Item = &Term> {
        self.terms.iter().filter(|term| term.value > 0.0)
    }

    /// The terms that speak against it, the strongest first.
    pub fn speaking_against(&self) -> impl Iterator<Item = &Term> {
        self.terms.iter().filter(|term| term.value < 0.0)
    }

    /// What it is, in a sentence.
    pub fn statement(&self) -> &'static str {
        if self.is_exact {
            "the score is the sum of the terms and the bias"
        } else {
            "a local linearisation: gradient times activation, and a remainder that belongs to no channel"
        }
    }
}

/// Takes a score apart at the layer that `auto` means.
///
/// # Errors
/// When the target does not exist, the network has no such layer or no gradient behind it, tract fails, or the monitor's user
/// changed their mind.
pub fn decision_sum(subject: Subject<'_>, target: Target, monitor: &Monitor<'_>) -> Result<DecisionSum, ExplainError> {
    let Subject { network, pass, .. } = subject;
    let layer = network
        .auto_layer()
        .ok_or_else(|| ExplainError::Unsuitable("no layer between input and logits has spatial extent".into()))?;
    monitor.check()?;
    let target = target.resolve(&pass.logits)?;
    let cotangent = target.cotangent(&pass.logits)?;
    let at = network.layer_gradient(pass, layer, &cotangent)?;
    monitor.check()?;
    let places = &at.gradient * &at.activation;
    let sums = sums(&places);
    let ScoreSum { score, rest, is_exact, .. } = score_sum(subject, (layer, &at), target, &sums)?;
    let mut terms: Vec<Term> =
        sums.iter().enumerate().map(|(channel, value)| Term { channel, value: *value as f32 }).collect();
    terms.sort_by(|a, b| b.value.abs().total_cmp(&a.value.abs()).then(a.channel.cmp(&b.channel)));
    Ok(DecisionSum { layer, score, is_exact, terms, rest, places })
}

/// What each channel of `[C, h, w]` adds up to.
pub(super) fn sums(places: &Activation) -> Vec<f64> {
    let sum = |channel: ndarray::ArrayView2<'_, f32>| channel.iter().map(|value| f64::from(*value)).sum::<f64>();
    places.axis_iter(Axis(0)).map(sum).collect()
}

/// What is to be added to the terms of a layer's channels until they are the score of a target that is resolved.
pub(super) fn score_sum(
    Subject { network, pass, .. }: Subject<'_>,
    (layer, at): (usize, &LayerGradient),
    target: Target,
    terms: &[f64],
) -> Result<ScoreSum, ExplainError> {
    let score = target.score(&pass.logits)?;
    // A probability is no sum of scores, and a class token beside the grid adds what no channel of the grid does.
    let is_sum = !matches!(target, Target::Probability(_));
    let has_more = matches!(network.layers()[layer].layout, LayerLayout::Tokens { prefix: 1.. });
    let is_exact = is_sum && !has_more && network.is_affine_behind(layer);
    let rest = if is_exact {
        // The bias is the score of a layer that is silent, and not what is missing: or the sum would prove nothing.
        target.score(&network.logits_from(pass, layer, &Activation::zeros(at.activation.raw_dim()))?)?
    } else {
        (f64::from(score) - terms.iter().sum::<f64>()) as f32
    };
    let weights = is_exact.then(|| weights(&at.gradient)).flatten();
    Ok(ScoreSum { score, rest, is_exact, weights })
}

/// The weight of each channel's mean, where the gradient is the same all over its grid.
fn weights(gradient: &Activation) -> Option<Vec<f32>> {
    let largest = gradient.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let weight = |channel: ndarray::ArrayView2<'_, f32>| {
        let first = *channel.first()?;
        let is_same = channel.iter().all(|value| (value - first).abs() <= SAME * largest);
        is_same.then(|| first * channel.len() as f32)
    };
    gradient.axis_iter(Axis(0)).map(weight).collect()
}
