//! Superpixels: an image divided into regions of like colour, which explanations hide and show as a whole.
//!
//! Quickshift, SLIC and Felzenszwalb's graph segmentation, each as scikit-image 0.26 computes it, and a plain grid. Regions
//! are numbered from 0 in the order in which a reader meets them, without gaps.

mod felzenszwalb;
mod lab;
mod outlines;
mod quickshift;
mod slic;
mod smooth;

use std::sync::Arc;

use image::RgbImage;
use ndarray::Array2;

pub use felzenszwalb::Felzenszwalb;
pub use lab::lab;
pub(super) use outlines::Outlines;
pub use quickshift::Quickshift;
pub use slic::Slic;

/// Three values at each pixel, `[H, W]`.
pub type Field = Array2<[f64; 3]>;

/// Asked again and again by what takes a while: whether nobody wants the result any more.
pub type Stop<'a> = dyn Fn() -> bool + Sync + 'a;

/// The superpixel of each pixel, `[H, W]`, from 0 to `count - 1`; every number occurs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// The number at each pixel; shared with whoever looks at a map of them.
    pub pixels: Arc<Array2<u32>>,
    /// How many there are.
    pub count: usize,
}

impl Labels {
    /// Numbers the regions anew, in the order of their first pixels. Pixels belong together where `raw` is equal.
    pub fn from_raw(raw: &Array2<usize>) -> Labels {
        let mut numbers = std::collections::HashMap::new();
        let pixels = raw.map(|region| {
            let next = numbers.len() as u32;
            *numbers.entry(*region).or_insert(next)
        });
        Labels { pixels: Arc::new(pixels), count: numbers.len() }
    }

    /// How many pixels each superpixel has.
    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.count];
        for label in &*self.pixels {
            sizes[*label as usize] += 1;
        }
        sizes
    }
}

/// Rectangles of nearly the same size, `rows` times `columns` of them, as far as there are pixels.
pub fn grid(height: usize, width: usize, rows: usize, columns: usize) -> Labels {
    let (rows, columns) = (rows.clamp(1, height.max(1)), columns.clamp(1, width.max(1)));
    let raw = Array2::from_shape_fn((height, width), |(y, x)| (y * rows / height) * columns + x * columns / width);
    Labels::from_raw(&raw)
}

/// An image's colours as they are stored, in `[0, 1]`.
fn unit_rgb(image: &RgbImage) -> Field {
    let (height, width) = (image.height() as usize, image.width() as usize);
    Field::from_shape_fn((height, width), |(y, x)| {
        image.get_pixel(x as u32, y as u32).0.map(|value| f64::from(value) / 255.0)
    })
}

/// The squared distance of two colours.
fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    (0..3).map(|channel| (a[channel] - b[channel]).powi(2)).sum()
}

/// A forest of pixels: each knows its parent, roots know themselves.
struct Forest(Vec<usize>);

impl Forest {
    /// Every pixel its own root.
    fn of_roots(count: usize) -> Forest {
        Forest((0..count).collect())
    }

    /// The root of a pixel's tree; the way there is shortened for the next one who asks.
    fn root(&mut self, pixel: usize) -> usize {
        let mut root = pixel;
        while self.0[root] != root {
            root = self.0[root];
        }
        let mut here = pixel;
        while self.0[here] != root {
            here = std::mem::replace(&mut self.0[here], root);
        }
        root
    }

    /// The root of each pixel of an image.
    fn flatten(mut self, height: usize, width: usize) -> Array2<usize> {
        Array2::from_shape_fn((height, width), |(y, x)| self.root(y * width + x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_grid_covers_the_image_with_nearly_equal_cells() {
        let labels = grid(7, 10, 2, 3);
        assert_eq!(labels.count, 6);
        assert_eq!(labels.sizes().iter().sum::<usize>(), 70);
        assert!(labels.sizes().iter().all(|size| (9..=16).contains(size)), "{:?}", labels.sizes());
        assert_eq!(grid(2, 2, 8, 8).count, 4);
    }

    #[test]
    fn nobody_waits_for_what_is_not_wanted_any_more() {
        let image = RgbImage::from_pixel(30, 30, image::Rgb([80, 90, 100]));
        assert_eq!(Quickshift::default().segment(&image, &|| true), None);
        assert_eq!(Slic::default().segment(&image, &|| true), None);
    }

    #[test]
    fn regions_are_numbered_as_they_are_met() {
        let labels = Labels::from_raw(&array![[9, 9, 4], [9, 4, 4]]);
        assert_eq!((&*labels.pixels, labels.count), (&array![[0, 0, 1], [0, 1, 1]], 2));
    }

    /// One colour, one pixel, one row: nothing divides by zero or walks off the edge.
    #[test]
    fn odd_images_are_segmented_too() {
        for (width, height) in [(1, 1), (1, 9), (9, 1), (12, 12)] {
            let image = RgbImage::from_pixel(width, height, image::Rgb([80, 90, 100]));
            let found = [
                Quickshift::default().segment(&image, &|| false).unwrap(),
                Slic::default().segment(&image, &|| false).unwrap(),
                Felzenszwalb::default().segment(&image),
            ];
            for labels in found {
                assert!(labels.count >= 1 && labels.sizes().iter().all(|size| *size > 0), "{width}x{height}");
            }
        }
    }
}
