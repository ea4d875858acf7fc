//! Many model calls on changed inputs: on all cores, in an order that does not depend on how many there are.
//!
//! A method says how its `i`-th changed input looks and what it learns from the answers. Calls run in blocks on rayon's pool,
//! one thread each; the answers are learnt from in the order of their numbers, on one thread, so the bits are the same for
//! any number of threads. Random numbers come from generators seeded by (seed, number of the input). After each block there
//! is a map worth a look; blocks end at fixed numbers, so a method that stops once its map has settled stops at the same
//! number everywhere.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::samples::{SampleKey, Samples};
use super::{Attribution, ExplainError, Metric, Monitor, Partial, Request, Subject};
use crate::model::Target;
use crate::network::Scores;
pub(super) use crate::random::random;

/// The first block: small, so that there is something to see at once.
const FIRST_BLOCK: usize = 16;
/// Later blocks grow with what is there already, up to this.
const LAST_BLOCK: usize = 256;
/// Progress is reported about this many times.
const REPORTS: usize = 200;

/// What a method has learnt so far.
pub(super) struct Estimate {
    /// The explanation.
    pub(super) attribution: Attribution,
    /// Standard error of its values relative to the largest of them, where it can be told.
    pub(super) uncertainty: Option<f64>,
}

/// What a method learns from the answers.
pub(super) trait Fit {
    /// Takes in the logits of inputs `first`, `first + 1`, and so on; called in that order.
    fn add(&mut self, first: usize, rows: &[Arc<Scores>]);

    /// The explanation so far.
    fn estimate(&self) -> Result<Estimate, ExplainError>;
}

/// A run of model calls.
pub(super) struct Run<'a> {
    pub(super) subject: Subject<'a>,
    pub(super) monitor: &'a Monitor<'a>,
    /// What the inputs are, for those who keep samples.
    pub(super) key: SampleKey,
    /// How many inputs there are.
    pub(super) total: usize,
    /// Stop at the first block's end at which the uncertainty is at most this.
    pub(super) tolerance: Option<f64>,
    /// Calls made before this run and in all, when a method consists of several; `(0, total)` otherwise.
    pub(super) progress: (usize, usize),
}

impl<'a> Run<'a> {
    /// A run that is the whole of a method.
    pub(super) fn new(
        subject: Subject<'a>,
        request: &Request,
        monitor: &'a Monitor<'a>,
        key: SampleKey,
        total: usize,
    ) -> Run<'a> {
        Run { subject, monitor, key, total, tolerance: request.tolerance, progress: (0, total) }
    }

    /// Asks for the logits of each input with `ask` and lets `fit` learn from them.
    ///
    /// # Errors
    /// [`ExplainError::Cancelled`]; whatever `ask` and `fit` fail with.
    pub(super) fn explain(
        self,
        ask: &(dyn Fn(usize) -> Result<Scores, ExplainError> + Sync),
        fit: &mut dyn Fit,
    ) -> Result<Attribution, ExplainError> {
        let mut samples = self.subject.samples.map(|kept| kept.get(&self.key)).unwrap_or_default();
        let outcome = self.fill(&mut samples, ask, fit);
        // What was cut short is worth keeping too.
        if let Some(kept) = self.subject.samples {
            kept.put(self.key, samples);
        }
        outcome
    }

    fn fill(
        &self,
        samples: &mut Samples,
        ask: &(dyn Fn(usize) -> Result<Scores, ExplainError> + Sync),
        fit: &mut dyn Fit,
    ) -> Result<Attribution, ExplainError> {
        let mut done = 0;
        loop {
            let end = next_checkpoint(done).min(self.total);
            let is_new = samples.len() < end;
            if is_new {
                self.extend(samples, end, ask)?;
            }
            self.monitor.check()?;
            fit.add(done, &samples[done..end]);
            done = end;
            let is_last = done == self.total;
            if !is_last && !is_new && self.tolerance.is_none() {
                continue;
            }
            let Estimate { mut attribution, uncertainty } = fit.estimate()?;
            let has_settled = self.tolerance.zip(uncertainty).is_some_and(|(most, found)| found <= most);
            attribution.metrics.push(Metric { name: "model calls", value: done as f64, unit: "" });
            if let Some(uncertainty) = uncertainty {
                attribution.metrics.push(Metric { name: "relative standard error", value: uncertainty, unit: "" });
            }
            if is_last || has_settled {
                if has_settled && !is_last {
                    let found = Metric { name: "settled after", value: done as f64, unit: "model calls" };
                    attribution.metrics.push(found);
                }
                return Ok(attribution);
            }
            let (before, total) = self.progress;
            self.monitor.report(Partial { done: before + done, total, attribution: Some(Arc::new(attribution)) });
        }
    }

    /// Asks for the rows up to `end`, all cores busy.
    fn extend(
        &self,
        samples: &mut Samples,
        end: usize,
        ask: &(dyn Fn(usize) -> Result<Scores, ExplainError> + Sync),
    ) -> Result<(), ExplainError> {
        samples.extend(ask_all(self.monitor, samples.len()..end, self.progress, ask)?);
        Ok(())
    }
}

/// The logits of the inputs of `range`, in their order, all cores busy. `progress` is how many calls were made before input
/// 0, and how many there are in all.
///
/// # Errors
/// [`ExplainError::Cancelled`]; whatever `ask` fails with; [`ExplainError::Unsuitable`] for logits that are not finite.
pub(super) fn ask_all(
    monitor: &Monitor<'_>,
    range: Range<usize>,
    (before, total): (usize, usize),
    ask: &(dyn Fn(usize) -> Result<Scores, ExplainError> + Sync),
) -> Result<Vec<Arc<Scores>>, ExplainError> {
    let (asked, end) = (AtomicUsize::new(range.start), range.end);
    let step = (total / REPORTS).max(1);
    let one = |index: usize| {
        monitor.check()?;
        let logits = ask(index)?;
        if !logits.are_finite() {
            return Err(ExplainError::Unsuitable("its scores for a changed image are not finite".into()));
        }
        let done = asked.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(step) && done < end {
            monitor.report(Partial { done: before + done, total, attribution: None });
        }
        Ok(Arc::new(logits))
    };
    range.into_par_iter().with_max_len(1).map(one).collect()
}

/// Where the block ends that begins at `done`: a quarter more than what is there, in multiples of the first block.
fn next_checkpoint(done: usize) -> usize {
    done + (done / 4).next_multiple_of(FIRST_BLOCK).clamp(FIRST_BLOCK, LAST_BLOCK)
}

/// The score that a target means, on the scale of probabilities: that of a class, or the difference of two. Ranks are
/// resolved beforehand.
pub(super) fn probability(target: Target, logits: &Scores) -> f64 {
    let probabilities = logits.probabilities();
    match target {
        Target::Contrast(a, b) => f64::from(probabilities[a]) - f64::from(probabilities[b]),
        other => other.class(logits).map_or(0.0, |class| f64::from(probabilities[class])),
    }
}

/// The score that a target means: a logit, the difference of two, or a probability. Ranks are resolved beforehand.
pub(super) fn score(target: Target, logits: &Scores) -> f64 {
    target.score(logits).map_or(0.0, f64::from)
}

/// Whether the scores decide as the target says: its class is said, or the first of a contrast is before the second.
pub(super) fn stays(target: Target, logits: &Scores) -> bool {
    match target {
        Target::Contrast(a, b) => logits[a] > logits[b],
        other => other.class(logits).is_ok_and(|class| logits.said().contains(&class)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_grow_to_their_limit() {
        let mut ends = vec![];
        let mut done = 0;
        while done < 2000 {
            done = next_checkpoint(done);
            ends.push(done);
        }
        assert_eq!(ends[..6], [16, 32, 48, 64, 80, 112]);
        assert_eq!(ends[ends.len() - 1] - ends[ends.len() - 2], LAST_BLOCK);
    }
}
