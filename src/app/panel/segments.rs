//! The weights of the superpixels, the strongest first. The marked one stands out in the picture.

use super::{Behaviour, Open, Panel};
use crate::app::{Notice, State};
use crate::explain;

/// The superpixels of the selected map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segments {
    /// The marked row.
    pub marked: usize,
}

impl Open for Segments {
    fn open(state: &mut State) -> Option<Self> {
        if state.segments().is_none() {
            state.miss_segments();
            return None;
        }
        Some(Segments { marked: 0 })
    }
}

impl Behaviour for Segments {
    fn rows(&self, state: &State) -> usize {
        state.segments().map_or(0, |segments| segments.weights.len())
    }

    fn marked(&self, _: &State) -> Option<usize> {
        Some(self.marked)
    }

    fn mark(&mut self, row: usize, _: &State) {
        self.marked = row;
    }
}

impl State {
    /// The superpixels of the selected map, where the method has some.
    pub fn segments(&self) -> Option<&explain::Segments> {
        self.selected_map()?.attribution.segments.as_ref()
    }

    /// The superpixels by the strength of their weights, the strongest first.
    pub fn segment_order(&self) -> Vec<usize> {
        self.segments().map(explain::Segments::heaviest_first).unwrap_or_default()
    }

    /// The superpixel that the open table marks.
    pub fn marked_segment(&self) -> Option<u32> {
        let Panel::Segments(Segments { marked }) = self.panel else { return None };
        self.segment_order().get(marked).map(|segment| *segment as u32)
    }

    /// Opens the table of superpixels at one of them.
    pub(in crate::app) fn mark_segment(&mut self, segment: u32) {
        if let Some(marked) = self.segment_order().iter().position(|other| *other == segment as usize) {
            self.panel = Panel::Segments(Segments { marked });
        }
    }

    /// Whether the selected map is there and has no superpixels; if so, says it.
    pub(in crate::app) fn miss_segments(&mut self) -> bool {
        let has_none = self.selected_map().is_some_and(|map| map.attribution.segments.is_none());
        if has_none {
            let method = self.selection.method;
            self.notice = Some(Notice::Failed(format!("{method} does not use superpixels; lime does")));
        }
        has_none
    }
}
