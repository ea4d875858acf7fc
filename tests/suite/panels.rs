//! What holds for every panel, those to come included: it has a key, can be closed, and is drawn wherever there is room for a
//! few cells, and while nothing is known.

use seewhy::app::keymap::KEYMAP;
use seewhy::app::{Command, Panel, PanelKind, State, update};

use crate::screens::{approve, at_the_pelican};
use crate::support::interface::{draw, opened, press, screen, terminal, type_text, with_superpixels, work};

/// At an image of which everything is known, with a panel.
fn with_panel(panel: PanelKind, size: (u16, u16)) -> State {
    let mut state = at_the_pelican(size);
    with_superpixels(&mut state);
    press(&mut state, &[Command::Open(panel)]);
    work(&mut state);
    state
}

/// A panel's part of a snapshot's name.
fn name(panel: PanelKind) -> String {
    format!("{panel:?}").to_lowercase()
}

#[test]
fn each_has_a_key() {
    for panel in PanelKind::ALL {
        let is_opened = |command: &Command| *command == Command::Open(*panel);
        let mut commands = KEYMAP.iter().flat_map(|binding| binding.keys).map(|(_, command)| command);
        assert!(commands.any(is_opened), "no key opens {panel:?}");
    }
}

#[test]
fn each_is_opened_and_closed() {
    for panel in PanelKind::ALL {
        let mut state = with_panel(*panel, (120, 36));
        assert_ne!(state.panel, Panel::None, "{panel:?}");
        let opened = screen(&state);
        press(&mut state, &[Command::Escape]);
        assert_eq!(state.panel, Panel::None, "{panel:?}");
        assert_ne!(screen(&state), opened, "{panel:?} is seen");
    }
}

#[test]
fn each_is_moved_in_to_its_ends() {
    for panel in PanelKind::ALL {
        let mut state = with_panel(*panel, (120, 36));
        for end in [Command::Last, Command::First] {
            press(&mut state, &[end]);
            let there = screen(&state);
            press(&mut state, &[end]);
            assert_eq!(screen(&state), there, "{panel:?}, {end:?}");
        }
    }
}

#[test]
fn no_size_is_too_small_for_one() {
    for panel in PanelKind::ALL {
        let mut state = with_panel(*panel, (80, 24));
        for width in (0..100).step_by(3) {
            for height in 0..30 {
                update(&mut state, terminal((width, height)));
                draw(&state, true);
            }
        }
    }
}

#[test]
fn each_has_its_place_beside_the_picture() {
    for panel in PanelKind::ALL {
        approve(&format!("{}_100x30", name(*panel)), &with_panel(*panel, (100, 30)));
    }
}

#[test]
fn each_shows_what_it_can_in_a_tiny_window() {
    for panel in PanelKind::ALL {
        approve(&format!("{}_20x6", name(*panel)), &with_panel(*panel, (20, 6)));
    }
}

#[test]
fn each_is_there_while_nothing_is_known_or_lets_the_list_be() {
    for panel in PanelKind::ALL {
        let mut state = opened((80, 16));
        press(&mut state, &[Command::Open(*panel)]);
        type_text(&mut state, "nothing like it");
        approve(&format!("{}_empty_80x16", name(*panel)), &state);
    }
}
