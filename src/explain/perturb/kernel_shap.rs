//! KernelSHAP: each superpixel's share in the score, such that the shares add up (Lundberg and Lee, NeurIPS 2017).
//!
//! With few superpixels every coalition is asked about, and the values are Shapley's by definition. With more, coalitions
//! are drawn, sizes k with probability proportional to (M-1) / (k (M-k)), and the values are the least-squares plane
//! through the answers that meets the two certain ones: nothing shown, all shown.

use std::sync::Arc;

use ndarray::Array1;
use rand::RngExt as _;
use rand::seq::SliceRandom as _;

use super::division::Division;
use super::linear::{Gram, PARTS, jackknife, relative_error};
use crate::explain::samples::SampleKey;
use crate::explain::sampling::{Estimate, Fit, Run, random, score};
use crate::explain::{
    Attribution, ExplainError, Family, Method, MethodInfo, Metric, Monitor, Needs, Param, ParamKind, Request, Subject,
};
use crate::model::Target;
use crate::network::Scores;

const SAMPLES: Param = Param {
    name: "samples",
    kind: ParamKind::Integer { default: 2048, min: 16, max: 100_000 },
    help: "model calls; where they suffice for every coalition, the values are exact",
};

/// The registry's entry.
pub(in crate::explain) static KERNEL_SHAP: MethodInfo = MethodInfo {
    name: "kernel-shap",
    family: Family::Perturbation,
    help: "Shapley values of superpixels: shares that add up to the score's change when all are hidden",
    reference: "Lundberg and Lee, A Unified Approach to Interpreting Model Predictions, NeurIPS 2017",
    needs: Needs { superpixels: true, ..Needs::NOTHING },
    own_params: &[SAMPLES],
    caution: None,
    method: &KernelShap,
};

struct KernelShap;

impl Method for KernelShap {
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
        let coalitions = Coalitions::new(division.count(), samples, request.seed);
        let kind = if coalitions.exact() { "every-coalition" } else { "coalitions" };
        let key = SampleKey::new(kind, subject, request.seed, division.parameters.clone());
        let run = Run::new(subject, request, monitor, key, coalitions.total.min(samples));
        let ask = |index| Ok(subject.network.logits(division.show(&coalitions.mask(index)).view())?);
        if coalitions.exact() {
            let scores = vec![None; coalitions.total];
            let mut fit = Exact { division: &division, coalitions: &coalitions, target, scores };
            return run.explain(&ask, &mut fit);
        }
        let mut fit = Sampled {
            division: &division,
            coalitions: &coalitions,
            target,
            ends: [0.0; 2],
            parts: vec![Gram::new(division.count() - 1); PARTS],
        };
        run.explain(&ask, &mut fit)
    }
}

/// Which superpixels each model call shows.
struct Coalitions {
    count: usize,
    /// `2^count` where that many calls are allowed, else the calls allowed.
    total: usize,
    seed: u64,
    exact: bool,
}

impl Coalitions {
    fn new(count: usize, samples: usize, seed: u64) -> Coalitions {
        let all = u32::try_from(count).ok().and_then(|count| 1_usize.checked_shl(count)).filter(|all| *all <= samples);
        let exact = count < usize::BITS as usize && all.is_some();
        Coalitions { count, total: all.filter(|_| exact).unwrap_or(samples), seed, exact }
    }

    fn exact(&self) -> bool {
        self.exact
    }

    /// Where every coalition is asked about: the one of call `index`, as bits. Odd calls show what the even ones before
    /// them hide; steps of the golden section scatter the pairs.
    fn coalition(&self, index: usize) -> usize {
        let half = self.total / 2;
        let step = (half as f64 * 0.618_034) as usize | 1;
        let pair = index / 2 * step % half;
        if index.is_multiple_of(2) { pair } else { self.total - 1 - pair }
    }

    /// Call 0 shows nothing and call 1 everything, then each odd one shows what the even one before it hides.
    fn mask(&self, index: usize) -> Vec<bool> {
        if self.exact {
            let coalition = self.coalition(index);
            return (0..self.count).map(|segment| coalition >> segment & 1 == 1).collect();
        }
        if index < 2 {
            return vec![index == 1; self.count];
        }
        let mut random = random(self.seed, index / 2);
        let mut order: Vec<usize> = (0..self.count).collect();
        order.shuffle(&mut random);
        let size = self.size(random.random());
        let mut mask = vec![index % 2 == 1; self.count];
        for segment in &order[..size] {
            mask[*segment] = index.is_multiple_of(2);
        }
        mask
    }

    /// The size of a coalition from a number in `[0, 1)`: k with probability proportional to (M-1) / (k (M-k)).
    fn size(&self, uniform: f64) -> usize {
        let share = |size: usize| 1.0 / (size * (self.count - size)) as f64;
        let mut rest = uniform * (1..self.count).map(share).sum::<f64>();
        for size in 1..self.count {
            rest -= share(size);
            if rest < 0.0 {
                return size;
            }
        }
        self.count - 1
    }
}

/// Shapley's values from the score of every coalition; coalition `i` shows the superpixels of the bits of `i`, lowest
/// first.
pub fn shapley_values(scores: &[f64]) -> Vec<f64> {
    let count = scores.len().ilog2() as usize;
    // The share of orders in which exactly the given `size` others come before.
    let mut shares = vec![1.0 / count as f64; count];
    for size in 1..count {
        shares[size] = shares[size - 1] * size as f64 / (count - size) as f64;
    }
    let value = |segment: usize| -> f64 {
        let without = (0..scores.len()).filter(|coalition| coalition >> segment & 1 == 0);
        without
            .map(|coalition: usize| {
                let gain = scores[coalition | 1 << segment] - scores[coalition];
                shares[coalition.count_ones() as usize] * gain
            })
            .sum()
    };
    (0..count).map(value).collect()
}

/// The values for given coalitions `[N][M]` with equal weights, such that they add up to `full - empty`.
pub fn constrained_values(masks: &[Vec<bool>], scores: &[f64], empty: f64, full: f64) -> Vec<f64> {
    let mut gram = Gram::new(masks.first().map_or(1, Vec::len).saturating_sub(1));
    for (mask, score) in masks.iter().zip(scores) {
        add(&mut gram, mask, *score, [empty, full]);
    }
    complete(&gram.through_origin(), [empty, full]).to_vec()
}

/// Adds a coalition with the last superpixel eliminated: its value is what the others leave.
fn add(gram: &mut Gram, mask: &[bool], score: f64, ends: [f64; 2]) {
    add_weighted(gram, mask, score, ends, 1.0);
}

fn add_weighted(gram: &mut Gram, mask: &[bool], score: f64, [empty, full]: [f64; 2], weight: f64) {
    let number = |shown: &bool| f64::from(u8::from(*shown));
    let Some((last, rest)) = mask.split_last() else { return };
    let row: Vec<f64> = rest.iter().map(|shown| number(shown) - number(last)).collect();
    gram.add(&row, score - empty - number(last) * (full - empty), weight);
}

/// All values, from those of all superpixels but the last.
fn complete(rest: &Array1<f64>, [empty, full]: [f64; 2]) -> Array1<f64> {
    rest.iter().copied().chain([full - empty - rest.sum()]).collect()
}

fn attribution(division: &Division<'_>, values: &Array1<f64>, [empty, full]: [f64; 2]) -> Attribution {
    let mut attribution = division.attribution(values);
    attribution.metrics = vec![
        Metric { name: "completeness gap", value: values.sum() - (full - empty), unit: "" },
        Metric { name: "score with all superpixels hidden", value: empty, unit: "" },
        Metric { name: "superpixels", value: division.count() as f64, unit: "" },
    ];
    attribution
}

/// Every coalition is asked about.
struct Exact<'a> {
    division: &'a Division<'a>,
    coalitions: &'a Coalitions,
    target: Target,
    /// The scores by coalition.
    scores: Vec<Option<f64>>,
}

impl Exact<'_> {
    /// Before the end: the weighted least squares of which Shapley's values are the limit.
    fn fitted(&self, ends: [f64; 2]) -> Array1<f64> {
        let count = self.division.count();
        let mut gram = Gram::new(count - 1);
        for (coalition, score) in self.scores.iter().enumerate().filter_map(|(c, score)| Some((c, (*score)?))) {
            let size = coalition.count_ones() as usize;
            if (1..count).contains(&size) {
                let ways = (0..size).fold(1.0, |ways, i| ways * (count - i) as f64 / (i + 1) as f64);
                let mask: Vec<bool> = (0..count).map(|segment| coalition >> segment & 1 == 1).collect();
                add_weighted(&mut gram, &mask, score, ends, 1.0 / (ways * (size * (count - size)) as f64));
            }
        }
        complete(&gram.through_origin(), ends)
    }
}

impl Fit for Exact<'_> {
    fn add(&mut self, first: usize, rows: &[Arc<Scores>]) {
        for (index, logits) in (first..).zip(rows) {
            self.scores[self.coalitions.coalition(index)] = Some(score(self.target, logits));
        }
    }

    fn estimate(&self) -> Result<Estimate, ExplainError> {
        let known = |coalition: Option<&Option<f64>>| coalition.copied().flatten().unwrap_or_default();
        let ends = [known(self.scores.first()), known(self.scores.last())];
        let all: Option<Vec<f64>> = self.scores.iter().copied().collect();
        let values = all.map_or_else(|| self.fitted(ends), |scores| Array1::from(shapley_values(&scores)));
        Ok(Estimate { attribution: attribution(self.division, &values, ends), uncertainty: None })
    }
}

/// Coalitions are drawn.
struct Sampled<'a> {
    division: &'a Division<'a>,
    coalitions: &'a Coalitions,
    target: Target,
    /// The scores with nothing and with everything shown.
    ends: [f64; 2],
    /// Pairs of calls in [`PARTS`] parts, in turn.
    parts: Vec<Gram>,
}

impl Fit for Sampled<'_> {
    fn add(&mut self, first: usize, rows: &[Arc<Scores>]) {
        for (index, logits) in (first..).zip(rows) {
            let score = score(self.target, logits);
            match self.ends.get_mut(index) {
                Some(end) => *end = score,
                None => add(&mut self.parts[index / 2 % PARTS], &self.coalitions.mask(index), score, self.ends),
            }
        }
    }

    fn estimate(&self) -> Result<Estimate, ExplainError> {
        let mut all = Gram::new(self.division.count() - 1);
        for part in &self.parts {
            all += part;
        }
        let values = complete(&all.through_origin(), self.ends);
        let without: Vec<_> =
            self.parts.iter().map(|part| complete(&(&all - part).through_origin(), self.ends)).collect();
        let uncertainty = relative_error(&jackknife(&without), &values);
        Ok(Estimate { attribution: attribution(self.division, &values, self.ends), uncertainty: Some(uncertainty) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_game_with_known_values() {
        // v(S) = 3 if 0 is in S, plus 4 if 1 and 2 both are.
        let scores: Vec<f64> =
            (0..8_usize).map(|s| 3.0 * (s & 1) as f64 + if s & 6 == 6 { 4.0 } else { 0.0 }).collect();
        let values = shapley_values(&scores);
        for (value, expected) in values.iter().zip([3.0, 2.0, 2.0]) {
            assert!((value - expected).abs() < 1e-12, "{values:?}");
        }
    }

    #[test]
    fn every_coalition_is_asked_about_once_where_there_are_few() {
        let coalitions = Coalitions::new(6, 64, 0);
        assert!(coalitions.exact());
        let mut found: Vec<usize> = (0..64).map(|index| coalitions.coalition(index)).collect();
        assert_eq!(found[..2], [0, 63]);
        found.sort_unstable();
        assert!(found.into_iter().eq(0..64));
    }

    #[test]
    fn coalitions_come_in_complementary_pairs_of_the_right_sizes() {
        let coalitions = Coalitions::new(20, 5000, 3);
        assert!(!coalitions.exact());
        let mut sizes = [0.0; 20];
        for index in 2..coalitions.total {
            let mask = coalitions.mask(index);
            sizes[mask.iter().filter(|shown| **shown).count()] += 1.0 / 4998.0;
            if index % 2 == 0 {
                let other = coalitions.mask(index + 1);
                assert!(index + 1 >= coalitions.total || mask.iter().zip(&other).all(|(a, b)| a != b));
            }
        }
        let share = |size: usize| 1.0 / (size * (20 - size)) as f64;
        let total: f64 = (1..20).map(share).sum();
        assert!(sizes[0] < 1e-9);
        for (size, found) in sizes.iter().enumerate().skip(1) {
            assert!((found - share(size) / total).abs() < 0.02, "size {size}: {found}");
        }
    }
}
