//! Score-CAM: each channel, weighted by the score of the image seen through it (Wang et al., CVPR workshops 2020).

use ndarray::Axis;

use super::channel_cam::ChannelCam;
use crate::explain::frame::Frame;
use crate::explain::{ExplainError, Family, MethodInfo, Needs, Subject};
use crate::network::{Activation, Scores};
use crate::raster::resize::{Corners, resize_map};

/// Keeps a flat channel from being divided by zero; the value is pytorch-grad-cam's.
const EPSILON: f32 = 1e-8;

/// The registry's entry.
pub(in crate::explain) static SCORE_CAM: MethodInfo = MethodInfo {
    name: "score-cam",
    family: Family::Cam,
    help: "a layer's channels, each weighted by the score of the image seen through it; no gradients",
    reference: "Wang et al., Score-CAM, CVPR Workshops 2020",
    needs: Needs { layer: true, ..Needs::NOTHING },
    own_params: &[],
    caution: None,
    method: &ChannelCam { change: "channel shown", ask, weigh, warn: |_| None },
};

/// The logits of the normalised input times the channel, which is enlarged and stretched to `[0, 1]`.
fn ask(subject: Subject<'_>, _layer: usize, activation: &Activation, channel: usize) -> Result<Scores, ExplainError> {
    let frame = Frame::of(subject);
    let (height, width) = frame.extent();
    let mask = resize_map(&activation.index_axis(Axis(0), channel).to_owned(), height, width, Corners::Centres);
    let low = mask.iter().copied().fold(f32::INFINITY, f32::min);
    let high = mask.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mask = mask.mapv(|value| (value - low) / (high - low + EPSILON));
    Ok(subject.network.logits(frame.times(&mask).view())?)
}

/// The softmax of the scores over a layer's channels.
fn weigh(scores: &[Option<f64>], _of_image: f64) -> Vec<f64> {
    let high = scores.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
    let exponentials: Vec<f64> = scores.iter().map(|score| score.map_or(0.0, |score| (score - high).exp())).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.iter().map(|value| value / sum.max(f64::MIN_POSITIVE)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_not_asked_about_yet_weigh_nothing() {
        let weights = weigh(&[Some(1000.0), None, Some(1000.0)], 0.0);
        assert_eq!(weights, [0.5, 0.0, 0.5]);
        assert!(weigh(&[None, None], 0.0).iter().all(|weight| *weight == 0.0));
    }
}
