//! What is known of an image.

use std::path::Path;
use std::sync::Arc;

use crate::model::Prediction;

/// What is known of an image's class.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Nothing yet.
    Pending,
    /// The best classes, best first.
    Classified(Vec<Prediction>),
    /// Why the image cannot be shown.
    Failed(String),
}

/// An image of the list.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The file.
    pub path: Arc<Path>,
    /// Its name below the directory that was opened, safe to print.
    pub name: String,
    /// The class that its folder is named after, where it is one of the model's.
    pub truth: Option<usize>,
    /// What the model says.
    pub outcome: Outcome,
    /// The probability of the true class, in `[0, 1]`, where both are known.
    pub true_probability: Option<f32>,
    /// Whether the user marked it.
    pub is_marked: bool,
}

impl Entry {
    /// An image of which nothing is known but its name.
    pub fn new(path: Arc<Path>, name: String) -> Entry {
        Entry { path, name, truth: None, outcome: Outcome::Pending, true_probability: None, is_marked: false }
    }

    /// The best class, where it is known.
    pub fn best(&self) -> Option<&Prediction> {
        match &self.outcome {
            Outcome::Classified(top) => top.first(),
            Outcome::Pending | Outcome::Failed(_) => None,
        }
    }

    /// The cross-entropy with the true class, in nats, where that is known.
    pub fn loss(&self) -> Option<f32> {
        self.true_probability.map(|probability| -probability.ln())
    }

    /// Whether the best class is the true one, where both are known.
    pub fn is_right(&self) -> Option<bool> {
        Some(self.best()?.index == self.truth?)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An image of class `truth` that the model takes for `said`, as sure as `probability`.
    pub(crate) fn classified(name: &str, truth: Option<usize>, said: usize, probability: f32) -> Entry {
        let top = vec![Prediction { index: said, logit: 0.0, probability }];
        let true_probability = truth.map(|truth| if truth == said { probability } else { (1.0 - probability) / 2.0 });
        let outcome = Outcome::Classified(top);
        Entry { truth, outcome, true_probability, ..Entry::new(Path::new(name).into(), name.to_owned()) }
    }

    /// An image that waits for its prediction.
    pub(crate) fn pending(name: &str) -> Entry {
        Entry::new(Path::new(name).into(), name.to_owned())
    }

    #[test]
    fn right_and_wrong_need_both_classes() {
        assert_eq!(classified("a", Some(1), 1, 0.5).is_right(), Some(true));
        assert_eq!(classified("a", Some(2), 1, 0.5).is_right(), Some(false));
        assert_eq!(classified("a", None, 1, 0.5).is_right(), None);
        assert_eq!(Entry { truth: Some(1), ..pending("a") }.is_right(), None);
    }
}
