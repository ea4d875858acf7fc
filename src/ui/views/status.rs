//! The last line: what the map says and how to read its colours, or a message.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;
use unicode_width::UnicodeWidthStr as _;

use crate::app::{Command, Compared, Explained, Mode, Notice, Outcome, PanelKind, Sign, State, Target, View};
use crate::raster::Colormap;
use crate::ui::Theme;
use crate::ui::canvas::{Canvas, rgb};
use crate::ui::views;
use crate::ui::words::{Piece, cut, duration, number, piece, spread, wrap};

/// Cells of the colour bar, on a narrow screen and on others.
const BAR: (usize, usize) = (4, 12);
/// Width below which a screen is narrow.
pub(in crate::ui) const NARROW: usize = 100;
/// Width that all keys fit into, beside what is shown and its colours.
const FEWEST: usize = 78;
/// Cells of what is shown that neither the colours nor the keys take.
const SHORTEST_NAME: usize = 11;
/// What goes before the keys do, where there is no room.
const SPARE: u8 = 8;

/// Most rows of a message, and the share of the screen's height that it may have.
const MOST_ROWS: (u16, u16) = (6, 3);

pub(in crate::ui) fn draw(canvas: &mut Canvas<'_>, area: Rect, state: &State, theme: Theme) {
    let width = usize::from(area.width).saturating_sub(2);
    let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    if draw_message(canvas, inner, state, theme) {
        return;
    }
    let keys: Vec<Piece<'_>> = keys(state)
        .into_iter()
        .filter(|(key, ..)| !key.is_empty())
        .map(|(key, what, rank)| Piece {
            rank,
            spans: vec![Span::styled(key, theme.strong()), Span::styled(format!(" {what}"), theme.quiet())],
        })
        .collect();
    // Where the list folds away there is no room for all of them.
    let least = if width < FEWEST { 1 } else { SPARE };
    let taken: usize = keys.iter().filter(|key| key.rank <= least).map(|key| key.width() + 2).sum();
    let said = views::of(&state.panel).status(state, width, theme);
    let left = said.unwrap_or_else(|| explanation(state, width.saturating_sub(taken), theme));
    let mut right = vec![piece(SPARE, Span::styled(state.terminal.graphics.clone(), theme.quiet()))];
    if let (ready, ahead @ 1..) = state.ready_ahead() {
        let text =
            if ready == ahead { format!("next {ahead} ready") } else { format!("{ready} of next {ahead} ready") };
        right.push(piece(9, Span::styled(text, theme.quiet())));
    }
    right.extend(keys);
    canvas.line(inner, spread(left, right, width));
}

/// The keys that are needed most, with how much each is worth: the smallest number first.
fn keys(state: &State) -> Vec<(String, &'static str, u8)> {
    let mode = state.mode();
    let key = |command| state.keymap.key(mode, command);
    match mode {
        Mode::Type if state.types_filter() => {
            vec![(key(Command::Escape), "all images", 3), (key(Command::Accept), "keep", 1)]
        }
        Mode::Type => vec![(key(Command::Escape), "back", 3), (key(Command::Accept), "take it", 1)],
        Mode::Menu => vec![(key(Command::Next), "next", 4), (key(Command::Escape), "close", 1)],
        Mode::Help => vec![(key(Command::Escape), "close", 1)],
        Mode::Browse => {
            let first =
                if state.lacks_truth() { (key(Command::Next), "next") } else { (key(Command::NextMistake), "mistake") };
            vec![
                (first.0, first.1, 7),
                (key(Command::Open(PanelKind::Methods)), "method", 5),
                (key(Command::CycleView), "view", 6),
                (key(Command::Open(PanelKind::Help)), "help", 1),
                (key(Command::Quit), "quit", 4),
            ]
        }
    }
}

/// Rows that the last line takes, with a message.
pub(in crate::ui) fn message_rows(state: &State, screen: Rect) -> u16 {
    let width = usize::from(screen.width).saturating_sub(2);
    let most = (screen.height / MOST_ROWS.1).clamp(1, MOST_ROWS.0);
    message(state).map_or(1, |text| (wrap(&text, width).len() as u16).clamp(1, most))
}

/// Draws the message, if there is one.
pub(in crate::ui) fn draw_message(canvas: &mut Canvas<'_>, area: Rect, state: &State, theme: Theme) -> bool {
    let Some(text) = message(state) else { return false };
    let style = match &state.notice {
        Some(Notice::Failed(_)) => theme.warning(),
        _ => theme.right(),
    };
    let width = usize::from(area.width);
    let lines = wrap(&text, width);
    let (rows, count) = (usize::from(area.height), lines.len());
    for (row, line) in lines.into_iter().take(rows).enumerate() {
        // What is left out is at least seen to be.
        let is_cut = row + 1 == rows && count > rows;
        let line = if is_cut { cut(&format!("{line} …"), width.max(1)) } else { line };
        canvas.row(area, row, Span::styled(line, style));
    }
    true
}

/// The message in one line.
fn message(state: &State) -> Option<String> {
    Some(match state.notice.as_ref()? {
        Notice::Done(text) => text.clone(),
        Notice::Files { done, folder, names, then } if folder.is_empty() => format!("{done} {names}{then}"),
        Notice::Files { done, folder, names, then } => {
            format!("{done} {}/{names}{then}", folder.trim_end_matches('/'))
        }
        Notice::Failed(text) => format!("! {text}"),
    })
}

/// `grad-cam of 1 goose  low ▇▇▇▇ high  took 12 ms`, of which the first two have room in `width` cells: what is shown is cut
/// before it takes the place of keys, or of what the colours mean.
fn explanation<'a>(state: &State, width: usize, theme: Theme) -> Vec<Piece<'a>> {
    let is_narrow = usize::from(state.terminal.size.0).saturating_sub(2) < NARROW;
    let named = |others: usize| {
        let room = width.saturating_sub(others).max(SHORTEST_NAME);
        what(state, room).map(|text| piece(0, Span::styled(text, theme.strong())))
    };
    if let Some(refusal) = state.refusal() {
        let Some(name) = named(width * 2 / 5) else { return Vec::new() };
        // All of it stands above the picture.
        let room = width.saturating_sub(name.width() + 2).max(SHORTEST_NAME);
        return vec![name, piece(0, Span::styled(cut(&format!("! {refusal}"), room), theme.warning()))];
    }
    let beside = match state.compared() {
        Some(compared) => together(state, compared, is_narrow, theme),
        None => state.selected_map().map_or_else(Vec::new, |map| meaning(state, map, is_narrow, theme)),
    };
    let needed = beside.iter().filter(|piece| piece.rank < SPARE).map(|piece| piece.width() + 2).sum();
    let mut pieces: Vec<Piece<'_>> = named(needed).into_iter().collect();
    if !pieces.is_empty() {
        pieces.extend(beside);
    }
    pieces
}

/// `low ▇▇▇▇ high  took 12 ms  viridis, 60 % opaque`
fn meaning<'a>(state: &State, map: &Explained, is_narrow: bool, theme: Theme) -> Vec<Piece<'a>> {
    let sign = map.attribution.sign;
    let mut pieces = if map.flat && sign != Sign::Membership {
        let value = format!("raw values {}", number(map.range.0));
        vec![piece(1, Span::styled("flat map", theme.warning())), piece(SPARE, Span::styled(value, theme.warning()))]
    } else {
        let spans = colour_bar(ends(sign, map.scale, is_narrow), sign, state.selection.colormap, is_narrow, theme);
        vec![Piece { rank: 2, spans }]
    };
    if sign == Sign::Membership {
        return pieces;
    }
    if map.progress.is_none() {
        pieces.push(piece(10, Span::styled(format!("took {}", duration(map.elapsed)), theme.quiet())));
    }
    let colours = if sign == Sign::Signed { "red and blue" } else { state.selection.colormap.name() };
    let percent = state.selection.percent;
    pieces.push(piece(11, Span::styled(format!("{colours}, {percent} % opaque"), theme.quiet())));
    pieces
}

/// `raw values -0.31 … 7.12`: the smallest and the largest, as the method gave them.
pub(in crate::ui) fn values(map: &Explained) -> String {
    let (low, high) = map.range;
    format!("raw values {} … {}", number(low), number(high))
}

/// `b less a  -0.29 ▇▇▇▇ +0.29`, or `a, b  low ▇▇▇▇ high`
fn together<'a>(state: &State, compared: &Compared, is_narrow: bool, theme: Theme) -> Vec<Piece<'a>> {
    let (words, ends, sign) = if state.selection.view == View::Difference {
        let scale = number(compared.scale());
        ("b less a", (format!("a +{scale} "), format!(" b +{scale}")), Sign::Signed)
    } else {
        ("a, b on one scale", ends(compared.sign, compared.scale(), is_narrow), compared.sign)
    };
    let bar = Piece { rank: 2, spans: colour_bar(ends, sign, state.selection.colormap, is_narrow, theme) };
    // On a narrow screen, what stands above the pictures has to do.
    vec![piece(if is_narrow { SPARE } else { 1 }, Span::styled(words, theme.accent())), bar]
}

/// `grad-cam of 1 goose`, in `width` cells.
fn what(state: &State, width: usize) -> Option<String> {
    let model = state.model.as_deref()?;
    if matches!(state.current_entry()?.outcome, Outcome::Failed(_)) {
        return None;
    }
    let method = state.selection.method;
    let key = state.map_key(state.current()?);
    let text = match (state.selection.target, key.map(|key| key.target)) {
        (Target::Top(rank), Some(Target::Class(class))) => {
            format!("{method} of {} {}", rank + 1, model.short_label(class))
        }
        (Target::Top(rank), _) => format!("{method} of {}", rank + 1),
        (Target::Class(class), _) => format!("{method} of {}", model.short_label(class)),
        (Target::Probability(class), _) => format!("{method} of the probability of {}", model.short_label(class)),
        (Target::Contrast(a, b), _) => {
            let [a, b] = [a, b].map(|class| model.short_label(class));
            let text = format!("{method} of {a} against {b}");
            if text.width() <= width {
                return Some(text);
            }
            // As it is typed; where both are long, each gets half.
            let room = width.saturating_sub(method.len() + " of -".len());
            let first = cut(a, room.saturating_sub(b.width()).max(room / 2));
            format!("{method} of {first}-{b}")
        }
    };
    Some(cut(&text, width))
}

/// What the ends of the colours mean: for signed maps the values, and words where there is room.
fn ends(sign: Sign, scale: f32, is_narrow: bool) -> (String, String) {
    match sign {
        Sign::Membership if is_narrow => ("out ".to_owned(), " in rule".to_owned()),
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
