//! What all class activation maps share: layers, post-processing, and the way from a layer's map to an attribution.
//!
//! A member of the family that looks at one layer's activation and gradient is a `GradientCam`: a function to what
//! each channel contributes at each place, [C, h, w], and how channels become one map. Everything else is done here, as in
//! pytorch-grad-cam 1.5.7: ReLU, min-max, bilinear resize to the input's size, the mean over the layers, ReLU and min-max
//! again.

mod channel_cam;
mod projection;

pub(super) mod ablation_cam;
pub(super) mod eigen_cam;
pub(super) mod eigen_grad_cam;
pub(super) mod elementwise_grad_cam;
pub(super) mod grad_cam;
pub(super) mod grad_cam_plus_plus;
pub(super) mod hires_cam;
pub(super) mod layer_cam;
pub(super) mod score_cam;
pub(super) mod xgrad_cam;

use std::sync::Arc;

use ndarray::{Array1, Array2, Array3, ArrayD, ArrayView2, Axis};

use crate::explain::{
    Attribution, ExplainError, LayerChoice, Method, Monitor, Param, ParamKind, Partial, Request, Sign, Subject, Value,
};
use crate::network::{Layer, LayerGradient, Pass};
use crate::raster::Map;
use crate::raster::resize::{Corners, resize_map};
use projection::first_component;

/// Keeps a flat map from being divided by zero; the value is pytorch-grad-cam's.
const EPSILON: f32 = 1e-7;

/// Average over mirrored and rescaled inputs.
pub(super) const AUG_SMOOTH: Param = Param {
    name: "aug-smooth",
    kind: ParamKind::Flag { default: false },
    help: "average over the mirrored input and inputs scaled by 0.9, 1 and 1.1: six forward passes",
};

/// First principal component in place of the sum over channels.
pub(super) const EIGEN_SMOOTH: Param = Param {
    name: "eigen-smooth",
    kind: ParamKind::Flag { default: false },
    help: "project the channels on their first principal component instead of adding them up",
};

/// The factors of `aug-smooth`, pytorch-grad-cam's.
const AUG_FACTORS: [f32; 3] = [0.9, 1.0, 1.1];

/// How what the channels contribute becomes one map.
pub(super) enum Channels {
    /// They are added up, unless `eigen-smooth` asks for the projection.
    Sum,
    /// They are projected on their first principal component.
    Project,
}

/// A CAM that is a function of a layer's activation and gradient.
pub(super) struct GradientCam {
    /// What each channel contributes at each place, `[C, h, w]`.
    pub(super) contributions: fn(&LayerGradient) -> Array3<f32>,
    pub(super) channels: Channels,
}

impl GradientCam {
    /// One raw map for each layer, for one forward pass.
    fn maps(
        &self,
        subject: Subject<'_>,
        layers: &[usize],
        request: &Request,
    ) -> Result<Vec<Array2<f32>>, ExplainError> {
        let cotangent = request.target.cotangent(&subject.pass.logits)?;
        let project = matches!(self.channels, Channels::Project) || request.value(&EIGEN_SMOOTH) == Value::Flag(true);
        let map = |&layer: &usize| -> Result<_, ExplainError> {
            let contributions =
                (self.contributions)(&subject.network.layer_gradient(subject.pass, layer, &cotangent)?);
            Ok(if project { first_component(&contributions) } else { contributions.sum_axis(Axis(0)) })
        };
        layers.iter().map(map).collect()
    }
}

impl Method for GradientCam {
    fn explain(
        &self,
        subject: Subject<'_>,
        request: &Request,
        monitor: &Monitor<'_>,
    ) -> Result<Attribution, ExplainError> {
        let layers = layers(subject, &request.layer)?;
        // The target is that of the image as it is, whatever its variants look like to the network.
        let request = Request { target: request.target.resolve(&subject.pass.logits)?, ..request.clone() };
        monitor.check()?;
        let maps = self.maps(subject, &layers, &request)?;
        let mut attribution = attribution(subject, &layers, maps);
        if request.value(&AUG_SMOOTH) == Value::Flag(true) {
            attribution.map = self.smooth(subject, &layers, &request, monitor)?;
            attribution.values = attribution.map.clone().into_dyn();
        }
        Ok(attribution)
    }
}

impl GradientCam {
    /// The mean of the finished maps of the variants, the mirrored ones mirrored back.
    fn smooth(
        &self,
        subject: Subject<'_>,
        layers: &[usize],
        request: &Request,
        monitor: &Monitor<'_>,
    ) -> Result<Map, ExplainError> {
        let (height, width) = subject.network.input_extent();
        let columns = subject.pass.input.shape().iter().rposition(|&side| side == width).unwrap_or(3);
        let total = 2 * AUG_FACTORS.len();
        let mut sum = Map::zeros((height, width));
        for (done, (mirror, factor)) in [false, true].into_iter().flat_map(|m| AUG_FACTORS.map(|f| (m, f))).enumerate()
        {
            monitor.check()?;
            monitor.report(Partial { done, total, attribution: None });
            let pass = subject.network.forward(Arc::new(variant(subject.pass, columns, mirror, factor)))?;
            let maps = self.maps(Subject { pass: &pass, ..subject }, layers, request)?;
            let mut map = postprocess(&maps, height, width);
            if mirror {
                map.invert_axis(Axis(1));
            }
            sum += &map;
        }
        Ok(sum / total as f32)
    }
}

/// The input, mirrored along `columns` and multiplied.
fn variant(pass: &Pass, columns: usize, mirror: bool, factor: f32) -> ArrayD<f32> {
    let mut input = pass.input.mapv(|value| value * factor);
    if mirror {
        input.invert_axis(Axis(columns));
    }
    input.as_standard_layout().into_owned()
}

/// The layers that a request means.
///
/// # Errors
/// [`ExplainError::Unsuitable`] when the model has no layer with spatial extent.
pub(super) fn layers(subject: Subject<'_>, choice: &LayerChoice) -> Result<Vec<usize>, ExplainError> {
    match choice {
        LayerChoice::These(layers) if !layers.is_empty() => Ok(layers.clone()),
        _ => match subject.network.auto_layer() {
            Some(layer) => Ok(vec![layer]),
            None => Err(ExplainError::Unsuitable(
                "no layer between input and logits has spatial extent; try an input-gradient method".into(),
            )),
        },
    }
}

/// The attribution of one raw map per layer. `raw` is that of the first layer, at its own resolution.
pub(super) fn attribution(subject: Subject<'_>, layers: &[usize], maps: Vec<Array2<f32>>) -> Attribution {
    let (height, width) = subject.network.input_extent();
    let names = layers.iter().map(|&layer| subject.network.layers()[layer].name.clone()).collect();
    let map = postprocess(&maps, height, width);
    let flatness: Vec<_> =
        maps.iter().zip(layers).filter_map(|(raw, &layer)| flatness(raw, &subject.network.layers()[layer])).collect();
    let raw = maps.into_iter().next().unwrap_or_else(|| Array2::zeros((height, width)));
    Attribution {
        raw: raw.into_dyn(),
        layers: names,
        flatness: (!flatness.is_empty()).then(|| flatness.join("; ")),
        ..Attribution::new(map, Sign::Positive)
    }
}

/// ReLU, min-max, bilinear resize to `height` x `width`, mean over the layers, min-max.
pub fn postprocess(maps: &[Array2<f32>], height: usize, width: usize) -> Map {
    let mut sum = Map::zeros((height, width));
    for map in maps {
        let positive = map.mapv(|value| value.max(0.0));
        sum += &resize_map(&min_max(positive.view()), height, width, Corners::Edges);
    }
    min_max((sum / maps.len().max(1) as f32).view())
}

/// `(map - min) / (1e-7 + max)`, the max taken after the subtraction; what is not finite counts as nothing.
fn min_max(map: ArrayView2<'_, f32>) -> Map {
    let clean = map.mapv(|value| if value.is_finite() { value } else { 0.0 });
    let min = clean.iter().copied().fold(f32::INFINITY, f32::min);
    let max = clean.iter().copied().fold(f32::NEG_INFINITY, f32::max) - min;
    clean.mapv(|value| (value - min) / (EPSILON + max))
}

/// The sum over the grid of each channel of `[C, h, w]`.
pub(super) fn channel_sums(values: &Array3<f32>) -> Array1<f32> {
    values.sum_axis(Axis(2)).sum_axis(Axis(1))
}

/// `weights[c] * activation[c]`, `[C, h, w]`.
pub(super) fn weighted(weights: &Array1<f32>, activation: &Array3<f32>) -> Array3<f32> {
    let weights = weights.view().insert_axis(Axis(1)).insert_axis(Axis(2));
    activation * &weights
}

/// Why the raw map of a layer has nothing to show, where it has not: min-max would show noise.
fn flatness(raw: &Array2<f32>, layer: &Layer) -> Option<String> {
    let max = raw.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let min = raw.iter().copied().fold(f32::INFINITY, f32::min);
    if raw.iter().any(|value| !value.is_finite()) {
        return Some(format!("the map at {} holds values that are not finite", layer.name));
    }
    if max <= 0.0 {
        return Some(format!("nothing at {} speaks for the target: every value is at most 0", layer.name));
    }
    (max - min <= 1e-6 * max.abs()).then(|| format!("the map at {} is flat", layer.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_map_is_rectified_then_stretched_to_the_unit_interval() {
        let map = postprocess(&[array![[-4.0, 1.0], [3.0, 2.0]]], 2, 2);
        for (value, expected) in map.iter().zip([0.0, 1.0 / 3.0, 1.0, 2.0 / 3.0]) {
            assert!((value - expected).abs() < 1e-6, "{map}");
        }
    }

    #[test]
    fn the_maximum_is_one_after_enlarging_too() {
        let map = postprocess(&[array![[0.0, 1.0], [0.0, 0.0]]], 7, 7);
        assert!((map.iter().copied().fold(0.0, f32::max) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_flat_or_broken_map_stays_finite() {
        for map in [array![[2.0, 2.0]], array![[f32::NAN, 1.0]], array![[f32::INFINITY, 1.0]], array![[-1.0, -2.0]]] {
            assert!(postprocess(&[map], 3, 3).iter().all(|value| (0.0..=1.0).contains(value)));
        }
    }
}
