//! Units: the images that excite a channel most, and the place in each that does it.
//!
//! One run for each image answers for every channel of a layer; [`Strongest`] keeps the best of them. The place takes a way
//! back from the channel's largest value to the pixels, and is asked for those images only.

use std::cmp::Ordering;
use std::path::Path;
use std::sync::Arc;

use image::RgbImage;
use ndarray::{ArrayView2, Axis};

use super::image::prepare;
use super::look::region;
use super::{InputError, Opened, Session};
use crate::model::Prepared;
use crate::network::{Activation, NodeValue, ReceptiveField, ReceptiveFields, with_threads};
use crate::raster::{Map, Region, reduced, smallest_box};

/// Longest side of a kept map, in cells.
const LONGEST: usize = 28;
/// The share of a unit's gradient energy that its place holds.
const ENERGY: f64 = 0.9;

/// How strongly an image excites a channel.
#[derive(Debug, Clone)]
pub struct Peak {
    /// The channel's largest value in the image.
    pub value: f32,
    /// Row and column in the layer's grid where that is, the first where it is in several places.
    pub at: (usize, usize),
    /// The channel's lowest value, or zero.
    pub lowest: f32,
    /// Row and column where the channel is lowest.
    pub lowest_at: (usize, usize),
    /// The channel's values, `[h, w]`, reduced.
    pub map: Arc<Map>,
}

impl Peak {
    /// Of the values of a channel, `[h, w]`. What is not finite counts as nothing.
    fn of(channel: ArrayView2<'_, f32>) -> Peak {
        let (mut peak, mut low) = ((f32::NEG_INFINITY, (0, 0)), (f32::INFINITY, (0, 0)));
        for (at, value) in channel.indexed_iter().filter(|(_, value)| value.is_finite()) {
            if *value > peak.0 {
                peak = (*value, at);
            }
            if *value < low.0 {
                low = (*value, at);
            }
        }
        let map = reduced(&channel.to_owned(), LONGEST);
        let lowest = map.iter().copied().fold(0.0, f32::min);
        Peak { value: peak.0, at: peak.1, lowest, lowest_at: low.1, map: Arc::new(map) }
    }

    /// Those of a layer's channels, `[C, h, w]`.
    pub fn all(activation: &Activation) -> Vec<Peak> {
        activation.axis_iter(Axis(0)).map(Peak::of).collect()
    }
}

/// An image that excites a channel.
#[derive(Debug, Clone)]
pub struct Exemplar {
    /// The image, by its number.
    pub image: usize,
    /// How strongly.
    pub peak: Peak,
}

/// The images that excite each channel of a layer most, among those that were asked, and those that take it lowest.
#[derive(Debug, Clone)]
pub struct Strongest {
    /// For each channel, the strongest first.
    channels: Vec<Vec<Exemplar>>,
    /// For each channel, those with the lowest values below zero first.
    lowest: Vec<Vec<Exemplar>>,
    kept: usize,
}

impl Strongest {
    /// Nobody was asked yet; of each channel, `kept` images will be.
    pub fn new(channels: usize, kept: usize) -> Strongest {
        let none = vec![Vec::new(); channels];
        Strongest { channels: none.clone(), lowest: none, kept }
    }

    /// The images of a channel, the strongest first.
    pub fn of(&self, channel: usize) -> &[Exemplar] {
        self.channels.get(channel).map_or(&[], Vec::as_slice)
    }

    /// The images that take a channel below zero, the furthest first.
    pub fn lowest(&self, channel: usize) -> &[Exemplar] {
        self.lowest.get(channel).map_or(&[], Vec::as_slice)
    }

    /// How many channels there are.
    pub fn channels(&self) -> usize {
        self.channels.len()
    }

    /// Takes in what an image answered, a peak for each channel. In the end the same images are kept, whoever answers first.
    pub fn take(&mut self, image: usize, peaks: &[Peak]) {
        for ((high, low), peak) in self.channels.iter_mut().zip(&mut self.lowest).zip(peaks) {
            keep(high, (image, peak), |peak| peak.value, self.kept);
            keep(low, (image, peak), |peak| -peak.lowest, self.kept);
        }
    }
}

/// Puts an image where it belongs among the `most` that are furthest at an end of a channel. What is not beyond zero there says
/// nothing.
fn keep(kept: &mut Vec<Exemplar>, (image, peak): (usize, &Peak), strength: impl Fn(&Peak) -> f32, most: usize) {
    if strength(peak) <= 0.0 {
        return;
    }
    let is_before = |other: &Exemplar| {
        strength(&other.peak).total_cmp(&strength(peak)).then(image.cmp(&other.image)) == Ordering::Greater
    };
    let place = kept.partition_point(is_before);
    if place < most {
        kept.insert(place, Exemplar { image, peak: peak.clone() });
        kept.truncate(most);
    }
}

/// The place in an image that excites a channel, and what the model sees there.
#[derive(Debug, Clone)]
pub struct UnitPlace {
    /// The smallest box that holds 90 % of the gradient energy of the channel's largest value, in pixels of the network's
    /// input. None where no pixel moves it.
    pub seen_box: Option<ReceptiveField>,
    /// The same in pixels of the file's upright image, no further than its edges.
    pub image_box: Option<Region>,
    /// What the graph lets that value depend on, in pixels of the network's input.
    pub field: ReceptiveField,
    /// What the network sees, at the size of its input.
    pub seen: RgbImage,
}

impl UnitPlace {
    /// The box in shares of the width and height of the network's input.
    pub fn share(&self) -> Option<Region> {
        let place = self.seen_box.as_ref()?;
        let part = Region {
            x: place.columns.start as f32,
            y: place.rows.start as f32,
            width: place.columns.len() as f32,
            height: place.rows.len() as f32,
        };
        let (width, height) = self.seen.dimensions();
        Some(part.scaled(1.0 / width as f32, 1.0 / height as f32))
    }
}

impl Session {
    /// How strongly an image excites the channels of a layer, on `threads` threads: a run that ends there.
    ///
    /// # Errors
    /// When the image cannot be opened or the network fails.
    pub fn peaks(&self, path: &Path, layer: &NodeValue, threads: usize) -> Result<Vec<Peak>, InputError> {
        let (tensor, _) = self.tensor(path)?;
        let nodes = std::slice::from_ref(layer);
        let values = with_threads(threads, || self.classifier.network().values(tensor.view(), nodes))?;
        let grids = values.into_iter().filter_map(|values| values.into_dimensionality().ok());
        Ok(grids.flat_map(|activation: Activation| Peak::all(&activation)).collect())
    }

    /// The place in an image that excites a channel of a layer: of the value at `at`, row and column of the layer's grid.
    /// `fields` are the layer's, which are the same for every image.
    ///
    /// # Errors
    /// When the network takes no such input, an operator before the layer has no gradient, or tract fails.
    pub fn unit_place(
        &self,
        opened: &Opened,
        (layer, channel): (usize, usize),
        at: (usize, usize),
        fields: &ReceptiveFields,
        threads: usize,
    ) -> Result<UnitPlace, InputError> {
        let Prepared { tensor, crop, seen } = prepare(&self.classifier, opened)?;
        let network = self.classifier.network();
        let unit = [channel, at.0, at.1];
        let gradient = with_threads(threads, || network.unit_gradient(tensor.view(), layer, unit))?;
        let energy = network.energy_of_pixels(&gradient);
        let field = fields.of(at.0, at.1);
        let seen_box = smallest_box(&energy, ENERGY).map(|(rows, columns)| ReceptiveField { rows, columns });
        let (height, width) = energy.dim();
        let in_image = |part: &ReceptiveField| {
            let input = Region::whole(width as u32, height as u32);
            let part = Region {
                x: part.columns.start as f32,
                y: part.rows.start as f32,
                width: part.columns.len() as f32,
                height: part.rows.len() as f32,
            };
            part.within(input, region(&crop)).clipped(crop.image)
        };
        let image_box = seen_box.as_ref().map(in_image);
        Ok(UnitPlace { seen_box, image_box, field, seen })
    }

    /// The same without the box: for a network whose operators have no gradients.
    ///
    /// # Errors
    /// When the network takes no such input.
    pub fn unit_field(
        &self,
        opened: &Opened,
        at: (usize, usize),
        fields: &ReceptiveFields,
    ) -> Result<UnitPlace, InputError> {
        let Prepared { seen, .. } = prepare(&self.classifier, opened)?;
        Ok(UnitPlace { seen_box: None, image_box: None, field: fields.of(at.0, at.1), seen })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn kept(answers: &[(usize, f32)]) -> Vec<(usize, f32)> {
        let mut strongest = Strongest::new(1, 9);
        for (image, value) in answers {
            strongest.take(*image, &Peak::all(&array![[[-1.0, *value]]]));
        }
        strongest.of(0).iter().map(|exemplar| (exemplar.image, exemplar.peak.value)).collect()
    }

    #[test]
    fn the_strongest_are_kept_whoever_answers_first() {
        let mut answers: Vec<(usize, f32)> = (0..30).map(|image| (image, (image * 7 % 10) as f32)).collect();
        let expected: Vec<(usize, f32)> =
            vec![(7, 9.0), (17, 9.0), (27, 9.0), (4, 8.0), (14, 8.0), (24, 8.0), (1, 7.0), (11, 7.0), (21, 7.0)];
        assert_eq!(kept(&answers), expected);
        answers.reverse();
        assert_eq!(kept(&answers), expected);
    }

    #[test]
    fn what_is_not_a_number_or_not_above_zero_excites_nothing() {
        assert_eq!(kept(&[(0, f32::NAN), (1, f32::INFINITY), (2, 0.5), (3, 0.0), (4, -0.5)]), [(2, 0.5)]);
    }

    #[test]
    fn those_that_take_a_channel_lowest_are_kept_too() {
        let mut strongest = Strongest::new(1, 2);
        for (image, lowest) in [(0, -1.0), (1, 0.5), (2, -3.0), (3, f32::NAN), (4, -2.0)] {
            strongest.take(image, &Peak::all(&array![[[0.75, lowest]]]));
        }
        let low: Vec<_> = strongest.lowest(0).iter().map(|exemplar| (exemplar.image, exemplar.peak.lowest)).collect();
        assert_eq!(low, [(2, -3.0), (4, -2.0)]);
    }

    #[test]
    fn a_peak_is_the_first_of_the_largest_values() {
        let peak = &Peak::all(&array![[[0.0, 2.0], [2.0, -3.0]]])[0];
        assert_eq!((peak.value, peak.at, peak.lowest, peak.lowest_at), (2.0, (0, 1), -3.0, (1, 1)));
    }
}
