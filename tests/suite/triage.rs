//! Finding the images that matter: conditions, orders and mistakes, in the interface and for scripts.

use std::path::Path;
use std::sync::Arc;

use crossterm::event::KeyCode;
use seewhy::app::{Action, Command, Job, Mode, Notice, Panel, PanelKind, Predicted, Report, State, update};
use seewhy::model::Target;
use seewhy::network::Scores;
use seewhy::triage::{Journal, Order};

use crate::cli::{errors, lines, seewhy};
use crate::keys::{keys, letters};
use crate::marks::labelled;
use crate::support::interface::{finished, first, model, opened, predicted, press, screen, terminal, type_text};

const SIZE: (u16, u16) = (100, 30);

pub(crate) fn names(state: &State) -> Vec<&str> {
    state.visible.iter().map(|image| state.entries[*image].name.as_str()).collect()
}

pub(crate) fn filtered(state: &mut State, text: &str) {
    press(state, &[Command::Escape, Command::Escape, Command::Open(PanelKind::Filter)]);
    type_text(state, text);
    press(state, &[Command::Accept]);
}

/// The image's prediction comes in.
fn predict(state: &mut State, image: usize) {
    update(state, Action::Report(Report::Predicted(first(image), Ok(predicted(image)))));
}

#[test]
fn the_filter_narrows_the_list_and_esc_brings_it_back_with_the_cursor_in_place() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::Open(PanelKind::Filter)]);
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
    press(&mut state, &[Command::Open(PanelKind::Filter)]);
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
    press(&mut state, &[Command::Open(PanelKind::Filter)]);
    type_text(&mut state, "peli");
    let more = ["/data/val/pelican/0008.jpg", "/data/val/goose/0001.jpg"].map(|path| Arc::from(Path::new(path)));
    update(&mut state, Action::Found(more.to_vec()));
    assert_eq!(names(&state), ["pelican/0007.jpg", "pelican/0008.jpg"]);
}

#[test]
fn conditions_and_names_narrow_the_list_together() {
    let mut state = finished(SIZE);
    for (text, expected) in [
        ("is:wrong", &["pelican/0007.jpg"][..]),
        ("is:right bull", &["bullfrog/0004.jpg"]),
        ("true:pelican said:goose", &["pelican/0007.jpg"]),
        ("said:american-coot", &["holiday/金魚 at the lake.png"]),
        ("true:agama p>80%", &["agama/0010.jpg"]),
    ] {
        filtered(&mut state, text);
        assert_eq!(names(&state), expected, "{text}");
        let shown = screen(&state);
        assert!(shown.contains(&format!("/ {text}")) && shown.contains("1 of 1 (6)"), "{shown}");
    }
    press(&mut state, &[Command::Escape]);
    assert_eq!(state.visible.len(), 6);
}

#[test]
fn a_condition_that_cannot_be_met_says_why_and_half_a_one_hides_nothing() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::Open(PanelKind::Filter)]);
    assert!(
        screen(&state).contains("/ ▏is:wrong true:cat said:dog"),
        "the filter says what it takes:\n{}",
        screen(&state)
    );
    type_text(&mut state, "true:");
    assert_eq!(state.visible.len(), 6);
    type_text(&mut state, "zebra");
    assert!(screen(&state).contains("no class is called zebra"), "{}", screen(&state));
    filtered(&mut state, "is:failed");
    assert!(screen(&state).contains("no image matches"), "{}", screen(&state));
}

#[test]
fn mistakes_join_a_filtered_list_as_they_are_found_and_the_cursor_stays_on_its_image() {
    let mut state = opened(SIZE);
    filtered(&mut state, "p<1");
    assert!(names(&state).is_empty() && screen(&state).contains("none so far"), "{}", screen(&state));
    predict(&mut state, 3);
    assert_eq!(names(&state), ["agama/0010.jpg"]);
    predict(&mut state, 0);
    predict(&mut state, 2);
    assert_eq!(names(&state), ["goldfinch/0001.jpg", "pelican/0007.jpg", "agama/0010.jpg"]);
    assert_eq!(state.cursor, 2, "the agama is still the one that is looked at");
}

#[test]
fn confident_mistakes_come_first_on_request_then_the_highest_losses_then_the_least_sure() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::Next, Command::Sort]);
    assert_eq!((state.order, state.cursor), (Order::Confident, 0));
    assert_eq!(names(&state)[0], "pelican/0007.jpg");
    assert!(screen(&state).contains(" images, sure but wrong first"), "{}", screen(&state));
    press(&mut state, &[Command::Next, Command::Sort]);
    assert_eq!((state.order, state.cursor), (Order::HighestLoss, 0));
    let by_truth = ["pelican/0007.jpg", "agama/0010.jpg", "bullfrog/0004.jpg", "goldfinch/0001.jpg"];
    assert_eq!(names(&state)[..4], by_truth);
    assert!(screen(&state).contains(" images, highest loss first"), "{}", screen(&state));
    press(&mut state, &[Command::Sort]);
    assert_eq!(names(&state)[2], "pelican/0007.jpg", "images of unknown class are sorted with the rest");
    press(&mut state, &[Command::Next, Command::Next, Command::Sort]);
    assert_eq!((state.order, state.cursor), (Order::Found, 2), "the image is seen among its neighbours again");
}

#[test]
fn an_order_is_kept_while_predictions_come_in_and_while_the_list_is_filtered() {
    let mut state = opened(SIZE);
    press(&mut state, &[Command::Sort]);
    for image in [1, 0, 3, 2] {
        predict(&mut state, image);
    }
    let by_truth = ["pelican/0007.jpg", "agama/0010.jpg", "bullfrog/0004.jpg", "goldfinch/0001.jpg"];
    assert_eq!(names(&state)[..4], by_truth);
    filtered(&mut state, "is:right");
    assert_eq!(names(&state), by_truth[1..]);
}

#[test]
fn names_and_what_is_true_and_said_share_a_row_as_room_allows() {
    let mut state = finished((80, 24));
    let row = |state: &State, part: &str| {
        let shown = screen(state);
        shown.lines().map(|line| line.chars().take(31).collect::<String>()).find(|line| line.contains(part)).unwrap()
    };
    assert!(row(&state, "0010").contains("agama     0010.jpg"), "{}", screen(&state));
    assert!(row(&state, "pelican: goose").contains("42 %"), "{}", screen(&state));
    update(&mut state, terminal((120, 30)));
    assert!(row(&state, "pelican: goose").contains("0007"), "{}", screen(&state));
    filtered(&mut state, "0010");
    assert!(row(&state, "agama/0010.jpg").contains("agama/0010.jpg"), "{}", screen(&state));
    update(&mut state, terminal((130, 30)));
    let shown = screen(&state);
    assert!(shown.contains("agama/0010.jpg") && shown.contains("  agama   90 %"), "{shown}");
}

#[test]
fn what_is_true_is_marked_among_the_classes_and_always_has_a_row() {
    let mut state = finished((80, 24));
    assert!(screen(&state).contains("✓▸ 1 goldfinch"), "{}", screen(&state));
    assert!(screen(&state).contains("why  ✓ is true"), "{}", screen(&state));
    // What the model thinks least of: below its best five, and on a screen with three rows.
    let mut logits = [9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0];
    logits[4] = -5.0;
    let scores = Scores::softmax(&logits);
    let predicted = Predicted {
        top: scores.top(8),
        probabilities: scores.probabilities().into(),
        logits: scores,
        ..Predicted::clone(&predicted(2))
    };
    update(&mut state, Action::Report(Report::Predicted(first(2), Ok(Arc::new(predicted)))));
    press(&mut state, &[Command::Next, Command::Next, Command::Rank(1)]);
    for size in [(80, 24), (60, 20)] {
        update(&mut state, terminal(size));
        let shown = screen(&state);
        assert!(shown.contains("✓  8 pelican") && shown.contains(" ▸ 2 bullfrog"), "{shown}");
    }
}

#[test]
fn the_first_images_that_are_asked_are_those_on_screen_and_then_some_from_everywhere() {
    let mut state = opened((80, 24));
    let paths = (0..10_000).map(|n| Arc::from(Path::new("/data/val/goose").join(format!("{n}.jpg"))));
    update(&mut state, Action::Found(paths.collect()));
    let asked: Vec<usize> = state
        .agenda
        .tasks
        .iter()
        .filter_map(|task| match task.job {
            Job::Classify(image) => Some(image.id),
            _ => None,
        })
        .collect();
    let rows = state.terminal.page;
    let is_shown = |image: &usize| *image < rows;
    assert!(asked.iter().take_while(|image| is_shown(image)).count() > 0, "{asked:?}");
    let far: Vec<usize> = asked.into_iter().filter(|image| !is_shown(image)).collect();
    for third in [0..3_333, 3_333..6_667, 6_667..10_006] {
        assert!(far.iter().filter(|image| third.contains(*image)).count() >= 3, "{far:?}");
    }
}

#[test]
fn without_labelled_folders_nothing_is_sorted_by_what_is_wrong() {
    let mut state = finished(SIZE);
    for entry in &mut state.entries {
        (entry.truth, entry.loss) = (None, None);
    }
    press(&mut state, &[Command::Sort]);
    assert_eq!(state.order, Order::LeastSure);
    for command in [Command::NextMistake, Command::Open(PanelKind::Confusions)] {
        press(&mut state, &[command]);
        assert!(screen(&state).contains("! no folder is named after a class"), "{}", screen(&state));
    }
    filtered(&mut state, "is:wrong");
    let said = screen(&state);
    assert!(said.contains("no folder is named") && said.contains("are not known"), "{said}");
}

#[test]
fn how_folders_named_by_numbers_are_read_is_said_beside_the_picture() {
    let folder = tempfile::tempdir().unwrap();
    let images = ["1", "2"].map(|name| folder.path().join(name).join("1.jpg"));
    images.iter().for_each(|image| std::fs::create_dir_all(image.parent().unwrap()).unwrap());
    let mut state = State::new("val/".to_owned(), None);
    update(&mut state, terminal(SIZE));
    update(&mut state, Action::Found(images.iter().map(|image| Arc::from(image.as_path())).collect()));
    update(&mut state, Action::ModelReady(model()));
    update(&mut state, Action::FoundAll(Vec::new()));
    assert!(state.entries.iter().all(|entry| entry.truth.is_none()));
    let [notice] = &state.truth_notices[..] else { panic!("{:?}", state.truth_notices) };
    assert!(notice.contains("folders 1 to 2") && notice.contains("not taken for classes"), "{notice}");
    assert!(screen(&state).contains("! folders 1 to 2"), "{}", screen(&state));
}

#[test]
fn before_the_model_is_there_nothing_is_said_of_its_classes() {
    let mut state = State::new("val/".to_owned(), Some("/data/val".into()));
    update(&mut state, terminal(SIZE));
    let paths = ["/data/val/pelican/0001.jpg", "/data/val/goose/0002.jpg"].map(|path| Arc::from(Path::new(path)));
    update(&mut state, Action::Found(paths.to_vec()));
    update(&mut state, Action::FoundAll(Vec::new()));
    press(&mut state, &[Command::NextMistake]);
    assert!(screen(&state).contains("no mistake after this image so far"), "{}", screen(&state));
    press(&mut state, &[Command::Sort]);
    assert_eq!(state.order, Order::Confident);
    filtered(&mut state, "true:pelican");
    assert_eq!(names(&state).len(), 2);
    update(&mut state, Action::ModelReady(model()));
    assert_eq!(names(&state), ["pelican/0001.jpg"]);
}

#[test]
fn an_empty_list_says_why_on_any_screen() {
    let mut state = finished(SIZE);
    filtered(&mut state, "true:zebra");
    for size in [(100, 30), (79, 24), (34, 10)] {
        update(&mut state, terminal(size));
        assert!(screen(&state).contains("no class is called zebra"), "{size:?}: {}", screen(&state));
    }
}

#[test]
fn a_key_leads_to_the_next_mistake_and_back() {
    let mut state = finished(SIZE);
    // A second mistake, after the first.
    state.entries[4].truth = Some(0.into());
    press(&mut state, &[Command::NextMistake]);
    assert_eq!(state.cursor, 2);
    press(&mut state, &[Command::NextMistake]);
    assert_eq!(state.cursor, 4);
    press(&mut state, &[Command::PreviousMistake]);
    assert_eq!(state.cursor, 2);
    state.entries[4].truth = None;
    press(&mut state, &[Command::NextMistake]);
    assert_eq!(state.cursor, 2);
    assert_eq!(state.notice, Some(Notice::Failed("no mistake after this image".to_owned())));
    press(&mut state, &[Command::Last, Command::PreviousMistake]);
    assert_eq!(state.cursor, 2);
}

#[test]
fn kinds_of_errors_are_listed_and_lead_to_their_images() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::Open(PanelKind::Confusions)]);
    let text = screen(&state);
    assert!(text.contains(" 1 of 4 wrong") && text.contains("▸ pelican: goose"), "{text}");
    assert!(text.contains("100.0 %"), "the only pelican is one of one:\n{text}");
    press(&mut state, &[Command::Accept]);
    assert_eq!((state.filter.as_str(), names(&state)), ("true:pelican said:goose", vec!["pelican/0007.jpg"]));
    assert_eq!(state.panel, Panel::None);
    press(&mut state, &[Command::Escape]);
    assert_eq!((state.visible.len(), state.cursor), (6, 2));
}

#[test]
fn the_marked_kind_of_error_stays_marked_while_others_overtake_it() {
    let mut state = finished(SIZE);
    state.entries[4].truth = Some(0.into());
    press(&mut state, &[Command::Open(PanelKind::Confusions), Command::First]);
    assert!(screen(&state).contains("▸ pelican: goose"), "{}", screen(&state));
    // A second goldfinch that is taken for a coot.
    state.entries[0].outcome = state.entries[4].outcome.clone();
    let Panel::Confusions(table) = &state.panel else { panic!("{:?}", state.panel) };
    assert_eq!(table.rows_and_mark(&state).1, 1);
    press(&mut state, &[Command::Accept]);
    assert_eq!(state.filter, "true:pelican said:goose");
}

#[test]
fn an_image_that_leaves_the_list_gives_its_row_to_the_next() {
    let mut state = finished(SIZE);
    for _ in 0..4 {
        press(&mut state, &[Command::Mark, Command::Next]);
    }
    filtered(&mut state, "is:marked");
    press(&mut state, &[Command::First, Command::Next, Command::Rank(1), Command::Mark]);
    assert_eq!(names(&state), ["goldfinch/0001.jpg", "pelican/0007.jpg", "agama/0010.jpg"]);
    assert_eq!(state.cursor, 1);
    assert_eq!(state.selection.target, Target::Top(0), "the rank was about the image that left");
    press(&mut state, &[Command::Last, Command::Mark]);
    assert_eq!(state.current(), Some(2), "or to the one before, at the end");
}

#[test]
fn typing_a_condition_keeps_the_place_and_typing_a_name_goes_to_it() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::Next, Command::Next, Command::Open(PanelKind::Filter)]);
    type_text(&mut state, "is:wrong");
    assert_eq!(state.current(), Some(2));
    press(&mut state, &[Command::EraseAll]);
    type_text(&mut state, "bullfrog");
    assert_eq!(state.current(), Some(1));
    press(&mut state, &[Command::Escape]);
    assert_eq!((state.current(), state.visible.len()), (Some(2), 6), "never mind: back to where it began");
    press(&mut state, &[Command::Sort, Command::Open(PanelKind::Filter)]);
    type_text(&mut state, "frog");
    assert_eq!(state.current(), Some(1), "the best match, not the highest loss");
}

#[test]
fn the_demo_needs_no_home() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("marks.jsonl");
    std::fs::write(&nowhere, b"").unwrap();
    let mut command = seewhy(&["marks", "demo", "--marks", "marks.jsonl"]);
    command.current_dir(&folder).env_remove("XDG_CACHE_HOME").env("HOME", &nowhere).env("TMPDIR", folder.path());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    assert!(folder.path().join("seewhy-demo/pictures/frog/green-frog.jpg").exists());
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    for arguments in [&["--help"][..], &["--version"], &["marks", "--help"], &["model", "--json"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let status = seewhy(arguments).stdout(full).stderr(std::process::Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn scripts_take_the_conditions_too() {
    let folder = labelled();
    let run = |arguments: &[&str]| {
        let output = seewhy(arguments).current_dir(&folder).output().unwrap();
        assert!(output.status.success(), "{}", errors(&output));
        lines(&output)
    };
    let all = run(&["classify", "."]);
    let said = all[0]["top"][0]["label"].as_str().unwrap();
    let images = |lines: &[serde_json::Value]| lines.iter().map(|line| line["image"].clone()).collect::<Vec<_>>();
    let is = |line: &&serde_json::Value, right: bool| line["truth"]["right"] == right;
    for (conditions, expected) in [
        ("is:wrong".to_owned(), all.iter().filter(|line| is(line, false)).cloned().collect::<Vec<_>>()),
        (format!("true:cat said:{said} p>0"), vec![all[0].clone()]),
        ("true:dog p>1".to_owned(), vec![]),
    ] {
        assert_eq!(images(&run(&["classify", ".", "--where", &conditions])), images(&expected), "{conditions}");
        assert_eq!(images(&run(&["explain", ".", "--where", &conditions])), images(&expected), "{conditions}");
    }
    let state = folder.path().join("state");
    let mut journal = Journal::at(state.join("seewhy/marks.jsonl"));
    journal.set(&folder.path().join("dog/1.png"), true).unwrap();
    let mut marked = seewhy(&["classify", ".", "--where", "IS:Marked"]);
    let output = marked.current_dir(&folder).env("XDG_STATE_HOME", &state).output().unwrap();
    assert_eq!(images(&lines(&output)), [all[1]["image"].clone()]);
    for (conditions, says) in
        [("true:zebra", "no class is called zebra"), ("wrong", "conditions are is:wrong"), ("", "is:")]
    {
        let output = seewhy(&["classify", ".", "--where", conditions]).current_dir(&folder).output().unwrap();
        assert!(output.status.code() == Some(2) && errors(&output).contains(says), "{}", errors(&output));
    }
}
