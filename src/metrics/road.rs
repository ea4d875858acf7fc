//! ROAD: removal without the artefacts of removal (Rong et al., ICML 2022).

use super::imputation::imputed;
use super::ranking::{order, ranks};
use super::{Better, Case, Measure, Trial, relevance};
use crate::explain::{Attribution, ExplainError, Frame};
use crate::random::{normal, random};

/// The shares of the pixels that are removed.
const SHARES: [f64; 9] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/// The standard deviation of the noise on imputed values, in the normalised units of the input.
const NOISE: f32 = 0.01;

/// Half of how much more of the probability is left when the least relevant pixels are removed than when the most relevant
/// are, the mean over nine shares: pytorch-grad-cam's `ROADCombined`. A random order has 0.
pub(super) static ROAD: Measure = Measure {
    name: "road",
    help: "how much more the probability suffers when the most relevant pixels are interpolated than when the least are",
    reference: "Rong et al., A consistent and efficient evaluation strategy for attribution methods, ICML 2022",
    unit: "probability",
    better: Better::Higher,
    trial: Trial::Image,
    score,
};

fn score(case: &Case<'_>, attribution: &Attribution) -> Result<Option<f64>, ExplainError> {
    let frame = Frame::of(case.subject);
    let ranks = ranks(&order(&relevance(attribution), case.seed));
    let input = |index: usize| {
        let count = (SHARES[index % SHARES.len()] * ranks.len() as f64).round() as usize;
        let removed: Vec<bool> = if index < SHARES.len() {
            ranks.iter().map(|rank| *rank < count).collect()
        } else {
            ranks.iter().map(|rank| *rank >= ranks.len() - count).collect()
        };
        let mut random = random(case.seed, index);
        let filled = imputed(&frame, &removed);
        let noisy = frame.fill(|pixel, channel| {
            let value = filled[frame.offset(pixel, channel)];
            if removed[pixel] { value + NOISE * normal(&mut random) } else { value }
        });
        frame.tensor(noisy)
    };
    let left = case.probabilities(2 * SHARES.len(), input)?;
    let (most, least) = left.split_at(SHARES.len());
    let difference: f64 = least.iter().zip(most).map(|(least, most)| least - most).sum();
    Ok(Some(difference / (2.0 * SHARES.len() as f64)))
}
