//! The choice of a method, in the list's place. Everything said here comes from the registry.

use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::app::{Action, MethodRow, State, panel};
use crate::ui::Theme;
use crate::ui::canvas::Canvas;
use crate::ui::layout::Areas;
use crate::ui::views::{View, Window, draw_query};
use crate::ui::words::{pad, wrap};

impl View for panel::Methods {
    fn draw(&self, canvas: &mut Canvas<'_>, areas: &Areas, state: &State, theme: Theme) {
        let Some(model) = state.model.as_deref() else { return };
        let (list, about) = areas.menu();
        draw_query(canvas, areas.list_title, "method", &self.query, theme);
        let matches = self.matches(state);
        if matches.is_empty() {
            canvas.row(list, 0, Span::styled("   no method matches", theme.quiet()));
        }
        let window = Window::new(list, self.marked, matches.len());
        for row in window.rows() {
            let method = &model.methods[matches[row]];
            let width = usize::from(list.width);
            canvas.line(window.place(row), line(method, row == self.marked, state, width, theme));
        }
        window.draw_marks(canvas, theme);
        if let Some(method) = self.method(state) {
            draw_about(canvas, about, method, theme);
        }
    }

    fn click(&self, areas: &Areas, state: &State, at: Position) -> Option<Action> {
        let (list, _) = areas.menu();
        Window::new(list, self.marked, self.matches(state).len()).at(at).map(Action::Pick)
    }
}

fn line<'a>(method: &MethodRow, is_marked: bool, state: &State, width: usize, theme: Theme) -> Line<'a> {
    let is_selected = method.name == state.selection_before_menu().method;
    let name = if is_selected { format!("{} (now)", method.name) } else { method.name.to_owned() };
    let style = match (&method.obstacle, is_marked) {
        (Some(_), _) => theme.quiet(),
        (None, true) => theme.strong(),
        (None, false) => Style::new(),
    };
    let (sign, sign_style) = match (&method.obstacle, method.caution) {
        (Some(_), _) => ("- ", theme.quiet()),
        (None, Some(_)) => ("! ", theme.warning()),
        (None, None) => ("  ", Style::new()),
    };
    Line::from(vec![
        Span::styled(if is_marked { " ▸ " } else { "   " }, theme.accent()),
        Span::styled(sign, sign_style),
        Span::styled(pad(&name, width.saturating_sub(5)), style),
    ])
}

fn draw_about(canvas: &mut Canvas<'_>, area: Rect, method: &MethodRow, theme: Theme) {
    let width = usize::from(area.width).saturating_sub(2);
    let mut lines: Vec<(String, Style)> = Vec::new();
    let mut say = |text: &str, style: Style| lines.extend(wrap(text, width).into_iter().map(|line| (line, style)));
    if let Some(obstacle) = &method.obstacle {
        say(&format!("not with this model: {obstacle}"), theme.warning());
    }
    say(method.help, Style::new());
    if let Some(caution) = method.caution {
        say(caution, theme.warning());
    }
    for (index, (text, style)) in lines.into_iter().enumerate() {
        canvas.row(area, index + 1, Span::styled(format!(" {text}"), style));
    }
}
