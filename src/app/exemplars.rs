//! The images that excite a channel most, out of all that were found: what the channel has learned to see.
//!
//! One pass over the images answers for every channel of a layer. It runs while they are looked at, in leaps, so that the
//! first hundred speak for all, and goes on later where it stopped. After Zeiler and Fergus, Visualizing and Understanding
//! Convolutional Networks, ECCV 2014.

use std::sync::Arc;

use image::RgbImage;

use super::leaps::Leaps;
use super::{ImageId, ImageKey, Job, ModelId, Notice, Outcome, Peaks, PlaceKey, Priority, State, Task};
use crate::raster::Region;
use crate::session::{Exemplar, Strongest};

/// Images kept of each channel: a sheet of three by three.
const KEPT: usize = 9;
/// Layers that are kept for coming back.
const LAYERS: usize = 3;
/// Images that are asked at a time: enough to keep workers busy until the next agenda.
const AT_A_TIME: usize = 32;
/// Memory for small pictures, in bytes.
pub(super) const THUMBNAIL_BUDGET: usize = 32 << 20;

/// The end of a channel's values that images are looked for at. Where activations have a sign, both mean something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// The largest.
    High,
    /// The lowest, below zero.
    Low,
}

impl End {
    /// The one that a channel with these values tends to.
    fn of((low, high): (f32, f32)) -> End {
        if -low > high { End::Low } else { End::High }
    }

    /// The value of an image's channel at this end.
    pub fn value(self, exemplar: &Exemplar) -> f32 {
        if self == End::High { exemplar.peak.value } else { exemplar.peak.lowest }
    }
}

/// The images that excite each channel of a layer most, among those that were asked so far.
#[derive(Debug)]
pub struct Exemplars {
    model: ModelId,
    layer: usize,
    strongest: Strongest,
    unasked: Leaps,
    asked: usize,
}

impl Exemplars {
    fn new((model, layer): (ModelId, usize), channels: usize, images: usize) -> Exemplars {
        let strongest = Strongest::new(channels, KEPT);
        Exemplars { model, layer, strongest, unasked: (0..images).collect(), asked: 0 }
    }

    fn are_of(&self, model: ModelId, layer: usize) -> bool {
        (self.model, self.layer) == (model, layer)
    }

    /// The images at an end of a channel, the furthest first.
    pub fn of(&self, channel: usize, end: End) -> &[Exemplar] {
        if end == End::High { self.strongest.of(channel) } else { self.strongest.lowest(channel) }
    }

    /// How many images were asked.
    pub fn asked(&self) -> usize {
        self.asked
    }
}

impl State {
    /// The images that excite the channels on screen, as far as they are known, while they are looked at.
    pub fn exemplars(&self) -> Option<&Exemplars> {
        let key = self.shown_channels().filter(|_| self.shows_exemplars())?;
        self.exemplars.iter().find(|kept| kept.are_of(key.image.model, key.layer))
    }

    /// Those of the marked channel, the strongest first.
    pub fn marked_exemplars(&self) -> &[Exemplar] {
        let found = self.exemplars().zip(self.marked_channel());
        found.map_or(&[], |(exemplars, channel)| exemplars.of(channel, self.exemplar_end()))
    }

    /// The end of the marked channel that they are at: that of the image in which it was marked.
    pub fn exemplar_end(&self) -> End {
        let pinned = self.pinned_end();
        pinned.or_else(|| Some(End::of(*self.channels()?.ranges.get(self.marked_channel()?)?))).unwrap_or(End::High)
    }

    /// The image at the cursor among them.
    pub fn exemplar_at(&self) -> Option<usize> {
        let current = self.current()?;
        self.marked_exemplars().iter().position(|exemplar| exemplar.image == current)
    }

    /// Goes to the strongest of the images, or from one of them to the next.
    pub(super) fn go_to_next_exemplar(&mut self) {
        let images: Vec<ImageId> = self.marked_exemplars().iter().map(|exemplar| exemplar.image).collect();
        let next = self.exemplar_at().map_or(0, |at| (at + 1) % images.len());
        if let Some(image) = images.get(next) {
            self.go_to(*image);
        }
    }

    /// Goes back to where the list was left.
    pub(super) fn go_back(&mut self, (image, filter): (ImageId, String)) {
        if self.filter != filter {
            self.filter = filter;
            self.refilter();
        }
        if let Some(row) = self.visible.iter().position(|visible| *visible == image) {
            self.move_to(row);
        }
    }

    /// Goes to an image; where the filter hides it, without the filter.
    pub(super) fn go_to(&mut self, image: ImageId) {
        if !self.visible.contains(&image) {
            self.unfilter();
            let name = self.entries.get(image).map_or("", |entry| entry.name.as_str());
            self.notice = Some(Notice::Done(format!("the filter is gone: it hid {name}")));
        }
        if let Some(row) = self.visible.iter().position(|visible| *visible == image) {
            self.move_to(row);
        }
    }

    /// Begins to collect for the layer on screen, and sees to the small pictures.
    pub(super) fn settle_exemplars(&mut self) {
        let Some(key) = self.shown_channels().filter(|_| self.shows_exemplars()) else { return };
        let (model, layer) = (key.image.model, key.layer);
        if let Some(at) = self.exemplars.iter().position(|kept| kept.are_of(model, layer)) {
            self.exemplars[..=at].rotate_right(1);
        } else {
            let channels = self.channels().map_or(0, |channels| channels.maps.len());
            self.exemplars.insert(0, Exemplars::new((model, layer), channels, self.entries.len()));
            self.exemplars.truncate(LAYERS);
        }
        self.pin_channel();
        let images: Vec<ImageId> = self.marked_exemplars().iter().map(|exemplar| exemplar.image).collect();
        for image in images.into_iter().map(|id| ImageKey { model, id }) {
            let small = self.predictions.get(&image).map(|predicted| Arc::clone(&predicted.small));
            if let Some(small) = small.filter(|_| !self.thumbnails.contains(&image)) {
                self.keep_thumbnail(image, small);
            }
            self.thumbnails.touch(&image);
        }
    }

    /// More images can be asked.
    pub(super) fn found_for_exemplars(&mut self, images: std::ops::Range<ImageId>) {
        for exemplars in &mut self.exemplars {
            exemplars.unasked.extend(images.clone());
        }
    }

    /// An image answered; one that cannot, does not come up again.
    pub(super) fn surveyed(&mut self, image: ImageKey, layer: usize, peaks: Result<Arc<Peaks>, String>) {
        if let Some(exemplars) = self.exemplars.iter_mut().find(|kept| kept.are_of(image.model, layer))
            && exemplars.unasked.remove(image.id)
        {
            exemplars.asked += 1;
            if let Ok(peaks) = peaks {
                exemplars.strongest.take(image.id, &peaks.channels);
                self.keep_if_shown(image, &peaks.small);
            }
        }
    }

    /// Keeps the small picture of an image that is shown among others.
    pub(super) fn keep_if_shown(&mut self, image: ImageKey, small: &Arc<RgbImage>) {
        let is_shown = self.exemplars().is_some_and(|shown| shown.model == image.model)
            && self.marked_exemplars().iter().any(|exemplar| exemplar.image == image.id);
        if is_shown {
            self.keep_thumbnail(image, Arc::clone(small));
        }
    }

    fn keep_thumbnail(&mut self, image: ImageKey, small: Arc<RgbImage>) {
        let bytes = small.as_raw().len();
        self.thumbnails.insert(image, small, bytes);
    }

    /// The small picture of an image that is shown among others, once it is there.
    pub(super) fn thumbnail(&self, image: ImageId) -> Option<Arc<RgbImage>> {
        self.thumbnails.get(&self.key(image)).cloned()
    }

    /// The small pictures that are wanted on screen.
    pub(super) fn missing_thumbnails(&self) -> Vec<Task> {
        let images = self.marked_exemplars().iter().map(|exemplar| exemplar.image);
        let has_failed =
            |image: ImageId| matches!(self.entries.get(image).map(|entry| &entry.outcome), Some(Outcome::Failed(_)));
        let missing = images.filter(|image| self.thumbnail(*image).is_none() && !has_failed(*image));
        missing.filter_map(|image| self.task(image, Job::Classify(self.key(image)), Priority::Now)).collect()
    }

    /// The place in each of the images that excites the marked channel; none where it is not known yet, or there is none.
    pub(super) fn exemplar_boxes(&self) -> Vec<Option<Region>> {
        // A frame of a few dots would hide what it is around.
        if !self.has_fine_dots() {
            return Vec::new();
        }
        let places = self.marked_exemplars().iter().map(|exemplar| self.place_key(exemplar));
        places.map(|key| self.places.get(&key?).copied().flatten()).collect()
    }

    fn place_key(&self, exemplar: &Exemplar) -> Option<PlaceKey> {
        let (shown, end) = (self.shown_channels()?, self.exemplar_end());
        let at = if end == End::High { exemplar.peak.at } else { exemplar.peak.lowest_at };
        let image = ImageKey { model: shown.image.model, id: exemplar.image };
        Some(PlaceKey { image, unit: (shown.layer, self.marked_channel()?), end, at })
    }

    /// The places that are wanted on screen: once their pictures are there.
    pub(super) fn missing_places(&self) -> Vec<Task> {
        if !self.has_fine_dots() {
            return Vec::new();
        }
        let shown = self.marked_exemplars().iter().filter(|exemplar| self.thumbnail(exemplar.image).is_some());
        let missing = shown.filter_map(|exemplar| self.place_key(exemplar)).filter(|key| !self.places.contains(key));
        missing.filter_map(|key| self.task(key.image.id, Job::Place(key), Priority::Ahead)).collect()
    }

    /// The next images to ask.
    pub(super) fn survey(&self) -> Vec<Task> {
        let Some(exemplars) = self.exemplars() else { return Vec::new() };
        let next = exemplars.unasked.iter().take(AT_A_TIME);
        let job = |id| Job::Survey(ImageKey { model: exemplars.model, id }, exemplars.layer);
        next.filter_map(|image| self.task(image, job(image), Priority::Background)).collect()
    }
}
