//! Superpixels as lines over a picture, at the picture's resolution rather than at the model's.

use image::{Rgba, RgbaImage};
use ndarray::Array2;

use crate::raster::Region;
use crate::raster::composite::between;

/// A light line with a dark one beside it can be seen on any picture.
const LIGHT: Rgba<u8> = Rgba([255, 255, 255, 220]);
const DARK: Rgba<u8> = Rgba([0, 0, 0, 140]);
/// The superpixel that stands out: a colour that no map for signed values has.
const MARK: Rgba<u8> = Rgba([255, 221, 0, 255]);
/// Below this side, in pixels, there is no room for the dark line.
const SMALL: u32 = 200;
/// Pixels of a picture's shorter side for each pixel of the mark's width.
const MARK_SHARE: u32 = 160;

/// Which superpixel each pixel of a picture belongs to.
pub(in crate::raster) struct Outlines<'a> {
    labels: &'a Array2<u32>,
    size: (u32, u32),
    /// The pixel of `labels` that each pixel of the picture shows, row by row; none outside of the region.
    sources: Vec<Option<[usize; 2]>>,
}

impl<'a> Outlines<'a> {
    /// For a picture of `size` pixels, with the labels stretched over `region` of it. Where a pixel lies between several of
    /// the labels it belongs to the nearest ones' majority, so that enlarged corners are cut rather than stepped.
    pub(in crate::raster) fn new(labels: &'a Array2<u32>, region: Region, size: (u32, u32)) -> Outlines<'a> {
        let inside = |share: f32| (0.0..=1.0).contains(&share);
        let source = |x: u32, y: u32| {
            let (u, v) = ((x as f32 + 0.5 - region.x) / region.width, (y as f32 + 0.5 - region.y) / region.height);
            (inside(u) && inside(v) && !labels.is_empty()).then(|| winner(labels, u, v))
        };
        let sources = (0..size.1).flat_map(|y| (0..size.0).map(move |x| (x, y))).map(|(x, y)| source(x, y)).collect();
        Outlines { labels, size, sources }
    }

    /// The row and column of the label that a pixel shows.
    pub(in crate::raster) fn source(&self, x: u32, y: u32) -> Option<[usize; 2]> {
        let (width, height) = self.size;
        if x < width && y < height { self.sources[(y * width + x) as usize] } else { None }
    }

    fn label(&self, x: u32, y: u32) -> Option<u32> {
        self.source(x, y).map(|at| self.labels[at])
    }

    /// Whether a pixel `step` further, right or down, left or up, belongs to another superpixel.
    fn ends(&self, x: u32, y: u32, step: i64) -> bool {
        let own = self.label(x, y);
        let there = |dx: i64, dy: i64| {
            let (x, y) = (u32::try_from(i64::from(x) + dx), u32::try_from(i64::from(y) + dy));
            x.ok().zip(y.ok()).and_then(|(x, y)| self.label(x, y))
        };
        [there(step, 0), there(0, step)].into_iter().any(|other| other.is_some() && other != own)
    }

    /// Draws a line where one superpixel ends and the next begins.
    pub(in crate::raster) fn draw(&self, over: &mut RgbaImage) {
        let has_room = self.size.0.min(self.size.1) >= SMALL;
        for (x, y, pixel) in over.enumerate_pixels_mut().filter(|(x, y, _)| self.label(*x, *y).is_some()) {
            if self.ends(x, y, 1) {
                *pixel = LIGHT;
            } else if has_room && self.ends(x, y, -1) {
                *pixel = DARK;
            }
        }
    }

    /// Draws a strong line around one superpixel, inside of it.
    pub(in crate::raster) fn mark(&self, over: &mut RgbaImage, marked: u32) {
        let width = i64::from((self.size.0.min(self.size.1) / MARK_SHARE).clamp(1, 4));
        for (x, y, pixel) in over.enumerate_pixels_mut() {
            if self.label(x, y) == Some(marked)
                && (1..=width).any(|step| self.ends(x, y, step) || self.ends(x, y, -step))
            {
                *pixel = MARK;
            }
        }
    }
}

/// The row and column of the label at `u`, `v` in `[0, 1]` of the width and height: of the four around it, one of those whose
/// label has the most weight by bilinear interpolation.
fn winner(labels: &Array2<u32>, u: f32, v: f32) -> [usize; 2] {
    let (height, width) = labels.dim();
    let ((left, right, x), (top, bottom, y)) = (between(u, width), between(v, height));
    let corners = [
        ([top, left], (1.0 - y) * (1.0 - x)),
        ([top, right], (1.0 - y) * x),
        ([bottom, left], y * (1.0 - x)),
        ([bottom, right], y * x),
    ];
    let votes = |at: [usize; 2]| {
        let same = corners.iter().filter(|(other, _)| labels[*other] == labels[at]);
        same.map(|(_, weight)| weight).sum::<f32>()
    };
    let mut best = (corners[0].0, votes(corners[0].0));
    for (at, _) in &corners[1..] {
        if votes(*at) > best.1 {
            best = (*at, votes(*at));
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    /// Three superpixels: two columns, the right one cut in two. With a mark, only that.
    fn drawn(marked: Option<u32>) -> RgbaImage {
        let labels = array![[0, 1], [0, 2]];
        let mut over = RgbaImage::new(12, 10);
        let outlines = Outlines::new(&labels, Region { x: 0.0, y: 0.0, width: 10.0, height: 10.0 }, (12, 10));
        match marked {
            Some(marked) => outlines.mark(&mut over, marked),
            None => outlines.draw(&mut over),
        }
        over
    }

    fn inked(over: &RgbaImage) -> Vec<(u32, u32)> {
        over.enumerate_pixels().filter(|(_, _, pixel)| pixel[3] > 0).map(|(x, y, _)| (x, y)).collect()
    }

    #[test]
    fn lines_run_between_superpixels_and_not_around_the_picture_or_outside_of_the_region() {
        let over = drawn(None);
        let mut expected: Vec<(u32, u32)> = (0..10).map(|y| (4, y)).chain((5..10).map(|x| (x, 4))).collect();
        expected.sort_by_key(|(x, y)| (*y, *x));
        // Where all three meet, corners are cut.
        let apart = |places: Vec<(u32, u32)>| -> Vec<(u32, u32)> {
            places.into_iter().filter(|(x, y)| x.abs_diff(5) > 1 || y.abs_diff(4) > 1).collect()
        };
        assert_eq!(apart(inked(&over)), apart(expected));
    }

    #[test]
    fn a_marked_superpixel_is_outlined_inside_of_itself() {
        let over = drawn(Some(2));
        let inked = inked(&over);
        assert!(inked.iter().all(|(x, y)| *x >= 5 && *y >= 5), "{inked:?}");
        assert!(inked.contains(&(5, 9)) && inked.contains(&(9, 5)) && !inked.contains(&(7, 7)), "{inked:?}");
    }

    #[test]
    fn enlarged_corners_are_cut() {
        let labels = Array2::from_shape_fn((2, 2), |(y, x)| u32::from(x + y > 0));
        let outlines = Outlines::new(&labels, Region::whole(20, 20), (20, 20));
        assert_eq!(outlines.label(0, 0), Some(0));
        assert_eq!(outlines.label(9, 9), Some(1), "three of the four around it are others");
    }
}
