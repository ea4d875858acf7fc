//! Heat over a picture.
//!
//! A [`Composition`] is a recipe, cheap to clone and to compare by whoever keys it; workers turn it into pixels at the
//! size that is needed. [`Composition::overlay`] gives the heat alone, for terminals that can lay one picture over another.

use std::sync::Arc;

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage, Rgba, RgbaImage};

use super::{Colormap, Map, Region};

/// How much darker the parts of a picture get that the model did not see.
const UNSEEN_SHADE: f32 = 0.5;
/// The share of the opacity that the coldest heat keeps: enough to see that there is heat, not so much that it veils.
const COLD_SHARE: f32 = 0.2;

/// A map, and how to lay it over a picture.
#[derive(Debug, Clone)]
pub struct Heat {
    /// `[0, 1]`, or `[-1, 1]` if signed; any resolution, it is stretched over `region`.
    pub map: Arc<Map>,
    /// Whether values have a sign: then the diverging colours are used.
    pub signed: bool,
    /// Where the map lies, in pixels of the base picture.
    pub region: Region,
    /// Colours of positive maps.
    pub colormap: Colormap,
    /// How much of the picture the hottest heat hides, in `[0, 1]`.
    pub opacity: f32,
}

/// A picture with heat over it, or one of the two.
#[derive(Debug, Clone)]
pub struct Composition {
    /// The picture; its size is the composition's.
    pub base: Arc<RgbImage>,
    /// Whether the picture is seen, or only its place taken.
    pub show_base: bool,
    /// What lies over it.
    pub heat: Option<Heat>,
}

impl Composition {
    /// Width and height in pixels, at full size.
    pub fn size(&self) -> (u32, u32) {
        self.base.dimensions()
    }

    /// The pixels at `width` x `height`. Enlarging interpolates, reducing averages.
    pub fn render(&self, width: u32, height: u32) -> RgbImage {
        let (width, height) = (width.max(1), height.max(1));
        let mut picture = self.base_at(width, height);
        if self.heat.is_some() {
            for (under, over) in picture.pixels_mut().zip(self.overlay(width, height).pixels()) {
                *under = blend(*under, *over);
            }
        }
        picture
    }

    /// The picture alone at `width` x `height`; black where it is not to be seen.
    pub fn base_at(&self, width: u32, height: u32) -> RgbImage {
        if !self.show_base {
            return RgbImage::new(width, height);
        }
        let (w, h) = self.size();
        if (w, h) == (width, height) {
            self.base.as_ref().clone()
        } else if width <= w && height <= h {
            imageops::resize(self.base.as_ref(), width, height, FilterType::Triangle)
        } else {
            imageops::resize(self.base.as_ref(), width, height, FilterType::CatmullRom)
        }
    }

    /// The heat alone at `width` x `height`, to be laid over the picture: transparent where the picture is to be seen,
    /// black with some alpha where the model did not look. All transparent without heat.
    pub fn overlay(&self, width: u32, height: u32) -> RgbaImage {
        let Some(heat) = &self.heat else { return RgbaImage::new(width, height) };
        let (full_width, full_height) = self.size();
        let region = heat.region.scaled(width as f32 / full_width as f32, height as f32 / full_height as f32);
        let opacity = if self.show_base { heat.opacity.clamp(0.0, 1.0) } else { 1.0 };
        RgbaImage::from_fn(width, height, |x, y| {
            let (u, v) = ((x as f32 + 0.5 - region.x) / region.width, (y as f32 + 0.5 - region.y) / region.height);
            if !(0.0..=1.0).contains(&u) || !(0.0..=1.0).contains(&v) {
                return Rgba([0, 0, 0, (UNSEEN_SHADE * 255.0) as u8]);
            }
            let value = sample(&heat.map, u, v);
            let [r, g, b] = if heat.signed { Colormap::diverging(value) } else { heat.colormap.colour(value) };
            let alpha = if self.show_base { opacity * (COLD_SHARE + (1.0 - COLD_SHARE) * value.abs()) } else { 1.0 };
            Rgba([r, g, b, (alpha * 255.0).round() as u8])
        })
    }
}

/// `over` laid on `under`.
fn blend(under: Rgb<u8>, over: Rgba<u8>) -> Rgb<u8> {
    let alpha = u32::from(over[3]);
    let mix = |under: u8, over: u8| ((u32::from(under) * (255 - alpha) + u32::from(over) * alpha + 127) / 255) as u8;
    Rgb([mix(under[0], over[0]), mix(under[1], over[1]), mix(under[2], over[2])])
}

/// The map at `u`, `v` in `[0, 1]` of its width and height: bilinear, with half-pixel centres, its edges continued.
fn sample(map: &Map, u: f32, v: f32) -> f32 {
    let (height, width) = map.dim();
    if width == 0 || height == 0 {
        return 0.0;
    }
    let place = |share: f32, count: usize| {
        let position = (share * count as f32 - 0.5).clamp(0.0, (count - 1) as f32);
        let low = position as usize;
        (low, (low + 1).min(count - 1), position.fract())
    };
    let ((left, right, x), (top, bottom, y)) = (place(u, width), place(v, height));
    let row = |row: usize| map[[row, left]] * (1.0 - x) + map[[row, right]] * x;
    row(top) * (1.0 - y) + row(bottom) * y
}
