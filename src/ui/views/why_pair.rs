//! The predictions of two models for the image at the cursor: a class a row, the first model's above the second's in its bar.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::app::{ImageId, State};
use crate::ui::Theme;
use crate::ui::canvas::Canvas;
use crate::ui::layout::Areas;
use crate::ui::views::why::Row;
use crate::ui::words::{pad, percent};

/// Cells of a probability.
const SHARE: usize = 6;
/// Cells before a class's name: the marker and its rank.
const BEFORE: usize = 5;

/// Draws the rows of the model in front, with what the other says of the same classes.
pub(in crate::ui) fn draw(
    canvas: &mut Canvas<'_>,
    areas: &Areas,
    state: &State,
    (image, rows): (ImageId, Vec<Row>),
    theme: Theme,
) {
    let Some((pair, model)) = state.pair.as_ref().zip(state.model.as_deref()) else { return };
    let width = usize::from(areas.why.width);
    let label_width = (width * 3 / 10).clamp(10, 26);
    let bar_width = width.saturating_sub(BEFORE + label_width + 2 * SHARE + 2);
    let front = pair.front();
    let style = |which: usize| if which == front { theme.strong() } else { theme.quiet() };
    let heading = |which: usize| {
        let name = ["a", "b"][which];
        let text = if which == front { format!("[{name}]") } else { name.to_owned() };
        Span::styled(format!("{text:>SHARE$}"), style(which))
    };
    let title = Span::styled(pad(" why", BEFORE + label_width), theme.quiet());
    canvas.line(areas.why_title, Line::from(vec![title, heading(0), heading(1), Span::styled(" %", theme.quiet())]));
    for (index, row) in rows.into_iter().enumerate() {
        let other = state.other_probability(image, row.class);
        let unknown = if state.other_has_said(image) { "-" } else { "…" };
        let said = [(row.probability, "…"), (other, unknown)];
        let said = if front == 0 { said } else { [said[1], said[0]] };
        let share = |which: usize| {
            let (probability, unknown) = said[which];
            let text = probability.map_or_else(|| unknown.to_owned(), short);
            Span::styled(format!("{text:>SHARE$}"), style(which))
        };
        let emphasis = if row.is_target { theme.strong() } else { Style::new() };
        let mut spans = row.signs(theme).to_vec();
        spans.extend([
            Span::styled(pad(model.short_label(row.class), label_width), emphasis),
            share(0),
            share(1),
            Span::raw("  "),
        ]);
        spans.extend(bars(said.map(|(probability, _)| probability.unwrap_or(0.0)), bar_width, theme));
        canvas.row(areas.why, index, Line::from(spans));
    }
}

/// A probability in percent, without the sign.
fn short(probability: f32) -> String {
    percent(probability).trim_end_matches('%').trim().to_owned()
}

/// Two bars in one row of cells, the first in the upper half.
fn bars([first, second]: [f32; 2], width: usize, theme: Theme) -> Vec<Span<'static>> {
    let cells = |share: f32| (share.clamp(0.0, 1.0) * width as f32).round() as usize;
    let (upper, lower) = (cells(first), cells(second));
    let both = upper.min(lower);
    let rest = if upper > lower { "▀" } else { "▄" };
    vec![
        Span::styled("█".repeat(both), theme.accent_bar()),
        Span::styled(rest.repeat(upper.max(lower) - both), theme.accent_bar()),
    ]
}
