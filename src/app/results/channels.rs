//! The channels of a layer: as they are coloured, and in what order.

use std::sync::Arc;
use std::time::Duration;

use ndarray::{ArrayView2, Axis};

use crate::app::tiles::{LONGEST, TileLayout};
use crate::explain::{LayerChannels, ScoreSum};
use crate::network::Activation;
use crate::raster::{Colouring, LayerHeat, Map, Sign, Tiles, reduced};
use crate::text::escape;

/// The channels of a layer for an image.
#[derive(Debug, Clone)]
pub struct Channels {
    /// Each channel as it is coloured: the layer's values, all divided by the same scale.
    pub maps: Vec<Arc<Map>>,
    /// Where the layer is active at all: the root of the mean of the squares of its channels, the strongest place 1.
    pub energy: Arc<Map>,
    /// Whether values below zero mean something.
    pub sign: Sign,
    /// The value that the strongest colour stands for.
    pub scale: f32,
    /// Smallest and largest value of each channel.
    pub ranges: Vec<(f32, f32)>,
    /// What each channel adds to the target's score, or why that is not known.
    pub contributions: Result<Vec<f32>, String>,
    /// What has to be added to the contributions until they are the target's score; none where they are not known.
    pub sum: Option<ScoreSum>,
    /// The mean of each channel.
    pub means: Vec<f32>,
    /// The channels: those that speak for the target, then those that speak against it, then those that add nothing, of each
    /// the strongest first; where that is not known, those that hold the largest values first.
    pub order: Vec<usize>,
    /// How many speak for the target, where that is known.
    pub speaking_for: usize,
    /// How much the strongest contributes or holds, without its sign.
    pub strongest: f32,
    /// Time that it took.
    pub elapsed: Duration,
    /// The maps, as small as tiles are.
    thumbnails: Vec<Arc<Map>>,
}

/// How active a layer is, before it is known what its channels contribute.
#[derive(Debug, Clone)]
pub struct Activated {
    /// As [`Channels::energy`].
    pub energy: Arc<Map>,
    /// Time that it took.
    pub elapsed: Duration,
}

impl Activated {
    /// Of a layer's output.
    pub fn new(activation: &Activation, elapsed: Duration) -> Activated {
        Activated { energy: Arc::new(energy(&LayerHeat::of(activation.view()).maps)), elapsed }
    }
}

/// Smallest and largest of the values that are finite.
fn range(channel: ArrayView2<'_, f32>) -> (f32, f32) {
    let finite = channel.iter().copied().filter(|value| value.is_finite());
    finite.map(|value| (value, value)).reduce(|(a, b), (low, high)| (a.min(low), b.max(high))).unwrap_or((0.0, 0.0))
}

/// How much a value counts in the order.
fn strength(value: f32) -> f32 {
    if value.is_finite() { value.abs() } else { 0.0 }
}

/// The root of the mean square of maps of one size, divided by its largest value.
fn energy(maps: &[Arc<Map>]) -> Map {
    let mut sum = Map::zeros(maps.first().map_or((1, 1), |map| map.dim()));
    maps.iter().for_each(|map| sum.zip_mut_with(map, |sum, value| *sum += value * value));
    let most = sum.iter().copied().fold(0.0, f32::max);
    if most > 0.0 { sum.mapv(|value| (value / most).sqrt()) } else { sum }
}

impl Channels {
    /// Colours and orders what a layer holds.
    pub fn new(layer: LayerChannels, elapsed: Duration) -> Channels {
        let LayerChannels { activation, contributions, sum } = layer;
        let LayerHeat { maps, sign, scale } = LayerHeat::of(activation.view());
        let energy = Arc::new(energy(&maps));
        let contributions = contributions.map_err(|reason| escape(&reason).into_owned());
        let ranges: Vec<(f32, f32)> = activation.axis_iter(Axis(0)).map(range).collect();
        let peaks: Vec<f32> = ranges.iter().map(|(low, high)| low.abs().max(high.abs())).collect();
        let strengths = match &contributions {
            Ok(contributions) => contributions.iter().map(|value| strength(*value)).collect(),
            Err(_) => peaks.clone(),
        };
        let side = |channel: usize| match &contributions {
            Ok(contributions) if strengths[channel] > 0.0 => u8::from(contributions[channel] < 0.0),
            Ok(_) => 2,
            Err(_) => 0,
        };
        let mut order: Vec<usize> = (0..maps.len()).collect();
        order.sort_by(|a, b| {
            let stronger = strengths[*b].total_cmp(&strengths[*a]).then(peaks[*b].total_cmp(&peaks[*a]));
            side(*a).cmp(&side(*b)).then(stronger)
        });
        let means = activation.axis_iter(Axis(0)).map(|channel| channel.mean().unwrap_or(0.0)).collect();
        Channels {
            speaking_for: (0..maps.len()).filter(|channel| contributions.is_ok() && side(*channel) == 0).count(),
            strongest: strengths.iter().copied().fold(0.0, f32::max),
            thumbnails: maps.iter().map(|map| Arc::new(reduced(map, LONGEST.0))).collect(),
            maps,
            energy,
            sign,
            scale,
            ranges,
            contributions,
            sum,
            means,
            order,
            elapsed,
        }
    }

    /// The channel that adds or takes most of the score; where that is not known, the one that holds the largest value.
    pub fn counts_most(&self) -> Option<usize> {
        let first_against = self.order.get(self.speaking_for);
        let strength = |channel: &usize| self.contributions.as_ref().map_or(0.0, |values| strength(values[*channel]));
        let against =
            first_against.filter(|other| self.order.first().is_some_and(|one| strength(other) > strength(one)));
        against.or(self.order.first()).copied()
    }

    /// What some channels add to the score, together.
    pub fn added<'c>(&self, channels: impl IntoIterator<Item = &'c usize>) -> f32 {
        let Ok(contributions) = &self.contributions else { return 0.0 };
        let values = channels.into_iter().map(|channel| contributions[*channel]).filter(|value| value.is_finite());
        values.map(f64::from).sum::<f64>() as f32
    }

    /// Why it is not known what the channels contribute, where it is not.
    pub fn unknown(&self) -> Option<&str> {
        self.contributions.as_ref().err().map(String::as_str)
    }

    /// Channels that are zero all over.
    pub fn silent(&self) -> usize {
        self.ranges.iter().filter(|range| **range == (0.0, 0.0)).count()
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        4 * self.maps.iter().chain(&self.thumbnails).chain([&self.energy]).map(|map| map.len()).sum::<usize>()
    }

    /// The channels of a page, side by side in their order, one of them marked.
    pub(in crate::app) fn tiles(&self, page: usize, layout: TileLayout, marked: u32, colouring: Colouring) -> Tiles {
        let channels = self.order.iter().skip(page * layout.per_page()).take(layout.per_page());
        let maps = channels.map(|channel| Arc::clone(&self.thumbnails[*channel])).collect();
        Tiles { maps, longest: layout.longest, marked: Some(marked), colouring }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn channels(contributions: Result<Vec<f32>, String>) -> Channels {
        let activation = array![[[0.0, 1.0]], [[0.0, 0.0]], [[4.0, 2.0]]];
        Channels::new(LayerChannels { activation, contributions, sum: None }, Duration::ZERO)
    }

    #[test]
    fn what_speaks_for_the_class_comes_before_what_speaks_against_it_and_what_adds_nothing_is_last() {
        let found = channels(Ok(vec![-3.0, 0.0, 0.5]));
        assert_eq!((&found.order[..], found.speaking_for, found.counts_most()), (&[2, 0, 1][..], 1, Some(0)));
        assert_eq!((found.strongest, found.added(&found.order)), (3.0, -2.5));
        assert_eq!((found.silent(), found.sign), (1, Sign::Positive));
    }

    #[test]
    fn without_gradients_the_largest_values_come_first() {
        let found = channels(Err("no gradient".to_owned()));
        assert_eq!(found.order, [2, 0, 1]);
        assert_eq!(found.ranges[2], (2.0, 4.0));
    }

    #[test]
    fn what_is_not_finite_counts_as_nothing() {
        let activation = array![[[f32::NAN, f32::INFINITY]], [[1.0, f32::NAN]]];
        let layer = LayerChannels { activation, contributions: Ok(vec![f32::NAN, -0.5]), sum: None };
        let found = Channels::new(layer, Duration::ZERO);
        assert_eq!((found.order, found.strongest), (vec![1, 0], 0.5));
        assert_eq!(found.ranges, [(0.0, 0.0), (1.0, 1.0)]);
        assert!(found.maps.iter().all(|map| map.iter().all(|value| value.is_finite())));
    }

    #[test]
    fn all_channels_share_a_scale() {
        let found = channels(Ok(vec![0.0; 3]));
        assert_eq!(found.scale, 4.0);
        assert_eq!(
            (found.maps[0].clone(), found.maps[2].clone()),
            (Arc::new(array![[0.0, 0.25]]), Arc::new(array![[1.0, 0.5]]))
        );
    }

    #[test]
    fn energy_is_the_root_of_the_mean_square_over_channels() {
        let activation = array![[[3.0, 0.0]], [[-4.0, 1.0]]];
        let found =
            Channels::new(LayerChannels { activation, contributions: Ok(vec![0.0; 2]), sum: None }, Duration::ZERO);
        assert_eq!(*found.energy, array![[1.0, 0.2]]);
    }

    #[test]
    fn values_well_below_zero_have_a_sign_and_a_little_below_have_none() {
        let sign = |low: f32| {
            let activation = array![[[low, 1.0]]];
            Channels::new(LayerChannels { activation, contributions: Ok(vec![0.0]), sum: None }, Duration::ZERO).sign
        };
        assert_eq!((sign(-0.1), sign(-1.0)), (Sign::Positive, Sign::Signed));
    }
}
