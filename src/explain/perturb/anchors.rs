//! Anchors: a rule in superpixels. As long as those are shown, the prediction stays, whatever else is hidden (Ribeiro et
//! al., AAAI 2018).
//!
//! Rules grow by one superpixel at a time. Of all rules of a size, KL-LUCB finds the most precise with few model calls: it
//! asks again only about the weakest of the best and the strongest of the rest. A model call drawn for one rule counts for
//! every larger rule that it happens to meet.

use std::sync::Arc;

use rand::RngExt as _;

use super::division::Division;
use super::kl_bounds::{exploration, lower, upper};
use crate::explain::samples::SampleKey;
use crate::explain::sampling::{ask_all, random, stays};
use crate::explain::{
    Attribution, ExplainError, Family, Method, MethodInfo, Metric, Monitor, Needs, Param, ParamKind, Partial, Request,
    Sign, Subject,
};
use crate::model::Target;
use crate::network::Scores;
use crate::text::whole_percent;

const SAMPLES: Param = Param {
    name: "samples",
    kind: ParamKind::Integer { default: 4000, min: 16, max: 100_000 },
    help: "model calls at most",
};

const PRECISION: Param = Param {
    name: "precision",
    kind: ParamKind::Real { default: 0.95, min: 0.5, max: 0.999 },
    help: "share of changed images in which the prediction must stay",
};

const DELTA: Param = Param {
    name: "delta",
    kind: ParamKind::Real { default: 0.1, min: 0.001, max: 0.5 },
    help: "probability that a bound on a precision fails",
};

const TAU: Param = Param {
    name: "tau",
    kind: ParamKind::Real { default: 0.15, min: 0.01, max: 0.5 },
    help: "how far the precisions of the best rules may be apart unnoticed",
};

const BEAM: Param = Param {
    name: "beam",
    kind: ParamKind::Integer { default: 2, min: 1, max: 10 },
    help: "rules of each size that are extended",
};

/// The registry's entry.
pub(in crate::explain) static ANCHORS: MethodInfo = MethodInfo {
    name: "anchors",
    family: Family::Rule,
    help: "the fewest superpixels that keep the prediction as it is, whatever else is hidden",
    reference: "Ribeiro et al., Anchors: High-Precision Model-Agnostic Explanations, AAAI 2018",
    needs: Needs { superpixels: true, ..Needs::NOTHING },
    own_params: &[SAMPLES, PRECISION, DELTA, TAU, BEAM],
    caution: None,
    method: &Anchors,
};

/// Model calls with nothing kept on purpose, before any rule is looked at.
const PRIOR: usize = 240;
/// Model calls that a rule gets at a time.
const BATCH: usize = 24;
/// A precision counts as reached when its lower bound is at most this far below.
const SLACK: f64 = 0.05;
/// The share of all calls that one size of rules may use up.
const SIZE_SHARE: usize = 6;
/// Keeps the calls drawn for rules apart from the first ones, in the numbering of random numbers.
const FOR_RULES: usize = 1 << 40;

struct Anchors;

/// A rule: the superpixels that must be shown, ascending.
type Rule = Vec<usize>;

/// A model call: what was shown on purpose, what was shown, and whether the prediction stayed.
struct Trial {
    forced: Rule,
    shown: Vec<bool>,
    stays: bool,
}

/// How often a rule was met, and in which share of those calls the prediction stayed.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Precision {
    count: usize,
    mean: f64,
}

impl Method for Anchors {
    fn explain(
        &self,
        subject: Subject<'_>,
        request: &Request,
        monitor: &Monitor<'_>,
    ) -> Result<Attribution, ExplainError> {
        let target = request.target.resolve(&subject.pass.logits)?;
        monitor.check()?;
        if !stays(target, &subject.pass.logits) {
            let reason = "the model does not predict the target here, so there is nothing to keep; choose its \
                          prediction, or a contrast that it decides for the first class";
            return Err(ExplainError::Unsuitable(reason.into()));
        }
        let division = Division::new(subject, request, monitor)?;
        let mut search = Search {
            subject,
            monitor,
            division: &division,
            target,
            seed: request.seed,
            budget: request.count(&SAMPLES),
            precision: request.real(&PRECISION),
            delta: request.real(&DELTA),
            tau: request.real(&TAU),
            calls: 0,
            trials: vec![],
            best: vec![],
        };
        search.run(request.count(&BEAM).max(1))
    }
}

struct Search<'a> {
    subject: Subject<'a>,
    monitor: &'a Monitor<'a>,
    division: &'a Division<'a>,
    target: Target,
    seed: u64,
    budget: usize,
    precision: f64,
    delta: f64,
    tau: f64,
    calls: usize,
    trials: Vec<Trial>,
    /// The most promising rule so far.
    best: Rule,
}

impl Search<'_> {
    fn run(&mut self, width: usize) -> Result<Attribution, ExplainError> {
        self.prior()?;
        if self.is_precise(&vec![])? {
            return Ok(self.attribution(&[], true));
        }
        let mut beam: Vec<Rule> = vec![vec![]];
        while self.calls < self.budget {
            let candidates = self.extended(&beam);
            if candidates.is_empty() {
                break;
            }
            beam = self.most_precise(&candidates, width)?;
            let mut found: Vec<(Rule, f64)> = vec![];
            for rule in &beam {
                if self.is_precise(rule)? {
                    found.push((rule.clone(), self.measured(rule).mean));
                }
            }
            if let Some((rule, _)) = found.iter().max_by(|a, b| a.1.total_cmp(&b.1)) {
                return Ok(self.attribution(rule, true));
            }
        }
        Ok(self.attribution(&self.best.clone(), false))
    }

    /// The first calls: every superpixel shown with probability 1/2, as in LIME, whose samples they share.
    fn prior(&mut self) -> Result<(), ExplainError> {
        let key = SampleKey::new(super::lime::SAMPLES_KIND, self.subject, self.seed, self.division.parameters.clone());
        let mut samples = self.subject.samples.map(|kept| kept.get(&key)).unwrap_or_default();
        let end = PRIOR.min(self.budget / 2);
        let (count, seed) = (self.division.count(), self.seed);
        if samples.len() < end {
            let ask = |index: usize| self.ask(&super::lime::mask(seed, index, count));
            let rows = ask_all(self.monitor, samples.len()..end, (0, self.budget), &ask)?;
            samples.extend(rows);
        }
        for (index, logits) in samples.iter().enumerate().take(end).skip(1) {
            let shown = super::lime::mask(seed, index, count);
            self.trials.push(Trial { forced: vec![], shown, stays: stays(self.target, logits) });
        }
        self.calls = end;
        if let Some(kept) = self.subject.samples {
            kept.put(key, samples);
        }
        Ok(())
    }

    fn ask(&self, shown: &[bool]) -> Result<Scores, ExplainError> {
        Ok(self.subject.network.logits(self.division.show(shown).view())?)
    }

    /// Calls the model for each of the rules: their superpixels shown, every other one with probability 1/2.
    fn draw(&mut self, rules: &[&Rule]) -> Result<(), ExplainError> {
        let first = self.calls;
        let mask = |index: usize| {
            let rule = rules[(index - first) / BATCH];
            let mut random = random(self.seed, FOR_RULES + index);
            let mut shown: Vec<bool> = (0..self.division.count()).map(|_| random.random()).collect();
            for segment in rule {
                shown[*segment] = true;
            }
            shown
        };
        let end = first + BATCH * rules.len();
        let ask = |index: usize| self.ask(&mask(index));
        let rows: Vec<Arc<Scores>> = ask_all(self.monitor, first..end, (0, self.budget.max(end)), &ask)?;
        let target = self.target;
        let trials: Vec<Trial> = (first..end)
            .zip(&rows)
            .map(|(index, logits)| Trial {
                forced: rules[(index - first) / BATCH].clone(),
                shown: mask(index),
                stays: stays(target, logits),
            })
            .collect();
        self.trials.extend(trials);
        self.calls = end;
        let partial = Arc::new(self.attribution(&self.best, false));
        self.monitor.report(Partial { done: end, total: self.budget.max(end), attribution: Some(partial) });
        Ok(())
    }

    /// What is known of a rule, from all calls that meet it and forced nothing beyond it.
    fn measured(&self, rule: &[usize]) -> Precision {
        let meets = |trial: &&Trial| {
            rule.iter().all(|segment| trial.shown[*segment])
                && trial.forced.iter().all(|segment| rule.binary_search(segment).is_ok())
        };
        let (mut count, mut stayed) = (0, 0);
        for trial in self.trials.iter().filter(meets) {
            count += 1;
            stayed += usize::from(trial.stays);
        }
        Precision { count, mean: if count > 0 { stayed as f64 / count as f64 } else { 0.0 } }
    }

    /// Every rule of the beam with one superpixel more.
    fn extended(&self, beam: &[Rule]) -> Vec<Rule> {
        let more = |rule: &Rule| {
            let others = (0..self.division.count()).filter(|segment| !rule.contains(segment)).collect::<Vec<_>>();
            let rule = rule.clone();
            others.into_iter().map(move |segment| {
                let mut longer = rule.clone();
                longer.push(segment);
                longer.sort_unstable();
                longer
            })
        };
        let mut rules: Vec<Rule> = beam.iter().flat_map(more).collect();
        rules.sort();
        rules.dedup();
        rules
    }

    /// The `width` most precise rules, the best first, by KL-LUCB: certain up to `tau`, or as certain as this size's share
    /// of the calls allows.
    fn most_precise(&mut self, rules: &[Rule], width: usize) -> Result<Vec<Rule>, ExplainError> {
        let limit = self.budget.min(self.calls + (self.budget / SIZE_SHARE).max(2 * BATCH));
        for round in 1.. {
            let measured: Vec<Precision> = rules.iter().map(|rule| self.measured(rule)).collect();
            let mut order: Vec<usize> = (0..rules.len()).collect();
            order.sort_by(|a, b| measured[*b].mean.total_cmp(&measured[*a].mean));
            let (best, rest) = order.split_at(width.min(order.len()));
            self.best.clone_from(&rules[best[0]]);
            let level = exploration(rules.len(), round, self.delta);
            let low = |rule: usize| lower(measured[rule].mean, measured[rule].count, level);
            let high = |rule: usize| upper(measured[rule].mean, measured[rule].count, level);
            let weakest = best.iter().copied().min_by(|a, b| low(*a).total_cmp(&low(*b))).unwrap_or(best[0]);
            let strongest = rest.iter().copied().max_by(|a, b| high(*a).total_cmp(&high(*b)));
            let is_certain = strongest.is_none_or(|strongest| high(strongest) - low(weakest) < self.tau);
            if is_certain || self.calls >= limit {
                return Ok(best.iter().map(|rule| rules[*rule].clone()).collect());
            }
            let asked: Vec<&Rule> = [Some(weakest), strongest].into_iter().flatten().map(|rule| &rules[rule]).collect();
            self.draw(&asked)?;
        }
        Ok(vec![])
    }

    /// Whether a rule is as precise as asked for, after as many more calls as it takes to be sure.
    fn is_precise(&mut self, rule: &Rule) -> Result<bool, ExplainError> {
        let level = (1.0 / self.delta).ln();
        loop {
            let Precision { count, mean } = self.measured(rule);
            let (low, high) = (lower(mean, count, level), upper(mean, count, level));
            let reached = mean >= self.precision;
            let is_sure =
                if reached { low >= self.precision - SLACK } else { high < self.precision + SLACK && count > 0 };
            // The last rules need not fail for want of a few calls.
            if is_sure || self.calls >= self.budget {
                return Ok(reached && is_sure);
            }
            self.draw(&[rule])?;
        }
    }

    fn attribution(&self, rule: &[usize], is_found: bool) -> Attribution {
        let mut weights = ndarray::Array1::zeros(self.division.count());
        for segment in rule {
            weights[*segment] = 1.0;
        }
        let Precision { count, mean } = self.measured(rule);
        let low = lower(mean, count, (1.0 / self.delta).ln());
        let metric = |name, value| Metric { name, value, unit: "" };
        let mut attribution = self.division.attribution(&weights);
        attribution.sign = Sign::Membership;
        attribution.metrics = vec![
            metric("precision", mean),
            metric("precision, lower bound", low),
            // Of images with each superpixel shown with probability 1/2, the share in which all of the rule's are.
            metric("coverage", 0.5_f64.powi(rule.len() as i32)),
            metric("superpixels in the rule", rule.len() as f64),
            metric("superpixels", self.division.count() as f64),
            metric("model calls", self.calls as f64),
        ];
        attribution.statement = Some(self.statement(rule, mean));
        if !is_found {
            attribution.warnings.push(format!(
                "no rule has been shown to have a precision of {} after {} model calls; this is the best so far",
                self.precision, self.calls
            ));
        }
        attribution
    }

    /// The rule in words.
    fn statement(&self, rule: &[usize], mean: f64) -> String {
        let stays = format!("the prediction stays in {} of images with", whole_percent(mean));
        if rule.is_empty() {
            return format!("whatever is hidden: {stays} superpixels hidden at random");
        }
        let (places, count) = (self.division.places(rule), self.division.count());
        let share = whole_percent(self.division.covered(rule));
        format!(
            "if the {places} can be seen ({} of {count} superpixels, {share} of the image), {stays} the rest hidden \
             at random",
            rule.len()
        )
    }
}
