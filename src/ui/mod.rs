//! Drawing: from the state to cells, and a list of which picture belongs where. It changes nothing and writes nothing.
//!
//! Panels never lie over a picture (they take the list's place, or the whole body), because terminals with sixel graphics
//! leave remnants of what was covered.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};

use crate::app::{Action, Picture, State};

/// A picture and the cells that it fills; their proportions are the picture's, as near as cells allow.
#[derive(Debug, Clone)]
pub struct Placement {
    /// The cells.
    pub area: Rect,
    /// The picture.
    pub picture: Picture,
}

/// Colours, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    /// Whether colours are wanted (`NO_COLOR`, dumb terminals).
    pub colour: bool,
}

/// Draws the state, and says which pictures belong where. Whoever shows them does so in the same frame, on the same
/// buffer, after this returns; a placement of before that is not among them is gone from the screen.
pub fn draw(frame: &mut Frame<'_>, state: &State, theme: Theme) -> Vec<Placement> {
    let _ = (frame, state, theme);
    Vec::new()
}

/// Rows of the list that fit on a screen of `size` cells, for [`Terminal::page`](crate::app::Terminal::page).
pub fn list_rows(size: (u16, u16)) -> usize {
    usize::from(size.1.saturating_sub(10))
}

/// What a left click there means.
pub fn click(state: &State, at: Position) -> Option<Action> {
    let _ = (state, at);
    None
}
