//! Resizing: photographs as Pillow does it, maps as OpenCV and torch do it.
//!
//! A classifier's accuracy depends on how its input was resized in training, which was almost always Pillow (torchvision,
//! timm, transformers). [`resize`] repeats Pillow's arithmetic step by step: a convolution with the filter stretched to the
//! reduction, weights in fixed point with 22 bits, one pass across and one down with an 8-bit image in between.

use image::{GrayImage, ImageBuffer, Luma, Pixel, Rgb, RgbImage};

use super::Map;
use crate::kernels::{Taps, WEIGHT_BITS, blend_pixels, blend_rows};

/// The kernel of a resize.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Filter {
    /// The pixel at the centre, without antialiasing.
    Nearest,
    /// A triangle over 2 pixels (of the larger grid).
    #[default]
    Bilinear,
    /// A cubic with a = -0.5 over 4 pixels.
    Bicubic,
    /// A sinc in a window over 6 pixels.
    Lanczos,
}

impl Filter {
    /// Half of the kernel's width, in pixels of the larger grid.
    fn support(self) -> f64 {
        match self {
            Filter::Nearest => 0.0,
            Filter::Bilinear => 1.0,
            Filter::Bicubic => 2.0,
            Filter::Lanczos => 3.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        let x = x.abs();
        let sinc = |x: f64| if x == 0.0 { 1.0 } else { (x * std::f64::consts::PI).sin() / (x * std::f64::consts::PI) };
        match self {
            Filter::Bilinear => (1.0 - x).max(0.0),
            // Keys 1981, with a = -0.5.
            Filter::Bicubic if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
            Filter::Bicubic if x < 2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
            Filter::Lanczos if x < 3.0 => sinc(x) * sinc(x / 3.0),
            Filter::Nearest | Filter::Bicubic | Filter::Lanczos => 0.0,
        }
    }
}

/// The taps of the target pixels `window` of a row of `from` pixels that becomes `to` pixels.
fn taps(filter: Filter, from: usize, to: usize, window: std::ops::Range<usize>) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let support = filter.support() * stretch;
    if filter == Filter::Nearest {
        // Pillow adds up step by step, which counts where a centre falls between two pixels.
        let centres = std::iter::successors(Some(0.5 * scale), |centre| Some(centre + scale));
        let tap = |centre: f64| Taps { first: (centre as usize).min(from - 1), weights: vec![1 << WEIGHT_BITS] };
        return centres.skip(window.start).take(window.len()).map(tap).collect();
    }
    window
        .map(|target| {
            let centre = (target as f64 + 0.5) * scale;
            let first = (centre - support + 0.5).max(0.0) as usize;
            let end = ((centre + support + 0.5) as usize).min(from);
            let weights: Vec<f64> = (first..end).map(|x| filter.weight((x as f64 - centre + 0.5) / stretch)).collect();
            let sum: f64 = weights.iter().sum();
            let fixed = |weight: f64| (weight / sum * f64::from(1 << WEIGHT_BITS)).round() as i32;
            Taps { first, weights: weights.into_iter().map(fixed).collect() }
        })
        .collect()
}

/// A part of the target grid: the pixel at its top left, and its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Columns from the left.
    pub x: u32,
    /// Rows from the top.
    pub y: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// Resizes to `width` by `height` pixels as Pillow does.
pub fn resize(image: &RgbImage, width: u32, height: u32, filter: Filter) -> RgbImage {
    resize_window(image, width, height, Window { x: 0, y: 0, width, height }, filter)
}

/// The part `window` of [`resize`]'s result, without computing the rest. The window must lie inside the target.
pub fn resize_window(image: &RgbImage, width: u32, height: u32, window: Window, filter: Filter) -> RgbImage {
    convolve::<Rgb<u8>, 3>(image, width, height, window, filter)
}

/// [`resize_window`] for one channel.
pub fn resize_grey_window(image: &GrayImage, width: u32, height: u32, window: Window, filter: Filter) -> GrayImage {
    convolve::<Luma<u8>, 1>(image, width, height, window, filter)
}

type Pixels<P> = ImageBuffer<P, Vec<u8>>;

fn convolve<P, const N: usize>(image: &Pixels<P>, width: u32, height: u32, window: Window, filter: Filter) -> Pixels<P>
where
    P: Pixel<Subpixel = u8>,
{
    let Window { x, y, width: columns, height: rows } = window;
    let empty = image.width() == 0 || image.height() == 0 || columns == 0 || rows == 0;
    if empty || x + columns > width || y + rows > height {
        return ImageBuffer::new(columns, rows);
    }
    let across = taps(filter, image.width() as usize, width as usize, x as usize..(x + columns) as usize);
    let down = taps(filter, image.height() as usize, height as usize, y as usize..(y + rows) as usize);
    let needed_from = down.iter().map(|taps| taps.first).min().unwrap_or(0);
    let needed_to = down.iter().map(|taps| taps.first + taps.weights.len()).max().unwrap_or(0);
    let source = image.as_raw();
    let source_row = image.width() as usize * N;
    let row = columns as usize * N;

    let mut between = vec![0_u8; (needed_to - needed_from) * row];
    blend_pixels(&source[needed_from * source_row..], source_row, N, &across, &mut between);
    let mut target = vec![0_u8; rows as usize * row];
    for (target, Taps { first, weights }) in target.chunks_exact_mut(row).zip(&down) {
        let first = (first - needed_from) * row;
        blend_rows(&between[first..first + weights.len() * row], weights, target);
    }
    ImageBuffer::from_raw(columns, rows, target).unwrap_or_else(|| ImageBuffer::new(columns, rows))
}

/// Where the corners of the two grids meet when a map is resized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Corners {
    /// The edges of the corner pixels coincide: OpenCV, torch's `align_corners=False`.
    #[default]
    Edges,
    /// The centres of the corner pixels coincide: torch's `align_corners=True`.
    Centres,
}

/// Resizes a map to `[height, width]` by bilinear interpolation without antialiasing; beyond the outermost centres the
/// value is that of the edge.
pub fn resize_map(map: &Map, height: usize, width: usize, corners: Corners) -> Map {
    let (rows, columns) = map.dim();
    if rows == 0 || columns == 0 {
        return Map::zeros((height, width));
    }
    let down = positions(rows, height, corners);
    let across = positions(columns, width, corners);
    Map::from_shape_fn((height, width), |(y, x)| {
        let ((top, bottom, v), (left, right, u)) = (down[y], across[x]);
        let upper = map[[top, left]] * (1.0 - u) + map[[top, right]] * u;
        let lower = map[[bottom, left]] * (1.0 - u) + map[[bottom, right]] * u;
        upper * (1.0 - v) + lower * v
    })
}

/// For each target index the two source indices that it lies between, and how far it is from the first, in `[0, 1]`.
fn positions(from: usize, to: usize, corners: Corners) -> Vec<(usize, usize, f32)> {
    let position = |target: usize| match corners {
        Corners::Edges => (target as f64 + 0.5) * from as f64 / to as f64 - 0.5,
        Corners::Centres if to > 1 => target as f64 * (from - 1) as f64 / (to - 1) as f64,
        Corners::Centres => 0.0,
    };
    (0..to)
        .map(|target| {
            let position = position(target).clamp(0.0, (from - 1) as f64);
            let first = position as usize;
            (first, (first + 1).min(from - 1), (position - first as f64) as f32)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> std::path::PathBuf {
        std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/resize")
    }

    fn picture(name: &str) -> image::DynamicImage {
        image::open(folder().join(name)).unwrap()
    }

    fn map(name: &str) -> Map {
        let array = crate::raster::npy::read(std::fs::File::open(folder().join(name)).unwrap()).unwrap();
        array.into_dimensionality().unwrap()
    }

    const FILTERS: [(&str, Filter); 4] = [
        ("nearest", Filter::Nearest),
        ("bilinear", Filter::Bilinear),
        ("bicubic", Filter::Bicubic),
        ("lanczos", Filter::Lanczos),
    ];

    #[test]
    fn every_pixel_is_what_pillow_makes_of_it() {
        let source = picture("source.png").to_rgb8();
        for (name, filter) in FILTERS {
            for (width, height) in [(24, 17), (61, 20), (100, 90), (7, 47)] {
                let expected = picture(&format!("{name}-{width}x{height}.png")).to_rgb8();
                assert!(
                    resize(&source, width, height, filter) == expected,
                    "{name} {width}x{height} differs from Pillow"
                );
            }
        }
        let whole = Window { x: 0, y: 0, width: 24, height: 17 };
        let grey = resize_grey_window(&picture("grey.png").to_luma8(), 24, 17, whole, Filter::Bilinear);
        assert!(grey == picture("grey-bilinear-24x17.png").to_luma8(), "grey differs from Pillow");
    }

    #[test]
    fn a_window_is_a_part_of_the_whole() {
        let source = picture("source.png").to_rgb8();
        let window = Window { x: 5, y: 3, width: 11, height: 9 };
        for (name, filter) in FILTERS {
            let whole = resize(&source, 30, 20, filter);
            let part = image::imageops::crop_imm(&whole, 5, 3, 11, 9).to_image();
            assert!(resize_window(&source, 30, 20, window, filter) == part, "{name}");
        }
    }

    #[test]
    fn maps_are_resized_as_torch_does() {
        const ROUNDING: f32 = 2e-6;
        let coarse = map("map.npy");
        for (name, corners) in [("edges", Corners::Edges), ("centres", Corners::Centres)] {
            for (width, height) in [(45, 32), (4, 3)] {
                let expected = map(&format!("map-{name}-{width}x{height}.npy"));
                let worst = (resize_map(&coarse, height, width, corners) - expected).mapv(f32::abs);
                assert!(worst.iter().all(|difference| *difference < ROUNDING), "{name} {width}x{height}");
            }
        }
    }

    #[test]
    fn nothing_is_made_of_nothing() {
        assert_eq!(resize(&RgbImage::new(0, 0), 4, 4, Filter::Bilinear), RgbImage::new(4, 4));
        assert_eq!(resize_map(&Map::zeros((0, 3)), 2, 2, Corners::Edges), Map::zeros((2, 2)));
        assert_eq!(resize_map(&Map::from_elem((1, 1), 3.0), 2, 2, Corners::Centres), Map::from_elem((2, 2), 3.0));
    }
}
