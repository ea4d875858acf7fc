//! The probability of a class while pixels change one after the other, as RISE draws it (Petsiuk et al., BMVC 2018).

use super::ranking::{order, ranks};
use super::{Case, relevance};
use crate::explain::{Attribution, ExplainError, Frame};

/// The probability of the case's class while the pixels of `before` become those of `after`, the most relevant first: at
/// the start, and after each step of as many pixels as a row has. Both are values of the input, as a [`Frame`] has them.
pub(super) fn curve(
    case: &Case<'_>,
    attribution: &Attribution,
    frame: &Frame<'_>,
    before: &[f32],
    after: &[f32],
) -> Result<Vec<f64>, ExplainError> {
    let order = order(&relevance(attribution), case.seed);
    let ranks = ranks(&order);
    let step = frame.extent().1.max(1);
    let changed = |done: usize| frame.mix(before, after, |pixel| ranks[pixel] < done * step);
    case.probabilities(order.len().div_ceil(step) + 1, changed)
}

/// The area under a curve from 0 to 1, by trapezoids.
pub(super) fn area(curve: &[f64]) -> f64 {
    let pairs = curve.windows(2).map(|pair| f64::midpoint(pair[0], pair[1]));
    pairs.sum::<f64>() / (curve.len() as f64 - 1.0).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_is_the_mean_height() {
        assert_eq!(area(&[1.0, 1.0, 1.0]), 1.0);
        assert_eq!(area(&[1.0, 0.0]), 0.5);
        assert_eq!(area(&[1.0, 0.0, 0.0, 0.0, 0.0]), 0.125);
    }
}
