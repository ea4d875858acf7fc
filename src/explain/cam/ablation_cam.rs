//! Ablation-CAM: each channel, weighted by the share of the score that is lost without it (Ramaswamy et al., WACV 2020).

use super::channel_cam::ChannelCam;
use crate::explain::{ExplainError, Family, MethodInfo, Needs, Subject};
use crate::network::{Activation, Scores, with_threads};

/// The registry's entry.
pub(in crate::explain) static ABLATION_CAM: MethodInfo = MethodInfo {
    name: "ablation-cam",
    family: Family::Cam,
    help: "a layer's channels, each weighted by the share of the score that is lost without it; no gradients",
    reference: "Ramaswamy et al., Ablation-CAM, WACV 2020",
    needs: Needs { layer: true, ..Needs::NOTHING },
    own_params: &[],
    caution: None,
    method: &ChannelCam { change: "channel removed", ask, weigh, warn },
};

/// The logits with the channel at zero everywhere.
fn ask(subject: Subject<'_>, layer: usize, activation: &Activation, channel: usize) -> Result<Scores, ExplainError> {
    let mut without = activation.clone();
    without.index_axis_mut(ndarray::Axis(0), channel).fill(0.0);
    Ok(with_threads(1, || subject.network.logits_from(subject.pass, layer, &without))?)
}

/// `(s - s_c) / s`; nothing for a score of 0, of which no share can be lost.
fn weigh(scores: &[Option<f64>], of_image: f64) -> Vec<f64> {
    let share = |score: f64| if of_image == 0.0 { 0.0 } else { (of_image - score) / of_image };
    scores.iter().map(|score| score.map_or(0.0, share)).collect()
}

fn warn(of_image: f64) -> Option<String> {
    let sign = "the target's score is not positive, so all weights change their sign";
    (of_image <= 0.0).then(|| format!("{sign} ({of_image:.3})"))
}
