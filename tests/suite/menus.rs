//! Menus: what is typed narrows them, what they mark is looked at before it is taken, and a class is held against another.

use std::sync::Arc;

use crossterm::event::KeyCode;
use seewhy::app::{Action, Command, Effect, Job, ModelSummary, Notice, Panel, PanelKind, Report, State, update};
use seewhy::explain::LayerChoice;
use seewhy::model::Target;

use crate::keys::{keys, letters};
use crate::screens::{approve, at_the_pelican};
use crate::support::interface::{
    LABELS, current_key, explained, finished, model, opened, pair, press, reports, screen, type_text, work,
};

const SIZE: (u16, u16) = (100, 30);

/// The interface with a slow method after the others.
fn with_slow_method() -> State {
    let mut state = finished(SIZE);
    let mut methods = ModelSummary::clone(&model());
    methods.methods.push(seewhy::app::MethodRow {
        name: "lime",
        help: "weights of superpixels",
        ..methods.methods[1].clone()
    });
    update(&mut state, Action::ModelReady(Arc::new(methods)));
    state
}

/// The number under which the state asks to be told of a pause.
fn asked_for_rest(effects: &[Effect]) -> Option<u64> {
    effects.iter().find_map(|effect| if let Effect::Rest(number) = effect { Some(*number) } else { None })
}

#[test]
fn what_is_typed_narrows_methods_layers_and_classes() {
    let mut state = with_slow_method();
    letters(&mut state, "mlim");
    let text = screen(&state);
    assert!(text.contains(" method lim▏") && text.contains("▸ ! lime") && !text.contains("saliency"), "{text}");
    keys(&mut state, &[KeyCode::Enter]);
    assert_eq!(state.selection.method, "lime");
    letters(&mut state, "msuperpix");
    assert!(screen(&state).contains("▸ ! lime"), "what is said of it counts, too");
    keys(&mut state, &[KeyCode::Esc]);
    letters(&mut state, "mgrad");
    keys(&mut state, &[KeyCode::Enter]);
    letters(&mut state, "Llayer3");
    let text = screen(&state);
    assert!(text.contains(" layer layer3▏") && text.contains("layer3.5/relu_2        14x14"), "{text}");
    keys(&mut state, &[KeyCode::Enter]);
    assert_eq!(current_key(&state).layer, LayerChoice::These(vec![3]));
    letters(&mut state, "Lnothing");
    assert!(screen(&state).contains("no layer matches"));
    keys(&mut state, &[KeyCode::Enter]);
    assert_eq!(current_key(&state).layer, LayerChoice::These(vec![3]), "nothing is taken where nothing matches");
}

#[test]
fn of_classes_the_likeliest_is_the_first_and_a_part_of_a_name_comes_before_its_letters() {
    let mut state = at_the_pelican(SIZE);
    press(&mut state, &[Command::Open(PanelKind::Classes)]);
    let Panel::Classes(panel) = &state.panel else { panic!("{:?}", state.panel) };
    let likeliest: Vec<&str> = panel.matches(&state).classes[..3].iter().map(|class| LABELS[*class]).collect();
    assert_eq!(likeliest, ["goose", "pelican", "drake"]);
    type_text(&mut state, "an");
    let Panel::Classes(panel) = &state.panel else { panic!("{:?}", state.panel) };
    let matches = panel.matches(&state).classes.iter().map(|class| LABELS[*class]).collect::<Vec<_>>();
    assert_eq!(matches[..3], ["pelican", "black swan, Cygnus atratus", "American coot"], "{matches:?}");
}

#[test]
fn moving_in_the_menu_of_methods_shows_what_comes_quickly_at_once_and_the_rest_after_a_pause() {
    let mut state = with_slow_method();
    let before = current_key(&state);
    press(&mut state, &[Command::Open(PanelKind::Methods)]);
    let effects = press(&mut state, &[Command::Next]);
    let number = asked_for_rest(&effects).expect("nobody knows how long that takes");
    assert_eq!(current_key(&state), before, "nothing is begun while the mark moves");
    let effects = press(&mut state, &[Command::Previous, Command::Next]);
    let newer = asked_for_rest(&effects).expect("the mark has come to rest anew");
    update(&mut state, Action::Rested(number));
    assert_eq!(current_key(&state), before, "that pause is over");
    update(&mut state, Action::Rested(newer));
    let key = current_key(&state);
    assert_eq!((key.method, &state.agenda.tasks[0].job), ("guided-backprop", &Job::Explain(key.clone())));
    // It is known now how long it takes.
    work(&mut state);
    let effects = press(&mut state, &[Command::Previous, Command::Next]);
    assert_eq!((asked_for_rest(&effects), state.selection.method), (None, "guided-backprop"));
    press(&mut state, &[Command::Escape]);
    assert_eq!(current_key(&state), before);
    assert!(!state.is_working() && state.shown_map == Some(before), "the map of before is there at once");
}

#[test]
fn leaving_a_menu_stops_what_it_began() {
    let mut state = with_slow_method();
    press(&mut state, &[Command::Open(PanelKind::Methods)]);
    let effects = press(&mut state, &[Command::Last]);
    update(&mut state, Action::Rested(asked_for_rest(&effects).unwrap()));
    let slow = Job::Explain(current_key(&state));
    assert!(state.agenda.tasks.iter().any(|task| task.job == slow));
    press(&mut state, &[Command::Escape]);
    assert!(!state.agenda.tasks.iter().any(|task| task.job == slow));
    assert_eq!(state.selection.method, "grad-cam");
}

#[test]
fn taking_a_method_needs_no_pause_and_settings_stay_with_theirs() {
    let mut state = with_slow_method();
    press(&mut state, &[Command::Open(PanelKind::Parameters), Command::More, Command::Escape]);
    let set = state.selection.values.clone();
    assert!(!set.is_empty());
    press(&mut state, &[Command::Open(PanelKind::Methods), Command::Next, Command::Escape]);
    assert_eq!(state.selection.values, set, "a look at another method costs nothing");
    press(&mut state, &[Command::Open(PanelKind::Methods), Command::Next, Command::Accept]);
    assert_eq!((state.selection.method, state.selection.values.len()), ("guided-backprop", 0));
    assert_eq!(screen(&state).matches("guided-backprop of 1 goldfinch").count(), 1);
}

#[test]
fn a_layer_is_found_by_its_module_and_may_be_asked_for_before_the_model_is_there() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::Open(PanelKind::Layers)]);
    type_text(&mut state, "layer3.5.relu_2");
    press(&mut state, &[Command::Accept]);
    assert_eq!(current_key(&state).layer, LayerChoice::These(vec![3]));
    let asked = |asked: Option<usize>| {
        let mut state = finished(SIZE);
        state.wanted_layer = Some("layer4.0".to_owned());
        update(&mut state, Action::ModelReady(Arc::new(ModelSummary { asked, ..ModelSummary::clone(&model()) })));
        state
    };
    assert_eq!(current_key(&asked(Some(1))).layer, LayerChoice::These(vec![7]));
    let missing = asked(None);
    assert!(screen(&missing).contains("has no layer layer4.0"), "{}", screen(&missing));
}

#[test]
fn layers_are_looked_at_from_the_deepest_on() {
    let mut state = finished(SIZE);
    press(&mut state, &[Command::Open(PanelKind::Layers)]);
    press(&mut state, &[Command::Next]);
    assert_eq!(current_key(&state).layer, LayerChoice::These(vec![7]));
    press(&mut state, &[Command::Escape]);
    assert_eq!(current_key(&state).layer, LayerChoice::These(vec![9]));
    press(&mut state, &[Command::Open(PanelKind::Methods), Command::Next, Command::Accept]);
    press(&mut state, &[Command::Open(PanelKind::Layers)]);
    assert_eq!(state.notice, Some(Notice::Failed("guided-backprop uses no layer".to_owned())));
}

#[test]
fn on_a_mistake_what_is_said_is_held_against_what_is_true() {
    let mut state = at_the_pelican(SIZE);
    letters(&mut state, "v");
    approve("contrast_100x30", &state);
    assert_eq!(state.selection.target, Target::Contrast(3, 4), "goose against pelican, at once");
    keys(&mut state, &[KeyCode::Esc]);
    assert_eq!(state.selection.target, Target::Top(0));
    letters(&mut state, "2v");
    assert_eq!(state.selection.target, Target::Contrast(4, 3), "why it is a pelican after all");
    keys(&mut state, &[KeyCode::Enter]);
    work(&mut state);
    let text = screen(&state);
    assert!(text.contains("grad-cam of pelican against goose"), "{text}");
    letters(&mut state, "v");
    assert_eq!(state.selection.target, Target::Contrast(3, 4), "it begins with what is said again");
    type_text(&mut state, "drake");
    assert_eq!(state.selection.target, Target::Contrast(3, 5));
    keys(&mut state, &[KeyCode::Enter, KeyCode::Esc]);
    assert_eq!(state.selection.target, Target::Top(0), "Esc lets go of it");
}

#[test]
fn where_the_model_is_right_the_runner_up_is_what_it_is_held_against() {
    let mut state = finished(SIZE);
    letters(&mut state, "v");
    assert_eq!(state.selection.target, Target::Contrast(0, 3), "the goose is the second best");
    keys(&mut state, &[KeyCode::Down, KeyCode::Enter]);
    let Target::Contrast(0, other) = state.selection.target else { panic!("{:?}", state.selection.target) };
    assert!(other != 0 && other != 3);
    letters(&mut state, "jv");
    assert_eq!(state.selection.target, Target::Contrast(0, other), "classes stay, and so does what they are against");
}

#[test]
fn two_classes_are_typed_with_a_dash_between() {
    let mut state = at_the_pelican(SIZE);
    letters(&mut state, "tpeli-dra");
    let text = screen(&state);
    assert!(text.contains("▸ pelican against drake"), "{text}");
    keys(&mut state, &[KeyCode::Enter]);
    assert_eq!(state.selection.target, Target::Contrast(4, 5));
    letters(&mut state, "t3-top");
    keys(&mut state, &[KeyCode::Enter]);
    assert_eq!(state.selection.target, Target::Contrast(4, 5), "the goose is the best, and not against itself");
    letters(&mut state, "t4-top:1");
    keys(&mut state, &[KeyCode::Enter]);
    assert_eq!(state.selection.target, Target::Contrast(4, 3), "as --target takes them");
}

#[test]
fn a_dash_in_a_name_is_a_part_of_it() {
    let mut state = finished(SIZE);
    let mut names: Vec<String> = LABELS.map(String::from).to_vec();
    "T-shirt".clone_into(&mut names[6]);
    update(
        &mut state,
        Action::ModelReady(Arc::new(ModelSummary { labels: names.into(), ..ModelSummary::clone(&model()) })),
    );
    letters(&mut state, "tt-sh");
    keys(&mut state, &[KeyCode::Enter]);
    assert_eq!(state.selection.target, Target::Class(6));
    letters(&mut state, "tt-shirt-goose");
    keys(&mut state, &[KeyCode::Enter]);
    assert_eq!(state.selection.target, Target::Contrast(6, 3));
}

#[test]
fn before_anything_is_said_there_is_nothing_to_hold_against() {
    let mut state = opened(SIZE);
    letters(&mut state, "v");
    assert_eq!((&state.panel, state.selection.target), (&Panel::None, Target::Top(0)));
}

#[test]
fn of_two_models_each_has_its_own_classes() {
    let mut state = pair(SIZE);
    press(&mut state, &[Command::First]);
    let image = state.visible.iter().position(|image| *image == 0).unwrap();
    update(&mut state, Action::Select(image));
    letters(&mut state, "v");
    assert_eq!(state.selection.target, Target::Contrast(0, 3), "the first is right");
    keys(&mut state, &[KeyCode::Esc, KeyCode::Tab]);
    work(&mut state);
    letters(&mut state, "v");
    // The second has the classes the other way round, and takes the goldfinch for an agama.
    assert_eq!(state.selection.target, Target::Contrast(5, 7));
}

#[test]
fn a_map_that_comes_while_the_menu_is_left_is_kept() {
    let mut state = with_slow_method();
    press(&mut state, &[Command::Open(PanelKind::Methods)]);
    let effects = press(&mut state, &[Command::Last]);
    update(&mut state, Action::Rested(asked_for_rest(&effects).unwrap()));
    let key = current_key(&state);
    press(&mut state, &[Command::Escape]);
    update(&mut state, Action::Report(Report::Explained(key.clone(), Ok(Arc::new(explained(None))))));
    assert!(state.maps.contains(&key) && state.shown_map != Some(key.clone()));
    assert!(!reports(&Job::Explain(key)).is_empty());
}

#[test]
fn a_method_stays_while_others_are_looked_at_beside_it() {
    let mut state = with_slow_method();
    letters(&mut state, "P");
    assert!(screen(&state).contains("grad-cam stays: what m chooses stands beside it, P lets go of it"));
    assert_eq!(state.scene().len(), 1, "it is beside nothing yet");
    press(&mut state, &[Command::Open(PanelKind::Methods), Command::Next, Command::Accept]);
    work(&mut state);
    let scene = state.scene();
    assert_eq!(scene.len(), 2);
    assert_ne!(scene[0].key, scene[1].key);
    let text = screen(&state);
    assert!(text.contains("stays: grad-cam") && text.contains("guided-backprop"), "{text}");
    approve("pinned_100x30", &state);
    // In the next image, too; both are made.
    press(&mut state, &[Command::Next]);
    let wanted: Vec<_> = state.agenda.tasks.iter().map(|task| &task.job).collect();
    let methods = |state: &State| -> Vec<&'static str> {
        let maps = state.agenda.tasks.iter().filter_map(|task| match &task.job {
            Job::Explain(key) if key.image.id == 1 => Some(key.method),
            _ => None,
        });
        maps.collect()
    };
    assert!(!wanted.is_empty() || methods(&state).is_empty());
    work(&mut state);
    assert_eq!(state.scene().len(), 2);
    letters(&mut state, "P");
    assert_eq!(state.scene().len(), 1);
    assert!(screen(&state).contains("guided-backprop of 1 bullfrog") || state.notice.is_some());
}

#[test]
fn of_a_method_that_stays_two_layers_are_seen_side_by_side() {
    let mut state = finished((120, 36));
    letters(&mut state, "P[");
    work(&mut state);
    let text = screen(&state);
    assert!(text.contains("stays: grad-cam  layer4.2/relu_2 7x7"), "{text}");
    assert_eq!(state.scene().len(), 2, "{text}");
    letters(&mut state, "2");
    work(&mut state);
    assert_eq!(state.scene().len(), 2, "both are about the class that is explained");
    let heat = state.scene().iter().filter(|picture| picture.key.heat.is_some()).count();
    assert_eq!(heat, 2);
    // One picture alone is a view away.
    press(&mut state, &[Command::CycleView]);
    assert!(state.scene().iter().all(|picture| !picture.key.base), "heat, and heat");
    press(&mut state, &[Command::CycleView, Command::CycleView]);
    assert_eq!(state.scene().len(), 1, "the image");
}

#[test]
fn nothing_is_covered_where_two_methods_are_shown() {
    for size in [(80, 24), (60, 20), (200, 60)] {
        let mut state = finished(size);
        letters(&mut state, "P[");
        work(&mut state);
        press(&mut state, &[Command::Redraw]);
        let (_, placements) = crate::support::interface::draw(&state, true);
        assert_eq!(placements.len(), 2, "{size:?}");
        assert!(placements[0].area.intersection(placements[1].area).is_empty());
        assert!(screen(&state).contains("stays: "), "{size:?}: {}", screen(&state));
    }
}
