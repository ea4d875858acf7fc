//! The images that excite a channel most, out of all that were found: what the channel has learned to see.
//!
//! One pass over the images answers for every channel of a layer. It runs while they are looked at, in leaps, so that the
//! first hundred speak for all, and goes on later where it stopped. After Zeiler and Fergus, Visualizing and understanding convolutional networks, ECCV 2014.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use image::RgbImage;
use ndarray::Axis;

use super::jobs::{ImageId, Job, Priority, Task};
use super::{Outcome, Panel, State};
use crate::model::Activation;
use crate::raster::{Map, reduced};

/// Images kept of each channel: a sheet of three by three.
const KEPT: usize = 9;
/// Layers that are kept for coming back.
const LAYERS: usize = 3;
/// Longest side of a kept map, in cells.
const LONGEST: usize = 28;
/// Images that are asked at a time: enough to keep workers busy until the next plan.
const AT_A_TIME: usize = 32;
/// Multiples of it, modulo 2^64, are spread evenly however many there are: the golden ratio's share of the range.
const LEAP: u64 = 0x9E37_79B9_7F4A_7C15;
/// Memory for small pictures, in bytes.
pub(super) const THUMBNAIL_BUDGET: usize = 32 << 20;

/// How strongly an image excites the channels of a layer.
#[derive(Debug, Clone)]
pub struct Peaks {
    activation: Activation,
    /// The largest value of each channel.
    values: Vec<f32>,
}

impl Peaks {
    /// Of a layer's output, `[C, h, w]`.
    pub fn new(activation: Activation) -> Peaks {
        let finite = |channel: ndarray::ArrayView2<'_, f32>| {
            channel.iter().copied().filter(|value| value.is_finite()).fold(f32::NEG_INFINITY, f32::max)
        };
        let values = activation.axis_iter(Axis(0)).map(finite).collect();
        Peaks { activation, values }
    }
}

/// An image that excites a channel.
#[derive(Debug, Clone)]
pub struct Exemplar {
    /// The image.
    pub image: ImageId,
    /// The channel's largest value in it.
    pub value: f32,
    /// The channel's values.
    pub map: Arc<Map>,
}

/// The images that excite each channel of a layer most, among those that were asked so far.
#[derive(Debug)]
pub struct Exemplars {
    layer: usize,
    /// For each channel, the strongest first.
    best: Vec<Vec<Exemplar>>,
    /// Those to ask, in their order: each behind its leap.
    unasked: BTreeSet<(u64, ImageId)>,
    asked: usize,
}

fn leap(image: ImageId) -> (u64, ImageId) {
    ((image as u64).wrapping_mul(LEAP), image)
}

impl Exemplars {
    fn new(layer: usize, channels: usize, images: usize) -> Exemplars {
        Exemplars { layer, best: vec![Vec::new(); channels], unasked: (0..images).map(leap).collect(), asked: 0 }
    }

    /// The images of a channel, the strongest first.
    pub fn of(&self, channel: usize) -> &[Exemplar] {
        self.best.get(channel).map_or(&[], Vec::as_slice)
    }

    /// How many images were asked.
    pub fn asked(&self) -> usize {
        self.asked
    }

    fn take(&mut self, image: ImageId, peaks: &Peaks) {
        for (channel, value) in peaks.values.iter().enumerate().filter(|(_, value)| value.is_finite()) {
            let Some(best) = self.best.get_mut(channel) else { continue };
            // The same images, whoever answers first.
            let is_before =
                |other: &Exemplar| other.value.total_cmp(value).then(image.cmp(&other.image)) == Ordering::Greater;
            let place = best.partition_point(is_before);
            if place < KEPT {
                let map = reduced(&peaks.activation.index_axis(Axis(0), channel).to_owned(), LONGEST);
                best.insert(place, Exemplar { image, value: *value, map: Arc::new(map) });
                best.truncate(KEPT);
            }
        }
    }
}

impl State {
    /// Whether the images that excite the marked channel are looked at.
    pub fn shows_exemplars(&self) -> bool {
        matches!(self.panel, Panel::Channels { exemplars: true, .. })
    }

    /// The images that excite the channels on screen, as far as they are known, while they are looked at.
    pub fn exemplars(&self) -> Option<&Exemplars> {
        let layer = self.shown_channels.as_ref().filter(|_| self.shows_exemplars())?.layer;
        self.exemplars.iter().find(|kept| kept.layer == layer)
    }

    /// Those of the marked channel, the strongest first.
    pub fn marked_exemplars(&self) -> &[Exemplar] {
        let found = self.exemplars().zip(self.marked_channel());
        found.map_or(&[], |(exemplars, channel)| exemplars.of(channel))
    }

    /// What the model saw of an image, where it is at hand.
    pub(super) fn thumbnail(&self, image: ImageId) -> Option<&Arc<RgbImage>> {
        let kept = self.thumbnails.get(&image);
        kept.or_else(|| self.predictions.get(&image).map(|predicted| &predicted.seen))
    }

    /// Shows the images that excite the marked channel, or all channels of this image again.
    pub(super) fn toggle_exemplars(&mut self) {
        let pinned = self.shown_channels.as_ref().map(|key| key.layer).zip(self.marked_channel());
        if let Panel::Channels { marked, exemplars } = &mut self.panel {
            // In another image, another channel is the first.
            *marked = marked.or(pinned);
            *exemplars = !*exemplars;
        }
    }

    /// Goes to the strongest of the images, or from one of them to the next.
    pub(super) fn go_to_next_exemplar(&mut self) {
        let images: Vec<ImageId> = self.marked_exemplars().iter().map(|exemplar| exemplar.image).collect();
        let at = self.current().and_then(|current| images.iter().position(|image| *image == current));
        let next = at.map_or(0, |at| (at + 1) % images.len());
        if let Some(image) = images.get(next) {
            self.go_to(*image);
        }
    }

    /// Goes to an image; where the filter hides it, without the filter.
    pub(super) fn go_to(&mut self, image: ImageId) {
        if !self.visible.contains(&image) {
            self.unfilter();
        }
        if let Some(row) = self.visible.iter().position(|visible| *visible == image) {
            self.move_to(row);
        }
    }

    /// Begins to collect for the layer on screen.
    pub(super) fn settle_exemplars(&mut self) {
        let Some(layer) = self.shown_channels.as_ref().filter(|_| self.shows_exemplars()).map(|key| key.layer) else {
            return;
        };
        if self.exemplars().is_none() {
            let channels = self.channels().map_or(0, |channels| channels.maps.len());
            self.exemplars.insert(0, Exemplars::new(layer, channels, self.entries.len()));
            self.exemplars.truncate(LAYERS);
        }
        for image in self.marked_exemplars().iter().map(|exemplar| exemplar.image).collect::<Vec<_>>() {
            self.thumbnails.touch(&image);
        }
    }

    /// More images can be asked.
    pub(super) fn found_for_exemplars(&mut self, images: std::ops::Range<ImageId>) {
        for exemplars in &mut self.exemplars {
            exemplars.unasked.extend(images.clone().map(leap));
        }
    }

    /// An image answered; one that cannot, does not come up again.
    pub(super) fn surveyed(&mut self, image: ImageId, layer: usize, peaks: Result<Arc<Peaks>, String>) {
        if let Some(exemplars) = self.exemplars.iter_mut().find(|kept| kept.layer == layer)
            && exemplars.unasked.remove(&leap(image))
        {
            exemplars.asked += 1;
            if let Ok(peaks) = peaks {
                exemplars.take(image, &peaks);
            }
        }
    }

    /// Keeps what the model saw of an image that is shown among others.
    pub(super) fn keep_thumbnail(&mut self, image: ImageId, seen: &Arc<RgbImage>) {
        if self.marked_exemplars().iter().any(|exemplar| exemplar.image == image) {
            self.thumbnails.insert(image, Arc::clone(seen), seen.as_raw().len());
        }
    }

    /// The small pictures that are wanted on screen.
    pub(super) fn missing_thumbnails(&self) -> Vec<Task> {
        let images = self.marked_exemplars().iter().map(|exemplar| exemplar.image);
        let has_failed =
            |image: ImageId| matches!(self.entries.get(image).map(|entry| &entry.outcome), Some(Outcome::Failed(_)));
        let missing = images.filter(|image| self.thumbnail(*image).is_none() && !has_failed(*image));
        missing.filter_map(|image| self.task(image, Job::Classify(image), Priority::Now)).collect()
    }

    /// The next images to ask.
    pub(super) fn survey(&self) -> Vec<Task> {
        let Some(exemplars) = self.exemplars() else { return Vec::new() };
        let next = exemplars.unasked.iter().take(AT_A_TIME).map(|(_, image)| *image);
        next.filter_map(|image| self.task(image, Job::Survey(image, exemplars.layer), Priority::Background)).collect()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn kept(answers: &[(ImageId, f32)]) -> Vec<(ImageId, f32)> {
        let mut exemplars = Exemplars::new(0, 1, 100);
        for (image, value) in answers {
            exemplars.take(*image, &Peaks::new(array![[[-1.0, *value]]]));
        }
        exemplars.of(0).iter().map(|exemplar| (exemplar.image, exemplar.value)).collect()
    }

    #[test]
    fn the_strongest_are_kept_whoever_answers_first() {
        let mut answers: Vec<(ImageId, f32)> = (0..30).map(|image| (image, (image * 7 % 10) as f32)).collect();
        let expected: Vec<(ImageId, f32)> =
            vec![(7, 9.0), (17, 9.0), (27, 9.0), (4, 8.0), (14, 8.0), (24, 8.0), (1, 7.0), (11, 7.0), (21, 7.0)];
        assert_eq!(kept(&answers), expected);
        answers.reverse();
        assert_eq!(kept(&answers), expected);
    }

    #[test]
    fn what_is_not_a_number_excites_nothing() {
        assert_eq!(kept(&[(0, f32::NAN), (1, f32::INFINITY), (2, 0.5)]), [(2, 0.5), (0, -1.0), (1, -1.0)]);
    }

    #[test]
    fn the_first_few_that_are_asked_come_from_all_over_the_list() {
        let exemplars = Exemplars::new(0, 1, 1000);
        let mut first: Vec<ImageId> = exemplars.unasked.iter().take(20).map(|(_, image)| *image).collect();
        first.sort_unstable();
        let widest = first.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert!(widest.is_some_and(|gap| gap < 150) && first[0] < 100 && first[19] > 900, "{first:?}");
    }
}
