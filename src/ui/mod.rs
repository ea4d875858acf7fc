//! Drawing: from the state to cells, and a list of which picture belongs where. It changes nothing and writes nothing.
//!
//! Panels never lie over a picture (they take the list's place, or the whole body), because terminals with sixel graphics
//! leave remnants of what was covered.

mod canvas;
mod layout;
mod theme;
mod views;
mod words;

use ratatui::Frame;
use ratatui::layout::{Position, Rect};

use crate::app::{Action, Command, Panel, Picture, State};
use canvas::Canvas;
use layout::Areas;
use views::{
    classes, empty, first_row, header, help, list, methods, parameters, picture, segments, status, strip, tiny, why,
};

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
    if areas.tiny {
        tiny::draw(canvas, &areas, state, theme);
        return Vec::new();
    }
    header::draw(canvas, areas.header, state, theme);
    if state.panel != Panel::Help {
        status::draw(canvas, areas.status, state, theme);
    }
    let panel = |canvas: &mut Canvas<'_>| match state.panel {
        Panel::Classes { .. } => classes::draw(canvas, &areas, state, theme),
        Panel::Methods { .. } => methods::draw(canvas, &areas, state, theme),
        Panel::Parameters { .. } => parameters::draw(canvas, &areas, state, theme),
        Panel::Segments { .. } => segments::draw(canvas, &areas, state, theme),
        Panel::None | Panel::Filter | Panel::Help => list::draw(canvas, &areas, state, theme),
    };
    match state.panel {
        Panel::Help => {
            help::draw(canvas, areas.body, theme);
            canvas.line(areas.status, ratatui::text::Span::styled(" ? or Esc closes", theme.quiet()));
            return Vec::new();
        }
        _ if state.entries.is_empty() => {
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
    if areas.tiny || state.panel == Panel::Help { Vec::new() } else { picture::ahead(&areas, state) }
}

/// Rows of the list that fit on a screen of `size` cells, for [`Terminal::page`](crate::app::Terminal::page).
pub fn list_rows(size: (u16, u16)) -> usize {
    usize::from(Areas::new(Rect::new(0, 0, size.0, size.1)).list.height)
}

/// What a left click there means.
pub fn click(state: &State, at: Position) -> Option<Action> {
    let (width, height) = state.terminal.size;
    let areas = Areas::new(Rect::new(0, 0, width, height));
    let row = |area: Rect| area.contains(at).then(|| usize::from(at.y - area.y));
    match &state.panel {
        Panel::Help => Some(Action::Command(Command::Escape)),
        Panel::Classes { marked, .. } => {
            let area = areas.panel();
            let matches = state.class_matches().len();
            let clicked = first_row(*marked, matches, usize::from(area.height)) + row(area)?;
            (clicked < matches).then_some(Action::Pick(clicked))
        }
        Panel::Methods { marked } => {
            let (area, _) = methods::parts(&areas);
            let methods = state.model.as_ref()?.methods.len();
            let clicked = first_row(*marked, methods, usize::from(area.height)) + row(area)?;
            (clicked < methods).then_some(Action::Pick(clicked))
        }
        Panel::Parameters { marked } => {
            let (area, _) = methods::parts(&areas);
            let params = state.method()?.params.len();
            let clicked = first_row(*marked, params, usize::from(area.height)) + row(area)?;
            (clicked < params).then_some(Action::Pick(clicked))
        }
        Panel::Segments { marked } => {
            let area = areas.panel();
            let rows = state.segments()?.weights.len();
            let Some(clicked) = row(area) else { return picture::segment_at(&areas, state, at).map(Action::Segment) };
            let clicked = first_row(*marked, rows, usize::from(area.height)) + clicked;
            (clicked < rows).then_some(Action::Pick(clicked))
        }
        Panel::None | Panel::Filter => {
            if let Some(segment) = picture::segment_at(&areas, state, at) {
                return Some(Action::Segment(segment));
            }
            if areas.why.contains(at) {
                return why::rank_at(state, areas.why, at.y).map(|rank| Action::Command(Command::Rank(rank)));
            }
            let is_list_visible = !areas.folded || areas.tiny || state.panel == Panel::Filter;
            let clicked = state.offset + row(areas.list).filter(|_| is_list_visible)?;
            (clicked < state.visible.len()).then_some(Action::Select(clicked))
        }
    }
}
