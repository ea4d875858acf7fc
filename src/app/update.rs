//! The one place where the state changes.

use super::{Action, Effect, State};

/// Applies an action and says what is to be done about it.
pub fn update(state: &mut State, action: Action) -> Vec<Effect> {
    let _ = (state, action);
    Vec::new()
}
