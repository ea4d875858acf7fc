//! From a composition to the form in which its pixels go over the wire. This is work for workers.

use std::sync::atomic::{AtomicU64, Ordering};

use ratatui::buffer::Buffer;
use ratatui::layout::Size;
use thiserror::Error;

use super::layers::{self, Layer};
use super::{CellSize, Graphics, Protocol, blocks, iterm2, sixel};
use crate::raster::Composition;

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
    /// One of many that pass by: made in no time, in no more bytes than a coarse one.
    Passing,
    /// There within a second over a slow line.
    Coarse,
    /// A good picture, within two seconds more.
    Fair,
    /// As sharp as the file and the screen allow.
    Sharp,
}

impl Quality {
    /// All, the best first.
    pub const ALL: [Quality; 4] = [Quality::Sharp, Quality::Fair, Quality::Coarse, Quality::Passing];
}

/// A part of a picture, ready to be sent.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// Tells this one from all others of this run.
    pub(super) serial: u64,
    /// The cells that it fills; nothing for what is stretched to any size.
    pub(super) size: Size,
    /// Whether it has fewer pixels or colours than it could.
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
    /// An image for the terminal's memory, and for cells of placeholders.
    Stored(String),
    /// Images for the terminal's memory, to be placed.
    Layers(Vec<Layer>),
}

impl Encoded {
    /// Whether another quality would show more.
    pub fn is_reduced(&self) -> bool {
        self.is_reduced
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        match &self.form {
            Form::Cells(cells) => cells.content.len() * size_of::<ratatui::buffer::Cell>(),
            Form::Stream(text) | Form::Stored(text) => text.len(),
            Form::Layers(layers) => layers.iter().map(|layer| layer.payload.len()).sum(),
        }
    }
}

/// Why a picture cannot be shown.
#[derive(Debug, Error)]
pub enum EncodeError {
    /// PNG.
    #[error("cannot encode the picture")]
    Png(#[from] png::EncodingError),
    /// The other protocols.
    #[error("cannot encode the picture")]
    Protocol(#[from] ratatui_image::errors::Errors),
    /// `--graphics none`.
    #[error("pictures are off")]
    Off,
}

impl Graphics {
    /// The parts that a composition is sent in, bottom first: the picture, if it is to be seen, and what lies over it.
    pub fn parts(&self, has_base: bool, has_overlay: bool) -> &'static [Part] {
        match (self.children, has_base, has_overlay) {
            (false, _, _) => &[Part::Whole],
            (true, true, true) => &[Part::Base, Part::Over],
            (true, false, true) => &[Part::Over],
            (true, _, false) => &[Part::Base],
        }
    }

    /// Whether a part comes in several [qualities](Quality).
    pub fn has_qualities(&self, part: Part) -> bool {
        self.protocol == Protocol::Kitty && part != Part::Over
    }

    /// Whether a part is the same for all areas, because the terminal stretches it.
    pub fn is_stretched(&self, part: Part) -> bool {
        self.children && part == Part::Base
    }

    /// Whether pictures are drawn at the cursor, in bytes that no text may come between.
    pub fn is_stream(&self) -> bool {
        matches!(self.protocol, Protocol::Sixel | Protocol::Iterm2)
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
                let (form, reduced) = match part {
                    Part::Whole => {
                        let (payload, reduced) = layers::whole(composition, pixels, quality)?;
                        (Form::Stored(payload), reduced)
                    }
                    Part::Base => {
                        let (layer, reduced) = layers::base(composition, quality)?;
                        (Form::Layers(vec![layer]), reduced)
                    }
                    Part::Over => (Form::Layers(layers::over(composition, pixels, self.cell)?), false),
                };
                is_reduced = reduced;
                form
            }
        };
        Ok(Encoded { serial: SERIAL.fetch_add(1, Ordering::Relaxed), size, is_reduced, form })
    }
}
