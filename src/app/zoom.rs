//! A closer look at the image: a window around one of its pixels, and what picture and map hold there.

use super::{ImageId, Notice, Picture, State, View};
use crate::explain::Sign;
use crate::raster::{Composition, Cut, Recipe};

/// Fewest pixels along the longer side of a window.
const CLOSEST: u32 = 8;
/// The share of a window that a step goes, one in so many.
const STEP: u32 = 8;

/// What is looked at closely.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Zoom {
    /// The image; others are shown whole.
    pub(super) image: ImageId,
    /// The window has one in `2^level` of the picture's width and height.
    pub(super) level: u32,
    /// The pixel that is asked about, in shares of the picture's width and height.
    pub(super) at: (f32, f32),
    /// The place under the mouse, likewise, once it has moved over the picture.
    pub(super) mouse: Option<(f32, f32)>,
}

/// What picture and map hold at a pixel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// How much larger than the whole everything is shown.
    pub factor: u32,
    /// Column and row, in pixels of the file's upright image; of the model's input where that is looked at.
    pub pixel: (u32, u32),
    /// Its colour.
    pub rgb: [u8; 3],
    /// Whether the picture was reduced, so that the colour is that of its surroundings.
    pub is_mean: bool,
    /// The map's value there, where it has one: in `[0, 1]`, or in its own unit where it is signed.
    pub heat: Option<f32>,
    /// Whether it is the pixel under the mouse, rather than the one that is framed.
    pub is_under_mouse: bool,
}

/// How often a picture of that width and height can be halved.
fn closest((width, height): (u32, u32)) -> u32 {
    (width.max(height) / CLOSEST).checked_ilog2().unwrap_or(0)
}

impl State {
    /// Looks closer, or less close.
    pub(super) fn zoom(&mut self, closer: bool) {
        let Some(image) = self.shown.filter(|image| self.current() == Some(*image)) else { return };
        let Some(picture) = self.read_picture(image) else { return };
        let most = closest(picture.recipe.size());
        let before = self.zoom.filter(|zoom| zoom.image == image);
        let at = before.map_or_else(|| self.hottest(image), |zoom| zoom.at);
        let level = before.map_or(0, |zoom| zoom.level.min(most));
        let level = if closer { (level + 1).min(most) } else { level.saturating_sub(1) };
        self.zoom = (closer || level > 0).then_some(Zoom { image, level, at, mouse: None });
    }

    /// Asks about the pixel at a place, in shares of the whole picture's width and height.
    pub(super) fn point(&mut self, at: (f32, f32)) {
        let Some(image) = self.shown.filter(|image| self.current() == Some(*image)) else { return };
        let level = self.zoom.filter(|zoom| zoom.image == image).map_or(0, |zoom| zoom.level);
        self.zoom = Some(Zoom { image, level, at, mouse: None });
    }

    /// The mouse is over a place, in shares of the whole picture's width and height, or over none.
    pub(super) fn hover(&mut self, at: Option<(f32, f32)>) {
        if self.is_zoomed()
            && let Some(zoom) = &mut self.zoom
        {
            zoom.mouse = at;
        }
    }

    /// Moves the pixel that is asked about, and the window with it.
    pub(super) fn pan(&mut self, across: i32, down: i32) {
        let picture = self.shown.and_then(|image| self.read_picture(image));
        let cut = picture.as_ref().and_then(|picture| self.cut(picture));
        let Some(((zoom, picture), cut)) = self.zoom.zip(picture).zip(cut) else {
            self.notice = Some(Notice::Failed("z looks closer; Shift with arrows moves then".to_owned()));
            return;
        };
        let moved = |at: u32, steps: i32, window: u32, whole: u32| {
            let step = (window / STEP).max(1) as i32;
            let pixel = (at as i32 + steps * step).clamp(0, whole.saturating_sub(1) as i32);
            (pixel as f32 + 0.5) / whole.max(1) as f32
        };
        let at = (moved(cut.at.0, across, cut.width, cut.whole.0), moved(cut.at.1, down, cut.height, cut.whole.1));
        let at = self.between(zoom.image, at, picture.key.seen, self.selection.seen).unwrap_or(at);
        self.zoom = Some(Zoom { at: (at.0.clamp(0.0, 1.0), at.1.clamp(0.0, 1.0)), mouse: None, ..zoom });
    }

    /// What the model saw, or the whole image; what is looked at closely stays the same place.
    pub(super) fn toggle_seen(&mut self) {
        let seen = self.selection.seen;
        if let Some(zoom) = self.zoom
            && let Some((across, down)) = self.between(zoom.image, zoom.at, seen, !seen)
        {
            self.zoom = Some(Zoom { at: (across.clamp(0.0, 1.0), down.clamp(0.0, 1.0)), mouse: None, ..zoom });
        }
        self.selection.seen = !seen;
    }

    /// A place in shares of the file's image, or of what the model saw of it, in shares of the one or the other.
    fn between(&self, image: ImageId, (x, y): (f32, f32), from_seen: bool, to_seen: bool) -> Option<(f32, f32)> {
        if from_seen == to_seen {
            return Some((x, y));
        }
        let (region, (width, height)) = (self.prediction(image)?.region, self.pixels(image)?.size);
        let (width, height) = (width as f32, height as f32);
        Some(if from_seen {
            ((x * region.width + region.x) / width, (y * region.height + region.y) / height)
        } else {
            ((x * width - region.x) / region.width, (y * height - region.y) / region.height)
        })
    }

    /// The picture that is read and moved in: the first on screen.
    fn read_picture(&self, image: ImageId) -> Option<Picture> {
        let first = self.panel_scene().and_then(|scene| scene.into_iter().next());
        first.or_else(|| self.picture(image, self.shown_map.as_ref(), View::Overlay))
    }

    /// Shows the whole again; whether it was not.
    pub(super) fn unzoom(&mut self) -> bool {
        self.zoom.take().is_some_and(|zoom| self.current() == Some(zoom.image))
    }

    /// Whether a part of the image at the cursor is looked at closely.
    pub fn is_zoomed(&self) -> bool {
        self.zoom.is_some_and(|zoom| zoom.level > 0 && self.current() == Some(zoom.image))
    }

    /// The window of a picture, and the pixel that is asked about; none where nothing is, and for tiles.
    fn cut(&self, picture: &Picture) -> Option<Cut> {
        let image = picture.key.image.id;
        let is_of_image = matches!(picture.recipe, Recipe::Image(_) | Recipe::Contrast(_));
        let zoom = self.zoom.filter(|zoom| is_of_image && zoom.image == image)?;
        let whole = picture.recipe.size();
        let (across, down) = self.between(image, zoom.at, self.selection.seen, picture.key.seen)?;
        Some(Cut::new(whole, zoom.level.min(closest(whole)), pixel((across, down), whole)))
    }

    /// The part of a picture that is looked at.
    pub(super) fn close_up(&self, mut picture: Picture) -> Picture {
        if let Some(cut) = self.cut(&picture) {
            picture.key.cut = Some(cut);
            picture.recipe = Recipe::Cut(Box::new(picture.recipe), cut);
        }
        picture
    }

    /// What is held at the pixel that is asked about.
    pub fn reading(&self) -> Option<Reading> {
        let image = self.current().filter(|image| self.shown == Some(*image))?;
        let picture = self.read_picture(image)?;
        let cut = self.cut(&picture)?;
        let Recipe::Image(Composition { base, heat, superpixels, .. }) = picture.recipe else { return None };
        let mouse = self.zoom.and_then(|zoom| zoom.mouse);
        let (x, y) = mouse.map_or(cut.at, |at| pixel(at, cut.whole));
        let value = heat.as_ref().and_then(|heat| heat.value_at(x as f32 + 0.5, y as f32 + 0.5, superpixels.is_some()));
        let unit = match (self.channels(), &heat) {
            (Some(channels), _) => channels.scale,
            (None, Some(heat)) if heat.sign == Sign::Signed => self.maps.get(self.shown_map.as_ref()?)?.scale,
            (None, _) => 1.0,
        };
        let size = if picture.key.seen { cut.whole } else { self.pixels(image)?.size };
        let file = |at: u32, whole: u32, size: u32| ((at as f32 + 0.5) / whole.max(1) as f32 * size as f32) as u32;
        Some(Reading {
            factor: 1 << self.zoom?.level.min(closest(cut.whole)),
            pixel: (file(x, cut.whole.0, size.0), file(y, cut.whole.1, size.1)),
            rgb: base.get_pixel_checked(x, y)?.0,
            is_mean: size != cut.whole,
            heat: value.map(|value| value * unit),
            is_under_mouse: mouse.is_some(),
        })
    }

    /// The place, in shares of the picture's width and height, where the map on screen is strongest; the middle without one.
    fn hottest(&self, image: ImageId) -> (f32, f32) {
        let region = self.ground(image).and_then(|ground| Some((ground.region?, ground.base.dimensions())));
        let map = self.shown_map.as_ref().and_then(|key| self.maps.get(key)).map(|map| &map.shown);
        let Some(((region, (width, height)), map)) = region.zip(map) else { return (0.5, 0.5) };
        let strongest = map.indexed_iter().filter(|(_, value)| value.is_finite());
        let strongest = strongest.max_by(|one, other| one.1.abs().total_cmp(&other.1.abs()));
        let Some(((row, column), _)) = strongest else { return (0.5, 0.5) };
        let (rows, columns) = map.dim();
        let across = region.x + (column as f32 + 0.5) / columns as f32 * region.width;
        let down = region.y + (row as f32 + 0.5) / rows as f32 * region.height;
        ((across / width as f32).clamp(0.0, 1.0), (down / height as f32).clamp(0.0, 1.0))
    }
}

/// The pixel at a place, in shares of the width and height of a picture of `whole` pixels.
fn pixel(at: (f32, f32), whole: (u32, u32)) -> (u32, u32) {
    let pixel = |share: f32, side: u32| ((share * side as f32) as u32).min(side.saturating_sub(1));
    (pixel(at.0, whole.0), pixel(at.1, whole.1))
}
