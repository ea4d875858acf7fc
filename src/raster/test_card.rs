//! A picture that shows at a glance what a terminal gets wrong: proportions, edges, colours, transparency.

use std::sync::Arc;

use image::{Rgb, RgbImage};

use super::{Colormap, Composition, Heat, Map, Region, Sign};

/// Pixels along a side. Everything on the card is placed in eighths of it.
const SIDE: u32 = 320;
/// Cells of the heat along a side.
const CELLS: usize = 16;
/// What everything lies on.
const GROUND: [u8; 3] = [64, 72, 80];
/// The full colours and their mixtures.
const COLOURS: [[u8; 3]; 6] = [[255, 0, 0], [255, 255, 0], [0, 255, 0], [0, 255, 255], [0, 0, 255], [255, 0, 255]];

/// A square with a white frame along its very edge, a circle, six colours above and a grey ramp below it, and a warm spot
/// in the middle of its right half, laid over it as explanations are.
pub fn test_card() -> Composition {
    let base = RgbImage::from_fn(SIDE, SIDE, |x, y| Rgb(colour(x, y)));
    let spot = |(row, column): (usize, usize)| {
        let from = |place: usize, middle: f32| (place as f32 + 0.5) / CELLS as f32 - middle;
        (-60.0 * (from(row, 0.5).powi(2) + from(column, 0.75).powi(2))).exp()
    };
    let heat = Heat {
        map: Arc::new(Map::from_shape_fn((CELLS, CELLS), spot)),
        sign: Sign::Positive,
        region: Region::whole(SIDE, SIDE),
        colormap: Colormap::default(),
        opacity: 0.8,
    };
    Composition { base: Arc::new(base), show_base: true, heat: Some(heat), superpixels: None, boxes: vec![] }
}

/// Two pictures that look the same where they lie side by side: plain grey with heat over it, to be sent as explanations are,
/// and the same with the heat in it. Where a terminal mixes colours in another way than is thought, an edge is between them.
pub fn halves() -> [Composition; 2] {
    let base = RgbImage::from_pixel(SIDE / 2, SIDE, Rgb(GROUND));
    let heat = Heat {
        // Coldest at both ends, and nothing changes from left to right.
        map: Arc::new(Map::from_shape_fn((CELLS, 1), |(row, _)| {
            (std::f32::consts::PI * (row as f32 + 0.5) / CELLS as f32).sin()
        })),
        sign: Sign::Positive,
        region: Region::whole(SIDE / 2, SIDE),
        colormap: Colormap::default(),
        opacity: 0.6,
    };
    let laid =
        Composition { base: Arc::new(base), show_base: true, heat: Some(heat), superpixels: None, boxes: vec![] };
    let mixed = Composition { base: Arc::new(laid.render(SIDE / 2, SIDE)), heat: None, ..laid.clone() };
    [laid, mixed]
}

fn colour(x: u32, y: u32) -> [u8; 3] {
    let inset = x.min(y).min(SIDE - 1 - x).min(SIDE - 1 - y);
    if inset < 2 {
        return [255; 3];
    }
    let share = x as f32 / SIDE as f32;
    match 8 * y / SIDE {
        0 => return COLOURS[(share * COLOURS.len() as f32) as usize],
        7 => return [(share * 255.0) as u8; 3],
        _ => {}
    }
    let from_middle = |place: u32| place as f32 + 0.5 - SIDE as f32 / 2.0;
    let off_circle = (from_middle(x).hypot(from_middle(y)) - SIDE as f32 / 4.0).abs();
    if off_circle < 2.0 { [255; 3] } else { GROUND }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_card_has_a_frame_a_circle_colours_a_ramp_and_a_spot() {
        let card = test_card();
        let plain = card.base_at(SIDE, SIDE);
        let at = |x: u32, y: u32| plain.get_pixel(x, y).0;
        assert!((0..SIDE).all(|k| [at(k, 0), at(k, SIDE - 1), at(0, k), at(SIDE - 1, k)] == [[255; 3]; 4]));
        assert_eq!([at(20, 20), at(300, 20)], [[255, 0, 0], [255, 0, 255]]);
        assert!(at(10, 300)[0] < 20 && at(310, 300)[0] > 240);
        for (x, y) in [(160, 80), (160, 239), (80, 160), (239, 160)] {
            assert_eq!(at(x, y), [255; 3], "the circle has the same width and height");
        }
        let over = card.overlay(SIDE, SIDE);
        let alpha = |x: u32, y: u32| over.get_pixel(x, y).0[3];
        assert!(
            alpha(240, 160) > 180 && alpha(80, 160) < 50,
            "heat on the right, the picture shines through on the left"
        );
    }

    #[test]
    fn the_halves_are_one_picture_with_heat_over_it_and_in_it() {
        let [laid, mixed] = halves();
        assert!(laid.has_overlay() && !mixed.has_overlay());
        let (width, height) = laid.size();
        assert_eq!(laid.render(width, height), mixed.base_at(width, height));
        assert_ne!(laid.base, mixed.base);
    }
}
