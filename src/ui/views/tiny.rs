//! A screen without room for a picture: the list, and a word why.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::app::{Answer, Outcome, State};
use crate::ui::Theme;
use crate::ui::canvas::Canvas;
use crate::ui::layout::Areas;
use crate::ui::views::{list, status};
use crate::ui::words::{cut, pad, percent};

pub(in crate::ui) fn draw(canvas: &mut Canvas<'_>, areas: &Areas, state: &State, theme: Theme) {
    let (area, width) = (areas.list, usize::from(areas.list.width));
    if state.types_filter() {
        list::draw_title(canvas, areas.header, state, theme);
    } else {
        let title = format!("{} of {}", (state.cursor + 1).min(state.visible.len()), state.visible.len());
        canvas.line(areas.header, Span::styled(cut(&title, width), theme.accent()));
    }
    for row in 0..usize::from(area.height) {
        let position = state.offset + row;
        let Some(entry) = state.visible.get(position).and_then(|image| state.entries.get(*image)) else { break };
        let (text, share) = match &entry.outcome {
            Outcome::Classified(Answer { top, .. }) if !top.is_empty() => {
                (state.short_label(top[0].index).to_owned(), percent(top[0].probability))
            }
            Outcome::Failed(reason) => (format!("! {reason}"), String::new()),
            _ => (entry.name.clone(), String::new()),
        };
        let sign = match entry.is_right() {
            Some(true) => "✓",
            Some(false) => "✗",
            None => " ",
        };
        let marker = if position == state.cursor { "▸" } else { " " };
        let room = width.saturating_sub(3 + share.len());
        canvas.row(
            area,
            row,
            Line::from(vec![
                Span::styled(marker, theme.accent()),
                Span::raw(sign),
                Span::styled(if entry.is_marked { "*" } else { " " }, theme.accent()),
                Span::raw(pad(&text, room)),
                Span::raw(share),
            ]),
        );
    }
    if state.visible.is_empty() && !state.entries.is_empty() {
        canvas.row(area, 0, Span::raw(cut(&state.why_none(), width)));
    }
    if state.entries.is_empty() && state.complete {
        canvas.row(area, 0, Span::raw("no image here"));
        canvas.row(area, 1, Span::raw("try: seewhy demo"));
    }
}

/// A message, or why there is no picture.
pub(in crate::ui) fn draw_status(canvas: &mut Canvas<'_>, area: Rect, state: &State, theme: Theme) {
    if !status::draw_message(canvas, area, state, theme) && !state.entries.is_empty() {
        canvas.line(area, Span::styled(cut("too small for pictures", usize::from(area.width)), theme.warning()));
    }
}
