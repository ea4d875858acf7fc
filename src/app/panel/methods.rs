//! The choice of a method.

use super::{Behaviour, Open};
use crate::app::{MethodRow, Mode, Notice, Selection, State};
use crate::explain::Values;
use crate::triage::{has_words, search};

/// The methods of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Methods {
    /// What was typed.
    pub query: String,
    /// The marked row of the matches.
    pub marked: usize,
}

impl Open for Methods {
    fn open(state: &mut State) -> Option<Self> {
        let model = state.model.as_deref()?;
        let marked = model.methods.iter().position(|row| row.name == state.selection.method).unwrap_or(0);
        Some(Methods { query: String::new(), marked })
    }
}

impl Methods {
    /// The methods whose name matches what was typed, or what is said of them has its words: positions in
    /// [`ModelSummary::methods`](crate::app::ModelSummary::methods).
    pub fn matches(&self, state: &State) -> Vec<usize> {
        let Some(model) = &state.model else { return Vec::new() };
        let mut found = search(&self.query, model.methods.iter().map(|row| row.name), |_| 0.0);
        let others = (0..model.methods.len()).filter(|row| has_words(&self.query, model.methods[*row].help));
        let others: Vec<usize> = others.filter(|row| !found.contains(row)).collect();
        found.extend(others);
        found
    }

    /// The marked one.
    pub fn method<'s>(&self, state: &'s State) -> Option<&'s MethodRow> {
        state.model.as_deref()?.methods.get(*self.matches(state).get(self.marked)?)
    }
}

impl Behaviour for Methods {
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
        let Some(method) = self.method(state) else { return };
        match &method.obstacle {
            Some(obstacle) => state.notice = Some(Notice::Failed(obstacle.clone())),
            None => state.selection = with_method(&state.selection, method),
        }
    }

    fn edit(&mut self, change: &mut dyn FnMut(&mut String), _: &mut State) {
        change(&mut self.query);
        self.marked = 0;
    }

    fn previews(&self) -> bool {
        true
    }

    fn preview(&self, state: &State) -> Option<Selection> {
        let method = self.method(state).filter(|method| method.obstacle.is_none())?;
        Some(with_method(state.selection_before_menu(), method))
    }
}

/// Another method begins with its own parameters.
fn with_method(selection: &Selection, method: &MethodRow) -> Selection {
    if method.name == selection.method {
        return selection.clone();
    }
    Selection { method: method.name, values: Values::new(), ..selection.clone() }
}
