//! Which pictures of those that are wanted can be shown now, and what is to be made and sent for the rest.

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::encoder::Encoder;
use crate::app::PictureKey;
use crate::term::{Canvas, Encoded, Graphics, Part, Quality};
use crate::ui::Placement;

/// A picture that was on the screen in the frame before.
pub(super) struct Shown {
    pub(super) area: Rect,
    pub(super) key: PictureKey,
    pub(super) parts: Vec<Arc<Encoded>>,
}

/// What pictures are chosen with.
pub(super) struct Pictures<'a> {
    pub(super) graphics: &'a Graphics,
    pub(super) canvas: &'a mut Canvas,
    pub(super) encoder: &'a mut Encoder,
    /// A picture is shown with its heat or not at all.
    pub(super) whole: bool,
    /// What is sent of a picture first.
    pub(super) first: Quality,
}

impl Pictures<'_> {
    /// What can be shown of a picture in place of `old`; what it lacks is noted as wanted.
    pub(super) fn ready(&mut self, placement: &Placement, old: Option<&Shown>) -> Option<Shown> {
        let Placement { area, picture } = placement;
        let size = area.as_size();
        let mut parts = Vec::new();
        let wanted = self.graphics.parts(picture.recipe.has_base(), picture.recipe.has_overlay());
        for part in wanted {
            let best = self.best(placement, *part).map(|(_, encoded)| encoded);
            if best.is_some() {
                parts.extend(best);
            } else if let Some(encoded) = self.encoder.want(picture, *part, size, self.first) {
                self.canvas.want(*area, &encoded);
                // What was there before of an unfinished map will do.
                parts.extend(self.canvas.holds(*area, &encoded).then_some(encoded));
            }
        }
        let key = picture.key.clone();
        let is_whole = parts.len() == wanted.len();
        // Another picture is seen before its heat is there; under the same one, the old heat stays as long.
        let is_new = || old.is_none_or(|old| old.key.base() != key.base() || old.area != *area);
        let shows = is_whole || !self.whole && wanted.first() == Some(&Part::Base) && parts.len() == 1 && is_new();
        (shows && !parts.is_empty()).then(|| Shown { area: *area, key, parts })
    }

    /// The best that the terminal has of a part.
    fn best(&mut self, Placement { area, picture }: &Placement, part: Part) -> Option<(Quality, Arc<Encoded>)> {
        Quality::ALL.into_iter().find_map(|quality| {
            let encoded = self.encoder.have(picture, part, area.as_size(), quality)?;
            self.canvas.holds(*area, &encoded).then_some((quality, encoded))
        })
    }

    /// Whether the terminal has all parts of a picture.
    pub(super) fn is_whole(&mut self, placement: &Placement) -> bool {
        let recipe = &placement.picture.recipe;
        let mut parts = self.graphics.parts(recipe.has_base(), recipe.has_overlay()).iter();
        parts.all(|part| self.best(placement, *part).is_some())
    }

    /// Notes as wanted what would show more of a picture than the terminal has; the most only where the line `carries` it.
    pub(super) fn improve(&mut self, placement: &Placement, carries: bool) {
        let Placement { area, picture } = placement;
        let parts = self.graphics.parts(picture.recipe.has_base(), picture.recipe.has_overlay());
        for part in parts {
            let Some((quality, best)) = self.best(placement, *part) else { continue };
            let better = match quality {
                _ if !best.is_reduced() => continue,
                Quality::Passing | Quality::Coarse => Quality::Fair,
                _ if carries => Quality::Sharp,
                _ => continue,
            };
            if let Some(encoded) = self.encoder.want(picture, *part, area.as_size(), better) {
                self.canvas.want(*area, &encoded);
            }
        }
    }

    /// Has a picture encoded for the time when it will be wanted.
    pub(super) fn prepare(&mut self, Placement { area, picture }: &Placement) {
        for part in self.graphics.parts(picture.recipe.has_base(), picture.recipe.has_overlay()) {
            self.encoder.want(picture, *part, area.as_size(), Quality::Coarse);
        }
    }

    /// Whether a picture of before can stay.
    pub(super) fn holds(&self, area: Rect, parts: &[Arc<Encoded>]) -> bool {
        parts.iter().all(|part| self.canvas.holds(area, part))
    }
}

/// Whether nothing was drawn there.
pub(super) fn is_blank(buffer: &Buffer, area: Rect) -> bool {
    buffer.area.intersection(area) == area
        && area.positions().all(|position| buffer.cell(position).is_some_and(|cell| cell.symbol().trim().is_empty()))
}
