//! SmoothGrad and VarGrad: mean and variance of the gradient under noise (Smilkov et al., 2017; Adebayo et al., 2018).

use ndarray::ArrayD;

use crate::explain::gradient;
use crate::explain::params::words;
use crate::explain::{
    Attribution, ExplainError, Family, Method, MethodInfo, Monitor, Needs, Param, ParamKind, Request, Subject,
};
use crate::random::{normal, random};

const SAMPLES: Param = Param {
    name: "samples",
    kind: ParamKind::Integer { default: 25, min: 2, max: 10_000 },
    help: "noisy copies of the image (captum's default: 5)",
};

const NOISE: Param = Param {
    name: "noise",
    kind: ParamKind::Real { default: 0.15, min: 0.0, max: 1000.0 },
    help: "standard deviation of the noise, in the unit that `noise-unit` says (captum's default: 1 absolute)",
};

#[derive(Clone, Copy)]
enum NoiseUnit {
    Range,
    Absolute,
}

const NOISE_UNITS: [(&str, NoiseUnit); 2] = [("range", NoiseUnit::Range), ("absolute", NoiseUnit::Absolute)];

const NOISE_UNIT: Param = Param {
    name: "noise-unit",
    kind: ParamKind::Choice { default: NOISE_UNITS[0].0, options: &words(&NOISE_UNITS) },
    help: "range: a share of the input's range; absolute: in normalised input space",
};

/// What is averaged, and whether it is the magnitude.
const OFS: [(&str, bool); 2] = [("signed", false), ("absolute", true)];

const OF: Param = Param {
    name: "of",
    kind: ParamKind::Choice { default: OFS[0].0, options: &words(&OFS) },
    help: "the gradient with its sign, or its magnitude as captum's saliency has it",
};

const NEEDS: Needs = Needs { gradient: true, ..Needs::NOTHING };

/// The mean gradient over noisy copies.
pub(in crate::explain) static SMOOTHGRAD: MethodInfo = MethodInfo {
    name: "smoothgrad",
    family: Family::Gradient,
    help: "the mean gradient over noisy copies of the image",
    reference: "Smilkov et al., SmoothGrad, 2017",
    needs: NEEDS,
    own_params: &[SAMPLES, NOISE, NOISE_UNIT, OF],
    caution: None,
    method: &Noisy { statistic: Statistic::Mean },
};

/// The variance of the gradient over noisy copies.
pub(in crate::explain) static VARGRAD: MethodInfo = MethodInfo {
    name: "vargrad",
    family: Family::Gradient,
    help: "the variance of the gradient over noisy copies of the image",
    reference: "Adebayo et al., Local explanation methods for deep neural networks, 2018",
    needs: NEEDS,
    own_params: &[SAMPLES, NOISE, NOISE_UNIT, OF],
    caution: None,
    method: &Noisy { statistic: Statistic::Variance },
};

/// What is taken of the gradients over noisy copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// SmoothGrad's.
    Mean,
    /// VarGrad's: the mean square less the squared mean.
    Variance,
}

struct Noisy {
    statistic: Statistic,
}

impl Method for Noisy {
    fn explain(
        &self,
        subject: Subject<'_>,
        request: &Request,
        monitor: &Monitor<'_>,
    ) -> Result<Attribution, ExplainError> {
        let noise = Noise::new(request, &subject.pass.input);
        noisy_gradient(subject, request, monitor, self.statistic, request.count(&SAMPLES), &|index| noise.draw(index))
    }
}

/// Normal noise for an input.
struct Noise {
    shape: Vec<usize>,
    /// Standard deviation, in normalised input space.
    deviation: f32,
    seed: u64,
}

impl Noise {
    fn new(request: &Request, input: &ArrayD<f32>) -> Noise {
        let range = input.iter().copied().fold(f32::NEG_INFINITY, f32::max)
            - input.iter().copied().fold(f32::INFINITY, f32::min);
        let noise = request.real(&NOISE) as f32;
        let deviation = match request.choice(&NOISE_UNIT, &NOISE_UNITS) {
            NoiseUnit::Range => noise * range,
            NoiseUnit::Absolute => noise,
        };
        Noise { shape: input.shape().to_vec(), deviation, seed: request.seed }
    }

    fn draw(&self, index: usize) -> ArrayD<f32> {
        let mut random = random(self.seed, index);
        ArrayD::from_shape_simple_fn(self.shape.as_slice(), || self.deviation * normal(&mut random))
    }
}

/// SmoothGrad or VarGrad under given noise: the gradients at `copies` of the subject's input, `noise(i)` of the input's
/// shape added to the i-th. Of the request, the target and `of` matter.
///
/// # Errors
/// As [`Method::explain`].
pub fn noisy_gradient(
    subject: Subject<'_>,
    request: &Request,
    monitor: &Monitor<'_>,
    statistic: Statistic,
    copies: usize,
    noise: &(dyn Fn(usize) -> ArrayD<f32> + Sync),
) -> Result<Attribution, ExplainError> {
    let target = request.target.resolve(&subject.pass.logits)?;
    let magnitude = request.choice(&OF, &OFS);
    let mut moments = Moments::new(subject.pass.input.shape());
    let mut latest = None;
    let noisy = |index: usize| noise(index) + &*subject.pass.input;
    gradient::many(subject, target, copies, monitor, &noisy, &mut |_, gradient| {
        moments.add(if magnitude { gradient.mapv_into(f32::abs) } else { gradient });
        let values = match statistic {
            Statistic::Mean => moments.mean(),
            Statistic::Variance => moments.variance(),
        };
        let values = gradient::channels_first(values, subject);
        let positive = magnitude || statistic == Statistic::Variance;
        let attribution = if positive { gradient::positive(values) } else { gradient::signed(values) };
        latest = Some(attribution.clone());
        Some(attribution)
    })?;
    latest.ok_or_else(|| SAMPLES.refuses("0").into())
}

/// Sums of values and of their squares.
struct Moments {
    count: f64,
    sum: ArrayD<f64>,
    squares: ArrayD<f64>,
}

impl Moments {
    fn new(shape: &[usize]) -> Moments {
        Moments { count: 0.0, sum: ArrayD::zeros(shape), squares: ArrayD::zeros(shape) }
    }

    fn add(&mut self, values: ArrayD<f32>) {
        self.count += 1.0;
        self.sum.zip_mut_with(&values, |sum, value| *sum += f64::from(*value));
        self.squares.zip_mut_with(&values, |sum, value| *sum += f64::from(*value).powi(2));
    }

    fn mean(&self) -> ArrayD<f32> {
        self.sum.mapv(|sum| (sum / self.count) as f32)
    }

    /// As captum has it: of the whole, not an estimate from a sample.
    fn variance(&self) -> ArrayD<f32> {
        let mut variance = self.mean();
        ndarray::Zip::from(&mut variance).and(&self.sum).and(&self.squares).for_each(|variance, sum, squares| {
            *variance = (squares / self.count - (sum / self.count).powi(2)).max(0.0) as f32;
        });
        variance
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::LayerChoice;
    use crate::model::Target;

    /// The standard deviation of the noise that these settings ask for, on an input between -1 and 3.
    fn deviation(settings: &[(&str, &str)]) -> f64 {
        let values = SMOOTHGRAD.parse_values(settings.iter().copied()).unwrap();
        let request = Request { target: Target::Top(0), layer: LayerChoice::Auto, values, seed: 3, tolerance: None };
        let input = ArrayD::from_shape_fn(vec![1, 3, 40, 40], |at| if at[2] == 0 { -1.0 } else { 3.0 });
        let noise = Noise::new(&request, &input).draw(0);
        assert_eq!(noise.shape(), input.shape());
        noise.mapv(|value| f64::from(value).powi(2)).mean().unwrap().sqrt()
    }

    #[test]
    fn noise_is_a_share_of_the_inputs_range_or_as_wide_as_captums() {
        assert!((deviation(&[]) - 0.15 * 4.0).abs() < 0.02);
        assert!((deviation(&[("noise", "1"), ("noise-unit", "absolute")]) - 1.0).abs() < 0.03);
    }
}
