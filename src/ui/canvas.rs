//! What views draw on: lines of cells, clipped to where they belong.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::text::Line;
use ratatui::widgets::{Clear, Widget};

use super::words::{cut, wrap};

/// A buffer with the few things that views do to it.
pub(super) struct Canvas<'a> {
    pub(super) buffer: &'a mut Buffer,
}

impl Canvas<'_> {
    /// A line of text, cut at the area's edge.
    pub(super) fn line<'l>(&mut self, area: Rect, line: impl Into<Line<'l>>) {
        let area = Rect { height: area.height.min(1), ..area }.intersection(self.buffer.area);
        line.into().render(area, self.buffer);
    }

    /// A line of text in the n-th row of an area, if it has that many.
    pub(super) fn row<'l>(&mut self, area: Rect, row: usize, line: impl Into<Line<'l>>) {
        if row < usize::from(area.height) {
            self.line(Rect { y: area.y + row as u16, height: 1, ..area }, line);
        }
    }

    /// A few lines in the middle of an area, each centred; the first ones where there is no room for all.
    pub(super) fn centred(&mut self, area: Rect, lines: &[(String, Style)]) {
        let width = usize::from(area.width).saturating_sub(2);
        let wrapped: Vec<(String, Style)> = lines
            .iter()
            .flat_map(|(text, style)| {
                let parts = if text.is_empty() { vec![String::new()] } else { wrap(text, width) };
                parts.into_iter().map(|part| (part, *style))
            })
            .collect();
        let top = usize::from(area.height).saturating_sub(wrapped.len()) / 2;
        for (index, (text, style)) in wrapped.into_iter().enumerate() {
            self.row(area, top + index, Line::styled(cut(&text, usize::from(area.width)), style).centered());
        }
    }

    /// Empties an area.
    pub(super) fn clear(&mut self, area: Rect) {
        Clear.render(area.intersection(self.buffer.area), self.buffer);
    }
}

/// A 24-bit colour for the terminal.
pub(super) fn rgb([r, g, b]: [u8; 3]) -> Color {
    Color::Rgb(r, g, b)
}
