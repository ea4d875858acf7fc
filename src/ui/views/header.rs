//! The first line: what was opened, where we are in it, and which model is asked.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

use crate::app::{Entry, Outcome, State, Tally};
use crate::text::{percent, whole_percent};
use crate::ui::Theme;
use crate::ui::canvas::Canvas;
use crate::ui::views::list::{BROKEN, FIXED};
use crate::ui::words::{Piece, cut, cut_start, piece, spread};

pub(in crate::ui) fn draw(canvas: &mut Canvas<'_>, area: Rect, state: &State, theme: Theme) {
    let width = usize::from(area.width).saturating_sub(2);
    let root = cut_start(&state.root, (width / 4).max(8));
    let left = vec![piece(0, Span::styled("seewhy", theme.accent())), piece(4, root), piece(1, position(state))];
    let mut right: Vec<Piece<'_>> = Vec::new();
    if let Some(pair) = &state.pair {
        for (index, model) in pair.models().iter().enumerate() {
            // Where there is room for one, it is the one that keys act on.
            let (style, rank) = if index == pair.front() { (theme.accent(), 3) } else { (Style::new(), 4) };
            right.push(piece(rank, Span::styled(cut(&model.name, 20), style)));
        }
        right.extend(tally(state, pair.front(), theme));
    } else if let Some(model) = &state.model {
        let (columns, rows) = model.input;
        right.push(piece(3, cut(&model.name, 28)));
        right.push(piece(6, Span::styled(format!("{columns}x{rows}"), theme.quiet())));
        right.push(piece(5, Span::styled(format!("{} classes", model.labels.len()), theme.quiet())));
    } else {
        right.push(piece(2, Span::styled("loading the model…", theme.quiet())));
    }
    if state.awaits_second && state.model.is_some() {
        right.push(piece(2, Span::styled("loading the second…", theme.quiet())));
    }
    if let (None, (right_ones, known @ 1..)) = (&state.pair, state.accuracy()) {
        let share = whole_percent(right_ones as f64 / known as f64);
        let is_pending = |entry: &Entry| entry.truth.is_some() && entry.outcome == Outcome::Pending;
        let of = if state.entries.iter().any(is_pending) { format!(" of {known}") } else { String::new() };
        right.push(piece(2, format!("{share}{of} right")));
    }
    canvas.line(Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area }, spread(left, right, width));
}

/// `[a] 91.2 %  b 89.7 %`, where a is in front, and `▼12 broken ▲7 fixed`; without classes to be right about, `12 differ`.
fn tally<'a>(state: &State, front: usize, theme: Theme) -> Vec<Piece<'a>> {
    let Tally { known, right, fixed, broken, disputed } = state.tally();
    let name = |which: usize, name: &str| if which == front { format!("[{name}]") } else { name.to_owned() };
    let (first, second) = (name(0, "a"), name(1, "b"));
    if known == 0 {
        return vec![piece(2, format!("{first} {second}  {disputed} differ"))];
    }
    let [a, b] = right.map(|right| percent(right as f64 / known as f64));
    let is_pending = |entry: &Entry| entry.truth.is_some() && entry.change().is_none();
    let is_coming = state.is_classifying() && state.entries.iter().any(is_pending);
    let of = if is_coming { format!(" of {known}") } else { String::new() };
    let changes = vec![
        Span::styled(format!("{BROKEN}{broken} broken"), theme.wrong()),
        Span::raw(" "),
        Span::styled(format!("{FIXED}{fixed} fixed"), theme.right()),
    ];
    vec![piece(2, format!("{first} {a}  {second} {b}{of}")), Piece { rank: 2, spans: changes }]
}

/// `3 of 60`, and what the filter leaves.
fn position(state: &State) -> String {
    let all = state.entries.len();
    if let Some(live) = &state.live {
        let frame = state.current().map_or(0, |image| image + 1);
        return match (live.is_over, live.is_held, live.rate) {
            (true, ..) => format!("frame {frame} of {all}, the end"),
            (false, true, _) => format!("frame {frame} held"),
            (false, false, Some(rate)) => format!("frame {frame}  {rate:.0} frames/s"),
            (false, false, None) => format!("frame {frame}"),
        };
    }
    let more = if state.complete { "" } else { "+" };
    match (state.visible.len(), state.filter.is_empty()) {
        (0, true) => format!("{all}{more} images"),
        (shown, true) => format!("{} of {shown}{more}", state.cursor + 1),
        (0, false) => format!("none of {all}{more}"),
        (shown, false) => format!("{} of {shown} ({all}{more})", state.cursor + 1),
    }
}
