//! The channels of a layer side by side: all on one scale, so that a weak one looks weak.

use std::sync::Arc;

use image::{Rgb, RgbImage};
use ndarray::{ArrayView3, Axis};

use super::{Colormap, Map, Sheet, Sign, layer_scale, reduced};

/// A layer whose lowest value is further below zero than this share of its scale has a sign that matters. Smooth
/// activations go a little below zero and do not mean it.
const NEGATIVE: f32 = 0.2;
/// Pixels along a side of a sheet of all channels, about.
const SHEET: usize = 1600;
/// Pixels along a side of a tile on it, at least where there is room and at most.
const TILE: (usize, usize) = (48, 256);
/// A side of a tile is so many gaps long.
const GAP_SHARE: u32 = 12;
/// Pixels between tiles, at most.
const WIDEST_GAP: u32 = 8;
/// What lies between tiles.
const BETWEEN: Rgb<u8> = Rgb([38, 38, 42]);

/// The channels of a layer as they are coloured.
#[derive(Debug, Clone)]
pub struct LayerHeat {
    /// Each channel, `[h, w]`, divided by the scale.
    pub maps: Vec<Arc<Map>>,
    /// Whether values below zero mean something.
    pub sign: Sign,
    /// The value that the strongest colour stands for.
    pub scale: f32,
}

/// Whether values below zero mean something, by the lowest of them.
pub fn layer_sign(lowest: f32, scale: f32) -> Sign {
    if lowest < -NEGATIVE * scale { Sign::Signed } else { Sign::Positive }
}

impl LayerHeat {
    /// The channels of `[C, h, w]`. What is not finite counts as nothing.
    pub fn of(activation: ArrayView3<'_, f32>) -> LayerHeat {
        let scale = layer_scale(activation.iter());
        let lowest = activation.iter().copied().filter(|value| value.is_finite()).fold(0.0, f32::min);
        let sign = layer_sign(lowest, scale);
        let low = if sign == Sign::Signed { -1.0 } else { 0.0 };
        let shown = |value: &f32| if value.is_finite() && scale > 0.0 { (value / scale).clamp(low, 1.0) } else { 0.0 };
        let maps = activation.axis_iter(Axis(0)).map(|map| Arc::new(map.map(shown))).collect();
        LayerHeat { maps, sign, scale }
    }

    /// All of them side by side in their order, to be written: a cell is a pixel, or a square of them. Large ones are
    /// reduced.
    pub fn mosaic(&self) -> RgbImage {
        let columns = Sheet::columns(self.maps.len());
        let room = SHEET / columns;
        let longest = room.clamp(1, TILE.1);
        let pictures: Vec<RgbImage> = self.maps.iter().map(|map| cells(&reduced(map, longest), self.sign)).collect();
        let side = pictures.iter().map(|picture| picture.width().max(picture.height())).max().unwrap_or(1);
        mosaic(&pictures, (room.clamp(1, TILE.0) as u32).div_ceil(side.max(1)).max(1))
    }
}

/// A map as it is, a pixel for each cell: values in `[0, 1]`, or `[-1, 1]` where the sign matters.
pub fn cells(map: &Map, sign: Sign) -> RgbImage {
    let colour = |value: f32| match sign {
        Sign::Signed => Colormap::diverging(value),
        Sign::Positive | Sign::Membership => Colormap::default().colour(value),
    };
    RgbImage::from_fn(map.ncols() as u32, map.nrows() as u32, |x, y| Rgb(colour(map[[y as usize, x as usize]])))
}

/// Pictures of one size in as many columns as rows, or one more, with a gap around each; a pixel of theirs is a square of
/// `enlarged` pixels.
pub fn mosaic(pictures: &[RgbImage], enlarged: u32) -> RgbImage {
    let (width, height) = pictures.first().map_or((0, 0), RgbImage::dimensions);
    let (width, height) = (width * enlarged, height * enlarged);
    let gap = width.max(height).div_ceil(GAP_SHARE).clamp(1, WIDEST_GAP);
    let columns = Sheet::columns(pictures.len()) as u32;
    let rows = (pictures.len() as u32).div_ceil(columns);
    let mut all = RgbImage::from_pixel(gap + columns * (width + gap), gap + rows * (height + gap), BETWEEN);
    for (number, picture) in (0..).zip(pictures) {
        let (left, top) = (gap + number % columns * (width + gap), gap + number / columns * (height + gap));
        for (x, y, pixel) in picture.enumerate_pixels() {
            for (dx, dy) in (0..enlarged * enlarged).map(|at| (at % enlarged, at / enlarged)) {
                all.put_pixel(left + x * enlarged + dx, top + y * enlarged + dy, *pixel);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;

    #[test]
    fn a_mosaic_has_room_for_every_channel_and_is_no_larger_than_it_must_be() {
        for (channels, side) in [(1, 1), (3, 224), (64, 112), (512, 7), (2048, 7), (64, 224), (1, 32)] {
            let page = LayerHeat::of(Array3::zeros((channels, side, side)).view()).mosaic();
            let pixels = page.width().max(page.height());
            assert!((48..2600).contains(&pixels), "{channels} of {side}: {pixels}");
        }
    }

    #[test]
    fn every_cell_is_a_square_of_the_same_size() {
        let map = Map::from_shape_fn((3, 3), |(y, x)| (3 * y + x) as f32 / 8.0);
        let page = mosaic(&[cells(&map, Sign::Positive), cells(&map, Sign::Positive)], 5);
        assert_eq!(page.dimensions(), (2 + 2 * (15 + 2), 2 + 15 + 2));
        for (x, y) in (0..15).flat_map(|y| (0..15).map(move |x| (x, y))) {
            let colour = Colormap::default().colour(map[[y / 5, x / 5]]);
            for left in [2, 19] {
                assert_eq!(page.get_pixel(left + x as u32, 2 + y as u32).0, colour, "{x} {y}");
            }
        }
        assert_eq!(mosaic(&[], 3).dimensions(), (2, 1));
    }

    #[test]
    fn values_well_below_zero_have_a_sign() {
        let heat = |low: f32| LayerHeat::of(ndarray::array![[[low, 4.0]], [[2.0, f32::NAN]]].view());
        assert_eq!((heat(-0.4).sign, heat(-4.0).sign, heat(0.0).scale), (Sign::Positive, Sign::Signed, 4.0));
        assert_eq!(*heat(-4.0).maps[1], ndarray::array![[0.5, 0.0]]);
    }
}
