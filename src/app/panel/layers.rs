//! The choice of a layer, the deepest first.

use super::{Behaviour, Open};
use crate::app::{Mode, Selection, State};
use crate::triage::{matches, search};

/// The layers of the model that maps can be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layers {
    /// What was typed.
    pub query: String,
    /// The marked row of the matches.
    pub marked: usize,
}

impl Open for Layers {
    fn open(state: &mut State) -> Option<Self> {
        let Some(current) = state.layer_at() else {
            state.miss_layers();
            return None;
        };
        if !state.uses_layer() {
            state.miss_layer_use();
            return None;
        }
        let panel = Layers { query: String::new(), marked: 0 };
        let marked = panel.matches(state).iter().position(|layer| *layer == current).unwrap_or(0);
        Some(Layers { marked, ..panel })
    }
}

impl Layers {
    /// The layers whose name matches what was typed: positions in
    /// [`ModelSummary::layers`](crate::app::ModelSummary::layers).
    pub fn matches(&self, state: &State) -> Vec<usize> {
        let Some(model) = &state.model else { return Vec::new() };
        let names: Vec<String> = model.layers.iter().map(|layer| layer.known_as.join(", ")).collect();
        // What is nearer to the decision says more about it.
        let mut found = search(&self.query, names.iter().map(String::as_str), |layer| layer as f32);
        // Half of what was typed in one name and half in the other is no match.
        let has_name = |layer: &usize| model.layers[*layer].known_as.iter().any(|name| matches(&self.query, name));
        found.retain(has_name);
        found
    }
}

impl Behaviour for Layers {
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
        if let Some(selection) = self.preview(state) {
            state.selection = selection;
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
        let layer = *self.matches(state).get(self.marked)?;
        let auto = state.model.as_deref()?.auto;
        Some(Selection { layer: Some(layer).filter(|layer| Some(*layer) != auto), ..state.selection.clone() })
    }
}
