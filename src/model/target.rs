//! What is explained: the score of a class, or of one class against another.

use thiserror::Error;

/// One class with its score, as the network gave it.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Output index, from 0.
    pub index: usize,
    /// Raw score, before softmax.
    pub logit: f32,
    /// Softmax of the logits, in `[0, 1]`.
    pub probability: f32,
}

/// The score to explain, a function of the logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// The logit of the n-th best class, from 0.
    Top(usize),
    /// The logit of one class.
    Class(usize),
    /// The first logit minus the second: why this class and not that one.
    Contrast(usize, usize),
    /// The probability of one class: unlike its logit it also moves when the others do.
    Probability(usize),
}

/// A target that the model does not have.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TargetError {
    /// No class of that index.
    #[error("class {index} does not exist: the model has {classes} classes, numbered from 0")]
    Class {
        /// The index asked for.
        index: usize,
        /// How many classes the model has.
        classes: usize,
    },
    /// No class of that rank.
    #[error("no class has rank {rank}: ranks go from `top:1`, the best class, to `top:{classes}`")]
    Rank {
        /// The rank asked for, where the best class has 1.
        rank: usize,
        /// How many classes the model has.
        classes: usize,
    },
}

impl Target {
    /// The same target with `Top` replaced by the class that it means for these logits.
    ///
    /// # Errors
    /// When a rank or a class index is out of range.
    pub fn resolve(self, logits: &[f32]) -> Result<Target, TargetError> {
        let classes = logits.len();
        let check = |index: usize| if index < classes { Ok(index) } else { Err(TargetError::Class { index, classes }) };
        Ok(match self {
            Target::Top(rank) => match ranking(logits).get(rank) {
                Some(index) => Target::Class(*index),
                None => return Err(TargetError::Rank { rank: rank.saturating_add(1), classes }),
            },
            Target::Class(index) => Target::Class(check(index)?),
            Target::Contrast(a, b) => Target::Contrast(check(a)?, check(b)?),
            Target::Probability(index) => Target::Probability(check(index)?),
        })
    }

    /// The gradient of the target with respect to the logits: what a backward pass starts from. Length: classes.
    ///
    /// # Errors
    /// When a class index is out of range.
    pub fn cotangent(self, logits: &[f32]) -> Result<Vec<f32>, TargetError> {
        let mut cotangent = vec![0.0; logits.len()];
        match self.resolve(logits)? {
            Target::Class(index) | Target::Top(index) => cotangent[index] = 1.0,
            Target::Contrast(a, b) => {
                cotangent[a] += 1.0;
                cotangent[b] -= 1.0;
            }
            Target::Probability(index) => {
                let probabilities = softmax(logits);
                for (class, gradient) in cotangent.iter_mut().enumerate() {
                    let same = if class == index { 1.0 } else { 0.0 };
                    *gradient = probabilities[index] * (same - probabilities[class]);
                }
            }
        }
        Ok(cotangent)
    }

    /// The value of the target.
    ///
    /// # Errors
    /// When a class index is out of range.
    pub fn score(self, logits: &[f32]) -> Result<f32, TargetError> {
        Ok(match self.resolve(logits)? {
            Target::Class(index) | Target::Top(index) => logits[index],
            Target::Contrast(a, b) => logits[a] - logits[b],
            Target::Probability(index) => softmax(logits)[index],
        })
    }

    /// The class that the target is mainly about: the first of a contrast.
    ///
    /// # Errors
    /// When a class index is out of range.
    pub fn class(self, logits: &[f32]) -> Result<usize, TargetError> {
        Ok(match self.resolve(logits)? {
            Target::Class(index) | Target::Contrast(index, _) | Target::Top(index) | Target::Probability(index) => {
                index
            }
        })
    }
}

/// Class indices from the best logit to the worst; ties by index, NaN last.
fn ranking(logits: &[f32]) -> Vec<usize> {
    let key = |index: &usize| if logits[*index].is_nan() { f32::NEG_INFINITY } else { logits[*index] };
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|a, b| key(b).total_cmp(&key(a)));
    order
}

impl Prediction {
    /// The `count` best classes, best first.
    pub fn top(logits: &[f32], count: usize) -> Vec<Prediction> {
        let probabilities = softmax(logits);
        let best = ranking(logits).into_iter().take(count);
        best.map(|index| Prediction { index, logit: logits[index], probability: probabilities[index] }).collect()
    }
}

/// Softmax, computed without overflow.
pub fn softmax(logits: &[f32]) -> Vec<f32> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f32> = logits.iter().map(|logit| (logit - max).exp()).collect();
    let sum: f32 = exponentials.iter().sum();
    exponentials.iter().map(|e| e / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn top_follows_the_logits_and_a_contrast_pulls_both_ways() {
        let logits = [0.5, 3.0, -1.0, 2.0];
        assert_eq!(Target::Top(1).resolve(&logits), Ok(Target::Class(3)));
        assert_eq!(Target::Contrast(1, 3).cotangent(&logits), Ok(vec![0.0, 1.0, 0.0, -1.0]));
        assert_eq!(Target::Class(4).resolve(&logits), Err(TargetError::Class { index: 4, classes: 4 }));
        assert_eq!(Target::Top(4).resolve(&logits), Err(TargetError::Rank { rank: 5, classes: 4 }));
    }

    #[test]
    fn probabilities_of_huge_logits_are_finite_and_sum_to_one() {
        let top = Prediction::top(&[1000.0, 999.0, -1000.0], 3);
        assert_eq!(top.iter().map(|p| p.index).collect::<Vec<_>>(), [0, 1, 2]);
        assert!((top.iter().map(|p| p.probability).sum::<f32>() - 1.0).abs() < 1e-6);
    }
}
