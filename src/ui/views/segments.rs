//! The weights of the superpixels, in the list's place: what a painted map cannot say in numbers. The one at the mark is
//! outlined in the picture.

use ratatui::layout::Position;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::app::{Action, State, panel};
use crate::raster::Colormap;
use crate::ui::Theme;
use crate::ui::canvas::{Canvas, rgb};
use crate::ui::layout::Areas;
use crate::ui::views::{View, Window, picture, why::filled};
use crate::ui::words::{cut, number, percent};

/// How far from the middle of the diverging colours the bars are: the ends are too dark on a dark screen.
const BAR: f32 = 0.75;
/// Cells before the bar: mark, weight, share of the picture.
const BEFORE: usize = 3 + 11 + 9;
/// Of what the second column is a share: superpixels divide what the model saw.
const SHARE: &str = "of the input";

impl View for panel::Segments {
    fn draw(&self, canvas: &mut Canvas<'_>, areas: &Areas, state: &State, theme: Theme) {
        let area = areas.panel();
        let width = usize::from(area.width);
        canvas.clear(areas.list_title);
        let Some((segments, map)) = state.segments().zip(state.selected_map()) else {
            canvas.line(areas.list_title, Span::styled(" superpixels", theme.accent()));
            canvas.row(area, 0, Span::styled("   working…", theme.quiet()));
            return;
        };
        let count = |is_counted: fn(f32) -> bool| segments.weights.iter().filter(|weight| is_counted(**weight)).count();
        let (above, below) = (count(|weight| weight > 0.0), count(|weight| weight < 0.0));
        let title = format!(" superpixels: {above} for, {below} against");
        canvas.line(areas.list_title, Span::styled(cut(&title, width), theme.accent()));
        let order = state.segment_order();
        let strongest = order.first().map_or(0.0, |segment| segments.weights[*segment].abs());
        let (heads, list) = areas.table();
        canvas.line(heads, Span::styled(format!("   {:>10}  {SHARE}", "weight"), theme.quiet()));
        let window = Window::new(list, self.marked, order.len());
        for row in window.rows() {
            let segment = order[row];
            let weight = segments.weights[segment];
            let is_marked = row == self.marked;
            let style = if is_marked { theme.strong() } else { Style::new() };
            let share = if strongest > 0.0 { weight.abs() / strongest } else { 0.0 };
            let sign = if weight > 0.0 { "+" } else { "" };
            let bar = filled(share, width.saturating_sub(BEFORE + 1));
            canvas.line(
                window.place(row),
                Line::from(vec![
                    Span::styled(if is_marked { " ▸ " } else { "   " }, theme.accent()),
                    Span::styled(format!("{:>10} ", format!("{sign}{}", number(weight))), style),
                    Span::styled(format!("{}  ", percent(map.shares[segment])), theme.quiet()),
                    Span::styled(bar, bar_style(weight, theme)),
                ]),
            );
        }
        window.draw_marks(canvas, theme);
    }

    fn click(&self, areas: &Areas, state: &State, at: Position) -> Option<Action> {
        if !areas.panel().contains(at) {
            return picture::segment_at(areas, state, at).map(Action::Segment);
        }
        let (_, list) = areas.table();
        Window::new(list, self.marked, state.segments()?.weights.len()).at(at).map(Action::Pick)
    }
}

/// The colour that the picture gives to the strongest weight of that sign.
pub(in crate::ui) fn bar_style(weight: f32, theme: Theme) -> Style {
    if theme.colour { Style::new().fg(rgb(Colormap::diverging(BAR * weight.signum()))) } else { theme.quiet() }
}
