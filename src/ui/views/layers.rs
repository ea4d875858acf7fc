//! The choice of a layer, in the list's place.

use ratatui::layout::Position;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::app::{Action, State, panel};
use crate::ui::Theme;
use crate::ui::canvas::Canvas;
use crate::ui::layout::Areas;
use crate::ui::views::strip::short;
use crate::ui::views::{View, Window, draw_query};
use crate::ui::words::{cut_start, pad};

/// Cells of a layer's size: `112x112`, and in a wide list `112x112 2048 channels`.
const SIZE: (usize, usize) = (8, 22);
/// Width from which a list is wide.
const WIDE: usize = 44;

impl View for panel::Layers {
    fn draw(&self, canvas: &mut Canvas<'_>, areas: &Areas, state: &State, theme: Theme) {
        let Some(model) = state.model.as_deref() else { return };
        let area = areas.panel();
        let width = usize::from(area.width);
        draw_query(canvas, areas.list_title, "layer", &self.query, theme);
        let matches = self.matches(state);
        if matches.is_empty() {
            canvas.row(area, 0, Span::styled("   no layer matches", theme.quiet()));
        }
        let window = Window::new(area, self.marked, matches.len());
        let size_width = if width < WIDE { SIZE.0 } else { SIZE.1 };
        for row in window.rows() {
            let (layer, is_marked) = (&model.layers[matches[row]], row == self.marked);
            let style = if is_marked { theme.strong() } else { Style::new() };
            let auto = if model.auto == Some(matches[row]) { " auto" } else { "" };
            let room = width.saturating_sub(3 + size_width);
            let name = cut_start(&short(&layer.name), room.saturating_sub(auto.len()));
            let [channels, height, columns] = layer.shape;
            let mut size = format!("{columns}x{height}");
            if width >= WIDE {
                size = format!("{size} {channels:>4} channels");
            }
            canvas.line(
                window.place(row),
                Line::from(vec![
                    Span::styled(if is_marked { " ▸ " } else { "   " }, theme.accent()),
                    Span::styled(pad(&format!("{name}{auto}"), room), style),
                    Span::styled(format!("{size:>size_width$}"), theme.quiet()),
                ]),
            );
        }
        window.draw_marks(canvas, theme);
    }

    fn click(&self, areas: &Areas, state: &State, at: Position) -> Option<Action> {
        Window::new(areas.panel(), self.marked, self.matches(state).len()).at(at).map(Action::Pick)
    }
}
