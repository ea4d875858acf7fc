//! Pictures as data: what they are made of, and a key to remember their encoded form by.

use std::sync::Arc;

use super::jobs::ImageId;
use super::{MapKey, State, View};
use crate::raster::{Colormap, Composition, Heat, Region, Superpixels};

/// A picture to be shown. Making and encoding its pixels is for workers.
#[derive(Debug, Clone)]
pub struct Picture {
    /// The same key means the same pixels (at the same size).
    pub key: PictureKey,
    /// How to make them.
    pub composition: Composition,
}

/// What a picture is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PictureKey {
    /// The image.
    pub image: ImageId,
    /// The model's input in place of the file's image.
    pub seen: bool,
    /// Whether the image itself is visible.
    pub base: bool,
    /// The heat over it. A terminal that lays one picture over another keys the two by this and by the rest.
    pub heat: Option<HeatKey>,
    /// The lines over it.
    pub lines: Option<LinesKey>,
}

impl PictureKey {
    /// The same without what lies over the picture.
    #[must_use]
    pub fn base(&self) -> PictureKey {
        PictureKey { heat: None, lines: None, ..self.clone() }
    }
}

/// Which superpixels are drawn as lines.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LinesKey {
    /// The map that they belong to.
    pub map: MapKey,
    /// Whether all of them are outlined.
    pub outlined: bool,
    /// The one that stands out.
    pub marked: Option<u32>,
}

/// What the heat over a picture is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HeatKey {
    /// The map.
    pub map: MapKey,
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
        self.scene_of(image, self.shown_map.as_ref())
    }

    /// What would be on screen a step further, and a step back, as far as it is ready.
    pub fn scenes_ahead(&self) -> Vec<Vec<Picture>> {
        let step = if self.forward { 1 } else { -1 };
        let rows = [1, 2, -1].map(|steps| self.cursor.checked_add_signed(steps * step));
        let images = rows.into_iter().flatten().filter_map(|row| self.visible.get(row).copied());
        let ready = images.filter_map(|image| {
            let key = self.map_key(image).filter(|key| self.maps.contains(key))?;
            Some(self.scene_of(image, Some(&key)))
        });
        ready.collect()
    }

    fn scene_of(&self, image: ImageId, map: Option<&MapKey>) -> Vec<Picture> {
        let views: &[View] = match self.selection.view {
            View::SideBySide if map.is_some() => &[View::Image, View::Overlay],
            View::SideBySide | View::Image => &[View::Image],
            View::Overlay => &[View::Overlay],
            View::Heat => &[View::Heat],
        };
        views.iter().filter_map(|view| self.picture(image, map, *view)).collect()
    }

    /// One picture of an image; without a map, just the image.
    pub(super) fn picture(&self, image: ImageId, map: Option<&MapKey>, view: View) -> Option<Picture> {
        let predicted = self.predictions.get(&image);
        let seen = self.selection.seen && predicted.is_some();
        let (base, region) = match predicted {
            Some(predicted) if seen => {
                let (width, height) = predicted.seen.dimensions();
                (predicted.seen.clone(), Some(Region::whole(width, height)))
            }
            _ => {
                let decoded = self.pictures.get(&image)?;
                let (width, height) = decoded.picture.dimensions();
                let scale = (width as f32 / decoded.size.0 as f32, height as f32 / decoded.size.1 as f32);
                (decoded.picture.clone(), predicted.map(|predicted| predicted.region.scaled(scale.0, scale.1)))
            }
        };
        let mapped = map.zip(region).and_then(|(key, region)| Some((key, self.maps.get(key)?, region)));
        let heat = mapped.filter(|_| view != View::Image).map(|(key, explained, region)| {
            let heat = Heat {
                map: Arc::clone(&explained.shown),
                sign: explained.attribution.sign,
                region,
                colormap: self.selection.colormap,
                opacity: f32::from(self.selection.percent) / 100.0,
            };
            let key = HeatKey {
                map: key.clone(),
                calls: explained.progress.map(|(done, _)| done),
                colormap: self.selection.colormap,
                percent: self.selection.percent,
            };
            (key, heat)
        });
        let superpixels = mapped.and_then(|(key, explained, region)| {
            let labels = Arc::clone(&explained.attribution.segments.as_ref()?.labels);
            let marked = self.marked_segment().filter(|_| self.shown_map.as_ref() == Some(key));
            let outlined = self.selection.outlines;
            let lines = (outlined || marked.is_some()).then(|| LinesKey { map: key.clone(), outlined, marked });
            Some((lines, Superpixels { labels, region, outlined, marked }))
        });
        let show_base = view != View::Heat || heat.is_none();
        let (heat_key, heat) = heat.unzip();
        let (lines, superpixels) = superpixels.unzip();
        Some(Picture {
            key: PictureKey { image, seen, base: show_base, heat: heat_key, lines: lines.flatten() },
            composition: Composition { base, show_base, heat, superpixels },
        })
    }
}
