//! Drawing: from the state to cells, and a list of which picture belongs where. It changes nothing and writes nothing.
//!
//! Panels never lie over a picture (they take the list's place, the picture's, or the whole body), because terminals with sixel graphics
//! leave remnants of what was covered.

mod canvas;
mod layout;
mod test_card;
mod theme;
mod views;
mod words;

use ratatui::Frame;
use ratatui::layout::{Position, Rect};

use crate::app::{Action, Keymap, Panel, Picture, State};
use canvas::Canvas;
use layout::Areas;
use views::{Place, empty, header, help, picture, status, strip, tiny, why};

pub use test_card::{CardAreas, CardPage, draw_test_card};
pub use theme::Theme;

/// A picture and the cells that it fills; their proportions are the picture's, as near as cells allow.
#[derive(Debug, Clone)]
pub struct Placement {
    /// The cells.
    pub area: Rect,
    /// The picture.
    pub picture: Picture,
}

/// Draws the state, and says which pictures belong where. Whoever shows them does so in the same frame, on the same
/// buffer, after this returns; a placement of before that is not among them is gone from the screen.
pub fn draw(frame: &mut Frame<'_>, state: &State, theme: Theme) -> Vec<Placement> {
    let areas = areas(state, frame.area());
    let canvas = &mut Canvas { buffer: frame.buffer_mut() };
    let view = views::of(&state.panel);
    if view.place() == Place::Pictures {
        if !areas.tiny {
            header::draw(canvas, areas.header, state, theme);
        }
        if help::fits_beside(&areas, &state.keymap) {
            views::of(&Panel::None).draw(canvas, &areas, state, theme);
            why::draw(canvas, &areas, state, theme);
            strip::draw(canvas, areas.strip, state, theme);
            status::draw(canvas, areas.status, state, theme);
        }
        view.draw(canvas, &areas, state, theme);
        return Vec::new();
    }
    if areas.tiny {
        view.draw(canvas, &areas, state, theme);
        tiny::draw_status(canvas, areas.status, state, theme);
        return Vec::new();
    }
    header::draw(canvas, areas.header, state, theme);
    status::draw(canvas, areas.status, state, theme);
    match state.panel {
        Panel::None if state.entries.is_empty() => {
            empty::draw(canvas, areas.body, state, theme);
            return Vec::new();
        }
        Panel::None if areas.folded => {}
        _ => view.draw(canvas, &areas, state, theme),
    }
    // There is no list beside the picture: a panel takes the picture's place.
    if areas.folded && state.panel != Panel::None {
        return Vec::new();
    }
    if view.place() == Place::List {
        why::draw(canvas, &areas, state, theme);
    }
    strip::draw(canvas, areas.strip, state, theme);
    picture::draw(canvas, &areas, state, theme)
}

/// Where everything is, a message included.
fn areas(state: &State, screen: Rect) -> Areas {
    Areas::new(screen).with_message(status::message_rows(state, screen))
}

/// The pictures that are likely to be looked at next, as far as they are ready, and where they would go on a screen of that
/// area: for whoever makes them ready to be shown.
pub fn ahead(state: &State, screen: Rect) -> Vec<Placement> {
    let areas = areas(state, screen);
    let has_pictures = !areas.tiny && views::of(&state.panel).place() != Place::Pictures;
    if has_pictures { picture::ahead(&areas, state) } else { Vec::new() }
}

/// Rows of the list that fit on a screen of `size` cells, for [`Terminal::page`](crate::app::Terminal::page).
pub fn list_rows(size: (u16, u16)) -> usize {
    usize::from(Areas::new(Rect::new(0, 0, size.0, size.1)).list.height)
}

/// Rows of a menu that fit on a screen of `size` cells, for [`Terminal::menu`](crate::app::Terminal::menu).
pub fn menu_rows(size: (u16, u16)) -> usize {
    let (list, _) = Areas::new(Rect::new(0, 0, size.0, size.1)).menu();
    // Two may say that there is more.
    usize::from(list.height.saturating_sub(2))
}

/// Lines of the help that do not fit on a screen of `size` cells, for
/// [`Terminal::help_overflow`](crate::app::Terminal::help_overflow).
pub fn help_overflow(size: (u16, u16), keymap: &Keymap) -> usize {
    help::overflow(&Areas::new(Rect::new(0, 0, size.0, size.1)), keymap)
}

/// Where in the image the mouse is, where a part of it is looked at closely: in shares of the whole picture's width and height.
pub fn hovered(state: &State, at: Position) -> Option<(f32, f32)> {
    let (width, height) = state.terminal.size;
    let areas = areas(state, Rect::new(0, 0, width, height));
    let is_hidden = areas.folded && state.panel != Panel::None || views::of(&state.panel).place() == Place::Pictures;
    let (picture, across, down) = picture::picture_at(&areas, state, at).filter(|_| !is_hidden && !areas.tiny)?;
    Some(picture.key.cut?.outward(across, down))
}

/// What a left click there means.
pub fn click(state: &State, at: Position) -> Option<Action> {
    let (width, height) = state.terminal.size;
    views::of(&state.panel).click(&areas(state, Rect::new(0, 0, width, height)), state, at)
}
