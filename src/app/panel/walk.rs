//! The network from the input to the scores, a stage a row; the picture follows: the input as the model sees it, how active
//! each layer is, the map where a stage has no rows and columns. Behind the last layer, that layer's channels are what the
//! scores are made of.

use std::sync::Arc;
use std::time::Duration;

use super::{Behaviour, Channels, Open, Panel};
use crate::app::{
    self, Activated, ChannelExport, ChannelsKey, Command, Effect, Export, ImageId, Job, Notice, Origin, Picture,
    PictureKey, Priority, StageRow, State, Task, View,
};
use crate::explain::Sign;
use crate::network::StageTimes;
use crate::raster::{Composition, Map, Recipe};

/// The stages of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// The marked stage, a place in [`ModelSummary::stages`](crate::app::ModelSummary::stages).
    pub marked: usize,
    /// The layer on screen: that of the marked stage, or the one before until that is there.
    pub shown: Option<ChannelsKey>,
}

impl Open for Walk {
    fn open(state: &mut State) -> Option<Self> {
        let model = state.model.as_deref()?;
        if model.stages.is_empty() {
            state.notice = Some(Notice::Failed("the stages of this model cannot be told".to_owned()));
            return None;
        }
        // Whoever has chosen a layer goes on from there.
        let chosen = state.selection.layer.and_then(|layer| Some(model.layers.get(layer)?.index));
        let is_chosen = |stage: &StageRow| stage.layer.as_ref().map(|(layer, _)| *layer) == chosen;
        let marked = chosen.and_then(|_| model.stages.iter().position(is_chosen));
        Some(Walk { marked: marked.unwrap_or(0), shown: None })
    }
}

impl Walk {
    /// The marked stage.
    pub fn stage<'s>(&self, state: &'s State) -> Option<&'s StageRow> {
        state.model.as_deref()?.stages.get(self.marked)
    }

    /// Whether the marked stage is the input.
    pub fn is_at_input(&self) -> bool {
        self.marked == 0
    }

    /// The layer on screen, once it is known what its channels contribute.
    pub fn layer<'s>(&self, state: &'s State) -> Option<&'s app::Channels> {
        state.channels.get(self.shown.as_ref()?)?.as_deref().ok()
    }

    /// How active the layer on screen is, and how long that took.
    pub fn energy<'s>(&self, state: &'s State) -> Option<(&'s Arc<Map>, Duration)> {
        let activated = || state.activated_as(self.shown.as_ref()?).map(|it| (&it.energy, it.elapsed));
        self.layer(state).map(|layer| (&layer.energy, layer.elapsed)).or_else(activated)
    }

    /// The layer on screen and its channel that counts most.
    pub(super) fn strongest(&self, state: &State) -> Option<(usize, usize)> {
        let channel = *self.layer(state)?.order.first()?;
        Some((self.shown.as_ref()?.layer, channel))
    }

    /// The stage whose layer is on screen.
    pub fn shown_stage<'s>(&self, state: &'s State) -> Option<&'s StageRow> {
        let shown = self.shown.as_ref()?.layer;
        let stages = &state.model.as_deref()?.stages;
        stages.iter().find(|stage| stage.layer.as_ref().is_some_and(|(layer, _)| *layer == shown))
    }

    /// How long the stages take, or why that is not known; none while it is measured.
    pub fn times<'s>(&self, state: &'s State) -> Option<Result<&'s StageTimes, &'s str>> {
        let times = state.times.get(&state.model_id())?;
        Some(times.as_deref().map_err(String::as_str))
    }

    /// Why the layer of the marked stage cannot be shown.
    pub fn refusal<'s>(&self, state: &'s State) -> Option<&'s str> {
        state.channels.get(&self.key(state.current()?, state)?)?.as_ref().err().map(String::as_str)
    }

    /// Whether the marked stage is behind the last layer: there the scores are made of channels.
    pub fn is_at_head(&self, state: &State) -> bool {
        let stages = state.model.as_deref().map_or(&[][..], |model| &model.stages);
        let last = stages.iter().rposition(|stage| stage.layer.is_some());
        last.is_some_and(|last| last < self.marked)
    }

    /// The layer whose channels the scores are made of, and its stage.
    fn feeding(&self, state: &State) -> Option<(usize, usize)> {
        let model = state.model.as_deref().filter(|_| self.is_at_head(state))?;
        let layer = model.layers.get(model.auto?)?.index;
        Some((layer, model.stage_of(layer)?))
    }

    /// The layer of the marked stage; none where it has none, or before the image's prediction is known.
    fn key(&self, image: ImageId, state: &State) -> Option<ChannelsKey> {
        let layer = match self.stage(state)?.layer.as_ref() {
            Some((layer, _)) => *layer,
            None => self.feeding(state)?.0,
        };
        Some(ChannelsKey { image: state.key(image), layer, target: state.target(image)? })
    }

    /// What belongs on screen.
    fn to_show(&self, state: &State) -> Option<ChannelsKey> {
        let (image, shown) = state.current().zip(state.shown)?;
        let found = self.key(image, state).filter(|_| shown == image);
        let found = found.and_then(|key| {
            let is_ok = state.channels.get(&key).map(Result::is_ok);
            let is_ok = is_ok.or_else(|| state.activated_as(&key).map(|_| true))?;
            Some((is_ok, key))
        });
        let key = match found {
            Some((is_ok, key)) => is_ok.then_some(key),
            None => self.shown.clone(),
        };
        key.filter(|key| state.channels.contains(key) || state.activated_as(key).is_some())
    }

    /// What is on screen, to be written.
    fn export(&self, state: &State) -> Option<Export> {
        let (layer, shows, said) = if self.is_at_input() {
            (self.stage(state)?.name.clone(), "seen", "the input as the model sees it".to_owned())
        } else {
            let (_, layer) = self.shown_stage(state)?.layer.clone()?;
            let said = format!("how active {layer} is: the root of the mean square of its channels");
            (layer, "energy", said)
        };
        let picture = self.scene(state)?.into_iter().next()?;
        let (path, model) = (state.entries.get(picture.key.image.id)?.path.clone(), picture.key.image.model);
        let pictures = vec![(shows, picture, said)];
        Some(Export::Channel(ChannelExport { model, path, layer, unit: None, pictures }))
    }

    fn step(&self, state: &mut State, rows: isize) {
        let last = state.model.as_deref().map_or(0, |model| model.stages.len().saturating_sub(1));
        let marked = self.marked.saturating_add_signed(rows).min(last);
        state.panel = Panel::Walk(Walk { marked, ..self.clone() });
    }
}

impl Behaviour for Walk {
    fn rows(&self, state: &State) -> usize {
        state.model.as_deref().map_or(0, |model| model.stages.len())
    }

    fn marked(&self, _: &State) -> Option<usize> {
        Some(self.marked)
    }

    fn mark(&mut self, row: usize, _: &State) {
        self.marked = row;
    }

    /// From the scores there is no way on to the input.
    fn goes_around(&self) -> bool {
        false
    }

    /// Opens the channels of a layer; behind the last one those that the scores are made of.
    fn accept(&self, state: &mut State) {
        state.panel = if self.stage(state).is_some_and(|stage| stage.layer.is_some()) {
            Panel::Channels(Channels { stage: Some(self.marked), ..Channels::default() })
        } else if let Some((layer, stage)) = self.feeding(state) {
            let back = Some(self.marked);
            Panel::Channels(Channels { stage: Some(stage), layer: Some(layer), back, ..Channels::default() })
        } else {
            let name = self.stage(state).map_or("this stage", |stage| stage.name.as_str());
            state.notice = Some(Notice::Failed(format!("{name} has no channels with rows and columns")));
            Panel::Walk(self.clone())
        };
    }

    fn press(&self, command: Command, state: &mut State) -> Option<Vec<Effect>> {
        match command {
            Command::LayerBack => self.step(state, -1),
            Command::LayerOn | Command::Next => self.step(state, 1),
            Command::Previous => self.step(state, -1),
            Command::Less => state.move_to(state.cursor.saturating_sub(1)),
            Command::More => state.move_to(state.cursor.saturating_add(1)),
            // Where there is the map, that is written.
            Command::Write if self.scene(state).is_some() => {
                let export = self.export(state);
                if export.is_none() {
                    state.notice = Some(Notice::Failed("there is nothing to write yet".to_owned()));
                }
                return Some(export.into_iter().map(Effect::Export).collect());
            }
            _ => return None,
        }
        Some(Vec::new())
    }

    fn settle(&self, state: &mut State) {
        let shown = self.to_show(state);
        if let Some(key) = &shown {
            state.channels.touch(key);
        }
        let last = self.rows(state).saturating_sub(1);
        state.panel = Panel::Walk(Walk { marked: self.marked.min(last), shown });
    }

    fn wants(&self, image: ImageId, state: &State) -> Option<Job> {
        let key = self.key(image, state).filter(|key| !state.channels.contains(key))?;
        state.prediction(image).is_some().then_some(Job::Channels(key))
    }

    fn scene(&self, state: &State) -> Option<Vec<Picture>> {
        if self.is_at_input() {
            return state.as_seen().map(|picture| vec![picture]);
        }
        self.stage(state)?.layer.as_ref()?;
        let picture = match self.shown.as_ref().zip(self.energy(state)) {
            Some((key, (energy, _))) => {
                state.over_image(key.image, Origin::Energy(key.clone()), Arc::clone(energy), Sign::Positive)
            }
            // A map of something else would be taken for the layer.
            None => state.picture(state.shown?, None, View::Image),
        };
        Some(picture.into_iter().collect())
    }
}

impl State {
    /// How long the stages take, which the walk is to show.
    pub(in crate::app) fn missing_times(&self, image: ImageId) -> Option<Task> {
        let model = self.model_id();
        let is_missing = matches!(self.panel, Panel::Walk(_)) && !self.times.contains_key(&model);
        if is_missing { self.task(image, Job::Time(model), Priority::Now) } else { None }
    }

    /// The input as the model sees it; none before it has been seen, or where another image is still on screen.
    fn as_seen(&self) -> Option<Picture> {
        let image = self.shown.filter(|shown| Some(*shown) == self.current())?;
        let base = Arc::clone(&self.prediction(image)?.seen);
        Some(Picture {
            key: PictureKey { seen: true, ..PictureKey::of(self.key(image)) },
            recipe: Recipe::Image(Composition { base, show_base: true, heat: None, superpixels: None, boxes: vec![] }),
        })
    }

    /// How active a layer is whose channels are still to come.
    fn activated_as(&self, key: &ChannelsKey) -> Option<&Activated> {
        self.activated.as_ref().filter(|(of, _)| of == key).map(|(_, activated)| activated.as_ref())
    }
}
