//! The last line: what the map says and how to read its colours, or a message.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

use crate::app::{Compared, Notice, Outcome, Sign, State, Target, View};
use crate::raster::Colormap;
use crate::ui::Theme;
use crate::ui::canvas::{Canvas, rgb};
use crate::ui::views;
use crate::ui::words::{Piece, cut, duration, files, number, piece, spread};

/// Cells of the colour bar, on a narrow screen and on others.
const BAR: (usize, usize) = (4, 12);
/// Width below which a screen is narrow.
pub(in crate::ui) const NARROW: usize = 100;
/// Cells of what is shown that no bar takes.
const SHORTEST_NAME: usize = 20;

pub(in crate::ui) fn draw(canvas: &mut Canvas<'_>, area: Rect, state: &State, theme: Theme) {
    let width = usize::from(area.width).saturating_sub(2);
    let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    let help = piece(1, Span::styled("? help", theme.quiet()));
    let left = match &state.notice {
        Some(Notice::Done(text)) => vec![piece(0, Span::styled(cut(text, width.saturating_sub(8)), theme.right()))],
        Some(Notice::Files { done, folder, names }) => {
            let files = files(folder, names, width.saturating_sub(done.len() + 9));
            vec![piece(0, Span::styled(format!("{done} {files}"), theme.right()))]
        }
        Some(Notice::Failed(text)) => {
            vec![piece(0, Span::styled(cut(&format!("! {text}"), width.saturating_sub(8)), theme.warning()))]
        }
        None => views::of(&state.panel).status(state, width, theme).unwrap_or_else(|| explanation(state, width, theme)),
    };
    let mut right = Vec::new();
    if state.notice.is_none() {
        right.push(piece(5, Span::styled(state.terminal.graphics.clone(), theme.quiet())));
        if let (ready, ahead @ 1..) = state.ready_ahead() {
            let text =
                if ready == ahead { format!("next {ahead} ready") } else { format!("{ready} of next {ahead} ready") };
            right.push(piece(6, Span::styled(text, theme.quiet())));
        }
    }
    right.push(help);
    canvas.line(inner, spread(left, right, width));
}

/// `grad-cam of 1 goose  raw -0.31 … 7.12  low ▇▇▇▇ high  12 ms`
fn explanation<'a>(state: &State, width: usize, theme: Theme) -> Vec<Piece<'a>> {
    let Some(what) = what(state) else { return Vec::new() };
    let named = |room: usize| piece(0, Span::styled(cut(&what, room), theme.strong()));
    let mut pieces = vec![named(width.saturating_sub(8))];
    if let Some(refusal) = state.refusal() {
        pieces.push(piece(
            0,
            Span::styled(cut(&format!("! {refusal}"), width.saturating_sub(what.len() + 10)), theme.warning()),
        ));
        return pieces;
    }
    if let Some(compared) = state.compared() {
        pieces.extend(together(state, compared, width, theme));
        return pieces;
    }
    let Some(map) = state.selected_map() else { return pieces };
    let (low, high) = map.range;
    let sign = map.attribution.sign;
    let ends = ends(sign, map.scale, width < NARROW);
    let bar = Piece { rank: 2, spans: colour_bar(ends, sign, state.selection.colormap, width < NARROW, theme) };
    if !map.flat {
        // Colours without their meaning mislead: a long name gives way to the bar.
        let rest = bar.width() + 2 + "? help".len() + 2;
        pieces[0] = named(width.saturating_sub(rest).max(SHORTEST_NAME));
    }
    if sign == Sign::Membership {
        pieces.push(bar);
    } else if map.flat {
        pieces.push(piece(1, Span::styled(format!("flat map, raw {}", number(low)), theme.warning())));
    } else {
        pieces.push(piece(3, Span::raw(format!("raw {} … {}", number(low), number(high)))));
        pieces.push(bar);
    }
    if map.progress.is_none() {
        pieces.push(piece(4, Span::styled(duration(map.elapsed), theme.quiet())));
    }
    let colours = match sign {
        Sign::Positive => state.selection.colormap.name(),
        Sign::Signed => "red and blue",
        Sign::Membership => return pieces,
    };
    pieces.push(piece(7, Span::styled(format!("{colours} {} %", state.selection.percent), theme.quiet())));
    pieces
}

/// `b less a  -0.29 ▇▇▇▇ +0.29`, or `a, b  low ▇▇▇▇ high`
fn together<'a>(state: &State, compared: &Compared, width: usize, theme: Theme) -> Vec<Piece<'a>> {
    let is_narrow = width < NARROW;
    let (words, ends, sign) = if state.selection.view == View::Difference {
        let scale = number(compared.scale());
        ("b less a", (format!("a +{scale} "), format!(" b +{scale}")), Sign::Signed)
    } else {
        ("a, b on one scale", ends(compared.sign, compared.scale(), is_narrow), compared.sign)
    };
    let bar = Piece { rank: 2, spans: colour_bar(ends, sign, state.selection.colormap, is_narrow, theme) };
    vec![piece(1, Span::styled(words, theme.accent())), bar]
}

/// `grad-cam of 1 goose`
fn what(state: &State) -> Option<String> {
    let model = state.model.as_deref()?;
    if matches!(state.current_entry()?.outcome, Outcome::Failed(_)) {
        return None;
    }
    let method = state.selection.method;
    let key = state.map_key(state.current()?);
    Some(match (state.selection.target, key.map(|key| key.target)) {
        (Target::Top(rank), Some(Target::Class(class))) => {
            format!("{method} of {} {}", rank + 1, model.short_label(class))
        }
        (Target::Top(rank), _) => format!("{method} of {}", rank + 1),
        (Target::Class(class), _) => format!("{method} of {}", model.short_label(class)),
        (Target::Probability(class), _) => format!("{method} of the probability of {}", model.short_label(class)),
        (Target::Contrast(a, b), _) => {
            format!("{method} of {} against {}", model.short_label(a), model.short_label(b))
        }
    })
}

/// What the ends of the colours mean: for signed maps the values, and words where there is room.
fn ends(sign: Sign, scale: f32, is_narrow: bool) -> (String, String) {
    match sign {
        Sign::Membership => ("outside ".to_owned(), " in the rule".to_owned()),
        Sign::Positive if is_narrow => ("low".to_owned(), "high".to_owned()),
        Sign::Positive => ("low ".to_owned(), " high".to_owned()),
        Sign::Signed if is_narrow => (format!("-{} ", number(scale)), format!(" +{}", number(scale))),
        Sign::Signed => (format!("against -{} ", number(scale)), format!(" +{} for", number(scale))),
    }
}

/// The colours between two words.
pub(in crate::ui) fn colour_bar<'a>(
    (low, high): (String, String),
    sign: Sign,
    colormap: Colormap,
    is_narrow: bool,
    theme: Theme,
) -> Vec<Span<'a>> {
    let mut spans = vec![Span::styled(low, theme.quiet())];
    spans.extend(colours(sign, colormap, if is_narrow { BAR.0 } else { BAR.1 }, theme));
    spans.push(Span::styled(high, theme.quiet()));
    spans
}

/// The colours from the lowest to the highest value.
fn colours<'a>(sign: Sign, colormap: Colormap, cells: usize, theme: Theme) -> Vec<Span<'a>> {
    if !theme.colour {
        return vec![Span::raw("░▒▓█")];
    }
    let cell = |cell: usize| {
        let colour = |half: usize| {
            let share = (2 * cell + half) as f32 / (2 * cells - 1) as f32;
            rgb(match sign {
                Sign::Signed => Colormap::diverging(2.0 * share - 1.0),
                Sign::Positive => colormap.colour(share),
                Sign::Membership => Colormap::Grey.colour(share),
            })
        };
        Span::styled("▌", Style::new().fg(colour(0)).bg(colour(1)))
    };
    (0..cells).map(cell).collect()
}
