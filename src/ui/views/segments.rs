//! The superpixels, in the list's place: what a painted map cannot say in numbers, and what the model would say without some
//! of them. The one at the mark is outlined in the picture.

use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::app::{Action, Command, Mode, State, Target, panel};
use crate::raster::Colormap;
use crate::ui::Theme;
use crate::ui::canvas::{Canvas, rgb};
use crate::ui::layout::Areas;
use crate::ui::views::{Place, Said, View, Window, picture, why};
use crate::ui::words::{Piece, cut, number, percent, piece, wrap};

/// How far from the middle of the diverging colours the bars are: the ends are too dark on a dark screen.
const BAR: f32 = 0.75;
/// Cells before the bar: marks, weight, share of the picture.
const BEFORE: usize = 3 + 11 + 9;
/// Of what the second column is a share: superpixels divide what the model saw.
const SHARE: &str = "of the input";
/// What keys do, the first of them where there is no room for all.
const KEYS: [(Command, &str); 4] = [
    (Command::Accept, "hides"),
    (Command::Invert, "inverts"),
    (Command::Undo, "undoes"),
    (Command::NextHiding, "by what"),
];

impl View for panel::Segments {
    /// The predictions are what changes.
    fn place(&self) -> Place {
        Place::List
    }

    fn draw(&self, canvas: &mut Canvas<'_>, areas: &Areas, state: &State, theme: Theme) {
        let area = areas.list;
        let width = usize::from(area.width);
        canvas.clear(areas.list_title);
        let Some(division) = state.division() else {
            canvas.line(areas.list_title, Span::styled(" superpixels", theme.accent()));
            let Some(reason) = state.why_not_divided() else {
                return canvas.row(area, 0, Span::styled("   working…", theme.quiet()));
            };
            for (row, line) in wrap(reason, width.saturating_sub(4)).into_iter().enumerate() {
                canvas.row(
                    area,
                    row,
                    Span::styled(format!(" {} {line}", if row == 0 { "!" } else { " " }), theme.warning()),
                );
            }
            return;
        };
        let title = match division.weights {
            Some(weights) => {
                let count = |is_counted: fn(f32) -> bool| weights.iter().filter(|weight| is_counted(**weight)).count();
                let (above, below) = (count(|weight| weight > 0.0), count(|weight| weight < 0.0));
                format!(" superpixels: {above} for, {below} against")
            }
            None => format!(" superpixels: {}", division.shares.len()),
        };
        canvas.line(areas.list_title, Span::styled(cut(&title, width), theme.accent()));
        let order = state.segment_order();
        let strength = division.weights.unwrap_or(division.shares);
        let strongest = order.first().map_or(0.0, |segment| strength[*segment].abs());
        let (heads, list) = table(areas);
        let heading = if division.weights.is_some() { "weight" } else { "" };
        canvas.line(heads, Span::styled(format!("   {heading:>10}  {SHARE}"), theme.quiet()));
        let window = Window::new(list, self.marked, order.len());
        for row in window.rows() {
            let segment = order[row];
            let weight = division.weights.map(|weights| weights[segment]);
            let is_marked = row == self.marked;
            let is_hidden = self.hidden.contains(&(segment as u32));
            let style = match (is_marked, is_hidden) {
                (true, _) => theme.strong(),
                (false, true) => theme.quiet(),
                (false, false) => Style::new(),
            };
            let share = if strongest > 0.0 { strength[segment].abs() / strongest } else { 0.0 };
            let value = weight.map_or_else(|| if is_hidden { "hidden".to_owned() } else { String::new() }, signed);
            let bar = why::filled(share, width.saturating_sub(BEFORE + 1));
            canvas.line(
                window.place(row),
                Line::from(vec![
                    Span::styled(if is_marked { " ▸" } else { "  " }, theme.accent()),
                    Span::styled(if is_hidden { "×" } else { " " }, theme.accent()),
                    Span::styled(format!("{value:>10} "), style),
                    Span::styled(format!("{}  ", percent(division.shares[segment])), theme.quiet()),
                    Span::styled(bar, weight.map_or(theme.quiet(), |weight| bar_style(weight, theme))),
                ]),
            );
        }
        window.draw_marks(canvas, theme);
        if order.len() < usize::from(list.height) {
            // Where the predictions have no place, what has changed stands here.
            let change = change(state).filter(|_| areas.folded || areas.tiny);
            let last = Rect { y: list.bottom() - 1, height: 1, ..list };
            canvas.line(
                last,
                match change {
                    Some(change) => Span::styled(format!("   {change}"), theme.accent()),
                    None => Span::styled(keys(state, width), theme.quiet()),
                },
            );
        }
    }

    fn click(&self, areas: &Areas, state: &State, at: Position) -> Option<Action> {
        if areas.list.contains(at) {
            let (_, list) = table(areas);
            return Window::new(list, self.marked, state.division()?.shares.len()).at(at).map(Action::Pick);
        }
        if areas.why.contains(at) {
            return why::rank_at(state, areas.why, at.y).map(|rank| Action::Command(Command::Rank(rank)));
        }
        picture::segment_at(areas, state, at).map(Action::Segment)
    }

    /// What is predicted then, in place of what the map says: it is not of this picture.
    fn said<'s>(&self, state: &'s State) -> Option<Said<'s>> {
        let line = match (state.why_not_divided(), self.predictions(state)) {
            (Some(reason), _) if !self.hidden.is_empty() => {
                return Some(Said { lines: vec![], warnings: vec![reason] });
            }
            (_, Some((before, after))) if before == after => format!("still {after}"),
            (_, Some((before, after))) => format!("{after}, no longer {before}"),
            _ => return None,
        };
        Some(Said { lines: vec![line], warnings: vec![] })
    }

    /// `what if: 3 of 48 hidden by mean colour  goose 73.1 % → 41.0 %`
    fn status<'a>(&self, state: &State, width: usize, theme: Theme) -> Option<Vec<Piece<'a>>> {
        let count = state.division()?.shares.len();
        if self.hidden.is_empty() {
            return None;
        }
        let hiding = match self.hiding(state) {
            "mean" => "mean colour",
            other => other,
        };
        let text = format!("what if: {} of {count} hidden by {hiding}", self.hidden.len());
        let mut pieces = vec![piece(0, Span::styled(cut(&text, width.saturating_sub(8)), theme.strong()))];
        if let Some(change) = change(state) {
            pieces.push(piece(1, Span::styled(change, theme.accent())));
        }
        Some(pieces)
    }
}

impl panel::Segments {
    /// The best class of the image, and of what is left of it.
    fn predictions<'s>(&self, state: &'s State) -> Option<(&'s str, &'s str)> {
        let (model, answer) = state.model.as_deref().zip(state.what_if())?;
        let before = state.prediction(state.current()?)?.top.first()?.index;
        let after = answer.logits.top(1).first()?.index;
        Some((model.short_label(before), model.short_label(after)))
    }
}

/// The heads of the columns, and the rows.
fn table(areas: &Areas) -> (Rect, Rect) {
    let area = areas.list;
    let heads = Rect { height: area.height.min(1), ..area };
    (heads, Rect { y: heads.bottom(), height: area.height - heads.height, ..area })
}

/// `Space hides  ! inverts  u undoes`, as far as there is room.
fn keys(state: &State, width: usize) -> String {
    let mut text = String::new();
    for (command, does) in KEYS {
        let keys = state.keymap.key(Mode::Menu, command);
        if keys.is_empty() {
            continue;
        }
        let more = format!(" {keys} {does} ");
        if text.chars().count() + more.chars().count() > width + 1 {
            break;
        }
        text.push_str(&more);
    }
    text
}

/// `goose 73.1 % → 41.0 %`: the class that is explained, or that is first of two.
fn change(state: &State) -> Option<String> {
    let (model, answer) = state.model.as_deref().zip(state.what_if())?;
    let image = state.current()?;
    let class = match state.map_key(image)?.target {
        Target::Class(class) | Target::Contrast(class, _) | Target::Probability(class) => class,
        Target::Top(_) => return None,
    };
    let share = |probabilities: &[f32]| probabilities.get(class).map(|share| percent(*share).trim().to_owned());
    let (before, after) = share(&state.prediction(image)?.probabilities).zip(share(&answer.probabilities))?;
    Some(format!("{} {before} → {after}", model.short_label(class)))
}

fn signed(weight: f32) -> String {
    format!("{}{}", if weight > 0.0 { "+" } else { "" }, number(weight))
}

/// The colour that the picture gives to the strongest weight of that sign.
pub(in crate::ui) fn bar_style(weight: f32, theme: Theme) -> Style {
    if theme.colour { Style::new().fg(rgb(Colormap::diverging(BAR * weight.signum()))) } else { theme.quiet() }
}
