//! Two models in the interface: what the list says of both, which of them keys act on, and their maps beside each other.

use seewhy::app::keymap::lookup;
use seewhy::app::{
    Action, Change, Command, Mode, ModelId, Notice, Order, Origin, PanelKind, Sign, State, View, update,
};
use seewhy::model::Target;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::cli::{errors, seewhy};
use crate::screens::approve;
use crate::support::interface::{
    LABELS, SECOND, current_key, draw, finished, first_logits, opened, pair, press, screen, second, terminal,
    type_text, work,
};

const SIZE: (u16, u16) = (100, 30);

fn best(logits: &[f32; 8]) -> usize {
    (0..8).reduce(|best, class| if logits[class] > logits[best] { class } else { best }).unwrap()
}

fn probability(logits: &[f32; 8], class: usize) -> f32 {
    logits[class].exp() / logits.iter().map(|logit| logit.exp()).sum::<f32>()
}

#[test]
fn each_change_is_what_the_answers_of_both_come_to() {
    let state = pair(SIZE);
    let mut counts = [0; 4];
    for (image, entry) in state.entries.iter().enumerate() {
        let said = [best(&first_logits(image)), best(&SECOND[image])];
        let folder = entry.name.split('/').next().unwrap();
        let Some(truth) = LABELS.iter().position(|label| *label == folder) else {
            let same = if said[0] == said[1] { Change::Agree } else { Change::Disagree };
            assert_eq!(entry.change(), Some(same), "{}", entry.name);
            continue;
        };
        let (change, count) = match said.map(|said| said == truth) {
            [true, true] => (Change::BothRight, 0),
            [true, false] => (Change::Broken, 1),
            [false, true] => (Change::Fixed, 2),
            [false, false] => (Change::BothWrong, 3),
        };
        counts[count] += 1;
        assert_eq!(entry.change(), Some(change), "{}", entry.name);
        let fall = probability(&first_logits(image), truth) - probability(&SECOND[image], truth);
        assert!((entry.fall().unwrap() - fall).abs() < 1e-5, "{}: {:?} is not {fall}", entry.name, entry.fall());
    }
    let tally = state.tally();
    assert_eq!((tally.known, tally.broken, tally.fixed), (4, counts[1], counts[2]));
    assert_eq!(tally.right, [counts[0] + counts[1], counts[0] + counts[2]]);
    assert!(counts[1] > 0 && counts[2] > 0, "{counts:?}: nothing to tell apart");
}

#[test]
fn it_opens_on_what_the_second_breaks() {
    let mut state = pair(SIZE);
    assert_eq!((state.order, state.cursor), (Order::Broken, 0));
    let changes: Vec<_> = state.visible.iter().map(|image| state.entries[*image].change().unwrap()).collect();
    assert_eq!(changes[..3], [Change::Broken, Change::Broken, Change::Disagree]);
    let falls = [0, 1].map(|row| state.entries[state.visible[row]].fall().unwrap());
    assert!(falls[0] > falls[1], "{falls:?}");
    press(&mut state, &[Command::Sort]);
    assert_eq!(state.order, Order::Found, "and it is one of the orders");

    // Somebody who has moved already stays where they are.
    let mut state = finished(SIZE);
    press(&mut state, &[Command::Next, Command::Next]);
    let image = state.current();
    update(&mut state, Action::SecondReady(second(1)));
    work(&mut state);
    assert_eq!((state.order, state.current()), (Order::Broken, image));
}

#[test]
fn conditions_find_what_changed() {
    let mut state = pair(SIZE);
    for (condition, count) in [("is:broken", 2), ("is:fixed", 1), ("is:disagree", 4), ("is:both-wrong", 0)] {
        press(&mut state, &[Command::Open(PanelKind::Filter)]);
        type_text(&mut state, condition);
        press(&mut state, &[Command::Accept]);
        assert_eq!(state.visible.len(), count, "{condition}");
        press(&mut state, &[Command::Escape]);
    }
    let mut state = finished(SIZE);
    press(&mut state, &[Command::Open(PanelKind::Filter)]);
    type_text(&mut state, "is:broken");
    assert!(state.why_none().contains("only one model"), "{}", state.why_none());
}

#[test]
fn tab_brings_the_other_model_to_the_front_and_back() {
    let mut state = pair(SIZE);
    let tab = lookup(Mode::Browse, KeyEvent::new(KeyCode::Tab, KeyModifiers::NONE)).unwrap();
    let first = current_key(&state);
    assert_eq!((first.image.model, first.target), (ModelId::default(), Target::Class(0)));
    press(&mut state, &[tab]);
    work(&mut state);
    let other = current_key(&state);
    // Its own best class, an agama, in its own order.
    assert_eq!((other.image.model, other.target), (ModelId::new(1), Target::Class(5)));
    assert_eq!((other.image.id, other.method), (first.image.id, first.method));
    assert_eq!(state.shown_map.as_ref(), Some(&other));
    press(&mut state, &[tab]);
    assert_eq!((current_key(&state), state.shown_map.clone()), (first.clone(), Some(first)));

    // A pinned class stays, wherever the other has it; one that it lacks does not.
    state.selection.target = Target::Class(1);
    press(&mut state, &[tab]);
    assert_eq!(state.selection.target, Target::Class(6));
    press(&mut state, &[tab]);
    state.selection.target = Target::Class(3);
    press(&mut state, &[tab]);
    assert_eq!(state.selection.target, Target::Top(0));

    let mut alone = finished(SIZE);
    press(&mut alone, &[tab]);
    assert!(matches!(&alone.notice, Some(Notice::Failed(text)) if text.contains("only one model")));
}

/// Walks to a view.
fn looking_at(view: View, size: (u16, u16)) -> State {
    let mut state = pair(size);
    while state.selection.view != view {
        press(&mut state, &[Command::CycleView]);
    }
    work(&mut state);
    state
}

#[test]
fn both_maps_are_shown_on_one_scale_and_as_their_difference() {
    let mut views = vec![];
    let mut state = pair(SIZE);
    for _ in 0..6 {
        views.push((state.selection.view, state.scene().len()));
        press(&mut state, &[Command::CycleView]);
        work(&mut state);
    }
    let walked = [
        (View::Overlay, 1),
        (View::Heat, 1),
        (View::SideBySide, 2),
        (View::Both, 2),
        (View::Difference, 1),
        (View::Image, 1),
    ];
    assert_eq!(views, walked);

    let state = looking_at(View::Both, SIZE);
    let scene = state.scene();
    let shown = [0, 1].map(|at| scene[at].recipe.compose());
    let hottest = |at: usize| {
        let heat = shown[at].heat.as_ref().unwrap();
        heat.map
            .indexed_iter()
            .fold(((0, 0), 0.0), |most, (at, value)| if *value > most.1 { (at, *value) } else { most })
    };
    // The second one's spot is half as warm in raw values, and on the other side.
    let [(first, warm), (second, cool)] = [hottest(0), hottest(1)];
    assert!((warm - 1.0).abs() < 1e-6 && (cool - 0.5).abs() < 1e-6, "{warm} {cool}");
    assert_eq!((first.0, 27 - first.1), second);
    let models = scene.iter().map(|picture| picture.key.image.model);
    assert!(models.eq([ModelId::default(), ModelId::new(1)]), "the first stands first");

    let mut state = looking_at(View::Difference, SIZE);
    let scene = state.scene();
    let composition = scene[0].recipe.compose();
    let heat = composition.heat.as_ref().unwrap();
    assert_eq!(heat.sign, Sign::Signed);
    let both = shown.each_ref().map(|composition| &composition.heat.as_ref().unwrap().map);
    let second_less_first = both[1].as_ref() - both[0].as_ref();
    assert!(heat.map.iter().zip(&second_less_first).all(|(found, expected)| (found - expected).abs() < 1e-5));
    let before = scene[0].key.clone();
    press(&mut state, &[Command::SwapModels]);
    work(&mut state);
    let Origin::Compared(keys, None) = &state.scene()[0].key.heat.as_ref().unwrap().of.clone() else {
        panic!("still the difference")
    };
    assert_eq!(keys[0].image.model, ModelId::default(), "whichever is in front");
    assert_ne!(state.scene()[0].key, before, "of the class that the one in front says");
}

#[test]
fn a_class_that_the_other_lacks_is_said_and_the_map_is_shown_alone() {
    let mut state = looking_at(View::Both, SIZE);
    state.selection.target = Target::Class(3);
    update(&mut state, terminal(SIZE));
    work(&mut state);
    assert_eq!(state.scene().len(), 1);
    assert!(screen(&state).contains("has no class goose"), "{}", screen(&state));
}

#[test]
fn another_second_takes_the_place_of_the_one_before() {
    let mut state = pair(SIZE);
    press(&mut state, &[Command::SwapModels]);
    update(&mut state, Action::SecondReady(second(2)));
    assert_eq!(state.models(), [ModelId::default(), ModelId::new(2)]);
    assert_eq!(state.model_id(), ModelId::default(), "the one in front is gone");
    assert!(state.entries.iter().all(|entry| entry.second.is_none()));
    assert!(state.agenda.tasks.iter().all(|task| task.job.model() != ModelId::new(1)), "nobody asks it any more");
    work(&mut state);
    assert!(state.entries.iter().all(|entry| entry.second.is_some() && entry.answer().is_some()));
}

#[test]
fn the_answers_of_the_first_come_first() {
    let mut state = opened(SIZE);
    update(&mut state, Action::SecondReady(second(1)));
    let mut models: Vec<_> = state.agenda.tasks.iter().skip(2).map(|task| task.job.model()).collect();
    models.dedup();
    assert_eq!(models, [ModelId::default(), ModelId::new(1)]);
}

#[test]
fn no_size_is_too_small_for_two() {
    let mut state = looking_at(View::Both, SIZE);
    for width in (0..110).step_by(7) {
        for height in (0..32).step_by(3) {
            update(&mut state, terminal((width, height)));
            draw(&state, true);
        }
    }
}

#[test]
fn two_models_on_the_screen() {
    approve("pair_100x30", &pair((100, 30)));
    approve("pair_80x24", &pair((80, 24)));
    approve("pair_60x20", &pair((60, 20)));
    approve("pair_both_100x30", &looking_at(View::Both, (100, 30)));
    approve("pair_difference_80x24", &looking_at(View::Difference, (80, 24)));
}

#[test]
fn more_than_two_models_are_refused() {
    let models = ["--model", "builtin", "--model", "builtin", "--model", "builtin"];
    let output = seewhy(&["."]).args(models).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(errors(&output).contains("3 models were given"), "{}", errors(&output));
}
