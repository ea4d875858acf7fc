//! Class activation maps that ask the network about each channel of a layer instead of using gradients.

use std::sync::Arc;

use ndarray::{Array2, Array3, Axis};

use crate::explain::cam;
use crate::explain::samples::SampleKey;
use crate::explain::sampling::{Estimate, Fit, Run, score};
use crate::explain::{Attribution, ExplainError, Method, Monitor, Request, Subject};
use crate::model::Target;
use crate::network::{Activation, Scores};

/// A member of the family: what it asks about a channel, and how the answers become weights.
pub(super) struct ChannelCam {
    /// What is done to the channels, for the key of the answers.
    pub(super) change: &'static str,
    /// The logits that the network gives when asked about one channel of a layer's activation.
    pub(super) ask: Ask,
    /// The weights of a layer's channels from the scores (none for those not asked about yet) and the score of the image.
    pub(super) weigh: fn(&[Option<f64>], f64) -> Vec<f64>,
    /// What to warn of, given the score of the image.
    pub(super) warn: fn(f64) -> Option<String>,
}

/// Asks about `(layer, its activation, channel)`.
pub(super) type Ask = fn(Subject<'_>, usize, &Activation, usize) -> Result<Scores, ExplainError>;

impl Method for ChannelCam {
    fn explain(
        &self,
        subject: Subject<'_>,
        request: &Request,
        monitor: &Monitor<'_>,
    ) -> Result<Attribution, ExplainError> {
        let layers = cam::layers(subject, &request.layer)?;
        let target = request.target.resolve(&subject.pass.logits)?;
        let mut activations = vec![];
        for &layer in &layers {
            monitor.check()?;
            activations.push(subject.network.activation(subject.pass, layer)?);
        }
        let order = strongest_first(&activations);
        let key = SampleKey::new(self.change, subject, 0, format!("{layers:?}"));
        let ask = |index: usize| {
            let (number, channel) = order[index];
            (self.ask)(subject, layers[number], &activations[number], channel)
        };
        let mut fit = ChannelFit {
            cam: self,
            subject,
            target,
            layers: &layers,
            scores: activations.iter().map(|activation| vec![None; activation.len_of(Axis(0))]).collect(),
            activations: &activations,
            order: &order,
        };
        Run::new(subject, request, monitor, key, order.len()).explain(&ask, &mut fit)
    }
}

/// All (layer, channel), a layer after the other; within one those first that vary most over the grid, so that early maps
/// resemble the last one.
fn strongest_first(activations: &[Activation]) -> Vec<(usize, usize)> {
    let of_layer = |(number, activation): (usize, &Activation)| {
        let strength = |channel: &ndarray::ArrayView2<'_, f32>| {
            let low = channel.iter().copied().fold(f32::INFINITY, f32::min);
            channel.iter().copied().fold(f32::NEG_INFINITY, f32::max) - low
        };
        let strengths: Vec<f32> = activation.outer_iter().map(|channel| strength(&channel)).collect();
        let mut channels: Vec<usize> = (0..strengths.len()).collect();
        channels.sort_by(|a, b| strengths[*b].total_cmp(&strengths[*a]));
        channels.into_iter().map(move |channel| (number, channel))
    };
    activations.iter().enumerate().flat_map(of_layer).collect()
}

struct ChannelFit<'a> {
    cam: &'a ChannelCam,
    subject: Subject<'a>,
    target: Target,
    layers: &'a [usize],
    activations: &'a [Activation],
    order: &'a [(usize, usize)],
    /// By layer and channel.
    scores: Vec<Vec<Option<f64>>>,
}

impl Fit for ChannelFit<'_> {
    fn add(&mut self, first: usize, rows: &[Arc<Scores>]) {
        for (index, logits) in (first..).zip(rows) {
            let (number, channel) = self.order[index];
            self.scores[number][channel] = Some(score(self.target, logits));
        }
    }

    fn estimate(&self) -> Result<Estimate, ExplainError> {
        let of_image = score(self.target, &self.subject.pass.logits);
        // With several layers, those not asked about yet are left out.
        let known = self.scores.iter().filter(|scores| scores.iter().any(Option::is_some)).count().max(1);
        let maps = self.activations.iter().zip(&self.scores).take(known);
        let maps = maps.map(|(activation, scores)| weighted_sum(&(self.cam.weigh)(scores, of_image), activation));
        let mut attribution = cam::attribution(self.subject, &self.layers[..known], maps.collect());
        attribution.warnings.extend((self.cam.warn)(of_image));
        Ok(Estimate { attribution, uncertainty: None })
    }
}

/// `sum_c w_c A_c`, `[h, w]`.
fn weighted_sum(weights: &[f64], activation: &Array3<f32>) -> Array2<f32> {
    let (_, height, width) = activation.dim();
    let mut sum = Array2::<f64>::zeros((height, width));
    for (channel, weight) in activation.outer_iter().zip(weights) {
        sum.zip_mut_with(&channel, |sum, value| *sum += weight * f64::from(*value));
    }
    sum.mapv(|value| value as f32)
}
