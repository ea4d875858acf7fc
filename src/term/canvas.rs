//! What is on the screen besides text, and the bytes that change it.
//!
//! A frame goes: cells are drawn into ratatui's buffer, [`Canvas::stage`] puts pictures into it, [`Canvas::before`] is
//! written, then ratatui's difference, then [`Canvas::after`]. Only what changed is written. Where a terminal draws pixels
//! at the cursor, ratatui is told to leave their cells alone, and writes them again, erasing the pixels, once the picture is
//! no longer staged.

use std::fmt::Write as _;

use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::{Position, Rect};

use super::encode::{Encoded, Form};
use super::kitty::{Store, wrap};
use super::{Graphics, Protocol};

/// Pictures on the screen.
#[derive(Debug)]
pub struct Canvas {
    wrapped: bool,
    store: Store,
    staged: Vec<Stream>,
    shown: Vec<(u64, Rect)>,
}

/// A picture that is drawn at the cursor.
#[derive(Debug)]
struct Stream {
    serial: u64,
    area: Rect,
    /// What draws it; empty when it is on the screen already.
    sequence: String,
}

impl Canvas {
    /// An empty screen.
    pub fn new(graphics: &Graphics) -> Self {
        let wrapped = graphics.wrapped;
        Canvas { wrapped, store: Store::new(wrapped), staged: Vec::new(), shown: Vec::new() }
    }

    /// What to write when leaving for good.
    pub fn farewell(&self, graphics: &Graphics) -> String {
        if graphics.protocol == Protocol::Kitty { self.store.farewell() } else { String::new() }
    }

    /// The screen was cleared; with `everything`, the terminal's memory too.
    pub fn forget(&mut self, everything: bool) {
        self.shown.clear();
        self.store.forget(everything);
    }

    /// Puts a picture into the frame, centred in `area`; its parts come bottom first.
    pub fn stage(&mut self, buffer: &mut Buffer, area: Rect, parts: &[&Encoded]) {
        let Some(base) = parts.first() else { return };
        let (width, height) = (base.size.width.min(area.width), base.size.height.min(area.height));
        let area = Rect::new(area.x + (area.width - width) / 2, area.y + (area.height - height) / 2, width, height);
        let area = area.intersection(buffer.area);
        for (at, part) in parts.iter().enumerate() {
            match &part.form {
                Form::Cells(cells) => copy(cells, buffer, area),
                Form::Stored(payload) if at == 0 => self.store.stage(buffer, area, part.serial, payload),
                Form::Stored(payload) => self.store.stage_over(part.serial, payload),
                // Cut off, it would be drawn over what lies beside it.
                Form::Stream(_) if area.as_size() != part.size => {}
                Form::Stream(sequence) => self.stage_stream(buffer, area, part.serial, sequence),
            }
        }
    }

    fn stage_stream(&mut self, buffer: &mut Buffer, area: Rect, serial: u64, sequence: &str) {
        for position in area.positions() {
            if let Some(cell) = buffer.cell_mut(position) {
                cell.reset();
                cell.set_diff_option(CellDiffOption::Skip);
            }
        }
        let sequence = if self.shown.contains(&(serial, area)) { "" } else { sequence };
        self.staged.push(Stream { serial, area, sequence: sequence.to_owned() });
    }

    /// What to write before ratatui's difference.
    pub fn before(&mut self) -> String {
        self.store.before()
    }

    /// What to write after it.
    pub fn after(&mut self) -> String {
        let mut text = self.store.after();
        let mut new = Vec::new();
        for stream in std::mem::take(&mut self.staged) {
            new.push((stream.serial, stream.area));
            if stream.sequence.is_empty() {
                continue;
            }
            // Some terminals garble sixels that overlap in part, so what was there goes first. A picture in the very place of
            // another covers it, and nobody sees a blank while it is on its way.
            if !self.shown.iter().any(|(_, area)| *area == stream.area) {
                for row in stream.area.rows() {
                    let _ = write!(text, "{}\x1b[{}X", cursor_to(row.as_position()), row.width);
                }
            }
            text += &cursor_to(stream.area.as_position());
            text += &wrap(&stream.sequence, self.wrapped);
        }
        self.shown = new;
        text
    }
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
