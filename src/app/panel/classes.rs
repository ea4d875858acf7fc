//! The search for a class to explain, by its name or index.

use super::{Behaviour, Open};
use crate::app::{Mode, State};
use crate::model::Target;
use crate::triage::search;

/// What was typed, and which of the matches is marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classes {
    /// What was typed.
    pub query: String,
    /// The marked match.
    pub marked: usize,
}

impl Open for Classes {
    fn open(state: &mut State) -> Option<Self> {
        state.model.is_some().then(|| Classes { query: String::new(), marked: 0 })
    }
}

impl Classes {
    /// The classes whose name or index matches, best first.
    pub fn matches(&self, state: &State) -> Vec<usize> {
        let Some(model) = &state.model else { return Vec::new() };
        let mut found = search(&self.query, model.labels.iter().map(String::as_str));
        if let Some(index) = self.query.trim().parse().ok().filter(|index| *index < model.labels.len()) {
            found.retain(|other| *other != index);
            found.insert(0, index);
        }
        found
    }
}

impl Behaviour for Classes {
    fn mode(&self) -> Mode {
        Mode::Type
    }

    fn rows(&self, state: &State) -> usize {
        self.matches(state).len()
    }

    fn marked(&self, _: &State) -> Option<usize> {
        Some(self.marked)
    }

    fn mark(&mut self, row: usize, _: &State) {
        self.marked = row;
    }

    fn is_choice(&self) -> bool {
        true
    }

    fn accept(&self, state: &mut State) {
        if let Some(class) = self.matches(state).get(self.marked) {
            state.selection.target = Target::Class(*class);
        }
    }

    fn edit(&mut self, change: &mut dyn FnMut(&mut String), _: &mut State) {
        change(&mut self.query);
        self.marked = 0;
    }
}
