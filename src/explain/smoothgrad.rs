//! SmoothGrad and VarGrad: mean and variance of the gradient under noise (Smilkov et al., 2017; Adebayo et al., 2018).

use ndarray::ArrayD;

use super::{
    Attribution, ExplainError, Family, Method, MethodInfo, Monitor, Needs, Param, ParamKind, Request, Sign, Subject,
    Value, gradient,
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

const NOISE_UNIT: Param = Param {
    name: "noise-unit",
    kind: ParamKind::Choice { default: "range", options: &["range", "absolute"] },
    help: "range: a share of the input's range; absolute: in normalised input space",
};

const OF: Param = Param {
    name: "of",
    kind: ParamKind::Choice { default: "signed", options: &["signed", "absolute"] },
    help: "the gradient with its sign, or its magnitude as captum's saliency has it",
};

const NEEDS: Needs = Needs { gradient: true, layer: false, superpixels: false, seed: true };

/// The mean gradient over noisy copies.
pub(super) static SMOOTHGRAD: MethodInfo = MethodInfo {
    name: "smoothgrad",
    family: Family::Gradient,
    help: "the mean gradient over noisy copies of the image",
    reference: "Smilkov et al., SmoothGrad, 2017",
    needs: NEEDS,
    sign: Sign::Signed,
    own_params: &[SAMPLES, NOISE, NOISE_UNIT, OF],
    caution: None,
    method: &Noisy { variance: false },
};

/// The variance of the gradient over noisy copies.
pub(super) static VARGRAD: MethodInfo = MethodInfo {
    name: "vargrad",
    family: Family::Gradient,
    help: "the variance of the gradient over noisy copies of the image",
    reference: "Adebayo et al., Local explanation methods for deep neural networks, 2018",
    needs: NEEDS,
    sign: Sign::Positive,
    own_params: &[SAMPLES, NOISE, NOISE_UNIT, OF],
    caution: None,
    method: &Noisy { variance: true },
};

struct Noisy {
    variance: bool,
}

impl Method for Noisy {
    fn explain(
        &self,
        subject: Subject<'_>,
        request: &Request,
        monitor: &Monitor<'_>,
    ) -> Result<Attribution, ExplainError> {
        let Value::Integer(samples) = request.value(&SAMPLES) else { return Err(unreadable()) };
        let Value::Real(noise) = request.value(&NOISE) else { return Err(unreadable()) };
        let input = &*subject.pass.input;
        let range = input.iter().copied().fold(f32::NEG_INFINITY, f32::max)
            - input.iter().copied().fold(f32::INFINITY, f32::min);
        let in_range = request.value(&NOISE_UNIT) == Value::Choice("range".into());
        let deviation = if in_range { noise as f32 * range } else { noise as f32 };
        let noisy = |index: usize| {
            let mut random = random(request.seed, index);
            input.mapv(|value| value + deviation * normal(&mut random))
        };
        let magnitude = request.value(&OF) == Value::Choice("absolute".into());
        self.statistics(subject, request, monitor, samples as usize, magnitude, &noisy)
    }
}

impl Noisy {
    /// Mean or variance of the gradient over the inputs that `noisy` makes.
    fn statistics(
        &self,
        subject: Subject<'_>,
        request: &Request,
        monitor: &Monitor<'_>,
        samples: usize,
        magnitude: bool,
        noisy: &(dyn Fn(usize) -> ArrayD<f32> + Sync),
    ) -> Result<Attribution, ExplainError> {
        let target = request.target.resolve(&subject.pass.logits)?;
        let mut moments = Moments::new(subject.pass.input.shape());
        let mut latest = None;
        gradient::many(subject, target, samples, monitor, noisy, &mut |_, gradient| {
            moments.add(if magnitude { gradient.mapv_into(f32::abs) } else { gradient });
            let values = if self.variance { moments.variance() } else { moments.mean() };
            let values = gradient::channels_first(values, subject);
            let attribution =
                if self.variance || magnitude { gradient::positive(values) } else { gradient::signed(values) };
            latest = Some(attribution.clone());
            Some(attribution)
        })?;
        latest.ok_or_else(unreadable)
    }
}

fn unreadable() -> ExplainError {
    ExplainError::Parameter("samples and noise must be numbers".into())
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

    /// The mean square less the squared mean, as captum has it.
    fn variance(&self) -> ArrayD<f32> {
        let mut variance = self.mean();
        ndarray::Zip::from(&mut variance).and(&self.sum).and(&self.squares).for_each(|variance, sum, squares| {
            *variance = (squares / self.count - (sum / self.count).powi(2)).max(0.0) as f32;
        });
        variance
    }
}
