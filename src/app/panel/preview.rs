//! Menus whose marked row is looked at before it is taken: what comes quickly at once, the rest after a pause.

use super::Panel;
use crate::app::work::QUICK;
use crate::app::{Effect, Family, Selection, State};

/// What was selected before a menu, and what its marked row would select.
#[derive(Debug)]
pub(in crate::app) struct Preview {
    before: Selection,
    /// What waits until the mark rests.
    waiting: Option<Selection>,
    /// Counts the rows that were waited at.
    count: u64,
}

impl State {
    /// Opens a panel that looks at what its mark is on.
    pub(super) fn begin(&mut self, panel: Panel) {
        self.preview = None;
        if panel.asked().previews() {
            self.preview = Some(Preview { before: self.selection.clone(), waiting: None, count: 0 });
        }
        self.panel = panel;
        self.look_at_mark();
    }

    /// What is selected as long as no menu changes it.
    pub fn selection_before_menu(&self) -> &Selection {
        self.preview.as_ref().map_or(&self.selection, |preview| &preview.before)
    }

    /// Selects what the mark is on, or waits with it; where that is nothing, what was selected before.
    pub(super) fn look_at_mark(&mut self) {
        let Some(before) = self.preview.as_ref().map(|preview| preview.before.clone()) else { return };
        let wanted = self.panel.asked().preview(self).unwrap_or(before);
        let is_quick = wanted == self.selection || self.comes_quickly(&wanted);
        let Some(preview) = &mut self.preview else { return };
        preview.waiting = None;
        if is_quick {
            self.selection = wanted;
        } else {
            preview.waiting = Some(wanted);
            preview.count += 1;
        }
    }

    /// The mark has rested where it was, by that count.
    pub(in crate::app) fn rested(&mut self, count: u64) {
        let preview = self.preview.as_mut().filter(|preview| preview.count == count);
        if let Some(waiting) = preview.and_then(|preview| preview.waiting.take()) {
            self.selection = waiting;
        }
    }

    /// Goes back to what was selected before the menu.
    pub(super) fn end_preview(&mut self) {
        if let Some(preview) = self.preview.take() {
            self.selection = preview.before;
        }
    }

    /// What the mark waits for, by its count.
    pub(in crate::app) fn awaits_rest(&self) -> Option<u64> {
        self.preview.as_ref().filter(|preview| preview.waiting.is_some()).map(|preview| preview.count)
    }

    /// Asks to be told when the mark has rested, where it waits since `before`.
    pub(in crate::app) fn rest(&self, before: Option<u64>) -> Option<Effect> {
        let now = self.awaits_rest();
        if now == before { None } else { now.map(Effect::Rest) }
    }

    /// Whether the map of a selection is there, or will be in no time.
    fn comes_quickly(&self, selection: &Selection) -> bool {
        let Some(model) = self.model.as_deref() else { return false };
        let is_there =
            self.current().and_then(|image| self.map_key_of(image, selection)).is_some_and(|key| self.has_map(&key));
        let pace = self.pace.get(&(model.id, selection.method));
        // The first class activation map needs no more than the pass that is there.
        let is_cam = || model.methods.iter().any(|row| row.name == selection.method && row.family == Family::Cam);
        is_there || pace.map_or_else(is_cam, |pace| *pace < QUICK)
    }
}
