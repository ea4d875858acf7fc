//! The parameters of the method, in the list's place. Everything said here comes from the registry.

use ratatui::layout::Position;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::app::{Action, Param, State, Value, panel};
use crate::ui::Theme;
use crate::ui::canvas::Canvas;
use crate::ui::layout::Areas;
use crate::ui::views::{View, Window};
use crate::ui::words::{cut, pad, wrap};

/// Widest value, in cells.
const VALUE: usize = 12;

impl View for panel::Parameters {
    fn draw(&self, canvas: &mut Canvas<'_>, areas: &Areas, state: &State, theme: Theme) {
        let Some(method) = state.method() else { return };
        let (list, about) = areas.menu();
        let width = usize::from(list.width);
        canvas.clear(areas.list_title);
        canvas.line(
            areas.list_title,
            Span::styled(cut(&format!(" parameters of {}", method.name), width), theme.accent()),
        );
        let window = Window::new(list, self.marked, method.params.len());
        for row in window.rows() {
            canvas.line(window.place(row), line(&method.params[row], row == self.marked, state, width, theme));
        }
        window.draw_marks(canvas, theme);
        let Some(param) = method.params.get(self.marked) else { return };
        let text = format!(
            "{}. {}; {} unless set. ← and → change it.",
            param.help.trim_end_matches('.'),
            domain(param),
            shown(&param.default_value())
        );
        for (index, text) in wrap(&text, width.saturating_sub(2)).into_iter().enumerate() {
            canvas.row(about, index + 1, Span::styled(format!(" {text}"), theme.quiet()));
        }
    }

    fn click(&self, areas: &Areas, state: &State, at: Position) -> Option<Action> {
        let (list, _) = areas.menu();
        Window::new(list, self.marked, state.method()?.params.len()).at(at).map(Action::Pick)
    }
}

/// `▸ samples            1000`
fn line<'a>(param: &Param, is_marked: bool, state: &State, width: usize, theme: Theme) -> Line<'a> {
    let is_set = state.selection.values.contains_key(param.name);
    let style = if is_marked { theme.strong() } else { Style::new() };
    let value = cut(&shown(&state.parameter(param)), VALUE);
    Line::from(vec![
        Span::styled(if is_marked { " ▸ " } else { "   " }, theme.accent()),
        Span::styled(pad(param.name, width.saturating_sub(4 + VALUE)), style),
        Span::styled(format!("{value:>VALUE$}"), if is_set { theme.accent() } else { style }),
    ])
}

/// What the parameter takes, in the words of [`shown`].
fn domain(param: &Param) -> String {
    if matches!(param.default_value(), Value::Flag(_)) { "yes or no".to_owned() } else { param.domain() }
}

/// A value as people read it.
fn shown(value: &Value) -> String {
    match value {
        Value::Integer(value) => value.to_string(),
        Value::Real(value) => value.to_string(),
        Value::Choice(value) => value.clone(),
        Value::Flag(value) => if *value { "yes" } else { "no" }.to_owned(),
    }
}
