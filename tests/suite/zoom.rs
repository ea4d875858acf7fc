//! A closer look: the window, what is read at a pixel, and the way back.

use std::path::Path;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Position;
use seewhy::app::{Action, Command, Mode, PanelKind, Picture, State, keymap, update};
use seewhy::raster::Recipe;
use seewhy::ui;

use crate::support::interface::{draw, finished, press, screen, with_superpixels, work};
use crate::support::pty::{Answers, Pty};
use crate::terminal::{open, pictures};

/// The window of the picture on screen: left edge, upper edge, width, height.
fn window(state: &State) -> Option<(u32, u32, u32, u32)> {
    let cut = state.scene()[0].key.cut?;
    Some((cut.x, cut.y, cut.width, cut.height))
}

fn pixels(picture: &Picture) -> image::RgbImage {
    let composition = picture.recipe.compose();
    let (width, height) = composition.size();
    composition.render(width, height)
}

#[test]
fn picture_and_heat_come_closer_together_in_the_same_place_and_esc_shows_all_again() {
    let mut state = finished((100, 30));
    let before = draw(&state, true).1;
    assert_eq!(window(&state), None);
    press(&mut state, &[Command::Closer]);
    let (_, _, width, height) = window(&state).unwrap();
    assert_eq!((width, height), (32, 24), "half of 64x48");
    let after = draw(&state, true).1;
    assert_eq!(before[0].area, after[0].area, "in the place of the whole");
    press(&mut state, &[Command::Closer, Command::Closer, Command::Closer, Command::Closer]);
    let (x, y, width, height) = window(&state).unwrap();
    assert_eq!((width, height), (8, 6), "no closer than a few pixels");
    // The warm spot of the map: in the part that the model saw, 48 of 64 pixels wide, left of the middle.
    let spot = (8.0 + 9.5 / 28.0 * 48.0, 14.5 / 28.0 * 48.0);
    assert!((x as f32..(x + width) as f32).contains(&spot.0) && (y as f32..(y + height) as f32).contains(&spot.1));
    let picture = &state.scene()[0];
    let Recipe::Cut(whole, _) = &picture.recipe else { panic!("{:?}", picture.key) };
    assert_ne!(whole.compose().base.dimensions(), picture.recipe.compose().base.dimensions());
    press(&mut state, &[Command::Farther]);
    assert_eq!(window(&state).map(|(.., width, _)| width), Some(16));
    press(&mut state, &[Command::Escape]);
    assert_eq!(window(&state), None);
    press(&mut state, &[Command::Closer, Command::Next]);
    assert_eq!(window(&state), None, "another image is shown whole");
    press(&mut state, &[Command::Previous]);
    assert!(window(&state).is_some(), "and this one as it was left");
}

#[test]
fn what_a_pixel_holds_is_read_in_pixels_of_the_file() {
    let mut state = finished((100, 30));
    press(&mut state, &[Command::Closer, Command::Closer, Command::Closer]);
    for _ in 0..80 {
        press(&mut state, &[Command::PanLeft, Command::PanUp]);
    }
    // The first pixel of 64x48, of a file of 640x480, which the model did not see.
    assert_eq!(state.reading().map(|reading| (reading.pixel, reading.rgb, reading.heat)), Some(((5, 5), [0; 3], None)));
    assert!(screen(&state).contains("x 5 y 5  ≈rgb 0 0 0") && !screen(&state).contains("heat"), "{}", screen(&state));
    for _ in 0..20 {
        press(&mut state, &[Command::PanRight, Command::PanDown]);
    }
    let reading = state.reading().unwrap();
    assert_eq!((reading.pixel, reading.rgb), ((205, 205), [80, 100, 0]));
    let heat = reading.heat.unwrap();
    assert!((0.0..1.0).contains(&heat) && screen(&state).contains(&format!("heat {heat:.2}")), "{}", screen(&state));
    assert!(screen(&state).contains("8 times"), "{}", screen(&state));
    let at_edge = window(&state);
    for _ in 0..80 {
        press(&mut state, &[Command::PanRight]);
    }
    assert_ne!(window(&state), at_edge);
    assert_eq!(state.reading().unwrap().pixel.0, 635, "no further than the edge");
}

#[test]
fn a_click_asks_about_a_pixel_close_up_or_not() {
    let mut state = finished((100, 30));
    let area = draw(&state, true).1[0].area;
    let middle = Position::new(area.x + area.width / 2, area.y + area.height / 2);
    let action = ui::click(&state, middle).unwrap();
    update(&mut state, action);
    let (x, y) = state.reading().unwrap().pixel;
    assert!((310..340).contains(&x) && (225..265).contains(&y), "{x} {y}");
    assert!(!screen(&state).contains("1 times"), "{}", screen(&state));
    press(&mut state, &[Command::Closer, Command::Closer]);
    let corner = Position::new(area.x, area.y);
    let action = ui::click(&state, corner).unwrap();
    update(&mut state, action);
    let (x, y) = state.reading().unwrap().pixel;
    assert!((230..255).contains(&x) && (170..195).contains(&y), "a quarter of the way from the middle: {x} {y}");
    with_superpixels(&mut state);
    press(&mut state, &[Command::Escape]);
    let action = ui::click(&state, middle).unwrap();
    assert!(matches!(action, seewhy::app::Action::Segment(_)), "of superpixels, a click finds one: {action:?}");
}

#[test]
fn the_mouse_reads_without_moving_what_is_close_and_keys_read_the_framed_pixel_again() {
    let mut state = finished((100, 30));
    let area = draw(&state, true).1[0].area;
    let corner = Position::new(area.x, area.y);
    assert_eq!(ui::hovered(&state, corner), None, "of the whole, clicks alone are heard");
    press(&mut state, &[Command::Closer, Command::Closer]);
    let (before, framed) = (window(&state), state.reading().unwrap());
    let at = ui::hovered(&state, corner);
    update(&mut state, Action::Hover(at));
    let reading = state.reading().unwrap();
    assert!(reading.is_under_mouse && reading.pixel != framed.pixel);
    // A pixel of ten of the file's.
    let (x, y, ..) = before.unwrap();
    assert_eq!(reading.pixel, (10 * x + 5, 10 * y + 5), "the window's first pixel");
    assert_eq!(window(&state), before);
    assert!(screen(&state).contains(&format!("mouse x {} y {}", reading.pixel.0, reading.pixel.1)));
    let away = ui::hovered(&state, Position::new(0, 0));
    update(&mut state, Action::Hover(away));
    assert_eq!(state.reading(), Some(framed), "away from the picture");
    update(&mut state, Action::Hover(at));
    press(&mut state, &[Command::PanRight]);
    assert!(!state.reading().unwrap().is_under_mouse, "keys move the framed pixel");
    update(&mut state, Action::Hover(at));
    press(&mut state, &[Command::Escape]);
    update(&mut state, Action::Hover(at));
    assert_eq!(state.reading(), None);
}

#[test]
fn of_a_close_up_the_whole_is_written() {
    let mut state = finished((100, 30));
    let whole = pixels(&state.scene()[0]);
    press(&mut state, &[Command::Closer, Command::Closer]);
    assert_ne!(pixels(&state.scene()[0]), whole);
    let effects = press(&mut state, &[Command::Write]);
    let written = effects.iter().find_map(|effect| match effect {
        seewhy::app::Effect::Export(seewhy::app::Export::Map(map)) => Some(map.overlay.clone()),
        _ => None,
    });
    assert_eq!(written.map(|picture| pixels(&picture)), Some(whole));
}

#[test]
fn arrows_move_and_with_shift_they_move_what_is_close() {
    let arrow = |modifiers| keymap::lookup(Mode::Browse, KeyEvent::new(KeyCode::Right, modifiers));
    assert_eq!(arrow(KeyModifiers::NONE), Some(Command::Next));
    assert_eq!(arrow(KeyModifiers::SHIFT), Some(Command::PanRight));
    let in_menu = keymap::lookup(Mode::Menu, KeyEvent::new(KeyCode::Up, KeyModifiers::SHIFT));
    assert_eq!(in_menu, Some(Command::PanUp));
    let page = keymap::lookup(Mode::Browse, KeyEvent::new(KeyCode::PageDown, KeyModifiers::SHIFT));
    assert_eq!(page, Some(Command::PageDown), "Shift hides no other key");
    let mut state = finished((100, 30));
    press(&mut state, &[Command::PanRight]);
    assert!(screen(&state).contains("z looks closer"), "{}", screen(&state));
}

#[test]
fn what_if_is_looked_at_as_closely_and_in_the_same_place() {
    let mut state = finished((100, 30));
    press(&mut state, &[Command::Closer, Command::Open(PanelKind::Segments)]);
    work(&mut state);
    press(&mut state, &[Command::Accept]);
    work(&mut state);
    let picture = &state.scene()[0];
    assert!(picture.key.hidden.is_some(), "{:?}", picture.key);
    let cut = picture.key.cut.unwrap();
    assert_eq!((cut.whole, cut.width), ((28, 28), 14), "half of what the model saw");
    // The warm spot is left of the middle, in both.
    assert_eq!(cut.at, (9, 14));
    press(&mut state, &[Command::Closer, Command::Closer, Command::Closer]);
    assert_eq!(window(&state).map(|(.., width, _)| width), Some(14), "no closer than a few pixels");
    press(&mut state, &[Command::PanRight]);
    assert_eq!(state.scene()[0].key.cut.unwrap().at, (10, 14));
    assert_eq!(state.reading().map(|reading| (reading.pixel, reading.factor)), Some(((10, 14), 2)));
    press(&mut state, &[Command::Farther]);
    assert_eq!(window(&state), None);
    let key = KeyEvent::new(KeyCode::Char('z'), KeyModifiers::NONE);
    assert_eq!(keymap::lookup(Mode::Menu, key), Some(Command::Closer), "beside panels, too");
}

/// The interface with a part of its picture close up, and the first cell of that part: column and row, from 1.
fn close_up(folder: &Path) -> (Pty, (usize, usize)) {
    let pty = open(folder, &[], Answers::PLAIN);
    pty.wait_until("half-blocks", |screen| screen.contains('▄'));
    assert!(!pty.hears_motion(), "nobody asks where the mouse is");
    pty.keys("z");
    pty.wait_until("what is close, and its heat", |screen| screen.contains("2 times") && screen.contains("heat "));
    // The words come first, and then the picture.
    let mut written = 0;
    while written < pty.bytes().len() {
        written = pty.bytes().len();
        std::thread::sleep(Duration::from_millis(300));
    }
    let text = pty.text();
    let (row, line) = text.lines().enumerate().find(|(_, line)| line.contains('▄')).unwrap();
    let column = line.chars().position(|c| c == '▄').unwrap();
    (pty, (column + 1, row + 1))
}

#[test]
fn close_up_the_value_under_the_mouse_is_read_as_it_moves_and_at_no_other_time() {
    let folder = pictures();
    let (mut pty, (column, row)) = close_up(folder.path());
    assert!(pty.hears_motion());
    let framed = pty.text().lines().find(|line| line.contains("2 times")).unwrap().to_owned();
    let read = |text: &str| text.split("mouse x ").nth(1).map(|rest| rest.split("  ").next().unwrap().to_owned());
    // It passes a hundred cells, and ends at the first.
    let passed: Vec<String> = (0..100).rev().map(|step| format!("\x1b[<35;{};{row}M", column + step % 20)).collect();
    let pass = || {
        let before = pty.bytes().len();
        pty.keys(&passed.concat());
        pty.wait_until("the value under the mouse", |screen| screen.contains("mouse x ") && screen.contains("heat "));
        std::thread::sleep(Duration::from_millis(300));
        let (spent, first) = (pty.bytes().len() - before, read(&pty.text()).unwrap());
        pty.keys("\x1b[<35;1;1M");
        pty.wait_until("the framed pixel, away from the picture", |screen| screen.contains(framed.trim_end()));
        (spent, first)
    };
    // On a busy machine a picture may still come in between, but not each time.
    let (spent, first) = (0..3).map(|_| pass()).min().unwrap();
    assert!(spent < 4000, "{spent} bytes for a line that changes");
    pty.keys(&format!("\x1b[<35;{};{}M", column + 8, row + 4));
    pty.wait_until("another value", |screen| read(screen).is_some_and(|now| now != first));
    pty.keys("\x1b[<35;1;1M");
    pty.wait_until("the framed pixel, away from the picture", |screen| screen.contains(framed.trim_end()));
    pty.keys("j");
    pty.wait_for("2 of 3");
    pty.wait_until("another image is whole", |_| !pty.hears_motion());
    pty.keys("k");
    pty.wait_until("the close-up, as it was left", |_| pty.hears_motion());
    pty.keys("\x1b");
    pty.wait_until("all of it", |_| !pty.hears_motion());
    pty.keys("q");
    assert!(pty.wait().success());
    pty.assert_restored();
}

#[test]
fn however_it_ends_close_up_the_mouse_is_the_terminals_own_again() {
    let folder = pictures();
    for end in ["TERM", "HUP", "q"] {
        let (mut pty, _) = close_up(folder.path());
        pty.wait_until("the mouse is heard", |_| pty.hears_motion());
        if end == "q" {
            pty.keys(end);
        } else {
            pty.signal(end);
        }
        pty.wait();
        pty.assert_restored();
    }
}
