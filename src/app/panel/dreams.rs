//! Dreams of a channel or a class: what it wants to see, as it forms, from different beginnings.

use std::sync::Arc;

use super::{Behaviour, Open, Panel};
use crate::app::{
    Command, DreamExport, DreamFrame, DreamKey, DreamStart, Dreamt, Effect, Export, ImageId, Job, ModelId, Notice,
    Picture, PictureKey, State, View,
};
use crate::explain::Aim;
use crate::model::Target;
use crate::raster::{Composition, Recipe};
use crate::text::escape;

/// What dreams begin with, a row each: what recurs in the end belongs to the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// Noise near grey, by its number.
    Grey(u64),
    /// The image at the cursor.
    Image,
}

/// Dreams of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dreams {
    /// The layer (an index into [`Network::layers`](crate::network::Network::layers)) and its channel; none for the class that
    /// is explained.
    pub unit: Option<(usize, usize)>,
    /// The marked row, which is dreamt.
    pub marked: usize,
    /// Whose unit it is.
    model: ModelId,
    /// The panel that it was opened from.
    back: Box<Panel>,
}

impl Open for Dreams {
    /// Beside channels, of the marked one; in the walk, of the one that counts most; else of the class that is explained.
    fn open(state: &mut State) -> Option<Self> {
        let unit = match &state.panel {
            Panel::None => None,
            Panel::Walk(walk) if walk.stage(state).is_none_or(|stage| stage.layer.is_none()) => None,
            Panel::Walk(walk) => Some(walk.strongest(state)),
            Panel::Channels(_) => Some(state.shown_channels().map(|key| key.layer).zip(state.marked_channel())),
            _ => return None,
        };
        if unit == Some(None) {
            state.notice = Some(Notice::Failed("its channels are not there yet".to_owned()));
            return None;
        }
        let dreams =
            Dreams { unit: unit.flatten(), marked: 0, model: state.model_id(), back: Box::new(state.panel.clone()) };
        // Another frame would be another beginning.
        state.hold();
        Some(dreams)
    }
}

impl Dreams {
    /// In the order of the rows.
    pub const BEGINNINGS: [Beginning; 5] =
        [Beginning::Grey(0), Beginning::Image, Beginning::Grey(1), Beginning::Grey(2), Beginning::Grey(3)];

    /// What is excited; none before it is known which class is explained.
    pub fn aim(&self, state: &State) -> Option<Aim> {
        if let Some((layer, channel)) = self.unit {
            return Some(Aim::Channel { layer, channel });
        }
        match state.target(state.current()?)? {
            Target::Class(class) | Target::Probability(class) | Target::Contrast(class, _) => Some(Aim::Class(class)),
            Target::Top(_) => None,
        }
    }

    /// The dream of a row.
    fn key(&self, row: usize, state: &State) -> Option<DreamKey> {
        let start = match Dreams::BEGINNINGS.get(row)? {
            Beginning::Grey(number) => DreamStart::Noise(*number),
            Beginning::Image => DreamStart::Image(state.current()?),
        };
        Some(DreamKey { model: self.model, aim: self.aim(state)?, start })
    }

    /// The dream of a row, if it is over.
    pub fn dreamt<'s>(&self, row: usize, state: &'s State) -> Option<&'s Arc<Dreamt>> {
        state.dreams.get(&self.key(row, state)?)?.as_ref().ok()
    }

    /// The dream of a row as far as it has come.
    pub fn frame<'s>(&self, row: usize, state: &'s State) -> Option<&'s DreamFrame> {
        let key = self.key(row, state)?;
        let forming = || state.forming.as_ref().filter(|(of, _)| *of == key).map(|(_, frame)| frame.as_ref());
        self.dreamt(row, state).map(|dreamt| &dreamt.last).or_else(forming)
    }

    /// Why there is no dream.
    pub fn refusal<'s>(&self, state: &'s State) -> Option<&'s str> {
        state.dreams.get(&self.key(self.marked, state)?)?.as_ref().err().map(String::as_str)
    }

    /// To the next channel of the table that it was opened from, or the one before.
    fn step_channel(&self, on: bool, state: &State) -> Option<Dreams> {
        let (Panel::Channels(table), Some((layer, channel))) = (self.back.as_ref(), self.unit) else { return None };
        let order = &state.channels.get(table.shown.as_ref()?)?.as_ref().ok()?.order;
        let at = order.iter().position(|other| *other == channel)?;
        let next = if on { at.checked_add(1) } else { at.checked_sub(1) };
        let unit = (layer, *order.get(next?)?);
        let mut table = table.clone();
        table.marked = Some(unit);
        Some(Dreams { unit: Some(unit), back: Box::new(Panel::Channels(table)), ..self.clone() })
    }

    fn export(&self, state: &State) -> Option<Export> {
        let (key, dreamt) = (self.key(self.marked, state)?, self.dreamt(self.marked, state)?);
        let begun = match key.start {
            DreamStart::Image(image) => Some(state.entries.get(image)?.path.clone()),
            DreamStart::Noise(_) => None,
        };
        Some(Export::Dream(DreamExport { key, begun, dreamt: Arc::clone(dreamt) }))
    }
}

impl Behaviour for Dreams {
    fn rows(&self, _: &State) -> usize {
        Dreams::BEGINNINGS.len()
    }

    fn marked(&self, _: &State) -> Option<usize> {
        Some(self.marked)
    }

    fn mark(&mut self, row: usize, _: &State) {
        self.marked = row;
    }

    /// There is nothing to take: it stays.
    fn accept(&self, state: &mut State) {
        state.panel = Panel::Dreams(self.clone());
    }

    /// Goes back to where it was opened.
    fn escape(&self, state: &mut State) {
        state.panel = self.back.as_ref().clone();
        state.forming = None;
    }

    fn press(&self, command: Command, state: &mut State) -> Option<Vec<Effect>> {
        match command {
            Command::Open(super::PanelKind::Dreams) => {
                let marked = (self.marked + 1) % Dreams::BEGINNINGS.len();
                state.panel = Panel::Dreams(Dreams { marked, ..self.clone() });
            }
            Command::LayerBack | Command::LayerOn => {
                let stepped = self.step_channel(command == Command::LayerOn, state);
                state.panel = Panel::Dreams(stepped.unwrap_or_else(|| self.clone()));
            }
            Command::Less => state.move_to(state.cursor.saturating_sub(1)),
            Command::More => state.move_to(state.cursor.saturating_add(1)),
            Command::Write => {
                let export = self.export(state);
                if export.is_none() {
                    state.notice = Some(Notice::Failed("there is no finished dream to write yet".to_owned()));
                }
                return Some(export.into_iter().map(Effect::Export).collect());
            }
            _ => return None,
        }
        Some(Vec::new())
    }

    fn settle(&self, state: &mut State) {
        if self.model != state.model_id() {
            // Its channels are others.
            (state.panel, state.forming) = (Panel::None, None);
            return;
        }
        let key = self.key(self.marked, state);
        state.forming = state.forming.take().filter(|(of, _)| Some(*of) == key);
        if let Some(key) = key {
            state.dreams.touch(&key);
        }
    }

    fn wants(&self, image: ImageId, state: &State) -> Option<Job> {
        state.prediction(image)?;
        self.key(self.marked, state).filter(|key| !state.dreams.contains(key)).map(Job::Dream)
    }

    /// The dream; beside it the image, where two pictures are wanted.
    fn scene(&self, state: &State) -> Option<Vec<Picture>> {
        let image = state.shown?;
        let alone = || state.picture(image, None, View::Image);
        let Some((key, frame)) = self.key(self.marked, state).zip(self.frame(self.marked, state)) else {
            // A map would be taken for the dream.
            return Some(alone().into_iter().collect());
        };
        let base = Arc::clone(&frame.picture);
        let dream = Picture {
            key: PictureKey { seen: true, dream: Some((key, frame.step)), ..PictureKey::of(state.key(image)) },
            recipe: Recipe::Image(Composition { base, show_base: true, heat: None, superpixels: None, boxes: vec![] }),
        };
        let beside = (state.selection.view == View::SideBySide).then(alone).flatten();
        Some(beside.into_iter().chain([dream]).collect())
    }
}

impl State {
    fn dreams_panel(&self) -> Option<&Dreams> {
        if let Panel::Dreams(panel) = &self.panel { Some(panel) } else { None }
    }

    /// The dream on screen, as far as it has come, while it is not over.
    pub fn forming(&self) -> Option<&DreamFrame> {
        let panel = self.dreams_panel()?;
        panel.frame(panel.marked, self).filter(|_| panel.dreamt(panel.marked, self).is_none())
    }

    /// A dream has come further; one that nobody looks at any more does not count.
    pub(in crate::app) fn dreaming(&mut self, key: DreamKey, frame: Arc<DreamFrame>) {
        if self.dreams_panel().is_some_and(|panel| panel.key(panel.marked, self) == Some(key)) {
            self.forming = Some((key, frame));
        }
    }

    /// A dream is over.
    pub(in crate::app) fn dreamt(&mut self, key: DreamKey, result: Result<Arc<Dreamt>, String>) {
        let bytes = result.as_ref().map_or(0, |dreamt| dreamt.bytes());
        self.dreams.insert(key, result.map_err(|reason| escape(&reason).into_owned()), bytes);
        self.forming = self.forming.take().filter(|(of, _)| *of != key);
    }
}
