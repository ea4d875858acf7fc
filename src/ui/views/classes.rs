//! The search for a class, in the list's place.

use ratatui::layout::Position;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::app::{Action, State, panel};
use crate::ui::Theme;
use crate::ui::canvas::Canvas;
use crate::ui::layout::Areas;
use crate::ui::views::{View, Window};
use crate::ui::words::{cut_start, pad, percent};

impl View for panel::Classes {
    fn draw(&self, canvas: &mut Canvas<'_>, areas: &Areas, state: &State, theme: Theme) {
        let Some(model) = state.model.as_deref() else { return };
        let area = areas.panel();
        let width = usize::from(area.width);
        canvas.clear(areas.list_title);
        canvas.line(
            areas.list_title,
            Line::from(vec![
                Span::styled(" class ", theme.accent()),
                Span::raw(cut_start(&self.query, width.saturating_sub(9))),
                Span::styled("▏", theme.accent()),
            ]),
        );
        let matches = self.matches(state);
        if matches.is_empty() {
            canvas.row(area, 0, Span::styled("   no class matches", theme.quiet()));
        }
        let probabilities = state.current().and_then(|image| state.prediction(image)).map(|p| &p.probabilities);
        let window = Window::new(area, self.marked, matches.len());
        for row in window.rows() {
            let (class, is_marked) = (matches[row], row == self.marked);
            let style = if is_marked { theme.strong() } else { Style::new() };
            let share = probabilities.and_then(|all| all.get(class)).map(|share| percent(*share)).unwrap_or_default();
            let label = pad(model.label(class), width.saturating_sub(3 + 9));
            canvas.line(
                window.place(row),
                Line::from(vec![
                    Span::styled(if is_marked { " ▸ " } else { "   " }, theme.accent()),
                    Span::styled(label, style),
                    Span::styled(format!(" {share}"), if is_marked { style } else { theme.quiet() }),
                ]),
            );
        }
        window.draw_marks(canvas, theme);
    }

    fn click(&self, areas: &Areas, state: &State, at: Position) -> Option<Action> {
        Window::new(areas.panel(), self.marked, self.matches(state).len()).at(at).map(Action::Pick)
    }
}
