//! Decides what the scores are: which tensor is explained, what makes probabilities of it, and who says so.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::AxisOp;
use tract_onnx::tract_core::ops::math;

use super::decide::Source;
use super::error::ModelProblem;
use super::graph::Graph;
use super::output::Ending;
use super::settings::{Origin, Setting};
use crate::network::{Layout, Network, NodeNames, OutputActivation, Scores, Scoring, reason, tail};

/// What was decided of the scores.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Decision {
    /// What makes probabilities of the raw scores.
    pub(super) scoring: Scoring,
    /// Who decided the activation.
    pub(super) origin: Origin,
    /// Who decided the threshold.
    pub(super) threshold: Origin,
    /// Which tensor holds the raw scores.
    pub(super) raw: Raw,
    /// Whether the graph gives one score, of which two classes are made.
    pub(super) single: bool,
    /// Whether the output holds probabilities, of which the logarithm is explained, or the log-odds of independent ones.
    pub(super) logarithms: bool,
}

impl Decision {
    fn new(scoring: Scoring, origin: Origin, raw: Raw) -> Decision {
        Decision { scoring, origin, threshold: Origin::Guess, raw, single: false, logarithms: false }
    }

    /// The values of a run are probabilities, whatever made them: shown as they are, their logarithm explained.
    pub(super) fn take_logarithms(&mut self) {
        (self.logarithms, self.origin) = (true, Origin::Values);
    }

    /// The values of a run lie between 0 and 1 or not, and are made of the results of a softmax or sigmoid in ways that are
    /// not undone: shown as they are; of independent probabilities the log-odds are explained.
    pub(super) fn take_as_they_are(&mut self, made_of: Ending, values: &[f32]) {
        self.origin = Origin::Values;
        let threshold = self.scoring.threshold;
        let is_share = values.iter().all(|value| (0.0..=1.0).contains(value));
        self.logarithms = is_share && (self.single || made_of != Ending::Softmax);
        if !self.logarithms {
            // What is no share leaves none for another class.
            self.single = false;
            self.scoring = Scoring { threshold, ..Scoring::new(OutputActivation::None) };
        } else if !self.single {
            self.scoring = Scoring { threshold, ..Scoring::new(OutputActivation::Sigmoid) };
        }
    }

    /// The network of a graph whose raw scores lie at `logits` and whose output lies at `own`, and whose input has its axes in
    /// the order of `layout`.
    ///
    /// # Errors
    /// As [`Network::new`].
    pub(super) fn network(
        &self,
        mut graph: TypedModel,
        names: NodeNames,
        (logits, own): (OutletId, OutletId),
        layout: Layout,
    ) -> Result<Network, ModelProblem> {
        let mut raw = if self.raw == Raw::Output { own } else { logits };
        let attempt = "cannot put the scores into the order of the classes";
        let failed = |error: TractError| ModelProblem::Tract { attempt, reason: reason(&error) };
        if self.logarithms {
            let is_independent = self.scoring.activation == OutputActivation::Sigmoid;
            let inverse = if is_independent { log_odds } else { logarithm };
            raw = inverse(&mut graph, raw).map_err(failed)?;
        }
        if self.single {
            let of_no = if self.scoring.activation == OutputActivation::None { 1.0 } else { 0.0 };
            raw = two_of_one(&mut graph, raw, of_no).map_err(failed)?;
        }
        Ok(Network::new(graph, raw, names, layout)?.scored_by(self.scoring.clone()))
    }
}

/// Which tensor holds the raw scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Raw {
    /// The input of the graph's own softmax or sigmoid.
    BeforeEnding,
    /// The output.
    Output,
}

/// Decides from flags, files and the graph. What only the values of a run can tell is left to [`looks_like`].
///
/// # Errors
/// When the graph takes a softmax of a single score, which says nothing.
pub(super) fn decide(graph: &Graph, sources: &[Source]) -> Result<Decision, ModelProblem> {
    let found = ending(graph);
    let said = super::decide::first(sources, |says| says.activation);
    // What the graph computes is a fact, which a file about training does not change; a person may.
    let said = said.filter(|said| found.is_none() || super::decide::insists(&said.origin));
    let mut decision = match (said, found) {
        (Some(Setting { value: OutputActivation::None, origin }), _) => {
            Decision::new(Scoring::new(OutputActivation::None), origin, Raw::Output)
        }
        (Some(Setting { value, origin }), Some(found)) => {
            let own = Some(found).filter(|found| found.activation == value);
            let scoring = own.unwrap_or_else(|| Scoring::new(value));
            Decision::new(scoring, origin, Raw::BeforeEnding)
        }
        (Some(Setting { value, origin }), None) => Decision::new(Scoring::new(value), origin, Raw::Output),
        (None, Some(scoring)) => {
            let raw = if scoring.activation == OutputActivation::None { Raw::Output } else { Raw::BeforeEnding };
            Decision::new(scoring, Origin::Graph, raw)
        }
        (None, None) => Decision::new(Scoring::default(), Origin::Guess, Raw::Output),
    };
    let scores = if decision.raw == Raw::Output { graph.outputs } else { graph.classes };
    match &decision.scoring.selection {
        // One of two probabilities: the other class is there, it is only not shown.
        Some(chosen) if chosen.len() == 1 && scores == 2 => {
            decision.scoring.selection = Some(vec![1 - chosen[0], chosen[0]]);
        }
        _ if scores == 1 => {
            if decision.scoring.activation == OutputActivation::Softmax && decision.origin == Origin::Graph {
                return Err(ModelProblem::NotClassifier(
                    "it takes the softmax of a single score, which is always 1; a single score needs a sigmoid".into(),
                ));
            }
            // A value that is to be shown as it is belongs to one class; the graph's own share of yes leaves one for no.
            let is_share = decision.scoring.activation != OutputActivation::None;
            decision.single = is_share || decision.origin == Origin::Graph;
            if is_share {
                // Two scores, minus and plus the one: their sigmoids are the probabilities of no and yes.
                decision.scoring = Scoring { exclusive: true, ..Scoring::new(OutputActivation::Sigmoid) };
            }
        }
        _ => {}
    }
    if let Some(Setting { value, origin }) = super::decide::first(sources, |says| says.threshold) {
        (decision.scoring.threshold, decision.threshold) = (value, origin);
    }
    Ok(decision)
}

/// What the graph itself makes of its raw scores, where that was found and holds when it is tried out.
fn ending(graph: &Graph) -> Option<Scoring> {
    let (activation, logarithm) = match graph.output.ending? {
        Ending::Softmax => (OutputActivation::Softmax, false),
        Ending::LogSoftmax => (OutputActivation::Softmax, true),
        Ending::Sigmoid => (OutputActivation::Sigmoid, false),
        Ending::HardSigmoid => {
            return Some(Scoring { exclusive: graph.outputs == 1, ..Scoring::new(OutputActivation::None) });
        }
    };
    // Nodes that do not run by themselves are as good as not understood.
    tail::scoring(&graph.typed, (graph.logits, graph.own), activation, logarithm).ok().flatten()
}

/// What the values of a first run are, where nothing else says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looks {
    /// Not negative, with the sum 1 or 100.
    Probabilities,
    /// A vector of length 1.
    UnitVector,
    /// NaN or infinite.
    NotFinite,
    /// Raw scores, as far as one can tell.
    Scores,
}

/// How far a sum may be from 1, for outputs that were computed with half precision.
const SUM: f64 = 2e-3;

/// How far a length may be from 1.
const LENGTH: f64 = 1e-3;

/// Looks at the values of a first run.
pub(super) fn looks_like(scores: &Scores) -> Looks {
    let values = || scores.iter().map(|value| f64::from(*value));
    if !scores.are_finite() {
        return Looks::NotFinite;
    }
    let sum: f64 = values().sum();
    let is_share = (sum - 1.0).abs() < SUM || (sum / 100.0 - 1.0).abs() < SUM;
    if scores.len() > 1 && is_share && values().all(|value| value >= 0.0) {
        return Looks::Probabilities;
    }
    let length = values().map(|value| value * value).sum::<f64>().sqrt();
    if scores.len() > 2 && (length - 1.0).abs() < LENGTH { Looks::UnitVector } else { Looks::Scores }
}

/// Puts nodes behind a score `x` that make two of it, those of no and yes: `of_no - x` and `x`.
fn two_of_one(graph: &mut TypedModel, score: OutletId, of_no: f32) -> TractResult<OutletId> {
    let rank = graph.outlet_fact(score)?.rank();
    let score = if rank == 0 { graph.wire_node("seewhy.score", AxisOp::Add(0), &[score])?[0] } else { score };
    let signs = tensor1(&[-1.0_f32, 1.0]).broadcast_into_rank(rank.max(1))?;
    let signs = graph.add_const("seewhy.signs", signs)?;
    let both = graph.wire_node("seewhy.no-and-yes", math::mul(), &[score, signs])?[0];
    if of_no == 0.0 {
        return Ok(both);
    }
    let rest = graph.add_const("seewhy.rest", tensor1(&[of_no, 0.0]).broadcast_into_rank(rank.max(1))?)?;
    Ok(graph.wire_node("seewhy.shares", math::add(), &[both, rest])?[0])
}

/// Puts nodes behind probabilities that take their logarithm.
fn logarithm(graph: &mut TypedModel, probabilities: OutletId) -> TractResult<OutletId> {
    logarithm_named(graph, "seewhy", probabilities)
}

fn logarithm_named(graph: &mut TypedModel, name: &str, probabilities: OutletId) -> TractResult<OutletId> {
    let rank = graph.outlet_fact(probabilities)?.rank();
    // Nothing is impossible: the logarithm of 0 could not be reckoned with.
    let least = tensor0(f32::MIN_POSITIVE).broadcast_into_rank(rank)?;
    let least = graph.add_const(format!("{name}.least"), least)?;
    let positive = graph.wire_node(format!("{name}.positive"), math::max(), &[probabilities, least])?;
    Ok(graph.wire_node(format!("{name}.logarithm"), math::ln(), &positive)?[0])
}

/// Puts nodes behind independent probabilities that take the logarithm of `p / (1 - p)`, of which they are the sigmoid.
fn log_odds(graph: &mut TypedModel, probabilities: OutletId) -> TractResult<OutletId> {
    let rank = graph.outlet_fact(probabilities)?.rank();
    let one = graph.add_const("seewhy.one", tensor0(1.0_f32).broadcast_into_rank(rank)?)?;
    let others = graph.wire_node("seewhy.others", math::sub(), &[one, probabilities])?[0];
    let for_it = logarithm_named(graph, "seewhy.for", probabilities)?;
    let against = logarithm_named(graph, "seewhy.against", others)?;
    Ok(graph.wire_node("seewhy.log-odds", math::sub(), &[for_it, against])?[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_tell_probabilities_from_scores_and_embeddings() {
        for (values, looks) in [
            (&[0.2, 0.5, 0.3][..], Looks::Probabilities),
            (&[20.0, 50.0, 30.0], Looks::Probabilities),
            (&[0.2, 0.5, 0.4], Looks::Scores),
            (&[-0.2, 0.9, 0.3], Looks::Scores),
            (&[0.6, -0.8, 0.0], Looks::UnitVector),
            (&[0.6, f32::NAN, 0.0], Looks::NotFinite),
        ] {
            assert_eq!(looks_like(&Scores::softmax(values)), looks, "{values:?}");
        }
    }
}
