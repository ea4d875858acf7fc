//! The superpixels: their weights, the strongest first, and what the model would say if some of them were not there. The
//! marked one stands out in the picture.

use std::collections::BTreeSet;
use std::sync::Arc;

use ndarray::Array2;

use super::{Behaviour, Open, Panel};
use crate::app::{Command, Effect, ImageId, ImageKey, Job, Notice, Origin, Picture, PictureKey, State, View};
use crate::app::{WhatIf, WhatIfKey};
use crate::explain::{self, HIDE, Value, Values};
use crate::raster::{Composition, Recipe, Region};

/// What hides, in turn.
const HIDINGS: [&str; 3] = ["mean", "blur", "grey"];
/// Steps that can be undone.
const UNDONE: usize = 100;

/// The superpixels of the selected map, or those of the image where the method has none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Segments {
    /// The marked row.
    pub marked: usize,
    /// The superpixels that are hidden.
    pub hidden: BTreeSet<u32>,
    /// What hides them: an option of [`HIDE`]; none for what the method hides by.
    pub hiding: Option<&'static str>,
    /// What was hidden before, the latest last.
    before: Vec<BTreeSet<u32>>,
    /// The image that this is about.
    of: Option<ImageKey>,
    /// What is on screen: the answer, or the one before until that is there.
    shown: Option<WhatIfKey>,
}

impl Open for Segments {
    fn open(state: &mut State) -> Option<Self> {
        let of = state.current().map(|image| state.key(image));
        Some(Segments { of, ..Segments::default() })
    }
}

impl Segments {
    /// Hides these and shows the others.
    fn hide(self, hidden: BTreeSet<u32>, state: &mut State) {
        let mut before = self.before;
        before.push(self.hidden);
        let surplus = before.len().saturating_sub(UNDONE);
        before.drain(..surplus);
        state.panel = Panel::Segments(Segments { hidden, before, ..self });
    }

    /// Hides the marked superpixel, or shows it.
    fn toggle(&self, state: &mut State) {
        let Some(marked) = state.marked_segment() else { return };
        let mut hidden = self.hidden.clone();
        if !hidden.remove(&marked) {
            hidden.insert(marked);
        }
        self.clone().hide(hidden, state);
    }

    fn undo(&self, state: &mut State) {
        let mut panel = self.clone();
        match panel.before.pop() {
            Some(hidden) => state.panel = Panel::Segments(Segments { hidden, ..panel }),
            None => state.notice = Some(Notice::Failed("there is nothing to undo".to_owned())),
        }
    }

    /// The answer that belongs on screen; until it is there, the one before.
    fn to_show(&self, state: &State) -> Option<WhatIfKey> {
        let selected = self.wanted(state, true).filter(|key| !key.hidden.is_empty())?;
        let key = match state.what_ifs.get(&selected) {
            Some(answer) => answer.is_ok().then_some(selected),
            None => self.shown.clone().filter(|key| key.image == selected.image),
        };
        key.filter(|key| state.what_ifs.contains(key))
    }

    /// What is asked about the image at the cursor: with what is hidden, or only how it is divided.
    fn wanted(&self, state: &State, with_hidden: bool) -> Option<WhatIfKey> {
        let image = state.key(state.current()?);
        let hiding = Value::Choice(self.hiding(state).to_owned());
        let method = state.method()?;
        // Methods that do not divide may have parameters of the same names.
        let mut values = if method.params.contains(&HIDE) { state.selection.values.clone() } else { Values::new() };
        values.insert(HIDE.name.to_owned(), hiding);
        let hidden = if with_hidden { self.hidden.iter().copied().collect() } else { Vec::new() };
        Some(WhatIfKey { image, values, hidden })
    }

    /// What hides: an option of [`HIDE`].
    pub fn hiding<'s>(&self, state: &'s State) -> &'s str {
        let chosen = || match state.selection.values.get(HIDE.name) {
            Some(Value::Choice(choice)) => Some(choice.as_str()),
            _ => None,
        };
        self.hiding.or_else(chosen).unwrap_or(HIDINGS[0])
    }
}

impl Behaviour for Segments {
    fn rows(&self, state: &State) -> usize {
        state.division().map_or(0, |division| division.shares.len())
    }

    fn marked(&self, _: &State) -> Option<usize> {
        Some(self.marked)
    }

    fn mark(&mut self, row: usize, _: &State) {
        self.marked = row;
    }

    /// It stays: what is marked is hidden or shown.
    fn accept(&self, state: &mut State) {
        state.panel = Panel::Segments(self.clone());
        self.toggle(state);
    }

    fn press(&self, command: Command, state: &mut State) -> Option<Vec<Effect>> {
        match command {
            Command::Invert => {
                let all = 0..self.rows(state) as u32;
                let shown = all.filter(|segment| !self.hidden.contains(segment)).collect();
                self.clone().hide(shown, state);
            }
            Command::Undo => self.undo(state),
            Command::NextHiding => {
                let at = HIDINGS.iter().position(|hiding| *hiding == self.hiding(state));
                let hiding = Some(HIDINGS[at.map_or(0, |at| (at + 1) % HIDINGS.len())]);
                state.panel = Panel::Segments(Segments { hiding, ..self.clone() });
            }
            _ => return None,
        }
        Some(Vec::new())
    }

    fn settle(&self, state: &mut State) {
        let of = state.current().map(|image| state.key(image));
        let mut panel = self.clone();
        if panel.of != of {
            // Superpixels are those of one image.
            panel = Segments { of, marked: panel.marked, hiding: panel.hiding, ..Segments::default() };
        }
        panel.shown = panel.to_show(state);
        if let Some(key) = &panel.shown {
            state.what_ifs.touch(key);
        }
        state.panel = Panel::Segments(panel);
    }

    fn wants(&self, image: ImageId, state: &State) -> Option<Job> {
        state.prediction(image)?;
        let undivided = state.division().is_none().then(|| self.wanted(state, false)).flatten();
        let hidden = (!self.hidden.is_empty()).then(|| self.wanted(state, true)).flatten();
        undivided.into_iter().chain(hidden).find(|key| !state.what_ifs.contains(key)).map(Job::WhatIf)
    }

    /// What the model sees with superpixels hidden; beside it the map, where two pictures are wanted.
    fn scene(&self, state: &State) -> Option<Vec<Picture>> {
        let changed = state.changed_picture(self.shown.as_ref()?)?;
        let image = state.shown?;
        let map = (state.selection.view == View::SideBySide).then(|| {
            let map = state.shown_map.as_ref();
            state.picture(image, map, View::Overlay)
        });
        Some(map.flatten().into_iter().chain([changed]).collect())
    }
}

/// The superpixels that are listed.
#[derive(Debug, Clone, Copy)]
pub struct Division<'s> {
    /// The superpixel of each pixel, numbered from 0, `[H, W]`.
    pub labels: &'s Arc<Array2<u32>>,
    /// Which part of the input each of them is.
    pub shares: &'s [f32],
    /// Their weights, where the method gives them some.
    pub weights: Option<&'s [f32]>,
}

impl State {
    /// The superpixels of the selected map, where the method has some.
    pub fn segments(&self) -> Option<&explain::Segments> {
        self.selected_map()?.attribution.segments.as_ref()
    }

    /// The superpixels of the selected map; where it has none and their list is open, those of the image.
    pub fn division(&self) -> Option<Division<'_>> {
        if let Some((segments, map)) = self.segments().zip(self.selected_map()) {
            return Some(Division { labels: &segments.labels, shares: &map.shares, weights: Some(&segments.weights) });
        }
        Some(self.listed_division(self.current()?)?.1)
    }

    /// The superpixels of an image whose map has none, while they are listed.
    pub(in crate::app) fn listed_division(&self, image: ImageId) -> Option<(WhatIfKey, Division<'_>)> {
        let key = self.segments_panel().filter(|_| self.current() == Some(image))?.wanted(self, false)?;
        let answer = self.what_ifs.get(&key)?.as_deref().ok()?;
        Some((key, Division { labels: &answer.labels, shares: &answer.shares, weights: None }))
    }

    fn segments_panel(&self) -> Option<&Segments> {
        if let Panel::Segments(panel) = &self.panel { Some(panel) } else { None }
    }

    /// Why the image at the cursor is not divided, or not asked about with superpixels hidden, while they are listed.
    pub fn why_not_divided(&self) -> Option<&str> {
        let panel = self.segments_panel()?;
        let asked = [panel.wanted(self, true), panel.wanted(self, false)];
        asked.iter().flatten().find_map(|key| self.what_ifs.get(key)?.as_ref().err().map(String::as_str))
    }

    /// What is said with superpixels hidden, while some are: the newest that is there.
    pub fn what_if(&self) -> Option<&WhatIf> {
        self.what_ifs.get(self.segments_panel()?.shown.as_ref()?)?.as_deref().ok()
    }

    /// The superpixels by the strength of their weights, or by their size, the first first.
    pub fn segment_order(&self) -> Vec<usize> {
        let Some(division) = self.division() else { return Vec::new() };
        let strength = division.weights.unwrap_or(division.shares);
        let mut order: Vec<usize> = (0..division.shares.len()).collect();
        let of = |segment: usize| strength.get(segment).copied().unwrap_or(0.0).abs();
        order.sort_by(|a, b| of(*b).total_cmp(&of(*a)));
        order
    }

    /// The superpixel that the open table marks.
    pub fn marked_segment(&self) -> Option<u32> {
        let marked = self.segments_panel()?.marked;
        self.segment_order().get(marked).map(|segment| *segment as u32)
    }

    /// A superpixel was clicked: the table opens at it; in the open one it is hidden or shown.
    pub(in crate::app) fn click_segment(&mut self, segment: u32) {
        let Some(marked) = self.segment_order().iter().position(|other| *other == segment as usize) else { return };
        match self.segments_panel().cloned() {
            Some(panel) => {
                let panel = Segments { marked, ..panel };
                self.panel = Panel::Segments(panel.clone());
                panel.toggle(self);
            }
            None => {
                let panel = Segments::open(self).map(|panel| Segments { marked, ..panel });
                self.panel = panel.map_or(Panel::None, Panel::Segments);
            }
        }
    }

    /// Whether there are no superpixels on screen and none to come; if so, says it.
    pub(in crate::app) fn miss_segments(&mut self) -> bool {
        let has_none = self.selected_map().is_some_and(|map| map.attribution.segments.is_none());
        let has_none = has_none && self.segments_panel().is_none();
        if has_none {
            let method = self.selection.method;
            let reason = format!("{method} does not use superpixels: lime does, and s lists those of the image");
            self.notice = Some(Notice::Failed(reason));
        }
        has_none
    }

    /// What the model sees with superpixels hidden.
    fn changed_picture(&self, key: &WhatIfKey) -> Option<Picture> {
        let answer = self.what_ifs.get(key)?.as_deref().ok()?;
        let (width, height) = answer.seen.dimensions();
        let of = Origin::Superpixels(WhatIfKey { hidden: Vec::new(), ..key.clone() });
        let (labels, marked) = (Arc::clone(&answer.labels), self.marked_segment());
        let (lines, superpixels) = self.outlined(of, labels, Region::whole(width, height), marked, false);
        let base = Arc::clone(&answer.seen);
        let (image, hidden) = (key.image, Some(key.clone()));
        Some(Picture {
            key: PictureKey { seen: true, lines, hidden, ..PictureKey::of(image) },
            recipe: Recipe::Image(Composition {
                base,
                show_base: true,
                heat: None,
                superpixels: Some(superpixels),
                boxes: vec![],
            }),
        })
    }
}
