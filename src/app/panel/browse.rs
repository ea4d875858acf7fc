//! No panel: keys are commands, and move in the list.

use super::Behaviour;
use crate::app::{Mode, State};
use crate::model::Target;

/// What answers where no panel is open.
pub(super) struct Browse;

impl Behaviour for Browse {
    fn mode(&self) -> Mode {
        Mode::Browse
    }

    /// Unpins the class, or drops the filter before that, or shows the whole picture before that.
    fn escape(&self, state: &mut State) {
        if state.unzoom() {
            return;
        }
        if state.filter.is_empty() {
            state.selection.target = Target::Top(0);
        } else {
            state.unfilter();
        }
    }
}
