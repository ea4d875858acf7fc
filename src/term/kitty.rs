//! The kitty graphics protocol: pictures are sent once, kept by the terminal under an id, and placed by text.
//!
//! A cell can hold a placeholder character whose colour is an image's id, so the terminal and tmux move, cover and scroll the
//! picture like text. Where images can be placed relative to others, one such cell is enough: an anchor that nobody sees, and
//! all pictures and their heat are placed from there. Showing another takes some sixty bytes, and the cells stay as they are.
//! Elsewhere each cell of a picture has its placeholder. Source: <https://sw.kovidgoyal.net/kitty/graphics-protocol/>.

use std::fmt::Write as _;
use std::num::NonZeroU16;

use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::{Position, Rect};
use ratatui::style::Color;

use super::CellSize;
use super::layers::{Layer, Place};

/// The character that stands for a piece of a picture.
pub(super) const PLACEHOLDER: char = '\u{10eeee}';
/// Base64 characters in one sequence, at most.
const CHUNK: usize = 4096;
/// How many images the terminal keeps for us, so that going back sends nothing.
const SLOTS: usize = 48;
/// The slot of the image that the others are placed from: a pixel that is not seen.
const ANCHOR: u32 = SLOTS as u32;
/// A transparent PNG file of one pixel, in base64.
const NOTHING: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNgYAAAAAMAASsJTYQAAAAASUVORK5CYII=";
/// How pictures lie over each other: all below text, heat over them, and over that what is sent pixel by pixel.
const DEPTHS: [i8; 2] = [-3, -2];

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

/// Wraps one sequence for the way through tmux.
pub(super) fn wrap(sequence: &str, wrapped: bool) -> String {
    if !wrapped {
        return sequence.to_owned();
    }
    format!("\x1bPtmux;{}\x1b\\", sequence.replace('\x1b', "\x1b\x1b"))
}

/// What an image in the terminal's memory is: the part it belongs to, which of its layers, and over how many cells it is
/// stretched, where that is said when it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Content {
    serial: u64,
    layer: usize,
    stretched: (u16, u16),
}

/// An image placed from the anchor, on the screen in this frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Placed {
    id: u32,
    /// Which picture it belongs to, from 1: the same image may be in several.
    number: usize,
    /// The picture's cells, from the anchor on.
    area: Rect,
    place: Place,
    depth: i8,
}

/// An image in the terminal's memory.
#[derive(Debug)]
struct Slot {
    content: Content,
    /// The frame in which it was last used.
    used: u64,
    /// It has arrived.
    is_whole: bool,
}

/// An image on its way.
#[derive(Debug)]
struct Upload {
    slot: usize,
    /// The sequences that are still to be written, last first.
    chunks: Vec<String>,
}

/// What the terminal holds for us, and the bytes that the frame in the making needs.
#[derive(Debug)]
pub(super) struct Store {
    wrapped: bool,
    cell: CellSize,
    first_id: u32,
    slots: Vec<Option<Slot>>,
    frame: u64,
    has_anchor: bool,
    anchor: Option<Position>,
    staged: Vec<Placed>,
    shown: Vec<Placed>,
    upload: Option<Upload>,
    before: String,
}

impl Store {
    pub(super) fn new(wrapped: bool, cell: CellSize) -> Self {
        // Through tmux, programs in several panes share the terminal's ids; 24 bits, because the id is a colour.
        let first_id = ((std::process::id() & 0xffff) << 8) | 0x20;
        Store {
            wrapped,
            cell,
            first_id,
            slots: (0..SLOTS).map(|_| None).collect(),
            frame: 0,
            has_anchor: false,
            anchor: None,
            staged: Vec::new(),
            shown: Vec::new(),
            upload: None,
            before: String::new(),
        }
    }

    /// The deletion of all images that we may have sent; it also ends a transfer that was cut short.
    pub(super) fn farewell(&self) -> String {
        (0..=ANCHOR).map(|slot| self.deletion(slot as usize)).collect()
    }

    /// Frees an image and all that shows it.
    fn deletion(&self, slot: usize) -> String {
        wrap(&format!("\x1b_Ga=d,d=I,q=2,i={}\x1b\\", self.id(slot)), self.wrapped)
    }

    fn id(&self, slot: usize) -> u32 {
        self.first_id + slot as u32
    }

    /// The terminal has lost everything (we left the screen), or only the images laid over others (it was cleared).
    pub(super) fn forget(&mut self, everything: bool) {
        let end = self.give_up();
        self.before += &end;
        self.shown.clear();
        self.has_anchor = false;
        for slot in 0..SLOTS {
            if self.slots[slot].take().is_some() && !everything {
                self.before += &self.deletion(slot);
            }
        }
    }

    /// The slot of an image that has arrived.
    fn held(&self, content: Content) -> Option<usize> {
        let is_it = |slot: &Slot| slot.is_whole && slot.content == content;
        self.slots.iter().position(|slot| slot.as_ref().is_some_and(is_it))
    }

    /// Whether the terminal has an image.
    pub(super) fn holds(&self, content: Content) -> bool {
        self.held(content).is_some()
    }

    /// Marks an image as used in this frame; its id, if the terminal has it.
    fn take(&mut self, content: Content) -> Option<u32> {
        let slot = self.held(content)?;
        if let Some(held) = &mut self.slots[slot] {
            held.used = self.frame;
        }
        Some(self.id(slot))
    }

    /// What is on its way.
    pub(super) fn sending(&self) -> Option<Content> {
        let upload = self.upload.as_ref()?;
        self.slots[upload.slot].as_ref().map(|slot| slot.content)
    }

    /// Whether something is on its way.
    pub(super) fn is_sending(&self) -> bool {
        self.upload.is_some()
    }

    /// Begins to send an image, in the place of the one that was used longest ago.
    pub(super) fn begin(&mut self, content: Content, payload: &str) {
        let oldest = (0..SLOTS).min_by_key(|at| self.slots[*at].as_ref().map(|slot| slot.used)).unwrap_or(0);
        let mut chunks = Vec::new();
        if self.slots[oldest].is_some() {
            chunks.push(self.deletion(oldest));
        }
        self.slots[oldest] = Some(Slot { content, used: self.frame, is_whole: false });
        let (columns, rows) = content.stretched;
        let command = if columns == 0 { "a=t".to_owned() } else { format!("a=T,U=1,p=1,c={columns},r={rows}") };
        let mut keys = format!("{command},f=100,i={},", self.id(oldest));
        let mut pieces = payload.as_bytes().chunks(CHUNK).peekable();
        while let Some(piece) = pieces.next() {
            let more = u8::from(pieces.peek().is_some());
            let piece = String::from_utf8_lossy(piece);
            chunks.push(wrap(&format!("\x1b_G{keys}q=2,m={more};{piece}\x1b\\"), self.wrapped));
            keys.clear();
        }
        chunks.reverse();
        self.upload = Some(Upload { slot: oldest, chunks });
    }

    /// The next piece of what is on its way, and whether it was the last.
    pub(super) fn piece(&mut self) -> Option<(String, bool)> {
        let upload = self.upload.as_mut()?;
        let chunk = upload.chunks.pop().unwrap_or_default();
        let is_last = upload.chunks.is_empty();
        if is_last {
            if let Some(slot) = &mut self.slots[upload.slot] {
                (slot.is_whole, slot.used) = (true, self.frame);
            }
            self.upload = None;
        }
        Some((chunk, is_last))
    }

    /// Gives up what is on its way: the end that the terminal waits for, and then it is forgotten.
    pub(super) fn give_up(&mut self) -> String {
        let Some(upload) = self.upload.take() else { return String::new() };
        self.slots[upload.slot] = None;
        wrap("\x1b_Gq=2,m=0;\x1b\\", self.wrapped) + &self.deletion(upload.slot)
    }

    /// Puts a picture into the frame, a placeholder in each of its cells, if the terminal has it.
    pub(super) fn stage_cells(&mut self, buffer: &mut Buffer, area: Rect, content: Content) {
        let Some(id) = self.take(content) else { return };
        for (row, diacritic) in (0..area.height).zip(ROWS) {
            for column in 0..area.width {
                let numbers = (column == 0).then_some((diacritic, ROWS[0]));
                put(buffer, Position::new(area.x + column, area.y + row), id, numbers);
            }
        }
    }

    /// Puts a layer into the frame, from the anchor on, if the terminal has it.
    pub(super) fn stage_layer(
        &mut self,
        buffer: &mut Buffer,
        area: Rect,
        content: Content,
        layer: &Layer,
        depth: usize,
    ) {
        let Some(id) = self.take(content) else { return };
        let anchor = match self.anchor {
            Some(anchor) => anchor,
            None => {
                let anchor = area.as_position();
                self.put_anchor(buffer, anchor);
                anchor
            }
        };
        // Wrapping, so that what lies left of or above the anchor is equal to itself.
        let area = Rect { x: area.x.wrapping_sub(anchor.x), y: area.y.wrapping_sub(anchor.y), ..area };
        let number = 1 + self.staged.iter().filter(|placed| placed.id == id).count();
        let depth = DEPTHS[depth.min(1)] + i8::from(layer.place == Place::Pixels);
        self.staged.push(Placed { id, number, area, place: layer.place, depth });
    }

    fn put_anchor(&mut self, buffer: &mut Buffer, anchor: Position) {
        let id = self.id(ANCHOR as usize);
        if !self.has_anchor {
            let send = format!("\x1b_Ga=T,U=1,f=100,i={id},p=1,c=1,r=1,q=2;{NOTHING}\x1b\\");
            self.before += &wrap(&send, self.wrapped);
            self.has_anchor = true;
        }
        put(buffer, anchor, id, Some((ROWS[0], ROWS[0])));
        self.anchor = Some(anchor);
    }

    /// What is to be written before the cells.
    pub(super) fn before(&mut self) -> String {
        let before = std::mem::take(&mut self.before);
        // A terminal that is sent an image expects no other command before the end of it.
        if before.is_empty() { before } else { self.give_up() + &before }
    }

    /// What is to be written after the cells: images that appear or move, and then those that go.
    pub(super) fn after(&mut self) -> String {
        let mut text = String::new();
        let staged = std::mem::take(&mut self.staged);
        for placed in staged.iter().filter(|placed| !self.shown.contains(placed)) {
            let show = self.placement(placed);
            if self.wrapped {
                // kitty anchors it where the cursor is when it arrives; the last row is tmux's own or the status line.
                let _ = write!(text, "\x1b7\x1b[999H{}\x1b8", wrap(&show, true));
            } else {
                text += &show;
            }
        }
        for gone in &self.shown {
            // Placing it again elsewhere has moved it.
            if !staged.iter().any(|placed| (placed.id, placed.number) == (gone.id, gone.number)) {
                let hide = format!("\x1b_Ga=d,d=i,q=2,i={},p={}\x1b\\", gone.id, gone.number);
                text += &wrap(&hide, self.wrapped);
            }
        }
        self.shown = staged;
        self.anchor = None;
        self.frame += 1;
        text
    }

    /// The command that shows an image.
    fn placement(&self, placed: &Placed) -> String {
        let Placed { id, number, area, place, depth } = *placed;
        let parent = self.id(ANCHOR as usize);
        // What lies left of the anchor or above it has wrapped around.
        let (mut column, mut row) = (area.x as i16, area.y as i16);
        let how = match place {
            Place::Whole(width, height) => {
                format!("x=1,y=1,w={width},h={height},c={},r={}", area.width, area.height)
            }
            Place::Part(window, width, height) => {
                let (across, down) = (u32::from(self.cell.width.max(1)), u32::from(self.cell.height.max(1)));
                let (left, top) = (window.x / across, window.y / down);
                let (right, bottom) =
                    ((window.x + window.width).div_ceil(across), (window.y + window.height).div_ceil(down));
                (column, row) = (column + left as i16, row + top as i16);
                let (x, y) = (window.x % across, window.y % down);
                let (columns, rows) = (right - left, bottom - top);
                format!("x=1,y=1,w={width},h={height},X={x},Y={y},c={columns},r={rows}")
            }
            Place::Pixels => String::from("X=0"),
        };
        format!("\x1b_Ga=p,q=2,i={id},p={number},P={parent},Q=1,H={column},V={row},{how},z={depth},C=1\x1b\\")
    }
}

impl Content {
    /// A layer of a part, to be placed later.
    pub(super) fn layer(serial: u64, layer: usize) -> Content {
        Content { serial, layer, stretched: (0, 0) }
    }

    /// A picture that is stretched over the cells of an area, each of which has a placeholder.
    pub(super) fn cells(serial: u64, area: Rect) -> Content {
        Content { serial, layer: 0, stretched: (area.width, area.height) }
    }
}

/// Puts a placeholder into a cell, with the numbers of its row and column or as the one after its neighbour.
fn put(buffer: &mut Buffer, at: Position, id: u32, numbers: Option<(u16, u16)>) {
    let Some(cell) = buffer.cell_mut(at) else { return };
    let mut symbol = String::from(PLACEHOLDER);
    if let Some((row, column)) = numbers {
        symbol.extend([row, column].into_iter().filter_map(|number| char::from_u32(number.into())));
    }
    let [_, r, g, b] = id.to_be_bytes();
    cell.reset();
    cell.set_symbol(&symbol).set_fg(Color::Rgb(r, g, b));
    cell.set_diff_option(CellDiffOption::ForcedWidth(NonZeroU16::MIN));
}
