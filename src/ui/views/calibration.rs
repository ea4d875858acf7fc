//! The reliability diagram, in the list's place: a row for each bin of probabilities, the surest first. A bar shows the part
//! that is right, a tick how sure the model is of it: where the bar falls short of it, it is too sure.

use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::app::{Action, Bin, Reliability, State, panel};
use crate::text::percent;
use crate::ui::Theme;
use crate::ui::canvas::Canvas;
use crate::ui::layout::Areas;
use crate::ui::views::{View, Window, why::filled};
use crate::ui::words::{cut, wrap};

/// Cells of a bin's range, of its number of images, and before the range.
const RANGE: usize = 10;
const COUNT: usize = 6;
const MARK: usize = 3;
/// Rows of the words below the bins.
const WORDS: u16 = 4;

impl View for panel::Calibration {
    fn draw(&self, canvas: &mut Canvas<'_>, areas: &Areas, state: &State, theme: Theme) {
        let Some(tally) = state.reliability() else { return };
        let width = usize::from(areas.panel().width);
        canvas.clear(areas.list_title);
        let title = match tally.calibration_error() {
            Some(error) => format!(" calibration: {} off (ECE)", percent(error)),
            None => " calibration".to_owned(),
        };
        canvas.line(areas.list_title, Span::styled(cut(&title, width), theme.accent()));
        let (heads, list, words) = parts(areas);
        let bar = bar_width(width);
        let heads_text = format!("   {:<RANGE$}{:<bar$}{:>COUNT$}", "sure", "right", "images");
        canvas.line(heads, Span::styled(cut(&heads_text, width), theme.quiet()));
        let bins = tally.bins().unwrap_or_default();
        let window = Window::new(list, self.marked, bins.len());
        for row in window.rows() {
            let at = bins.len() - 1 - row;
            canvas.line(window.place(row), line(at, &bins[at], row == self.marked, bar, theme));
        }
        window.draw_marks(canvas, theme);
        for (row, text) in wrap(&said(&tally, state), width.saturating_sub(2)).into_iter().enumerate() {
            canvas.row(words, row, Span::styled(format!(" {text}"), Style::new()));
        }
    }

    fn click(&self, areas: &Areas, _: &State, at: Position) -> Option<Action> {
        let (_, list, _) = parts(areas);
        Window::new(list, self.marked, Bin::COUNT).at(at).map(Action::Pick)
    }
}

/// The heads of the columns, the bins, and the words below them.
fn parts(areas: &Areas) -> (Rect, Rect, Rect) {
    let (heads, rows) = areas.table();
    let bins = Rect { height: rows.height.min(Bin::COUNT as u16), ..rows };
    // The words would rather be cut than a bin.
    let words = Rect { y: bins.bottom(), height: (rows.height - bins.height).min(WORDS), ..rows };
    (heads, bins, words)
}

fn bar_width(width: usize) -> usize {
    width.saturating_sub(MARK + RANGE + COUNT + 1)
}

/// ` ▸ 87..93 %  ██████████│      42`
fn line<'a>(at: usize, bin: &Bin, is_marked: bool, width: usize, theme: Theme) -> Line<'a> {
    let style = if is_marked { theme.strong() } else { Style::new() };
    let (low, high) = Bin::range(at);
    let range = format!("{:.0}..{:.0} %", 100.0 * low, 100.0 * high);
    let mut spans = vec![
        Span::styled(if is_marked { " ▸ " } else { "   " }, theme.accent()),
        Span::styled(format!("{range:<RANGE$}"), style),
    ];
    let Some((right, sure)) = bin.accuracy().zip(bin.confidence()) else {
        spans.push(Span::styled(format!("{:width$}{:>COUNT$}", "", "-"), theme.quiet()));
        return Line::from(spans);
    };
    let bar = filled(right as f32, width);
    let cells: Vec<char> = bar.chars().chain(std::iter::repeat(' ')).take(width).collect();
    let tick = ((sure * width as f64) as usize).min(width.saturating_sub(1));
    let colour = if right < sure { theme.wrong() } else { theme.right() };
    let text = |cells: &[char]| cells.iter().collect::<String>();
    if width > 0 {
        spans.push(Span::styled(text(&cells[..tick]), colour));
        spans.push(Span::styled("│", theme.strong()));
        spans.push(Span::styled(text(&cells[tick + 1..]), colour));
    }
    spans.push(Span::styled(format!("{:>COUNT$}", bin.images()), style));
    Line::from(spans)
}

/// What the bins come to.
fn said(tally: &Reliability, state: &State) -> String {
    let so_far = if state.is_classifying() { " so far" } else { "" };
    let (Some(right), Some(sure)) = (tally.accuracy(), tally.confidence()) else {
        return format!("no image whose class is known has been classified{so_far}");
    };
    let which = match 100.0 * (sure - right) {
        more if more >= 1.0 => "too sure",
        less if less <= -1.0 => "not sure enough",
        _ => "as sure as it is right",
    };
    let (right, sure) = (percent(right), percent(sure));
    format!("{sure} sure and {right} right on {} images{so_far}: on the whole {which}", tally.known())
}
