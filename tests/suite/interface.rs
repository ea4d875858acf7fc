//! What keys and reports do to the state, and what work they ask for.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Position;
use seewhy::app::keymap::{KEYMAP, Section, label, lookup, presses};
use seewhy::app::{
    Action, Command, Effect, Export, Job, Mode, ModelSummary, Notice, Outcome, Panel, Priority, Report, State, Task,
    View, update,
};
use seewhy::explain::{LayerChoice, Value};
use seewhy::model::Target;
use seewhy::ui;

use crate::support::interface::{
    current_key, draw, explained, finished, model, opened, plan, predicted, press, reports, screen, terminal,
    type_text, with_superpixels, work,
};

const SIZE: (u16, u16) = (80, 24);

fn jobs(tasks: &[Task]) -> Vec<&Job> {
    tasks.iter().map(|task| &task.job).collect()
}

fn names(state: &State) -> Vec<&str> {
    state.visible.iter().map(|image| state.entries[*image].name.as_str()).collect()
}

#[test]
fn no_key_does_two_things_and_every_key_is_explained() {
    for section in Section::ALL {
        assert!(KEYMAP.iter().any(|binding| binding.section == section), "{section:?} is empty");
    }
    for mode in [Mode::Browse, Mode::Type, Mode::Menu, Mode::Help] {
        let mut seen = HashSet::new();
        for binding in KEYMAP.iter().filter(|binding| binding.section.mode() == mode) {
            assert!(!binding.help.is_empty() && !label(binding).is_empty());
            for (key, _) in binding.keys {
                assert!(seen.insert(*key), "{key:?} is bound twice in {mode:?}");
            }
        }
    }
}

#[test]
fn the_help_shows_every_binding() {
    let mut state = finished((200, 60));
    press(&mut state, &[Command::ToggleHelp]);
    let text = screen(&state);
    for binding in KEYMAP {
        assert!(text.contains(binding.help), "{} is not in the help", binding.help);
        assert!(text.contains(&label(binding)), "{} is not in the help", label(binding));
    }
}

/// Presses keys as they come from the terminal.
fn keys(state: &mut State, codes: &[KeyCode]) -> Vec<Effect> {
    let mut effects = Vec::new();
    for code in codes {
        if let Some(action) = state.interpret(KeyEvent::new(*code, KeyModifiers::NONE)) {
            effects.extend(update(state, action));
        }
    }
    effects
}

fn letters(state: &mut State, text: &str) -> Vec<Effect> {
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
fn the_help_is_scrolled_where_it_does_not_fit() {
    let mut state = finished((60, 20));
    letters(&mut state, "?");
    let text = screen(&state);
    assert!(text.contains("first, last image") && !text.contains("quit\n") && text.contains("↓ … "), "{text}");
    letters(&mut state, "j");
    assert!(!screen(&state).contains(" images\n"), "the first line is gone");
    keys(&mut state, &[KeyCode::PageDown, KeyCode::PageDown, KeyCode::PageDown]);
    let end = screen(&state);
    assert!(end.contains("never mind") && !end.contains("↓ … "), "{end}");
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
        assert!(seen.contains(&format!("{:<15} {}", label(binding), binding.help)), "{} is cut", binding.help);
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
        let marked = |state: &State| if let Panel::Methods { marked } = state.panel { marked } else { 99 };
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
        letters(&mut state, "G");
        assert_eq!(marked(&state), 17);
        letters(&mut state, "j");
        assert_eq!(marked(&state), 0, "the first follows the last");
        letters(&mut state, "k");
        assert_eq!(marked(&state), 17);
        letters(&mut state, "g");
        keys(&mut state, &[KeyCode::End]);
        assert_eq!(marked(&state), 17);
    }
}

#[test]
fn a_click_in_a_long_menu_takes_the_row_under_it() {
    let mut state = with_many_methods(SIZE);
    letters(&mut state, "mG");
    let text = screen(&state);
    let y = text.lines().position(|line| line.contains("m15")).unwrap();
    let click = ui::click(&state, Position { x: 5, y: y as u16 });
    update(&mut state, click.unwrap());
    assert_eq!(state.selection.method, "m15");
    letters(&mut state, "mG");
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
    assert_eq!(lookup(Mode::Browse, shifted), Some(Command::ToggleHelp));
}

#[test]
fn while_typing_letters_are_text_and_control_is_not() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::Filter]);
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
fn the_image_on_screen_comes_first_then_what_follows_then_the_rest() {
    let state = opened(SIZE);
    let tasks = &state.plan.tasks;
    assert_eq!(tasks[0].job, Job::Open(0));
    assert_eq!(tasks[0].priority, Priority::Now);
    assert_eq!(tasks[1].job, Job::Open(1));
    assert_eq!(tasks[1].priority, Priority::Ahead);
    assert!(tasks.is_sorted_by_key(|task| task.priority));
    let images: HashSet<usize> = tasks
        .iter()
        .map(|task| if let Job::Open(image) | Job::Classify(image) = task.job { image } else { 99 })
        .collect();
    assert_eq!((images.len(), tasks.len()), (6, 6), "each image once: {tasks:?}");
}

#[test]
fn with_ten_thousand_images_a_plan_stays_short_and_ends() {
    let mut state = opened(SIZE);
    let paths = (0..10_000).map(|n| Arc::from(Path::new("/data/val/goose").join(format!("{n}.jpg"))));
    update(&mut state, Action::Found(paths.collect()));
    assert!(state.plan.tasks.len() < 64, "{}", state.plan.tasks.len());
    press(&mut state, &[Command::Last]);
    assert_eq!(state.plan.tasks[0].job, Job::Open(10_005));
    let ahead: Vec<&Job> = jobs(&state.plan.tasks);
    assert!(ahead.contains(&&Job::Open(10_004)));
    work(&mut state);
    assert!(state.entries.iter().all(|entry| matches!(entry.outcome, Outcome::Classified(_))));
}

#[test]
fn a_prediction_is_followed_by_its_map() {
    let mut state = opened(SIZE);
    for report in reports(&Job::Open(0)) {
        update(&mut state, Action::Report(report));
    }
    let task = &state.plan.tasks[0];
    assert_eq!(task.job, Job::Explain(current_key(&state)));
    assert_eq!(task.priority, Priority::Now);
}

#[test]
fn moving_on_drops_the_work_for_what_was_left() {
    let mut state = finished(SIZE);
    let effects = press(&mut state, &[Command::Rank(1)]);
    let wanted = plan(&effects).expect("a new target is new work").clone();
    let old = Job::Explain(current_key(&state));
    assert_eq!(wanted.tasks[0].job, old);
    let effects = press(&mut state, &[Command::Rank(2)]);
    let newer = plan(&effects).expect("another target is other work");
    assert!(newer.generation > wanted.generation);
    assert!(!jobs(&newer.tasks).contains(&&old), "the old target is not wanted any more");
}

#[test]
fn a_late_result_is_kept_but_does_not_replace_what_is_wanted() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::Rank(1)]);
    let late = current_key(&state);
    press(&mut state, &[Command::Rank(0)]);
    let wanted = state.shown_map.clone();
    update(&mut state, Action::Report(Report::Explained(late.clone(), Ok(Arc::new(explained(None))))));
    assert_eq!(state.shown_map, wanted);
    let effects = press(&mut state, &[Command::Rank(1)]);
    assert_eq!(state.shown_map, Some(late));
    assert!(plan(&effects).is_none_or(|plan| plan.tasks.iter().all(|task| task.priority != Priority::Now)));
}

#[test]
fn going_back_needs_no_work() {
    let mut state = finished(SIZE);
    let effects = press(&mut state, &[Command::Next, Command::Next, Command::Previous, Command::Previous]);
    assert!(plan(&effects).is_none(), "{effects:?}");
    assert_eq!(state.scene().len(), 1);
    assert!(state.scene()[0].key.heat.is_some());
}

#[test]
fn the_old_picture_stays_until_the_new_one_is_there() {
    let mut state = opened(SIZE);
    for report in reports(&Job::Open(0)) {
        update(&mut state, Action::Report(report));
    }
    press(&mut state, &[Command::Next]);
    assert_eq!((state.current(), state.shown), (Some(1), Some(0)));
    assert!(state.is_working());
    for report in reports(&Job::Open(1)) {
        update(&mut state, Action::Report(report));
    }
    assert_eq!(state.shown, Some(1));
}

#[test]
fn the_old_map_stays_until_the_new_one_is_there_but_never_on_another_image() {
    let mut state = finished(SIZE);
    let first = state.shown_map.clone();
    assert!(first.is_some());
    press(&mut state, &[Command::Rank(1)]);
    assert_eq!(state.shown_map, first);
    press(&mut state, &[Command::FindClass]);
    type_text(&mut state, "coot");
    press(&mut state, &[Command::Accept, Command::Next]);
    assert_eq!(state.selection.target, Target::Class(7));
    assert_eq!((state.shown, state.shown_map.clone()), (Some(1), None));
}

#[test]
fn a_rank_is_for_one_image_and_a_class_for_all() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::Rank(3), Command::Next]);
    assert_eq!(state.selection.target, Target::Top(0));
    press(&mut state, &[Command::FindClass]);
    type_text(&mut state, "gold");
    press(&mut state, &[Command::Accept, Command::Next]);
    assert_eq!(state.selection.target, Target::Class(0));
    press(&mut state, &[Command::Escape]);
    assert_eq!(state.selection.target, Target::Top(0));
}

#[test]
fn a_class_is_found_by_its_index_too() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::FindClass]);
    type_text(&mut state, "4");
    press(&mut state, &[Command::Accept]);
    assert_eq!(state.selection.target, Target::Class(4));
}

#[test]
fn a_rank_and_a_class_that_mean_the_same_share_a_map() {
    let mut state = finished(SIZE);
    let by_rank = current_key(&state);
    press(&mut state, &[Command::FindClass]);
    type_text(&mut state, "goldfinch");
    let effects = press(&mut state, &[Command::Accept]);
    assert_eq!(current_key(&state), by_rank);
    assert_eq!(plan(&effects).map_or(0, |plan| plan.tasks.iter().filter(|t| t.priority == Priority::Now).count()), 0);
}

#[test]
fn a_rank_that_the_model_lacks_is_refused() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::Rank(8)]);
    assert_eq!(state.selection.target, Target::Top(0));
    assert_eq!(state.notice, Some(Notice::Failed("the model has only 8 classes".to_owned())));
}

#[test]
fn layers_are_stepped_through_to_the_ends_and_no_further() {
    let mut state = finished(SIZE);
    assert_eq!(current_key(&state).layer, LayerChoice::These(vec![9]));
    press(&mut state, &[Command::LayerOn]);
    assert_eq!(current_key(&state).layer, LayerChoice::These(vec![9]));
    press(&mut state, &[Command::LayerBack, Command::LayerBack, Command::LayerBack]);
    assert_eq!(current_key(&state).layer, LayerChoice::These(vec![3]));
    press(&mut state, &[Command::LayerOn]);
    assert_eq!(current_key(&state).layer, LayerChoice::These(vec![7]));
}

#[test]
fn a_method_without_layer_says_so() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::ChooseMethod, Command::Next, Command::Accept]);
    assert_eq!(current_key(&state).method, "guided-backprop");
    assert_eq!(current_key(&state).layer, LayerChoice::Auto);
    press(&mut state, &[Command::LayerBack]);
    assert_eq!(state.notice, Some(Notice::Failed("guided-backprop uses no layer".to_owned())));
}

#[test]
fn a_method_that_cannot_run_says_which_operator_stops_it() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::ChooseMethod, Command::Next, Command::Next, Command::Accept]);
    assert_eq!(state.selection.method, "grad-cam");
    assert!(matches!(&state.notice, Some(Notice::Failed(why)) if why.contains("/head/Foo")), "{:?}", state.notice);
}

#[test]
fn opacity_stays_between_none_and_all() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::MoreOpacity; 15]);
    assert_eq!(state.selection.percent, 100);
    press(&mut state, &[Command::LessOpacity; 15]);
    assert_eq!(state.selection.percent, 0);
}

#[test]
fn looks_change_without_new_work() {
    let mut state = finished(SIZE);
    let looks = [Command::CycleView, Command::MoreOpacity, Command::CycleColormap, Command::ToggleSeen];
    for look in looks {
        let before = state.scene()[0].key.clone();
        let effects = press(&mut state, &[look]);
        assert!(effects.is_empty(), "{look:?}: {effects:?}");
        assert_ne!(state.scene()[0].key, before, "{look:?} changes the picture");
    }
}

#[test]
fn views_follow_each_other_around() {
    let mut state = finished(SIZE);
    let mut views = Vec::new();
    for _ in 0..4 {
        views.push((state.selection.view, state.scene().len()));
        press(&mut state, &[Command::CycleView]);
    }
    assert_eq!(views, [(View::Overlay, 1), (View::Heat, 1), (View::SideBySide, 2), (View::Image, 1)]);
    assert_eq!(state.selection.view, View::Overlay);
}

#[test]
fn the_filter_narrows_the_list_and_esc_brings_it_back_with_the_cursor_in_place() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::Filter]);
    type_text(&mut state, "peli");
    assert_eq!(names(&state), ["pelican/0007.jpg"]);
    press(&mut state, &[Command::Accept]);
    assert_eq!((state.mode(), state.visible.len()), (Mode::Browse, 1));
    press(&mut state, &[Command::Escape]);
    assert_eq!((state.visible.len(), state.cursor), (6, 2));
}

#[test]
fn a_filter_that_nothing_matches_shows_an_empty_list_and_recovers() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::Filter]);
    type_text(&mut state, "zzz");
    assert!(state.visible.is_empty() && state.current().is_none());
    assert!(screen(&state).contains("no name matches"));
    press(&mut state, &[Command::Next, Command::Erase, Command::EraseAll]);
    assert_eq!(state.visible.len(), 6);
}

#[test]
fn a_filter_that_nothing_matches_does_not_lose_the_place() {
    let mut state = finished(SIZE);
    letters(&mut state, "G/zzzz");
    assert!(state.visible.is_empty());
    keys(&mut state, &[KeyCode::Esc]);
    assert_eq!((state.visible.len(), state.cursor), (6, 5));
    letters(&mut state, "/zzzz");
    press(&mut state, &[Command::EraseAll]);
    assert_eq!(state.cursor, 5);
}

#[test]
fn images_found_while_filtering_must_match_too() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::Filter]);
    type_text(&mut state, "peli");
    let more = ["/data/val/pelican/0008.jpg", "/data/val/goose/0001.jpg"].map(|path| Arc::from(Path::new(path)));
    update(&mut state, Action::Found(more.to_vec()));
    assert_eq!(names(&state), ["pelican/0007.jpg", "pelican/0008.jpg"]);
}

#[test]
fn accuracy_counts_only_images_whose_class_is_known() {
    let state = finished(SIZE);
    assert_eq!(state.accuracy(), (3, 4));
    assert!(screen(&state).contains("75 % right"));
}

#[test]
fn a_broken_image_is_not_tried_again() {
    let mut state = opened(SIZE);
    update(&mut state, Action::Report(Report::Decoded(0, Err("not an image\u{7}".to_owned()))));
    assert_eq!(state.entries[0].outcome, Outcome::Failed(r"not an image\u{7}".to_owned()));
    assert!(!jobs(&state.plan.tasks).contains(&&Job::Open(0)));
    assert!(!state.is_working());
}

#[test]
fn a_method_that_fails_is_not_tried_again_and_says_why() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::Rank(1)]);
    let key = current_key(&state);
    update(&mut state, Action::Report(Report::Explained(key.clone(), Err("no gradient for `Foo`".to_owned()))));
    assert!(!jobs(&state.plan.tasks).contains(&&Job::Explain(key)));
    assert!(screen(&state).contains("! no gradient for `Foo`"));
    assert_eq!(state.shown_map, None, "a map of another target would be taken for this one's");
}

#[test]
fn a_finished_map_is_not_replaced_by_a_partial_one() {
    let mut state = finished(SIZE);
    let key = current_key(&state);
    update(&mut state, Action::Report(Report::Partial(key.clone(), (3, 9), Some(Arc::new(explained(Some(3)))))));
    assert!(state.maps.get(&key).is_some_and(|map| map.progress.is_none()));
}

#[test]
fn slow_methods_are_not_run_ahead() {
    let mut state = opened(SIZE);
    state.pace.insert("grad-cam", std::time::Duration::from_secs(5));
    work(&mut state);
    let explained: Vec<bool> =
        (0..6).map(|image| state.map_key(image).is_some_and(|key| state.maps.contains(&key))).collect();
    assert!(explained[0]);
}

#[test]
fn a_map_is_written_only_once_it_is_finished() {
    let mut state = opened(SIZE);
    assert!(press(&mut state, &[Command::Write]).is_empty());
    assert!(matches!(state.notice, Some(Notice::Failed(_))));
    work(&mut state);
    let effects = press(&mut state, &[Command::Write]);
    let Some(Effect::Export(export)) = effects.first() else { panic!("{effects:?}") };
    let Export::Map(export) = export else { panic!("{export:?}") };
    assert_eq!(export.path.as_ref(), Path::new("/data/val/goldfinch/0001.jpg"));
    assert_eq!(export.key, current_key(&state));
    assert!(export.overlay.composition.heat.is_some());
    let files = vec!["out/0001.grad-cam.npy".into(), "out/0001.grad-cam.png".into()];
    update(&mut state, Action::Report(Report::Exported(Ok(files))));
    assert!(screen(&state).contains("wrote out/0001.grad-cam.npy, out/0001.grad-cam.png"));
}

#[test]
fn where_there_will_be_no_map_writing_says_why() {
    let mut state = opened(SIZE);
    let notice = |state: &mut State| {
        assert!(press(state, &[Command::Write]).is_empty());
        let Some(Notice::Failed(text)) = state.notice.clone() else { panic!("{:?}", state.notice) };
        text
    };
    assert!(notice(&mut state).contains("no finished map to write yet"));
    update(&mut state, Action::Report(Report::Decoded(0, Err("not an image".to_owned()))));
    assert_eq!(notice(&mut state), "there is no map to write: this image cannot be shown");
    let mut state = finished(SIZE);
    press(&mut state, &[Command::Rank(1)]);
    let key = current_key(&state);
    update(&mut state, Action::Report(Report::Explained(key, Err("no gradient for `Foo`".to_owned()))));
    assert_eq!(notice(&mut state), "there is no map to write: no gradient for `Foo`");
}

#[test]
fn the_path_is_copied_as_it_is() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::Last]);
    let effects = press(&mut state, &[Command::CopyPath]);
    assert!(
        matches!(&effects[..], [Effect::Copy(path)] if path == "/data/val/holiday/evil\u{1b}[2Jname\n.jpg"),
        "{effects:?}"
    );
}

#[test]
fn clicks_select_what_is_under_them() {
    let mut state = finished(SIZE);
    let click = |state: &State, x, y| ui::click(state, Position { x, y });
    assert!(matches!(click(&state, 5, 4), Some(Action::Select(2))), "the third row of the list");
    assert!(click(&state, 5, 12).is_none(), "below the last image");
    assert!(matches!(click(&state, 5, 17), Some(Action::Command(Command::Rank(1)))), "the second prediction");
    press(&mut state, &[Command::FindClass]);
    let pick = click(&state, 5, 3).unwrap();
    update(&mut state, pick);
    assert_eq!((&state.panel, state.selection.target), (&Panel::None, Target::Class(1)));
}

#[test]
fn the_wheel_moves_the_cursor_within_the_list() {
    let mut state = finished(SIZE);
    update(&mut state, Action::Scroll(3));
    assert_eq!(state.cursor, 3);
    update(&mut state, Action::Scroll(-30));
    assert_eq!(state.cursor, 0);
    update(&mut state, Action::Scroll(300));
    assert_eq!(state.cursor, 5);
}

#[test]
fn the_cursor_is_always_on_the_visible_part_of_the_list() {
    let mut state = opened(SIZE);
    let paths = (0..200).map(|n| Arc::from(Path::new("/data/val/goose").join(format!("{n}.jpg"))));
    update(&mut state, Action::Found(paths.collect()));
    let page = state.terminal.page;
    for (step, command) in [Command::Next, Command::PageDown, Command::Last, Command::PageUp, Command::First]
        .into_iter()
        .cycle()
        .take(60)
        .enumerate()
    {
        press(&mut state, &[command]);
        assert!((state.offset..state.offset + page).contains(&state.cursor), "after {step}: {command:?}");
    }
}

#[test]
fn predictions_from_the_background_do_not_ask_for_pictures() {
    let mut state = opened(SIZE);
    update(&mut state, Action::Report(Report::Predicted(5, Ok(predicted(5)))));
    assert!(matches!(state.entries[5].outcome, Outcome::Classified(_)));
    assert!(!state.pictures.contains(&5));
}

#[test]
fn parameters_are_stepped_and_their_default_is_no_setting() {
    let mut state = finished(SIZE);
    let default = current_key(&state);
    press(&mut state, &[Command::SetParameters, Command::More]);
    let changed = current_key(&state);
    assert_eq!(changed.values.get("samples"), Some(&Value::Integer(2000)));
    assert_eq!(state.plan.tasks[0].job, Job::Explain(changed));
    let effects = press(&mut state, &[Command::Less]);
    assert_eq!(current_key(&state), default);
    assert_eq!(plan(&effects).map_or(0, |plan| plan.tasks.len()), 0, "the map with the default is still there");
    press(&mut state, &[Command::Next, Command::More, Command::Accept]);
    assert_eq!(current_key(&state).values.get("eigen-smooth"), Some(&Value::Flag(true)));
    assert_eq!(state.panel, Panel::None);
}

#[test]
fn another_method_starts_with_its_own_defaults() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::SetParameters, Command::More, Command::Escape]);
    press(&mut state, &[Command::ChooseMethod, Command::Next, Command::Accept]);
    assert!(current_key(&state).values.is_empty());
    press(&mut state, &[Command::SetParameters]);
    assert_eq!(state.notice, Some(Notice::Failed("guided-backprop has no parameters".to_owned())));
}

#[test]
fn superpixels_are_listed_by_strength_with_their_sign() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::ListSegments]);
    assert_eq!(state.notice, Some(Notice::Failed("grad-cam divides nothing into superpixels; lime does".to_owned())));
    with_superpixels(&mut state);
    press(&mut state, &[Command::ListSegments]);
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
    press(&mut state, &[Command::ListSegments]);
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
    assert_eq!((state.marked_segment(), &state.panel), (Some(0), &Panel::Segments { marked: 2 }));
    assert!(ui::click(&state, Position { x: 5, y: 2 }).is_none(), "the heads of the columns");
    let row = ui::click(&state, Position { x: 5, y: 4 });
    update(&mut state, row.unwrap());
    assert_eq!(state.marked_segment(), Some(2), "the second row");
}

#[test]
fn another_class_is_chosen_while_a_table_is_open() {
    let mut state = finished(SIZE);
    with_superpixels(&mut state);
    press(&mut state, &[Command::ListSegments]);
    let digit = lookup(state.mode(), KeyEvent::new(KeyCode::Char('2'), KeyModifiers::NONE));
    press(&mut state, &[digit.unwrap()]);
    assert_eq!(state.selection.target, Target::Top(1));
    assert!(screen(&state).contains("working…"));
    with_superpixels(&mut state);
    assert!(screen(&state).contains("2 for, 1 against"));
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
