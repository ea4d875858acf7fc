//! The classes that are taken for each other, the most frequent mistake first; each leads to its images.

use super::{Behaviour, Open};
use crate::app::State;
use crate::triage::{Confusion, Filter, confusions};

/// Kinds of mistakes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusions {
    /// The marked pair, what is true and what is said; none for the first. Its row changes as images are classified.
    pub marked: Option<(usize, usize)>,
}

impl Open for Confusions {
    fn open(state: &mut State) -> Option<Self> {
        if state.lacks_truth() {
            state.miss_truth();
            return None;
        }
        Some(Confusions { marked: None })
    }
}

impl Confusions {
    /// The mistakes so far, and the row of the marked one, wherever it is by now.
    pub fn rows_and_mark(&self, state: &State) -> (Vec<Confusion>, usize) {
        let found = confusions(&state.entries);
        let row = found.iter().position(|pair| Some((pair.truth, pair.said)) == self.marked).unwrap_or(0);
        (found, row)
    }
}

impl Behaviour for Confusions {
    fn rows(&self, state: &State) -> usize {
        confusions(&state.entries).len()
    }

    fn marked(&self, state: &State) -> Option<usize> {
        Some(self.rows_and_mark(state).1)
    }

    fn mark(&mut self, row: usize, state: &State) {
        self.marked = confusions(&state.entries).get(row).map(|pair| (pair.truth, pair.said));
    }

    fn is_choice(&self) -> bool {
        true
    }

    /// Narrows the list to the images of a mistake; without one, of the most frequent.
    fn accept(&self, state: &mut State) {
        let first = || confusions(&state.entries).first().map(|pair| (pair.truth, pair.said));
        let pair = self.marked.or_else(first);
        let Some((truth, said)) = pair else { return };
        let filter = Filter::for_confusion(truth, said, state.labels());
        state.before_filter = state.current().or(state.before_filter);
        state.filter = filter;
        state.refilter();
    }
}
