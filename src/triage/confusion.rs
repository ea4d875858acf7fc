//! Which classes are taken for which.

use std::collections::HashMap;

use super::{Answer, Entry};
use crate::gallery::Truth;
use crate::network::agree;

/// Images of one class that the model takes for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confusion {
    /// What they are.
    pub truth: usize,
    /// What the model says.
    pub said: usize,
    /// How many there are.
    pub count: usize,
    /// Out of how many of that class, as far as they are classified.
    pub of: usize,
}

/// Mistakes as they are counted.
#[derive(Debug, Clone, Default)]
pub(super) struct Mistakes {
    pairs: HashMap<(usize, usize), usize>,
    classes: HashMap<usize, usize>,
}

impl Mistakes {
    /// Counts an image, right or wrong.
    pub(super) fn add(&mut self, answer: &Answer, truth: &Truth) {
        for class in truth.indices() {
            *self.classes.entry(*class).or_default() += 1;
        }
        if agree(&answer.said, truth.indices(), answer.exclusive) {
            return;
        }
        // What is missing was taken for what is too much.
        for missing in truth.indices().iter().filter(|class| !answer.said.contains(class)) {
            for wrong in answer.said.iter().filter(|class| !truth.contains(**class)) {
                *self.pairs.entry((*missing, *wrong)).or_default() += 1;
            }
        }
    }

    /// See [`confusions`].
    pub(super) fn list(&self) -> Vec<Confusion> {
        let of = |class| self.classes.get(&class).copied().unwrap_or(0);
        let found = self.pairs.iter();
        let mut found: Vec<Confusion> =
            found.map(|(&(truth, said), &count)| Confusion { truth, said, count, of: of(truth) }).collect();
        found.sort_by_key(|pair| (std::cmp::Reverse(pair.count), pair.of, pair.truth, pair.said));
        found
    }
}

/// Every mistake by its kind, the most frequent first; of those that are equally frequent, that of the rarer class.
pub fn confusions(entries: &[Entry]) -> Vec<Confusion> {
    let mut mistakes = Mistakes::default();
    for (truth, answer) in entries.iter().filter_map(|entry| Some((entry.truth.as_ref()?, entry.answer()?))) {
        mistakes.add(answer, truth);
    }
    mistakes.list()
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::{classified, pending, tagged};
    use super::*;

    #[test]
    fn mistakes_are_counted_by_kind_and_in_relation_to_their_class() {
        let entries = [
            classified("1", Some(0), 1, 0.9),
            classified("2", Some(0), 1, 0.9),
            classified("3", Some(0), 0, 0.9),
            classified("4", Some(0), 2, 0.9),
            classified("5", Some(2), 0, 0.9),
            classified("6", None, 0, 0.9),
            pending("7"),
        ];
        let expected = [(0, 1, 2, 4), (2, 0, 1, 1), (0, 2, 1, 4)];
        let found: Vec<_> =
            confusions(&entries).into_iter().map(|pair| (pair.truth, pair.said, pair.count, pair.of)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn of_several_classes_those_that_are_missing_were_taken_for_those_too_many() {
        let entries = [tagged("1", &[0, 1], &[0, 2]), tagged("2", &[1], &[1]), tagged("3", &[0, 1], &[0])];
        let found: Vec<_> =
            confusions(&entries).into_iter().map(|pair| (pair.truth, pair.said, pair.count, pair.of)).collect();
        assert_eq!(found, [(1, 2, 1, 3)]);
    }

    #[test]
    fn where_nothing_is_wrong_there_is_nothing_to_list() {
        assert!(confusions(&[classified("1", Some(0), 0, 0.9), pending("2")]).is_empty());
    }
}
