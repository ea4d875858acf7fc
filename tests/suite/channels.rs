//! What the channels of a layer hold and contribute: the numbers, the table, the tiles.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ndarray::{Array3, ArrayD, Axis};
use ratatui::layout::Position;
use seewhy::app::{Action, Command, Job, Notice, Origin, Panel, PanelKind, Report, State, update};
use seewhy::explain::{Monitor, Subject, layer_channels};
use seewhy::model::{Classifier, ModelSource, Overrides, Target};
use seewhy::ui;

use crate::support::interface::{channels, current_key, draw, finished, first, model, press, screen, terminal, work};
use crate::support::{Manifest, load};

/// Differences of a network with kinks in single precision, relative to the largest contribution.
const DIFFERENCES: f32 = 2e-2;
/// Sums of some hundred products in single precision, relative.
const ROUNDING: f32 = 1e-4;

fn builtin() -> (Classifier, Arc<ArrayD<f32>>) {
    let classifier = Classifier::load(&ModelSource::Builtin, &Overrides::default()).unwrap();
    let shape = classifier.network().input_shape().to_vec();
    let values = (0..shape.iter().product()).map(|i: usize| (i as f32 * 0.37).sin() + (i as f32 * 0.011).cos());
    let input = ArrayD::from_shape_vec(shape, values.collect()).unwrap();
    (classifier, Arc::new(input))
}

#[test]
fn behind_a_linear_head_contributions_add_up_to_the_score_without_the_bias() {
    let (classifier, input) = builtin();
    let network = classifier.network();
    let pass = network.forward(input).unwrap();
    let layer = network.auto_layer().unwrap();
    let nothing = Array3::zeros(network.layers()[layer].shape);
    let bias = network.logits_from(&pass, layer, &nothing).unwrap();
    for class in [0, 3, 9] {
        let found =
            layer_channels(Subject::of(&classifier, &pass), layer, Target::Class(class), &Monitor::silent()).unwrap();
        let sum: f32 = found.contributions.unwrap().iter().sum();
        let expected = pass.logits[class] - bias[class];
        assert!((sum - expected).abs() < ROUNDING * expected.abs().max(1.0), "class {class}: {sum}, not {expected}");
    }
}

#[test]
fn what_channels_add_and_the_bias_are_the_score_and_each_term_is_a_mean_times_a_weight() {
    let (classifier, input) = builtin();
    let network = classifier.network();
    let pass = network.forward(input).unwrap();
    let last = network.auto_layer().unwrap();
    for target in [Target::Class(3), Target::Contrast(1, 7)] {
        let found = layer_channels(Subject::of(&classifier, &pass), last, target, &Monitor::silent()).unwrap();
        let (terms, sum) = (found.contributions.unwrap(), found.sum.unwrap());
        let added = terms.iter().sum::<f32>() + sum.rest;
        assert!(sum.is_exact && (added - sum.score).abs() < ROUNDING * sum.score.abs().max(1.0), "{added}, {sum:?}");
        for ((term, weight), map) in terms.iter().zip(sum.weights.unwrap()).zip(found.activation.axis_iter(Axis(0))) {
            assert!((term - weight * map.mean().unwrap()).abs() < ROUNDING, "{term}");
        }
    }
    let earlier = network.strip()[2];
    let found = layer_channels(Subject::of(&classifier, &pass), earlier, Target::Class(3), &Monitor::silent()).unwrap();
    let (terms, sum) = (found.contributions.unwrap(), found.sum.unwrap());
    assert!(!sum.is_exact && sum.weights.is_none(), "what follows is no average");
    assert!((terms.iter().sum::<f32>() + sum.rest - sum.score).abs() < ROUNDING * sum.score.abs().max(1.0));
}

#[test]
fn at_an_earlier_layer_a_contribution_is_how_the_score_changes_with_the_channels_strength() {
    let (classifier, input) = builtin();
    let network = classifier.network();
    let pass = network.forward(input).unwrap();
    let layer = network.strip()[2];
    assert!(Some(layer) != network.auto_layer());
    let found = layer_channels(Subject::of(&classifier, &pass), layer, Target::Class(5), &Monitor::silent()).unwrap();
    let contributions = found.contributions.unwrap();
    let largest = contributions.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    assert!(largest > 0.0);
    let mut order: Vec<usize> = (0..contributions.len()).collect();
    order.sort_by(|a, b| contributions[*b].abs().total_cmp(&contributions[*a].abs()));
    for channel in order.into_iter().take(4) {
        let score = |factor: f32| {
            let mut activation = found.activation.clone();
            activation.index_axis_mut(Axis(0), channel).mapv_inplace(|value| value * factor);
            network.logits_from(&pass, layer, &activation).unwrap()[5]
        };
        let change = (score(1.01) - score(0.99)) / 0.02;
        let ours = contributions[channel];
        assert!((ours - change).abs() < DIFFERENCES * largest, "channel {channel}: {ours}, not {change}");
    }
}

#[test]
fn every_layer_of_every_architecture_has_a_contribution_for_each_channel() {
    let manifest = Manifest::read();
    let mut layers_read = 0;
    for (name, golden) in manifest.networks() {
        let Some((classifier, input)) = load(golden, "torchscript", Overrides::default()) else { continue };
        let network = classifier.network();
        let pass = network.forward(input).unwrap();
        for layer in network.strip() {
            let subject = Subject::of(&classifier, &pass);
            let found = layer_channels(subject, layer, Target::Top(0), &Monitor::silent()).unwrap();
            let description = &network.layers()[layer];
            assert_eq!(found.activation.shape(), description.shape, "{name} {}", description.name);
            let contributions = found.contributions.unwrap_or_else(|reason| panic!("{name}: {reason}"));
            assert_eq!(contributions.len(), description.shape[0], "{name} {}", description.name);
            assert!(contributions.iter().all(|value| value.is_finite()), "{name} {}", description.name);
            assert!(contributions.iter().any(|value| *value != 0.0), "{name} {}", description.name);
            layers_read += 1;
        }
    }
    println!("layers read: {layers_read}");
    assert!(layers_read >= 30, "too few layers: {layers_read}");
}

pub(crate) fn keys(state: &mut State, text: &str) {
    for letter in text.chars() {
        let event = KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE);
        if let Some(action) = state.interpret(event) {
            update(state, action);
        }
    }
}

/// At the channels of the last layer.
pub(crate) fn opened(size: (u16, u16)) -> State {
    let mut state = finished(size);
    keys(&mut state, "a");
    work(&mut state);
    state
}

#[test]
fn the_channels_come_before_the_map_and_are_asked_for_once() {
    let mut state = finished((120, 36));
    keys(&mut state, "a");
    let key = state.channels_key(0).unwrap();
    assert_eq!((key.layer, key.target), (9, Target::Class(0)));
    assert_eq!(state.agenda.tasks[0].job, Job::Channels(key.clone()));
    assert!(screen(&state).contains("grad-cam of 1"), "until they are there, the map stays with what it says");
    assert!(screen(&state).contains("working…"));
    work(&mut state);
    assert!(state.channels().is_some() && state.agenda.tasks.is_empty());
    keys(&mut state, "aa");
    assert!(state.agenda.tasks.is_empty(), "they are kept");
}

#[test]
fn a_map_that_is_being_made_goes_on_beside_the_table() {
    let mut state = finished((120, 36));
    press(&mut state, &[Command::Rank(1)]);
    let map = Job::Explain(current_key(&state));
    assert_eq!(state.agenda.tasks[0].job, map);
    keys(&mut state, "a");
    let jobs: Vec<&Job> = state.agenda.tasks.iter().map(|task| &task.job).take(2).collect();
    assert_eq!(jobs, [&Job::Channels(state.channels_key(0).unwrap()), &map], "channels come first");
}

#[test]
fn the_marked_channel_lies_over_the_picture_and_is_framed_among_the_tiles() {
    let mut state = opened((120, 36));
    let shown = |state: &State| {
        let scene = state.scene();
        let of = |at: usize| scene[at].key.heat.as_ref().unwrap().of.clone();
        let Origin::Channel(_, channel) = of(0) else { panic!("{:?}", of(0)) };
        let Origin::Tiles(_, _, page) = of(1) else { panic!("{:?}", of(1)) };
        (channel, page, scene[1].key.lines.as_ref().unwrap().marked.unwrap())
    };
    let order = state.channels().unwrap().order.clone();
    assert_eq!(shown(&state), (order[0], 0, 0));
    press(&mut state, &[Command::Next, Command::Next]);
    assert_eq!(shown(&state), (order[2], 0, 2));
    press(&mut state, &[Command::Last]);
    assert_eq!(shown(&state), (order[69], 1, 5), "64 tiles a page");
    press(&mut state, &[Command::Next]);
    assert_eq!(shown(&state), (order[0], 0, 0), "around the end");
}

#[test]
fn where_dots_are_few_there_are_fewer_tiles_rather_than_unreadable_ones() {
    let mut state = opened((120, 36));
    press(&mut state, &[Command::Last]);
    let tiles = |state: &State| state.scene()[1].recipe.compose().superpixels.unwrap();
    assert_eq!(tiles(&state).marked, Some(5));
    let blocks = seewhy::app::Terminal { dots: (1, 2), ..state.terminal.clone() };
    update(&mut state, Action::Terminal(blocks));
    assert_eq!(tiles(&state).marked, Some(5), "16 tiles a page: the seventieth is the sixth of the fifth page");
    press(&mut state, &[Command::First]);
    let shown = tiles(&state);
    let highest = shown.labels.iter().filter(|label| **label != u32::MAX).max();
    assert_eq!((shown.marked, highest), (Some(0), Some(&15)));
    assert!(shown.labels.dim().0 <= 40, "a cell has a dot: {:?}", shown.labels.dim());
}

#[test]
fn a_click_on_a_tile_marks_its_channel() {
    let mut state = opened((120, 36));
    let tiles = draw(&state, true).1[1].area;
    // The second of eight in the first row.
    let at = Position { x: tiles.x + tiles.width * 3 / 16, y: tiles.y + 1 };
    let action = ui::click(&state, at).unwrap();
    update(&mut state, action);
    assert_eq!(state.marked_channel_row(), Some(1));
    let row = ui::click(&state, Position { x: 5, y: 6 }).unwrap();
    update(&mut state, row);
    assert_eq!(state.marked_channel_row(), Some(3), "the fourth row of the table");
    assert!(ui::click(&state, Position { x: tiles.x, y: tiles.y }).is_none(), "the gap at the corner");
}

#[test]
fn the_same_channel_stays_marked_in_another_image_and_for_another_class() {
    let mut state = opened((120, 36));
    press(&mut state, &[Command::Next, Command::Next]);
    let marked = state.marked_channel().unwrap();
    let before = state.marked_channel_row();
    keys(&mut state, "l");
    assert_eq!((state.cursor, state.scene()[0].key.image.id), (1, 0), "the old one stays until the new one is there");
    work(&mut state);
    assert_eq!((state.scene()[0].key.image.id, state.marked_channel()), (1, Some(marked)));
    assert_ne!(state.marked_channel_row(), before, "in the order of this image");
    keys(&mut state, "2");
    work(&mut state);
    assert_eq!(state.marked_channel(), Some(marked));
    keys(&mut state, "h");
    assert_eq!(state.cursor, 0);
}

#[test]
fn layers_are_stepped_through_whatever_the_method() {
    let mut state = finished((120, 36));
    press(&mut state, &[Command::Open(PanelKind::Methods), Command::Next, Command::Accept]);
    work(&mut state);
    keys(&mut state, "[");
    assert_eq!(state.notice, Some(Notice::Failed("guided-backprop uses no layer".to_owned())));
    keys(&mut state, "a");
    work(&mut state);
    keys(&mut state, "jj]");
    assert_eq!(state.marked_channel_row(), Some(2), "there is no layer behind the last");
    keys(&mut state, "[j");
    assert_eq!(state.marked_channel_row(), Some(3), "the old table stays until the new one is there");
    assert!(screen(&state).contains("of layer4.2/relu_2"), "and the status line is about the old one");
    work(&mut state);
    assert_eq!(state.marked_channel_row(), Some(0), "another layer's channels are others");
    assert_eq!((state.selection.layer, &state.notice), (Some(1), &None));
    assert!(screen(&state).contains("[layer4.0/relu_2 7x7]"));
    assert!(screen(&state).contains("of layer4.0/relu_2"));
}

#[test]
fn what_is_on_screen_adds_up_to_the_score_of_the_class() {
    for size in [(120, 36), (80, 24)] {
        let mut state = opened(size);
        for (digit, class) in [("1", "goldfinch"), ("2", "goose")] {
            keys(&mut state, digit);
            work(&mut state);
            let text = screen(&state);
            let last = |line: &str| line.split_whitespace().filter_map(|word| word.parse::<f32>().ok()).next_back();
            let named = |word: &str| text.lines().find(|line| line.contains(word)).and_then(last).unwrap();
            let is_row = |line: &&str| {
                let mut words = line.split_whitespace().filter(|word| *word != "▸");
                words.next().is_some_and(|word| word.parse::<usize>().is_ok())
                    && !line.contains("others")
                    && !line.contains("channels")
            };
            let rows: f32 = text.lines().filter(is_row).filter_map(last).sum();
            let (others, bias, score) = (named("others"), named("bias"), named(&format!(" = {class}")));
            assert!((rows + others + bias - score).abs() < 0.1, "{rows} + {others} + {bias} is not {score}:\n{text}");
            assert!(text.contains("exactly the score"), "{text}");
        }
    }
    let mut state = opened((120, 36));
    keys(&mut state, "[");
    work(&mut state);
    let text = screen(&state);
    assert!(text.contains("remainder") && text.contains("linearised at this image"), "{text}");
}

#[test]
fn what_speaks_most_for_the_class_and_most_against_it_are_both_on_screen() {
    let mut state = opened((80, 24));
    let channels = state.channels().unwrap();
    let terms = channels.contributions.clone().unwrap();
    let (most, least) = (terms.iter().copied().fold(0.0, f32::max), terms.iter().copied().fold(0.0, f32::min));
    let text = screen(&state);
    assert!(text.contains(&format!("+{most:.2}")) && text.contains(&format!("{least:.2}")), "{text}");
    let marked = |state: &State| terms[state.marked_channel().unwrap()];
    assert_eq!(marked(&state), most);
    keys(&mut state, "!");
    assert_eq!(marked(&state), least);
    keys(&mut state, "!");
    assert_eq!(marked(&state), most);
}

#[test]
fn a_model_without_layers_has_no_channels_and_says_so() {
    let mut state = finished((120, 36));
    let mut flat = seewhy::app::ModelSummary::clone(&model());
    (flat.layers, flat.auto) = (vec![], None);
    update(&mut state, Action::ModelReady(Arc::new(flat)));
    keys(&mut state, "a");
    assert_eq!(state.panel, Panel::None);
    assert_eq!(state.notice, Some(Notice::Failed("this model has no layer with spatial extent".to_owned())));
}

#[test]
fn what_stops_the_network_is_said_in_the_tables_place() {
    let mut state = finished((120, 36));
    keys(&mut state, "a");
    let key = state.channels_key(0).unwrap();
    update(&mut state, Action::Report(Report::Channels(key, Err("could not run the network\u{1b}".to_owned()))));
    let text = screen(&state);
    assert!(text.contains("could not run the network") && !text.contains('\u{1b}'), "{text}");
    assert!(!state.agenda.tasks.iter().any(|task| matches!(task.job, Job::Channels(_))), "it is not asked again");
}

#[test]
fn without_gradients_the_largest_values_are_listed_and_the_reason_stands_above() {
    let mut state = finished((120, 36));
    keys(&mut state, "a");
    let key = state.channels_key(0).unwrap();
    let reason =
        "what the channels contribute is not known: no gradient through Lrn at node \"/no\u{202e}rm\"".to_owned();
    update(&mut state, Action::Report(Report::Channels(key, Ok(Arc::new(channels(0, 0, Err(reason)))))));
    let text = screen(&state);
    assert!(text.contains("! what the channels contribute is not known") && !text.contains('\u{202e}'), "{text}");
    assert!(!text.contains("largest goldfinch"), "a column without numbers has no heading: {text}");
    let largest = state.channels().unwrap().ranges[state.marked_channel().unwrap()].1;
    assert!(state.channels().unwrap().ranges.iter().all(|(_, high)| *high <= largest));
}

#[test]
fn closing_the_table_brings_the_map_back() {
    let mut state = opened((120, 36));
    keys(&mut state, "q");
    assert_eq!(state.panel, Panel::None);
    let scene = state.scene();
    assert_eq!(scene.len(), 1);
    assert_eq!(scene[0].key.heat.as_ref().unwrap().of, Origin::Map(current_key(&state)));
}

#[test]
fn a_broken_image_among_channels_says_why() {
    let mut state = opened((120, 36));
    keys(&mut state, "l");
    work(&mut state);
    update(&mut state, Action::Report(Report::Decoded(first(1), Err("not a picture".to_owned()))));
    let text = screen(&state);
    assert!(text.contains("this image cannot be shown") && !text.contains("working"), "{text}");
    update(&mut state, terminal((60, 20)));
    assert!(screen(&state).contains("not a picture"), "where the table hides the pane too: {}", screen(&state));
    keys(&mut state, "l");
    work(&mut state);
    assert!(screen(&state).contains("70 channels"));
}

#[test]
fn where_the_table_hides_the_tiles_a_click_marks_none() {
    let mut state = opened((60, 20));
    for y in [1, 2, 18] {
        assert!(ui::click(&state, Position { x: 50, y }).is_none(), "row {y}");
    }
    let row = ui::click(&state, Position { x: 50, y: 4 }).unwrap();
    update(&mut state, row);
    assert_eq!(state.marked_channel_row(), Some(1));
}
