//! Integrated gradients: the gradient along the straight way from a baseline to the image (Sundararajan et al., ICML 2017).

use ndarray::ArrayD;

use super::baseline::{self, BASELINE, baseline};
use crate::explain::gradient;
use crate::explain::{
    Attribution, ExplainError, Family, Method, MethodInfo, Monitor, Needs, Param, ParamKind, Request, Subject,
};

const STEPS: Param = Param {
    name: "steps",
    kind: ParamKind::Integer { default: 50, min: 1, max: 1000 },
    help: "points of the Gauss-Legendre rule along the way",
};

/// The integral of the gradient by Gauss-Legendre quadrature, as in captum, times the way; the completeness gap, the sum of
/// the map less the difference of the scores, is always reported.
pub(in crate::explain) static INTEGRATED_GRADIENTS: MethodInfo = MethodInfo {
    name: "integrated-gradients",
    family: Family::Gradient,
    help: "gradients along the way from a baseline: they add up to the score's difference",
    reference: "Sundararajan et al., Axiomatic attribution for deep networks, ICML 2017",
    needs: Needs { gradient: true, ..Needs::NOTHING },
    own_params: &[STEPS, BASELINE],
    caution: None,
    method: &IntegratedGradients,
};

struct IntegratedGradients;

impl Method for IntegratedGradients {
    fn explain(
        &self,
        subject: Subject<'_>,
        request: &Request,
        monitor: &Monitor<'_>,
    ) -> Result<Attribution, ExplainError> {
        let steps = request.count(&STEPS);
        let input = &*subject.pass.input;
        let baseline = baseline(subject, request);
        let way = input - &baseline;
        let target = request.target.resolve(&subject.pass.logits)?;
        let rule = gauss_legendre(steps);
        monitor.check()?;
        let start = target.score(&subject.network.logits(baseline.view())?)?;
        let end = target.score(&subject.pass.logits)?;

        let mut sum = ArrayD::<f64>::zeros(input.raw_dim());
        let at = |index: usize| &baseline + &(&way * rule[index].0 as f32);
        let mut covered = 0.0;
        gradient::many(subject, target, steps, monitor, &at, &mut |index, gradient| {
            let weight = rule[index].1;
            covered += weight;
            sum.zip_mut_with(&gradient, |sum, gradient| *sum += weight * f64::from(*gradient));
            Some(finish(subject, &sum, &way, 1.0 / covered, None))
        })?;
        Ok(finish(subject, &sum, &way, 1.0, Some(f64::from(end - start))))
    }
}

/// The attribution of the integral so far; with the difference of the scores also its completeness gap.
fn finish(
    subject: Subject<'_>,
    sum: &ArrayD<f64>,
    way: &ArrayD<f32>,
    scale: f64,
    difference: Option<f64>,
) -> Attribution {
    let mut values = way.clone();
    values.zip_mut_with(sum, |way, sum| *way = (f64::from(*way) * sum * scale) as f32);
    let total: f64 = values.iter().map(|value| f64::from(*value)).sum();
    let mut attribution = gradient::signed(gradient::channels_first(values, subject));
    if let Some(difference) = difference {
        baseline::report_gap(&mut attribution, total, difference, "more steps or another baseline may help");
    }
    attribution
}

/// Points and weights of the Gauss-Legendre rule on `[0, 1]`, from the smallest point to the largest: the roots of the
/// Legendre polynomial by Newton's method (Abramowitz and Stegun, 25.4.29).
fn gauss_legendre(count: usize) -> Vec<(f64, f64)> {
    let n = count as f64;
    (1..=count)
        .rev()
        .map(|i| {
            let mut x = (std::f64::consts::PI * (i as f64 - 0.25) / (n + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..100 {
                let (mut before, mut here) = (1.0, x);
                for k in 2..=count {
                    let k = k as f64;
                    (before, here) = (here, ((2.0 * k - 1.0) * x * here - (k - 1.0) * before) / k);
                }
                slope = n * (x * here - before) / (x * x - 1.0);
                let step = here / slope;
                x -= step;
                if step.abs() < 1e-15 {
                    break;
                }
            }
            (0.5 * (x + 1.0), 1.0 / ((1.0 - x * x) * slope * slope))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_integrates_polynomials_exactly_up_to_twice_its_points() {
        for count in [1, 2, 5, 50] {
            let rule = gauss_legendre(count);
            assert!(rule.is_sorted_by(|a, b| a.0 < b.0));
            for degree in 0..(2 * count).min(40) {
                let integral: f64 = rule.iter().map(|(x, weight)| weight * x.powi(degree as i32)).sum();
                assert!((integral - 1.0 / (degree as f64 + 1.0)).abs() < 1e-13, "{count} points, degree {degree}");
            }
        }
    }
}
