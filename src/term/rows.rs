//! Cells as bytes: the shortest of a few ways to write each row.
//!
//! The cursor moves by what is shortest and still certain: not every terminal agrees how wide a character is, so after anything
//! but ASCII only a column by its number is, and a row as long as the line cannot have wrapped. Where all that is on the screen is
//! known, a few cells that have not changed are written again rather than jumped over, long runs of blanks are erased, and the rest
//! of a row may be erased before what is left of it is written.

use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell, CellWidth as _};

use super::Codes;
use super::pen::{PLAIN, Pen, is_blank};

/// Rows down to which line feeds are shorter than a row by its number.
const FEEDS: u16 = 4;
/// Bytes of the erasure of the rest of a row.
const ERASURE: usize = 3;

/// What a terminal is to be sent that shows `cells` but for the `changed` ones, which come in the order of the screen.
pub(super) fn written(cells: &Buffer, changed: &[(u16, u16)], codes: Codes) -> String {
    let mut text = String::new();
    let mut tip = Tip { pen: PLAIN, at: None, width: cells.area.width };
    for changed in changed.chunk_by(|a, b| a.1 == b.1) {
        let row = Row::new(cells, changed, codes);
        let ways = std::iter::once(None).chain(row.erasures().into_iter().map(Some));
        let shortest = ways.map(|from| row.written(tip, from)).min_by_key(|(text, _)| text.len());
        if let Some((written, after)) = shortest {
            text += &written;
            tip = after;
        }
    }
    tip.pen.change(&mut text, PLAIN, codes);
    text
}

/// A row of the screen.
struct Row<'a> {
    y: u16,
    codes: Codes,
    cells: &'a [Cell],
    changed: Vec<bool>,
    /// Cells that the character before them reaches into.
    covered: Vec<bool>,
}

impl<'a> Row<'a> {
    fn new(cells: &'a Buffer, changed: &[(u16, u16)], codes: Codes) -> Row<'a> {
        let width = usize::from(cells.area.width);
        let y = changed.first().map_or(0, |(_, y)| *y);
        let cells = &cells.content[usize::from(y) * width..][..width];
        let mut row = Row { y, codes, cells, changed: vec![false; width], covered: vec![false; width] };
        for (x, _) in changed {
            row.changed[usize::from(*x)] = true;
        }
        for (x, cell) in cells.iter().enumerate() {
            if !row.covered[x] {
                let end = (x + usize::from(cell.cell_width())).min(width);
                row.covered[(x + 1).min(end)..end].fill(true);
            }
        }
        row
    }

    /// The places from which on it may be worth erasing: where changed blanks begin of which more come than is to be written again.
    fn erasures(&self) -> Vec<usize> {
        let mut places = Vec::new();
        if !self.codes.erases {
            return places;
        }
        let (mut saved, mut again) = (0, ERASURE);
        for x in (0..self.cells.len()).rev() {
            match (is_blank(&self.cells[x]), self.changed[x]) {
                (true, true) => saved += 1,
                (false, false) => again += 1,
                _ => {}
            }
            let begins = x == 0 || !(self.changed[x - 1] && is_blank(&self.cells[x - 1]));
            if self.changed[x] && is_blank(&self.cells[x]) && begins && !self.covered[x] && saved > again {
                places.push(x);
            }
        }
        places
    }

    /// The row, and how the terminal's cursor is left; from `erased` on, all is erased first.
    fn written(&self, mut tip: Tip, erased: Option<usize>) -> (String, Tip) {
        let mut text = String::new();
        let is_due = |x: usize| match erased {
            Some(from) if x > from => !is_blank(&self.cells[x]) && !self.covered[x],
            Some(from) if x == from => true,
            _ => self.changed[x],
        };
        let mut due = (0..self.cells.len()).filter(|x| is_due(*x)).peekable();
        while let Some(x) = due.next() {
            tip.go(&mut text, self, x);
            if erased == Some(x) {
                tip.pen.change(&mut text, tip.pen.for_erasing(), self.codes);
                text += "\x1b[K";
                continue;
            }
            let blanks = self.blanks(x, |x| is_due(x) && Some(x) != erased);
            if self.codes.erases {
                let erasure = format!("\x1b[{blanks}X");
                let goes_on = (x + blanks..self.cells.len()).find(|x| is_due(*x));
                let move_on = if goes_on == Some(x + blanks) { ERASURE } else { 0 };
                if erasure.len() + move_on < blanks {
                    tip.pen.change(&mut text, tip.pen.for_erasing(), self.codes);
                    text += &erasure;
                    while due.next_if(|next| *next < x + blanks).is_some() {}
                    continue;
                }
            }
            tip.put(&mut text, &self.cells[x], self.codes);
        }
        (text, tip)
    }

    /// How many blanks that are to be written begin here, side by side.
    fn blanks(&self, x: usize, is_due: impl Fn(usize) -> bool) -> usize {
        (x..self.cells.len()).take_while(|x| is_due(*x) && is_blank(&self.cells[*x])).count()
    }
}

/// Where the terminal's cursor is, and what with.
#[derive(Debug, Clone, Copy)]
struct Tip {
    pen: Pen,
    at: Option<At>,
    width: u16,
}

/// A place of the cursor.
#[derive(Debug, Clone, Copy)]
struct At {
    y: u16,
    /// As we count; none after a character that takes several cells.
    x: Option<u16>,
    /// All terminals count like this.
    is_exact: bool,
    /// As far right as it can be.
    most: u16,
}

impl Tip {
    /// Writes a cell.
    fn put(&mut self, text: &mut String, cell: &Cell, codes: Codes) {
        self.pen.change(text, self.pen.for_cell(cell), codes);
        text.push_str(cell.symbol());
        let Some(at) = &mut self.at else { return };
        if cell.symbol().len() > 1 {
            at.is_exact = false;
            at.most = at.most.saturating_add(2 * cell.symbol().chars().count() as u16);
        } else {
            at.most += 1;
        }
        at.x = at.x.filter(|_| cell.cell_width() == 1).map(|x| x + 1);
    }

    /// Moves the cursor, where it is not there already.
    fn go(&mut self, text: &mut String, row: &Row<'_>, x: usize) {
        let (x, y) = (x as u16, row.y);
        if self.at.is_some_and(|at| (at.x, at.y) == (Some(x), y)) {
            return;
        }
        let ways = [self.over(row, x), self.along(x, y), self.down(x, y), Some(absolute(self.at, x, y))];
        if let Some(shortest) = ways.into_iter().flatten().min_by_key(String::len) {
            text.push_str(&shortest);
        }
        self.at = Some(At { y, x: Some(x), is_exact: true, most: x });
    }

    /// Over cells that are there already, by writing them once more.
    fn over(&self, row: &Row<'_>, x: u16) -> Option<String> {
        let from = usize::from(self.column(row.y)?);
        let cells = row.cells.get(from..usize::from(x)).filter(|cells| !cells.is_empty() && row.codes.erases)?;
        let is_same = |cell: &Cell| cell.symbol().len() == 1 && self.pen.for_cell(cell) == self.pen;
        cells.iter().all(is_same).then(|| cells.iter().map(Cell::symbol).collect())
    }

    /// Along the row, by the difference.
    fn along(&self, x: u16, y: u16) -> Option<String> {
        Some(sideways(self.column(y)?, x))
    }

    /// Down a few rows.
    fn down(&self, x: u16, y: u16) -> Option<String> {
        let at = self.at.filter(|at| at.most < self.width)?;
        let rows = y.checked_sub(at.y).filter(|rows| (1..=FEEDS).contains(rows))?;
        let feeds = "\n".repeat(rows.into());
        let from_edge = format!("\r{feeds}{}", sideways(0, x));
        let straight = self.column(at.y).map(|from| format!("{feeds}{}", sideways(from, x)));
        straight.into_iter().chain([from_edge]).min_by_key(String::len)
    }

    /// The column that the cursor is certainly in, if it is in that row.
    fn column(&self, y: u16) -> Option<u16> {
        let at = self.at.filter(|at| at.y == y && at.is_exact && at.most < self.width)?;
        at.x
    }
}

/// From column to column.
fn sideways(from: u16, to: u16) -> String {
    match (to.checked_sub(from), from.saturating_sub(to)) {
        (Some(0), _) => String::new(),
        (Some(1), _) => "\x1b[C".to_owned(),
        (Some(more), _) => format!("\x1b[{more}C"),
        (None, less @ 1..=4) => "\x08".repeat(less.into()),
        (None, less) => format!("\x1b[{less}D"),
    }
}

/// By the numbers of row and column.
fn absolute(at: Option<At>, x: u16, y: u16) -> String {
    let mut text = String::new();
    let _ = match at {
        Some(at) if at.y == y => write!(text, "\x1b[{}G", x + 1),
        _ if x == 0 => write!(text, "\x1b[{}H", y + 1),
        _ => write!(text, "\x1b[{};{}H", y + 1, x + 1),
    };
    text
}
