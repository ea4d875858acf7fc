//! Flip: the smallest set of superpixels whose hiding changes the prediction (SEDC: Vermeire et al., 2022).
//!
//! Best-first: of all sets that were tried, the one that lowers the target's probability most is extended by each superpixel
//! that it lacks, until the prediction changes. Then superpixels that are not needed are shown again, one after the other,
//! until none can be left out. The rest of the calls goes on with smaller sets alone, and often proves that there is none.

use std::collections::HashMap;
use std::sync::Arc;

use super::division::Division;
use crate::explain::sampling::{ask_all, probability, stays};
use crate::explain::{
    Attribution, ExplainError, Family, Method, MethodInfo, Metric, Monitor, Needs, Param, ParamKind, Partial, Request,
    Sign, Subject,
};
use crate::model::Target;
use crate::text::{percent, whole_percent};

const SAMPLES: Param = Param {
    name: "samples",
    kind: ParamKind::Integer { default: 2000, min: 16, max: 100_000 },
    help: "model calls to search with; a few more prove that no superpixel can be left out",
};

/// The registry's entry.
pub(in crate::explain) static FLIP: MethodInfo = MethodInfo {
    name: "flip",
    family: Family::Rule,
    help: "the fewest superpixels that must be hidden to change the prediction",
    reference: "Vermeire et al., Explainable image classification with evidence counterfactual, 2022",
    needs: Needs { superpixels: true, ..Needs::NOTHING },
    own_params: &[SAMPLES],
    caution: None,
    method: &Flip,
};

struct Flip;

impl Method for Flip {
    fn explain(
        &self,
        subject: Subject<'_>,
        request: &Request,
        monitor: &Monitor<'_>,
    ) -> Result<Attribution, ExplainError> {
        let target = request.target.resolve(&subject.pass.logits)?;
        monitor.check()?;
        if !stays(target, &subject.pass.logits) {
            let reason = "the model does not predict the target here, so there is nothing to change; choose its \
                          prediction, or a contrast that it decides for the first class";
            return Err(ExplainError::Unsuitable(reason.into()));
        }
        let division = Division::new(subject, request, monitor)?;
        let before = probability(target, &subject.pass.logits);
        let mut search = Search {
            subject,
            monitor,
            division: &division,
            target,
            budget: request.count(&SAMPLES),
            calls: 0,
            known: HashMap::from([(vec![], Answer { flips: false, probability: before, says: vec![] })]),
            open: vec![vec![]],
            found: None,
        };
        search.run()
    }
}

/// Superpixels that are hidden, ascending.
type Set = Vec<usize>;

/// What the model says when a set is hidden.
#[derive(Debug, Clone)]
struct Answer {
    flips: bool,
    /// Of the target.
    probability: f64,
    /// The classes said, each with its probability.
    says: Vec<(usize, f32)>,
}

struct Search<'a> {
    subject: Subject<'a>,
    monitor: &'a Monitor<'a>,
    division: &'a Division<'a>,
    target: Target,
    budget: usize,
    calls: usize,
    /// Every set that was tried.
    known: HashMap<Set, Answer>,
    /// Those that change nothing, and were not extended yet.
    open: Vec<Set>,
    /// The smallest that changes the prediction so far; none of its members can be left out.
    found: Option<Set>,
}

impl Search<'_> {
    fn run(&mut self) -> Result<Attribution, ExplainError> {
        while let Some(set) = self.most_promising() {
            self.monitor.check()?;
            let mut larger = self.extended(&set);
            let room = self.budget.saturating_sub(self.calls);
            let is_cut = larger.len() > room;
            if is_cut {
                self.open.push(set);
                larger.truncate(room);
            }
            if is_cut && larger.is_empty() {
                break;
            }
            self.ask(&larger)?;
            if let Some(flipped) = self.strongest(&larger) {
                self.found = Some(self.without_the_needless(flipped)?);
            }
            self.open.extend(larger);
            self.monitor.check()?;
            let partial = Arc::new(self.attribution(false));
            let total = self.budget.max(self.calls);
            self.monitor.report(Partial { done: self.calls, total, attribution: Some(partial) });
        }
        Ok(self.attribution(self.open.is_empty()))
    }

    /// The open set that lowers the target's probability most, and that with one superpixel more is still smaller than what
    /// was found.
    fn most_promising(&mut self) -> Option<Set> {
        let smaller = self.found.as_ref().map_or(self.division.count(), |found| found.len() - 1);
        let known = &self.known;
        self.open.retain(|set| set.len() < smaller && !known[set].flips);
        let best = (0..self.open.len()).min_by(|a, b| {
            let [a, b] = [a, b].map(|at| &self.open[*at]);
            known[a].probability.total_cmp(&known[b].probability).then_with(|| a.cmp(b))
        })?;
        Some(self.open.swap_remove(best))
    }

    /// Every set with one superpixel more that was not tried yet.
    fn extended(&self, set: &Set) -> Vec<Set> {
        let with = |segment: usize| {
            let mut larger = set.clone();
            larger.insert(set.partition_point(|member| *member < segment), segment);
            larger
        };
        let others = (0..self.division.count()).filter(|segment| set.binary_search(segment).is_err());
        others.map(with).filter(|larger| !self.known.contains_key(larger)).collect()
    }

    /// Of sets that were tried, the one that changes the prediction and leaves the target the least.
    fn strongest(&self, sets: &[Set]) -> Option<Set> {
        let flipping = sets.iter().filter(|set| self.known[*set].flips);
        flipping.min_by(|a, b| self.known[*a].probability.total_cmp(&self.known[*b].probability)).cloned()
    }

    /// The set with superpixels left out, one after the other, as long as the prediction stays changed.
    fn without_the_needless(&mut self, mut set: Set) -> Result<Set, ExplainError> {
        loop {
            let fewer: Vec<Set> = (0..set.len())
                .map(|left_out| {
                    let mut fewer = set.clone();
                    fewer.remove(left_out);
                    fewer
                })
                .collect();
            let unknown: Vec<Set> = fewer.iter().filter(|set| !self.known.contains_key(*set)).cloned().collect();
            self.ask(&unknown)?;
            match self.strongest(&fewer) {
                Some(smaller) => set = smaller,
                None => return Ok(set),
            }
        }
    }

    /// Asks the model about each of these sets.
    fn ask(&mut self, sets: &[Set]) -> Result<(), ExplainError> {
        let (first, end) = (self.calls, self.calls + sets.len());
        let ask = |index: usize| {
            let mut shown = vec![true; self.division.count()];
            for segment in &sets[index - first] {
                shown[*segment] = false;
            }
            Ok(self.subject.network.logits(self.division.show(&shown).view())?)
        };
        let rows = ask_all(self.monitor, first..end, (0, self.budget.max(end)), &ask)?;
        for (set, logits) in sets.iter().zip(rows) {
            let probabilities = logits.probabilities();
            let answer = Answer {
                flips: !stays(self.target, &logits),
                probability: probability(self.target, &logits),
                says: logits.said().into_iter().map(|class| (class, probabilities[class])).collect(),
            };
            self.known.insert(set.clone(), answer);
        }
        self.calls = end;
        Ok(())
    }

    /// The set found, or the one that comes closest. Whether the search is exhausted: nothing smaller is left to be tried.
    fn attribution(&self, exhausted: bool) -> Attribution {
        let tried = || {
            let tried = self.known.iter().filter(|(set, _)| !set.is_empty());
            tried.min_by(|a, b| a.1.probability.total_cmp(&b.1.probability).then_with(|| a.0.cmp(b.0)))
        };
        let hidden = self.found.clone().or_else(|| tried().map(|(set, _)| set.clone())).unwrap_or_default();
        let mut weights = ndarray::Array1::zeros(self.division.count());
        for segment in &hidden {
            weights[*segment] = 1.0;
        }
        let metric = |name, value| Metric { name, value, unit: "" };
        let mut attribution = self.division.attribution(&weights);
        attribution.sign = Sign::Membership;
        attribution.metrics = vec![
            metric("probability before", self.known[&vec![]].probability),
            metric("probability after", self.known[&hidden].probability),
            metric("superpixels hidden", hidden.len() as f64),
            metric("superpixels", self.division.count() as f64),
            metric("model calls", self.calls as f64),
            metric("exhausted", f64::from(u8::from(exhausted))),
        ];
        attribution.statement = Some(self.statement(&hidden, exhausted));
        if self.found.is_none() {
            let reason = if exhausted { "whatever is hidden" } else { "by hiding what was tried" };
            attribution.warnings.push(format!("the prediction does not change {reason}; shown is what comes closest"));
        }
        attribution
    }

    /// What was found, in words.
    fn statement(&self, hidden: &Set, exhausted: bool) -> String {
        let (count, calls) = (self.division.count(), self.calls);
        let answer = &self.known[hidden];
        if self.found.is_none() {
            let search = if exhausted { "all sets were tried" } else { "not all sets were tried" };
            let [before, after] = [self.known[&vec![]].probability, answer.probability].map(percent);
            return format!(
                "nothing flips after {calls} model calls: {search}; hiding {} of {count} superpixels comes closest, from \
                 {before} to {after}",
                hidden.len()
            );
        }
        let hiding = format!(
            "hiding the {} ({} of {count} superpixels, {} of the image)",
            self.division.places(hidden),
            hidden.len(),
            whole_percent(self.division.covered(hidden))
        );
        let search = if exhausted { "no smaller set does" } else { "smaller sets were not all tried" };
        let needed = if hidden.len() > 1 { "; none of them can be left out" } else { "" };
        format!("{hiding} {}{needed}; {calls} model calls: {search}", self.change(answer))
    }

    /// What the model says then.
    fn change(&self, answer: &Answer) -> String {
        let name = |class: usize| {
            let name = self.subject.labels.get(class);
            name.split(',').next().unwrap_or_default().to_owned()
        };
        let said = |(class, probability): &(usize, f32)| format!("{} ({})", name(*class), whole_percent(*probability));
        let now = match self.target {
            Target::Contrast(_, other) => return format!("puts {} first", name(other)),
            _ => answer.says.iter().map(said).collect::<Vec<_>>().join(" and "),
        };
        let before = self.target.class(&self.subject.pass.logits).map(name).unwrap_or_default();
        if now.is_empty() { format!("takes {before} away") } else { format!("turns {before} into {now}") }
    }
}
