//! The walk from the input to the scores: what stages are listed, what they count, where branches part and meet, and how the
//! picture follows.

use std::sync::Arc;
use std::time::Duration;

use seewhy::app::{
    Action, Activated, Command, Effect, Export, Job, Notice, Origin, Panel, PanelKind, Report, State, update,
};
use seewhy::model::{Classifier, Overrides};
use seewhy::network::{Stage, StageTime, with_threads};

use crate::support::interface::{activation, finished, first, press, screen, work};
use crate::support::{Manifest, load, miniature};

fn named<'s>(stages: &'s [Stage], name: &str) -> &'s Stage {
    stages.iter().find(|stage| stage.name == name).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn stages_count_their_weights_and_their_products() {
    let classifier = Classifier::builtin().unwrap();
    let stages = classifier.network().stages().unwrap();
    // 3x3 over 96 channels, 96 of them and as many biases, at 16x16 places.
    let conv = named(&stages, "res1.conv");
    assert_eq!((conv.weights, conv.work), (96 * 96 * 9 + 96, 96 * 96 * 9 * 16 * 16));
    assert_eq!((conv.operators.join(" "), &conv.shape[..]), ("Conv Relu".to_owned(), &[96, 16, 16][..]));
    let head = stages.last().unwrap();
    assert_eq!((head.weights, head.work, head.layer), (384 * 10 + 10, 384 * 10, None));
    assert!(stages[0].from.is_empty() && stages[0].name == "input" && stages[0].weights == 0);
}

#[test]
fn a_residual_joins_what_it_bypasses() {
    let classifier = Classifier::builtin().unwrap();
    let stages = classifier.network().stages().unwrap();
    let sum = named(&stages, "res1.add");
    let reads: Vec<&str> = sum.from.iter().map(|at| stages[*at].name.as_str()).collect();
    assert_eq!(reads, ["layer1.pool", "res1.conv"]);
    assert!(sum.trunk && !named(&stages, "res1.conv").trunk);
}

#[test]
fn every_architecture_can_be_walked_to_its_scores_from_both_exporters() {
    for (name, network) in Manifest::read().networks() {
        for exporter in ["dynamo", "torchscript"] {
            let Some((classifier, _)) = load(network, exporter, Overrides::default()) else { continue };
            let network = classifier.network();
            let stages = network.stages().unwrap();
            let case = format!("{name}, {exporter}");
            assert!(
                stages[1..].iter().enumerate().all(|(at, stage)| !stage.from.is_empty() && stage.from[0] <= at),
                "{case}"
            );
            let last = stages.last().unwrap();
            assert_eq!(last.shape.iter().product::<usize>(), network.classes(), "{case}: {last:?}");
            assert!(last.trunk && last.layer.is_none(), "{case}: {last:?}");
            let layers: Vec<usize> = stages.iter().filter_map(|stage| stage.layer).collect();
            for layer in &layers {
                let shape = network.layers()[*layer].shape.to_vec();
                assert!(stages.iter().any(|stage| stage.layer == Some(*layer) && stage.shape == shape), "{case}");
            }
            let read = stages.iter().flat_map(|stage| &stage.from).collect::<std::collections::HashSet<_>>();
            assert_eq!(read.len() + 1, stages.len(), "{case}: every stage but the last is read");
        }
    }
}

#[test]
fn the_time_of_a_pass_is_shared_among_its_stages() {
    let times_of = |classifier: &Classifier| {
        let network = classifier.network();
        let times = with_threads(1, || network.stage_times(|| false)).unwrap().unwrap();
        let stages = network.stages().unwrap();
        let shares: Vec<Option<f64>> = (0..stages.len()).map(|at| times.share(at)).collect();
        assert_eq!(times.stages.len(), stages.len());
        assert!(shares.iter().flatten().all(|share| (0.0..=1.0).contains(share)), "{shares:?}");
        assert!(shares.iter().flatten().sum::<f64>() <= 1.0, "{shares:?}");
        (stages, times, shares)
    };
    let convolves = |stage: &Stage| stage.operators.iter().any(|operator| operator == "Conv");

    let (stages, _, shares) = times_of(&Classifier::builtin().unwrap());
    for (stage, share) in stages.iter().zip(shares).filter(|(stage, _)| convolves(stage)) {
        assert!(share.is_some_and(|share| share > 0.0), "{stage:?}");
    }
    let mut fused = 0;
    for (name, network) in Manifest::read().networks() {
        for exporter in ["dynamo", "torchscript"] {
            let Some((classifier, _)) = load(network, exporter, Overrides::default()) else { continue };
            let (stages, times, shares) = times_of(&classifier);
            let case = format!("{name}, {exporter}");
            assert!(shares.iter().flatten().any(|share| *share > 0.0), "{case}");
            for (at, (stage, time)) in stages.iter().zip(&times.stages).enumerate() {
                assert!(!convolves(stage) || matches!(time, StageTime::Own(_)), "{case}: {stage:?}");
                let StageTime::Fused(by) = time else { continue };
                fused += 1;
                assert!(*by != at && matches!(times.stages[*by], StageTime::Own(_)), "{case}: {stage:?} in {by}");
            }
        }
    }
    assert!(fused > 0, "no stage is done inside of another");
}

#[test]
fn the_sum_of_a_residual_is_done_in_its_convolution() {
    let (classifier, _) = miniature("resnet", "torchscript");
    let network = classifier.network();
    let (stages, times) = (network.stages().unwrap(), network.stage_times(|| false).unwrap().unwrap());
    let sums: Vec<usize> = (0..stages.len()).filter(|at| stages[*at].from.len() > 1).collect();
    assert!(!sums.is_empty());
    for at in sums {
        let StageTime::Fused(by) = times.stages[at] else { panic!("{:?} {:?}", stages[at], times.stages[at]) };
        assert!(stages[at].from.contains(&by) && stages[by].work > 0, "{:?} in {:?}", stages[at], stages[by]);
    }
}

#[test]
fn a_clock_stops_when_nobody_waits_for_it() {
    let classifier = Classifier::builtin().unwrap();
    assert_eq!(classifier.network().stage_times(|| true).unwrap(), None);
}

#[test]
fn stages_are_timed_once_a_model_while_they_are_looked_at() {
    let mut state = finished((120, 36));
    let is_wanted = |state: &State| state.agenda.tasks.iter().any(|task| matches!(task.job, Job::Time(_)));
    assert!(!is_wanted(&state));
    press(&mut state, &[Command::Open(PanelKind::Walk), Command::LayerOn]);
    assert!(is_wanted(&state));
    assert!(screen(&state).contains("14 %     …"), "{}", screen(&state));
    work(&mut state);
    let text = screen(&state);
    assert!(text.contains("14 %  25 %") && text.contains("24 ms of 96 ms"), "{text}");
    press(&mut state, &[Command::Next, Command::Next]);
    work(&mut state);
    let text = screen(&state);
    assert!(text.contains("29 %     ·") && text.contains("fused into layer3.5/conv1"), "{text}");
    press(&mut state, &[Command::Escape, Command::Open(PanelKind::Walk)]);
    assert!(!is_wanted(&state));
}

#[test]
fn why_stages_have_no_time_is_said() {
    let mut state = finished((120, 36));
    press(&mut state, &[Command::Open(PanelKind::Walk), Command::LayerOn]);
    let Some(Job::Time(model)) =
        state.agenda.tasks.iter().map(|task| task.job.clone()).find(|job| matches!(job, Job::Time(_)))
    else {
        panic!("no clock")
    };
    update(&mut state, Action::Report(Report::Timed(model, Err("the plan broke".to_owned()))));
    assert!(screen(&state).contains("not timed: the plan broke"), "{}", screen(&state));
    assert!(!state.agenda.tasks.iter().any(|task| matches!(task.job, Job::Time(_))));
}

#[test]
fn the_picture_follows_the_walk() {
    let mut state = finished((120, 36));
    press(&mut state, &[Command::Open(PanelKind::Walk)]);
    let [input] = &state.scene()[..] else { panic!("one picture") };
    assert!(input.key.seen && input.key.heat.is_none());
    assert!(screen(&state).contains("the input as the model sees it, 3 x 224 x 224"));

    press(&mut state, &[Command::LayerOn]);
    let wanted = state.agenda.tasks.first().map(|task| task.job.clone());
    assert!(matches!(&wanted, Some(Job::Channels(key)) if key.layer == 1 && key.image == first(0)), "{wanted:?}");
    assert!(state.scene()[0].key.heat.is_none(), "no other map is taken for the layer");
    work(&mut state);
    let of = |state: &State| state.scene()[0].key.heat.as_ref().map(|heat| heat.of.clone());
    assert!(matches!(of(&state), Some(Origin::Energy(key)) if key.layer == 1));

    // On a branch, where no layer could be selected.
    press(&mut state, &[Command::Next, Command::Next]);
    work(&mut state);
    assert!(matches!(of(&state), Some(Origin::Energy(key)) if key.layer == 4));
    let text = screen(&state);
    assert!(text.contains("joins conv1 + layer3.5/conv1") && text.contains("energy of layer3.5"), "{text}");

    press(&mut state, &[Command::Last]);
    assert!(matches!(of(&state), Some(Origin::Map(_))));
    let text = screen(&state);
    assert!(text.contains("goldfinch") && text.contains("8 scores"), "{text}");
}

#[test]
fn a_layer_is_seen_before_it_is_known_what_its_channels_contribute() {
    let mut state = finished((120, 36));
    press(&mut state, &[Command::Open(PanelKind::Walk), Command::LayerOn]);
    let of = |state: &State| state.scene()[0].key.heat.as_ref().map(|heat| heat.of.clone());
    let Some(Job::Channels(key)) = state.agenda.tasks.first().map(|task| task.job.clone()) else { panic!("no layer") };
    assert_eq!(of(&state), None);
    let activated = Arc::new(Activated::new(&activation(0, 1), Duration::from_millis(2)));
    update(&mut state, Action::Report(Report::Activated(key.clone(), activated)));
    assert_eq!(of(&state), Some(Origin::Energy(key.clone())));
    let text = screen(&state);
    assert!(text.contains("energy of conv1") && !text.contains("counts most"), "{text}");
    let is_wanted = |state: &State| state.agenda.tasks.iter().any(|task| task.job == Job::Channels(key.clone()));
    assert!(is_wanted(&state), "the rest is to come");
    work(&mut state);
    assert!(screen(&state).contains("counts most") && !is_wanted(&state));
    assert_eq!(of(&state), Some(Origin::Energy(key)));
}

#[test]
fn what_a_stage_shows_is_written() {
    let mut state = finished((120, 36));
    let written = |state: &mut State| match &press(state, &[Command::Write])[..] {
        [Effect::Export(Export::Channel(export))] => {
            assert_eq!((export.unit, export.pictures.len(), &export.path), (None, 1, &state.entries[0].path));
            Some((export.layer.clone(), export.pictures[0].0, export.pictures[0].1.key.clone()))
        }
        [Effect::Export(Export::Map(_))] => None,
        other => panic!("{other:?}"),
    };
    press(&mut state, &[Command::Open(PanelKind::Walk)]);
    let (layer, shows, picture) = written(&mut state).unwrap();
    assert_eq!((layer.as_str(), shows, picture.seen), ("input", "seen", true));
    press(&mut state, &[Command::LayerOn]);
    assert!(press(&mut state, &[Command::Write]).is_empty(), "it is not there yet");
    assert!(screen(&state).contains("there is nothing to write yet"));
    work(&mut state);
    let (layer, shows, picture) = written(&mut state).unwrap();
    assert_eq!((layer.as_str(), shows), ("/conv1/Conv", "energy"));
    assert!(matches!(picture.heat.unwrap().of, Origin::Energy(key) if key.layer == 1));
    press(&mut state, &[Command::Last]);
    assert_eq!(written(&mut state), None, "at the scores the map is seen, and written");
}

#[test]
fn enter_opens_the_channels_of_a_stage_and_escape_comes_back() {
    let mut state = finished((120, 36));
    press(&mut state, &[Command::Open(PanelKind::Walk), Command::Accept]);
    assert!(matches!(&state.notice, Some(Notice::Failed(text)) if text.starts_with("input has no channels")));
    press(&mut state, &[Command::LayerOn, Command::Accept]);
    work(&mut state);
    assert_eq!(state.shown_channels().map(|key| key.layer), Some(1));
    press(&mut state, &[Command::LayerOn]);
    work(&mut state);
    assert_eq!(state.shown_channels().map(|key| key.layer), Some(3));
    press(&mut state, &[Command::Escape]);
    assert!(matches!(&state.panel, Panel::Walk(walk) if walk.marked == 2));
    press(&mut state, &[Command::LayerBack, Command::LayerBack, Command::LayerBack]);
    assert!(matches!(&state.panel, Panel::Walk(walk) if walk.is_at_input()));
    press(&mut state, &[Command::Escape]);
    assert_eq!(state.panel, Panel::None);
}

#[test]
fn at_the_head_the_score_is_a_sum_and_enter_takes_it_apart() {
    let mut state = finished((120, 36));
    press(&mut state, &[Command::Open(PanelKind::Walk), Command::Last]);
    work(&mut state);
    let text = screen(&state);
    assert!(text.contains("goldfinch ") && text.contains(" channels − ") && text.contains(" bias"), "{text}");
    press(&mut state, &[Command::Accept]);
    work(&mut state);
    assert_eq!(state.shown_channels().map(|key| key.layer), Some(9));
    assert!(screen(&state).contains("exactly the score"));
    press(&mut state, &[Command::Escape]);
    assert!(matches!(&state.panel, Panel::Walk(walk) if walk.is_at_head(&state)));
    press(&mut state, &[Command::Accept, Command::LayerBack]);
    work(&mut state);
    assert_eq!(state.shown_channels().map(|key| key.layer), Some(4), "and on to what is before");
    press(&mut state, &[Command::Escape]);
    assert!(matches!(&state.panel, Panel::Walk(walk) if walk.marked == 3));
}
