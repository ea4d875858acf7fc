//! Completeness: whether a map accounts for the score that it shares out.

use super::{Better, Measure, Trial};

/// The magnitude of the gap that a method reports between the sum of its map and the score that it explains.
pub(super) static COMPLETENESS: Measure = Measure {
    name: "completeness",
    help: "how far the map's sum is from the score that it shares out, where the method promises that",
    reference: "Sundararajan et al., Axiomatic attribution for deep networks, ICML 2017",
    unit: "logit",
    better: Better::Lower,
    trial: Trial::Image,
    score: |_, attribution| {
        let gap = attribution.metrics.iter().find(|metric| metric.name.ends_with(" gap"));
        Ok(gap.map(|gap| gap.value.abs()))
    },
};
