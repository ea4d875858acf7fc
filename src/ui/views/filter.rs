//! The list, with its filter being typed.

use ratatui::layout::Position;

use crate::app::{Action, State, panel};
use crate::ui::Theme;
use crate::ui::canvas::Canvas;
use crate::ui::layout::Areas;
use crate::ui::views::list;
use crate::ui::views::{Place, View};

impl View for panel::Filter {
    fn place(&self) -> Place {
        Place::List
    }

    fn draw(&self, canvas: &mut Canvas<'_>, areas: &Areas, state: &State, theme: Theme) {
        list::draw(canvas, areas, state, theme);
    }

    fn click(&self, areas: &Areas, state: &State, at: Position) -> Option<Action> {
        list::click(areas, state, at, true)
    }
}
