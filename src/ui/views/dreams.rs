//! Dreams, in the list's place: a row for each beginning, with what the unit says to the end of it. The marked one is dreamt,
//! and seen as it forms.

use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::app::panel::Beginning;
use crate::app::{Action, Aim, Command, DREAM_STEPS, State, panel};
use crate::ui::Theme;
use crate::ui::canvas::Canvas;
use crate::ui::layout::Areas;
use crate::ui::views::strip::short;
use crate::ui::views::{Place, Said, View, Window, why};
use crate::ui::words::{Piece, cut, duration, number, piece, wrap};

/// Cells of a row: mark, beginning, value; the rest are for standard deviations over noise, but not all of a wide list.
const MARK: usize = 3;
const BEGINNING: usize = 12;
const VALUE: usize = 7;
const WIDEST: usize = 12;

impl View for panel::Dreams {
    /// The predictions go on beside it.
    fn place(&self) -> Place {
        Place::List
    }

    fn draw(&self, canvas: &mut Canvas<'_>, areas: &Areas, state: &State, theme: Theme) {
        let width = usize::from(areas.list.width);
        canvas.clear(areas.list_title);
        let title = self.unit(state).map_or_else(|| " dreams".to_owned(), |unit| format!(" dreams of {unit}"));
        canvas.line(areas.list_title, Span::styled(cut(&title, width), theme.accent()));
        let (heads, list, words) = parts(areas);
        let rest = rest(width);
        let over = if rest > "over noise".len() { "over noise" } else { "noise" };
        let text = format!("{:MARK$}{:<BEGINNING$}{:>VALUE$}{over:>rest$}", "", "begins with", "value");
        canvas.line(heads, Span::styled(cut(&text, width), theme.quiet()));
        let window = Window::new(list, self.marked, panel::Dreams::BEGINNINGS.len());
        for row in window.rows() {
            canvas.line(window.place(row), self.line(row, width, state, theme));
        }
        window.draw_marks(canvas, theme);
        let said = "What recurs in several belongs to the unit, the rest to chance.";
        for (row, line) in wrap(said, width.saturating_sub(MARK + 1)).into_iter().enumerate() {
            canvas.row(words, row, Span::styled(format!("   {line}"), theme.quiet()));
        }
    }

    fn click(&self, areas: &Areas, state: &State, at: Position) -> Option<Action> {
        if areas.why.contains(at) {
            return why::rank_at(state, areas.why, at.y).map(|rank| Action::Command(Command::Rank(rank)));
        }
        let (_, list, _) = parts(areas);
        Window::new(list, self.marked, panel::Dreams::BEGINNINGS.len()).at(at).map(Action::Pick)
    }

    /// The line is there while the numbers are not, or the picture would jump.
    fn said<'s>(&self, state: &'s State) -> Option<Said<'s>> {
        let line = match (self.dreamt(self.marked, state), self.frame(self.marked, state)) {
            (Some(dreamt), _) => {
                let (value, noise) = (dreamt.last.value, dreamt.noise);
                let over = noise.deviations(value);
                format!(
                    "value {}, {over:.1} standard deviations over noise (mean {})",
                    number(value),
                    number(noise.mean)
                )
            }
            (None, Some(frame)) => format!("step {} of {DREAM_STEPS}, value {}", frame.step, number(frame.value)),
            (None, None) => format!("step 0 of {DREAM_STEPS}"),
        };
        Some(Said { lines: vec![line], warnings: self.refusal(state).into_iter().collect() })
    }

    fn status<'a>(&self, state: &State, width: usize, theme: Theme) -> Option<Vec<Piece<'a>>> {
        let what = format!("dream of {}", self.unit(state)?);
        let mut pieces = vec![piece(0, Span::styled(cut(&what, width.saturating_sub(8)), theme.strong()))];
        if let Some(dreamt) = self.dreamt(self.marked, state) {
            pieces.push(piece(3, Span::raw(format!("{} steps", dreamt.last.step))));
            pieces.push(piece(4, Span::styled(format!("took {}", duration(dreamt.elapsed)), theme.quiet())));
        }
        Some(pieces)
    }
}

impl panel::Dreams {
    /// `channel 117 of layer4.2`, `goose`
    fn unit(&self, state: &State) -> Option<String> {
        let model = state.model.as_deref()?;
        Some(match self.aim(state)? {
            Aim::Class(class) => model.short_label(class).to_owned(),
            Aim::Channel { layer, channel } => {
                format!("channel {channel} of {}", model.layer_name(layer).map(short).unwrap_or_default())
            }
        })
    }

    /// ` ▸ near grey        12.3      24.1 σ`
    fn line<'a>(&self, row: usize, width: usize, state: &State, theme: Theme) -> Line<'a> {
        let is_marked = row == self.marked;
        let style = if is_marked { theme.strong() } else { Style::new() };
        let name = match panel::Dreams::BEGINNINGS[row] {
            Beginning::Grey(0) => "near grey".to_owned(),
            Beginning::Grey(number) => format!("near grey, {}", number + 1),
            Beginning::Image => "this image".to_owned(),
        };
        let value = self.frame(row, state).map(|frame| number(frame.value)).unwrap_or_default();
        let over = self.dreamt(row, state).map(|dreamt| dreamt.noise.deviations(dreamt.last.value));
        let over = over.map(|over| format!("{over:.1} σ")).unwrap_or_default();
        let rest = rest(width);
        Line::from(vec![
            Span::styled(if is_marked { " ▸ " } else { "   " }, theme.accent()),
            Span::styled(format!("{name:<BEGINNING$}{value:>VALUE$}"), style),
            Span::styled(format!("{over:>rest$}"), if is_marked { theme.strong() } else { theme.quiet() }),
        ])
    }
}

/// Cells of standard deviations over noise, in a list of that width.
fn rest(width: usize) -> usize {
    width.saturating_sub(MARK + BEGINNING + VALUE).min(WIDEST)
}

/// The heads of the columns, the rows, and the words below them.
fn parts(areas: &Areas) -> (Rect, Rect, Rect) {
    let area = areas.list;
    let heads = Rect { height: area.height.min(1), ..area };
    let rest = Rect { y: heads.bottom(), height: area.height - heads.height, ..area };
    let list = Rect { height: rest.height.min(panel::Dreams::BEGINNINGS.len() as u16), ..rest };
    let left = rest.height - list.height;
    let words = Rect { y: list.bottom() + left.min(1), height: left.saturating_sub(1), ..rest };
    (heads, list, words)
}
