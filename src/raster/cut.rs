//! A window cut from a picture and from what lies over it, with a frame around one of its pixels.
//!
//! It is cut before anything is encoded, so that it looks the same whatever draws it.

use std::sync::Arc;

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

use super::{Composition, Region};

/// A window with fewer pixels than this along its longer side is enlarged to so many, each of its pixels a square.
const ENLARGED: u32 = 480;
/// Windows of more pixels than this along the longer side are shown as pictures are, smooth.
const SMOOTH: u32 = 120;
/// A frame is at least this share of the window wide.
const FRAME: u32 = 40;

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
        let mut base = if factor > 1 {
            imageops::resize(&part, self.width * factor, self.height * factor, FilterType::Nearest)
        } else {
            part
        };
        self.frame(&mut base, factor);
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
            boxes: composition.boxes.into_iter().map(moved).collect(),
            ..composition
        }
    }

    /// Frames the pixel, in black and white so that it is seen on anything.
    fn frame(&self, base: &mut RgbImage, factor: u32) {
        let (width, height) = base.dimensions();
        let longer = width.max(height);
        let thick = i64::from((longer / 240).max(1));
        let least = i64::from((longer / FRAME).max(3));
        let left = i64::from((self.at.0 - self.x.min(self.at.0)) * factor);
        let top = i64::from((self.at.1 - self.y.min(self.at.1)) * factor);
        let side = i64::from(factor);
        // Around the pixel, and around its neighbours where it is too small to be framed.
        let grown = ((least - side) / 2).max(0);
        let inner = (left - grown, top - grown, left + side + grown, top + side + grown);
        for (distance, colour) in [(2 * thick, Rgb([0; 3])), (thick, Rgb([255; 3]))] {
            let outer = (inner.0 - distance, inner.1 - distance, inner.2 + distance, inner.3 + distance);
            for y in outer.1.max(0)..outer.3.min(i64::from(height)) {
                for x in outer.0.max(0)..outer.2.min(i64::from(width)) {
                    let is_inside = (inner.0..inner.2).contains(&x) && (inner.1..inner.3).contains(&y);
                    if !is_inside {
                        base.put_pixel(x as u32, y as u32, colour);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
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
        let over = shown.overlay(width, height);
        let hottest =
            over.enumerate_pixels().max_by_key(|(_, _, pixel)| pixel[3]).map(|(x, y, _)| (x / side, y / side));
        assert_eq!(hottest, Some((40 - cut.x, 24 - cut.y)));
        let white = shown.base.pixels().filter(|pixel| pixel.0 == [255; 3]).count();
        assert!(white > 0, "a frame around it");
    }
}
