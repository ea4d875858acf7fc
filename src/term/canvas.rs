//! What is on the screen besides text, and the bytes that change it.
//!
//! A frame goes: cells are drawn into ratatui's buffer, [`Canvas::stage`] puts pictures into it, [`Canvas::before`] is
//! written, then ratatui's difference, then [`Canvas::after`]. Only what changed is written. A picture is large: it goes out in
//! pieces, between which keys are read, and is given up when nobody waits for it any more.
//!
//! Where the terminal keeps images, frames come between the pieces, and a picture is staged once it has arrived. Where it draws
//! pixels at the cursor, nothing may come between them; ratatui is told to leave their cells alone, and writes them again,
//! erasing the pixels, once the picture is no longer staged.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;

use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::{Position, Rect};

use super::encode::{Encoded, Form};
use super::kitty::{Content, Store};
use super::{Graphics, Protocol};

/// A picture at the cursor is a synchronized update of its own: foot stands still after pixels that come without.
const BEGIN: &str = "\x1b[?2026h";
const END: &str = "\x1b[?2026l";
/// Bytes of a piece of what is drawn at the cursor.
const PIECE: usize = 4096;

/// Pictures on the screen.
#[derive(Debug)]
pub struct Canvas {
    wrapped: bool,
    store: Store,
    /// Images that are to be in the terminal's memory, in the order in which they are needed.
    wanted: Vec<Wanted>,
    staged: Vec<Stream>,
    /// What is to be drawn at the cursor; of the first, perhaps, a part is.
    streams: VecDeque<Stream>,
    shown: Vec<(u64, Rect)>,
}

/// An image for the terminal's memory.
#[derive(Debug)]
struct Wanted {
    content: Content,
    part: Arc<Encoded>,
    layer: usize,
}

/// A picture that is drawn at the cursor.
#[derive(Debug)]
struct Stream {
    part: Arc<Encoded>,
    area: Rect,
    /// Bytes that are written already.
    written: usize,
}

/// A piece of a transfer.
#[derive(Debug)]
pub struct Piece {
    /// What to write.
    pub bytes: String,
    /// Whether a picture has arrived with it that can be shown in the next frame.
    pub arrived: bool,
    /// Whether other sequences may follow.
    pub is_closed: bool,
}

impl Canvas {
    /// An empty screen.
    pub fn new(graphics: &Graphics) -> Self {
        let wrapped = graphics.wrapped;
        Canvas {
            wrapped,
            store: Store::new(wrapped, graphics.cell),
            wanted: Vec::new(),
            staged: Vec::new(),
            streams: VecDeque::new(),
            shown: Vec::new(),
        }
    }

    /// What to write when leaving for good.
    pub fn farewell(&self, graphics: &Graphics) -> String {
        if graphics.protocol == Protocol::Kitty { self.store.farewell() } else { String::new() }
    }

    /// The screen was cleared; with `everything`, the terminal's memory too.
    pub fn forget(&mut self, everything: bool) {
        self.shown.clear();
        self.streams.clear();
        self.store.forget(everything);
    }

    /// Whether a part can be shown in an area at once: nothing that the terminal has to keep is missing there.
    pub fn holds(&self, area: Rect, part: &Encoded) -> bool {
        contents(area, part).iter().all(|(content, _)| self.store.holds(*content))
    }

    /// Notes that a part is to be sent, after those that were noted before. What is noted again with each frame goes on; what is
    /// not is given up.
    pub fn want(&mut self, area: Rect, part: &Arc<Encoded>) {
        let missing = contents(area, part).into_iter().filter(|(content, _)| !self.store.holds(*content));
        let wanted = missing.map(|(content, layer)| Wanted { content, part: Arc::clone(part), layer });
        self.wanted.extend(wanted);
    }

    /// Puts a picture into the frame, whose parts the canvas [holds](Self::holds), centred in `area`; its parts come bottom first.
    pub fn stage(&mut self, buffer: &mut Buffer, area: Rect, parts: &[Arc<Encoded>]) {
        let Some(base) = parts.first() else { return };
        let area = centred(area, base).intersection(buffer.area);
        for (depth, part) in parts.iter().enumerate() {
            match &part.form {
                Form::Cells(cells) => copy(cells, buffer, area),
                Form::Stored(_) => self.store.stage_cells(buffer, area, Content::cells(part.serial, area)),
                Form::Layers(layers) => {
                    for (number, layer) in layers.iter().enumerate() {
                        self.store.stage_layer(buffer, area, Content::layer(part.serial, number), layer, depth);
                    }
                }
                // Cut off, it would be drawn over what lies beside it.
                Form::Stream(_) if area.as_size() != part.size => {}
                Form::Stream(_) => self.stage_stream(buffer, area, part),
            }
        }
    }

    fn stage_stream(&mut self, buffer: &mut Buffer, area: Rect, part: &Arc<Encoded>) {
        for position in area.positions() {
            if let Some(cell) = buffer.cell_mut(position) {
                cell.reset();
                cell.set_diff_option(CellDiffOption::Skip);
            }
        }
        self.staged.push(Stream { part: Arc::clone(part), area, written: 0 });
    }

    /// What to write before ratatui's difference.
    pub fn before(&mut self) -> String {
        self.store.before()
    }

    /// What to write after it.
    pub fn after(&mut self) -> String {
        let commands = self.store.after();
        // A terminal that is sent an image expects no other command before the end of it.
        let mut text = if commands.is_empty() || !self.store.is_sending() { String::new() } else { self.give_up() };
        text += &commands;
        let staged = std::mem::take(&mut self.staged);
        let is_staged =
            |serial: u64, area: Rect| staged.iter().any(|stream| (stream.part.serial, stream.area) == (serial, area));
        let before: Vec<Rect> = self.shown.iter().map(|(_, area)| *area).collect();
        self.shown.retain(|(serial, area)| is_staged(*serial, *area));
        self.streams.clear();
        for stream in staged {
            if self.shown.contains(&(stream.part.serial, stream.area)) {
                continue;
            }
            // Some terminals garble sixels that overlap in part, so what was there goes first. A picture in the very place of
            // another covers it, and nobody sees a blank while it is on its way.
            if !before.contains(&stream.area) {
                for row in stream.area.rows() {
                    let _ = write!(text, "{}\x1b[{}X", cursor_to(row.as_position()), row.width);
                }
            }
            self.streams.push_back(stream);
        }
        text
    }

    /// Begins to note anew what is wanted.
    pub fn begin_wanting(&mut self) {
        self.wanted.clear();
    }

    /// Whether text must wait for the end of a picture.
    pub fn is_drawing(&self) -> bool {
        self.streams.front().is_some_and(|stream| stream.written > 0)
    }

    /// Whether there is something to send.
    pub fn has_pieces(&self) -> bool {
        self.store.is_sending() || !self.wanted.is_empty() || !self.streams.is_empty()
    }

    /// The next piece of what is to be sent.
    pub fn piece(&mut self) -> Option<Piece> {
        if let Some(stream) = self.streams.front_mut() {
            let piece = stream.piece(self.wrapped);
            if piece.is_closed {
                self.shown.extend(self.streams.pop_front().map(|stream| (stream.part.serial, stream.area)));
            }
            return Some(piece);
        }
        if self.store.sending().is_some_and(|sent| self.wanted.iter().all(|wanted| wanted.content != sent)) {
            return Some(Piece { bytes: self.store.give_up(), arrived: false, is_closed: true });
        }
        if !self.store.is_sending() {
            let Wanted { content, part, layer } = self.wanted.first()?;
            let payload = match &part.form {
                Form::Stored(payload) => payload,
                Form::Layers(layers) => &layers.get(*layer)?.payload,
                Form::Cells(_) | Form::Stream(_) => return None,
            };
            self.store.begin(*content, payload);
        }
        let sent = self.store.sending();
        let (bytes, is_last) = self.store.piece()?;
        if is_last {
            self.wanted.retain(|wanted| Some(wanted.content) != sent);
        }
        Some(Piece { bytes, arrived: is_last, is_closed: true })
    }

    /// All that is wanted at once, for whoever has nothing else to do.
    pub fn all_pieces(&mut self) -> String {
        std::iter::from_fn(|| self.piece()).map(|piece| piece.bytes).collect()
    }

    /// Gives up what is on its way, so that something else can be written at once.
    pub fn give_up(&mut self) -> String {
        if !self.is_drawing() {
            return self.store.give_up();
        }
        self.streams.clear();
        // The wrapper's end comes after the end of what is in it.
        let end = if self.wrapped { "\x1b\x1b\\\x1b\\" } else { "\x1b\\" };
        format!("{end}{END}")
    }
}

impl Stream {
    /// The next piece; the first puts the cursor in its place.
    fn piece(&mut self, wrapped: bool) -> Piece {
        let Form::Stream(sequence) = &self.part.form else {
            return Piece { bytes: String::new(), arrived: false, is_closed: true };
        };
        let mut bytes = String::new();
        if self.written == 0 {
            bytes += BEGIN;
            bytes += &cursor_to(self.area.as_position());
            bytes += if wrapped { "\x1bPtmux;" } else { "" };
        }
        // Sequences are ASCII; were they not, the end would come with this piece.
        let end = (self.written + PIECE).min(sequence.len());
        let (piece, end) =
            sequence.get(self.written..end).map_or((&sequence[self.written..], sequence.len()), |piece| (piece, end));
        bytes += &if wrapped { piece.replace('\x1b', "\x1b\x1b") } else { piece.to_owned() };
        self.written = end;
        let is_closed = end == sequence.len();
        if is_closed {
            bytes += if wrapped { "\x1b\\" } else { "" };
            bytes += END;
        }
        Piece { bytes, arrived: false, is_closed }
    }
}

/// The images that the terminal must have to show a part in an area, and which layers of it they are.
fn contents(area: Rect, part: &Encoded) -> Vec<(Content, usize)> {
    match &part.form {
        Form::Cells(_) | Form::Stream(_) => Vec::new(),
        Form::Stored(_) => vec![(Content::cells(part.serial, centred(area, part)), 0)],
        Form::Layers(layers) => (0..layers.len()).map(|number| (Content::layer(part.serial, number), number)).collect(),
    }
}

/// The part of the area that a picture takes.
fn centred(area: Rect, part: &Encoded) -> Rect {
    if part.size.width == 0 {
        return area;
    }
    let (width, height) = (part.size.width.min(area.width), part.size.height.min(area.height));
    Rect::new(area.x + (area.width - width) / 2, area.y + (area.height - height) / 2, width, height)
}

fn cursor_to(position: Position) -> String {
    format!("\x1b[{};{}H", position.y + 1, position.x + 1)
}

/// Copies as many cells as there is room for.
fn copy(cells: &Buffer, buffer: &mut Buffer, area: Rect) {
    for (y, x) in (0..area.height).flat_map(|y| (0..area.width).map(move |x| (y, x))) {
        if let (Some(from), Some(to)) = (cells.cell((x, y)), buffer.cell_mut((area.x + x, area.y + y))) {
            *to = from.clone();
        }
    }
}
