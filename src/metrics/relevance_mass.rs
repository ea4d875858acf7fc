//! Relevance mass: how much of what speaks for the class lies on the object (Arras et al., Information Fusion 2022).

use super::relevance::share_within;
use super::{Better, Measure, Trial, relevance};

/// The share of the positive relevance within the mask.
pub(super) static RELEVANCE_MASS: Measure = Measure {
    name: "mass",
    help: "share of the positive relevance that lies on the object",
    reference: "Arras et al., CLEVR-XAI, Information Fusion 2022",
    unit: "share",
    better: Better::Higher,
    trial: Trial::Object,
    score: |case, attribution| Ok(case.mask.map(|mask| share_within(&relevance(attribution), mask))),
};
