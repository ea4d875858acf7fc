//! The channels of the layer, in the list's place: what each holds, and what it contributes to the class. The one at the
//! mark lies over the picture, and is framed among the tiles.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use crate::app::{Channels, Outcome, Panel, State, Target};
use crate::ui::Theme;
use crate::ui::canvas::Canvas;
use crate::ui::layout::Areas;
use crate::ui::views::segments::{bar_style, parts};
use crate::ui::views::{Window, why::filled};
use crate::ui::words::{cut, number, wrap};

/// Cells before the bar: mark, channel, largest value, contribution.
const BEFORE: usize = 2 + 7 + 9 + CONTRIBUTION + 1;
/// Cells of the contribution, and of the class above it.
const CONTRIBUTION: usize = 10;

pub(in crate::ui) fn draw(canvas: &mut Canvas<'_>, areas: &Areas, state: &State, theme: Theme) {
    let Panel::Channels { .. } = state.panel else { return };
    let area = areas.panel();
    let width = usize::from(area.width);
    canvas.clear(areas.list_title);
    let Some(channels) = state.channels() else {
        canvas.line(areas.list_title, Span::styled(" channels", theme.accent()));
        let failure = match state.current_entry().map(|entry| &entry.outcome) {
            Some(Outcome::Failed(reason)) => Some(reason.as_str()),
            _ => state.channels_refusal(),
        };
        let says = failure.unwrap_or(if state.is_working() { "working…" } else { "" });
        let lines = wrap(says, width.saturating_sub(4));
        for (row, line) in lines.into_iter().enumerate() {
            canvas.row(area, row, Span::styled(format!("   {line}"), theme.quiet()));
        }
        return;
    };
    let (count, silent) = (channels.maps.len(), channels.silent());
    let title = match silent {
        0 => format!(" {count} channels"),
        _ => format!(" {count} channels, {silent} of them silent"),
    };
    canvas.line(areas.list_title, Span::styled(cut(&title, width), theme.accent()));
    let (heads, _) = parts(areas);
    let target = target(state).filter(|_| channels.unknown().is_none()).unwrap_or_default();
    let class = cut(&target, CONTRIBUTION - 1);
    let before = CONTRIBUTION.saturating_sub(class.width());
    let heads_text = format!("{:>9}{:>9}{}{class}", "channel", "largest", " ".repeat(before));
    canvas.line(heads, Span::styled(heads_text, theme.quiet()));
    let Some((window, marked)) = window(areas, state).zip(state.marked_channel_row()) else { return };
    for row in window.rows() {
        canvas.line(window.place(row), line(channels, channels.order[row], row == marked, width, theme));
    }
    window.draw_marks(canvas, theme);
}

/// ` ▸    117     4.21     +1.83 ███`
fn line<'a>(channels: &Channels, channel: usize, is_marked: bool, width: usize, theme: Theme) -> Line<'a> {
    let style = if is_marked { theme.strong() } else { Style::new() };
    let (low, high) = channels.ranges[channel];
    let largest = if low.abs() > high.abs() { low } else { high };
    let mut spans = vec![
        Span::styled(if is_marked { " ▸" } else { "  " }, theme.accent()),
        Span::styled(format!("{channel:>7}"), style),
        Span::styled(format!("{:>9}", number(largest)), theme.quiet()),
    ];
    if let Ok(contributions) = &channels.contributions {
        let value = contributions[channel];
        let share = if channels.strongest > 0.0 { value.abs() / channels.strongest } else { 0.0 };
        let sign = if value > 0.0 { "+" } else { "" };
        spans.push(Span::styled(format!("{:>CONTRIBUTION$} ", format!("{sign}{}", number(value))), style));
        spans.push(Span::styled(filled(share, width.saturating_sub(BEFORE + 1)), bar_style(value, theme)));
    }
    Line::from(spans)
}

/// What the channels contribute to.
fn target(state: &State) -> Option<String> {
    let model = state.model.as_deref()?;
    Some(match state.shown_channels.as_ref()?.target {
        Target::Class(class) | Target::Probability(class) => model.short_label(class).to_owned(),
        Target::Contrast(class, other) => format!("{}-{}", model.short_label(class), model.short_label(other)),
        Target::Top(_) => return None,
    })
}

/// Where the rows of the table are.
pub(in crate::ui) fn window(areas: &Areas, state: &State) -> Option<Window> {
    let count = state.channels()?.maps.len();
    let (_, list) = parts(areas);
    Some(Window::new(list, state.marked_channel_row()?, count))
}
