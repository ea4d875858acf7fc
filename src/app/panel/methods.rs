//! The choice of a method.

use super::{Behaviour, Open};
use crate::app::{Notice, State};

/// The methods of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Methods {
    /// The marked row of [`ModelSummary::methods`](crate::app::ModelSummary::methods).
    pub marked: usize,
}

impl Open for Methods {
    fn open(state: &mut State) -> Option<Self> {
        let model = state.model.as_deref()?;
        let marked = model.methods.iter().position(|row| row.name == state.selection.method).unwrap_or(0);
        Some(Methods { marked })
    }
}

impl Behaviour for Methods {
    fn rows(&self, state: &State) -> usize {
        state.model.as_ref().map_or(0, |model| model.methods.len())
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

    /// Another method begins with its own parameters.
    fn accept(&self, state: &mut State) {
        let Some(method) = state.model.as_ref().and_then(|model| model.methods.get(self.marked)) else { return };
        match &method.obstacle {
            Some(obstacle) => state.notice = Some(Notice::Failed(obstacle.clone())),
            None if method.name != state.selection.method => {
                state.selection.method = method.name;
                state.selection.values.clear();
            }
            None => {}
        }
    }
}
