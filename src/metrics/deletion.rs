//! Deletion: how soon the class is forgotten when the most relevant pixels go first.

use super::curve::{area, curve};
use super::{Better, Case, Measure, Trial};
use crate::explain::{Attribution, ExplainError, Frame};

/// The area under [`probabilities`].
pub(super) static DELETION: Measure = Measure {
    name: "deletion",
    help: "area under the probability while pixels are set to zero, the most relevant first",
    reference: "Petsiuk et al., RISE, BMVC 2018",
    unit: "probability",
    better: Better::Lower,
    trial: Trial::Image,
    score: |case, attribution| Ok(Some(area(&probabilities(case, attribution)?))),
};

/// The probability of the class while pixels are set to zero (the mean colour of the training images), the most relevant
/// first: at the start, and after each step of as many pixels as a row has.
///
/// # Errors
/// When the network cannot be run.
pub fn probabilities(case: &Case<'_>, attribution: &Attribution) -> Result<Vec<f64>, ExplainError> {
    let frame = Frame::of(case.subject);
    curve(case, attribution, &frame, frame.values(), &frame.zeros())
}
