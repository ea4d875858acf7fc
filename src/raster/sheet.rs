//! Small pictures of one size as one, each with a map over it: a contact sheet.

use std::sync::Arc;

use image::{RgbImage, imageops};

use super::resize::{Corners, resize_map};
use super::{Colouring, Composition, Frame, Heat, Map, Region, Sign};

/// The share of a picture, one in so many of its pixels, that is left black beside it.
const GAP: u32 = 48;
/// A frame is one in so many of a picture's pixels thick.
const FRAME: u32 = 32;
/// Cells along a side of a map: fine enough that neighbours hardly run into each other.
const CELLS: usize = 56;

/// Pictures to be laid out in rows.
#[derive(Debug, Clone)]
pub struct Sheet {
    /// The pictures, in reading order; larger ones are reduced. The place of one that is missing is black.
    pub pictures: Vec<Option<Arc<RgbImage>>>,
    /// Width and height of a picture, in pixels.
    pub size: (u32, u32),
    /// Whether a pixel of a picture is a cell: then it becomes as large a square as there is room for.
    pub cells: bool,
    /// Whether pictures are seen, or only their places taken.
    pub show_base: bool,
    /// Which of them is framed.
    pub framed: Option<usize>,
    /// What lies over each of them, `[h, w]`.
    pub maps: Vec<Arc<Map>>,
    /// The place in each of them that is framed, in shares of its width and height; none where nothing is. As many as
    /// pictures, or fewer.
    pub boxes: Vec<Option<Region>>,
    /// The value that the strongest colour stands for, in all of them.
    pub scale: f32,
    /// How values become colours.
    pub colouring: Colouring,
}

impl Sheet {
    /// Columns of a sheet of `count`: as many as rows, or one more.
    pub fn columns(count: usize) -> usize {
        let side = count.isqrt();
        (side + usize::from(side * side < count)).max(1)
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        let columns = Sheet::columns(self.pictures.len()) as u32;
        let rows = (self.pictures.len() as u32).div_ceil(columns).max(1);
        (columns * self.size.0, rows * self.size.1)
    }

    /// Whether anything lies over the pictures.
    pub fn has_overlay(&self) -> bool {
        !self.maps.is_empty() || self.framed.is_some() || self.boxes.iter().any(Option::is_some)
    }

    /// Lays them out.
    pub(super) fn compose(&self) -> Composition {
        let base = self.lay_out_pictures();
        let region = Region::whole(base.width(), base.height());
        let Colouring { sign, colormap, opacity } = self.colouring;
        let heat = || Heat { map: Arc::new(self.lay_out_maps()), sign, region, colormap, opacity };
        Composition {
            show_base: self.show_base,
            heat: (!self.maps.is_empty()).then(heat),
            base: Arc::new(base),
            superpixels: None,
            boxes: self.lay_out_boxes(),
        }
    }

    fn lay_out_pictures(&self) -> RgbImage {
        let (width, height) = self.size;
        let (all_across, all_down) = self.size();
        let columns = Sheet::columns(self.pictures.len()) as u32;
        let mut sheet = RgbImage::new(all_across, all_down);
        let gap = self.gap();
        for (number, picture) in (0..).zip(&self.pictures) {
            let Some(picture) = picture else { continue };
            let reduced = (picture.width() > width || picture.height() > height)
                .then(|| imageops::thumbnail(picture.as_ref(), width, height));
            let picture = reduced.as_ref().unwrap_or(picture);
            let enlarged = self.cells.then(|| enlarged(picture, width / picture.width().max(1)));
            let picture = enlarged.as_ref().unwrap_or(picture);
            let (left, top) = (number % columns * width, number / columns * height);
            let across = 3 * width.saturating_sub(gap).min(picture.width()) as usize;
            for y in 0..height.saturating_sub(gap).min(picture.height()) {
                let from = (y * picture.width()) as usize * 3;
                let to = ((top + y) * all_across + left) as usize * 3;
                sheet.as_mut()[to..to + across].copy_from_slice(&picture.as_raw()[from..from + across]);
            }
        }
        sheet
    }

    /// The boxes in the places of the pictures, and the frame of the picture that has one, in pixels.
    fn lay_out_boxes(&self) -> Vec<Frame> {
        let count = self.pictures.len();
        let columns = Sheet::columns(count);
        let (width, height) = (self.size.0 as f32, self.size.1 as f32);
        let moved = |number: usize, share: Region| {
            let (left, top) = ((number % columns) as f32 * width, (number / columns) as f32 * height);
            let share = share.scaled(width, height);
            Region { x: left + share.x, y: top + share.y, ..share }
        };
        let boxes = self.boxes.iter().enumerate().filter(|(number, _)| *number < count);
        let boxes = boxes.filter_map(|(number, share)| Some(Frame { place: moved(number, (*share)?), width: 0.0 }));
        let framed = self.framed.filter(|number| *number < count).map(|number| {
            // Within its picture.
            let (gap, thick) = (self.gap() as f32, (self.size.0.min(self.size.1) / FRAME).max(1) as f32);
            let Region { x, y, width, height } = moved(number, Region::whole(1, 1));
            let inner = |side: f32| (side - gap - 4.0 * thick).max(1.0);
            let place = Region { x: x + 2.0 * thick, y: y + 2.0 * thick, width: inner(width), height: inner(height) };
            Frame { place, width: thick }
        });
        boxes.chain(framed).collect()
    }

    /// Pixels between two pictures; what stands alone needs nothing around it.
    fn gap(&self) -> u32 {
        if self.pictures.len() > 1 { (self.size.0.min(self.size.1) / GAP).max(1) } else { 0 }
    }

    /// The maps in the places of the pictures, each stretched over its own; NaN where there is none.
    fn lay_out_maps(&self) -> Map {
        let columns = Sheet::columns(self.maps.len());
        let rows = self.maps.len().div_ceil(columns).max(1);
        let low = if self.colouring.sign == Sign::Signed { -1.0 } else { 0.0 };
        let shown = |value: &f32| if value.is_finite() { (value / self.scale).clamp(low, 1.0) } else { 0.0 };
        let mut sheet = Map::from_elem((rows * CELLS, columns * CELLS), f32::NAN);
        for (number, map) in self.maps.iter().enumerate() {
            let (top, left) = (number / columns * CELLS, number % columns * CELLS);
            for ((y, x), value) in resize_map(&map.map(shown), CELLS, CELLS, Corners::Edges).indexed_iter() {
                sheet[[top + y, left + x]] = *value;
            }
        }
        sheet
    }
}

/// A picture of which each pixel is a square of so many.
fn enlarged(picture: &RgbImage, factor: u32) -> RgbImage {
    let factor = factor.max(1);
    RgbImage::from_fn(picture.width() * factor, picture.height() * factor, |x, y| {
        *picture.get_pixel(x / factor, y / factor)
    })
}

#[cfg(test)]
mod tests {
    use image::Rgb;
    use ndarray::array;

    use super::*;
    use crate::raster::Colormap;

    fn sheet(pictures: Vec<Option<RgbImage>>, maps: Vec<Map>) -> Sheet {
        Sheet {
            pictures: pictures.into_iter().map(|picture| picture.map(Arc::new)).collect(),
            size: (8, 6),
            cells: false,
            show_base: true,
            framed: None,
            maps: maps.into_iter().map(Arc::new).collect(),
            boxes: vec![],
            scale: 2.0,
            colouring: Colouring { sign: Sign::Positive, colormap: Colormap::default(), opacity: 0.6 },
        }
    }

    #[test]
    fn pictures_and_maps_stand_in_the_same_places() {
        let picture = |width, height| Some(RgbImage::from_pixel(width, height, Rgb([200; 3])));
        let maps = vec![array![[2.0, 2.0], [2.0, 2.0]]; 3];
        let sheet = sheet(vec![picture(8, 6), None, picture(8, 6)], maps);
        let pixels = sheet.lay_out_pictures();
        assert_eq!((pixels.dimensions(), sheet.size()), ((16, 12), (16, 12)));
        let lit = |x, y| pixels.get_pixel(x, y).0 == [200; 3];
        assert!(lit(0, 0) && lit(6, 4) && !lit(7, 4) && !lit(6, 5), "a gap on the right and below");
        assert!(!lit(9, 1) && lit(1, 7) && !lit(9, 7));
        let maps = sheet.lay_out_maps();
        assert_eq!(maps.dim(), (2 * CELLS, 2 * CELLS));
        let last = 2 * CELLS - 1;
        assert!(maps[[last, last]].is_nan() && [maps[[0, last]], maps[[last, 0]]] == [1.0, 1.0]);
    }

    #[test]
    fn a_frame_stands_within_its_picture_and_is_seen_with_heat_and_without_a_picture() {
        let picture = || Some(RgbImage::from_pixel(48, 36, Rgb([100; 3])));
        let mut sheet = Sheet { size: (48, 36), ..sheet(vec![picture(), picture()], vec![Map::zeros((2, 2)); 2]) };
        sheet.framed = Some(1);
        for show_base in [true, false] {
            sheet.show_base = show_base;
            let pixels = sheet.compose().render(96, 36);
            let at = |x, y| pixels.get_pixel(x, y).0;
            assert_eq!([at(48, 0), at(94, 34), at(49, 1), at(93, 33)], [[0; 3], [0; 3], [255; 3], [255; 3]]);
            assert!(![[0; 3], [255; 3]].contains(&at(51, 3)) && at(0, 0) != [0; 3], "{show_base}");
        }
    }

    #[test]
    fn larger_pictures_are_reduced_to_their_places() {
        let half = RgbImage::from_fn(80, 60, |x, _| Rgb([if x < 40 { 0 } else { 200 }; 3]));
        let pixels = sheet(vec![Some(half)], vec![]).lay_out_pictures();
        assert_eq!(
            (pixels.dimensions(), pixels.get_pixel(1, 1).0, pixels.get_pixel(6, 1).0),
            ((8, 6), [0; 3], [200; 3])
        );
    }

    #[test]
    fn a_box_is_framed_in_its_picture_and_its_inside_left_alone() {
        let plain = || Some(RgbImage::from_pixel(60, 60, Rgb([90; 3])));
        let mut sheet = Sheet { size: (60, 60), ..sheet(vec![plain(), plain(), plain(), plain()], vec![]) };
        sheet.boxes = vec![None, Some(Region { x: 0.25, y: 0.5, width: 0.5, height: 0.25 })];
        assert!(sheet.has_overlay());
        let pixels = sheet.compose().render(120, 120);
        let changed: Vec<(u32, u32)> = pixels
            .enumerate_pixels()
            .filter(|(.., pixel)| ![90, 0].contains(&pixel[0]))
            .map(|(x, y, _)| (x, y))
            .collect();
        let (left, right) = changed.iter().fold((u32::MAX, 0), |(low, high), (x, _)| (low.min(*x), high.max(*x)));
        let (top, bottom) = changed.iter().fold((u32::MAX, 0), |(low, high), (_, y)| (low.min(*y), high.max(*y)));
        assert!((72..=75).contains(&left) && (104..=107).contains(&right), "{left} {right}");
        assert!((27..=30).contains(&top) && (44..=47).contains(&bottom), "{top} {bottom}");
        assert_eq!(pixels.get_pixel(90, 37), &Rgb([90; 3]));
    }

    #[test]
    fn a_sheet_is_as_square_as_it_can_be() {
        assert_eq!([0, 1, 2, 3, 4, 5, 9].map(Sheet::columns), [1, 1, 2, 2, 2, 3, 3]);
        let empty = sheet(vec![], vec![]);
        assert_eq!((empty.lay_out_pictures().dimensions(), empty.has_overlay()), ((8, 6), false));
    }
}
