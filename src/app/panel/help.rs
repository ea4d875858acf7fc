//! The keys. They are scrolled where they do not fit.

use super::{Behaviour, Open, Panel};
use crate::app::{Mode, State};

/// All keys, from the keymap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Help {
    /// Lines that are scrolled out of sight at the top.
    pub top: usize,
}

impl Open for Help {
    fn open(_: &mut State) -> Option<Self> {
        Some(Help { top: 0 })
    }
}

impl Behaviour for Help {
    fn mode(&self) -> Mode {
        Mode::Help
    }

    /// A row is how far it is scrolled.
    fn rows(&self, state: &State) -> usize {
        state.terminal.help_overflow + 1
    }

    fn marked(&self, _: &State) -> Option<usize> {
        Some(self.top)
    }

    fn mark(&mut self, row: usize, _: &State) {
        self.top = row;
    }

    fn goes_around(&self) -> bool {
        false
    }

    /// In a larger window more of it fits.
    fn settle(&self, state: &mut State) {
        state.panel = Panel::Help(Help { top: self.top.min(state.terminal.help_overflow) });
    }
}
