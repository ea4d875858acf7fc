//! The channels of a layer: a table, the marked one over the picture, and beside it all of them as tiles, or the images that
//! excite the marked one most.

use std::sync::Arc;

use super::{Behaviour, Open, Panel, Walk};
use crate::app::results::thumbnail_size;
use crate::app::{
    self, ChannelExport, ChannelsKey, Command, Effect, End, Export, ImageId, Job, Notice, Origin, Picture, PictureKey,
    State, View,
};
use crate::raster::{Recipe, Sheet, layer_sign};

/// The channels of the selected layer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Channels {
    /// The layer (an index into [`Network::layers`](crate::network::Network::layers)) and its channel that is marked; none for
    /// the first of the table. It stays marked in other images.
    pub marked: Option<(usize, usize)>,
    /// The stage of the walk whose layer it is, where it was opened from there; none for the selected layer.
    pub stage: Option<usize>,
    /// Whether the images that excite the marked one are shown, in place of all channels of this image.
    pub exemplars: bool,
    /// The end of the marked channel that images are shown of, and for which channel that was decided; it stays while they are
    /// gone through.
    pub end: Option<((usize, usize), End)>,
    /// The image and the filter of the list that were left for them.
    pub left: Option<(ImageId, String)>,
    /// The layer, where it is not the last one of that stage.
    pub layer: Option<usize>,
    /// The stage of the walk to go back to, as long as the layer is the one that it was opened with.
    pub back: Option<usize>,
    /// Those on screen: the ones selected, or the ones before until those are there.
    pub shown: Option<ChannelsKey>,
}

impl Open for Channels {
    fn open(state: &mut State) -> Option<Self> {
        if state.model.as_deref()?.layers.is_empty() {
            state.miss_layers();
            return None;
        }
        Some(Channels::default())
    }
}

impl Channels {
    /// What belongs on screen. With the channels of another image, its picture stays too until both are there.
    fn to_show(&self, state: &State) -> Option<ChannelsKey> {
        let (image, shown) = state.current().zip(state.shown)?;
        let selected = state.channels_key(image).filter(|_| shown == image);
        let found = selected.and_then(|key| Some((state.channels.get(&key)?.is_ok(), key)));
        let key = match found {
            Some((is_ok, key)) => is_ok.then_some(key),
            None => self.shown.clone(),
        };
        key.filter(|key| state.channels.contains(key))
    }

    /// To the next stage of the walk that is a layer, or the one before.
    fn step(&self, state: &mut State, on: bool) {
        let Some((model, stage)) = state.model.clone().zip(self.stage) else { return };
        let is_layer = |at: &usize| model.stages[*at].layer.is_some();
        let next = if on {
            (stage + 1..model.stages.len()).find(is_layer)
        } else {
            (0..stage.min(model.stages.len())).rev().find(is_layer)
        };
        state.panel = Panel::Channels(Channels { stage: next.or(self.stage), layer: None, back: None, ..self.clone() });
    }
}

impl Behaviour for Channels {
    fn rows(&self, state: &State) -> usize {
        state.channels().map_or(0, |channels| channels.order.len())
    }

    fn marked(&self, state: &State) -> Option<usize> {
        Some(state.marked_channel_row().unwrap_or(0))
    }

    fn mark(&mut self, row: usize, state: &State) {
        let layer = self.shown.as_ref().map(|key| key.layer);
        let channel = state.channels().and_then(|channels| channels.order.get(row).copied());
        self.marked = layer.zip(channel).or(self.marked);
    }

    /// Leads through the images that excite the channel.
    fn accept(&self, state: &mut State) {
        if self.exemplars {
            state.panel = Panel::Channels(self.clone());
            state.go_to_next_exemplar();
        }
    }

    /// Goes back to the walk, where it was opened from there.
    fn escape(&self, state: &mut State) {
        if let Some(marked) = self.back.or(self.stage) {
            state.panel = Panel::Walk(Walk { marked, shown: self.shown.clone() });
        }
    }

    fn press(&self, command: Command, state: &mut State) -> Option<Vec<Effect>> {
        match command {
            Command::LayerBack if self.stage.is_some() => self.step(state, false),
            Command::LayerOn if self.stage.is_some() => self.step(state, true),
            Command::Less => state.move_to(state.cursor.saturating_sub(1)),
            Command::More => state.move_to(state.cursor.saturating_add(1)),
            // From the strongest that speaks for the class to the strongest that speaks against it, and back.
            Command::Invert => {
                let (channels, row) = state.channels().zip(state.marked_channel_row())?;
                let against = channels.speaking_for;
                let row = if row < against && against < channels.order.len() { against } else { 0 };
                let mut panel = self.clone();
                panel.mark(row, state);
                state.panel = Panel::Channels(panel);
            }
            Command::ToggleExemplars => {
                let left = state.current().map(|image| (image, state.filter.clone())).filter(|_| !self.exemplars);
                state.panel = Panel::Channels(Channels { exemplars: !self.exemplars, left, ..self.clone() });
            }
            Command::Escape if self.exemplars => {
                state.panel = Panel::Channels(Channels { exemplars: false, left: None, ..self.clone() });
                if let Some(left) = self.left.clone() {
                    state.go_back(left);
                }
            }
            Command::Write if self.shown.is_some() => return Some(state.export_channel()),
            _ => return None,
        }
        Some(Vec::new())
    }

    fn settle(&self, state: &mut State) {
        let shown = self.to_show(state);
        if let Some(key) = &shown {
            state.channels.touch(key);
        }
        state.panel = Panel::Channels(Channels { shown, ..self.clone() });
        state.settle_exemplars();
    }

    /// They come before the map, which may take its time.
    fn wants(&self, image: ImageId, state: &State) -> Option<Job> {
        let key = state.channels_key(image).filter(|key| !state.channels.contains(key))?;
        state.prediction(image).is_some().then_some(Job::Channels(key))
    }

    /// The marked channel over the image, and beside it a page of all channels as tiles, or a sheet of images.
    fn scene(&self, state: &State) -> Option<Vec<Picture>> {
        let key = self.shown.as_ref()?;
        let Some((channels, marked)) = state.channels().zip(state.marked_channel()) else { return Some(Vec::new()) };
        let over_image = state.channel_over_image(key, channels, marked);
        let beside = if self.exemplars {
            state.sheet(key, marked)
        } else {
            state.tiles(key, channels, state.marked_channel_row().unwrap_or(0))
        };
        Some(over_image.into_iter().chain([beside]).collect())
    }

    fn uses_layer(&self) -> bool {
        true
    }
}

impl State {
    /// The channels that the selection means for an image; none before its prediction is known.
    pub fn channels_key(&self, image: ImageId) -> Option<ChannelsKey> {
        let model = self.model.as_deref()?;
        let walked = self.channels_panel().and_then(|panel| {
            let stage = model.stages.get(panel.stage?)?;
            panel.layer.or(stage.layer.as_ref().map(|(layer, _)| *layer))
        });
        let selected = || Some(model.layers.get(self.layer_at()?)?.index);
        let layer = walked.or_else(selected)?;
        Some(ChannelsKey { image: self.key(image), layer, target: self.target(image)? })
    }

    fn channels_panel(&self) -> Option<&Channels> {
        if let Panel::Channels(panel) = &self.panel { Some(panel) } else { None }
    }

    /// Which channels are on screen, while their table is open.
    pub fn shown_channels(&self) -> Option<&ChannelsKey> {
        self.channels_panel()?.shown.as_ref()
    }

    /// The channels on screen, while their table is open.
    pub fn channels(&self) -> Option<&app::Channels> {
        self.channels.get(self.shown_channels()?)?.as_deref().ok()
    }

    /// Why there are no channels to show.
    pub fn channels_refusal(&self) -> Option<&str> {
        self.channels.get(&self.channels_key(self.current()?)?)?.as_ref().err().map(String::as_str)
    }

    /// The channel that the open table marks: the one that was marked last, in whatever image that was, or the first.
    pub fn marked_channel(&self) -> Option<usize> {
        let panel = self.channels_panel()?;
        // A number means another channel in another layer.
        let shown = panel.shown.as_ref()?.layer;
        let marked = panel.marked.filter(|(layer, _)| *layer == shown).map(|(_, channel)| channel);
        marked.or_else(|| self.channels()?.order.first().copied())
    }

    /// The row of the open table that is marked.
    pub fn marked_channel_row(&self) -> Option<usize> {
        let marked = self.marked_channel()?;
        self.channels()?.order.iter().position(|channel| *channel == marked)
    }

    /// Whether the images that excite the marked channel are looked at.
    pub fn shows_exemplars(&self) -> bool {
        self.channels_panel().is_some_and(|panel| panel.exemplars)
    }

    /// In another image, another channel would be the first, and this one might tend to its other end: what is marked stays so
    /// from now on.
    pub(in crate::app) fn pin_channel(&mut self) {
        let Some(marked) = self.shown_channels().map(|key| key.layer).zip(self.marked_channel()) else { return };
        let end = self.exemplar_end();
        if let Panel::Channels(panel) = &mut self.panel {
            panel.marked = Some(marked);
            panel.end = Some((marked, end));
        }
    }

    /// The end that was decided on for the marked channel.
    pub(in crate::app) fn pinned_end(&self) -> Option<End> {
        let marked = (self.shown_channels()?.layer, self.marked_channel()?);
        self.channels_panel()?.end.filter(|(of, _)| *of == marked).map(|(_, end)| end)
    }

    pub(in crate::app) fn miss_layers(&mut self) {
        self.notice = Some(Notice::Failed("this model has no layer with spatial extent".to_owned()));
    }

    pub(in crate::app) fn miss_layer_use(&mut self) {
        self.notice = Some(Notice::Failed(format!("{} uses no layer", self.selection.method)));
    }

    /// Writes the marked channel, and what stands beside it.
    fn export_channel(&self) -> Vec<Effect> {
        let export = self.shown_channels().and_then(|key| {
            let (model, channel) = (self.model.as_deref()?, self.marked_channel()?);
            let layer = model.layer_name(key.layer)?.to_owned();
            let beside = if self.shows_exemplars() {
                ("images", format!("channel {channel} of {layer} in the images that excite it most"))
            } else {
                ("tiles", format!("channels of {layer}"))
            };
            let (low, high) = *self.channels()?.ranges.get(channel)?;
            let said = [("map", format!("channel {channel} of {layer}, values {low:.3} .. {high:.3}")), beside];
            let pictures =
                self.scene().into_iter().zip(said).map(|(picture, (what, said))| (what, picture.whole(), said));
            let path = self.entries.get(key.image.id)?.path.clone();
            let model = key.image.model;
            let (unit, pictures) = (Some(("channel", channel)), pictures.collect());
            Some(Export::Channel(ChannelExport { model, path, layer, unit, pictures }))
        });
        export.into_iter().map(Effect::Export).collect()
    }

    fn channel_over_image(&self, key: &ChannelsKey, channels: &app::Channels, channel: usize) -> Option<Picture> {
        let map = Arc::clone(channels.maps.get(channel)?);
        self.over_image(key.image, Origin::Channel(key.clone(), channel), map, channels.sign)
    }

    /// The page of tiles that has a row of the table, which is framed.
    fn tiles(&self, key: &ChannelsKey, channels: &app::Channels, row: usize) -> Picture {
        let layout = self.tile_layout();
        let (page, tile) = (row / layout.per_page(), row % layout.per_page());
        let of = Origin::Tiles(key.clone(), layout, page);
        let tiles = channels.tiles(page, layout, tile as u32, self.colouring(channels.sign));
        self.of_tiles(key.image, of, tiles)
    }

    /// The images that excite a channel most, each with the channel over it, on one scale.
    fn sheet(&self, key: &ChannelsKey, channel: usize) -> Picture {
        let exemplars = self.marked_exemplars();
        let pictures: Vec<_> = exemplars.iter().map(|exemplar| self.thumbnail(exemplar.image)).collect();
        let model = self.model.as_deref().map_or((1, 1), |model| model.input);
        let (end, framed) = (self.exemplar_end(), self.exemplar_at());
        let scale = exemplars.first().map_or(0.0, |first| end.value(first).abs());
        let lowest = exemplars.iter().map(|exemplar| exemplar.peak.lowest).fold(0.0, f32::min);
        let images = || exemplars.iter().map(|exemplar| exemplar.image);
        let heat = || self.heat_key(Origin::Exemplars(key.layer, channel, end, images().collect()), None);
        let heat = (!exemplars.is_empty()).then(heat);
        let shown = images().zip(&pictures).map(|(image, picture)| picture.as_ref().map(|_| image)).collect();
        let show_base = self.selection.view != View::Heat || heat.is_none();
        let boxes = self.exemplar_boxes();
        Picture {
            key: PictureKey {
                seen: true,
                base: show_base,
                heat,
                sheet: Some(shown),
                framed,
                boxes: boxes.iter().map(Option::is_some).collect(),
                ..PictureKey::of(key.image)
            },
            recipe: Recipe::Sheet(Sheet {
                pictures,
                size: thumbnail_size((model.0 as u32, model.1 as u32)),
                cells: false,
                show_base,
                framed,
                maps: exemplars.iter().map(|exemplar| Arc::clone(&exemplar.peak.map)).collect(),
                boxes,
                scale,
                colouring: self.colouring(layer_sign(lowest, scale)),
            }),
        }
    }
}
