//! The table of superpixels: their weights, the lines around them, and clicks.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Position;
use seewhy::app::keymap::lookup;
use seewhy::app::{Command, Panel, PanelKind, State, panel, update};
use seewhy::model::Target;
use seewhy::ui;

use crate::support::interface::{draw, finished, press, screen, with_superpixels};

const SIZE: (u16, u16) = (80, 24);

#[test]
fn superpixels_are_listed_by_strength_with_their_sign() {
    let mut state = finished(SIZE);
    with_superpixels(&mut state);
    press(&mut state, &[Command::Open(PanelKind::Segments)]);
    let text = screen(&state);
    let rows: Vec<usize> =
        ["-0.50  35.7 %", "+0.20  28.6 %", "+0.010  35.7 %"].map(|row| text.find(row).unwrap_or(0)).to_vec();
    assert!(rows.is_sorted() && rows[0] > 0, "{text}");
    assert!(text.contains("2 for, 1 against"), "{text}");
    assert!(text.contains("weight  of the input"), "{text}");
}

#[test]
fn superpixels_are_outlined_on_request_and_the_listed_one_stands_out() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::ToggleOutlines]);
    assert!(!state.selection.outlines && state.notice.is_some(), "a map without superpixels has nothing to outline");
    with_superpixels(&mut state);
    press(&mut state, &[Command::ToggleOutlines]);
    let lines = |state: &State| state.scene()[0].key.lines.clone().map(|lines| (lines.outlined, lines.marked));
    assert_eq!(lines(&state), Some((true, None)));
    press(&mut state, &[Command::Open(PanelKind::Segments)]);
    assert_eq!(lines(&state), Some((true, Some(1))), "the strongest");
    press(&mut state, &[Command::Next, Command::ToggleOutlines]);
    assert_eq!(lines(&state), Some((false, Some(2))), "the next strongest");
    press(&mut state, &[Command::Escape]);
    assert_eq!(lines(&state), None);
}

#[test]
fn a_click_on_a_superpixel_finds_it_in_the_table() {
    let mut state = finished(SIZE);
    with_superpixels(&mut state);
    // The model saw the square in the middle; the superpixels are three upright stripes of it.
    let (_, placements) = draw(&state, true);
    let area = placements[0].area;
    let click = |state: &mut State, x| {
        let action = ui::click(state, Position { x, y: area.y + area.height / 2 });
        action.map(|action| update(state, action)).is_some()
    };
    assert!(!click(&mut state, area.x), "the model did not see the edge");
    assert!(click(&mut state, area.x + area.width / 2));
    assert_eq!(state.marked_segment(), Some(1));
    assert!(click(&mut state, area.x + area.width / 5));
    assert_eq!(state.marked_segment(), Some(0));
    assert!(matches!(&state.panel, Panel::Segments(panel::Segments { marked: 2, hidden, .. }) if hidden.contains(&0)));
    assert!(ui::click(&state, Position { x: 5, y: 2 }).is_none(), "the heads of the columns");
    let row = ui::click(&state, Position { x: 5, y: 4 });
    update(&mut state, row.unwrap());
    assert_eq!(state.marked_segment(), Some(2), "the second row");
}

#[test]
fn another_class_is_chosen_while_a_table_is_open() {
    let mut state = finished(SIZE);
    with_superpixels(&mut state);
    press(&mut state, &[Command::Open(PanelKind::Segments)]);
    let digit = lookup(state.mode(), KeyEvent::new(KeyCode::Char('2'), KeyModifiers::NONE));
    press(&mut state, &[digit.unwrap()]);
    assert_eq!(state.selection.target, Target::Top(1));
    assert!(screen(&state).contains("working…"));
    with_superpixels(&mut state);
    assert!(screen(&state).contains("2 for, 1 against"));
}
