//! What keys do, and how they are told: the keymap, the help, menus, typing.

use std::collections::HashSet;
use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Position;
use seewhy::app::keymap::{KEYMAP, Key, Section, lookup, presses};
use seewhy::app::{Action, Command, Effect, Mode, ModelSummary, Panel, PanelKind, State, label, update};
use seewhy::ui;

use crate::support::interface::{finished, model, press, screen, terminal, with_superpixels};

/// A screen of the usual size.
const SIZE: (u16, u16) = (80, 24);

#[test]
fn no_key_does_two_things_and_every_key_is_explained() {
    for section in Section::ALL {
        assert!(KEYMAP.iter().any(|binding| binding.section == section), "{section:?} is empty");
    }
    for mode in [Mode::Browse, Mode::Type, Mode::Menu, Mode::Help] {
        let mut seen = HashSet::new();
        for binding in KEYMAP.iter().filter(|binding| binding.section.mode() == mode) {
            assert!(!binding.help.is_empty() && !label(binding.keys).is_empty());
            for (key, _) in binding.keys {
                assert!(seen.insert(*key), "{key:?} is bound twice in {mode:?}");
            }
        }
    }
}

#[test]
fn the_help_shows_every_binding() {
    let mut state = finished((200, 60));
    press(&mut state, &[Command::Open(PanelKind::Help)]);
    let text = screen(&state);
    // Where all of it is on the screen, there is nothing to scroll.
    for binding in KEYMAP.iter().filter(|binding| binding.section != Section::Help) {
        assert!(text.contains(binding.help), "{} is not in the help", binding.help);
        assert!(text.contains(&label(binding.keys)), "{} is not in the help", label(binding.keys));
    }
}

/// Presses keys as they come from the terminal.
pub(crate) fn keys(state: &mut State, codes: &[KeyCode]) -> Vec<Effect> {
    let mut effects = Vec::new();
    for code in codes {
        if let Some(action) = state.interpret(KeyEvent::new(*code, KeyModifiers::NONE)) {
            effects.extend(update(state, action));
        }
    }
    effects
}

pub(crate) fn letters(state: &mut State, text: &str) -> Vec<Effect> {
    keys(state, &text.chars().map(KeyCode::Char).collect::<Vec<_>>())
}

#[test]
fn behind_the_help_nothing_happens() {
    let mut state = finished(SIZE);
    letters(&mut state, "?");
    let before = state.selection.clone();
    assert!(letters(&mut state, "Gl2tmpsboci+-wy[]/").is_empty());
    assert_eq!((state.cursor, &state.selection, &state.notice), (0, &before, &None));
    assert!(screen(&state).contains("these keys"), "it is still there");
    for close in ["?", "q"] {
        assert!(letters(&mut state, close).is_empty(), "{close} closes the help and no more");
        assert_eq!(state.panel, Panel::None);
        letters(&mut state, "?");
    }
    keys(&mut state, &[KeyCode::Esc]);
    assert_eq!(state.panel, Panel::None);
    assert!(matches!(letters(&mut state, "q")[..], [Effect::Quit]));
}

#[test]
fn the_key_that_opens_a_panel_closes_it_where_it_means_nothing_else() {
    for kind in PanelKind::ALL {
        let mut state = finished(SIZE);
        press(&mut state, &[Command::Open(*kind)]);
        let key = state.keymap.key(Mode::Browse, Command::Open(*kind));
        let (open, mode) = (state.panel.kind(), state.mode());
        letters(&mut state, &key);
        match mode {
            // It is a letter of what is looked for.
            Mode::Type => assert_eq!(state.panel.kind(), Some(*kind), "{key}"),
            // It dreams anew.
            _ if *kind == PanelKind::Dreams => assert_eq!(state.panel.kind(), Some(*kind), "{key}"),
            _ => assert_eq!(state.panel, Panel::None, "{key}, after {open:?}"),
        }
    }
}

#[test]
fn so_does_the_key_that_the_user_gave_to_it() {
    let mut state = finished(SIZE);
    let key = Key::parse("C").unwrap();
    state.keymap.bind(Mode::Browse, "confusions", &[key]).unwrap();
    letters(&mut state, "C");
    assert!(matches!(state.panel, Panel::Confusions(_)));
    letters(&mut state, "e");
    assert!(matches!(state.panel, Panel::Confusions(_)), "the key of the table is not its key any more");
    letters(&mut state, "C");
    assert_eq!(state.panel, Panel::None);
}

#[test]
fn the_help_stands_beside_the_list_where_all_of_it_has_room_there() {
    let mut state = finished((120, 36));
    let before = screen(&state);
    letters(&mut state, "?");
    let text = screen(&state);
    let left = |text: &str| -> Vec<String> {
        let start = |line: &str| line.chars().take(36).collect::<String>().trim_end().to_owned();
        text.lines().map(start).collect()
    };
    assert_eq!(left(&text), left(&before), "list and predictions stay");
    for binding in KEYMAP.iter().filter(|binding| binding.section != Section::Help) {
        let is_line = |line: &str| line.contains(&label(binding.keys)) && line.contains(binding.help);
        assert!(text.lines().any(is_line), "{} is not in the help:\n{text}", binding.help);
    }
    assert!(text.lines().last().unwrap().contains("? close"), "{text}");
}

#[test]
fn the_help_is_scrolled_where_it_does_not_fit() {
    let mut state = finished((60, 20));
    letters(&mut state, "?");
    let text = screen(&state);
    assert!(text.contains("first, last image") && !text.contains("quit\n") && text.contains("↓ … "), "{text}");
    letters(&mut state, "j");
    assert!(!screen(&state).contains(" images\n"), "the first line is gone");
    keys(&mut state, &[KeyCode::PageDown, KeyCode::PageDown, KeyCode::PageDown]);
    let end = screen(&state);
    assert!(end.contains("as its own key") && !end.contains("↓ … "), "{end}");
    keys(&mut state, &[KeyCode::Up]);
    assert_ne!(screen(&state), end, "the end is the end: a line back is a line back");
    letters(&mut state, "g");
    assert_eq!(screen(&state), text);
    // All of it can be reached.
    let mut seen = String::new();
    for _ in 0..60 {
        seen += &screen(&state);
        letters(&mut state, "j");
    }
    for binding in KEYMAP.iter().filter(|binding| binding.section != Section::Help) {
        let is_line = |line: &str| line.contains(&label(binding.keys)) && line.contains(binding.help);
        assert!(seen.lines().any(is_line), "{} is cut", binding.help);
    }
}

#[test]
fn where_there_is_no_image_no_panel_takes_the_keys() {
    let mut state = State::new("/data/nothing".to_owned(), None);
    update(&mut state, terminal(SIZE));
    update(&mut state, Action::ModelReady(model()));
    letters(&mut state, "t");
    assert!(screen(&state).contains(" class ▏"), "while images may still be found, the search is there");
    update(&mut state, Action::FoundAll(Vec::new()));
    assert_eq!(state.panel, Panel::None);
    letters(&mut state, "jmpst");
    assert!(screen(&state).contains("! there is no image to look at"));
    letters(&mut state, "/");
    assert!(matches!(letters(&mut state, "q")[..], [Effect::Quit]));
}

#[test]
fn panels_are_drawn_on_the_smallest_screen() {
    let mut state = finished((20, 6));
    with_superpixels(&mut state);
    for (key, expected) in [("m", "▸   grad-cam"), ("p", "▸ sam"), ("t", "goldfin…"), ("s", "-0.50"), ("/g", " / g▏")]
    {
        letters(&mut state, key);
        assert!(screen(&state).contains(expected), "{key}: {}", screen(&state));
        keys(&mut state, &[KeyCode::Esc]);
    }
    letters(&mut state, "w8]");
    letters(&mut state, "?");
    assert!(screen(&state).contains("images"));
}

/// The interface with so many methods that no menu holds them.
fn with_many_methods(size: (u16, u16)) -> State {
    let mut state = finished(size);
    let mut many = ModelSummary::clone(&model());
    let row = many.methods[1].clone();
    let names =
        ["m05", "m06", "m07", "m08", "m09", "m10", "m11", "m12", "m13", "m14", "m15", "m16", "m17", "m18", "m19"];
    many.methods.extend(names.map(|name| seewhy::app::MethodRow { name, ..row.clone() }));
    update(&mut state, Action::ModelReady(Arc::new(many)));
    state
}

#[test]
fn a_menu_says_what_is_out_of_sight_and_every_row_is_a_few_keys_away() {
    for size in [SIZE, (60, 20), (20, 8)] {
        let mut state = with_many_methods(size);
        letters(&mut state, "m");
        let marked = |state: &State| if let Panel::Methods(menu) = &state.panel { menu.marked } else { 99 };
        let text = screen(&state);
        assert!(text.contains("grad-cam") && text.contains("↓ … ") && !text.contains("↑ … "), "{text}");
        let mut seen: HashSet<usize> = HashSet::new();
        for _ in 0..18 {
            let text = screen(&state);
            let names = state.model.as_deref().unwrap().methods.iter().map(|row| row.name);
            seen.extend(names.enumerate().filter(|(_, name)| text.contains(name)).map(|(row, _)| row));
            keys(&mut state, &[KeyCode::PageDown]);
        }
        assert_eq!((marked(&state), seen.len()), (17, 18), "paging skips nothing and ends at the end");
        let text = screen(&state);
        assert!(text.contains("m19") && text.contains("↑ … ") && !text.contains("↓ … "), "{text}");
        keys(&mut state, &[KeyCode::Home]);
        assert_eq!(marked(&state), 0);
        keys(&mut state, &[KeyCode::End]);
        assert_eq!(marked(&state), 17);
        keys(&mut state, &[KeyCode::Down]);
        assert_eq!(marked(&state), 0, "the first follows the last");
        keys(&mut state, &[KeyCode::Up]);
        assert_eq!(marked(&state), 17);
    }
}

#[test]
fn a_click_in_a_long_menu_takes_the_row_under_it() {
    let mut state = with_many_methods(SIZE);
    letters(&mut state, "m");
    keys(&mut state, &[KeyCode::End]);
    let text = screen(&state);
    let y = text.lines().position(|line| line.contains("m15")).unwrap();
    let click = ui::click(&state, Position { x: 5, y: y as u16 });
    update(&mut state, click.unwrap());
    assert_eq!(state.selection.method, "m15");
    letters(&mut state, "m");
    keys(&mut state, &[KeyCode::End]);
    assert!(ui::click(&state, Position { x: 5, y: 2 }).is_none(), "that line says that there is more");
}

#[test]
fn keys_mean_what_the_issue_says() {
    let key = |code| lookup(Mode::Browse, KeyEvent::new(code, KeyModifiers::NONE));
    let letter = |letter| key(KeyCode::Char(letter));
    assert_eq!((letter('j'), key(KeyCode::Down)), (Some(Command::Next), Some(Command::Next)));
    assert_eq!((letter('k'), key(KeyCode::Up)), (Some(Command::Previous), Some(Command::Previous)));
    assert_eq!((letter('1'), letter('9')), (Some(Command::Rank(0)), Some(Command::Rank(8))));
    assert_eq!((letter('['), letter(']')), (Some(Command::LayerBack), Some(Command::LayerOn)));
    assert_eq!((letter('o'), letter('c')), (Some(Command::CycleView), Some(Command::CycleColormap)));
    assert_eq!((letter('i'), letter('w')), (Some(Command::ToggleSeen), Some(Command::Write)));
    assert_eq!((letter('y'), letter('q')), (Some(Command::CopyPath), Some(Command::Quit)));
    let shifted = KeyEvent::new(KeyCode::Char('?'), KeyModifiers::SHIFT);
    assert_eq!(lookup(Mode::Browse, shifted), Some(Command::Open(PanelKind::Help)));
}

#[test]
fn while_typing_letters_are_text_and_control_is_not() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::Open(PanelKind::Filter)]);
    let event = |code, modifiers| KeyEvent::new(code, modifiers);
    let typed = state.interpret(event(KeyCode::Char('q'), KeyModifiers::NONE));
    assert!(matches!(typed, Some(Action::Text('q'))));
    let control = state.interpret(event(KeyCode::Char('c'), KeyModifiers::CONTROL));
    assert!(matches!(control, Some(Action::Command(Command::Quit))));
    assert!(state.interpret(event(KeyCode::Char('x'), KeyModifiers::CONTROL)).is_none());
}

/// Terminals write the two alike when they come quickly.
#[test]
fn alt_is_escape_before_the_key() {
    let keys: Vec<_> = presses(KeyEvent::new(KeyCode::Char('q'), KeyModifiers::ALT)).collect();
    let key = |code| KeyEvent::new(code, KeyModifiers::NONE);
    assert_eq!(keys, [key(KeyCode::Esc), key(KeyCode::Char('q'))]);
    assert_eq!(presses(key(KeyCode::Down)).collect::<Vec<_>>(), [key(KeyCode::Down)]);
}

#[test]
fn control_keys_mean_the_same_everywhere() {
    let control = |letter| KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL);
    for mode in [Mode::Browse, Mode::Type, Mode::Menu, Mode::Help] {
        assert_eq!(lookup(mode, control('c')), Some(Command::Quit));
        assert_eq!(lookup(mode, control('z')), Some(Command::Suspend));
    }
    assert_eq!(lookup(Mode::Type, control('u')), Some(Command::EraseAll), "unless the mode says otherwise");
}

#[test]
fn the_help_and_the_last_line_show_the_keys_in_force() {
    let mut state = finished((120, 40));
    let key = |text| Key::parse(text).unwrap();
    state.keymap.bind(Mode::Browse, "method", &[key("M"), key("F2")]).unwrap();
    state.keymap.bind(Mode::Browse, "help", &[key("F1")]).unwrap();
    let text = screen(&state);
    assert!(text.contains("M method") && text.contains("F1 help"), "{text}");
    letters(&mut state, "m");
    assert_eq!(state.panel, Panel::None, "it means nothing any more");
    keys(&mut state, &[KeyCode::F(2)]);
    assert!(matches!(state.panel, Panel::Methods(_)));
    keys(&mut state, &[KeyCode::Esc, KeyCode::F(1)]);
    assert!(screen(&state).contains("M F2 p P"), "{}", screen(&state));
}
