//! Panels: opening them, moving in them, typing into them, and taking what they mark.

use super::{Mode, Notice, Panel, State, values};
use crate::model::Target;

impl State {
    /// Moves by a row: the mark of the open panel around its ends, all else up to them.
    pub(super) fn next(&mut self, rows: isize) {
        let count = self.panel_rows();
        match self.marked_row() {
            Some(marked) if count > 0 => self.mark((marked + count).saturating_add_signed(rows) % count),
            _ => self.step(rows),
        }
    }

    /// Moves the cursor, the mark of the open panel, or the help; no further than to the end.
    pub(super) fn step(&mut self, rows: isize) {
        if let Some(marked) = self.marked_row() {
            self.mark(marked.saturating_add_signed(rows));
        } else if let Panel::Help { top } = &mut self.panel {
            *top = top.saturating_add_signed(rows).min(self.terminal.help_overflow);
        } else {
            self.move_to(self.cursor.saturating_add_signed(rows));
        }
    }

    /// Rows of a page of what moves.
    pub(super) fn page(&self) -> isize {
        let rows = if self.mode() == Mode::Menu { self.terminal.menu } else { self.terminal.page };
        rows.max(1) as isize
    }

    /// The marked row of the open panel, where it has one.
    fn marked_row(&mut self) -> Option<usize> {
        match self.panel {
            Panel::Channels { .. } => Some(self.marked_channel_row().unwrap_or(0)),
            Panel::Confusions { .. } => Some(self.marked_confusions().1),
            _ => self.panel.marked_mut().copied(),
        }
    }

    /// Marks a row of the open panel.
    pub(super) fn mark(&mut self, row: usize) {
        let rows = self.panel_rows();
        if let Panel::Channels { exemplars, .. } = self.panel {
            let layer = self.shown_channels.as_ref().map(|key| key.layer);
            let channel =
                self.channels().and_then(|channels| channels.order.get(row.min(rows.saturating_sub(1))).copied());
            if let Some(marked) = layer.zip(channel) {
                self.panel = Panel::Channels { marked: Some(marked), exemplars };
            }
        } else if let Panel::Confusions { .. } = self.panel {
            self.mark_confusion(row);
        } else if let Some(marked) = self.panel.marked_mut() {
            *marked = row.min(rows.saturating_sub(1));
        }
    }

    fn panel_rows(&self) -> usize {
        match &self.panel {
            Panel::Classes { .. } => self.class_matches().len(),
            Panel::Methods { .. } => self.model.as_ref().map_or(0, |model| model.methods.len()),
            Panel::Segments { .. } => self.segments().map_or(0, |segments| segments.weights.len()),
            Panel::Parameters { .. } => self.method().map_or(0, |method| method.params.len()),
            Panel::Channels { .. } => self.channels().map_or(0, |channels| channels.order.len()),
            Panel::Confusions { .. } => self.confusions().len(),
            Panel::None | Panel::Filter | Panel::Help { .. } => 0,
        }
    }

    /// Changes the text that is being typed.
    pub(super) fn type_text(&mut self, change: impl FnOnce(&mut String)) {
        match &mut self.panel {
            Panel::Filter => {
                change(&mut self.filter);
                self.refilter();
            }
            Panel::Classes { query, marked } => {
                change(query);
                *marked = 0;
            }
            _ => {}
        }
    }

    pub(super) fn escape(&mut self) {
        match self.panel {
            Panel::None if self.filter.is_empty() => self.selection.target = Target::Top(0),
            Panel::None | Panel::Filter => self.unfilter(),
            _ => {}
        }
        self.panel = Panel::None;
    }

    /// Takes what the open panel marks.
    pub(super) fn accept(&mut self) {
        match std::mem::take(&mut self.panel) {
            Panel::Classes { query, marked } => {
                let class = self.search_classes(&query).get(marked).copied();
                if let Some(class) = class {
                    self.selection.target = Target::Class(class);
                }
            }
            Panel::Methods { marked } => {
                let Some(method) = self.model.as_ref().and_then(|model| model.methods.get(marked)) else { return };
                match &method.obstacle {
                    Some(obstacle) => self.notice = Some(Notice::Failed(obstacle.clone())),
                    None if method.name != self.selection.method => {
                        self.selection.method = method.name;
                        self.selection.values.clear();
                    }
                    None => {}
                }
            }
            Panel::Confusions { marked } => self.show_confusion(marked),
            Panel::None
            | Panel::Filter
            | Panel::Parameters { .. }
            | Panel::Segments { .. }
            | Panel::Channels { .. }
            | Panel::Help { .. } => {}
        }
    }

    pub(super) fn open_methods(&mut self) {
        if let Some(model) = &self.model {
            let marked = model.methods.iter().position(|row| row.name == self.selection.method).unwrap_or(0);
            self.panel = Panel::Methods { marked };
        }
    }

    pub(super) fn open_parameters(&mut self) {
        match self.method() {
            Some(method) if method.params.is_empty() => {
                self.notice = Some(Notice::Failed(format!("{} has no parameters", method.name)));
            }
            Some(_) => self.panel = Panel::Parameters { marked: 0 },
            None => {}
        }
    }

    pub(super) fn open_segments(&mut self) {
        if self.segments().is_some() {
            self.panel = Panel::Segments { marked: 0 };
        } else {
            self.miss_segments();
        }
    }

    pub(super) fn open_channels(&mut self) {
        match &self.model {
            Some(model) if model.layers.is_empty() => self.miss_layers(),
            Some(_) => self.panel = Panel::Channels { marked: None, exemplars: false },
            None => {}
        }
    }

    pub(super) fn miss_layers(&mut self) {
        self.notice = Some(Notice::Failed("this model has no layer with spatial extent".to_owned()));
    }

    /// Opens the table of superpixels at one of them.
    pub(super) fn mark_segment(&mut self, segment: u32) {
        if let Some(marked) = self.segment_order().iter().position(|other| *other == segment as usize) {
            self.panel = Panel::Segments { marked };
        }
    }

    /// Whether the selected map is there and has no superpixels; if so, says it.
    pub(super) fn miss_segments(&mut self) -> bool {
        let has_none = self.selected_map().is_some_and(|map| map.attribution.segments.is_none());
        if has_none {
            let method = self.selection.method;
            self.notice = Some(Notice::Failed(format!("{method} divides nothing into superpixels; lime does")));
        }
        has_none
    }

    /// Changes the marked parameter by a step; beside channels, where nothing is to be changed, moves to another image.
    pub(super) fn less_or_more(&mut self, more: bool) {
        match self.panel {
            Panel::Channels { .. } => self.move_to(self.cursor.saturating_add_signed(if more { 1 } else { -1 })),
            _ => self.step_parameter(more),
        }
    }

    /// Changes the marked parameter by a step.
    fn step_parameter(&mut self, up: bool) {
        let Panel::Parameters { marked } = self.panel else { return };
        let Some(param) = self.method().and_then(|method| method.params.get(marked)) else { return };
        let value = values::stepped(&param.kind, &self.parameter(param), up);
        // A default is not stored, so that maps made with it are found again.
        if value == param.default_value() {
            self.selection.values.remove(param.name);
        } else {
            self.selection.values.insert(param.name.to_owned(), value);
        }
    }
}
