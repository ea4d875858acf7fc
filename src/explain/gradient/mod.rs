//! What the methods share that look at the gradient of the input: axes, signs, and many gradients on all cores.

mod baseline;
mod moves;

pub(super) mod deep_lift;
pub(super) mod guided_backprop;
pub(super) mod input_x_gradient;
pub(super) mod integrated_gradients;
pub(super) mod lrp;
pub(super) mod saliency;
pub(super) mod smoothgrad;

use ndarray::{Array3, ArrayD, Axis};
use rayon::prelude::*;

use crate::explain::{Attribution, ExplainError, Monitor, Partial, Request, Sign, Subject};
use crate::model::Target;
use crate::network::Layout;
use crate::raster::{Map, percentile};
pub use deep_lift::{Multipliers, multipliers, rescale_exceptions};
pub use lrp::{Composite, Propagation, propagate_relevance, relevance_obstacles};
pub use smoothgrad::{Statistic, noisy_gradient};

/// The share of magnitudes that a positive map's scale covers; what lies beyond is clipped, as captum shows them.
const PERCENTILE: f32 = 0.98;

/// The gradient of the target at the subject's input, of the input's shape.
pub(super) fn at_input(subject: Subject<'_>, request: &Request) -> Result<ArrayD<f32>, ExplainError> {
    let cotangent = request.target.cotangent(&subject.pass.logits)?;
    Ok(subject.network.input_gradient(subject.pass.input.view(), &cotangent)?.1)
}

/// `[1, C, H, W]` or `[1, H, W, C]` as `[C, H, W]`.
pub(super) fn channels_first(values: ArrayD<f32>, subject: Subject<'_>) -> Array3<f32> {
    let (height, width) = subject.network.input_extent();
    let axes = match subject.settings.layout.value {
        Layout::Nchw => vec![0, 1, 2, 3],
        Layout::Nhwc => vec![0, 3, 1, 2],
    };
    let ordered = values.permuted_axes(axes).as_standard_layout().into_owned();
    let channels = ordered.len() / (height * width).max(1);
    ordered
        .into_shape_with_order((channels, height, width))
        .unwrap_or_else(|_| Array3::zeros((channels, height, width)))
}

/// An attribution whose values have a sign: the map is their sum over the channels.
pub(super) fn signed(values: Array3<f32>) -> Attribution {
    let map = values.sum_axis(Axis(0));
    attribution(values, map, Sign::Signed)
}

/// An attribution without signs: the map is the largest value over the channels, its 98th percentile at 1.
pub(super) fn positive(values: Array3<f32>) -> Attribution {
    let largest = values.fold_axis(Axis(0), 0.0_f32, |a, b| a.max(*b));
    let scale = percentile(largest.iter().copied().filter(|value| value.is_finite()).collect(), PERCENTILE);
    let map = if scale > 0.0 { largest.mapv(|value| (value / scale).min(1.0)) } else { largest };
    attribution(values, map, Sign::Positive)
}

fn attribution(values: Array3<f32>, map: Map, sign: Sign) -> Attribution {
    let flatness = if values.iter().any(|value| !value.is_finite()) {
        Some("some gradients are not finite")
    } else if values.iter().all(|value| *value == 0.0) {
        Some("the gradient is zero everywhere: nothing near this input changes the target")
    } else {
        None
    };
    Attribution {
        raw: values.clone().into_dyn(),
        values: values.into_dyn(),
        flatness: flatness.map(str::to_owned),
        ..Attribution::new(map, sign)
    }
}

/// The gradients of a resolved target at `count` inputs, all cores busy, handed to `each` in the order of their numbers, so that sums have the
/// same bits for any number of threads.
pub(super) fn many(
    subject: Subject<'_>,
    target: Target,
    count: usize,
    monitor: &Monitor<'_>,
    input: &(dyn Fn(usize) -> ArrayD<f32> + Sync),
    each: &mut dyn FnMut(usize, ArrayD<f32>) -> Option<Attribution>,
) -> Result<(), ExplainError> {
    let depends = matches!(target, Target::Probability(_));
    let block = rayon::current_num_threads().max(1) * 2;
    for first in (0..count).step_by(block) {
        let gradients: Result<Vec<ArrayD<f32>>, ExplainError> = (first..(first + block).min(count))
            .into_par_iter()
            .with_max_len(1)
            .map(|index| {
                monitor.check()?;
                let input = input(index);
                // Only a probability's cotangent depends on the logits there, and costs a forward pass of its own.
                let logits = if depends { &subject.network.logits(input.view())? } else { &subject.pass.logits };
                Ok(subject.network.input_gradient(input.view(), &target.cotangent(logits)?)?.1)
            })
            .collect();
        let mut latest = None;
        for (offset, gradient) in gradients?.into_iter().enumerate() {
            latest = each(first + offset, gradient);
        }
        let done = (first + block).min(count);
        monitor.report(Partial { done, total: count, attribution: latest.map(Into::into) });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_signed_map_adds_the_channels_up_and_a_positive_one_takes_the_largest() {
        let values = array![[[1.0_f32, -2.0]], [[3.0, 0.5]]];
        assert_eq!(signed(values.clone()).map, array![[4.0, -1.5]]);
        assert_eq!(positive(values.mapv(f32::abs)).map, array![[1.0, 2.0 / 3.0]]);
    }
}
