//! The images that excite a channel most: found among all, shown, gone through, written.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ratatui::layout::Position;
use seewhy::app::{
    Action, Channels, Command, Effect, End, Export, Job, Origin, Outcome, Panel, PanelKind, Peaks, Report, State,
    update,
};
use seewhy::cache::Cache;
use seewhy::explain::{LayerChannels, Sign};
use seewhy::raster::Recipe;
use seewhy::ui;

use crate::channels::{keys, opened};
use crate::support::interface::{self, draw, finished, first, press, screen, work};

/// The images that excite the marked channel, as they stand in the sheet.
fn exemplars(state: &State) -> Vec<usize> {
    match &state.scene()[1].key.heat.as_ref().unwrap().of {
        Origin::Exemplars(.., images) => images.clone(),
        other => panic!("{other:?}"),
    }
}

/// How strongly an image excites a channel of these tests.
fn strength(image: usize, channel: usize) -> usize {
    (channel + image) % 5
}

#[test]
fn the_images_that_excite_a_channel_most_are_found_among_all_and_shown_with_it() {
    let mut state = opened((120, 36));
    let channel = state.marked_channel().unwrap();
    keys(&mut state, "t");
    assert!(state.agenda.tasks.iter().any(|task| matches!(task.job, Job::Survey(_, 9))), "{:?}", state.agenda.tasks);
    assert!(screen(&state).contains("0 of 6 images asked"), "{}", screen(&state));
    work(&mut state);
    let found = exemplars(&state);
    let mut expected: Vec<usize> = (0..6).collect();
    expected.sort_by_key(|image| (std::cmp::Reverse(strength(*image, channel)), *image));
    assert_eq!(found, expected);
    let text = screen(&state);
    let strongest = &state.entries[expected[0]].name;
    assert!(text.contains(&format!(": {strongest}")) && !text.contains("images asked"), "{text}");
    let sheet = &state.scene()[1];
    assert_eq!(sheet.key.sheet, Some(found.iter().copied().map(Some).collect()), "every picture is there");
    assert_eq!(sheet.recipe.size(), (3 * 192, 2 * 192));
    keys(&mut state, "t");
    assert!(matches!(state.scene()[1].key.heat.as_ref().unwrap().of, Origin::Tiles(..)), "and back");
}

#[test]
fn what_is_on_screen_is_said_by_what_workers_handed_over() {
    let mut state = opened((120, 36));
    let Recipe::Tiles(tiles) = state.scene()[1].recipe.clone() else { panic!("{:?}", state.scene()[1].key) };
    let Recipe::Tiles(again) = state.scene()[1].recipe.clone() else { panic!("{:?}", state.scene()[1].key) };
    assert!(tiles.maps.iter().zip(&again.maps).all(|(one, other)| Arc::ptr_eq(one, other)), "none is made for a frame");
    keys(&mut state, "t");
    work(&mut state);
    let Recipe::Sheet(sheet) = state.scene()[1].recipe.clone() else { panic!("{:?}", state.scene()[1].key) };
    for (image, picture) in exemplars(&state).into_iter().zip(&sheet.pictures) {
        let seen = &state.prediction(image).unwrap().small;
        assert_eq!(picture.as_ref().unwrap().as_raw(), seen.as_raw(), "the picture that the worker made small");
    }
    assert!(sheet.maps.iter().zip(state.marked_exemplars()).all(|(map, found)| Arc::ptr_eq(map, &found.peak.map)));
}

#[test]
fn one_pass_answers_for_all_channels_of_a_layer_and_is_kept() {
    let mut state = opened((120, 36));
    keys(&mut state, "t");
    work(&mut state);
    let first = exemplars(&state);
    keys(&mut state, "jj");
    assert!(!state.agenda.tasks.iter().any(|task| matches!(task.job, Job::Survey(..))));
    assert_ne!(exemplars(&state), first, "another channel, other images");
    keys(&mut state, "[");
    work(&mut state);
    assert_eq!(exemplars(&state).len(), 6);
    keys(&mut state, "]");
    assert!(state.agenda.tasks.is_empty(), "going back asks nobody again: {:?}", state.agenda.tasks);
}

#[test]
fn the_pass_rests_while_nobody_looks_and_goes_on_where_it_was() {
    let mut state = opened((120, 36));
    let surveys = |state: &State| state.agenda.tasks.iter().filter(|task| matches!(task.job, Job::Survey(..))).count();
    keys(&mut state, "t");
    assert_eq!(surveys(&state), 6);
    let broken = Report::Surveyed(first(3), 9, Err("not a picture".to_owned()));
    update(&mut state, Action::Report(broken));
    assert_eq!(surveys(&state), 5);
    keys(&mut state, "q");
    assert_eq!(surveys(&state), 0);
    keys(&mut state, "t");
    assert_eq!(surveys(&state), 5, "what cannot be read is not asked again");
    let more = Arc::from(Path::new("/data/val/goose/0001.jpg"));
    update(&mut state, Action::Found(vec![more]));
    assert_eq!(surveys(&state), 6);
    assert!(screen(&state).contains("1 of 7 images asked"), "{}", screen(&state));
}

#[test]
fn pictures_that_were_forgotten_are_asked_for_and_one_that_is_gone_only_once() {
    let mut state = opened((120, 36));
    // At a channel that no image excites, no picture is kept; nor are predictions, but for the newest.
    state.predictions = Cache::new(1);
    press(&mut state, &[Command::Last]);
    keys(&mut state, "t");
    work(&mut state);
    press(&mut state, &[Command::First]);
    assert!(state.agenda.tasks.iter().any(|task| matches!(task.job, Job::Classify(_))), "{:?}", state.agenda.tasks);
    let gone = 4;
    for _ in 0..100 {
        let Some(task) = state.agenda.tasks.first().cloned() else { break };
        let reports = match task.job {
            Job::Classify(image) if image.id == gone => vec![Report::Predicted(image, Err("no such file".to_owned()))],
            job => interface::reports(&job),
        };
        for report in reports {
            update(&mut state, Action::Report(report));
        }
    }
    assert!(state.agenda.tasks.is_empty(), "it comes to an end: {:?}", state.agenda.tasks);
    let expected = exemplars(&state).into_iter().map(|image| Some(image).filter(|image| *image != gone)).collect();
    assert_eq!(state.scene()[1].key.sheet, Some(expected));
}

#[test]
fn a_sheet_is_never_taken_for_a_picture_of_the_image() {
    let mut state = opened((120, 36));
    keys(&mut state, "t");
    let empty = state.scene()[1].key.clone();
    keys(&mut state, "q");
    press(&mut state, &[Command::ToggleSeen]);
    assert_ne!(state.scene()[0].key.base(), empty.base(), "a black sheet would be shown for what the model saw");
}

#[test]
fn what_is_shown_of_a_channel_can_be_written() {
    let mut state = opened((120, 36));
    let written = |state: &mut State| {
        let effects = press(state, &[Command::Write]);
        let Some(Effect::Export(export)) = effects.first() else { panic!("{effects:?}") };
        let Export::Channel(export) = export else { panic!("{export:?}") };
        assert_eq!(export.path.as_ref(), Path::new("/data/val/goldfinch/0001.jpg"));
        assert_eq!(export.unit, state.marked_channel().map(|channel| ("channel", channel)));
        export
            .pictures
            .iter()
            .map(|(kind, picture, said)| (*kind, picture.key.clone(), said.clone()))
            .collect::<Vec<_>>()
    };
    let [map, tiles] = &written(&mut state)[..] else { panic!("two pictures are on screen") };
    assert_eq!((map.0, tiles.0), ("map", "tiles"));
    assert!(map.2.contains("of /layer4/layer4.2/relu_2/Relu, values"), "{}", map.2);
    keys(&mut state, "t");
    work(&mut state);
    let [_, images] = &written(&mut state)[..] else { panic!("two pictures are on screen") };
    assert_eq!((images.0, &images.1), ("images", &state.scene()[1].key));
}

#[test]
fn a_channel_that_no_image_excites_says_so() {
    let mut state = opened((120, 36));
    // Every tenth channel is silent in all images of these tests, and the silent ones are listed last.
    press(&mut state, &[Command::Last]);
    keys(&mut state, "t");
    assert!(screen(&state).contains("no image so far excites this channel"), "{}", screen(&state));
    work(&mut state);
    assert!(screen(&state).contains("no image excites this channel"), "{}", screen(&state));
    press(&mut state, &[Command::Accept]);
    assert_eq!(state.current(), Some(0));
}

#[test]
fn at_another_layer_the_channel_is_pinned_too() {
    let mut state = opened((120, 36));
    keys(&mut state, "t[");
    work(&mut state);
    let (channel, found) = (state.marked_channel(), exemplars(&state));
    press(&mut state, &[Command::Accept]);
    work(&mut state);
    assert_eq!((state.marked_channel(), exemplars(&state)), (channel, found));
}

#[test]
fn asking_an_image_says_what_it_is_taken_for() {
    let mut state = interface::opened((120, 36));
    // The first image alone is opened; the others wait.
    while let Some(task) =
        state.agenda.tasks.iter().find(|task| task.job == Job::Open(first(0)) || matches!(task.job, Job::Explain(_)))
    {
        for report in interface::reports(&task.job.clone()) {
            update(&mut state, Action::Report(report));
        }
    }
    keys(&mut state, "a");
    let channels = interface::reports(&Job::Channels(state.channels_key(0).unwrap()));
    update(&mut state, Action::Report(channels.into_iter().next().unwrap()));
    keys(&mut state, "t");
    assert!(state.agenda.tasks.iter().any(|task| task.job == Job::Survey(first(4), 9)));
    for report in interface::reports(&Job::Survey(first(4), 9)) {
        update(&mut state, Action::Report(report));
    }
    assert!(matches!(state.entries[4].outcome, Outcome::Classified(_)));
    assert!(!state.agenda.tasks.iter().any(|task| task.job == Job::Classify(first(4))));
}

#[test]
fn enter_and_clicks_lead_to_the_images_that_excite_a_channel() {
    let mut state = opened((120, 36));
    let channel = state.marked_channel();
    keys(&mut state, "t");
    work(&mut state);
    let found = exemplars(&state);
    let place = found.iter().position(|image| *image == 0).unwrap();
    press(&mut state, &[Command::Accept]);
    work(&mut state);
    assert_eq!(state.current(), Some(found[(place + 1) % 6]), "from the one that is looked at to the next");
    assert_eq!((state.marked_channel(), exemplars(&state)), (channel, found.clone()), "the channel stays");
    let sheet = draw(&state, true).1[1].area;
    let last = Position { x: sheet.right() - 1, y: sheet.bottom() - 1 };
    let action = ui::click(&state, last).unwrap();
    update(&mut state, action);
    assert_eq!(state.current(), Some(found[5]));
    assert!(matches!(state.panel, Panel::Channels(_)));
}

#[test]
fn an_image_that_the_filter_hides_is_shown_without_it() {
    let mut state = finished((120, 36));
    press(&mut state, &[Command::Open(PanelKind::Filter)]);
    for letter in "pelican".chars() {
        update(&mut state, Action::Text(letter));
    }
    press(&mut state, &[Command::Accept]);
    keys(&mut state, "a");
    work(&mut state);
    keys(&mut state, "t");
    work(&mut state);
    let found = exemplars(&state);
    let place = found.iter().position(|image| *image == 2).unwrap();
    press(&mut state, &[Command::Accept]);
    assert_eq!((state.filter.as_str(), state.visible.len()), ("", 6));
    assert_eq!(state.current(), Some(found[(place + 1) % 6]));
    assert!(screen(&state).contains("the filter is gone: it hid"), "{}", screen(&state));
}

/// Does all work that is asked for; what layers hold is below zero where it was above.
fn work_upside_down(state: &mut State) {
    while let Some(task) = state.agenda.tasks.first().cloned() {
        let reports = match &task.job {
            Job::Channels(key) => {
                let activation = interface::activation(key.image.id, key.layer).mapv(|value| -value);
                let contributions = Err("no gradient".to_owned());
                let channels = Channels::new(LayerChannels { activation, contributions, sum: None }, Duration::ZERO);
                vec![Report::Channels(key.clone(), Ok(Arc::new(channels)))]
            }
            Job::Survey(image, layer) => {
                let predicted = interface::predicted(image.id);
                let activation = interface::activation(image.id, *layer).mapv(|value| -value);
                let peaks = Peaks::new(&activation, Arc::clone(&predicted.small));
                vec![Report::Predicted(*image, Ok(predicted)), Report::Surveyed(*image, *layer, Ok(Arc::new(peaks)))]
            }
            job => interface::reports(job),
        };
        for report in reports {
            update(state, Action::Report(report));
        }
    }
}

#[test]
fn of_a_channel_that_is_negative_here_the_images_are_shown_in_which_it_is_lowest() {
    let mut state = interface::opened((120, 36));
    press(&mut state, &[Command::Open(PanelKind::Channels)]);
    work_upside_down(&mut state);
    let channel = state.marked_channel().unwrap();
    keys(&mut state, "t");
    work_upside_down(&mut state);
    assert_eq!(state.exemplar_end(), End::Low);
    let mut expected: Vec<usize> = (0..6).collect();
    expected.sort_by_key(|image| (std::cmp::Reverse(strength(*image, channel)), *image));
    assert_eq!(exemplars(&state), expected);
    assert!(state.marked_exemplars().iter().all(|exemplar| exemplar.peak.lowest < 0.0));
    let Recipe::Sheet(sheet) = state.scene()[1].recipe.clone() else { panic!("{:?}", state.scene()[1].key) };
    assert_eq!((sheet.colouring.sign, sheet.scale > 0.0), (Sign::Signed, true));
    assert!(screen(&state).contains("negative end, coloured down to -"), "{}", screen(&state));
}

#[test]
fn the_one_that_is_shown_is_framed_and_named_and_esc_goes_back_a_step_at_a_time() {
    let mut state = opened((120, 36));
    press(&mut state, &[Command::Escape, Command::Open(PanelKind::Filter)]);
    interface::type_text(&mut state, "pelican");
    press(&mut state, &[Command::Accept, Command::Open(PanelKind::Channels)]);
    work(&mut state);
    let left = state.current();
    keys(&mut state, "t");
    work(&mut state);
    let found = exemplars(&state);
    let other = found.iter().position(|image| Some(*image) != left).unwrap();
    while state.exemplar_at() != Some(other) {
        press(&mut state, &[Command::Accept]);
        work(&mut state);
    }
    assert!(state.filter.is_empty(), "the filter hid it");
    assert_eq!(state.scene()[1].key.framed, Some(other));
    let name = &state.entries[found[other]].name;
    let text = screen(&state);
    assert!(text.contains(&format!("framed: {} of 6, {name} ", other + 1)), "{text}");
    press(&mut state, &[Command::Escape]);
    assert!(matches!(&state.panel, Panel::Channels(panel) if !panel.exemplars), "{:?}", state.panel);
    assert_eq!((state.current(), state.filter.as_str()), (left, "pelican"), "at the place that was left");
    press(&mut state, &[Command::Escape]);
    assert_eq!((state.current(), &state.panel), (left, &Panel::None));
}

#[test]
fn a_place_in_each_of_the_images_is_framed_once_it_is_found() {
    let mut state = finished((120, 36));
    press(&mut state, &[Command::Open(PanelKind::Channels)]);
    work(&mut state);
    press(&mut state, &[Command::ToggleExemplars]);
    work(&mut state);
    let scene = state.scene();
    let count = state.marked_exemplars().len();
    assert!(count > 1 && scene[1].key.boxes == vec![true; count], "{:?}", scene[1].key.boxes);
    let shown = usize::from(scene[1].key.framed.is_some());
    assert_eq!(scene[1].recipe.compose().boxes.len(), count + shown, "and a frame around the image that is shown");
    // Another channel has other places, which are asked for where its images are shown.
    press(&mut state, &[Command::Next]);
    assert!(!state.scene()[1].key.boxes.contains(&true));
    assert!(state.agenda.tasks.iter().any(|task| matches!(task.job, Job::Place(_))));
}
