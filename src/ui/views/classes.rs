//! The search for a class, in the list's place.

use ratatui::layout::Position;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::app::panel::{self, Matches};
use crate::app::{Action, State};
use crate::ui::Theme;
use crate::ui::canvas::Canvas;
use crate::ui::layout::Areas;
use crate::ui::views::{View, Window, draw_query};
use crate::ui::words::{cut, pad, percent};

impl View for panel::Classes {
    fn draw(&self, canvas: &mut Canvas<'_>, areas: &Areas, state: &State, theme: Theme) {
        let Some(model) = state.model.as_deref() else { return };
        let area = areas.panel();
        let width = usize::from(area.width);
        let Matches { subject, classes: matches } = self.matches(state);
        // What was typed is worth more than the end of a long name.
        let subject = subject.map(|class| cut(model.short_label(class), width / 2));
        match (&subject, self.subject) {
            (Some(subject), Some(_)) => {
                draw_query(canvas, areas.list_title, &format!("{subject} against"), &self.query, theme);
            }
            _ => draw_query(canvas, areas.list_title, "class", &self.query, theme),
        }
        if matches.is_empty() {
            canvas.row(area, 0, Span::styled("   no class matches", theme.quiet()));
        }
        let probabilities = state.current().and_then(|image| state.prediction(image)).map(|p| &p.probabilities);
        let window = Window::new(area, self.marked, matches.len());
        for row in window.rows() {
            let (class, is_marked) = (matches[row], row == self.marked);
            let style = if is_marked { theme.strong() } else { Style::new() };
            // Two names leave no room for a number.
            let (label, share) = match (&subject, self.subject) {
                (Some(subject), None) => (format!("{subject} against {}", model.short_label(class)), None),
                _ => (model.label(class).to_owned(), Some(probabilities.and_then(|all| all.get(class)))),
            };
            let share = share
                .map_or_else(String::new, |share| format!(" {:8}", share.copied().map(percent).unwrap_or_default()));
            let label = pad(&label, width.saturating_sub(3 + share.len()));
            canvas.line(
                window.place(row),
                Line::from(vec![
                    Span::styled(if is_marked { " ▸ " } else { "   " }, theme.accent()),
                    Span::styled(label, style),
                    Span::styled(share, if is_marked { style } else { theme.quiet() }),
                ]),
            );
        }
        window.draw_marks(canvas, theme);
    }

    fn click(&self, areas: &Areas, state: &State, at: Position) -> Option<Action> {
        Window::new(areas.panel(), self.marked, self.matches(state).classes.len()).at(at).map(Action::Pick)
    }
}
