//! From a composition to the form in which its pixels go over the wire. This is work for workers.

use std::sync::atomic::{AtomicU64, Ordering};

use image::ImageError;
use image::imageops::{self, FilterType};
use ratatui::buffer::Buffer;
use ratatui::layout::Size;
use thiserror::Error;

use super::{CellSize, Graphics, Protocol, blocks, iterm2, kitty, sixel};
use crate::raster::Composition;

/// Base64 characters that a picture for kitty may take, so that the next picture is there at once over a slow line.
const BUDGET: usize = 84_000;
/// Pixels along the longer side of heat that the terminal lays over the picture and enlarges.
const HEAT_SIDE: u32 = 96;
/// The most for a fine-grained map, which would be thinned out.
const GRAIN_SIDE: u32 = 384;
/// The same where it has edges: plain colours between them are small to send.
const EDGES_SIDE: u32 = 1024;

static SERIAL: AtomicU64 = AtomicU64::new(1);

/// Which part of a composition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Picture and what lies over it in one.
    Whole,
    /// The picture alone.
    Base,
    /// What lies over it, transparent where the picture is to be seen.
    Over,
}

/// How sharp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quality {
    /// Small enough to be sent at once.
    Quick,
    /// As sharp as the file and the screen allow.
    Sharp,
}

/// A part of a picture, ready to be sent.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// Tells this one from all others of this run.
    pub(super) serial: u64,
    /// The cells that it fills.
    pub(super) size: Size,
    /// Whether it has fewer pixels than it could.
    is_reduced: bool,
    pub(super) form: Form,
}

/// The forms that pictures take.
#[derive(Debug, Clone)]
pub(super) enum Form {
    /// Characters and colours.
    Cells(Buffer),
    /// A sequence that draws at the cursor.
    Stream(String),
    /// An image for the terminal's memory.
    Stored(String),
}

impl Encoded {
    /// Whether [`Quality::Sharp`] would show more.
    pub fn is_reduced(&self) -> bool {
        self.is_reduced
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        match &self.form {
            Form::Cells(cells) => cells.content.len() * size_of::<ratatui::buffer::Cell>(),
            Form::Stream(text) | Form::Stored(text) => text.len(),
        }
    }
}

/// Why a picture cannot be shown.
#[derive(Debug, Error)]
pub enum EncodeError {
    /// PNG.
    #[error("cannot encode the picture")]
    Image(#[from] ImageError),
    /// PNG with a palette.
    #[error("cannot encode the picture")]
    Palette(#[from] png::EncodingError),
    /// The other protocols.
    #[error("cannot encode the picture")]
    Protocol(#[from] ratatui_image::errors::Errors),
    /// `--graphics none`.
    #[error("pictures are off")]
    Off,
}

impl Graphics {
    /// The parts that a composition is sent in, bottom first.
    pub fn parts(&self, has_overlay: bool) -> &'static [Part] {
        match (self.children, has_overlay) {
            (false, _) => &[Part::Whole],
            (true, false) => &[Part::Base],
            (true, true) => &[Part::Base, Part::Over],
        }
    }

    /// Whether there is anything to be gained by [`Quality::Sharp`].
    pub fn has_quick(&self) -> bool {
        self.protocol == Protocol::Kitty
    }

    /// Encodes a part of a composition for an area of `size` cells.
    ///
    /// # Errors
    /// When an encoder refuses, or pictures are off.
    pub fn encode(
        &self,
        composition: &Composition,
        part: Part,
        size: Size,
        quality: Quality,
    ) -> Result<Encoded, EncodeError> {
        let CellSize { width, height } = self.cell;
        let pixels = (u32::from(size.width) * u32::from(width), u32::from(size.height) * u32::from(height));
        let mut is_reduced = false;
        let form = match self.protocol {
            Protocol::None => return Err(EncodeError::Off),
            Protocol::Sextants | Protocol::Quadrants | Protocol::Halfblocks | Protocol::Ascii => {
                let blocks = self.protocol.blocks().ok_or(EncodeError::Off)?;
                let (across, down) = blocks.dots();
                let image = composition.render(u32::from(size.width * across), u32::from(size.height * down));
                Form::Cells(blocks::encode(&image, size, blocks, self.colours.depth))
            }
            Protocol::Sixel => {
                let rows = (pixels.1 / sixel::BAND * sixel::BAND).max(1);
                Form::Stream(sixel::encode(composition.render(pixels.0, rows))?)
            }
            Protocol::Iterm2 => Form::Stream(iterm2::encode(composition.render(pixels.0, pixels.1))?),
            Protocol::Kitty => {
                let (payload, reduced) = stored(composition, part, pixels, quality)?;
                is_reduced = reduced;
                Form::Stored(payload)
            }
        };
        Ok(Encoded { serial: SERIAL.fetch_add(1, Ordering::Relaxed), size, is_reduced, form })
    }
}

/// An image for kitty, which scales it: no more pixels than the file has, the screen shows and the line carries. The second
/// value says whether the line was what limited it.
fn stored(
    composition: &Composition,
    part: Part,
    (width, height): (u32, u32),
    quality: Quality,
) -> Result<(String, bool), EncodeError> {
    if part == Part::Over {
        let side = match composition.grain() {
            _ if composition.has_edges() => EDGES_SIDE,
            Some(side) => side.clamp(HEAT_SIDE, GRAIN_SIDE),
            None => HEAT_SIDE,
        };
        let (w, h) = within((width, height), f64::from(side) / f64::from(width.max(height).max(1)));
        return Ok((kitty::overlay_payload(&composition.overlay(w, h))?, false));
    }
    let (full_width, full_height) = composition.size();
    // Heat baked in is smooth: it needs no more than the picture, but not less than a fair map. Lines need all there is.
    let (full_width, full_height) = match part {
        Part::Whole if composition.has_edges() => (full_width.max(width), full_height.max(height)),
        Part::Whole if composition.has_overlay() => (full_width.max(224), full_height.max(224)),
        _ => (full_width, full_height),
    };
    let native =
        (f64::from(full_width) / f64::from(width.max(1))).max(f64::from(full_height) / f64::from(height.max(1)));
    let (w, h) = within((width, height), native);
    let render = |w, h| if part == Part::Base { composition.base_at(w, h) } else { composition.render(w, h) };
    let image = render(w, h);
    if quality == Quality::Sharp {
        return Ok((kitty::payload(&image.into())?, false));
    }
    // A photograph takes about two bytes a pixel; guess, then correct once by what it took.
    let mut scale = (BUDGET as f64 / 4.0 * 3.0 / 1.7 / (f64::from(w) * f64::from(h))).sqrt();
    let mut text = String::new();
    let mut is_reduced = false;
    for _ in 0..3 {
        let (w, h) = within((w, h), scale);
        is_reduced = (w, h) != image.dimensions();
        let small = if is_reduced { imageops::resize(&image, w, h, FilterType::Triangle) } else { image.clone() };
        text = kitty::payload(&small.into())?;
        if text.len() <= BUDGET {
            break;
        }
        scale = scale.min(1.0) * (BUDGET as f64 / text.len() as f64).sqrt() * 0.96;
    }
    Ok((text, is_reduced))
}

/// A size reduced by `scale`, never enlarged.
fn within((width, height): (u32, u32), scale: f64) -> (u32, u32) {
    let side = |length: u32| ((f64::from(length) * scale.min(1.0)).round() as u32).max(1);
    (side(width), side(height))
}
