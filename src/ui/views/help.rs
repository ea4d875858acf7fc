//! The keys, from the keymap: in columns, to be scrolled where they do not fit.

use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use crate::app::keymap::{KEYMAP, Section};
use crate::app::{Action, Command, Keymap, State, label, panel};
use crate::ui::Theme;
use crate::ui::canvas::Canvas;
use crate::ui::layout::Areas;
use crate::ui::views::{Place, View};
use crate::ui::words::{Piece, cut, pad, piece, spread};

/// Cells of the keys.
const KEYS: usize = 15;
/// The widest column.
const WIDEST: u16 = 52;

impl View for panel::Help {
    fn place(&self) -> Place {
        Place::Screen
    }

    /// Draws all lines but those scrolled out of sight, and below them the keys that count in the help.
    fn draw(&self, canvas: &mut Canvas<'_>, areas: &Areas, state: &State, theme: Theme) {
        let (area, foot) = (areas.body, areas.status);
        let (width, lines) = arrange(area.width, &state.keymap, theme);
        let hidden = height(&lines).saturating_sub(self.top + usize::from(area.height));
        for (column, row, line) in lines {
            let place = Rect { x: area.x + column * width, width, ..area };
            if let Some(row) = row.checked_sub(self.top) {
                canvas.row(place, row, line);
            }
        }
        let mut keys = Vec::new();
        for (binding, rank) in state.keymap.section(Section::Help).zip(2..) {
            let help = Span::styled(format!(" {}", binding.help), theme.quiet());
            keys.push(Piece { rank, spans: vec![Span::styled(label(&binding.keys), theme.strong()), help] });
        }
        let more = match hidden {
            0 => Vec::new(),
            _ => vec![piece(1, Span::styled(format!("↓ … {hidden} more"), theme.accent()))],
        };
        let inner = Rect { x: foot.x + 1, width: foot.width.saturating_sub(2), ..foot };
        canvas.line(inner, spread(keys, more, usize::from(inner.width)));
    }

    fn click(&self, _: &Areas, _: &State, _: Position) -> Option<Action> {
        Some(Action::Command(Command::Escape))
    }
}

/// How many lines the help has on a screen of that width.
pub(in crate::ui) fn lines(width: u16) -> usize {
    height(&arrange(width, &Keymap::default(), Theme::default()).1)
}

/// The lines up to the last that says something.
fn height(lines: &[(u16, usize, Line<'_>)]) -> usize {
    lines.iter().filter(|(_, _, line)| line.width() > 0).map(|(_, row, _)| row + 1).max().unwrap_or(0)
}

/// The width of a column, and the lines, each with its column and its row.
fn arrange<'a>(width: u16, keymap: &Keymap, theme: Theme) -> (u16, Vec<(u16, usize, Line<'a>)>) {
    // No more columns than leave every word whole.
    let longest = KEYMAP.iter().map(|binding| binding.help.width()).max().unwrap_or(0);
    let columns = (width / (KEYS + 3 + longest) as u16).clamp(1, 3);
    let width = (width / columns).min(WIDEST);
    let sections = Section::ALL.iter().filter(|section| **section != Section::Help);
    let blocks: Vec<Vec<Line<'_>>> =
        sections.map(|section| block(*section, usize::from(width), keymap, theme)).collect();
    let total: usize = blocks.iter().map(Vec::len).sum();
    let mut height = total.div_ceil(usize::from(columns));
    // Sections stay whole: a little taller, until they fit in the columns.
    while columns_needed(&blocks, height) > usize::from(columns) {
        height += 1;
    }
    let mut lines = Vec::with_capacity(total);
    let (mut column, mut row) = (0, 0);
    for block in blocks {
        if row > 0 && row + block.len() > height {
            (column, row) = (column + 1, 0);
        }
        for line in block {
            lines.push((column, row, line));
            row += 1;
        }
    }
    (width, lines)
}

/// Columns needed when none is higher than `height`, where that can be.
fn columns_needed(blocks: &[Vec<Line<'_>>], height: usize) -> usize {
    let (mut columns, mut row) = (1, 0);
    for block in blocks {
        if row > 0 && row + block.len() > height {
            (columns, row) = (columns + 1, 0);
        }
        row += block.len();
    }
    columns
}

/// A heading, a line for each binding, and a gap.
fn block<'a>(section: Section, width: usize, keymap: &Keymap, theme: Theme) -> Vec<Line<'a>> {
    let mut lines = vec![Line::styled(format!(" {}", section.title()), theme.accent())];
    for binding in keymap.section(section) {
        let keys = label(&binding.keys);
        lines.push(Line::from(vec![
            Span::styled(format!(" {} ", pad(&keys, KEYS)), theme.strong()),
            Span::raw(cut(binding.help, width.saturating_sub(KEYS + 3))),
        ]));
    }
    lines.push(Line::default());
    lines
}
