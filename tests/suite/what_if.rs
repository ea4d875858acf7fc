//! What if that were not there: superpixels are hidden and shown, and the answer is that of a forward of the changed input.

use std::path::Path;
use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ndarray::{Array2, ArrayD};
use ratatui::layout::Position;
use seewhy::app::{Action, Command, Job, ModelId, Notice, Panel, PanelKind, Report, State, WhatIfKey, update};
use seewhy::explain::{HIDE, LayerChoice, Monitor, Request, Subject, Value, Values, find, what_if};
use seewhy::gallery::demo::PICTURES;
use seewhy::model::{Classifier, ModelSource, Overrides, Target};
use seewhy::network::Pass;
use seewhy::ui;

use crate::keys::letters;
use crate::screens::approve;
use crate::support::interface::{draw, finished, pair, press, screen, terminal, with_superpixels, work};
use crate::support::pty::Answers;
use crate::terminal::{open, pictures, status};

/// Probabilities of one forward and another of the same input.
const ROUNDING: f32 = 1e-5;

/// At the list of superpixels of the first image, with a method that has none.
fn listed(size: (u16, u16)) -> State {
    let mut state = finished(size);
    press(&mut state, &[Command::Open(PanelKind::Segments)]);
    work(&mut state);
    state
}

/// What is hidden.
fn hidden(state: &State) -> Vec<u32> {
    match &state.panel {
        Panel::Segments(panel) => panel.hidden.iter().copied().collect(),
        _ => panic!("{:?} is open", state.panel),
    }
}

/// The question that workers are asked first.
fn asked(state: &State) -> Option<WhatIfKey> {
    match &state.agenda.tasks.first()?.job {
        Job::WhatIf(key) => Some(key.clone()),
        _ => None,
    }
}

fn builtin() -> (Classifier, Pass) {
    let classifier = Classifier::load(&ModelSource::Builtin, &Overrides::default()).unwrap();
    let picture = image::load_from_memory(PICTURES[3].jpeg).unwrap();
    let prepared = classifier.preprocess(&picture).unwrap();
    let pass = classifier.network().forward(Arc::new(prepared.tensor)).unwrap();
    (classifier, pass)
}

/// `[1, C, H, W]` with these superpixels in what takes their place, by superpixel and channel.
fn replaced(input: &ArrayD<f32>, labels: &Array2<u32>, set: &[u32], by: impl Fn(u32, usize) -> f32) -> ArrayD<f32> {
    ArrayD::from_shape_fn(input.raw_dim(), |at| {
        let label = labels[[at[2], at[3]]];
        if set.contains(&label) { by(label, at[1]) } else { input[at] }
    })
}

#[test]
fn the_answer_is_a_forward_of_the_input_without_what_is_hidden() {
    let (classifier, pass) = builtin();
    let network = classifier.network();
    let ask = |hiding: &str, set: &[u32]| {
        let values = Values::from([(HIDE.name.to_owned(), Value::Choice(hiding.to_owned()))]);
        what_if(Subject::of(&classifier, &pass), &values, set, &Monitor::silent()).unwrap()
    };
    let whole = ask("mean", &[]);
    assert_eq!(whole.scores.to_vec(), pass.logits.to_vec(), "nothing is hidden");
    let labels = &whole.labels;
    let mean = |label: u32, channel: usize| {
        let of: Vec<f32> = labels
            .indexed_iter()
            .filter(|(_, other)| **other == label)
            .map(|((y, x), _)| pass.input[[0, channel, y, x]])
            .collect();
        of.iter().sum::<f32>() / of.len() as f32
    };
    let grey = classifier.settings().normalised([128; 3]);
    let set = [1, 4, 5];
    let expected = [
        ("mean", replaced(&pass.input, labels, &set, mean)),
        ("grey", replaced(&pass.input, labels, &set, |_, channel| grey[channel])),
    ];
    for (hiding, input) in expected {
        let answer = ask(hiding, &set);
        let forward = network.forward(Arc::new(input)).unwrap();
        let pairs = answer.scores.probabilities().into_iter().zip(forward.logits.probabilities());
        let apart = pairs.map(|(ours, theirs)| (ours - theirs).abs()).fold(0.0, f32::max);
        assert!(apart < ROUNDING, "{hiding}: {apart}");
        assert_ne!(answer.scores.to_vec(), pass.logits.to_vec());
    }
    let blurred = ask("blur", &set);
    for ((y, x), label) in labels.indexed_iter() {
        let is_kept = (0..3).all(|channel| blurred.input[[0, channel, y, x]] == pass.input[[0, channel, y, x]]);
        assert!(is_kept || set.contains(label), "what is shown is as it was");
    }
}

#[test]
fn superpixels_are_those_of_a_method_with_the_same_values() {
    let (classifier, pass) = builtin();
    let subject = Subject::of(&classifier, &pass);
    let lime = find("lime").unwrap();
    for settings in [vec![("samples", "20")], vec![("samples", "20"), ("segments", "grid"), ("count", "12")]] {
        let values = lime.parse_values(settings).unwrap();
        let (target, layer) = (Target::Top(0), LayerChoice::Auto);
        let request = Request { target, layer, values: values.clone(), seed: 7, tolerance: None };
        let map = lime.method.explain(subject, &request, &Monitor::silent()).unwrap();
        let answer = what_if(subject, &values, &[], &Monitor::silent()).unwrap();
        assert_eq!(answer.labels, map.segments.unwrap().labels);
    }
}

#[test]
fn any_method_has_a_list_of_superpixels_and_keys_hide_and_show_them() {
    let mut state = listed((120, 36));
    let own = screen(&state);
    assert!(own.contains(" superpixels: 3") && own.contains("of the input"), "{own}");
    letters(&mut state, " j ");
    assert_eq!(hidden(&state).len(), 2);
    work(&mut state);
    let text = screen(&state);
    assert!(text.contains("what if: 2 of 3 hidden by mean colour"), "{text}");
    letters(&mut state, " ");
    assert_eq!(hidden(&state).len(), 1, "the marked one is shown again");
    let one = hidden(&state);
    letters(&mut state, "!");
    assert!(hidden(&state).len() == 2 && !hidden(&state).contains(&one[0]), "what was hidden is shown");
    letters(&mut state, "u");
    assert_eq!(hidden(&state), one);
    letters(&mut state, "uuu");
    assert!(hidden(&state).is_empty() && state.notice.is_none());
    letters(&mut state, "u");
    assert_eq!(state.notice, Some(Notice::Failed("there is nothing to undo".to_owned())));
    letters(&mut state, " ");
    work(&mut state);
    press(&mut state, &[Command::Escape]);
    assert_eq!(state.panel, Panel::None);
    assert!(state.what_if().is_none(), "the bars are the image's own again");
    press(&mut state, &[Command::Open(PanelKind::Segments)]);
    assert!(hidden(&state).is_empty());
}

#[test]
fn what_hides_is_chosen_by_p_which_closes_other_panels() {
    let mut state = listed((120, 36));
    letters(&mut state, " ");
    for words in ["blur", "grey", "mean colour"] {
        letters(&mut state, "p");
        work(&mut state);
        assert!(screen(&state).contains(&format!("1 of 3 hidden by {words}")), "{}", screen(&state));
    }
    press(&mut state, &[Command::Escape, Command::Open(PanelKind::Parameters)]);
    assert_ne!(state.panel, Panel::None);
    letters(&mut state, "p");
    assert_eq!(state.panel, Panel::None);
}

#[test]
fn the_newest_question_comes_first_and_the_one_before_is_not_asked_any_more() {
    let mut state = listed((120, 36));
    letters(&mut state, " ");
    let first = asked(&state).unwrap();
    letters(&mut state, "j ");
    let second = asked(&state).unwrap();
    assert_eq!(second.hidden.len(), 2);
    let is_asked =
        |state: &State, key: &WhatIfKey| state.agenda.tasks.iter().any(|task| task.job == Job::WhatIf(key.clone()));
    assert!(!is_asked(&state, &first), "it is stale");
    work(&mut state);
    letters(&mut state, "!u");
    assert!(asked(&state).is_none(), "what was answered is known");
}

#[test]
fn a_click_on_the_picture_hides_and_shows_and_the_picture_is_what_the_model_sees() {
    let mut state = listed((120, 36));
    let click = |state: &mut State| {
        let (_, placements) = draw(state, true);
        let area = placements[0].area;
        let at = Position { x: area.x + area.width / 2, y: area.y + area.height / 2 };
        let action = ui::click(state, at).unwrap();
        update(state, action);
        work(state);
    };
    click(&mut state);
    assert_eq!(hidden(&state), [1]);
    assert_eq!(state.marked_segment(), Some(1));
    let scene = state.scene();
    let changed = scene[0].recipe.compose().base;
    assert_eq!(changed.get_pixel(14, 14).0, [200, 0, 200], "hidden");
    assert_eq!(changed.get_pixel(2, 14).0, [90, 120, 60], "shown");
    click(&mut state);
    assert!(hidden(&state).is_empty());
}

#[test]
fn beside_each_class_is_its_change_in_points_of_percent() {
    let mut state = listed((120, 36));
    letters(&mut state, " j j ");
    work(&mut state);
    let (image, answer) = (state.current().unwrap(), state.what_if().unwrap());
    let best = answer.logits.top(1)[0].index;
    let before = state.prediction(image).unwrap().probabilities[best];
    let change = format!("{:+.1}", 100.0 * (answer.probabilities[best] - before));
    let text = screen(&state);
    let row = text.lines().find(|line| line.contains(&change)).unwrap_or_else(|| panic!("{change}:\n{text}"));
    assert!(row.contains(state.short_label(best)), "{row}");
}

#[test]
fn of_two_models_the_one_in_front_is_asked() {
    let mut state = pair((120, 36));
    press(&mut state, &[Command::SwapModels, Command::Open(PanelKind::Segments)]);
    work(&mut state);
    letters(&mut state, " ");
    assert_eq!(asked(&state).unwrap().image.model, ModelId::new(1));
    work(&mut state);
    assert!(state.what_if().is_some());
}

#[test]
fn an_image_that_cannot_be_divided_says_why() {
    let mut state = finished((120, 36));
    press(&mut state, &[Command::Open(PanelKind::Segments)]);
    let key = asked(&state).unwrap();
    update(&mut state, Action::Report(Report::WhatIf(key, Err("the image has 1 superpixels".to_owned()))));
    assert!(screen(&state).contains("! the image has 1 superpixels"), "{}", screen(&state));
    letters(&mut state, " !p");
    screen(&state);
}

#[test]
fn what_is_hidden_shows_at_every_size() {
    let mut state = listed((120, 36));
    with_superpixels(&mut state);
    letters(&mut state, " j ");
    work(&mut state);
    approve("what_if_120x36", &state);
    for (size, name) in [((80, 24), "what_if_80x24"), ((60, 20), "what_if_60x20")] {
        update(&mut state, terminal(size));
        approve(name, &state);
    }
}

#[test]
fn in_the_program_the_bars_answer() {
    let folder = pictures();
    let mut pty = open(folder.path(), &[], Answers::PLAIN);
    pty.keys("s");
    pty.wait_until("superpixels of the image", |screen| screen.contains("of the input"));
    pty.keys("!");
    pty.wait_until("all of them are hidden", |screen| status(screen).contains("what if: "));
    // All superpixels in their mean colour: the same as hiding them by hand.
    let classifier = Classifier::load(&ModelSource::Builtin, &Overrides::default()).unwrap();
    let picture = image::open(Path::new(folder.path()).join("apple.png")).unwrap();
    let prepared = classifier.preprocess(&picture).unwrap();
    let pass = classifier.network().forward(Arc::new(prepared.tensor)).unwrap();
    let labels = what_if(Subject::of(&classifier, &pass), &Values::new(), &[], &Monitor::silent()).unwrap().labels;
    let all: Vec<u32> = (0..=labels.iter().copied().max().unwrap()).collect();
    let mean = |label: u32, channel: usize| {
        let of: Vec<f32> = labels
            .indexed_iter()
            .filter(|(_, other)| **other == label)
            .map(|((y, x), _)| pass.input[[0, channel, y, x]])
            .collect();
        of.iter().sum::<f32>() / of.len() as f32
    };
    let changed = replaced(&pass.input, &labels, &all, mean);
    let best = classifier.network().forward(Arc::new(changed)).unwrap().logits.top(1)[0].clone();
    pty.wait_until("what a forward of that says", |screen| {
        screen.contains(&format!(" {:.1} ", 100.0 * best.probability))
    });
    pty.keys("\x1b");
    pty.wait_until("the list is back", |screen| !status(screen).contains("what if"));
    pty.keys("q");
    assert!(pty.wait().success());
}

/// The keys that the interface reads while the list is open.
#[test]
fn space_and_enter_hide_and_the_arrows_move() {
    let mut state = listed((120, 36));
    for code in [KeyCode::Char(' '), KeyCode::Down, KeyCode::Enter] {
        let action = state.interpret(KeyEvent::new(code, KeyModifiers::NONE)).unwrap();
        update(&mut state, action);
    }
    assert_eq!(hidden(&state).len(), 2);
}
