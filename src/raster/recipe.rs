//! Pictures that are made of parts: what they are made of is cheap to say, and they are put together by whoever encodes or
//! writes them.

use super::{Colormap, Composition, Contrast, Cut, Sheet, Sign, Tiles};

/// How values become colours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Colouring {
    /// How values are shown.
    pub sign: Sign,
    /// Colours of positive maps.
    pub colormap: Colormap,
    /// How much of a picture the hottest heat hides, in `[0, 1]`.
    pub opacity: f32,
}

/// How to make a picture. Only [`compose`](Recipe::compose) takes its time.
#[derive(Debug, Clone)]
pub enum Recipe {
    /// A picture, and what lies over it.
    Image(Composition),
    /// A picture, and one of two maps over it, or their difference.
    Contrast(Contrast),
    /// Many small maps.
    Tiles(Tiles),
    /// Many small pictures, each with a map over it.
    Sheet(Sheet),
    /// A window of another picture.
    Cut(Box<Recipe>, Cut),
}

impl Recipe {
    /// Width and height in pixels, at full size.
    pub fn size(&self) -> (u32, u32) {
        match self {
            Recipe::Image(composition) => composition.size(),
            Recipe::Contrast(contrast) => contrast.size(),
            Recipe::Tiles(tiles) => tiles.size(),
            Recipe::Sheet(sheet) => sheet.size(),
            // It takes the place of the whole.
            Recipe::Cut(whole, _) => whole.size(),
        }
    }

    /// Whether the picture itself is to be seen.
    pub fn has_base(&self) -> bool {
        match self {
            Recipe::Image(composition) => composition.show_base,
            Recipe::Contrast(_) => true,
            Recipe::Tiles(_) => false,
            Recipe::Sheet(sheet) => sheet.show_base,
            Recipe::Cut(whole, _) => whole.has_base(),
        }
    }

    /// Whether anything lies over the picture.
    pub fn has_overlay(&self) -> bool {
        match self {
            Recipe::Image(composition) => composition.has_overlay(),
            Recipe::Contrast(_) | Recipe::Tiles(_) => true,
            Recipe::Sheet(sheet) => sheet.has_overlay(),
            // The frame around its pixel.
            Recipe::Cut(..) => true,
        }
    }

    /// The superpixel or tile at a place, in shares of width and height in `[0, 1)`.
    pub fn part_at(&self, across: f32, down: f32) -> Option<u32> {
        match self {
            Recipe::Image(composition) => {
                let (width, height) = composition.size();
                composition.superpixels.as_ref()?.at(across * width as f32, down * height as f32)
            }
            Recipe::Tiles(tiles) => tiles.at(across, down),
            Recipe::Cut(whole, cut) => {
                let (across, down) = cut.outward(across, down);
                whole.part_at(across, down)
            }
            Recipe::Contrast(_) | Recipe::Sheet(_) => None,
        }
    }

    /// Puts the parts together. This is work for workers.
    pub fn compose(&self) -> Composition {
        match self {
            Recipe::Image(composition) => composition.clone(),
            Recipe::Contrast(contrast) => contrast.compose(),
            Recipe::Tiles(tiles) => tiles.compose(),
            Recipe::Sheet(sheet) => sheet.compose(),
            Recipe::Cut(whole, cut) => cut.cut(whole.compose()),
        }
    }
}
