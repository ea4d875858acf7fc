//! Insertion: how soon the class is recognised when the most relevant pixels come into focus first.

use super::curve::{area, curve};
use super::{Better, Case, Measure, Trial};
use crate::explain::{Attribution, ExplainError, Frame};
use crate::raster::blur::{Beyond, gaussian, mirror};

/// The area under [`probabilities`].
pub(super) static INSERTION: Measure = Measure {
    name: "insertion",
    help: "area under the probability while a blurred image comes into focus, the most relevant pixels first",
    reference: "Petsiuk et al., RISE, BMVC 2018",
    unit: "probability",
    better: Better::Higher,
    trial: Trial::Image,
    score: |case, attribution| Ok(Some(area(&probabilities(case, attribution)?))),
};

/// The window of RISE's blur, in pixels, and the standard deviation of its Gaussian.
const WINDOW: usize = 11;
const SIGMA: f64 = 5.0;

/// The probability of the class while the pixels of the blurred image are replaced by those of the image, the most relevant
/// first: at the start, and after each step of as many pixels as a row has.
///
/// # Errors
/// When the network cannot be run.
pub fn probabilities(case: &Case<'_>, attribution: &Attribution) -> Result<Vec<f64>, ExplainError> {
    let frame = Frame::of(case.subject);
    curve(case, attribution, &frame, &frame.blurred(&weights(), Beyond::Zero), frame.values())
}

/// The weights of the blur along one side. RISE smooths a single point within the window, and what would fall outside is
/// mirrored back in. Beyond the edges of the image are zeros.
fn weights() -> [f64; WINDOW] {
    let reach = (4.0 * SIGMA) as usize;
    let mut weights = [0.0; WINDOW];
    for (weight, offset) in gaussian(SIGMA, reach).into_iter().zip(-(reach as isize)..) {
        weights[mirror((WINDOW / 2) as isize + offset, WINDOW)] += weight;
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blur_keeps_the_brightness_and_is_the_same_to_both_sides() {
        let weights = weights();
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(weights.iter().zip(weights.iter().rev()).all(|(a, b)| (a - b).abs() < 1e-12), "{weights:?}");
        assert!(weights[5] > weights[4] && weights[1] > weights[0]);
    }
}
