//! The images, each with what the model says about it.

use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use crate::app::{Action, Answer, CONDITIONS, Change, Command, Entry, Order, Outcome, PAIR_CONDITIONS, State};
use crate::text::whole_percent;
use crate::ui::Theme;
use crate::ui::canvas::Canvas;
use crate::ui::layout::Areas;
use crate::ui::views::{Place, View, picture, tiny, why};
use crate::ui::words::{cut, cut_start, mistake, number, pad, percent, wrap};

/// Width from which names have a column of their own.
const WIDE: usize = 44;
/// Cells before the words of a row: mark, cursor, sign, warning.
const BEFORE: usize = 5;
/// Fewest cells that a name, or what is said, takes after the other: less would say nothing.
const SHORTEST: usize = 6;

/// The sign of an image that only the first of two models gets right.
pub(in crate::ui) const BROKEN: &str = "▼";
/// The sign of one that only the second gets right.
pub(in crate::ui) const FIXED: &str = "▲";

/// The list, where no panel is open.
pub(in crate::ui) struct List;

impl View for List {
    fn place(&self) -> Place {
        Place::List
    }

    fn draw(&self, canvas: &mut Canvas<'_>, areas: &Areas, state: &State, theme: Theme) {
        draw(canvas, areas, state, theme);
    }

    fn click(&self, areas: &Areas, state: &State, at: Position) -> Option<Action> {
        click(areas, state, at, !areas.folded || areas.tiny)
    }
}

pub(in crate::ui) fn draw(canvas: &mut Canvas<'_>, areas: &Areas, state: &State, theme: Theme) {
    if areas.tiny {
        return tiny::draw(canvas, areas, state, theme);
    }
    draw_title(canvas, areas.list_title, state, theme);
    draw_rows(canvas, areas.list, state, theme);
}

/// What a click on the picture, the predictions, or the list, where that is there, means.
pub(in crate::ui) fn click(areas: &Areas, state: &State, at: Position, is_there: bool) -> Option<Action> {
    let asks_about_a_pixel = state.is_zoomed() || state.segments().is_none();
    if asks_about_a_pixel && let Some((across, down)) = picture::point_at(areas, state, at) {
        return Some(Action::Point(across, down));
    }
    if let Some(segment) = picture::segment_at(areas, state, at) {
        return Some(Action::Segment(segment));
    }
    if areas.why.contains(at) {
        return why::rank_at(state, areas.why, at.y).map(|rank| Action::Command(Command::Rank(rank)));
    }
    let clicked = (is_there && areas.list.contains(at)).then(|| state.offset + usize::from(at.y - areas.list.y))?;
    (clicked < state.visible.len()).then_some(Action::Select(clicked))
}

fn draw_rows(canvas: &mut Canvas<'_>, area: Rect, state: &State, theme: Theme) {
    let width = usize::from(area.width);
    for row in 0..usize::from(area.height) {
        let Some(entry) = state.visible.get(state.offset + row).and_then(|image| state.entries.get(*image)) else {
            break;
        };
        let is_current = state.offset + row == state.cursor;
        canvas.row(area, row, line(entry, is_current, width, state, theme));
    }
    if state.visible.is_empty() && !state.entries.is_empty() {
        let lines = wrap(&state.why_none(), width.saturating_sub(4));
        for (row, line) in lines.into_iter().take(usize::from(area.height)).enumerate() {
            canvas.row(area, row, Span::styled(format!("   {line}"), theme.quiet()));
        }
    }
}

/// What the list shows and in what order, or what is typed.
pub(in crate::ui) fn draw_title(canvas: &mut Canvas<'_>, area: Rect, state: &State, theme: Theme) {
    let width = usize::from(area.width);
    let is_typing = state.types_filter();
    let mut spans = if is_typing || !state.filter.is_empty() {
        let style = if is_typing { theme.accent() } else { theme.quiet() };
        vec![Span::styled(" / ", style), Span::raw(cut_start(&state.filter, width.saturating_sub(5)))]
    } else {
        vec![Span::styled(" images", theme.quiet())]
    };
    let is_plain = !is_typing && state.filter.is_empty() && state.order == Order::Found;
    if is_plain && state.pair.is_none() && state.entries.iter().any(|entry| entry.is_right() == Some(false)) {
        // What the words of a mistake are.
        spans.push(Span::styled("  ✗", theme.wrong()));
        spans.push(Span::styled(" true: said", theme.quiet()));
    }
    if is_typing {
        spans.push(Span::styled("▏", theme.accent()));
    }
    let used: usize = spans.iter().map(Span::width).sum();
    let aside = match state.order.words() {
        _ if is_typing && state.filter.is_empty() => Some(hint(state.pair.is_some())),
        Some(words) if is_typing || !state.filter.is_empty() => Some(format!("  {words}")),
        words => words.map(|words| format!(", {words}")),
    };
    if let Some(aside) = aside.filter(|aside| used + aside.width() <= width || state.filter.is_empty()) {
        spans.push(Span::styled(cut(&aside, width.saturating_sub(used)), theme.quiet()));
    }
    canvas.line(area, Line::from(spans));
}

/// What may be typed.
fn hint(is_pair: bool) -> String {
    if is_pair { PAIR_CONDITIONS.join(" ") } else { CONDITIONS.join(" ") }
}

/// `*▸ ✗ pelican: goose  0007   41 %`, with a star where it is marked, and `✗!` where there is a warning.
fn line<'a>(entry: &Entry, is_current: bool, width: usize, state: &State, theme: Theme) -> Line<'a> {
    let (sign, sign_style) = sign(entry, theme);
    let emphasis = if is_current { theme.strong() } else { Style::new() };
    let quiet = if is_current { emphasis } else { theme.quiet() };
    let marker = if is_current { "▸" } else { " " };
    let is_wide = width >= WIDE;
    let number = number_of(entry, state, is_wide);
    let room = width.saturating_sub(BEFORE + number.width() + 2);
    let star = if entry.is_marked { "*" } else { " " };
    let doubt = if entry.is_doubtful { "!" } else { " " };
    let mut spans = vec![
        Span::styled(format!("{star}{marker} "), theme.accent()),
        Span::styled(sign, sign_style),
        Span::styled(doubt, theme.warning()),
    ];
    if !matches!(entry.outcome, Outcome::Classified(_)) && !is_wide {
        spans.push(Span::styled(pad(&cut_start(&entry.name, room), room), quiet));
    } else if is_wide {
        let name_width = room * 45 / 100;
        spans.push(Span::styled(pad(&cut_start(&entry.name, name_width), name_width) + "  ", quiet));
        let room = room.saturating_sub(name_width + 2);
        spans.push(Span::styled(pad(&words(entry, state, room), room), emphasis));
    } else if state.looks_for_names() {
        let name = cut_start(&entry.name, room);
        let rest = room.saturating_sub(name.width());
        let said = if rest >= SHORTEST { words(entry, state, rest - 2) } else { String::new() };
        spans.push(Span::styled(name, emphasis));
        spans.push(Span::styled(format!("{said:>width$}", width = rest.saturating_sub(spare(&said))), theme.quiet()));
    } else {
        let said = words(entry, state, room);
        let rest = room.saturating_sub(said.width());
        let name = if rest >= SHORTEST { file_name(&entry.name, rest - 2) } else { String::new() };
        spans.push(Span::styled(said, emphasis));
        spans.push(Span::styled(format!("{name:>width$}", width = rest.saturating_sub(spare(&name))), theme.quiet()));
    }
    spans.push(Span::styled(format!(" {number}"), emphasis));
    Line::from(spans)
}

/// Cells of a text beyond its characters, which is what is counted when it is aligned.
fn spare(text: &str) -> usize {
    text.width().saturating_sub(text.chars().count())
}

/// What tells a file from its neighbours, in `width` cells: its name below the folder, without the suffix where that has no
/// room, or the end of it.
fn file_name(name: &str, width: usize) -> String {
    let name = name.rsplit('/').next().unwrap_or(name);
    if name.width() <= width {
        return name.to_owned();
    }
    let stem = name.rsplit_once('.').map(|(stem, _)| stem).filter(|stem| !stem.is_empty()).unwrap_or(name);
    cut_start(stem, width)
}

/// How sure the model is; where something else decides the order, that.
fn number_of(entry: &Entry, state: &State, is_wide: bool) -> String {
    let loss = || entry.loss.filter(|_| state.order == Order::HighestLoss).map(|loss| format!("{:>6}", number(loss)));
    let fall = || entry.fall().filter(|_| state.order == Order::Broken);
    let fall = || fall().map(|fall| format!("{:>6}", points(-fall)));
    let share = || share(entry, state).map(|share| if is_wide { percent(share) } else { rounded(share) });
    loss().or_else(fall).or_else(share).unwrap_or_default()
}

/// A probability, in six cells: `  41 %`, `99.6 %`, `>99.9%`.
fn rounded(probability: f32) -> String {
    let text = whole_percent(probability);
    if text.len() > 6 { text.replace(' ', "") } else { format!("{text:>6}") }
}

/// A change of a probability, in points of percent: `-12 %`, `-0.3 %`.
fn points(change: f32) -> String {
    let points = 100.0 * change;
    let digits = usize::from(points.abs() < 0.5);
    format!("{points:+.digits$} %")
}

/// Right, wrong, unknown, pending, failed, broken or fixed by a second model: told apart without colour.
fn sign(entry: &Entry, theme: Theme) -> (&'static str, Style) {
    match entry.change() {
        Some(Change::Broken) => return (BROKEN, theme.wrong()),
        Some(Change::Fixed) => return (FIXED, theme.right()),
        _ => {}
    }
    match (&entry.outcome, entry.is_right()) {
        (Outcome::Failed(_), _) => ("!", theme.warning()),
        (Outcome::Pending, _) => ("·", theme.quiet()),
        (_, Some(true)) => ("✓", theme.right()),
        (_, Some(false)) => ("✗", theme.wrong()),
        (_, None) => ("•", theme.quiet()),
    }
}

/// How sure the model is of its best class; of two, the one in front, because keys act on that one.
fn share(entry: &Entry, state: &State) -> Option<f32> {
    let second_in_front = state.pair.as_ref().filter(|pair| pair.front() == 1).and(entry.second.as_ref());
    let best = entry.best()?;
    Some(second_in_front.and_then(|second| second.top.first()).unwrap_or(best).probability)
}

/// What the model says, after what is true where that differs, in `room` cells. Where an image may be of several classes,
/// only what differs: `-cat +dog` is a cat that is missed and a dog that is said.
fn words(entry: &Entry, state: &State, room: usize) -> String {
    let answer = match &entry.outcome {
        Outcome::Classified(answer) => answer,
        Outcome::Failed(reason) => return cut(reason, room),
        Outcome::Pending => return String::new(),
    };
    if let Some(second) = entry.second.as_ref().filter(|_| entry.is_disputed()) {
        return both(entry, answer, second, state, room);
    }
    let names = |classes: &[usize]| names(classes, state);
    let said = names(&answer.said);
    let text = match entry.truth.as_ref().filter(|_| entry.is_right() == Some(false)) {
        Some(truth) if answer.exclusive => mistake(&names(truth.indices()), &said, room),
        Some(truth) => {
            let missed = truth.indices().iter().filter(|class| !answer.said.contains(class));
            let missed = missed.map(|class| format!("-{}", state.short_label(*class)));
            let added = answer.said.iter().filter(|class| !truth.contains(**class));
            let added = added.map(|class| format!("+{}", state.short_label(*class)));
            missed.chain(added).collect::<Vec<_>>().join(" ")
        }
        None => said,
    };
    cut(&text, room)
}

/// What is said, by name.
fn names(classes: &[usize], state: &State) -> String {
    let names: Vec<&str> = classes.iter().map(|class| state.short_label(*class)).collect();
    if names.is_empty() { "none".to_owned() } else { names.join("+") }
}

/// What two models say that do not say the same: `frog > cat`, after what is true where that is neither.
fn both(entry: &Entry, first: &Answer, second: &Answer, state: &State, room: usize) -> String {
    let [first, second] = [first, second].map(|answer| names(&answer.said, state));
    let truth = entry.truth.as_ref().filter(|_| entry.change() == Some(Change::BothWrong));
    let truth = truth.map_or_else(String::new, |truth| format!("{}: ", names(truth.indices(), state)));
    // Where all are long, each gets as much.
    let parts = 2 + usize::from(!truth.is_empty());
    let each = room.saturating_sub(3) / parts;
    let first_room = room.saturating_sub(3 + truth.width().min(each) + second.width().min(each));
    let first = cut(&first, first_room.max(each));
    let truth_room = room.saturating_sub(3 + first.width() + second.width()).max(each);
    let truth = if truth.width() > truth_room && truth_room > 2 {
        format!("{}: ", cut(truth.trim_end_matches(": "), truth_room - 2))
    } else {
        truth
    };
    cut(&format!("{truth}{first} > {second}"), room)
}
