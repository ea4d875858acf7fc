//! What is sent to kitty for a picture: layers that it enlarges and lays over each other.
//!
//! kitty interpolates as it enlarges, also beyond an image's last pixels, into nothing. So what is enlarged has one pixel more on
//! every side, which is not shown. An enlargement ends with a cell; where heat ends elsewhere, the rest and what lies around the
//! heat are a frame that is sent pixel by pixel, with the boxes over all of it: it is nearly of one colour, and costs little.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::imageops::{self, FilterType};
use image::{Pixel, RgbImage, RgbaImage};

use super::encode::Quality;
use super::{CellSize, EncodeError, light, png};
use crate::raster::Composition;
use crate::raster::resize::Window;

/// Base64 characters of a picture that is to be there within a second over a slow line, and of the better one that comes after it.
const COARSE: usize = 23_500;
const FAIR: usize = 58_000;
/// Bits for each channel, in the two.
const COARSE_BITS: u32 = 5;
const FAIR_BITS: u32 = 6;
/// Pixels along the longer side of a picture, at most.
const LONGEST: u32 = 2048;
/// Pixels along the longer side of smooth heat, which the terminal enlarges.
const HEAT_SIDE: u32 = 48;
/// The same where there are many maps side by side.
const SHEET_SIDE: u32 = 168;
/// The most for a fine-grained map, which would be thinned out.
const GRAIN_SIDE: u32 = 384;

/// One image and its place in the picture.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    /// A PNG file in base64.
    pub(super) payload: String,
    pub(super) place: Place,
}

/// Where an image lies in a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Enlarged to fill the picture's cells, whichever they are; so many pixels, without those around it.
    Whole(u32, u32),
    /// Enlarged to fill these pixels of the picture, up to the edges of cells.
    Part(Window, u32, u32),
    /// As it is, from the picture's corner on.
    Pixels,
}

/// The picture alone. The second value says whether it has fewer pixels or colours than it could.
pub(super) fn base(composition: &Composition, quality: Quality) -> Result<(Layer, bool), EncodeError> {
    let (width, height) = composition.size();
    let (width, height) = within((width, height), f64::from(LONGEST) / f64::from(width.max(height).max(1)));
    let image = composition.base_at(width, height);
    let (image, file, is_reduced) = limited(image, quality, padded)?;
    let (width, height) = image.dimensions();
    Ok((Layer { payload: STANDARD.encode(file), place: Place::Whole(width, height) }, is_reduced))
}

/// Picture and what lies over it in one, for terminals that cannot lay images over each other: a PNG file in base64.
pub(super) fn whole(
    composition: &Composition,
    (width, height): (u32, u32),
    quality: Quality,
) -> Result<(String, bool), EncodeError> {
    let full = composition.size();
    // Heat baked in is smooth: it needs no more than the picture, but not less than a fair map. Lines need all there is.
    let full = match () {
        () if composition.has_edges() => (full.0.max(width), full.1.max(height)),
        () if composition.has_overlay() => (full.0.max(224), full.1.max(224)),
        () => full,
    };
    let native = (f64::from(full.0) / f64::from(width.max(1))).max(f64::from(full.1) / f64::from(height.max(1)));
    let (width, height) = within((width, height), native);
    let (_, file, is_reduced) = limited(composition.render(width, height), quality, RgbImage::clone)?;
    Ok((STANDARD.encode(file), is_reduced))
}

/// A picture in no more bytes than the quality allows: as it is shown, the file of it after `finish`, and whether it was reduced.
fn limited(
    image: RgbImage,
    quality: Quality,
    finish: impl Fn(&RgbImage) -> RgbImage,
) -> Result<(RgbImage, Vec<u8>, bool), EncodeError> {
    // What is near enough to the budget.
    let (effort, enough) =
        if quality == Quality::Passing { (png::Effort::Quick, 0.6) } else { (png::Effort::All, 0.9) };
    let (budget, bits) = match quality {
        Quality::Passing | Quality::Coarse => (COARSE, COARSE_BITS),
        Quality::Fair => (FAIR, FAIR_BITS),
        Quality::Sharp => {
            let file = png::rgb(&finish(&image), effort)?;
            return Ok((image, file, false));
        }
    };
    let budget = budget / 4 * 3;
    // What is small anyway is sent as it is.
    if image.len() < 4 * budget {
        let file = png::rgb(&finish(&image), effort)?;
        if file.len() <= budget {
            return Ok((image, file, false));
        }
    }
    // A photograph takes about a byte a pixel; guess, then correct by what it took.
    let (width, height) = image.dimensions();
    let mut scale = (budget as f64 / (f64::from(width) * f64::from(height))).sqrt();
    let mut best = None;
    for _ in 0..4 {
        let (w, h) = within((width, height), scale);
        let small = if (w, h) == (width, height) {
            image.clone()
        } else {
            imageops::resize(&image, w, h, FilterType::CatmullRom)
        };
        let small = png::posterized(small, bits);
        let file = png::rgb(&finish(&small), effort)?;
        let used = file.len() as f64 / budget as f64;
        if file.len() <= budget {
            best = Some((small, file, true));
            // Near enough, or all there is.
            if used > enough || (w, h) == (width, height) {
                break;
            }
        }
        scale = scale.min(1.0) * used.sqrt().recip() * if used > 1.0 { 0.96 } else { 0.98 };
    }
    match best {
        Some(best) => Ok(best),
        // A picture that no resizing makes small: the last resort.
        None => {
            let (w, h) = within((width, height), scale / 2.0);
            let small = png::posterized(imageops::resize(&image, w, h, FilterType::Triangle), bits);
            let file = png::rgb(&finish(&small), effort)?;
            Ok((small, file, true))
        }
    }
}

/// What lies over the picture, in an area of `size` pixels; heat alone where the picture is not to be seen.
pub(super) fn over(composition: &Composition, size: (u32, u32), cell: CellSize) -> Result<Vec<Layer>, EncodeError> {
    let all = Window { x: 0, y: 0, width: size.0, height: size.1 };
    let inner = inner(composition, size, cell);
    if composition.superpixels.is_some() || inner.width == 0 || inner.height == 0 {
        return Ok(vec![pixels(&exact(composition, size, all))?]);
    }
    let heat = Composition { boxes: vec![], ..composition.clone() };
    let layer = enlarged(&heat.window(size, inner), inner)?;
    if inner == all && composition.boxes.is_empty() {
        return Ok(vec![layer]);
    }
    let Window { x, y, width, height } = inner;
    let (right, bottom) = (x + width, y + height);
    let mut frame = RgbaImage::new(size.0, size.1);
    let sides = [
        Window { height: y, ..all },
        Window { y: bottom, height: size.1 - bottom, ..all },
        Window { x: 0, width: x, ..inner },
        Window { x: right, width: size.0 - right, ..inner },
    ];
    for side in sides.into_iter().filter(|side| side.width > 0 && side.height > 0) {
        imageops::replace(&mut frame, &exact(&heat, size, side), side.x.into(), side.y.into());
    }
    // Boxes are over all of it.
    if !composition.boxes.is_empty() {
        let boxes = Composition { heat: None, ..composition.clone() }.overlay(size.0, size.1);
        for (under, over) in frame.pixels_mut().zip(boxes.pixels()).filter(|(_, over)| over[3] > 0) {
            *under = *over;
        }
    }
    Ok(vec![layer, pixels(&frame)?])
}

/// The pixels that lie in the part of the picture which has heat, as far as kitty can enlarge to them: from any pixel on, up to
/// the edge of a cell.
fn inner(composition: &Composition, size: (u32, u32), cell: CellSize) -> Window {
    let (width, height) = composition.size();
    let Some(heat) = &composition.heat else { return Window { x: 0, y: 0, width: 0, height: 0 } };
    let region = heat.region.scaled(size.0 as f32 / width as f32, size.1 as f32 / height as f32);
    // The pixels whose centres are in it.
    let within = |at: f32, length: u32| (at - 0.5).ceil().clamp(0.0, length as f32) as u32;
    let (x, y) = (within(region.x, size.0), within(region.y, size.1));
    let whole = |at: u32, cell: u16| at - at % u32::from(cell.max(1));
    let right = whole(within(region.x + region.width, size.0), cell.width);
    let bottom = whole(within(region.y + region.height, size.1), cell.height);
    Window { x, y, width: right.saturating_sub(x), height: bottom.saturating_sub(y) }
}

/// An image that is shown pixel by pixel, from the picture's corner on.
fn pixels(image: &RgbaImage) -> Result<Layer, EncodeError> {
    Ok(Layer { payload: STANDARD.encode(png::rgba(image)?), place: Place::Pixels })
}

/// A part of what lies over the picture, pixel by pixel.
fn exact(composition: &Composition, size: (u32, u32), window: Window) -> RgbaImage {
    let part = composition.window(size, window);
    let over = overlay(&part, window.width, window.height);
    if part.show_base { light::flat(&part.base, &over) } else { over }
}

/// A part of what lies over the picture, small, to be enlarged to `window`.
fn enlarged(part: &Composition, window: Window) -> Result<Layer, EncodeError> {
    let (width, height) = part.size();
    let has_gaps = part.heat.as_ref().is_some_and(|heat| heat.map.iter().any(|value| value.is_nan()));
    let side = match part.grain() {
        Some(side) => side.clamp(HEAT_SIDE, GRAIN_SIDE),
        None if has_gaps => SHEET_SIDE,
        None => HEAT_SIDE,
    };
    let (w, h) = within((width, height), f64::from(side) / f64::from(width.max(height).max(1)));
    let over = if !part.show_base {
        overlay(part, w, h)
    } else if part.grain().is_some() {
        light::flat(&part.base_at(w, h), &part.overlay(w, h))
    } else {
        let (across, down) = (w * light::SAMPLES, h * light::SAMPLES);
        light::smooth(&part.base_at(across, down), &part.overlay(across, down))
    };
    let payload = STANDARD.encode(png::rgba(&padded(&over))?);
    Ok(Layer { payload, place: Place::Part(window, w, h) })
}

/// What lies over the picture; over black, where there is no picture.
fn overlay(composition: &Composition, width: u32, height: u32) -> RgbaImage {
    if composition.show_base {
        return composition.overlay(width, height);
    }
    let pixels = composition.render(width, height);
    RgbaImage::from_fn(width, height, |x, y| pixels.get_pixel(x, y).to_rgba())
}

/// The image with its outermost pixels once more around it.
fn padded<I>(image: &I) -> image::ImageBuffer<I::Pixel, Vec<u8>>
where
    I: image::GenericImageView,
    I::Pixel: Pixel<Subpixel = u8>,
{
    let (width, height) = image.dimensions();
    let inside = |at: u32, length: u32| at.saturating_sub(1).min(length - 1);
    image::ImageBuffer::from_fn(width + 2, height + 2, |x, y| image.get_pixel(inside(x, width), inside(y, height)))
}

/// A size reduced by `scale`, never enlarged.
fn within((width, height): (u32, u32), scale: f64) -> (u32, u32) {
    let side = |length: u32| ((f64::from(length) * scale.min(1.0)).round() as u32).max(1);
    (side(width), side(height))
}
