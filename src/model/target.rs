//! What is explained: the score of a class, or of one class against another.

use std::fmt;

use thiserror::Error;

use crate::network::Scores;

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

/// As `--target` takes it.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Top(rank) => write!(f, "top:{}", rank + 1),
            Target::Class(class) => write!(f, "{class}"),
            Target::Contrast(class, other) => write!(f, "{class}-{other}"),
            Target::Probability(class) => write!(f, "p:{class}"),
        }
    }
}

impl Target {
    /// The same target with `Top` replaced by the class that it means for these scores.
    ///
    /// # Errors
    /// When a rank or a class index is out of range.
    pub fn resolve(self, scores: &Scores) -> Result<Target, TargetError> {
        let classes = scores.len();
        let check = |index: usize| if index < classes { Ok(index) } else { Err(TargetError::Class { index, classes }) };
        Ok(match self {
            Target::Top(rank) => match scores.ranking().get(rank) {
                Some(index) => Target::Class(*index),
                None => return Err(TargetError::Rank { rank: rank.saturating_add(1), classes }),
            },
            Target::Class(index) => Target::Class(check(index)?),
            Target::Contrast(a, b) => Target::Contrast(check(a)?, check(b)?),
            Target::Probability(index) => Target::Probability(check(index)?),
        })
    }

    /// The gradient of the target with respect to the raw scores: what a backward pass starts from. One number a class, and
    /// one for each further score that only takes part in the softmax.
    ///
    /// # Errors
    /// When a class index is out of range.
    pub fn cotangent(self, scores: &Scores) -> Result<Vec<f32>, TargetError> {
        let mut cotangent = vec![0.0; scores.degrees()];
        match self.resolve(scores)? {
            Target::Class(index) | Target::Top(index) => cotangent[index] = 1.0,
            Target::Contrast(a, b) => {
                cotangent[a] += 1.0;
                cotangent[b] -= 1.0;
            }
            Target::Probability(index) => cotangent = scores.probability_gradient(index),
        }
        Ok(cotangent)
    }

    /// The value of the target.
    ///
    /// # Errors
    /// When a class index is out of range.
    pub fn score(self, scores: &Scores) -> Result<f32, TargetError> {
        Ok(match self.resolve(scores)? {
            Target::Class(index) | Target::Top(index) => scores[index],
            Target::Contrast(a, b) => scores[a] - scores[b],
            Target::Probability(index) => scores.probabilities()[index],
        })
    }

    /// The class that the target is mainly about: the first of a contrast.
    ///
    /// # Errors
    /// When a class index is out of range.
    pub fn class(self, scores: &Scores) -> Result<usize, TargetError> {
        Ok(match self.resolve(scores)? {
            Target::Class(index) | Target::Contrast(index, _) | Target::Top(index) | Target::Probability(index) => {
                index
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn top_follows_the_logits_and_a_contrast_pulls_both_ways() {
        let scores = Scores::softmax(&[0.5, 3.0, -1.0, 2.0]);
        assert_eq!(Target::Top(1).resolve(&scores), Ok(Target::Class(3)));
        assert_eq!(Target::Contrast(1, 3).cotangent(&scores), Ok(vec![0.0, 1.0, 0.0, -1.0]));
        assert_eq!(Target::Class(4).resolve(&scores), Err(TargetError::Class { index: 4, classes: 4 }));
        assert_eq!(Target::Top(4).resolve(&scores), Err(TargetError::Rank { rank: 5, classes: 4 }));
    }
}
