//! All that the interface knows.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use image::RgbImage;

use super::exemplars::{Exemplars, THUMBNAIL_BUDGET};
use super::leaps::Leaps;
use super::panel::Preview;
use super::zoom::Zoom;
use super::{
    Activated, Agenda, Cache, Channels, ChannelsKey, Compared, Decoded, DreamFrame, DreamKey, Dreamt, Explained, Heads,
    HeadsKey, ImageId, ImageKey, Keymap, Live, MapKey, MethodRow, ModelId, ModelSummary, Pair, Panel, Pin, PlaceKey,
    Predicted, Selection, StageTimes, WeightTable, WeightsKey, WhatIf, WhatIfKey,
};
use crate::explain::{LayerChoice, Param, Value};
use crate::gallery::Truths;
use crate::model::Target;
use crate::raster::Region;
use crate::triage::{Answer, Entry, Filter, Order};

/// Memory for decoded images, in bytes.
const PICTURE_BUDGET: usize = 192 << 20;
/// Memory for maps, in bytes.
const MAP_BUDGET: usize = 128 << 20;
/// Memory for predictions with their model inputs, in bytes.
const PREDICTION_BUDGET: usize = 64 << 20;

/// Memory for the channels of layers, in bytes.
const CHANNELS_BUDGET: usize = 96 << 20;
/// Memory for the heads of blocks, in bytes.
const HEADS_BUDGET: usize = 32 << 20;

/// Memory for what is said with superpixels hidden, in bytes.
const WHAT_IF_BUDGET: usize = 32 << 20;

/// Memory for weights, in bytes.
const WEIGHTS_BUDGET: usize = 48 << 20;
/// The same for places that excite channels.
const PLACES_BUDGET: usize = 1 << 20;
/// Memory for dreams, in bytes.
const DREAM_BUDGET: usize = 32 << 20;

/// What the terminal can do.
#[derive(Debug, Clone, PartialEq)]
pub struct Terminal {
    /// Width and height in cells.
    pub size: (u16, u16),
    /// Width and height of a cell in pixels.
    pub cell: (u16, u16),
    /// Width and height of a cell in the dots that pictures are made of: its pixels, or halves of it.
    pub dots: (u16, u16),
    /// The graphics protocol in use, in a word, for the status line.
    pub graphics: String,
    /// Why no pictures are drawn, where that is so.
    pub no_pictures: Option<String>,
    /// Rows of the list that are visible at this size, from `ui::list_rows`.
    pub page: usize,
    /// Rows of a menu that are visible at this size, from `ui::menu_rows`.
    pub menu: usize,
    /// Lines of the help that do not fit at this size, from `ui::help_overflow`.
    pub help_overflow: usize,
}

impl Default for Terminal {
    fn default() -> Self {
        Terminal {
            size: (80, 24),
            cell: (8, 16),
            dots: (1, 2),
            graphics: "half-blocks".to_owned(),
            no_pictures: None,
            page: 10,
            menu: 10,
            help_overflow: 0,
        }
    }
}

/// What the keyboard is for, so that the keymap knows which keys are letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Keys are commands.
    Browse,
    /// Letters are text.
    Type,
    /// Keys move in a panel.
    Menu,
    /// Keys move in the help.
    Help,
}

/// A message in the status line, until the next key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Something went as asked.
    Done(String),
    /// What was done with files.
    Files {
        /// A verb: `wrote`.
        done: &'static str,
        /// Where they are.
        folder: String,
        /// Their names.
        names: String,
        /// What can be done next, or nothing.
        then: String,
    },
    /// Something did not.
    Failed(String),
}

/// The state of the interface.
#[derive(Debug)]
pub struct State {
    /// What was opened, safe to print: a directory, `60 files`, `demo`.
    pub root: String,
    /// The directory that was opened, where it is one: names in the list are relative to it.
    pub base: Option<PathBuf>,
    /// The images found, in order.
    pub entries: Vec<Entry>,
    /// Whether all were found.
    pub complete: bool,
    /// The model, once it is loaded; of two the one in front, which is the one that keys act on.
    pub model: Option<Arc<ModelSummary>>,
    /// Two models side by side, once both are there.
    pub pair: Option<Pair>,
    /// The maps of both, while they are looked at together.
    pub(super) compared: Option<Compared>,
    /// Whether a second model is being loaded.
    pub awaits_second: bool,
    /// What is to be said of where the classes of images come from, safe to print.
    pub truth_notices: Vec<String>,
    /// The terminal.
    pub terminal: Terminal,
    /// What is explained, and how.
    pub selection: Selection,
    /// The images yet to come that were marked before this session.
    pub(super) marked_before: HashSet<Arc<Path>>,
    /// Where frames come from elsewhere.
    pub live: Option<Live>,
    /// What is typed to narrow the list; empty for nothing.
    pub filter: String,
    /// The same, understood.
    pub(super) understood: Filter,
    /// The order of the list; of those that it leaves equal, the better match of a name comes first.
    pub order: Order,
    /// The images that the filter lets through, in their order.
    pub visible: Vec<ImageId>,
    /// The image to go back to from a filter that nothing matches: where the cursor was before it.
    pub(super) before_filter: Option<ImageId>,
    /// Position in `visible`.
    pub cursor: usize,
    /// The image that the selected rank is of.
    pub(super) ranked: Option<ImageId>,
    /// Whether the last move was down the list; the images that way are made ready first.
    pub forward: bool,
    /// Whether the user has done anything. Until then, what the order puts first is at the cursor.
    pub(super) is_touched: bool,
    /// First row of the list on screen.
    pub offset: usize,
    /// The keys in force.
    pub keymap: Keymap,
    /// The method that stays beside the others.
    pub(super) pin: Option<Pin>,
    /// The layer that is wanted once the model is there, by name.
    pub wanted_layer: Option<String>,
    /// The file written last, and of which image it is.
    pub(super) written: Option<(ImageId, PathBuf)>,
    /// What takes the keys.
    pub panel: Panel,
    /// What the menu that is open shows before it is taken.
    pub(super) preview: Option<Preview>,
    /// A message.
    pub notice: Option<Notice>,
    /// Decoded images.
    pub pictures: Cache<ImageKey, Arc<Decoded>>,
    /// Predictions with model inputs.
    pub predictions: Cache<ImageKey, Arc<Predicted>>,
    /// Maps, finished or partial.
    pub maps: Cache<MapKey, Arc<Explained>>,
    /// Channels of layers, or why there are none.
    pub channels: Cache<ChannelsKey, Result<Arc<Channels>, String>>,
    /// How active a layer is whose channels are still to come.
    pub(super) activated: Option<(ChannelsKey, Arc<Activated>)>,
    /// Heads of blocks, or why there are none.
    pub heads: Cache<HeadsKey, Result<Arc<Heads>, String>>,
    /// What is said with superpixels hidden, or why nothing.
    pub what_ifs: Cache<WhatIfKey, Result<Arc<WhatIf>, String>>,
    /// Weights, or why there are none.
    pub weights: Cache<WeightsKey, Result<Arc<WeightTable>, String>>,
    /// How long the stages of each model take, or why that is not known.
    pub(super) times: HashMap<ModelId, Result<Arc<StageTimes>, String>>,
    /// The places that excite channels, in shares of the input's width and height; none where no pixel does.
    pub(super) places: Cache<PlaceKey, Option<Region>>,
    /// Dreams that are over, or why there are none.
    pub dreams: Cache<DreamKey, Result<Arc<Dreamt>, String>>,
    /// The dream that is being dreamt, as far as it has come.
    pub(super) forming: Option<(DreamKey, Arc<DreamFrame>)>,
    /// The images that excite the channels of some layers, the layer looked at last first.
    pub(super) exemplars: Vec<Exemplars>,
    /// What the model saw of them.
    pub(super) thumbnails: Cache<ImageKey, Arc<RgbImage>>,
    /// Why there is no map.
    pub refusals: HashMap<MapKey, String>,
    /// The running method's model calls, done and planned.
    pub progress: Option<(MapKey, usize, usize)>,
    /// Time that each method took last, by model.
    pub pace: HashMap<(ModelId, &'static str), Duration>,
    /// The image whose picture is on screen: the one at the cursor, or the one before it until there are pixels.
    pub shown: Option<ImageId>,
    /// The map on screen: the one selected, or the one before it until that is there.
    pub shown_map: Option<MapKey>,
    /// What is looked at closely.
    pub(super) zoom: Option<Zoom>,
    /// The model's class names, to be found by folder name.
    pub(super) truths: Arc<Truths>,
    /// The images without outcome.
    pub(super) pending: Leaps,
    /// The agenda given out last.
    pub agenda: Agenda,
}

impl State {
    /// An interface that has found nothing yet. `root` is shown as it is; names are relative to `base`.
    pub fn new(root: String, base: Option<PathBuf>) -> State {
        State {
            root,
            base,
            entries: Vec::new(),
            complete: false,
            model: None,
            pair: None,
            compared: None,
            awaits_second: false,
            terminal: Terminal::default(),
            selection: Selection::default(),
            marked_before: HashSet::new(),
            live: None,
            filter: String::new(),
            understood: Filter::default(),
            order: Order::default(),
            visible: Vec::new(),
            before_filter: None,
            cursor: 0,
            ranked: None,
            forward: true,
            is_touched: false,
            offset: 0,
            keymap: Keymap::default(),
            pin: None,
            wanted_layer: None,
            written: None,
            panel: Panel::None,
            preview: None,
            notice: None,
            pictures: Cache::new(PICTURE_BUDGET),
            predictions: Cache::new(PREDICTION_BUDGET),
            maps: Cache::new(MAP_BUDGET),
            channels: Cache::new(CHANNELS_BUDGET),
            activated: None,
            heads: Cache::new(HEADS_BUDGET),
            what_ifs: Cache::new(WHAT_IF_BUDGET),
            weights: Cache::new(WEIGHTS_BUDGET),
            times: HashMap::new(),
            places: Cache::new(PLACES_BUDGET),
            dreams: Cache::new(DREAM_BUDGET),
            forming: None,
            exemplars: Vec::new(),
            thumbnails: Cache::new(THUMBNAIL_BUDGET),
            refusals: HashMap::new(),
            progress: None,
            pace: HashMap::new(),
            shown: None,
            shown_map: None,
            zoom: None,
            truths: Arc::default(),
            truth_notices: Vec::new(),
            pending: Leaps::default(),
            agenda: Agenda::default(),
        }
    }

    /// The model that is asked: the first, while none is there.
    pub fn model_id(&self) -> ModelId {
        self.model.as_deref().map_or_else(ModelId::default, |model| model.id)
    }

    /// An image, as that model has it.
    pub fn key(&self, image: ImageId) -> ImageKey {
        ImageKey { model: self.model_id(), id: image }
    }

    /// What the model says about an image.
    pub fn prediction(&self, image: ImageId) -> Option<&Arc<Predicted>> {
        self.predictions.get(&self.key(image))
    }

    /// The pixels of an image; those that another model has of it will do, until the one in front has been asked.
    pub fn pixels(&self, image: ImageId) -> Option<&Arc<Decoded>> {
        let others = || self.models().into_iter().find_map(|model| self.pictures.get(&ImageKey { model, id: image }));
        self.pictures.get(&self.key(image)).or_else(others)
    }

    /// The image at the cursor.
    pub fn current(&self) -> Option<ImageId> {
        self.visible.get(self.cursor).copied()
    }

    /// The row at the cursor.
    pub fn current_entry(&self) -> Option<&Entry> {
        self.entries.get(self.current()?)
    }

    /// The selected method.
    pub fn method(&self) -> Option<&MethodRow> {
        self.model.as_deref()?.methods.iter().find(|row| row.name == self.selection.method)
    }

    /// The value of a parameter of the selected method.
    pub fn parameter(&self, param: &Param) -> Value {
        self.selection.values.get(param.name).cloned().unwrap_or_else(|| param.default_value())
    }

    /// The map that is selected, as far as it is there.
    pub fn selected_map(&self) -> Option<&Explained> {
        let key = self.map_key(self.current()?)?;
        self.maps.get(&key).map(AsRef::as_ref)
    }

    /// Position of the selected layer in [`ModelSummary::layers`]; none where the model has no layer.
    pub fn layer_at(&self) -> Option<usize> {
        let model = self.model.as_deref()?;
        let last = model.layers.len().checked_sub(1)?;
        Some(self.selection.layer.or(model.auto).unwrap_or(last).min(last))
    }

    /// The target for an image, never `Top`; none before its prediction is known.
    pub(super) fn target(&self, image: ImageId) -> Option<Target> {
        self.target_of(image, self.selection.target)
    }

    fn target_of(&self, image: ImageId, target: Target) -> Option<Target> {
        let Answer { top, .. } = self.front_answer(image)?;
        Some(match target {
            Target::Top(rank) => Target::Class(top.get(rank)?.index),
            other => other,
        })
    }

    /// What the selection means for an image; none before its prediction is known.
    pub fn map_key(&self, image: ImageId) -> Option<MapKey> {
        self.map_key_of(image, &self.selection)
    }

    /// What a selection means for an image.
    pub(super) fn map_key_of(&self, image: ImageId, selection: &Selection) -> Option<MapKey> {
        let model = self.model.as_deref()?;
        let target = self.target_of(image, selection.target)?;
        let method = model.methods.iter().find(|row| row.name == selection.method)?;
        let layer = selection.layer.or(model.auto).filter(|_| method.needs_layer);
        let layer = layer.and_then(|position| model.layers.get(position));
        Some(MapKey {
            image: self.key(image),
            method: method.name,
            target,
            layer: layer.map_or(LayerChoice::Auto, |row| LayerChoice::These(vec![row.index])),
            values: selection.values.clone(),
        })
    }

    /// Right ones and all, among the classified images whose class is known.
    pub fn accuracy(&self) -> (usize, usize) {
        let known = self.entries.iter().filter_map(Entry::is_right);
        known.fold((0, 0), |(right, all), is_right| (right + usize::from(is_right), all + 1))
    }
}
