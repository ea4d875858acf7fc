//! The keys, from the keymap: in columns in the pictures' place, where all of them fit beside the list; else over the whole screen,
//! to be scrolled where they do not fit. What stays as it is need not be drawn again, which counts over a slow line.

use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use crate::app::keymap::Section;
use crate::app::{Action, Command, Keymap, State, label, panel};
use crate::ui::Theme;
use crate::ui::canvas::Canvas;
use crate::ui::layout::Areas;
use crate::ui::views::{Place, View};
use crate::ui::words::{Piece, cut, pad, piece, spread};

/// Most columns.
const COLUMNS: usize = 3;
/// Most cells of the keys.
const KEYS: usize = 15;
/// Cells between the keys and what they do.
const GAP: usize = 2;
/// Most cells between columns, beyond the one that each begins with.
const APART: usize = 6;

impl View for panel::Help {
    fn place(&self) -> Place {
        Place::Pictures
    }

    /// Draws all lines but those scrolled out of sight; over the whole screen, below them the keys that count in the help.
    fn draw(&self, canvas: &mut Canvas<'_>, areas: &Areas, state: &State, theme: Theme) {
        let is_beside = fits_beside(areas, &state.keymap);
        let area = if is_beside { areas.beside() } else { areas.body };
        let lines = arrange(area.width, &state.keymap, theme);
        let hidden = height(&lines).saturating_sub(self.top + usize::from(area.height));
        for (column, row, line) in lines {
            let left = (area.x + column).min(area.right());
            let place = Rect { x: left, width: area.right() - left, ..area };
            if let Some(row) = row.checked_sub(self.top) {
                canvas.row(place, row, line);
            }
        }
        if !is_beside {
            draw_foot(canvas, areas.status, hidden, state, theme);
        }
    }

    fn click(&self, _: &Areas, _: &State, _: Position) -> Option<Action> {
        Some(Action::Command(Command::Escape))
    }
}

/// The keys that count in the help, and how much of it is to come.
fn draw_foot(canvas: &mut Canvas<'_>, area: Rect, hidden: usize, state: &State, theme: Theme) {
    let mut keys = Vec::new();
    for (binding, rank) in state.keymap.section(Section::Help).zip(2..) {
        let help = Span::styled(format!(" {}", binding.help), theme.quiet());
        keys.push(Piece { rank, spans: vec![Span::styled(label(&binding.keys), theme.strong()), help] });
    }
    let more = match hidden {
        0 => Vec::new(),
        _ => vec![piece(1, Span::styled(format!("↓ … {hidden} more"), theme.accent()))],
    };
    let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    canvas.line(inner, spread(keys, more, usize::from(inner.width)));
}

/// Whether all of it has room in the pictures' place.
pub(in crate::ui) fn fits_beside(areas: &Areas, keymap: &Keymap) -> bool {
    let area = areas.beside();
    height(&arrange(area.width, keymap, Theme::default())) <= usize::from(area.height)
}

/// How many lines do not fit.
pub(in crate::ui) fn overflow(areas: &Areas, keymap: &Keymap) -> usize {
    if fits_beside(areas, keymap) {
        return 0;
    }
    height(&arrange(areas.body.width, keymap, Theme::default())).saturating_sub(usize::from(areas.body.height))
}

/// The lines up to the last that says something.
fn height(lines: &[(u16, usize, Line<'_>)]) -> usize {
    lines.iter().filter(|(_, _, line)| line.width() > 0).map(|(_, row, _)| row + 1).max().unwrap_or(0)
}

/// What the help says of a section.
struct Block {
    title: &'static str,
    /// Keys, and what they do.
    rows: Vec<(String, &'static str)>,
}

impl Block {
    /// With a heading and a gap.
    fn height(&self) -> usize {
        self.rows.len() + 2
    }
}

/// The lines, each with the cell that it begins in and its row.
fn arrange<'a>(width: u16, keymap: &Keymap, theme: Theme) -> Vec<(u16, usize, Line<'a>)> {
    let width = usize::from(width);
    let sections = Section::ALL.iter().filter(|section| **section != Section::Help);
    let rows = |section| keymap.section(section).map(|row| (label(&row.keys), row.help)).collect();
    let blocks: Vec<Block> = sections.map(|section| Block { title: section.title(), rows: rows(*section) }).collect();
    let all_width = |columns: &[&[Block]]| columns.iter().map(|column| column_width(column)).sum::<usize>();
    // As many columns as leave every word whole.
    let mut ways = (2..=COLUMNS).rev().map(|count| in_columns(&blocks, count));
    let columns = ways.find(|columns| all_width(columns) <= width).unwrap_or_else(|| vec![&blocks]);
    let apart = (width.saturating_sub(all_width(&columns)) / columns.len()).min(APART);
    let mut lines = Vec::new();
    let mut left = 0;
    for column in columns {
        let (keys, room) = (keys_width(column), width.saturating_sub(1 + keys_width(column) + GAP));
        let mut row = 0;
        for block in column {
            let title = Span::styled(format!(" {}", block.title), theme.accent());
            lines.push((left as u16, row, Line::from(title)));
            for (number, (label, help)) in block.rows.iter().enumerate() {
                let line = Line::from(vec![
                    Span::styled(format!(" {}", pad(label, keys + GAP)), theme.strong()),
                    Span::raw(cut(help, room)),
                ]);
                lines.push((left as u16, row + 1 + number, line));
            }
            row += block.height();
        }
        left += column_width(column) + apart;
    }
    lines
}

/// The sections in so many columns at most, whole, and as low as can be.
fn in_columns(blocks: &[Block], count: usize) -> Vec<&[Block]> {
    let total: usize = blocks.iter().map(Block::height).sum();
    let mut ways = (total / count..total).map(|height| filled(blocks, height));
    ways.find(|columns| columns.len() <= count).unwrap_or_else(|| vec![blocks])
}

/// The sections in columns of that height.
fn filled(blocks: &[Block], height: usize) -> Vec<&[Block]> {
    let mut columns = Vec::new();
    let (mut start, mut used) = (0, 0);
    for (at, block) in blocks.iter().enumerate() {
        // The last line of a column is a gap, and not needed.
        if used > 0 && used + block.height() > height + 1 {
            columns.push(&blocks[start..at]);
            (start, used) = (at, 0);
        }
        used += block.height();
    }
    columns.push(&blocks[start..]);
    columns
}

/// Cells of the keys in a column.
fn keys_width(column: &[Block]) -> usize {
    column.iter().flat_map(|block| &block.rows).map(|(label, _)| label.width()).max().unwrap_or(0).min(KEYS)
}

/// Cells of a column, which begins with a blank.
fn column_width(column: &[Block]) -> usize {
    let help = column.iter().flat_map(|block| &block.rows).map(|(_, help)| help.width()).max().unwrap_or(0);
    1 + keys_width(column) + GAP + help
}
