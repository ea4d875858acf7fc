//! Targets as people write them: `top`, `top:2`, `207`, `golden retriever`, `goose-pelican`.

use thiserror::Error;

use super::{Labels, Target, TargetError};
use crate::network::Scores;
use crate::text::Escaped;

/// A target before the predictions are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetSpec {
    /// One class.
    One(ClassSpec),
    /// The first against the second.
    Contrast(ClassSpec, ClassSpec),
    /// The probability of one class, in place of its logit.
    Probability(ClassSpec),
}

/// A class before the predictions are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassSpec {
    /// The n-th best, from 0.
    Rank(usize),
    /// The class of that index.
    Index(usize),
}

/// A target that cannot be understood.
#[derive(Debug, Error)]
pub enum TargetSpecError {
    /// Not a rank, an index, a label or two of these.
    #[error("no class is called {text}; a target is `top`, `top:2`, an index, a label, two of these joined by `-`, or `p:` and one of these for its probability{}", suggestion(.similar))]
    Unknown {
        /// What was written.
        text: Escaped,
        /// Labels that contain it, or that it contains.
        similar: Vec<String>,
    },
    /// An index that the model does not have.
    #[error(transparent)]
    Range(#[from] TargetError),
}

fn suggestion(similar: &[String]) -> String {
    if similar.is_empty() { String::new() } else { format!("; did you mean {}?", similar.join(", ")) }
}

impl TargetSpec {
    /// Reads a target. Labels are compared without regard to case; a label that itself holds a `-` is tried whole first.
    ///
    /// # Errors
    /// [`TargetSpecError`] says what was not understood.
    pub fn parse(text: &str, labels: &Labels) -> Result<TargetSpec, TargetSpecError> {
        if let Some(class) = ClassSpec::parse(text, labels)? {
            return Ok(TargetSpec::One(class));
        }
        if let Some(Ok(Some(class))) = text.trim().strip_prefix("p:").map(|text| ClassSpec::parse(text, labels)) {
            return Ok(TargetSpec::Probability(class));
        }
        for (at, _) in text.match_indices('-') {
            let (for_class, against) =
                (ClassSpec::parse(&text[..at], labels), ClassSpec::parse(&text[at + 1..], labels));
            if let (Ok(Some(a)), Ok(Some(b))) = (for_class, against) {
                return Ok(TargetSpec::Contrast(a, b));
            }
        }
        let wanted = text.trim().to_lowercase();
        let close = |label: &&String| {
            let label = label.to_lowercase();
            !wanted.is_empty() && (label.contains(&wanted) || strsim::levenshtein(&label, &wanted) <= 2)
        };
        let similar = labels
            .names()
            .iter()
            .filter(close)
            .take(3)
            .map(|label| format!("{}", Escaped::from(label.as_str())))
            .collect();
        Err(TargetSpecError::Unknown { text: Escaped::from(text), similar })
    }

    /// The target for these scores.
    ///
    /// # Errors
    /// When a rank or an index is out of range.
    pub fn resolve(self, scores: &Scores) -> Result<Target, TargetError> {
        let class = |spec: ClassSpec| match spec {
            ClassSpec::Rank(rank) => Target::Top(rank).class(scores),
            ClassSpec::Index(index) => Target::Class(index).class(scores),
        };
        Ok(match self {
            TargetSpec::One(spec) => Target::Class(class(spec)?),
            TargetSpec::Contrast(a, b) => Target::Contrast(class(a)?, class(b)?),
            TargetSpec::Probability(spec) => Target::Probability(class(spec)?),
        })
    }
}

impl ClassSpec {
    fn parse(text: &str, labels: &Labels) -> Result<Option<ClassSpec>, TargetError> {
        let text = text.trim();
        if let Some(index) = labels.find(text) {
            return Ok(Some(ClassSpec::Index(index)));
        }
        if text.eq_ignore_ascii_case("top") {
            return Ok(Some(ClassSpec::Rank(0)));
        }
        let classes = labels.len();
        if let Some(rank) = text.to_lowercase().strip_prefix("top:").and_then(|rank| rank.parse::<usize>().ok()) {
            return match rank {
                1.. if rank <= classes => Ok(Some(ClassSpec::Rank(rank - 1))),
                _ => Err(TargetError::Rank { rank, classes }),
            };
        }
        match text.parse::<usize>() {
            Ok(index) => Err(TargetError::Class { index, classes }),
            Err(_) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Labels {
        Labels::new(["goose", "pelican", "T-shirt", "tiger shark", "7"].map(String::from).to_vec(), vec![], 5)
    }

    #[test]
    fn a_target_is_a_rank_an_index_a_label_or_a_contrast() {
        let parse = |text| TargetSpec::parse(text, &labels()).unwrap();
        assert_eq!(parse("top"), TargetSpec::One(ClassSpec::Rank(0)));
        assert_eq!(parse("top:3"), TargetSpec::One(ClassSpec::Rank(2)));
        assert_eq!(parse("2"), TargetSpec::One(ClassSpec::Index(2)));
        assert_eq!(parse("7"), TargetSpec::One(ClassSpec::Index(4)), "a label wins over an index");
        assert_eq!(parse("Tiger Shark"), TargetSpec::One(ClassSpec::Index(3)));
        assert_eq!(parse("t-shirt"), TargetSpec::One(ClassSpec::Index(2)), "a label may hold a dash");
        assert_eq!(parse("goose-pelican"), TargetSpec::Contrast(ClassSpec::Index(0), ClassSpec::Index(1)));
        assert_eq!(parse("T-shirt-1"), TargetSpec::Contrast(ClassSpec::Index(2), ClassSpec::Index(1)));
        assert_eq!(parse("p:goose"), TargetSpec::Probability(ClassSpec::Index(0)));
        assert_eq!(parse("top-top:2"), TargetSpec::Contrast(ClassSpec::Rank(0), ClassSpec::Rank(1)));
    }

    #[test]
    fn what_is_not_understood_is_named_with_what_comes_near() {
        let message = |text| TargetSpec::parse(text, &labels()).unwrap_err().to_string();
        assert!(message("pelicen").contains("did you mean pelican?"), "{}", message("pelicen"));
        assert!(message("shark").contains("tiger shark"));
        assert!(message("99").contains("5 classes"));
        assert!(TargetSpec::parse("top:6", &labels()).is_err());
        assert!(TargetSpec::parse("", &labels()).is_err());
    }
}
