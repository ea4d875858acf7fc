//! What all class activation maps share: layers, post-processing, and the way from a layer's map to an attribution.
//!
//! A member of the family whose map is a function of one layer's activation and gradient is a [`GradientCam`] with that
//! function; everything else is done here, as in pytorch-grad-cam 1.5.7: ReLU, min-max, bilinear resize to the input's
//! size, the mean over the layers, and min-max once more.

use ndarray::{Array2, ArrayView2, Axis};

use super::{Attribution, ExplainError, LayerChoice, Method, Monitor, Partial, Request, Sign, Subject};
use crate::model::{Layer, LayerGradient};
use crate::raster::Map;
use crate::raster::resize::{Corners, resize_map};

/// Keeps a flat map from being divided by zero; the value is pytorch-grad-cam's.
const EPSILON: f32 = 1e-7;

/// A CAM that is a function of a layer's activation and gradient, both `[C, h, w]`; the result is `[h, w]`.
pub(super) struct GradientCam {
    pub(super) name: &'static str,
    pub(super) map: fn(&LayerGradient) -> Array2<f32>,
}

impl Method for GradientCam {
    fn explain(
        &self,
        subject: Subject<'_>,
        request: &Request,
        monitor: &Monitor<'_>,
    ) -> Result<Attribution, ExplainError> {
        let layers = layers(self.name, subject, &request.layer)?;
        let cotangent = request.target.cotangent(&subject.pass.logits)?;
        let mut maps = Vec::with_capacity(layers.len());
        for (done, &layer) in layers.iter().enumerate() {
            monitor.check()?;
            let at_layer = subject.network.layer_gradient(subject.pass, layer, &cotangent)?;
            maps.push((self.map)(&at_layer));
            monitor.report(Partial { done: done + 1, total: layers.len(), attribution: None });
        }
        Ok(attribution(subject, &layers, maps))
    }
}

/// The layers that a request means.
///
/// # Errors
/// [`ExplainError::Unsuitable`] when the model has no layer with spatial extent.
pub(super) fn layers(
    method: &'static str,
    subject: Subject<'_>,
    choice: &LayerChoice,
) -> Result<Vec<usize>, ExplainError> {
    match choice {
        LayerChoice::These(layers) if !layers.is_empty() => Ok(layers.clone()),
        _ => match subject.network.auto_layer() {
            Some(layer) => Ok(vec![layer]),
            None => Err(ExplainError::Unsuitable {
                method,
                reason: "no layer between input and logits has spatial extent; try an input-gradient method".into(),
            }),
        },
    }
}

/// The attribution of one raw map per layer. `raw` is that of the first layer, at its own resolution.
pub(super) fn attribution(subject: Subject<'_>, layers: &[usize], maps: Vec<Array2<f32>>) -> Attribution {
    let (height, width) = subject.network.input_extent();
    let names = layers.iter().map(|&layer| subject.network.layers()[layer].name.clone()).collect();
    let map = postprocess(maps.iter().map(|map| map.view()), height, width);
    let warnings =
        maps.iter().zip(layers).filter_map(|(raw, &layer)| flat(raw, &subject.network.layers()[layer])).collect();
    let raw = maps.into_iter().next().unwrap_or_else(|| Array2::zeros((height, width)));
    Attribution {
        values: map.clone().into_dyn(),
        map,
        raw: raw.into_dyn(),
        sign: Sign::Positive,
        layers: names,
        evidence: vec![],
        warnings,
        segments: None,
        statement: None,
    }
}

/// ReLU, min-max, bilinear resize to `height` x `width`, mean over the layers, min-max.
pub fn postprocess<'a>(maps: impl ExactSizeIterator<Item = ArrayView2<'a, f32>>, height: usize, width: usize) -> Map {
    let count = maps.len().max(1) as f32;
    let mut sum = Map::zeros((height, width));
    for map in maps {
        let positive = map.mapv(|value| value.max(0.0));
        sum += &resize_map(&min_max(&positive), height, width, Corners::Edges);
    }
    min_max(&(sum / count))
}

/// `(map - min) / (1e-7 + max)`, the max taken after the subtraction; NaN counts as nothing.
fn min_max(map: &Map) -> Map {
    let clean = map.mapv(|value| if value.is_nan() { 0.0 } else { value });
    let min = clean.iter().copied().fold(f32::INFINITY, f32::min);
    let max = clean.iter().copied().fold(f32::NEG_INFINITY, f32::max) - min;
    clean.mapv(|value| (value - min) / (EPSILON + max))
}

/// The mean over the grid of each channel of `[C, h, w]`.
pub(super) fn channel_means(values: &ndarray::Array3<f32>) -> ndarray::Array1<f32> {
    let [_, height, width] = values.dim().into();
    values.sum_axis(Axis(2)).sum_axis(Axis(1)) / (height * width) as f32
}

/// The sum over channels of `weights[c] * activation[c]`.
pub(super) fn weighted_sum(weights: &ndarray::Array1<f32>, activation: &ndarray::Array3<f32>) -> Array2<f32> {
    let (_, height, width) = activation.dim();
    let mut map = Array2::zeros((height, width));
    for (channel, &weight) in activation.outer_iter().zip(weights) {
        map.scaled_add(weight, &channel);
    }
    map
}

/// A warning when nothing in the raw map speaks for the target, so that min-max can only show noise.
fn flat(raw: &Array2<f32>, layer: &Layer) -> Option<String> {
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
        let map = postprocess([array![[-4.0, 1.0], [3.0, 2.0]].view()].into_iter(), 2, 2);
        for (value, expected) in map.iter().zip([0.0, 1.0 / 3.0, 1.0, 2.0 / 3.0]) {
            assert!((value - expected).abs() < 1e-6, "{map}");
        }
    }

    #[test]
    fn the_maximum_is_one_after_enlarging_too() {
        let map = postprocess([array![[0.0, 1.0], [0.0, 0.0]].view()].into_iter(), 7, 7);
        assert!((map.iter().copied().fold(0.0, f32::max) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_flat_or_broken_map_stays_finite() {
        for map in [array![[2.0, 2.0]], array![[f32::NAN, 1.0]], array![[-1.0, -2.0]]] {
            assert!(postprocess([map.view()].into_iter(), 3, 3).iter().all(|value| (0.0..=1.0).contains(value)));
        }
    }
}
