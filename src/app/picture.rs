//! Pictures as data: what they are made of, and a key to remember their encoded form by.

use std::sync::Arc;

use image::RgbImage;
use ndarray::Array2;

use super::{
    ChannelsKey, DreamKey, End, HeadsKey, ImageId, ImageKey, MapKey, Selection, State, TileLayout, View, WeightsKey,
    WhatIfKey,
};
use crate::explain::Sign;
use crate::raster::{Colormap, Colouring, Composition, Cut, Heat, Map, Recipe, Region, Superpixels, Tiles};

/// A picture to be shown. Making and encoding its pixels is for workers.
#[derive(Debug, Clone)]
pub struct Picture {
    /// The same key means the same pixels (at the same size).
    pub key: PictureKey,
    /// How to make them.
    pub recipe: Recipe,
}

impl Picture {
    /// All of what a window shows a part of.
    #[must_use]
    pub fn whole(mut self) -> Picture {
        self.key.cut = None;
        if let Recipe::Cut(whole, _) = self.recipe {
            self.recipe = *whole;
        }
        self
    }
}

/// What a picture is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PictureKey {
    /// The image, as the model has it.
    pub image: ImageKey,
    /// The model's input in place of the file's image.
    pub seen: bool,
    /// Whether the image itself is visible.
    pub base: bool,
    /// The heat over it. A terminal that lays one picture over another keys the two by this and by the rest.
    pub heat: Option<HeatKey>,
    /// The lines over it.
    pub lines: Option<LinesKey>,
    /// The window that is shown of it, where that is not all.
    pub cut: Option<Cut>,
    /// The images that are laid out in it, where it is a sheet; none in the place of one that is to come.
    pub sheet: Option<Vec<Option<ImageId>>>,
    /// The superpixels that are hidden in it.
    pub hidden: Option<WhatIfKey>,
    /// The place in the sheet that is framed.
    pub framed: Option<usize>,
    /// Which of the pictures in the sheet have a frame of their own around a place.
    pub boxes: Vec<bool>,
    /// The weights that it shows: a page of kernels, or one of them, and the one that is marked.
    pub weights: Option<(WeightsKey, Option<usize>, usize)>,
    /// The dream that it is, after so many steps.
    pub dream: Option<(DreamKey, usize)>,
}

impl PictureKey {
    /// The file's image, whole and with nothing over it.
    pub fn of(image: ImageKey) -> PictureKey {
        PictureKey {
            image,
            seen: false,
            base: true,
            heat: None,
            lines: None,
            cut: None,
            sheet: None,
            hidden: None,
            framed: None,
            boxes: vec![],
            weights: None,
            dream: None,
        }
    }

    /// Whether it is the image itself, over which heat may come.
    pub fn is_of_image(&self) -> bool {
        self.sheet.is_none() && self.hidden.is_none() && self.weights.is_none() && self.dream.is_none()
    }

    /// The same without what lies over the picture.
    #[must_use]
    pub fn base(&self) -> PictureKey {
        let cut = self.cut.map(|cut| Cut { at: (0, 0), ..cut });
        PictureKey { heat: None, lines: None, framed: None, boxes: vec![], cut, ..self.clone() }
    }
}

/// Where values that are shown come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A method.
    Map(MapKey),
    /// The maps of two models on one scale: that of the first or the second, or their difference.
    Compared(Box<[MapKey; 2]>, Option<usize>),
    /// A channel of a layer.
    Channel(ChannelsKey, usize),
    /// How active a layer is, place by place.
    Energy(ChannelsKey),
    /// A channel of a layer in the images that excite it most, or take it lowest.
    Exemplars(usize, usize, End, Vec<ImageId>),
    /// The superpixels of an image, whatever the method.
    Superpixels(WhatIfKey),
    /// A page of the channels of a layer, as tiles: its number, counted from 0.
    Tiles(ChannelsKey, TileLayout, usize),
    /// What an output reads of each input, a number each.
    Weights(WeightsKey),
    /// A head of a block.
    Head(HeadsKey, usize),
    /// A page of the heads of a block, as tiles.
    HeadTiles(HeadsKey, TileLayout, usize),
}

/// Which superpixels, or tiles, are drawn as lines.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LinesKey {
    /// What they belong to.
    pub of: Origin,
    /// Whether all of them are outlined.
    pub outlined: bool,
    /// The one that stands out.
    pub marked: Option<u32>,
}

/// What the heat over a picture is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HeatKey {
    /// What is shown.
    pub of: Origin,
    /// Model calls that went into it, where it is partial.
    pub calls: Option<usize>,
    /// Its colours.
    pub colormap: Colormap,
    /// Its opacity in percent.
    pub percent: u8,
}

impl State {
    /// The pictures on screen, from left to right: none, one, or two.
    pub fn scene(&self) -> Vec<Picture> {
        let Some(image) = self.shown.filter(|_| self.terminal.no_pictures.is_none()) else { return Vec::new() };
        let compared = || self.compared_scene().filter(|_| Some(image) == self.current());
        let scene = self.panel_scene().or_else(compared);
        self.closer(scene.unwrap_or_else(|| self.scene_of(image, self.shown_map.as_ref())))
    }

    /// What would be on screen a step further, and a step back, as far as it is ready.
    pub fn scenes_ahead(&self) -> Vec<Vec<Picture>> {
        if self.panel_scene().is_some() || self.selection.view.is_of_pair() {
            return Vec::new();
        }
        let step = if self.forward { 1 } else { -1 };
        let rows = [1, 2, -1].map(|steps| self.cursor.checked_add_signed(steps * step));
        let images = rows.into_iter().flatten().filter_map(|row| self.visible.get(row).copied());
        // Of frames, only one is ever the next.
        let images: Vec<ImageId> = match self.live.as_ref().filter(|live| !live.is_held && !live.is_over) {
            Some(_) => self.next_frame().into_iter().collect(),
            None => images.collect(),
        };
        let ready = images.into_iter().filter_map(|image| {
            let key = self.map_key(image).filter(|key| self.maps.contains(key))?;
            Some(self.closer(self.scene_of(image, Some(&key))))
        });
        ready.collect()
    }

    /// The parts of pictures that are looked at.
    fn closer(&self, scene: Vec<Picture>) -> Vec<Picture> {
        scene.into_iter().map(|picture| self.close_up(picture)).collect()
    }

    fn scene_of(&self, image: ImageId, map: Option<&MapKey>) -> Vec<Picture> {
        if let Some(scene) = self.pinned_scene(image, map) {
            return scene;
        }
        let views: &[View] = match self.selection.view {
            View::SideBySide if map.is_some() => &[View::Image, View::Overlay],
            View::SideBySide | View::Image => &[View::Image],
            View::Overlay | View::Both | View::Difference => &[View::Overlay],
            View::Heat => &[View::Heat],
        };
        views.iter().filter_map(|view| self.picture(image, map, *view)).collect()
    }

    /// One picture of an image; without a map, just the image.
    pub(super) fn picture(&self, image: ImageId, map: Option<&MapKey>, view: View) -> Option<Picture> {
        let Ground { base, seen, region } = self.ground(image)?;
        let mapped = map.zip(region).and_then(|(key, region)| Some((key, self.maps.get(key)?, region)));
        let heat = mapped.filter(|_| view != View::Image).map(|(key, explained, region)| {
            let calls = explained.progress.map(|(done, _)| done);
            let (map, sign) = (Arc::clone(&explained.shown), explained.attribution.sign);
            self.heat(Origin::Map(key.clone()), map, sign, region, calls)
        });
        let divided = mapped.and_then(|(key, explained, region)| {
            let labels = Arc::clone(&explained.attribution.segments.as_ref()?.labels);
            let marked = self.marked_segment().filter(|_| self.shown_map.as_ref() == Some(key));
            Some(self.outlined(Origin::Map(key.clone()), labels, region, marked, true))
        });
        let superpixels = divided.or_else(|| {
            let (key, division) = self.listed_division(image)?;
            let (of, labels) = (Origin::Superpixels(key), Arc::clone(division.labels));
            Some(self.outlined(of, labels, region?, self.marked_segment(), false))
        });
        let show_base = view != View::Heat || heat.is_none();
        let (heat_key, heat) = heat.unzip();
        let (lines, superpixels) = superpixels.unzip();
        Some(Picture {
            key: PictureKey {
                seen,
                base: show_base,
                heat: heat_key,
                lines: lines.flatten(),
                ..PictureKey::of(self.key(image))
            },
            recipe: Recipe::Image(Composition { base, show_base, heat, superpixels, boxes: vec![] }),
        })
    }

    /// Superpixels with the lines that are drawn of them, and the key of these where there are any.
    pub(super) fn outlined(
        &self,
        of: Origin,
        labels: Arc<Array2<u32>>,
        region: Region,
        marked: Option<u32>,
        carry_heat: bool,
    ) -> (Option<LinesKey>, Superpixels) {
        let outlined = self.selection.outlines;
        let lines = (outlined || marked.is_some()).then_some(LinesKey { of, outlined, marked });
        (lines, Superpixels { labels, region, outlined, marked, carry_heat })
    }

    /// What heat is laid over: the file's image, or what the model saw of it.
    pub(super) fn ground(&self, image: ImageId) -> Option<Ground> {
        self.ground_of(self.key(image))
    }

    /// The same as a certain model has it.
    pub(super) fn ground_of(&self, key: ImageKey) -> Option<Ground> {
        let predicted = self.predictions.get(&key);
        if let Some(predicted) = predicted.filter(|_| self.selection.seen) {
            let (width, height) = predicted.seen.dimensions();
            let region = Some(Region::whole(width, height));
            return Some(Ground { base: Arc::clone(&predicted.seen), seen: true, region });
        }
        let decoded = self.pictures.get(&key).or_else(|| self.pixels(key.id))?;
        let (width, height) = decoded.picture.dimensions();
        let scale = (width as f32 / decoded.size.0 as f32, height as f32 / decoded.size.1 as f32);
        let region = predicted.map(|predicted| predicted.region.scaled(scale.0, scale.1));
        Some(Ground { base: Arc::clone(&decoded.picture), seen: false, region })
    }

    /// A map of a layer over the image; alone, where the heat alone is looked at.
    pub(super) fn over_image(&self, image: ImageKey, of: Origin, map: Arc<Map>, sign: Sign) -> Option<Picture> {
        let Ground { base, seen, region } = self.ground(image.id)?;
        let heat = region.map(|region| self.heat(of, map, sign, region, None));
        let show_base = self.selection.view != View::Heat || heat.is_none();
        let (heat_key, heat) = heat.unzip();
        Some(Picture {
            key: PictureKey { seen, base: show_base, heat: heat_key, ..PictureKey::of(image) },
            recipe: Recipe::Image(Composition { base, show_base, heat, superpixels: None, boxes: vec![] }),
        })
    }

    /// Tiles, of which one may be marked.
    pub(super) fn of_tiles(&self, image: ImageKey, of: Origin, tiles: Tiles) -> Picture {
        let heat = Some(self.heat_key(of.clone(), None));
        let lines = Some(LinesKey { of, outlined: false, marked: tiles.marked });
        Picture { key: PictureKey { base: false, heat, lines, ..PictureKey::of(image) }, recipe: Recipe::Tiles(tiles) }
    }

    /// Heat in the colours that are selected, with its key; `calls` are those that went into a partial map.
    pub(super) fn heat(
        &self,
        of: Origin,
        map: Arc<Map>,
        sign: Sign,
        region: Region,
        calls: Option<usize>,
    ) -> (HeatKey, Heat) {
        let Colouring { sign, colormap, opacity } = self.colouring(sign);
        (self.heat_key(of, calls), Heat { map, sign, region, colormap, opacity })
    }

    pub(super) fn heat_key(&self, of: Origin, calls: Option<usize>) -> HeatKey {
        let Selection { colormap, percent, .. } = self.selection;
        HeatKey { of, calls, colormap, percent }
    }

    /// The colours that are selected.
    pub(super) fn colouring(&self, sign: Sign) -> Colouring {
        let Selection { colormap, percent, .. } = self.selection;
        Colouring { sign, colormap, opacity: f32::from(percent) / 100.0 }
    }
}

/// A picture before anything is laid over it.
pub(super) struct Ground {
    pub(super) base: Arc<RgbImage>,
    /// Whether it is what the model saw rather than what the file holds.
    pub(super) seen: bool,
    /// The part of it that maps are of, where it is known.
    pub(super) region: Option<Region>,
}
