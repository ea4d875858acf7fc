//! Insertion: how soon the class is recognised when the most relevant pixels come into focus first.

use super::curve::{area, curve};
use super::{Better, Case, Measure, Trial};
use crate::explain::{Attribution, ExplainError, Frame};

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
    curve(case, attribution, &frame, &blurred(&frame), frame.values())
}

/// The weights of the blur along one side. RISE smooths a single point within the window, and what would fall outside is
/// mirrored back in.
fn weights() -> [f64; WINDOW] {
    let gaussian = |offset: isize| (-0.5 * (offset as f64 / SIGMA).powi(2)).exp();
    let reach = (4.0 * SIGMA) as isize;
    let total: f64 = (-reach..=reach).map(gaussian).sum();
    let (centre, window) = ((WINDOW / 2) as isize, WINDOW as isize);
    let mut weights = [0.0; WINDOW];
    for offset in -reach..=reach {
        // Mirrored about the edges of the window, it repeats after twice its width.
        let place = (centre + offset).rem_euclid(2 * window);
        let place = if place < window { place } else { 2 * window - 1 - place };
        weights[place as usize] += gaussian(offset) / total;
    }
    weights
}

/// The image out of focus, with zeros beyond its edges.
fn blurred(frame: &Frame<'_>) -> Vec<f32> {
    let (height, width) = frame.extent();
    let weights = weights();
    let pass = |from: &dyn Fn(usize, usize) -> f32, down: bool| {
        frame.fill(|pixel, channel| {
            let (row, column) = (pixel / width, pixel % width);
            let (place, side, stride) = if down { (row, height, width) } else { (column, width, 1) };
            let taps = weights.iter().enumerate().filter_map(|(tap, weight)| {
                let other = (place + tap).checked_sub(WINDOW / 2).filter(|other| *other < side)?;
                Some(weight * f64::from(from(pixel - place * stride + other * stride, channel)))
            });
            taps.sum::<f64>() as f32
        })
    };
    let down = pass(&|pixel, channel| frame.values()[frame.offset(pixel, channel)], true);
    pass(&|pixel, channel| down[frame.offset(pixel, channel)], false)
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
