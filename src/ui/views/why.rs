//! The predictions of the image at the cursor, as bars; the one that is explained is marked.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::app::{Answer, ImageId, State, Target};
use crate::text::percent_to;
use crate::ui::Theme;
use crate::ui::canvas::Canvas;
use crate::ui::layout::Areas;
use crate::ui::views::why_pair;
use crate::ui::words::{pad, percent};

/// Predictions shown.
const SHOWN: usize = 5;
/// Cells of a change.
const CHANGE: usize = 7;
/// Cells of the sign of a percentage, which goes without saying beside a change.
const SIGN: usize = 2;
/// The sign of a true class.
const TRUE: &str = "✓";
/// Eighths of a cell, from one to seven.
const EIGHTHS: [&str; 7] = ["▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// A class with its place in the ranking, if it is among those shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::ui) struct Row {
    /// From 0; none for a class that was searched for.
    pub(in crate::ui) rank: Option<usize>,
    /// The class.
    pub(in crate::ui) class: usize,
    /// In `[0, 1]`, where it is known.
    pub(in crate::ui) probability: Option<f32>,
    /// How much that is more than for the whole image, where superpixels are hidden.
    pub(in crate::ui) change: Option<f32>,
    /// Whether it is the one explained.
    pub(in crate::ui) is_target: bool,
    /// Whether the image is of this class, whatever the model says.
    pub(in crate::ui) is_true: bool,
}

impl Row {
    /// `✓▸ 1 `, with the sign of what is true and the mark of what is explained.
    pub(in crate::ui) fn signs<'a>(&self, theme: Theme) -> [Span<'a>; 3] {
        let rank = match self.rank {
            Some(rank) => (rank + 1).to_string(),
            None if self.is_target => "t".to_owned(),
            None => " ".to_owned(),
        };
        [
            Span::styled(if self.is_true { TRUE } else { " " }, theme.right()),
            Span::styled(if self.is_target { "▸ " } else { "  " }, theme.accent()),
            Span::styled(format!("{rank} "), theme.quiet()),
        ]
    }
}

pub(in crate::ui) fn draw(canvas: &mut Canvas<'_>, areas: &Areas, state: &State, theme: Theme) {
    let said_from = state.current().and_then(|image| said_from(state, image));
    let title = said_from.map_or(" why".to_owned(), |least| format!(" why  said from {} on", percent(least).trim()));
    let mut title = match state.what_if() {
        Some(_) => vec![Span::styled(" what if, in %", theme.accent())],
        None => vec![Span::styled(title, theme.quiet())],
    };
    if state.current().is_some_and(|image| !state.front_truth(image).is_empty()) {
        title.extend([Span::styled(format!("  {TRUE}"), theme.right()), Span::styled(" is true", theme.quiet())]);
    }
    canvas.line(areas.why_title, Line::from(title));
    let Some(image) = state.current() else { return };
    let rows = rows(state, image, usize::from(areas.why.height));
    if state.pair.is_some() && state.what_if().is_none() {
        return why_pair::draw(canvas, areas, state, (image, rows), theme);
    }
    let count = rows.len();
    draw_bars(canvas, areas.why, rows, state, theme);
    if let Some(text) = undecided(state, image) {
        canvas.row(areas.why, count, Span::styled(text, theme.quiet()));
    }
}

/// `     entropy 0.31 bits, margin 95 %`; none where classes do not exclude each other.
fn undecided(state: &State, image: ImageId) -> Option<String> {
    let scores = match state.what_if() {
        Some(answer) => &answer.logits,
        None => &state.prediction(image)?.logits,
    };
    let (entropy, margin) = scores.entropy().zip(scores.margin())?;
    Some(format!(" entropy {entropy:.2} bits, margin {}", percent_to(margin, 0).replace(' ', "")))
}

/// Classes with their probabilities as bars, a row each.
pub(in crate::ui) fn draw_bars(canvas: &mut Canvas<'_>, area: Rect, rows: Vec<Row>, state: &State, theme: Theme) {
    let Some((image, model)) = state.current().zip(state.model.as_deref()) else { return };
    let said_from = said_from(state, image);
    let width = usize::from(area.width);
    let (least, changed) = if state.what_if().is_some() { (9, CHANGE - SIGN) } else { (11, 0) };
    let label_width = (width.saturating_sub(changed) * 2 / 5).clamp(least, 26);
    for (index, row) in rows.into_iter().enumerate() {
        let (emphasis, bar) = if row.is_target {
            (theme.strong(), theme.accent_bar())
        } else {
            (unless_said(&row, said_from, theme), theme.quiet())
        };
        let mut share = row.probability.map_or_else(|| "      …".to_owned(), percent);
        let change = row.change.map(|change| format!("{:>CHANGE$}", points(change))).unwrap_or_default();
        if row.change.is_some() {
            share.truncate(share.len() - SIGN);
        }
        let bar_width = width.saturating_sub(5 + label_width + 7 + 2 + changed);
        let mut spans = row.signs(theme).to_vec();
        spans.extend([
            Span::styled(pad(model.short_label(row.class), label_width - 1), emphasis),
            Span::styled(format!(" {share}"), emphasis),
            Span::styled(change, theme.accent()),
            Span::raw("  "),
            Span::styled(filled(row.probability.unwrap_or(0.0), bar_width), bar),
        ]);
        canvas.row(area, index, Line::from(spans));
    }
}

/// From which probability on a class is said, where several may be.
fn said_from(state: &State, image: ImageId) -> Option<f32> {
    let scoring = state.prediction(image)?.logits.scoring();
    (!scoring.exclusive).then_some(scoring.threshold)
}

/// What is not said is less to the eye.
fn unless_said(row: &Row, said_from: Option<f32>, theme: Theme) -> Style {
    let is_said = said_from.is_none_or(|least| row.probability.is_some_and(|probability| probability >= least));
    if is_said { Style::new() } else { theme.quiet() }
}

/// The best classes, the target and what is true where they are none of them: never more than `room`.
pub(in crate::ui) fn rows(state: &State, image: ImageId, room: usize) -> Vec<Row> {
    let Some(Answer { top, .. }) = state.front_answer(image) else { return Vec::new() };
    let target = match state.selection.target {
        Target::Top(rank) => top.get(rank).map(|best| best.index),
        Target::Class(class) | Target::Contrast(class, _) | Target::Probability(class) => Some(class),
    };
    let truth = state.front_truth(image);
    let probabilities = state.prediction(image).map(|predicted| &predicted.probabilities);
    let what_if = state.what_if();
    let row = |class: usize| {
        let rank = top.iter().position(|best| best.index == class);
        let listed = rank.map(|rank| top[rank].probability);
        let before = listed.or_else(|| probabilities?.get(class).copied());
        let after = what_if.and_then(|answer| answer.probabilities.get(class).copied());
        let change = after.zip(before).map(|(after, before)| after - before);
        let probability = after.or(before);
        Row { rank, class, probability, change, is_target: target == Some(class), is_true: truth.contains(&class) }
    };
    let shown = SHOWN.min(room);
    let best = what_if.map_or_else(|| top[..shown.min(top.len())].to_vec(), |answer| answer.logits.top(shown));
    let mut classes: Vec<usize> = best.iter().map(|best| best.index).collect();
    for class in target.iter().chain(&truth) {
        if !classes.contains(class) {
            classes.push(*class);
        }
    }
    // The least of those that need not be there gives way.
    while classes.len() > room {
        let is_needed = |class: &usize| target == Some(*class) || truth.contains(class);
        let spare = (1..classes.len()).rev().find(|at| !is_needed(&classes[*at]));
        classes.remove(spare.unwrap_or(classes.len() - 1));
    }
    classes.into_iter().map(row).collect()
}

/// A change of a probability in points of percent: `-12.3`.
fn points(change: f32) -> String {
    let points = 100.0 * change;
    if points.abs() < 0.05 { "0.0".to_owned() } else { format!("{points:+.1}") }
}

/// A bar of `share` of `width` cells, to an eighth of a cell.
pub(in crate::ui) fn filled(share: f32, width: usize) -> String {
    let eighths = (share.clamp(0.0, 1.0) * width as f32 * 8.0).round() as usize;
    let rest = eighths % 8;
    "█".repeat(eighths / 8) + if rest > 0 { EIGHTHS[rest - 1] } else { "" }
}

/// The target's row of the screen area, for clicks: which class rank lies there.
pub(in crate::ui) fn rank_at(state: &State, area: Rect, y: u16) -> Option<usize> {
    let rows = rows(state, state.current()?, usize::from(area.height));
    rows.get(usize::from(y.checked_sub(area.y)?))?.rank
}
