//! What keys and reports do to the state, and what work they ask for.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use ratatui::layout::Position;
use seewhy::app::{
    Action, Command, Effect, Export, ImageKey, Job, MapKey, ModelId, ModelSummary, Notice, Outcome, Panel, PanelKind,
    Priority, Report, State, Task, View, update,
};
use seewhy::explain::{LayerChoice, Value};
use seewhy::model::Target;
use seewhy::ui;

use crate::support::interface::{
    agenda, current_key, draw, explained, finished, first, model, opened, predicted, press, reports, screen,
    superpixels, type_text, work,
};

const SIZE: (u16, u16) = (80, 24);

fn jobs(tasks: &[Task]) -> Vec<&Job> {
    tasks.iter().map(|task| &task.job).collect()
}

#[test]
fn the_image_on_screen_comes_first_then_what_follows_then_the_rest() {
    let state = opened(SIZE);
    let tasks = &state.agenda.tasks;
    assert_eq!(tasks[0].job, Job::Open(first(0)));
    assert_eq!(tasks[0].priority, Priority::Now);
    assert_eq!(tasks[1].job, Job::Open(first(1)));
    assert_eq!(tasks[1].priority, Priority::Ahead);
    assert!(tasks.is_sorted_by_key(|task| task.priority));
    let images: HashSet<usize> = tasks
        .iter()
        .map(|task| if let Job::Open(image) | Job::Classify(image) = task.job { image.id } else { 99 })
        .collect();
    assert_eq!((images.len(), tasks.len()), (6, 6), "each image once: {tasks:?}");
}

#[test]
fn with_ten_thousand_images_a_plan_stays_short_and_ends() {
    let mut state = opened(SIZE);
    let paths = (0..10_000).map(|n| Arc::from(Path::new("/data/val/goose").join(format!("{n}.jpg"))));
    update(&mut state, Action::Found(paths.collect()));
    assert!(state.agenda.tasks.len() < 64, "{}", state.agenda.tasks.len());
    press(&mut state, &[Command::Last]);
    assert_eq!(state.agenda.tasks[0].job, Job::Open(first(10_005)));
    let ahead: Vec<&Job> = jobs(&state.agenda.tasks);
    assert!(ahead.contains(&&Job::Open(first(10_004))));
    work(&mut state);
    assert!(state.entries.iter().all(|entry| matches!(entry.outcome, Outcome::Classified(_))));
}

#[test]
fn a_prediction_is_followed_by_its_map() {
    let mut state = opened(SIZE);
    for report in reports(&Job::Open(first(0))) {
        update(&mut state, Action::Report(report));
    }
    let task = &state.agenda.tasks[0];
    assert_eq!(task.job, Job::Explain(current_key(&state)));
    assert_eq!(task.priority, Priority::Now);
}

#[test]
fn moving_on_drops_the_work_for_what_was_left() {
    let mut state = finished(SIZE);
    let effects = press(&mut state, &[Command::Rank(1)]);
    let wanted = agenda(&effects).expect("a new target is new work").clone();
    let old = Job::Explain(current_key(&state));
    assert_eq!(wanted.tasks[0].job, old);
    let effects = press(&mut state, &[Command::Rank(2)]);
    let newer = agenda(&effects).expect("another target is other work");
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
    assert!(agenda(&effects).is_none_or(|agenda| agenda.tasks.iter().all(|task| task.priority != Priority::Now)));
}

#[test]
fn going_back_needs_no_work() {
    let mut state = finished(SIZE);
    let effects = press(&mut state, &[Command::Next, Command::Next, Command::Previous, Command::Previous]);
    assert!(agenda(&effects).is_none(), "{effects:?}");
    assert_eq!(state.scene().len(), 1);
    assert!(state.scene()[0].key.heat.is_some());
}

#[test]
fn the_old_picture_stays_until_the_new_one_is_there() {
    let mut state = opened(SIZE);
    for report in reports(&Job::Open(first(0))) {
        update(&mut state, Action::Report(report));
    }
    press(&mut state, &[Command::Next]);
    assert_eq!((state.current(), state.shown), (Some(1), Some(0)));
    assert!(state.is_working());
    for report in reports(&Job::Open(first(1))) {
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
    press(&mut state, &[Command::Open(PanelKind::Classes)]);
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
    press(&mut state, &[Command::Open(PanelKind::Classes)]);
    type_text(&mut state, "gold");
    press(&mut state, &[Command::Accept, Command::Next]);
    assert_eq!(state.selection.target, Target::Class(0));
    press(&mut state, &[Command::Escape]);
    assert_eq!(state.selection.target, Target::Top(0));
}

#[test]
fn a_class_is_found_by_its_index_too() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::Open(PanelKind::Classes)]);
    type_text(&mut state, "4");
    press(&mut state, &[Command::Accept]);
    assert_eq!(state.selection.target, Target::Class(4));
}

#[test]
fn a_rank_and_a_class_that_mean_the_same_share_a_map() {
    let mut state = finished(SIZE);
    let by_rank = current_key(&state);
    press(&mut state, &[Command::Open(PanelKind::Classes)]);
    type_text(&mut state, "goldfinch");
    let effects = press(&mut state, &[Command::Accept]);
    assert_eq!(current_key(&state), by_rank);
    assert_eq!(
        agenda(&effects).map_or(0, |agenda| agenda.tasks.iter().filter(|t| t.priority == Priority::Now).count()),
        0
    );
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
    press(&mut state, &[Command::Open(PanelKind::Methods), Command::Next, Command::Accept]);
    assert_eq!(current_key(&state).method, "guided-backprop");
    assert_eq!(current_key(&state).layer, LayerChoice::Auto);
    press(&mut state, &[Command::LayerBack]);
    assert_eq!(state.notice, Some(Notice::Failed("guided-backprop uses no layer".to_owned())));
}

#[test]
fn a_method_that_cannot_run_says_which_operator_stops_it() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::Open(PanelKind::Methods), Command::Next, Command::Next, Command::Accept]);
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
fn accuracy_counts_only_images_whose_class_is_known() {
    let state = finished(SIZE);
    assert_eq!(state.accuracy(), (3, 4));
    assert!(screen(&state).contains("75 % right"));
}

#[test]
fn a_broken_image_is_not_tried_again() {
    let mut state = opened(SIZE);
    update(&mut state, Action::Report(Report::Decoded(first(0), Err("not an image\u{7}".to_owned()))));
    assert_eq!(state.entries[0].outcome, Outcome::Failed(r"not an image\u{7}".to_owned()));
    assert!(!jobs(&state.agenda.tasks).contains(&&Job::Open(first(0))));
    assert!(!state.is_working());
}

#[test]
fn a_method_that_fails_is_not_tried_again_and_says_why() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::Rank(1)]);
    let key = current_key(&state);
    update(&mut state, Action::Report(Report::Explained(key.clone(), Err("no gradient for `Foo`".to_owned()))));
    assert!(!jobs(&state.agenda.tasks).contains(&&Job::Explain(key)));
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
    let mapped_with = |pace: u64| -> Vec<bool> {
        let mut state = opened(SIZE);
        while let Some(task) = state.agenda.tasks.first().cloned() {
            for mut report in reports(&task.job) {
                if let Report::Explained(_, Ok(explained)) = &mut report {
                    Arc::make_mut(explained).elapsed = std::time::Duration::from_millis(pace);
                }
                update(&mut state, Action::Report(report));
            }
        }
        (0..3).map(|image| state.map_key(image).is_some_and(|key| state.maps.contains(&key))).collect()
    };
    assert_eq!(mapped_with(5000), [true, false, false], "the one on screen alone");
    assert_eq!(mapped_with(5), [true, true, true]);
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
    assert!(export.overlay.recipe.compose().heat.is_some());
    let files = vec!["/me/out/0001.grad-cam.npy".into(), "/me/out/0001.grad-cam.png".into()];
    update(&mut state, Action::Report(Report::Exported(Ok(files))));
    assert!(screen(&state).contains("wrote /me/out/0001.grad-cam.npy, .png; y copies its path"), "{}", screen(&state));
    let deep = format!("/{}/seewhy-maps/0001.grad-cam", "somewhere/far/down".repeat(9));
    let files = [".png", ".npy", ".json"].map(|suffix| format!("{deep}{suffix}").into()).to_vec();
    let before = draw(&state, true).1[0].area;
    update(&mut state, Action::Report(Report::Exported(Ok(files))));
    let text = screen(&state);
    let last: String = text.lines().skip(20).map(str::trim).collect();
    assert!(last.contains(&format!("{deep}.png, .npy, .json")), "all of it is there: {text}");
    assert!(text.contains("y copies its path"), "{text}");
    assert!(draw(&state, true).1[0].area.height <= before.height);
}

#[test]
fn after_a_write_the_path_of_the_map_is_copied_and_then_that_of_the_image() {
    let mut state = finished(SIZE);
    let written = || Report::Exported(Ok(vec!["/out/0001.grad-cam.png".into(), "/out/0001.grad-cam.npy".into()]));
    update(&mut state, Action::Report(written()));
    let copied = |state: &mut State| match &press(state, &[Command::CopyPath])[..] {
        [Effect::Copy(path)] => path.clone(),
        effects => panic!("{effects:?}"),
    };
    assert_eq!(copied(&mut state), "/out/0001.grad-cam.png");
    assert!(screen(&state).contains("copied /out/0001.grad-cam.png; y again copies that of the image"));
    assert_eq!(copied(&mut state), "/data/val/goldfinch/0001.jpg");
    update(&mut state, Action::Report(written()));
    press(&mut state, &[Command::Next]);
    assert_eq!(copied(&mut state), "/data/val/bullfrog/0004.jpg", "of another image nothing was written");
}

#[test]
fn long_messages_are_read_to_their_end() {
    let reason = "no gradient through Foo at /head/Foo: the operator has no rule, and these methods need none: "
        .to_owned()
        + &["occlusion, lime, kernel-shap, rise, anchors"; 3].join(", ")
        + ", the last word";
    for (size, whole) in [((80, 24), true), ((200, 60), true), ((60, 20), true), ((20, 6), false)] {
        let mut state = finished(size);
        update(&mut state, Action::Notify(Notice::Failed(reason.clone())));
        let text = screen(&state);
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words.contains("! no gradient through Foo") && words.contains("the last word"), whole, "{text}");
        assert!(whole || text.contains('…'), "what is left out is seen to be: {text}");
        press(&mut state, &[Command::Redraw]);
        assert!(!screen(&state).contains("no gradient"), "the next key takes it away");
    }
}

#[test]
fn the_last_line_has_the_keys_that_are_needed_most() {
    for size in [(80, 24), (120, 36)] {
        let mut state = finished(size);
        let last = |state: &State| screen(state).lines().last().unwrap_or_default().to_owned();
        for key in ["n mistake", "m method", "o view", "? help", "q quit"] {
            assert!(last(&state).contains(key) || (size.0 == 80 && key.starts_with('n')), "{key}: {}", last(&state));
        }
        press(&mut state, &[Command::Open(PanelKind::Methods)]);
        assert!(last(&state).contains("Enter take it") && !last(&state).contains("q quit"), "{}", last(&state));
    }
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
    update(&mut state, Action::Report(Report::Decoded(first(0), Err("not an image".to_owned()))));
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
    press(&mut state, &[Command::Open(PanelKind::Classes)]);
    let pick = click(&state, 5, 3).unwrap();
    update(&mut state, pick);
    assert_eq!((&state.panel, state.selection.target), (&Panel::None, Target::Class(3)), "the second likeliest");
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
    update(&mut state, Action::Report(Report::Predicted(first(5), Ok(predicted(5)))));
    assert!(matches!(state.entries[5].outcome, Outcome::Classified(_)));
    assert!(state.pixels(5).is_none());
}

#[test]
fn parameters_are_stepped_and_their_default_is_no_setting() {
    let mut state = finished(SIZE);
    let default = current_key(&state);
    press(&mut state, &[Command::Open(PanelKind::Parameters), Command::More]);
    let changed = current_key(&state);
    assert_eq!(changed.values.get("samples"), Some(&Value::Integer(2000)));
    assert_eq!(state.agenda.tasks[0].job, Job::Explain(changed));
    let effects = press(&mut state, &[Command::Less]);
    assert_eq!(current_key(&state), default);
    assert_eq!(agenda(&effects).map_or(0, |agenda| agenda.tasks.len()), 0, "the map with the default is still there");
    press(&mut state, &[Command::Next, Command::More, Command::Accept]);
    assert_eq!(current_key(&state).values.get("eigen-smooth"), Some(&Value::Flag(true)));
    assert_eq!(state.panel, Panel::None);
}

#[test]
fn another_method_starts_with_its_own_defaults() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::Open(PanelKind::Parameters), Command::More, Command::Escape]);
    press(&mut state, &[Command::Open(PanelKind::Methods), Command::Next, Command::Accept]);
    assert!(current_key(&state).values.is_empty());
    press(&mut state, &[Command::Open(PanelKind::Parameters)]);
    assert_eq!(state.notice, Some(Notice::Failed("guided-backprop has no parameters".to_owned())));
}

#[test]
fn what_another_model_says_is_kept_and_not_shown() {
    let mut state = finished((100, 30));
    let (said, map) = (state.entries[0].answer().unwrap().top.clone(), state.shown_map.clone().unwrap());
    let other = ImageKey { model: ModelId::new(1), id: 0 };
    update(&mut state, Action::Report(Report::Predicted(other, Ok(predicted(3)))));
    let key = MapKey { image: other, ..map.clone() };
    update(&mut state, Action::Report(Report::Explained(key.clone(), Ok(Arc::new(superpixels())))));
    assert_eq!(state.entries[0].answer().unwrap().top, said, "the list is about the model that is asked");
    assert_eq!(state.shown_map, Some(map.clone()));
    assert!(state.selected_map().unwrap().attribution.segments.is_none());
    assert!(state.maps.get(&key).unwrap().attribution.segments.is_some());
    update(&mut state, Action::Report(Report::Predicted(other, Err("it takes no such input".to_owned()))));
    assert!(state.entries[0].answer().is_some(), "only the other model fails");

    update(&mut state, Action::ModelReady(Arc::new(ModelSummary { id: other.model, ..ModelSummary::clone(&model()) })));
    assert!(state.entries[0].answer().is_none());
    assert!(state.agenda.tasks.iter().all(|task| task.job.model() == other.model));
    work(&mut state);
    let shown = state.shown_map.clone().unwrap();
    assert_eq!((shown.image, shown.image != map.image), (other, true));
    update(&mut state, Action::ModelReady(model()));
    work(&mut state);
    assert_eq!(state.shown_map, Some(map), "what was made by the first is there still");
}
