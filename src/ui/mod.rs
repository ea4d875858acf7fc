//! Drawing: from the state to cells, and a list of which picture belongs where. It changes nothing and writes nothing.
//!
//! Panels never lie over a picture (they take the list's place, or the whole body), because terminals with sixel graphics
//! leave remnants of what was covered.

mod canvas;
mod layout;
mod test_card;
mod theme;
mod views;
mod words;

use ratatui::Frame;
use ratatui::layout::{Position, Rect};

use crate::app::{Action, Command, Panel, Picture, State};
use canvas::Canvas;
use layout::Areas;
use views::{
    Window, channels, classes, confusions, empty, header, help, list, methods, parameters, picture, segments, status,
    strip, tiny, why,
};

pub use test_card::{CardPage, draw_test_card};
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
    let areas = Areas::new(frame.area());
    let canvas = &mut Canvas { buffer: frame.buffer_mut() };
    if let Panel::Help { top } = state.panel {
        if !areas.tiny {
            header::draw(canvas, areas.header, state, theme);
        }
        help::draw(canvas, areas.body, areas.status, top, theme);
        return Vec::new();
    }
    let panel = |canvas: &mut Canvas<'_>| match state.panel {
        Panel::Classes { .. } => classes::draw(canvas, &areas, state, theme),
        Panel::Methods { .. } => methods::draw(canvas, &areas, state, theme),
        Panel::Parameters { .. } => parameters::draw(canvas, &areas, state, theme),
        Panel::Segments { .. } => segments::draw(canvas, &areas, state, theme),
        Panel::Channels { .. } => channels::draw(canvas, &areas, state, theme),
        Panel::Confusions { .. } => confusions::draw(canvas, &areas, state, theme),
        Panel::None | Panel::Filter | Panel::Help { .. } => list::draw(canvas, &areas, state, theme),
    };
    if areas.tiny {
        if matches!(state.panel, Panel::None | Panel::Filter) {
            tiny::draw(canvas, &areas, state, theme);
        } else {
            panel(canvas);
        }
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
        // There is no list beside the picture: a panel takes the picture's place.
        _ if areas.folded && state.panel != Panel::None => {
            panel(canvas);
            return Vec::new();
        }
        _ => {}
    }
    if !areas.folded {
        panel(canvas);
    }
    if matches!(state.panel, Panel::None | Panel::Filter) {
        why::draw(canvas, &areas, state, theme);
    }
    strip::draw(canvas, areas.strip, state, theme);
    picture::draw(canvas, &areas, state, theme)
}

/// The pictures that are likely to be looked at next, as far as they are ready, and where they would go on a screen of that
/// area: for whoever makes them ready to be shown.
pub fn ahead(state: &State, screen: Rect) -> Vec<Placement> {
    let areas = Areas::new(screen);
    if areas.tiny || matches!(state.panel, Panel::Help { .. }) { Vec::new() } else { picture::ahead(&areas, state) }
}

/// Rows of the list that fit on a screen of `size` cells, for [`Terminal::page`](crate::app::Terminal::page).
pub fn list_rows(size: (u16, u16)) -> usize {
    usize::from(Areas::new(Rect::new(0, 0, size.0, size.1)).list.height)
}

/// Rows of a menu that fit on a screen of `size` cells, for [`Terminal::menu`](crate::app::Terminal::menu).
pub fn menu_rows(size: (u16, u16)) -> usize {
    let (list, _) = methods::parts(&Areas::new(Rect::new(0, 0, size.0, size.1)));
    // Two may say that there is more.
    usize::from(list.height.saturating_sub(2))
}

/// Lines of the help that do not fit on a screen of `size` cells, for
/// [`Terminal::help_overflow`](crate::app::Terminal::help_overflow).
pub fn help_overflow(size: (u16, u16)) -> usize {
    let body = Areas::new(Rect::new(0, 0, size.0, size.1)).body;
    help::lines(body.width).saturating_sub(usize::from(body.height))
}

/// What a left click there means.
pub fn click(state: &State, at: Position) -> Option<Action> {
    let (width, height) = state.terminal.size;
    let areas = Areas::new(Rect::new(0, 0, width, height));
    match &state.panel {
        Panel::Help { .. } => Some(Action::Command(Command::Escape)),
        Panel::Classes { marked, .. } => {
            Window::new(areas.panel(), *marked, state.class_matches().len()).at(at).map(Action::Pick)
        }
        Panel::Methods { marked } => {
            let (area, _) = methods::parts(&areas);
            Window::new(area, *marked, state.model.as_ref()?.methods.len()).at(at).map(Action::Pick)
        }
        Panel::Parameters { marked } => {
            let (area, _) = methods::parts(&areas);
            Window::new(area, *marked, state.method()?.params.len()).at(at).map(Action::Pick)
        }
        Panel::Segments { marked } => {
            if !areas.panel().contains(at) {
                return picture::segment_at(&areas, state, at).map(Action::Segment);
            }
            let (_, list) = segments::parts(&areas);
            Window::new(list, *marked, state.segments()?.weights.len()).at(at).map(Action::Pick)
        }
        Panel::Confusions { .. } => {
            let (_, list) = segments::parts(&areas);
            let (found, marked) = state.marked_confusions();
            Window::new(list, marked, found.len()).at(at).map(Action::Pick)
        }
        Panel::Channels { .. } => {
            if areas.panel().contains(at) {
                return channels::window(&areas, state)?.at(at).map(Action::Pick);
            }
            let image = picture::sheet_image_at(&areas, state, at).map(Action::GoTo);
            image.or_else(|| picture::tile_at(&areas, state, at).map(Action::Pick))
        }
        Panel::None | Panel::Filter => {
            if let Some(segment) = picture::segment_at(&areas, state, at) {
                return Some(Action::Segment(segment));
            }
            if areas.why.contains(at) {
                return why::rank_at(state, areas.why, at.y).map(|rank| Action::Command(Command::Rank(rank)));
            }
            let is_list_visible = !areas.folded || areas.tiny || state.panel == Panel::Filter;
            if !is_list_visible || !areas.list.contains(at) {
                return None;
            }
            let clicked = state.offset + usize::from(at.y - areas.list.y);
            (clicked < state.visible.len()).then_some(Action::Select(clicked))
        }
    }
}
