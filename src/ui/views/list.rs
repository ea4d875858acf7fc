//! The images, each with what the model says about it.

use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use crate::app::{Action, Answer, CONDITIONS, Change, Command, Entry, Order, Outcome, PAIR_CONDITIONS, State};
use crate::ui::Theme;
use crate::ui::canvas::Canvas;
use crate::ui::layout::Areas;
use crate::ui::views::{Place, View, picture, tiny, why};
use crate::ui::words::{cut, cut_start, mistake, number, pad, percent, wrap};

/// Width from which a row has room for the file's name beside the prediction.
const WIDE: usize = 44;

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

/// `*▸ ✗ pelican: goose   41.2 %`, with a star where it is marked, and `✗!` where there is a warning.
fn line<'a>(entry: &Entry, is_current: bool, width: usize, state: &State, theme: Theme) -> Line<'a> {
    let (sign, sign_style) = sign(entry, theme);
    let emphasis = if is_current { theme.strong() } else { Style::new() };
    let marker = if is_current { "▸" } else { " " };
    let room = width.saturating_sub(5 + 8);
    let name_width = if width >= WIDE { room * 45 / 100 } else { 0 };
    // Beside no name, two answers have the room of one and of the name.
    let spared = if state.pair.is_some() && width < WIDE { 1 } else { name_width + 3 };
    let (text, share) = words(entry, state, room.saturating_sub(spared));
    let filtering = state.looks_for_names();
    let named = matches!(entry.outcome, Outcome::Classified(_)) && !filtering;
    let star = if entry.is_marked { "*" } else { " " };
    let doubt = if entry.is_doubtful { "!" } else { " " };
    let mut spans = vec![
        Span::styled(format!("{star}{marker} "), theme.accent()),
        Span::styled(sign, sign_style),
        Span::styled(doubt, theme.warning()),
    ];
    let quiet = if is_current { emphasis } else { theme.quiet() };
    if width >= WIDE {
        spans.push(Span::styled(pad(&cut_start(&entry.name, name_width), name_width) + "  ", quiet));
        spans.push(Span::styled(pad(&text, room - name_width - 3), emphasis));
    } else if !named {
        let style = if filtering { emphasis } else { quiet };
        let room = if share.is_some() { room - 1 } else { width - 6 };
        spans.push(Span::styled(pad(&cut_start(&entry.name, room), room), style));
    } else {
        spans.push(Span::styled(pad(&text, room - 1), emphasis));
    }
    // What decides the order is what is seen.
    let by_loss = entry.loss.filter(|_| state.order == Order::HighestLoss).map(|loss| format!("{:>7}", number(loss)));
    let by_fall = entry.fall().filter(|_| state.order == Order::Broken);
    let by_fall = by_fall.map(|fall| format!("{:>+5.0} %", -100.0 * fall));
    let said = by_loss.or(by_fall).or_else(|| share.map(percent)).map_or_else(String::new, |said| format!(" {said}"));
    spans.push(Span::styled(said, emphasis));
    Line::from(spans)
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

/// What the model says, after what is true where that differs, in `room` cells; and how sure it is. Where an image may be of
/// several classes, only what differs: `-cat +dog` is a cat that is missed and a dog that is said.
fn words(entry: &Entry, state: &State, room: usize) -> (String, Option<f32>) {
    match &entry.outcome {
        Outcome::Classified(answer) => {
            let Some(best) = answer.top.first() else { return (String::new(), None) };
            // Keys act on the one in front, so it is asked how sure it is.
            let second_in_front = state.pair.as_ref().filter(|pair| pair.front() == 1).and(entry.second.as_ref());
            let share = second_in_front.and_then(|second| second.top.first()).unwrap_or(best).probability;
            if let Some(second) = entry.second.as_ref().filter(|_| entry.is_disputed()) {
                return (both(entry, answer, second, state, room), Some(share));
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
            (text, Some(share))
        }
        Outcome::Failed(reason) => (reason.clone(), None),
        Outcome::Pending => (String::new(), None),
    }
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
