//! Weights by the axes that they have in PyTorch, and decisions as the sums that they are.

use std::fs;
use std::sync::Arc;

use ndarray::{ArrayD, Axis};
use seewhy::app::{Command, Panel, PanelKind, State, WeightTable};
use seewhy::explain::{DecisionSum, Monitor, Subject, decision_sum};
use seewhy::model::{Classifier, ModelSource, Overrides, Target};
use seewhy::network::{Network, WeightKind, Weights};
use seewhy::raster::{Recipe, npy};

use crate::cli::{errors, lines, seewhy, text};
use crate::screens::approve;
use crate::support::interface::{finished, press, screen, type_text, work};
use crate::support::{Manifest, fixture, fixture_array, load, miniature_pass};

/// Sums of some hundred products in single precision, relative.
const ROUNDING: f32 = 1e-4;

/// Those of every node that has any, and they can be asked for by their names alone.
fn all_weights(network: &Network) -> Vec<Weights> {
    network.weighted().unwrap().iter().map(|name| network.weights(name).unwrap()).collect()
}

#[test]
fn the_weights_of_every_architecture_are_read_with_the_axes_that_they_have_in_pytorch() {
    let mut checked = 0;
    for (name, network) in Manifest::read().networks() {
        for exporter in ["torchscript", "dynamo"] {
            let Some((classifier, _)) = load(network, exporter, Overrides::default()) else { continue };
            let all = all_weights(classifier.network());
            assert!(all.len() > 2 && all.iter().all(|weights| !weights.values.is_empty()), "{name} {exporter}");
            let first = all.iter().find(|weights| matches!(weights.kind, WeightKind::Convolution { .. })).unwrap();
            assert!(matches!(first.kind, WeightKind::Convolution { on_pixels: true, groups: 1 }), "{name} {exporter}");
            assert_eq!((first.values.ndim(), first.values.shape()[1]), (4, 3), "{name} {exporter}");
            let pixels = |weights: &&Weights| matches!(weights.kind, WeightKind::Convolution { on_pixels: true, .. });
            assert!(all.iter().filter(pixels).count() <= 2, "{name} {exporter}");
            let last = all.last().unwrap();
            match last.kind {
                WeightKind::Linear { of_classes } => {
                    assert!(of_classes && last.values.shape()[0] == 7, "{name} {exporter}");
                }
                // A convolution of one pixel is the classifier.
                kind => {
                    assert!(name == "squeezenet" && matches!(kind, WeightKind::Convolution { .. }), "{name}: {kind:?}");
                }
            }
            let of_classes = |weights: &&Weights| weights.kind == WeightKind::Linear { of_classes: true };
            assert!(all.iter().filter(of_classes).count() <= 1, "{name} {exporter}: one layer gives the scores");
            for weights in &all {
                let (energies, pairs) = (weights.energy_of_inputs(), weights.energy_of_pairs());
                let sum = |values: &mut dyn Iterator<Item = f32>| values.map(|value| value * value).sum::<f32>();
                let whole = sum(&mut weights.values.iter().copied());
                let parts = [energies.map(|e| sum(&mut e.into_iter())), pairs.map(|p| sum(&mut p.into_iter()))];
                for part in parts.into_iter().flatten() {
                    assert!((part - whole).abs() < 1e-3 * whole, "{name} {}: {part}, not {whole}", weights.name);
                }
            }
            checked += 1;
        }
    }
    assert!(checked >= 20, "{checked}");
}

#[test]
fn depthwise_and_grouped_kernels_have_an_input_for_each_of_their_group() {
    let groups_of = |name: &str| -> Vec<(usize, Vec<usize>)> {
        let (classifier, _) = miniature_pass(name);
        let convolution = |weights: Weights| match weights.kind {
            WeightKind::Convolution { groups, .. } => Some((groups, weights.values.shape().to_vec())),
            _ => None,
        };
        all_weights(classifier.network()).into_iter().filter_map(convolution).collect()
    };
    let depthwise = groups_of("mobilenet_v2");
    assert!(
        depthwise.iter().any(|(groups, shape)| *groups > 1 && *groups == shape[0] && shape[1] == 1),
        "{depthwise:?}"
    );
    assert!(depthwise.iter().any(|(groups, shape)| *groups == 1 && shape[2..] == [1, 1]), "{depthwise:?}");
    let grouped = groups_of("regnet");
    assert!(grouped.iter().any(|(groups, shape)| *groups > 1 && shape[1] > 1 && shape[0] % groups == 0), "{grouped:?}");
}

fn adds_up(found: &DecisionSum) {
    let sum = found.terms.iter().map(|term| f64::from(term.value)).sum::<f64>() + f64::from(found.rest);
    let largest = found.terms.iter().fold(1.0f32, |largest, term| largest.max(term.value.abs()));
    assert!((sum as f32 - found.score).abs() < ROUNDING * largest.max(found.score.abs()), "{sum}, not {}", found.score);
    for term in &found.terms {
        let places: f32 = found.map(term).sum();
        assert!((places - term.value).abs() < ROUNDING * largest, "channel {}", term.channel);
    }
    assert!(found.terms.windows(2).all(|pair| pair[0].value.abs() >= pair[1].value.abs()));
    assert!(found.speaking_for().all(|term| term.value > 0.0) && found.speaking_against().all(|term| term.value < 0.0));
}

/// Behind an average and a linear layer: exactly, and each term is the channel's mean times its weight.
#[test]
fn a_decision_is_the_sum_of_what_channels_add_and_the_bias() {
    for name in ["cnn", "resnet", "mobilenet_v2", "densenet", "swin", "regnet", "efficientnet"] {
        let (classifier, pass) = miniature_pass(name);
        let subject = Subject::of(&classifier, &pass);
        let head = all_weights(classifier.network()).pop().unwrap();
        for target in [Target::Class(2), Target::Top(0), Target::Contrast(1, 5)] {
            let found = decision_sum(subject, target, &Monitor::silent()).unwrap();
            assert!(found.is_exact, "{name}");
            adds_up(&found);
            let activation = classifier.network().activation(&pass, found.layer).unwrap();
            let weight = |class: usize, channel: usize| head.values[[class, channel]];
            for term in &found.terms {
                let mean = activation.index_axis(Axis(0), term.channel).mean().unwrap();
                let weight = match target.resolve(&pass.logits).unwrap() {
                    Target::Contrast(a, b) => weight(a, term.channel) - weight(b, term.channel),
                    Target::Class(class) => weight(class, term.channel),
                    other => panic!("{other:?}"),
                };
                assert!((term.value - mean * weight).abs() < 1e-4 * mean.abs().max(1.0), "{name} {}", term.channel);
            }
        }
        let probability = decision_sum(subject, Target::Probability(2), &Monitor::silent()).unwrap();
        assert!(!probability.is_exact, "a probability is no sum");
        adds_up(&probability);
    }
}

#[test]
fn behind_any_other_head_it_is_said_to_be_a_linearisation_and_adds_up_with_a_remainder() {
    for name in ["vit", "vgg", "mobilenet_v3", "convnext"] {
        let (classifier, pass) = miniature_pass(name);
        let found = decision_sum(Subject::of(&classifier, &pass), Target::Top(0), &Monitor::silent()).unwrap();
        assert!(!found.is_exact && found.statement().contains("linearisation"), "{name}");
        adds_up(&found);
    }
}

#[test]
fn the_bundled_model_decides_by_a_sum() {
    let classifier = Classifier::load(&ModelSource::Builtin, &Overrides::default()).unwrap();
    let shape = classifier.network().input_shape().to_vec();
    let values = (0..shape.iter().product()).map(|i: usize| (i as f32 * 0.37).sin()).collect();
    let pass = classifier.network().forward(Arc::new(ArrayD::from_shape_vec(shape, values).unwrap())).unwrap();
    let found = decision_sum(Subject::of(&classifier, &pass), Target::Top(0), &Monitor::silent()).unwrap();
    assert!(found.is_exact);
    adds_up(&found);
}

#[test]
fn the_command_writes_an_array_and_a_sheet_for_each_layer() {
    let folder = tempfile::tempdir().unwrap();
    for (model, at_least) in [("cnn", 3), ("mobilenet_v2", 5), ("vit", 6), ("vgg", 4)] {
        let file = fixture(&format!("{model}/torchscript.onnx"));
        let shape = fixture_array(Manifest::read().network(model)["input"].as_str().unwrap()).shape().to_vec();
        let output = seewhy(&["weights", "--input-size", &format!("{}x{}", shape[3], shape[2])])
            .args(["--model", text(&file), "--out"])
            .arg(folder.path().join(model))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", errors(&output));
        let lines = lines(&output);
        assert!(lines.len() >= at_least, "{model}: {}", lines.len());
        for line in &lines {
            let array = npy::read(fs::File::open(line["files"]["npy"].as_str().unwrap()).unwrap()).unwrap();
            assert_eq!(line["shape"], serde_json::json!(array.shape()), "{line}");
            let sheet = image::open(line["files"]["png"].as_str().unwrap()).unwrap();
            assert!(sheet.width() >= 100 && sheet.height() >= 20 && sheet.height() < 4000, "{line}");
        }
        let last = lines.last().unwrap();
        assert_eq!(last["axes"], serde_json::json!(["classes", "features"]), "{last}");
    }
    for (exporter, inside) in [("torchscript", "/2/conv1/Conv /2/conv2/Conv"), ("dynamo", "node_Conv_97 node_Conv_99")]
    {
        let file = fixture("resnet").join(exporter).with_extension("onnx");
        let output = seewhy(&["weights", "--layer", "2,2.conv2", "--model", text(&file)]).output().unwrap();
        let names: Vec<String> = lines(&output).iter().map(|line| line["layer"].as_str().unwrap().to_owned()).collect();
        assert_eq!(names.join(" "), inside, "all that is inside, each once: {}", errors(&output));
    }
    let refused = seewhy(&["weights", "--layer", "head.cnov"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(errors(&refused).contains("no weights at"), "{}", errors(&refused));
}

/// In the walk at a stage, with its weights open.
fn weights_of(stage: usize) -> State {
    let mut state = finished((120, 36));
    press(&mut state, &[Command::Open(PanelKind::Walk)]);
    press(&mut state, &vec![Command::LayerOn; stage]);
    press(&mut state, &[Command::Open(PanelKind::Weights)]);
    work(&mut state);
    state
}

#[test]
fn a_convolution_on_pixels_is_shown_as_its_filters() {
    let mut state = weights_of(1);
    let text = screen(&state);
    assert!(text.contains("70 filters of 7x7") && text.contains("filters in their colours"), "{text}");
    let scene = state.scene();
    let Recipe::Sheet(all) = &scene[1].recipe else { panic!("a sheet") };
    assert_eq!((scene.len(), all.framed, all.pictures.len()), (2, Some(0), 64));
    press(&mut state, &[Command::Next]);
    let Recipe::Sheet(all) = &state.scene()[1].recipe else { panic!("a sheet") };
    assert_eq!(all.framed, Some(1));
    // Nothing of the image that is looked at.
    assert!(state.scene().iter().all(|picture| picture.key.heat.is_none() && picture.key.weights.is_some()));
}

#[test]
fn any_other_is_shown_by_what_an_output_reads_of_each_input() {
    let mut state = weights_of(2);
    let text = screen(&state);
    assert!(text.contains("output 0 of 70, 70 inputs") && text.contains("the kernel from input"), "{text}");
    press(&mut state, &[Command::More]);
    work(&mut state);
    assert!(screen(&state).contains("output 1 of 70"));
    press(&mut state, &[Command::Escape]);
    assert!(matches!(&state.panel, Panel::Walk(walk) if walk.marked == 2));
}

#[test]
fn the_weights_of_the_scores_are_those_of_the_class_that_is_explained() {
    let mut state = weights_of(6);
    let text = screen(&state);
    assert!(text.contains("goldfinch, 70 inputs") && text.contains("a number for each input"), "{text}");
    press(&mut state, &[Command::Rank(1)]);
    work(&mut state);
    assert!(screen(&state).contains("goose, 70 inputs"), "{}", screen(&state));
    let [numbers] = &state.scene()[..] else { panic!("one picture") };
    let Recipe::Sheet(numbers) = &numbers.recipe else { panic!("a sheet") };
    assert!(numbers.boxes[0].is_some(), "the marked one is framed");
}

#[test]
fn where_a_stage_has_no_weights_it_is_said_which_has() {
    let mut state = weights_of(3);
    let text = screen(&state);
    for words in ["a sum has no weights. ] goes to", "next that has:", "layer4.2/relu_2. [ goes to the"] {
        assert!(text.contains(words), "{text}");
    }
    press(&mut state, &[Command::LayerOn]);
    work(&mut state);
    assert!(screen(&state).contains("output 0 of 70"));
}

#[test]
fn beside_channels_the_marked_one_is_the_output() {
    let mut state = finished((120, 36));
    press(&mut state, &[Command::Open(PanelKind::Channels)]);
    work(&mut state);
    press(&mut state, &[Command::Next]);
    let channel = state.marked_channel().unwrap();
    press(&mut state, &[Command::Open(PanelKind::Weights)]);
    work(&mut state);
    assert!(screen(&state).contains(&format!("output {channel} of 70")));
    press(&mut state, &[Command::Escape]);
    assert_eq!((state.marked_channel(), state.panel != Panel::None), (Some(channel), true));
    // Another class by its name, and back.
    press(&mut state, &[Command::Open(PanelKind::Classes)]);
    type_text(&mut state, "pelican");
    press(&mut state, &[Command::Accept]);
    work(&mut state);
    assert!(screen(&state).contains(" = pelican"), "{}", screen(&state));
}

#[test]
fn weights_that_are_looked_at_stand_as_they_are_approved() {
    for (stage, name) in [(1, "weights_filters_120x36"), (2, "weights_kernels_120x36"), (3, "weights_none_120x36")] {
        approve(name, &weights_of(stage));
    }
}

/// What a stage of a real network has of weights is read by what it is called.
#[test]
fn the_weights_of_every_stage_can_be_looked_at() {
    let mut looked_at = 0;
    for name in ["cnn", "mobilenet_v2", "regnet", "vit", "swin", "vgg"] {
        let (classifier, _) = miniature_pass(name);
        let network = classifier.network();
        let stages = network.stages().unwrap();
        let nodes: Vec<&String> = stages.iter().flat_map(|stage| &stage.weighted).collect();
        assert!(!nodes.is_empty(), "{name}");
        for node in nodes {
            let weights = network.weights(node).unwrap();
            let table = WeightTable::new(&weights, 1, false);
            match weights.kind {
                WeightKind::Other => assert!(table.is_err(), "{name} {node}"),
                _ => {
                    let table = table.unwrap();
                    let most = table.rows[0].value.abs();
                    assert!(table.rows.iter().all(|row| row.value.abs() <= most), "{name} {node}");
                    looked_at += 1;
                }
            }
        }
        for layer in network.strip() {
            assert!(stages.iter().any(|stage| stage.layers.contains(&layer)), "{name} {layer}");
        }
    }
    assert!(looked_at > 30, "{looked_at}");
}
