//! The screens as text: what a user sees at the usual sizes, and at the unusual ones.

use std::sync::Arc;

use seewhy::app::keymap::{KEYMAP, Section};
use seewhy::app::{Action, Command, ModelSummary, PanelKind, Predicted, Report, State, label, update};
use seewhy::explain::Metric;
use seewhy::network::{OutputActivation, Scores, Scoring};

use crate::support::interface::{
    LABELS, current_key, draw, explained, finished, first, model, opened, pair, predicted, press, screen, terminal,
    type_text, with_superpixels, work,
};

/// Compares a screen with the one that was approved.
pub(crate) fn approve(name: &str, state: &State) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, screen(state)));
}

/// At the third image, whose class the model gets wrong.
pub(crate) fn at_the_pelican(size: (u16, u16)) -> State {
    let mut state = finished(size);
    press(&mut state, &[Command::Next, Command::Next]);
    state
}

#[test]
fn the_main_screen_at_80x24() {
    approve("main_80x24", &at_the_pelican((80, 24)));
}

#[test]
fn the_main_screen_at_200x60() {
    approve("main_200x60", &at_the_pelican((200, 60)));
}

#[test]
fn below_80_columns_the_list_folds_away() {
    approve("main_60x20", &at_the_pelican((60, 20)));
}

#[test]
fn a_tiny_window_says_so_and_shows_what_it_can() {
    approve("main_20x6", &at_the_pelican((20, 6)));
}

#[test]
fn no_size_is_too_small_to_draw() {
    let mut state = at_the_pelican((80, 24));
    for width in (0..100).step_by(3) {
        for height in 0..30 {
            update(&mut state, terminal((width, height)));
            draw(&state, true);
        }
    }
}

#[test]
fn before_anything_is_known_the_names_are_there() {
    approve("opened_80x24", &opened((80, 24)));
}

#[test]
fn an_empty_directory_names_the_demo() {
    let mut state = State::new("/data/nothing".to_owned(), None);
    update(&mut state, terminal((80, 24)));
    assert!(screen(&state).contains("looking for images in /data/nothing"));
    update(&mut state, Action::FoundAll(Vec::new()));
    update(&mut state, Action::ModelReady(model()));
    approve("empty_80x24", &state);
    update(&mut state, terminal((20, 6)));
    assert!(screen(&state).contains("try: seewhy demo"));
}

#[test]
fn a_broken_image_is_named_in_the_list_and_in_the_pane() {
    let mut state = finished((80, 24));
    press(&mut state, &[Command::Next]);
    let reason = "the JPEG ends after 12 of 40 KB; copy the file again".to_owned();
    update(&mut state, Action::Report(Report::Decoded(first(1), Err(reason))));
    approve("broken_80x24", &state);
}

#[test]
fn the_filter_shows_names_and_how_many_are_left() {
    let mut state = finished((80, 24));
    press(&mut state, &[Command::Open(PanelKind::Filter)]);
    type_text(&mut state, "a00");
    approve("filter_80x24", &state);
}

#[test]
fn the_images_that_excite_a_channel_stand_beside_the_picture() {
    let mut state = at_the_pelican((120, 36));
    press(&mut state, &[Command::Open(PanelKind::Channels)]);
    work(&mut state);
    press(&mut state, &[Command::ToggleExemplars]);
    work(&mut state);
    approve("exemplars_120x36", &state);
}

#[test]
fn kinds_of_errors_stand_where_the_list_was() {
    let mut state = at_the_pelican((80, 24));
    press(&mut state, &[Command::Open(PanelKind::Confusions)]);
    approve("confusions_80x24", &state);
    let mut right = opened((80, 24));
    press(&mut right, &[Command::Open(PanelKind::Confusions)]);
    approve("confusions_none_80x24", &right);
}

#[test]
fn a_sorted_list_with_a_mark_and_a_condition_says_so() {
    let mut state = at_the_pelican((120, 36));
    press(&mut state, &[Command::Mark, Command::Sort, Command::Open(PanelKind::Filter)]);
    type_text(&mut state, "p>0.1");
    press(&mut state, &[Command::Accept]);
    approve("triage_120x36", &state);
}

#[test]
fn the_keys_are_all_on_one_screen() {
    let mut state = finished((80, 24));
    press(&mut state, &[Command::Open(PanelKind::Help)]);
    approve("help_80x24", &state);
    update(&mut state, terminal((200, 60)));
    approve("help_200x60", &state);
}

#[test]
fn a_class_is_searched_beside_the_picture() {
    let mut state = at_the_pelican((80, 24));
    press(&mut state, &[Command::Open(PanelKind::Classes)]);
    type_text(&mut state, "an");
    approve("classes_80x24", &state);
}

#[test]
fn methods_are_offered_with_what_stops_them() {
    let mut state = finished((80, 24));
    press(&mut state, &[Command::Open(PanelKind::Methods), Command::Next, Command::Next]);
    approve("methods_80x24", &state);
}

#[test]
fn parameters_are_set_beside_the_picture() {
    let mut state = finished((80, 24));
    press(&mut state, &[Command::Open(PanelKind::Parameters), Command::More]);
    approve("parameters_80x24", &state);
}

#[test]
fn superpixels_are_listed_beside_the_picture() {
    let mut state = finished((120, 36));
    with_superpixels(&mut state);
    press(&mut state, &[Command::Open(PanelKind::Segments), Command::Next]);
    approve("superpixels_120x36", &state);
    update(&mut state, terminal((60, 20)));
    approve("superpixels_60x20", &state);
    press(&mut state, &[Command::Rank(1)]);
    update(&mut state, terminal((80, 24)));
    approve("superpixels_working_80x24", &state);
}

#[test]
fn channels_are_listed_beside_the_picture_and_their_tiles() {
    let mut state = finished((120, 36));
    press(&mut state, &[Command::Open(PanelKind::Channels)]);
    approve("channels_working_120x36", &state);
    work(&mut state);
    press(&mut state, &[Command::Next]);
    approve("channels_120x36", &state);
    update(&mut state, terminal((80, 24)));
    approve("channels_80x24", &state);
    update(&mut state, terminal((60, 20)));
    approve("channels_60x20", &state);
}

#[test]
fn no_word_of_the_help_is_cut() {
    for width in [48, 80, 110, 120, 200] {
        let mut state = finished((width, 70));
        press(&mut state, &[Command::Open(PanelKind::Help)]);
        let text = screen(&state);
        for binding in KEYMAP.iter().filter(|binding| binding.section != Section::Help) {
            let is_line = |line: &str| line.contains(&label(binding.keys)) && line.contains(binding.help);
            assert!(text.lines().any(is_line), "{} is cut in {width} columns: {text}", binding.help);
        }
    }
}

#[test]
fn progress_is_told_from_the_first_call_to_the_last_however_long_the_name() {
    let mut state = finished((80, 24));
    let key = current_key(&state);
    state.entries[key.image.id].name = format!("{}0007.jpg", "imagenet/val/pelican/".repeat(4));
    for done in [1, 304, 999] {
        state.progress = Some((key.clone(), done, 1000));
        let text = screen(&state);
        assert!(text.contains(&format!("{done} of 1000 model calls")), "{text}");
        assert!(text.contains("/0007.jpg"), "{text}");
    }
}

#[test]
fn what_was_measured_stands_in_the_place_of_the_layers() {
    let mut state = finished((120, 36));
    press(&mut state, &[Command::Open(PanelKind::Methods), Command::Next, Command::Accept]);
    let mut attribution = explained(None).attribution;
    let metric = |name, value, unit| Metric { name, value, unit };
    attribution.metrics = vec![
        metric("R²", 0.874, ""),
        metric("relative standard error", 0.031, ""),
        metric("settled after", 320.0, "model calls"),
    ];
    attribution.warnings = vec!["unstable: of the 5 heaviest superpixels, all 3 seeds agree on 1".to_owned()];
    let map = seewhy::app::Explained::new(attribution, std::time::Duration::from_millis(840), None);
    let report = Report::Explained(current_key(&state), Ok(Arc::new(map)));
    update(&mut state, Action::Report(report));
    approve("measured_120x36", &state);
    update(&mut state, terminal((80, 24)));
    let text = screen(&state);
    assert!(text.contains("R² 0.87  relative standard error 0.031"), "{text}");
    assert!(text.contains("! unstable") && text.contains("! fails the model-randomisation check"), "{text}");
}

#[test]
fn a_rule_in_words_keeps_its_place_while_it_is_looked_for() {
    let mut state = finished((80, 24));
    let mut rules = ModelSummary::clone(&model());
    rules.methods[1].family = seewhy::explain::Family::Rule;
    update(&mut state, Action::ModelReady(Arc::new(rules)));
    press(&mut state, &[Command::Open(PanelKind::Methods), Command::Next, Command::Accept]);
    let key = current_key(&state);
    let place = |state: &State| draw(state, true).1[0].area;
    let partial = |statement: &str| {
        let mut map = explained(Some(300));
        map.attribution.statement = Some(statement.to_owned());
        map.attribution.warnings = vec!["no rule is known yet".to_owned()];
        Report::Partial(key.clone(), (300, 1000), Some(Arc::new(map)))
    };
    update(&mut state, Action::Report(partial("if the centre can be seen")));
    let before = place(&state);
    let long = "if the superpixels at the centre and the left can be seen, the prediction stays in 97 % of the images";
    update(&mut state, Action::Report(partial(long)));
    let text = screen(&state);
    assert!(text.contains("97 % of the") && !text.contains("no rule is known"), "{text}");
    assert_eq!(place(&state), before);
}

#[test]
fn two_pictures_side_by_side() {
    let mut state = finished((120, 30));
    press(&mut state, &[Command::CycleView, Command::CycleView]);
    approve("beside_120x30", &state);
}

#[test]
fn while_a_slow_method_works_the_picture_stays() {
    let mut state = finished((80, 24));
    press(&mut state, &[Command::Rank(1)]);
    let key = current_key(&state);
    let working = screen(&state);
    assert!(working.contains("working…") && working.contains('▀'), "{working}");
    update(&mut state, Action::Report(Report::Partial(key, (300, 1000), Some(Arc::new(explained(Some(300)))))));
    let working = screen(&state);
    assert!(working.contains("300 of 1000 model calls") && working.contains('▀'), "{working}");
}

#[test]
fn a_flat_map_says_so_and_has_no_colour_bar() {
    let mut state = finished((100, 24));
    press(&mut state, &[Command::Rank(1)]);
    let key = current_key(&state);
    let mut attribution = explained(None).attribution;
    attribution.map.fill(0.0);
    attribution.raw.fill(-2.5);
    let flat = seewhy::app::Explained::new(attribution, std::time::Duration::ZERO, None);
    update(&mut state, Action::Report(Report::Explained(key, Ok(Arc::new(flat)))));
    let text = screen(&state);
    assert!(text.contains("flat map  raw values -2.5") && !text.contains("low "), "{text}");
    update(&mut state, terminal((80, 24)));
    assert!(screen(&state).contains("flat map  "), "{}", screen(&state));
    assert_five_keys(&state);
}

#[test]
fn guesses_and_cautions_are_said_above_the_picture() {
    let mut state = finished((100, 24));
    let notices = vec!["mean and deviation are ImageNet's: a guess".to_owned()];
    let guessed = ModelSummary { notices, ..ModelSummary::clone(&model()) };
    update(&mut state, Action::ModelReady(Arc::new(guessed)));
    assert!(screen(&state).contains("! mean and deviation are ImageNet's: a guess"));
    press(&mut state, &[Command::Open(PanelKind::Methods), Command::Next, Command::Accept]);
    assert!(screen(&state).contains("! fails the model-randomisation check"));
}

#[test]
fn what_must_be_known_of_an_image_is_said_above_it_and_marked_in_the_list() {
    let mut state = finished((100, 24));
    let warnings = vec!["the JPEG file ends early".to_owned()];
    let cut = Predicted { warnings, ..Predicted::clone(&predicted(0)) };
    assert!(!screen(&state).contains("ends early"));
    update(&mut state, Action::Report(Report::Predicted(first(0), Ok(Arc::new(cut)))));
    let text = screen(&state);
    assert!(text.contains("! the JPEG file ends early") && text.contains("▸ ✓!"), "{text}");
}

#[test]
fn what_there_is_no_room_to_say_is_counted() {
    let mut state = finished((80, 24));
    let notices =
        (0..6).map(|number| format!("something number {number} that takes a line and a half to say here")).collect();
    let doubtful = ModelSummary { notices, ..ModelSummary::clone(&model()) };
    update(&mut state, Action::ModelReady(Arc::new(doubtful)));
    let text = screen(&state);
    assert!(text.contains("! something number 1") && !text.contains("number 2"), "{text}");
    assert!(text.contains("! 4 more in a larger window"), "{text}");
    update(&mut state, terminal((120, 60)));
    let text = screen(&state);
    assert!(text.contains("! something number 5") && !text.contains("more in a"), "{text}");
}

#[test]
fn of_several_classes_the_list_shows_what_is_missed_and_what_is_too_much() {
    let mut state = finished((120, 36));
    let mut scoring = Scoring::new(OutputActivation::Sigmoid);
    scoring.threshold = 0.25;
    let predicted = predicted(2);
    let scores = Scores::new(predicted.logits.to_vec(), &Arc::new(scoring));
    let probabilities: Arc<[f32]> = scores.probabilities().into();
    let (truth, said) = (state.entries[2].truth.clone().unwrap(), scores.said());
    let added = said.iter().find(|class| !truth.contains(**class)).copied().unwrap();
    let independent = Predicted { top: scores.top(8), logits: scores, probabilities, ..Predicted::clone(&predicted) };
    update(&mut state, Action::Report(Report::Predicted(first(2), Ok(Arc::new(independent)))));
    press(&mut state, &[Command::Next, Command::Next]);
    let text = screen(&state);
    assert!(text.contains("said from 25.0 % on"), "{text}");
    assert!(text.contains(&format!("+{}", model().short_label(added))), "{text}");
}

#[test]
fn names_cannot_command_the_terminal() {
    let mut state = finished((80, 24));
    press(&mut state, &[Command::Last]);
    let text = screen(&state);
    assert!(text.contains(r"evil\u{1b}[2Jname\n.jpg"), "{text}");
}

#[test]
fn without_colour_there_is_none_and_nothing_is_lost() {
    let state = at_the_pelican((80, 24));
    let (plain, placements) = draw(&state, false);
    let buffer = plain.backend().buffer();
    let is_picture = |x, y| placements.iter().any(|placement| placement.area.contains((x, y).into()));
    for y in 0..24 {
        for x in 0..80 {
            let cell = &buffer[(x, y)];
            let has_colour = (cell.fg, cell.bg) != (ratatui::style::Color::Reset, ratatui::style::Color::Reset);
            assert!(is_picture(x, y) || !has_colour, "cell {x},{y}: {cell:?}");
        }
    }
}

#[test]
fn where_no_pictures_are_drawn_the_pane_says_why() {
    let mut state = finished((80, 24));
    let no_pictures = Some("NO_COLOR is set, and the terminal did not answer".to_owned());
    let terminal = seewhy::app::Terminal { no_pictures, ..state.terminal.clone() };
    update(&mut state, Action::Terminal(terminal));
    let (_, placements) = draw(&state, true);
    assert!(placements.is_empty());
    let text = screen(&state);
    assert!(text.contains("no pictures: NO_COLOR is set") && text.contains("--graphics halfblocks"), "{text}");
    press(&mut state, &[Command::Open(PanelKind::Methods), Command::Next, Command::Accept]);
    assert!(screen(&state).contains("! fails the model-randomisation check"), "what else is known is still said");
}

#[test]
fn a_scale_is_never_without_its_colours() {
    for width in 48..130 {
        let mut state = finished((width, 20));
        assert!(screen(&state).contains("low▌") || screen(&state).contains("low ▌"), "{}", screen(&state));
        press(&mut state, &[Command::Open(PanelKind::Classes)]);
        type_text(&mut state, "black swan");
        press(&mut state, &[Command::Accept]);
        with_superpixels(&mut state);
        let text = screen(&state);
        assert!(text.contains("-0.50 ▌▌▌▌"), "{text}");
    }
}

/// The keys of the last line.
fn assert_five_keys(state: &State) {
    let text = screen(state);
    let line = text.trim_end().lines().last().unwrap();
    for key in ["n mistake", "m method", "o view", "? help", "q quit"] {
        assert!(line.contains(key), "{key} is missing from {line}");
    }
}

#[test]
fn at_80_columns_names_are_cut_before_a_key_is_left_out() {
    let mut state = finished((80, 24));
    let labels = LABELS.map(|label| format!("{label} of the northern Mediterranean coast"));
    let long = ModelSummary { labels: labels.into(), ..ModelSummary::clone(&model()) };
    update(&mut state, Action::ModelReady(Arc::new(long)));
    work(&mut state);
    press(&mut state, &[Command::NextMistake]);
    approve("long_names_80x24", &state);
    assert_five_keys(&state);
    press(&mut state, &[Command::Against, Command::Accept]);
    work(&mut state);
    let text = screen(&state);
    assert!(text.contains("grad-cam of go…-pel…"), "of both a part: {text}");
    assert_five_keys(&state);
    with_superpixels(&mut state);
    assert!(screen(&state).contains("+0.50"), "{}", screen(&state));
    assert_five_keys(&state);
}

#[test]
fn at_80_columns_two_models_leave_room_for_the_five_keys() {
    let mut state = pair((80, 24));
    for _ in 0..6 {
        assert_five_keys(&state);
        press(&mut state, &[Command::CycleView]);
        work(&mut state);
    }
}

#[test]
fn pictures_have_their_proportions_and_keep_out_of_each_other() {
    for size in [(80, 24), (200, 60), (60, 20), (130, 70)] {
        let mut state = finished(size);
        press(&mut state, &[Command::CycleView, Command::CycleView]);
        let (_, placements) = draw(&state, true);
        assert_eq!(placements.len(), 2);
        assert!(placements[0].area.intersection(placements[1].area).is_empty());
        for placement in placements {
            let (width, height) = (f32::from(placement.area.width) * 8.0, f32::from(placement.area.height) * 16.0);
            let error = (width / height / (640.0 / 480.0) - 1.0).abs();
            assert!(error < 0.5 * 16.0 / height + 0.5 * 8.0 / width, "{:?}", placement.area);
        }
    }
}
