//! What is doubtful about the scores of a model, in words for whoever is about to trust them.

use super::activation::{Decision, Looks};
use super::output::OutputSpec;
use super::settings::Origin;
use crate::network::{Network, OutputActivation};

/// What an output of features is often called.
const FEATURES: &[&str] = &["embed", "feature", "pooled", "pooler", "hidden_state"];

/// What to know where several outputs may hold scores of classes.
pub(super) fn of_heads(taken: &str, others: &[String]) -> String {
    format!(
        "it has several outputs that may hold scores of classes: {taken:?} is taken, not {others:?} (--output NAME)"
    )
}

/// Doubts about what a first run gave. `labels` is empty where the classes have no names.
pub(super) fn about(
    network: &Network,
    decision: &Decision,
    looks: Looks,
    output: &OutputSpec,
    labels: &[String],
) -> Vec<String> {
    let mut doubts = vec![];
    let is_guess = decision.origin == Origin::Guess;
    let name = output.name.to_lowercase();
    let classes = network.classes();
    if looks == Looks::NotFinite {
        doubts.push(
            "a first run gave scores that are not finite (NaN or infinite): are the weights complete?".to_owned(),
        );
    }
    if decision.origin == Origin::Values {
        let how = match (decision.logarithms, decision.scoring.activation) {
            (true, OutputActivation::Sigmoid) => "several probabilities: shown as they are, their log-odds explained",
            (true, _) => "probabilities: shown as they are, their logarithm explained",
            (false, _) => "something made of probabilities: shown and explained as they are",
        };
        doubts.push(format!("the outputs look like {how}"));
    }
    if decision.single && is_guess {
        doubts.push(
            "a single score is taken for yes against no before a sigmoid; a regression looks the same".to_owned(),
        );
    }
    if decision.scoring.activation == OutputActivation::None && decision.origin != Origin::Graph {
        doubts.push("the scores are shown as they are: percentages are 100 times the output".to_owned());
    }
    if is_guess && !decision.single {
        let sides: usize = network.input_shape().iter().product();
        if looks == Looks::UnitVector {
            doubts.push(format!(
                "the {classes} outputs are a vector of length 1: an embedding rather than scores of classes?"
            ));
        } else if labels.is_empty() && FEATURES.iter().any(|word| name.contains(word)) {
            doubts.push(format!(
                "the output {:?} has the name of an embedding; its {classes} values are taken for scores of classes",
                output.name
            ));
        } else if labels.is_empty() && classes == sides {
            doubts.push(format!(
                "it has as many outputs as inputs ({classes}): an autoencoder rather than a classifier?"
            ));
        }
    }
    doubts
}
