//! The keys, from the keymap.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use crate::app::keymap::{KEYMAP, Section, label};
use crate::ui::Theme;
use crate::ui::canvas::Canvas;
use crate::ui::words::{cut, pad};

/// Cells of the keys.
const KEYS: usize = 14;
/// Narrowest and widest column.
const COLUMN: (u16, u16) = (34, 52);

pub(in crate::ui) fn draw(canvas: &mut Canvas<'_>, area: Rect, theme: Theme) {
    let columns = (area.width / COLUMN.0).clamp(1, 3);
    let width = (area.width / columns).min(COLUMN.1);
    let blocks: Vec<Vec<Line<'_>>> =
        Section::ALL.iter().map(|section| block(*section, usize::from(width), theme)).collect();
    let total: usize = blocks.iter().map(Vec::len).sum();
    let mut height = total.div_ceil(usize::from(columns));
    // Sections stay whole: a little taller, until they fit in the columns.
    while spread(&blocks, height) > usize::from(columns) {
        height += 1;
    }
    let (mut column, mut row) = (0, 0);
    for block in blocks {
        if row > 0 && row + block.len() > height {
            (column, row) = (column + 1, 0);
        }
        for line in block {
            let place = Rect { x: area.x + column * width, width, ..area };
            canvas.row(place, row, line);
            row += 1;
        }
    }
}

/// Columns needed when none is higher than `height`, where that can be.
fn spread(blocks: &[Vec<Line<'_>>], height: usize) -> usize {
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
fn block<'a>(section: Section, width: usize, theme: Theme) -> Vec<Line<'a>> {
    let mut lines = vec![Line::styled(format!(" {}", section.title()), theme.accent())];
    for binding in KEYMAP.iter().filter(|binding| binding.section == section) {
        let keys = label(binding);
        let cells = KEYS.max(keys.width());
        lines.push(Line::from(vec![
            Span::styled(format!(" {} ", pad(&keys, cells)), theme.strong()),
            Span::raw(cut(binding.help, width.saturating_sub(cells + 3))),
        ]));
    }
    lines.push(Line::default());
    lines
}
