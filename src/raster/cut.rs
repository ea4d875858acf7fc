//! A window cut from a picture and from what lies over it, with a frame around one of its pixels.
//!
//! It is cut before anything is encoded, so that it looks the same whatever draws it.

use std::sync::Arc;

use image::imageops::{self, FilterType};

use super::{Composition, Frame, Region};

/// A window with fewer pixels than this along its longer side is enlarged to so many, each of its pixels a square.
const ENLARGED: u32 = 480;
/// Windows of more pixels than this along the longer side are shown as pictures are, smooth.
const SMOOTH: u32 = 120;
/// A frame is at least this share of the window wide.
const FRAME: u32 = 40;
/// Its lines have one in so many of the window's pixels.
const LINES: u32 = 240;

/// A window of a picture, in the picture's pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cut {
    /// Width and height of the whole picture.
    pub whole: (u32, u32),
    /// The window's left edge.
    pub x: u32,
    /// Its upper edge.
    pub y: u32,
    /// Its width.
    pub width: u32,
    /// Its height.
    pub height: u32,
    /// The pixel that is framed.
    pub at: (u32, u32),
}

impl Cut {
    /// The window of a picture of `whole` pixels that shows one in `2^level` of its width and height around a pixel, as far
    /// as there are pixels around it.
    pub fn new(whole: (u32, u32), level: u32, at: (u32, u32)) -> Cut {
        let side = |side: u32| (side >> level.min(31)).clamp(1, side.max(1));
        let (width, height) = (side(whole.0), side(whole.1));
        let start = |at: u32, side: u32, whole: u32| at.saturating_sub(side / 2).min(whole.saturating_sub(side));
        Cut { whole, x: start(at.0, width, whole.0), y: start(at.1, height, whole.1), width, height, at }
    }

    /// Where a place of the window is in the whole picture; both in shares of width and height.
    pub fn outward(&self, across: f32, down: f32) -> (f32, f32) {
        let share =
            |share: f32, start: u32, side: u32, whole: u32| (start as f32 + share * side as f32) / whole.max(1) as f32;
        (share(across, self.x, self.width, self.whole.0), share(down, self.y, self.height, self.whole.1))
    }

    /// How much a pixel of the window is enlarged before it is drawn.
    fn factor(&self) -> u32 {
        let longer = self.width.max(self.height).max(1);
        if longer > SMOOTH { 1 } else { ENLARGED.div_ceil(longer) }
    }

    /// Cuts the window out.
    pub(super) fn cut(&self, composition: Composition) -> Composition {
        let factor = self.factor();
        let moved = |region: Region| {
            let region = Region { x: region.x - self.x as f32, y: region.y - self.y as f32, ..region };
            region.scaled(factor as f32, factor as f32)
        };
        let part = imageops::crop_imm(composition.base.as_ref(), self.x, self.y, self.width, self.height).to_image();
        let base = if factor > 1 {
            imageops::resize(&part, self.width * factor, self.height * factor, FilterType::Nearest)
        } else {
            part
        };
        let pixel = self.frame(base.dimensions(), factor);
        Composition {
            base: Arc::new(base),
            heat: composition.heat.map(|mut heat| {
                heat.region = moved(heat.region);
                heat
            }),
            superpixels: composition.superpixels.map(|mut superpixels| {
                superpixels.region = moved(superpixels.region);
                superpixels
            }),
            boxes: composition
                .boxes
                .into_iter()
                .map(|frame| frame.moved(factor as f32, moved))
                .chain([pixel])
                .collect(),
            ..composition
        }
    }

    /// The frame around the pixel, or around it and its neighbours where it is too small to be framed.
    fn frame(&self, (width, height): (u32, u32), factor: u32) -> Frame {
        let longer = width.max(height);
        let grown = ((longer / FRAME).max(3).saturating_sub(factor) / 2) as f32;
        let start = |at: u32, from: u32| (at.saturating_sub(from) * factor) as f32 - grown;
        let side = factor as f32 + 2.0 * grown;
        let place = Region { x: start(self.at.0, self.x), y: start(self.at.1, self.y), width: side, height: side };
        Frame { place, width: (longer / LINES).max(1) as f32 }
    }
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};
    use ndarray::Array2;

    use super::*;
    use crate::raster::{Colormap, Heat, Sign};

    #[test]
    fn a_window_stays_on_the_picture_and_keeps_its_pixel_inside() {
        for level in 0..12 {
            for at in [(0, 0), (639, 479), (320, 240), (5, 470)] {
                let cut = Cut::new((640, 480), level, at);
                assert!(cut.x + cut.width <= 640 && cut.y + cut.height <= 480, "{cut:?}");
                assert!((cut.x..cut.x + cut.width).contains(&at.0), "{cut:?}");
                assert!((cut.y..cut.y + cut.height).contains(&at.1), "{cut:?}");
            }
        }
        assert_eq!(Cut::new((640, 480), 1, (320, 240)).outward(0.5, 0.5), (0.5, 0.5));
    }

    #[test]
    fn picture_and_heat_are_cut_at_the_same_place() {
        let base = RgbImage::from_fn(64, 64, |x, y| Rgb([if (x, y) == (40, 24) { 250 } else { 10 }; 3]));
        let mut map = Array2::zeros((64, 64));
        map[[24, 40]] = 1.0;
        let heat = Heat {
            map: Arc::new(map),
            sign: Sign::Positive,
            region: Region::whole(64, 64),
            colormap: Colormap::Grey,
            opacity: 1.0,
        };
        let whole =
            Composition { base: Arc::new(base), show_base: true, heat: Some(heat), superpixels: None, boxes: vec![] };
        let cut = Cut::new((64, 64), 3, (40, 24));
        let shown = cut.cut(whole);
        let (width, height) = shown.size();
        assert_eq!(width, height);
        let side = width / cut.width;
        let centre = ((40 - cut.x) * side + side / 2, (24 - cut.y) * side + side / 2);
        assert_eq!(shown.base.get_pixel(centre.0, centre.1).0, [250; 3], "the pixel itself is left as it is");
        let over = Composition { boxes: vec![], ..shown.clone() }.overlay(width, height);
        let hottest =
            over.enumerate_pixels().max_by_key(|(_, _, pixel)| pixel[3]).map(|(x, y, _)| (x / side, y / side));
        assert_eq!(hottest, Some((40 - cut.x, 24 - cut.y)));
        // The frame is seen whatever else is.
        for show_base in [true, false] {
            let pixels = Composition { show_base, ..shown.clone() }.render(width, height);
            let is_white = |x: u32, y: u32| pixels.get_pixel(x, y).0 == [255; 3];
            let (x, y) = ((40 - cut.x) * side, (24 - cut.y) * side);
            assert!((x..x + side).all(|x| is_white(x, y - 1) && is_white(x, y + side)), "above it and below");
            assert!((y..y + side).all(|y| is_white(x - 1, y) && is_white(x + side, y)), "and beside it");
        }
    }
}
