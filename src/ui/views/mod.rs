//! The parts of the screen, a file each; among them the panels, which are asked through [`of`].

use std::ops::Range;

use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use super::Theme;
use super::canvas::Canvas;
use super::layout::Areas;
use super::words::{Piece, cut_start};
use crate::app::{Action, Panel, State};

mod calibration;
mod channels;
mod classes;
mod confusions;
mod dreams;
pub(super) mod empty;
mod filter;
pub(super) mod header;
mod heads;
pub(super) mod help;
mod layers;
mod list;
mod methods;
mod parameters;
pub(super) mod picture;
mod segments;
mod stage_names;
pub(super) mod status;
pub(super) mod strip;
mod terms;
pub(super) mod tiny;
mod walk;
mod weights;
pub(super) mod why;
mod why_pair;

/// Which part of the screen a panel takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The list's.
    List,
    /// That of the list and the predictions.
    Column,
    /// The pictures', or all but the header where those leave it no room.
    Pictures,
}

/// What is said above the pictures beside a panel, in place of what the map says.
pub(super) struct Said<'s> {
    pub(super) lines: Vec<String>,
    pub(super) warnings: Vec<&'s str>,
}

/// A panel, from the side that draws it.
pub(super) trait View {
    /// The part of the screen that it takes.
    fn place(&self) -> Place {
        Place::Column
    }

    fn draw(&self, canvas: &mut Canvas<'_>, areas: &Areas, state: &State, theme: Theme);

    /// What a left click means.
    fn click(&self, areas: &Areas, state: &State, at: Position) -> Option<Action>;

    /// What is to be known of the pictures beside it, where they are not the image with its map.
    fn said<'s>(&self, _: &'s State) -> Option<Said<'s>> {
        None
    }

    /// What `[` and `]` step through while it is open, where that is not the layers: what they are, and the one that is used.
    fn steps(&self, _: &State) -> Option<(&'static str, Vec<String>, usize)> {
        None
    }

    /// The status line about them, in a line of `width` cells.
    fn status<'a>(&self, _: &State, _width: usize, _: Theme) -> Option<Vec<Piece<'a>>> {
        None
    }
}

/// Who draws a panel.
pub(super) fn of(panel: &Panel) -> &dyn View {
    match panel {
        Panel::None => &list::List,
        Panel::Filter(panel) => panel,
        Panel::Classes(panel) => panel,
        Panel::Layers(panel) => panel,
        Panel::Methods(panel) => panel,
        Panel::Parameters(panel) => panel,
        Panel::Segments(panel) => panel,
        Panel::Channels(panel) => panel,
        Panel::Confusions(panel) => panel,
        Panel::Dreams(panel) => panel,
        Panel::Heads(panel) => panel,
        Panel::Walk(panel) => panel,
        Panel::Weights(panel) => panel,
        Panel::Calibration(panel) => panel,
        Panel::Help(panel) => panel,
    }
}

/// What is looked for in a menu, and what was typed: ` method lime▏`.
fn draw_query(canvas: &mut Canvas<'_>, title: Rect, what: &str, query: &str, theme: Theme) {
    let room = usize::from(title.width).saturating_sub(what.width() + 3);
    canvas.clear(title);
    canvas.line(
        title,
        Line::from(vec![
            Span::styled(format!(" {what} "), theme.accent()),
            Span::raw(cut_start(query, room)),
            Span::styled("▏", theme.accent()),
        ]),
    );
}

/// Fewest lines of a list in which two are for saying that there is more.
const SMALLEST_MARKED: usize = 3;

/// The part of a list that is on screen around its marked row, between lines that say how much is above and below.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    area: Rect,
    count: usize,
    /// First row on screen.
    first: usize,
    /// One past the last row on screen.
    end: usize,
}

impl Window {
    /// Of a list of `count` rows.
    pub(super) fn new(area: Rect, marked: usize, count: usize) -> Window {
        let room = usize::from(area.height);
        let all = |first: usize, rows: usize| Window { area, count, first, end: (first + rows).min(count) };
        if count <= room {
            return all(0, count);
        }
        if room < SMALLEST_MARKED {
            return all(marked.saturating_sub(room / 2).min(count - room), room);
        }
        let first = marked.saturating_sub((room - 2) / 2);
        // A line that says "1 more" would only hide that one.
        match first {
            0..=1 => all(0, room - 1),
            _ if first + room > count => all(count + 1 - room, room - 1),
            _ => all(first, room - 2),
        }
    }

    /// The rows of the list that are on screen.
    pub(super) fn rows(&self) -> Range<usize> {
        self.first..self.end
    }

    /// Where a row goes.
    pub(super) fn place(&self, row: usize) -> Rect {
        let y = self.area.y + self.top() + (row - self.first) as u16;
        Rect { y, height: 1, ..self.area }.intersection(self.area)
    }

    /// The row at a cell of the screen.
    pub(super) fn at(&self, at: Position) -> Option<usize> {
        let rows = self.rows();
        let row = self.first + usize::from(at.y.checked_sub(self.area.y + self.top())?);
        (self.area.contains(at) && rows.contains(&row)).then_some(row)
    }

    /// Says how many rows are above and below.
    pub(super) fn draw_marks(&self, canvas: &mut Canvas<'_>, theme: Theme) {
        if usize::from(self.area.height) < SMALLEST_MARKED {
            return;
        }
        let below = self.count - self.end;
        let last = Rect { y: self.area.bottom() - 1, height: 1, ..self.area };
        for (hidden, place, arrow) in [(self.first, self.area, "↑"), (below, last, "↓")] {
            if hidden > 0 {
                canvas.line(place, Span::styled(format!(" {arrow} … {hidden} more"), theme.quiet()));
            }
        }
    }

    /// Lines above the first row.
    fn top(&self) -> u16 {
        u16::from(self.first > 0 && usize::from(self.area.height) >= SMALLEST_MARKED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marked_row_is_on_screen_and_all_rows_are_shown_or_counted() {
        for room in 0..12u16 {
            let area = Rect::new(0, 2, 20, room);
            for (count, marked) in (0..30).flat_map(|count| (0..count).map(move |marked| (count, marked))) {
                let window = Window::new(area, marked, count);
                let (rows, case) = (window.rows(), format!("{marked} of {count} in {room}"));
                assert!(room == 0 || rows.contains(&marked), "{case}: {rows:?}");
                let is_small = usize::from(room) < SMALLEST_MARKED;
                let lines = usize::from(window.first > 0) + usize::from(window.end < count);
                let lines = if is_small { 0 } else { lines };
                assert!(is_small || window.first != 1 && window.end + 1 != count, "{case}: {rows:?}");
                assert!(rows.len() == count || rows.len() + lines == usize::from(room), "{case}: {rows:?}");
                for row in rows {
                    assert_eq!(window.at(window.place(row).as_position()), Some(row), "{case}");
                }
            }
        }
    }
}
