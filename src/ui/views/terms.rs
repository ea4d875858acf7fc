//! The score as the sum of what the channels of a layer add to it: those that speak for the class above those that speak
//! against it, and below them what the rest adds up to.

use std::ops::Range;

use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::Window;
use crate::app::{Channels, ScoreSum};
use crate::ui::Theme;
use crate::ui::canvas::Canvas;
use crate::ui::layout::Areas;
use crate::ui::words::{cut, number, pad};

/// Cells of what is added, and of how much: they end where the contributions above them end.
const LABEL: usize = 15;
const VALUE: usize = 10;
/// Lines of the sum.
const SUM: u16 = 4;
/// Fewest rows of the table with which it has a place, and with which both sides do.
const FEWEST: u16 = 8;
/// The share of the rows that what speaks for the class has, where there are enough of both.
const SHARE: (u16, u16) = (3, 5);

/// Where the rows of the table are, and the sum.
pub(super) struct Table {
    /// Each with the row that is its first.
    sides: Vec<(usize, Window)>,
    sum: Rect,
}

impl Table {
    /// With a row of it marked.
    pub(super) fn new(areas: &Areas, channels: &Channels, marked: usize) -> Table {
        let (_, list) = areas.table();
        let lines = if channels.sum.is_some() && list.height >= FEWEST + SUM { SUM } else { 0 };
        let list = Rect { height: list.height - lines, ..list };
        let sum = Rect { y: list.bottom(), height: lines, ..list };
        let (count, speaking) = (channels.order.len(), channels.speaking_for);
        let against = count - speaking;
        if speaking == 0 || against == 0 || list.height < FEWEST || count <= usize::from(list.height) {
            return Table { sides: vec![(0, Window::new(list, marked, count))], sum };
        }
        let rows = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
        let fair = list.height * SHARE.0 / SHARE.1;
        let upper = rows(speaking).min(fair.max(list.height.saturating_sub(rows(against))));
        let above = Rect { height: upper, ..list };
        let below = Rect { y: above.bottom(), height: list.height - upper, ..list };
        let first = if marked < speaking { marked } else { 0 };
        let sides = vec![
            (0, Window::new(above, first, speaking)),
            (speaking, Window::new(below, marked.saturating_sub(speaking), against)),
        ];
        Table { sides, sum }
    }

    /// The rows on screen, and where each is.
    pub(super) fn rows(&self) -> impl Iterator<Item = (usize, Rect)> {
        let of = |(first, window): &(usize, Window)| {
            let (first, window) = (*first, *window);
            window.rows().map(move |row| (first + row, window.place(row)))
        };
        self.sides.iter().flat_map(of)
    }

    /// The row at a cell of the screen.
    pub(super) fn at(&self, at: Position) -> Option<usize> {
        self.sides.iter().find_map(|(first, window)| Some(first + window.at(at)?))
    }

    /// Says how many rows there are around, and what all of it adds up to.
    pub(super) fn draw_rest(&self, canvas: &mut Canvas<'_>, channels: &Channels, target: &str, theme: Theme) {
        self.sides.iter().for_each(|(_, window)| window.draw_marks(canvas, theme));
        let Some(sum) = channels.sum.as_ref().filter(|_| self.sum.height > 0) else { return };
        let on_screen: Vec<Range<usize>> =
            self.sides.iter().map(|(first, window)| first + window.rows().start..first + window.rows().end).collect();
        let hidden = || {
            let is_hidden = |row: &usize| !on_screen.iter().any(|rows| rows.contains(row));
            (0..channels.order.len()).filter(is_hidden).map(|row| &channels.order[row])
        };
        let width = usize::from(self.sum.width);
        let (of_rest, said) = in_words(sum);
        let line = |sign: &str, label: &str, value: f32, is_total: bool| {
            let plus = if value > 0.0 && !is_total { "+" } else { "" };
            let style = if is_total { theme.strong() } else { Style::new() };
            let value = format!("{:>VALUE$}", format!("{plus}{}", number(value)));
            Line::from(vec![
                Span::styled(format!(" {sign} "), theme.accent()),
                Span::styled(pad(label, LABEL), style),
                Span::styled(value, style),
            ])
        };
        let others = match hidden().count() {
            0 => "no others".to_owned(),
            1 => "1 other".to_owned(),
            count => format!("{count} others"),
        };
        canvas.row(self.sum, 0, line(" ", &others, channels.added(hidden()), false));
        canvas.row(self.sum, 1, line(" ", of_rest, sum.rest, false));
        canvas.row(self.sum, 2, line("=", target, sum.score, true));
        canvas.row(self.sum, 3, Span::styled(cut(&format!("   {said}"), width), theme.quiet()));
    }
}

/// What the rest of a sum is called, and what is to be known of it.
fn in_words(sum: &ScoreSum) -> (&'static str, &'static str) {
    if sum.is_exact { ("bias", "exactly the score") } else { ("remainder", "linearised at this image") }
}

/// `goldfinch 14.2 = +18.1 (402 channels) -3.9 (110) + bias 0.02`
pub(super) fn in_a_line(channels: &Channels, target: &str) -> Option<String> {
    let sum = channels.sum.as_ref()?;
    let (speaking, rest) = channels.order.split_at(channels.speaking_for);
    let against = rest.iter().filter(|channel| channels.added([*channel]) < 0.0).count();
    let (of_rest, _) = in_words(sum);
    let signed = |value: f32| format!("{} {}", if value < 0.0 { "−" } else { "+" }, number(value.abs()));
    Some(format!(
        "{target} {} = {} from {} channels {} from {against} {} {of_rest}",
        number(sum.score),
        number(channels.added(speaking)),
        speaking.len(),
        signed(channels.added(rest)),
        signed(sum.rest),
    ))
}

/// `mean 1.52 x weight +0.42 = +0.64`: what a term is made of, where an average follows the layer.
pub(super) fn of_term(channels: &Channels, channel: usize) -> Option<String> {
    let weight = *channels.sum.as_ref()?.weights.as_ref()?.get(channel)?;
    let (mean, term) = (*channels.means.get(channel)?, channels.added([&channel]));
    let signed = |value: f32| format!("{}{}", if value > 0.0 { "+" } else { "" }, number(value));
    Some(format!("mean {} × weight {} = {}", number(mean), signed(weight), signed(term)))
}
