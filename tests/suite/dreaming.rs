//! Dreams on screen: what is dreamt, how it is seen as it forms, how it stops, and what is kept of it.

use std::sync::Arc;

use seewhy::app::{
    Action, Aim, Command, DreamKey, DreamStart, Effect, Export, Job, ModelId, Notice, Panel, PanelKind, Report, State,
    update,
};

use crate::channels::{keys, opened};
use crate::screens::approve;
use crate::support::interface::{draw, dream_frame, dreamt, finished, press, screen, second, work};

/// At the dreams of the class of the first image, of which none is there yet.
fn begun() -> (State, DreamKey) {
    let mut state = finished((120, 36));
    keys(&mut state, "D");
    let key = wanted(&state).unwrap();
    (state, key)
}

/// The dream that workers are asked for.
fn wanted(state: &State) -> Option<DreamKey> {
    state.agenda.tasks.iter().find_map(|task| if let Job::Dream(key) = task.job { Some(key) } else { None })
}

/// The dream on screen, and after how many steps.
fn seen(state: &State) -> Option<(DreamKey, usize)> {
    draw(state, true).1.last().and_then(|placement| placement.picture.key.dream)
}

fn frame(state: &mut State, key: DreamKey, step: usize) {
    update(state, Action::Report(Report::Dreaming(key, Arc::new(dream_frame(key, step)))));
}

#[test]
fn the_class_that_is_explained_is_dreamt_and_seen_as_it_forms() {
    let (mut state, key) = begun();
    assert_eq!((key.aim, key.start), (Aim::Class(0), DreamStart::Noise(0)));
    assert_eq!(seen(&state), None);
    assert!(
        draw(&state, true).1.iter().all(|placement| placement.picture.key.heat.is_none()),
        "no map is taken for it"
    );
    for step in [1, 40, 200] {
        frame(&mut state, key, step);
        assert_eq!(seen(&state), Some((key, step)));
        assert_eq!(wanted(&state), Some(key), "it goes on");
    }
    assert!(screen(&state).contains("step 200 of 256, value 20"), "{}", screen(&state));
    approve("dreaming_120x36", &state);
    work(&mut state);
    assert_eq!(seen(&state), Some((key, 256)));
    let text = screen(&state);
    assert!(text.contains("value 25.60, 20.1 standard deviations over noise (mean 0.5"), "{text}");

    keys(&mut state, "2");
    assert_eq!(wanted(&state).map(|key| key.aim), Some(Aim::Class(3)), "another class is explained, and dreamt");
}

#[test]
fn escape_stops_it_and_a_dream_that_is_over_is_there_at_once() {
    let (mut state, key) = begun();
    frame(&mut state, key, 40);
    press(&mut state, &[Command::Escape]);
    assert_eq!((&state.panel, wanted(&state), seen(&state)), (&Panel::None, None, None));
    frame(&mut state, key, 60);
    assert_eq!(seen(&state), None, "what comes late is nobody's business");

    keys(&mut state, "D");
    assert_eq!(seen(&state), None, "it begins anew");
    work(&mut state);
    press(&mut state, &[Command::Escape]);
    keys(&mut state, "D");
    assert_eq!((seen(&state), wanted(&state)), (Some((key, 256)), None));
}

#[test]
fn each_row_is_another_beginning_of_which_the_second_is_the_image() {
    let (mut state, key) = begun();
    frame(&mut state, key, 40);
    let mut starts = vec![];
    for _ in 0..5 {
        starts.extend(wanted(&state).map(|key| key.start));
        assert_eq!(seen(&state).is_some(), starts.len() == 1, "one dream is not taken for another");
        keys(&mut state, "D");
    }
    let noise = DreamStart::Noise;
    assert_eq!(starts, [noise(0), DreamStart::Image(0), noise(1), noise(2), noise(3)]);
    assert_eq!(wanted(&state), Some(key), "and around again");
    keys(&mut state, "jl");
    work(&mut state);
    assert_eq!(seen(&state).map(|(key, _)| key.start), Some(DreamStart::Image(1)), "the image beside it");
}

#[test]
fn beside_channels_the_marked_one_is_dreamt_and_brackets_go_through_the_table() {
    let mut state = opened((120, 36));
    keys(&mut state, "j");
    let order = state.channels().unwrap().order.clone();
    keys(&mut state, "D");
    let aim = |state: &State| wanted(state).map(|key| key.aim);
    assert_eq!(aim(&state), Some(Aim::Channel { layer: 9, channel: order[1] }));
    work(&mut state);
    approve("dream_of_a_channel_120x36", &state);
    keys(&mut state, "]");
    assert_eq!(aim(&state), Some(Aim::Channel { layer: 9, channel: order[2] }));
    keys(&mut state, "[[[[");
    work(&mut state);
    assert_eq!(seen(&state).map(|(key, _)| key.aim), Some(Aim::Channel { layer: 9, channel: order[0] }));
    press(&mut state, &[Command::Escape]);
    assert_eq!(state.marked_channel(), Some(order[0]), "back at the table, with the one that was dreamt of");
}

#[test]
fn in_the_walk_the_channel_that_counts_most_is_dreamt() {
    let mut state = finished((120, 36));
    keys(&mut state, "V]");
    keys(&mut state, "D");
    assert!(matches!(&state.notice, Some(Notice::Failed(text)) if text.contains("not there yet")));
    work(&mut state);
    let text = screen(&state);
    keys(&mut state, "D");
    let Some(Aim::Channel { layer: 1, channel }) = wanted(&state).map(|key| key.aim) else { panic!("no channel") };
    assert!(text.contains(&format!("channel {channel} counts most")), "{text}");
    press(&mut state, &[Command::Escape]);
    assert!(matches!(&state.panel, Panel::Walk(walk) if walk.marked == 1));
}

#[test]
fn a_dream_is_written_when_it_is_over() {
    let (mut state, key) = begun();
    frame(&mut state, key, 40);
    assert!(press(&mut state, &[Command::Write]).is_empty());
    assert!(screen(&state).contains("there is no finished dream to write yet"));
    keys(&mut state, "j");
    work(&mut state);
    let effects = press(&mut state, &[Command::Write]);
    let [Effect::Export(Export::Dream(export))] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(export.key.start, DreamStart::Image(0));
    assert_eq!(export.begun.as_deref(), Some(&*state.entries[0].path));
    assert_eq!(export.dreamt.last.picture, dreamt(export.key).last.picture);
}

#[test]
fn why_there_is_no_dream_is_said_and_another_model_has_none_of_these() {
    let (mut state, key) = begun();
    let reason = "no gradient for Foo at node /head/Foo".to_owned();
    update(&mut state, Action::Report(Report::Dreamt(key, Err(reason))));
    work(&mut state);
    assert_eq!(wanted(&state), None);
    assert!(screen(&state).contains("! no gradient for Foo"), "{}", screen(&state));
    update(&mut state, Action::ModelReady(second(1).model));
    assert_eq!((&state.panel, state.model_id()), (&Panel::None, ModelId::new(1)));
}

#[test]
fn other_panels_stay() {
    let mut state = finished((120, 36));
    press(&mut state, &[Command::Open(PanelKind::Heads), Command::Open(PanelKind::Dreams)]);
    assert!(matches!(state.panel, Panel::Heads(_)));
}
