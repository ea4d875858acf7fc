//! The filter of the list, while it is typed. Keys move in the list.

use super::{Behaviour, Open, Panel};
use crate::app::{Mode, State};

/// The list, with its filter being typed; the text is [`State::filter`], which stays when this is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter;

impl Open for Filter {
    fn open(state: &mut State) -> Option<Self> {
        state.before_filter = state.current().or(state.before_filter);
        Some(Filter)
    }
}

impl Behaviour for Filter {
    fn mode(&self) -> Mode {
        Mode::Type
    }

    /// Never mind: back to where it began.
    fn escape(&self, state: &mut State) {
        match state.before_filter {
            Some(image) => state.go_back((image, String::new())),
            None => state.unfilter(),
        }
    }

    fn edit(&mut self, change: &mut dyn FnMut(&mut String), state: &mut State) {
        change(&mut state.filter);
        state.refilter();
    }
}

impl State {
    /// Whether the filter is being typed.
    pub fn types_filter(&self) -> bool {
        matches!(self.panel, Panel::Filter(_))
    }
}
