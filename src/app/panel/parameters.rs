//! The parameters of the method, to be changed step by step.

use super::steps::stepped;
use super::{Behaviour, Open};
use crate::app::{Command, Effect, Notice, State};

/// The parameters of the selected method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// The marked row of [`MethodRow::params`](crate::app::MethodRow::params).
    pub marked: usize,
}

impl Open for Parameters {
    fn open(state: &mut State) -> Option<Self> {
        let method = state.method()?;
        if method.params.is_empty() {
            state.notice = Some(Notice::Failed(format!("{} has no parameters", method.name)));
            return None;
        }
        Some(Parameters { marked: 0 })
    }
}

impl Parameters {
    /// Changes the marked parameter by a step.
    fn step(&self, up: bool, state: &mut State) {
        let Some(param) = state.method().and_then(|method| method.params.get(self.marked)) else { return };
        let (name, default) = (param.name, param.default_value());
        let value = stepped(&param.kind, &state.parameter(param), up);
        // A default is not stored, so that maps made with it are found again.
        if value == default {
            state.selection.values.remove(name);
        } else {
            state.selection.values.insert(name.to_owned(), value);
        }
    }
}

impl Behaviour for Parameters {
    fn rows(&self, state: &State) -> usize {
        state.method().map_or(0, |method| method.params.len())
    }

    fn marked(&self, _: &State) -> Option<usize> {
        Some(self.marked)
    }

    fn mark(&mut self, row: usize, _: &State) {
        self.marked = row;
    }

    fn press(&self, command: Command, state: &mut State) -> Option<Vec<Effect>> {
        match command {
            Command::Less => self.step(false, state),
            Command::More => self.step(true, state),
            _ => return None,
        }
        Some(Vec::new())
    }
}
