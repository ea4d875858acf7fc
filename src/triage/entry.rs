//! What is known of an image.

use std::path::Path;
use std::sync::Arc;

use super::change::{Change, same};
use crate::gallery::Truth;
use crate::network::{Prediction, Scores, agree};

/// What the model says of an image: the best classes, and which of them it holds to be there.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The best classes, best first.
    pub top: Vec<Prediction>,
    /// The classes that are said: the best, or any number of them where they do not exclude each other.
    pub said: Vec<usize>,
    /// Whether one class excludes the others.
    pub exclusive: bool,
}

impl Answer {
    /// The `count` best classes by these scores, and what they say.
    pub fn of(scores: &Scores, count: usize) -> Answer {
        Answer { top: scores.top(count), said: scores.said(), exclusive: scores.scoring().exclusive }
    }

    /// The same answer in another list of classes: `place` says where in it a class is.
    #[must_use]
    pub fn placed(mut self, place: impl Fn(usize) -> usize) -> Answer {
        self.top.iter_mut().for_each(|class| class.index = place(class.index));
        self.said.iter_mut().for_each(|class| *class = place(*class));
        self
    }
}

/// What is known of an image's class.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Nothing yet.
    Pending,
    /// What the model says.
    Classified(Answer),
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
    /// The classes of the model that it is of, where they are known.
    pub truth: Option<Truth>,
    /// What the model says.
    pub outcome: Outcome,
    /// What a second model says, in the classes of the first where it has them; none where there is no second, or it has
    /// not been asked yet.
    pub second: Option<Answer>,
    /// The cross-entropy with what is true, in nats, where both are known.
    pub loss: Option<f32>,
    /// The same of a second model; infinite where it does not have the class.
    pub second_loss: Option<f32>,
    /// Whether something must be known of the image before what the model says is trusted.
    pub is_doubtful: bool,
    /// Whether the user marked it.
    pub is_marked: bool,
}

impl Entry {
    /// An image of which nothing is known but its name.
    pub fn new(path: Arc<Path>, name: String) -> Entry {
        Entry {
            path,
            name,
            truth: None,
            outcome: Outcome::Pending,
            second: None,
            loss: None,
            second_loss: None,
            is_doubtful: false,
            is_marked: false,
        }
    }

    /// What the model says, where it is known.
    pub fn answer(&self) -> Option<&Answer> {
        match &self.outcome {
            Outcome::Classified(answer) => Some(answer),
            Outcome::Pending | Outcome::Failed(_) => None,
        }
    }

    /// The best class, where it is known.
    pub fn best(&self) -> Option<&Prediction> {
        self.answer()?.top.first()
    }

    /// Whether what is said is true, where both are known.
    pub fn is_right(&self) -> Option<bool> {
        let (answer, truth) = (self.answer()?, self.truth.as_ref()?);
        Some(agree(&answer.said, truth.indices(), answer.exclusive))
    }

    /// How sure the model is of what it says, in `[0, 1]`, where that is known. Where any number of classes may be said and
    /// the image's are known, it is how sure it is of its worst mistake: of a class that it says though it is not there, or
    /// misses though it is; where there is none, of the best class.
    pub fn confidence(&self) -> Option<f32> {
        let answer = self.answer()?;
        let best = answer.top.first()?.probability;
        let Some(truth) = self.truth.as_ref().filter(|_| !answer.exclusive) else { return Some(best) };
        let mistakes = answer.top.iter().filter_map(|class| {
            match (answer.said.contains(&class.index), truth.contains(class.index)) {
                (true, false) => Some(class.probability),
                (false, true) => Some(1.0 - class.probability),
                _ => None,
            }
        });
        // What is missed may be so improbable that it is not listed.
        let is_listed = |class: &usize| answer.top.iter().any(|listed| listed.index == *class);
        let unlisted = truth.indices().iter().filter(|class| !answer.said.contains(class) && !is_listed(class));
        let least = answer.top.last().map_or(0.0, |class| class.probability);
        Some(mistakes.chain(unlisted.map(|_| 1.0 - least)).reduce(f32::max).unwrap_or(best))
    }

    /// Whether what a second model says is true, where both are known.
    pub fn is_second_right(&self) -> Option<bool> {
        let (answer, truth) = (self.second.as_ref()?, self.truth.as_ref()?);
        Some(agree(&answer.said, truth.indices(), answer.exclusive))
    }

    /// What the second model changes, where both have said something.
    pub fn change(&self) -> Option<Change> {
        Some(Change::of(self.answer()?, self.second.as_ref()?, self.truth.as_ref()))
    }

    /// By how much the probability of what is true falls from the first model to the second, in [-1, 1], where both have said
    /// something; that of a class which a model does not have is zero. Where several classes may be true, it is that of all of
    /// them being so, as the mean over the classes has it.
    pub fn fall(&self) -> Option<f32> {
        let both = self.truth.is_some() && self.answer().is_some() && self.second.is_some();
        let probability = |loss: Option<f32>| loss.map_or(0.0, |loss| (-loss).exp());
        both.then(|| probability(self.loss) - probability(self.second_loss))
    }

    /// Whether two models say different things, whatever is true.
    pub fn is_disputed(&self) -> bool {
        let both = self.answer().zip(self.second.as_ref());
        both.is_some_and(|(first, second)| !same(first, second))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An image of class `truth` that the model takes for `said`, as sure as `probability`.
    pub(crate) fn classified(name: &str, truth: Option<usize>, said: usize, probability: f32) -> Entry {
        let top = vec![Prediction { index: said, logit: 0.0, probability }];
        let true_probability = truth.map(|truth| if truth == said { probability } else { (1.0 - probability) / 2.0 });
        let outcome = Outcome::Classified(Answer { top, said: vec![said], exclusive: true });
        let (truth, loss) = (truth.map(Truth::from), true_probability.map(|probability| -probability.ln()));
        Entry { truth, outcome, loss, ..Entry::new(Path::new(name).into(), name.to_owned()) }
    }

    /// An image that waits for its prediction.
    pub(crate) fn pending(name: &str) -> Entry {
        Entry::new(Path::new(name).into(), name.to_owned())
    }

    /// An image of the classes `truth` of which the model says `said`, any number of classes.
    pub(crate) fn tagged(name: &str, truth: &[usize], said: &[usize]) -> Entry {
        let top = vec![Prediction { index: 0, logit: 0.0, probability: 0.5 }];
        let outcome = Outcome::Classified(Answer { top, said: said.to_vec(), exclusive: false });
        Entry { truth: Truth::new(truth.to_vec()), outcome, ..Entry::new(Path::new(name).into(), name.to_owned()) }
    }

    #[test]
    fn of_several_classes_all_must_be_said_and_no_other() {
        assert_eq!(tagged("a", &[0, 2], &[2, 0]).is_right(), Some(true));
        assert_eq!(tagged("a", &[0, 2], &[2]).is_right(), Some(false));
        assert_eq!(tagged("a", &[0], &[0, 1]).is_right(), Some(false));
        assert_eq!(tagged("a", &[], &[0]).is_right(), None);
    }

    #[test]
    fn right_and_wrong_need_both_classes() {
        assert_eq!(classified("a", Some(1), 1, 0.5).is_right(), Some(true));
        assert_eq!(classified("a", Some(2), 1, 0.5).is_right(), Some(false));
        assert_eq!(classified("a", None, 1, 0.5).is_right(), None);
        assert_eq!(Entry { truth: Some(1.into()), ..pending("a") }.is_right(), None);
    }
}
