//! The classes that are taken for each other, in the list's place: what is wrong with a model, before why.

use ratatui::layout::Position;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::app::{Action, Confusion, State, panel};
use crate::ui::Theme;
use crate::ui::canvas::Canvas;
use crate::ui::layout::Areas;
use crate::ui::views::{View, Window, why::filled};
use crate::ui::words::{cut, mistake, pad, percent};

/// Cells of the number of images, of their share, and of the bar.
const COUNT: usize = 6;
const SHARE: usize = 8;
const BAR: usize = 12;
/// Widths from which on there is room for the share, and for the bar too.
const WIDE: usize = 28;
const WIDEST: usize = 46;

impl View for panel::Confusions {
    fn draw(&self, canvas: &mut Canvas<'_>, areas: &Areas, state: &State, theme: Theme) {
        let (found, marked) = self.rows_and_mark(state);
        let area = areas.panel();
        let width = usize::from(area.width);
        canvas.clear(areas.list_title);
        let (right, known) = state.accuracy();
        let title = if known > 0 { format!(" {} of {known} wrong", known - right) } else { " wrong images".to_owned() };
        canvas.line(areas.list_title, Span::styled(cut(&title, width), theme.accent()));
        let (heads, list) = areas.table();
        if found.is_empty() {
            let so_far = if state.is_classifying() { "no mistake so far" } else { "no mistake" };
            canvas.line(list, Span::styled(format!("   {so_far}"), theme.quiet()));
            return;
        }
        let aside =
            [(WIDE, SHARE), (WIDEST, BAR + 1)].iter().filter(|(from, _)| width >= *from).map(|(_, cells)| cells);
        let names = width.saturating_sub(3 + COUNT + aside.sum::<usize>());
        let heads_text = format!("   {}{:>COUNT$}{:>SHARE$}", pad("true: said", names), "images", "of true");
        canvas.line(heads, Span::styled(cut(&heads_text, width), theme.quiet()));
        let window = Window::new(list, marked, found.len());
        for row in window.rows() {
            canvas.line(
                window.place(row),
                line(&found[row], found[0].count, row == marked, (width, names), state, theme),
            );
        }
        window.draw_marks(canvas, theme);
    }

    fn click(&self, areas: &Areas, state: &State, at: Position) -> Option<Action> {
        let (_, list) = areas.table();
        let (found, marked) = self.rows_and_mark(state);
        Window::new(list, marked, found.len()).at(at).map(Action::Pick)
    }
}

/// ` ▸ cat: dog                  89   8.9 % ████`
fn line<'a>(
    pair: &Confusion,
    most: usize,
    is_marked: bool,
    (width, names): (usize, usize),
    state: &State,
    theme: Theme,
) -> Line<'a> {
    let style = if is_marked { theme.strong() } else { Style::new() };
    let label = |class: usize| state.short_label(class).to_owned();
    let mut spans = vec![
        Span::styled(if is_marked { " ▸ " } else { "   " }, theme.accent()),
        Span::styled(pad(&mistake(&label(pair.truth), &label(pair.said), names), names), style),
        Span::styled(format!("{:>COUNT$}", pair.count), style),
    ];
    if width >= WIDE {
        let share = pair.count as f32 / pair.of.max(1) as f32;
        spans.push(Span::styled(format!(" {}", percent(share)), theme.quiet()));
    }
    if width >= WIDEST {
        let filled = filled(pair.count as f32 / most.max(1) as f32, BAR);
        spans.push(Span::styled(format!(" {filled}"), theme.wrong()));
    }
    Line::from(spans)
}
