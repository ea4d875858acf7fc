//! What a graph does with its raw scores on the way to its output, found by trying it out.
//!
//! Between a softmax and an output there may be factors, clips, casts, quantisation, a slice that drops the background. The
//! few nodes are run on scores made up for the purpose, and the outputs are held against what the softmax alone would give.

use tract_onnx::prelude::*;

use super::extract::extract;
use super::scores::{OutputActivation, Rescaled, Scores, Scoring};
use super::tensors;
use crate::random::{normal, random};

/// How many made-up inputs are tried.
const TRIALS: usize = 6;

/// What an output may differ by from what is computed here, relative and absolute: rounding.
const ROUNDING: (f64, f64) = (1e-3, 1e-6);

/// The same where the graph rounds to 8 bits.
const QUANTISED: (f64, f64) = (0.0, 6e-3);

/// The scoring of a graph whose raw scores lie at `logits` and whose output `own` is made of them through `activation`, or
/// through its logarithm. None where the output is not that.
///
/// # Errors
/// When tract fails to run the nodes between.
pub(crate) fn scoring(
    graph: &TypedModel,
    (logits, own): (OutletId, OutletId),
    activation: OutputActivation,
    logarithm: bool,
) -> TractResult<Option<Scoring>> {
    let plain = Scoring::new(activation);
    if logits == own {
        return Ok(Some(plain));
    }
    let shape = super::concrete(graph, logits)?;
    let count: usize = shape.iter().product();
    let part = extract(graph, &[logits], &[own])?.graph;
    let is_quantised = part.nodes().iter().any(|node| node.op.name().contains("uantize"));
    let plan = part.into_runnable()?;
    let shared = std::sync::Arc::new(plain.clone());
    let mut trials = Vec::with_capacity(TRIALS);
    for trial in 0..TRIALS {
        let mut random = random(0, trial);
        let raw: Vec<f32> = (0..count).map(|_| 2.0 * normal(&mut random)).collect();
        let outputs = plan.run(tvec![Tensor::from_shape(&shape, &raw)?.into_tvalue()])?;
        let found = tensors::values(&*outputs[0].cast_to::<f32>()?)?;
        let found = found.into_iter().map(|value| if logarithm { f64::from(value).exp() } else { f64::from(value) });
        let expected = Scores::new(raw, &shared).probabilities().into_iter().map(f64::from);
        trials.push(Trial { found: found.collect(), expected: expected.collect() });
    }
    let tolerance = if is_quantised { QUANTISED } else { ROUNDING };
    let near = |found: f64, expected: f64| {
        (found - expected).abs() <= tolerance.0 * expected.abs().max(found.abs()) + tolerance.1
    };
    Ok(understand(&trials, &near).map(|(rescaled, selection)| Scoring { rescaled, selection, ..plain }))
}

/// What the graph made of made-up scores, and what the activation alone makes of them.
struct Trial {
    found: Vec<f64>,
    expected: Vec<f64>,
}

/// What is done to the results of the activation: nothing, a factor and a term for each, or a choice of them.
fn understand(trials: &[Trial], near: &dyn Fn(f64, f64) -> bool) -> Option<(Option<Rescaled>, Option<Vec<usize>>)> {
    let (found, expected) = (trials.first()?.found.len(), trials.first()?.expected.len());
    if found == expected {
        let pairs = || trials.iter().flat_map(|trial| trial.found.iter().zip(&trial.expected));
        let factor = pairs().map(|(found, _)| found).sum::<f64>() / pairs().map(|(_, expected)| expected).sum::<f64>();
        // One factor for all, as of percent, is undone.
        if factor > 0.0 && pairs().all(|(found, expected)| near(found / factor, *expected)) {
            return Some((None, None));
        }
        let lines: Option<Vec<(f32, f32)>> = (0..found).map(|class| line(trials, class, near)).collect();
        if let Some(lines) = lines {
            let (scale, shift) = lines.into_iter().unzip();
            return Some((Some(Rescaled { scale, shift }), None));
        }
    }
    let chosen: Option<Vec<usize>> = (0..found).map(|class| origin(trials, class, near)).collect();
    chosen.filter(|chosen| !chosen.is_empty()).map(|chosen| (None, Some(chosen)))
}

/// The line `scale * expected + shift` on which all trials of a class lie.
fn line(trials: &[Trial], class: usize, near: &dyn Fn(f64, f64) -> bool) -> Option<(f32, f32)> {
    let points: Vec<(f64, f64)> = trials.iter().map(|trial| (trial.expected[class], trial.found[class])).collect();
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
    let (mut products, mut squares) = (0.0, 0.0);
    for point in &points {
        products += (point.0 - x) * (point.1 - y);
        squares += (point.0 - x) * (point.0 - x);
    }
    let scale = if squares > 0.0 { products / squares } else { return None };
    let shift = y - scale * x;
    let shift = if near(scale * x + shift, scale * x) { 0.0 } else { shift };
    let fits = scale > 0.0 && points.iter().all(|point| near(point.1, scale * point.0 + shift));
    fits.then_some((scale as f32, shift as f32))
}

/// Which result of the activation an output passes on.
fn origin(trials: &[Trial], class: usize, near: &dyn Fn(f64, f64) -> bool) -> Option<usize> {
    let candidates = 0..trials.first()?.expected.len();
    let fits = |candidate: &usize| trials.iter().all(|trial| near(trial.found[class], trial.expected[*candidate]));
    // Slices keep the order, so the search begins where the last one would have ended.
    let (before, after) = (candidates.clone().take(class), candidates.skip(class));
    after.chain(before).find(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn try_out(change: impl Fn(&[f64]) -> Vec<f64>) -> Option<(Option<Rescaled>, Option<Vec<usize>>)> {
        let trial = |index: usize| {
            let raw: Vec<f32> = (0..4).map(|class| ((index * 7 + class * 3) % 5) as f32 - 0.1 * class as f32).collect();
            let expected: Vec<f64> = Scores::softmax(&raw).probabilities().into_iter().map(f64::from).collect();
            Trial { found: change(&expected), expected }
        };
        let trials: Vec<Trial> = (0..TRIALS).map(trial).collect();
        understand(&trials, &|a, b| (a - b).abs() < 1e-5)
    }

    #[test]
    fn percent_and_casts_are_undone() {
        assert_eq!(try_out(<[f64]>::to_vec), Some((None, None)));
        assert_eq!(try_out(|p| p.iter().map(|p| 100.0 * p).collect()), Some((None, None)));
    }

    #[test]
    fn smoothed_and_weighted_probabilities_are_lines() {
        let (rescaled, selection) = try_out(|p| p.iter().map(|p| 0.9 * p + 0.025).collect()).unwrap();
        let rescaled = rescaled.unwrap();
        assert!(
            selection.is_none() && (rescaled.scale[1] - 0.9).abs() < 1e-5 && (rescaled.shift[1] - 0.025).abs() < 1e-5
        );
        let weights = [1.0, 2.0, 0.5, 1.0];
        let (rescaled, _) = try_out(|p| p.iter().zip(weights).map(|(p, w)| p * w).collect()).unwrap();
        assert_eq!(rescaled.unwrap().shift, [0.0; 4]);
    }

    #[test]
    fn a_dropped_background_is_a_choice_and_a_product_is_nothing_known() {
        assert_eq!(try_out(|p| p[1..].to_vec()), Some((None, Some(vec![1, 2, 3]))));
        assert_eq!(try_out(|p| vec![p[2], p[0], p[1], p[3]]), Some((None, Some(vec![2, 0, 1, 3]))));
        assert_eq!(try_out(|p| p.iter().map(|value| value * p[0]).collect()), None);
    }
}
