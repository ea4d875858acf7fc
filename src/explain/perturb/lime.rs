//! LIME: a plane through the model's answers to the image with superpixels hidden at random (Ribeiro et al., KDD 2016), as
//! `lime_image` fits it.

use std::sync::Arc;

use ndarray::Array1;
use rand::RngExt as _;

use super::division::Division;
use super::linear::{Gram, PARTS, Plane, jackknife, relative_error};
use crate::explain::heaviest_first;
use crate::explain::samples::SampleKey;
use crate::explain::sampling::{Estimate, Fit, Run, probability, random};
use crate::explain::{
    Attribution, ExplainError, Family, Method, MethodInfo, Metric, Monitor, Needs, Param, ParamKind, Request, Subject,
};
use crate::model::Target;
use crate::network::Scores;

const SAMPLES: Param = Param {
    name: "samples",
    kind: ParamKind::Integer { default: 1000, min: 10, max: 100_000 },
    help: "model calls; the first is the whole image",
};

const KERNEL_WIDTH: Param = Param {
    name: "kernel-width",
    kind: ParamKind::Real { default: 0.25, min: 0.001, max: 100.0 },
    help: "how quickly samples that hide much lose weight, in cosine distance",
};

const ALPHA: Param = Param {
    name: "alpha",
    kind: ParamKind::Real { default: 1.0, min: 0.0, max: 1e6 },
    help: "penalty of the ridge regression",
};

const SPREAD: Param = Param {
    name: "spread",
    kind: ParamKind::Flag { default: false },
    help: "repeat with two other seeds and report how far the top superpixels move; three times the model calls",
};

/// How many of the heaviest superpixels are compared between seeds.
const TOP: usize = 5;
/// Seeds compared for the spread.
const SEEDS: u64 = 3;
/// With fewer top superpixels in common than this share, or a spread of the heaviest beyond this share of its weight, an
/// explanation is called unstable.
const STABLE: f64 = 0.5;
/// A plane that explains less of the model's answers than this says little about the model.
const POOR_R2: f64 = 0.6;

/// The registry's entry.
pub(in crate::explain) static LIME: MethodInfo = MethodInfo {
    name: "lime",
    family: Family::Perturbation,
    help: "weights of superpixels in a linear model of the answers when some are hidden",
    reference: "Ribeiro et al., \"Why Should I Trust You?\", KDD 2016",
    needs: Needs { superpixels: true, ..Needs::NOTHING },
    own_params: &[SAMPLES, KERNEL_WIDTH, ALPHA, SPREAD],
    caution: None,
    method: &Lime,
};

struct Lime;

impl Method for Lime {
    fn explain(
        &self,
        subject: Subject<'_>,
        request: &Request,
        monitor: &Monitor<'_>,
    ) -> Result<Attribution, ExplainError> {
        let target = request.target.resolve(&subject.pass.logits)?;
        monitor.check()?;
        let division = Division::new(subject, request, monitor)?;
        let samples = request.count(&SAMPLES);
        let seeds = if request.flag(&SPREAD) { SEEDS } else { 1 };
        let mut found = (0..seeds).map(|round| {
            let seed = request.seed.wrapping_add(round);
            let key = SampleKey::new(SAMPLES_KIND, subject, seed, division.parameters.clone());
            let progress = (round as usize * samples, seeds as usize * samples);
            let run = Run { progress, ..Run::new(subject, request, monitor, key, samples) };
            let mut fit = LimeFit::new(&division, target, seed, request);
            run.explain(
                &|index| Ok(subject.network.logits(division.show(&mask(seed, index, division.count())).view())?),
                &mut fit,
            )
        });
        let Some(first) = found.next() else { return Err(ExplainError::Cancelled) };
        let mut attribution = first?;
        let others = found.collect::<Result<Vec<_>, _>>()?;
        if !others.is_empty() {
            compare(&mut attribution, &others);
        }
        Ok(attribution)
    }
}

/// What LIME's samples are: each superpixel shown with probability 1/2.
pub(super) const SAMPLES_KIND: &str = "halves";

/// Which superpixels sample `index` shows: all of them in the first, each with probability 1/2 in the others.
pub(super) fn mask(seed: u64, index: usize, count: usize) -> Vec<bool> {
    let mut random = random(seed, index);
    (0..count).map(|_| index == 0 || random.random()).collect()
}

/// The weight of a sample that shows `shown` of `count` superpixels: an exponential kernel on the cosine distance between
/// its mask and all ones.
fn kernel(shown: usize, count: usize, width: f64) -> f64 {
    let distance = 1.0 - (shown as f64 / count as f64).sqrt();
    (-(distance * distance) / (width * width)).exp().sqrt()
}

/// LIME's plane for given masks `[N][M]` and scores `[N]`: weights, intercept and R².
pub fn lime_plane(masks: &[Vec<bool>], scores: &[f64], kernel_width: f64, alpha: f64) -> (Vec<f64>, f64, f64) {
    let mut gram = Gram::new(masks.first().map_or(0, Vec::len));
    for (mask, score) in masks.iter().zip(scores) {
        add(&mut gram, mask, *score, kernel_width);
    }
    let Plane { weights, intercept, r2 } = gram.ridge(alpha);
    (weights.to_vec(), intercept, r2)
}

fn add(gram: &mut Gram, mask: &[bool], score: f64, kernel_width: f64) {
    let shown = mask.iter().filter(|shown| **shown).count();
    let row: Vec<f64> = mask.iter().map(|shown| f64::from(u8::from(*shown))).collect();
    gram.add(&row, score, kernel(shown, mask.len(), kernel_width));
}

struct LimeFit<'a> {
    division: &'a Division<'a>,
    target: Target,
    seed: u64,
    kernel_width: f64,
    alpha: f64,
    /// The samples in [`PARTS`] parts, in turn.
    parts: Vec<Gram>,
}

impl<'a> LimeFit<'a> {
    fn new(division: &'a Division<'a>, target: Target, seed: u64, request: &Request) -> LimeFit<'a> {
        let (kernel_width, alpha) = (request.real(&KERNEL_WIDTH), request.real(&ALPHA));
        let parts = vec![Gram::new(division.count()); PARTS];
        LimeFit { division, target, seed, kernel_width, alpha, parts }
    }
}

impl Fit for LimeFit<'_> {
    fn add(&mut self, first: usize, rows: &[Arc<Scores>]) {
        for (index, logits) in (first..).zip(rows) {
            let mask = mask(self.seed, index, self.division.count());
            add(&mut self.parts[index % PARTS], &mask, probability(self.target, logits), self.kernel_width);
        }
    }

    fn estimate(&self) -> Result<Estimate, ExplainError> {
        let mut all = Gram::new(self.division.count());
        for part in &self.parts {
            all += part;
        }
        let plane = all.ridge(self.alpha);
        let without: Vec<_> = self.parts.iter().map(|part| (&all - part).ridge(self.alpha).weights).collect();
        let errors = jackknife(&without);
        let uncertainty = relative_error(&errors, &plane.weights);
        let mut attribution = self.division.attribution(&plane.weights);
        attribution.metrics = vec![
            Metric { name: "R²", value: plane.r2, unit: "" },
            Metric { name: "intercept", value: plane.intercept, unit: "probability" },
            Metric { name: "superpixels", value: self.division.count() as f64, unit: "" },
        ];
        attribution.warnings = warnings(&plane, &errors);
        Ok(Estimate { attribution, uncertainty: Some(uncertainty) })
    }
}

fn warnings(plane: &Plane, errors: &Array1<f64>) -> Vec<String> {
    let mut warnings = vec![];
    if plane.r2 < POOR_R2 {
        warnings.push(format!("R² {:.2}: a poor fit, distrust this map", plane.r2));
    }
    let weights: Vec<f32> = plane.weights.iter().map(|weight| *weight as f32).collect();
    if let Some(&heaviest) = heaviest_first(&weights).first()
        && errors[heaviest] > STABLE * plane.weights[heaviest].abs()
    {
        warnings.push("unstable: the standard error of the heaviest superpixel is more than half of its weight".into());
    }
    warnings
}

/// Adds to the first attribution how the same with other seeds differs.
fn compare(attribution: &mut Attribution, others: &[Attribution]) {
    let weights_of = |attribution: &Attribution| attribution.segments.as_ref().map_or(vec![], |s| s.weights.clone());
    let runs: Vec<Vec<f32>> = std::iter::once(&*attribution).chain(others).map(weights_of).collect();
    let tops: Vec<Vec<usize>> =
        runs.iter().map(|weights| heaviest_first(weights).into_iter().take(TOP).collect()).collect();
    let Some(first) = tops.first().filter(|top| !top.is_empty()) else { return };
    let common = first.iter().filter(|segment| tops.iter().all(|top| top.contains(segment))).count();
    let shared = common as f64 / first.len() as f64;
    let spread_of = |segment: usize| {
        let values: Vec<f64> = runs.iter().map(|weights| f64::from(weights[segment])).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64).sqrt()
    };
    let spread = first.iter().map(|segment| spread_of(*segment)).fold(0.0, f64::max);
    let largest = f64::from(runs[0][first[0]].abs());
    attribution.metrics.push(Metric {
        name: "largest spread of a top superpixel over 3 seeds",
        value: spread,
        unit: "",
    });
    attribution.metrics.push(Metric { name: "top superpixels that 3 seeds share", value: shared, unit: "" });
    if shared < STABLE || spread > STABLE * largest {
        attribution.warnings.push(format!(
            "unstable: of the {} heaviest superpixels, all 3 seeds agree on {common}; take more samples",
            first.len()
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sample_shows_everything_and_the_others_about_half() {
        assert!(mask(0, 0, 64).iter().all(|shown| *shown));
        let shown: usize = (1..500).map(|index| mask(0, index, 64).iter().filter(|shown| **shown).count()).sum();
        let share = shown as f64 / (499.0 * 64.0);
        assert!((share - 0.5).abs() < 0.01, "{share}");
        assert_ne!(mask(0, 1, 64), mask(1, 1, 64));
    }

    #[test]
    fn a_poor_fit_is_called_so_and_a_good_one_is_not_talked_about() {
        let said = |r2| {
            let plane = Plane { weights: Array1::from(vec![0.3, -0.1]), intercept: 0.0, r2 };
            warnings(&plane, &Array1::from(vec![0.01, 0.01]))
        };
        assert_eq!(said(0.54), ["R² 0.54: a poor fit, distrust this map"]);
        assert!(said(0.87).is_empty());
    }

    #[test]
    fn samples_that_hide_more_weigh_less() {
        assert!((kernel(10, 10, 0.25) - 1.0).abs() < 1e-12);
        assert!(kernel(5, 10, 0.25) < kernel(8, 10, 0.25));
        assert!((kernel(0, 10, 0.25) - (-8.0_f64).exp()).abs() < 1e-12);
    }
}
