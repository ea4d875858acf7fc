//! The kitty graphics protocol: pictures are sent once, kept by the terminal under an id, and placed by text.
//!
//! The cells of a picture hold a placeholder character whose colour is the id, so the terminal and tmux move, cover and
//! scroll the picture like text. Heat is a second image, laid over the first by a relative placement: showing and hiding it
//! takes some forty bytes. Source: <https://sw.kovidgoyal.net/kitty/graphics-protocol/>.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Cursor;
use std::num::NonZeroU16;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, ImageError, RgbaImage};
use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::Rect;
use ratatui::style::Color;

use super::EncodeError;

/// The character that stands for a piece of a picture.
pub(super) const PLACEHOLDER: char = '\u{10eeee}';
/// Base64 characters in one sequence, at most.
const CHUNK: usize = 4096;
/// How many images the terminal keeps for us, so that going back sends nothing.
const SLOTS: usize = 24;

/// Combining characters that number a placeholder's row: the first of kitty's list (`rowcolumn-diacritics.txt`), which are
/// all of canonical class 230 without decomposition.
#[rustfmt::skip]
const ROWS: [u16; 240] = [
    0x0305, 0x030d, 0x030e, 0x0310, 0x0312, 0x033d, 0x033e, 0x033f, 0x0346, 0x034a, 0x034b, 0x034c,
    0x0350, 0x0351, 0x0352, 0x0357, 0x035b, 0x0363, 0x0364, 0x0365, 0x0366, 0x0367, 0x0368, 0x0369,
    0x036a, 0x036b, 0x036c, 0x036d, 0x036e, 0x036f, 0x0483, 0x0484, 0x0485, 0x0486, 0x0487, 0x0592,
    0x0593, 0x0594, 0x0595, 0x0597, 0x0598, 0x0599, 0x059c, 0x059d, 0x059e, 0x059f, 0x05a0, 0x05a1,
    0x05a8, 0x05a9, 0x05ab, 0x05ac, 0x05af, 0x05c4, 0x0610, 0x0611, 0x0612, 0x0613, 0x0614, 0x0615,
    0x0616, 0x0617, 0x0657, 0x0658, 0x0659, 0x065a, 0x065b, 0x065d, 0x065e, 0x06d6, 0x06d7, 0x06d8,
    0x06d9, 0x06da, 0x06db, 0x06dc, 0x06df, 0x06e0, 0x06e1, 0x06e2, 0x06e4, 0x06e7, 0x06e8, 0x06eb,
    0x06ec, 0x0730, 0x0732, 0x0733, 0x0735, 0x0736, 0x073a, 0x073d, 0x073f, 0x0740, 0x0741, 0x0743,
    0x0745, 0x0747, 0x0749, 0x074a, 0x07eb, 0x07ec, 0x07ed, 0x07ee, 0x07ef, 0x07f0, 0x07f1, 0x07f3,
    0x0816, 0x0817, 0x0818, 0x0819, 0x081b, 0x081c, 0x081d, 0x081e, 0x081f, 0x0820, 0x0821, 0x0822,
    0x0823, 0x0825, 0x0826, 0x0827, 0x0829, 0x082a, 0x082b, 0x082c, 0x082d, 0x0951, 0x0953, 0x0954,
    0x0f82, 0x0f83, 0x0f86, 0x0f87, 0x135d, 0x135e, 0x135f, 0x17dd, 0x193a, 0x1a17, 0x1a75, 0x1a76,
    0x1a77, 0x1a78, 0x1a79, 0x1a7a, 0x1a7b, 0x1a7c, 0x1b6b, 0x1b6d, 0x1b6e, 0x1b6f, 0x1b70, 0x1b71,
    0x1b72, 0x1b73, 0x1cd0, 0x1cd1, 0x1cd2, 0x1cda, 0x1cdb, 0x1ce0, 0x1dc0, 0x1dc1, 0x1dc3, 0x1dc4,
    0x1dc5, 0x1dc6, 0x1dc7, 0x1dc8, 0x1dc9, 0x1dcb, 0x1dcc, 0x1dd1, 0x1dd2, 0x1dd3, 0x1dd4, 0x1dd5,
    0x1dd6, 0x1dd7, 0x1dd8, 0x1dd9, 0x1dda, 0x1ddb, 0x1ddc, 0x1ddd, 0x1dde, 0x1ddf, 0x1de0, 0x1de1,
    0x1de2, 0x1de3, 0x1de4, 0x1de5, 0x1de6, 0x1dfe, 0x20d0, 0x20d1, 0x20d4, 0x20d5, 0x20d6, 0x20d7,
    0x20db, 0x20dc, 0x20e1, 0x20e7, 0x20e9, 0x20f0, 0x2cef, 0x2cf0, 0x2cf1, 0x2de0, 0x2de1, 0x2de2,
    0x2de3, 0x2de4, 0x2de5, 0x2de6, 0x2de7, 0x2de8, 0x2de9, 0x2dea, 0x2deb, 0x2dec, 0x2ded, 0x2dee,
    0x2def, 0x2df0, 0x2df1, 0x2df2, 0x2df3, 0x2df4, 0x2df5, 0x2df6, 0x2df7, 0x2df8, 0x2df9, 0x2dfa,
];

/// An image as it is sent: a PNG file in base64, without the command around it.
pub(super) fn payload(image: &DynamicImage) -> Result<String, ImageError> {
    let mut png = Cursor::new(Vec::new());
    image.write_with_encoder(PngEncoder::new_with_quality(&mut png, CompressionType::Default, FilterType::Adaptive))?;
    Ok(STANDARD.encode(png.into_inner()))
}

/// What lies over a picture, as it is sent: with a palette where its colours fit into one, which halves it.
pub(super) fn overlay_payload(image: &RgbaImage) -> Result<String, EncodeError> {
    let mut numbers = HashMap::new();
    let indices: Vec<usize> = image
        .pixels()
        .map(|pixel| {
            let next = numbers.len();
            *numbers.entry(pixel.0).or_insert(next)
        })
        .collect();
    if numbers.len() > 256 {
        return Ok(payload(&image.clone().into())?);
    }
    let mut colours = vec![[0; 4]; numbers.len()];
    for (colour, number) in numbers {
        colours[number] = colour;
    }
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, image.width(), image.height());
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette(colours.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect::<Vec<u8>>());
    encoder.set_trns(colours.iter().map(|[.., alpha]| *alpha).collect::<Vec<u8>>());
    encoder.set_filter(png::Filter::NoFilter);
    encoder.write_header()?.write_image_data(&indices.iter().map(|index| *index as u8).collect::<Vec<u8>>())?;
    Ok(STANDARD.encode(file))
}

/// Wraps one sequence for the way through tmux.
pub(super) fn wrap(sequence: &str, wrapped: bool) -> String {
    if !wrapped {
        return sequence.to_owned();
    }
    format!("\x1bPtmux;{}\x1b\\", sequence.replace('\x1b', "\x1b\x1b"))
}

/// Frees an image and all that shows it.
fn delete(id: u32, wrapped: bool) -> String {
    wrap(&format!("\x1b_Ga=d,d=I,q=2,i={id}\x1b\\"), wrapped)
}

/// An image on the screen in this frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Placed {
    id: u32,
    area: Rect,
    /// The image below, for heat.
    parent: Option<u32>,
}

/// An image in the terminal's memory.
#[derive(Debug)]
struct Slot {
    /// Which part, and its how-manieth appearance in one frame.
    content: (u64, usize),
    /// The frame in which it was last used.
    used: u64,
}

/// What the terminal holds for us, and the bytes that the frame in the making needs.
#[derive(Debug)]
pub(super) struct Store {
    wrapped: bool,
    first_id: u32,
    slots: Vec<Option<Slot>>,
    frame: u64,
    staged: Vec<Placed>,
    shown: Vec<Placed>,
    before: String,
}

impl Store {
    pub(super) fn new(wrapped: bool) -> Self {
        // Through tmux, programs in several panes share the terminal's ids; 24 bits, because the id is a colour.
        let first_id = ((std::process::id() & 0xffff) << 8) | 0x20;
        Store {
            wrapped,
            first_id,
            slots: (0..SLOTS).map(|_| None).collect(),
            frame: 0,
            staged: Vec::new(),
            shown: Vec::new(),
            before: String::new(),
        }
    }

    /// The deletion of all images that we may have sent.
    pub(super) fn farewell(&self) -> String {
        (0..SLOTS as u32).map(|slot| delete(self.first_id + slot, self.wrapped)).collect()
    }

    /// The terminal has lost everything (we left the screen), or only the images laid over others (it was cleared).
    pub(super) fn forget(&mut self, everything: bool) {
        self.shown.clear();
        for (at, slot) in self.slots.iter_mut().enumerate() {
            if slot.take().is_some() && !everything {
                self.before += &delete(self.first_id + at as u32, self.wrapped);
            }
        }
    }

    /// The id of a part, which is sent if the terminal does not hold it.
    fn id(&mut self, content: (u64, usize), command: &str, payload: &str) -> u32 {
        if let Some(at) = self.slots.iter().position(|slot| slot.as_ref().is_some_and(|slot| slot.content == content)) {
            self.slots[at] = Some(Slot { content, used: self.frame });
            return self.first_id + at as u32;
        }
        // An empty slot, or the one used longest ago.
        let oldest = (0..SLOTS).min_by_key(|at| self.slots[*at].as_ref().map(|slot| slot.used)).unwrap_or(0);
        let id = self.first_id + oldest as u32;
        if self.slots[oldest].replace(Slot { content, used: self.frame }).is_some() {
            self.before += &delete(id, self.wrapped);
        }
        let mut chunks = payload.as_bytes().chunks(CHUNK).peekable();
        let mut keys = format!("{command},i={id},");
        while let Some(chunk) = chunks.next() {
            let more = u8::from(chunks.peek().is_some());
            let chunk = String::from_utf8_lossy(chunk);
            self.before += &wrap(&format!("\x1b_G{keys}q=2,m={more};{chunk}\x1b\\"), self.wrapped);
            keys.clear();
        }
        id
    }

    /// Puts a picture into the frame: placeholders in its cells.
    pub(super) fn stage(&mut self, buffer: &mut Buffer, area: Rect, serial: u64, payload: &str) {
        let twin = self.staged.iter().filter(|placed| placed.parent.is_none()).count();
        // The virtual placement says over how many cells the image is stretched, so it is part of what is sent.
        let (columns, rows) = (area.width, area.height);
        let command = format!("a=T,U=1,f=100,p=1,c={columns},r={rows}");
        let id = self.id((serial ^ u64::from(columns) << 48 ^ u64::from(rows) << 32, twin), &command, payload);
        self.staged.push(Placed { id, area, parent: None });
        let [_, r, g, b] = id.to_be_bytes();
        for (row, diacritic) in (0..area.height).zip(ROWS) {
            for column in 0..area.width {
                let Some(cell) = buffer.cell_mut((area.x + column, area.y + row)) else { continue };
                let mut symbol = String::from(PLACEHOLDER);
                if column == 0 {
                    symbol.extend(char::from_u32(diacritic.into()));
                    symbol.extend(char::from_u32(ROWS[0].into()));
                }
                cell.reset();
                cell.set_symbol(&symbol).set_fg(Color::Rgb(r, g, b));
                cell.set_diff_option(CellDiffOption::ForcedWidth(NonZeroU16::MIN));
            }
        }
    }

    /// Lays heat over the picture that was staged last.
    pub(super) fn stage_over(&mut self, serial: u64, payload: &str) {
        let Some(base) = self.staged.iter().rev().find(|placed| placed.parent.is_none()).copied() else { return };
        let twin = self.staged.iter().filter(|placed| placed.parent.is_some()).count();
        let id = self.id((serial, twin), "a=t,f=100", payload);
        self.staged.push(Placed { id, area: base.area, parent: Some(base.id) });
    }

    /// What is to be written before the cells: images that the terminal does not hold yet.
    pub(super) fn before(&mut self) -> String {
        std::mem::take(&mut self.before)
    }

    /// What is to be written after the cells: heat that appears, and heat that goes.
    pub(super) fn after(&mut self) -> String {
        let mut text = String::new();
        let staged = std::mem::take(&mut self.staged);
        for placed in staged.iter().filter(|placed| placed.parent.is_some() && !self.shown.contains(placed)) {
            let (id, parent) = (placed.id, placed.parent.unwrap_or_default());
            let (columns, rows) = (placed.area.width, placed.area.height);
            let show = format!("\x1b_Ga=p,q=2,i={id},p=1,P={parent},Q=1,c={columns},r={rows},z=1,C=1\x1b\\");
            if self.wrapped {
                // kitty anchors it where the cursor is when it arrives; the last row is tmux's own or the status line.
                let _ = write!(text, "\x1b7\x1b[999H{}\x1b8", wrap(&show, true));
            } else {
                text += &show;
            }
        }
        for gone in self.shown.iter().filter(|placed| placed.parent.is_some()) {
            // Placing it again, over another picture or elsewhere, has moved it.
            if !staged.iter().any(|placed| placed.id == gone.id) {
                text += &wrap(&format!("\x1b_Ga=d,d=i,q=2,i={},p=1\x1b\\", gone.id), self.wrapped);
            }
        }
        self.shown = staged;
        self.frame += 1;
        text
    }
}
