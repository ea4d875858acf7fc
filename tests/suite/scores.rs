//! What the scores are: the endings that people give their networks, against onnxruntime; what is said of each.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;

use ndarray::ArrayD;
use seewhy::model::{Classifier, ModelSource, Origin, Overrides, Target};
use seewhy::network::{OutputActivation, Scores};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::cli::{lines, seewhy};
use crate::support::fixture;

#[derive(Deserialize)]
struct Expected {
    /// The network's own.
    outputs: Vec<f32>,
    /// What goes into the softmax or sigmoid.
    scores: Vec<f32>,
}

fn expected() -> HashMap<String, Expected> {
    serde_json::from_str(&fs::read_to_string(fixture("scores/expected.json")).unwrap()).unwrap()
}

fn load_with(name: &str, overrides: &Overrides) -> Result<Classifier, String> {
    let source = ModelSource::Path(fixture("scores").join(format!("{name}.onnx")));
    Classifier::load(&source, overrides).map_err(|error| error.to_string())
}

fn load(name: &str) -> Classifier {
    load_with(name, &Overrides::default()).unwrap()
}

fn scores(classifier: &Classifier) -> Scores {
    let input = ArrayD::from_elem(classifier.network().input_shape(), 0.5);
    classifier.network().logits(input.view()).unwrap()
}

fn assert_near(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < tolerance, "{what}: {found:?} is not {expected:?}");
}

/// Float32 through different kernels.
const ROUNDING: f32 = 1e-5;
/// Half precision has 11 bits, 8 bits have steps of 1/256: half a step.
const COARSE: f32 = 2.1e-3;

#[test]
fn the_networks_own_outputs_are_shown_and_what_makes_them_is_explained() {
    let expected = expected();
    for name in [
        "softmax-clip",
        "softmax-smoothed",
        "softmax-tall",
        "logsoftmax-exp",
        "written-out",
        "sigmoids",
        "sigmoids-written-out",
        "softmax-half",
        "softmax-quantised",
    ] {
        let (classifier, expected) = (load(name), &expected[name]);
        let found = scores(&classifier);
        assert_near(&found, &expected.scores, ROUNDING, name);
        let tolerance = if name.ends_with("half") || name.ends_with("quantised") { COARSE } else { ROUNDING };
        assert_near(&found.probabilities(), &expected.outputs, tolerance, name);
        assert_eq!(classifier.output().activation.origin, Origin::Graph, "{name}");
    }
}

#[test]
fn factors_are_divided_out_and_logarithms_undone() {
    let expected = expected();
    for (name, unit) in [("softmax-percent", 100.0), ("sigmoids-percent", 100.0), ("softmax-weighted", f32::NAN)] {
        let expected = &expected[name];
        let unit = if unit.is_nan() { expected.outputs.iter().sum() } else { unit };
        let shares: Vec<f32> = expected.outputs.iter().map(|output| output / unit).collect();
        let found = scores(&load(name));
        assert_near(&found, &expected.scores, ROUNDING, name);
        assert_near(&found.probabilities(), &shares, ROUNDING, name);
    }
    for name in ["softmax-log", "logsoftmax"] {
        let expected = &expected[name];
        let shares: Vec<f32> = expected.outputs.iter().map(|output| output.exp()).collect();
        let found = scores(&load(name));
        assert_near(&found, &expected.scores, ROUNDING, name);
        assert_near(&found.probabilities(), &shares, ROUNDING, name);
    }
}

#[test]
fn classes_that_are_dropped_or_moved_after_a_softmax_keep_their_scores() {
    let expected = expected();
    for (name, order) in [("softmax-slice", &[1, 2, 3, 4][..]), ("softmax-gather", &[2, 0, 4, 1, 3])] {
        let expected = &expected[name];
        let classifier = load(name);
        assert_eq!(classifier.network().classes(), order.len());
        let found = scores(&classifier);
        let moved: Vec<f32> = order.iter().map(|index| expected.scores[*index]).collect();
        assert_near(&found, &moved, ROUNDING, name);
        assert_near(&found.probabilities(), &expected.outputs, ROUNDING, name);
    }
}

/// The gradient of what is shown, by differences: a dropped background counts too.
#[test]
fn the_gradient_of_a_probability_is_that_of_what_is_shown() {
    const STEP: f32 = 1e-2;
    for name in ["softmax-slice", "softmax-gather", "softmax-weighted", "sigmoids", "one-sigmoid", "two-heads"] {
        let network_of = load(name);
        let network = network_of.network();
        let input = ArrayD::from_elem(network.input_shape(), 0.5_f32);
        for class in 0..network.classes() {
            let target = Target::Probability(class);
            let cotangent = target.cotangent(&network.logits(input.view()).unwrap()).unwrap();
            let (_, gradient) = network.input_gradient(input.view(), &cotangent).unwrap();
            let shown = |moved: f32| {
                let input = &input + &(&gradient * moved);
                f64::from(network.logits(input.view()).unwrap().probabilities()[class])
            };
            let length = gradient.iter().map(|value| f64::from(value * value)).sum::<f64>();
            let slope = (shown(STEP) - shown(-STEP)) / f64::from(2.0 * STEP);
            assert!((slope - length).abs() < 0.02 * length + 1e-6, "{name}, class {class}: {slope} is not {length}");
        }
    }
}

#[test]
fn probabilities_without_a_softmax_are_shown_as_they_are_and_their_logarithm_is_explained() {
    let expected = expected();
    for name in ["two-heads", "normalised"] {
        let classifier = load(name);
        let found = scores(&classifier);
        assert_near(&found.probabilities(), &expected[name].outputs, ROUNDING, name);
        let best = found.top(1)[0].index;
        assert!((found[best] - expected[name].outputs[best].ln()).abs() < ROUNDING, "{name}");
        assert_eq!(classifier.output().activation.origin, Origin::Values, "{name}");
        assert!(classifier.notices().iter().any(|notice| notice.contains("logarithm")), "{:?}", classifier.notices());
    }
}

#[test]
fn of_averaged_sigmoids_the_log_odds_are_explained() {
    let outputs = &expected()["two-heads-of-sigmoids"].outputs;
    let classifier = load("two-heads-of-sigmoids");
    let found = scores(&classifier);
    assert_near(&found.probabilities(), outputs, ROUNDING, "probabilities");
    let odds: Vec<f32> = outputs.iter().map(|output| (output / (1.0 - output)).ln()).collect();
    assert_near(&found, &odds, 1e-4, "log-odds");
    assert!(!found.scoring().exclusive);
    assert!(classifier.notices().join("\n").contains("log-odds"), "{:?}", classifier.notices());
    // One of them is a probability of yes.
    let yes = expected()["one-averaged"].outputs[0];
    assert_near(&scores(&load("one-averaged")).probabilities(), &[1.0 - yes, yes], ROUNDING, "one");
}

#[test]
fn probabilities_of_several_questions_are_shown_and_explained_as_they_are() {
    let outputs = &expected()["two-softmaxes-in-a-row"].outputs;
    let classifier = load("two-softmaxes-in-a-row");
    let found = scores(&classifier);
    assert_near(&found.probabilities(), outputs, ROUNDING, "probabilities");
    assert_near(&found, outputs, ROUNDING, "scores");
    assert!(classifier.notices().join("\n").contains("as they are"), "{:?}", classifier.notices());
}

#[test]
fn features_are_not_taken_for_scores_and_another_head_is_announced() {
    let expected = expected();
    let features = load("features-beside");
    assert_near(&scores(&features), &expected["features-beside"].scores, ROUNDING, "scores");
    assert!(!features.notices().join("\n").contains("several outputs"), "{:?}", features.notices());
    let heads = load("heads-beside");
    assert!(heads.notices().join("\n").contains("several outputs"), "{:?}", heads.notices());
    let named = Overrides { output: Some("y".into()), ..Overrides::default() };
    let named = load_with("heads-beside", &named).unwrap();
    assert_near(&scores(&named), &expected["heads-beside"].scores, ROUNDING, "named");
    assert!(!named.notices().join("\n").contains("several outputs"), "{:?}", named.notices());
}

#[test]
fn weights_that_are_standardised_when_they_are_used_are_no_training_mode() {
    for name in ["weights-standardised", "weights-by-statistics"] {
        let classifier = load(name);
        assert_near(&scores(&classifier), &expected()[name].scores, ROUNDING, name);
        assert!(classifier.network().layers().iter().any(|layer| layer.name == "conv"), "{name}");
    }
}

#[test]
fn one_score_makes_two_classes() {
    let expected = expected();
    for name in ["one-sigmoid", "one-logit", "one-squeezed"] {
        let classifier = load(name);
        let found = scores(&classifier);
        let score = expected[name].scores[0];
        assert_near(&found, &[-score, score], ROUNDING, name);
        let yes = 1.0 / (1.0 + (-score).exp());
        assert_near(&found.probabilities(), &[1.0 - yes, yes], ROUNDING, name);
        assert_eq!(found.said(), [usize::from(yes > 0.5)]);
        assert_eq!(classifier.labels().names(), ["negative", "positive"]);
        // The gradient of minus the score is minus that of the score.
        let input = ArrayD::from_elem(classifier.network().input_shape(), 0.5);
        let gradient = |class: usize| {
            let cotangent = Target::Class(class).cotangent(&found).unwrap();
            classifier.network().input_gradient(input.view(), &cotangent).unwrap().1
        };
        assert_eq!(gradient(0), -gradient(1));
    }
    let doubt = load("one-logit").notices().join("\n");
    assert!(
        doubt.contains("regression") && !load("one-sigmoid").notices().join("\n").contains("regression"),
        "{doubt}"
    );
}

#[test]
fn a_share_of_yes_leaves_one_for_no_and_a_value_that_is_shown_as_it_is_has_a_class_of_its_own() {
    let expected = expected();
    let classifier = load("one-hard-sigmoid");
    let yes = expected["one-hard-sigmoid"].outputs[0];
    assert_near(&scores(&classifier).probabilities(), &[1.0 - yes, yes], ROUNDING, "one-hard-sigmoid");
    assert_eq!(classifier.labels().names(), ["negative", "positive"]);
    let none = Overrides { activation: Some(OutputActivation::None), ..Overrides::default() };
    for name in ["one-sigmoid", "one-logit", "one-hard-sigmoid"] {
        let classifier = load_with(name, &none).unwrap();
        assert_near(&scores(&classifier).probabilities(), &expected[name].outputs, ROUNDING, name);
        assert_eq!((classifier.labels().len(), classifier.labels().names()), (1, &[][..]), "{name}");
    }
}

#[test]
fn one_score_takes_one_name_or_two() {
    let folder = tempfile::tempdir().unwrap();
    for (text, names) in [("tumour\n", ["not tumour", "tumour"]), ("healthy\nill\n", ["healthy", "ill"])] {
        let path = folder.path().join("names.txt");
        fs::write(&path, text).unwrap();
        let labels = Some(seewhy::model::LabelSource::File(path));
        let classifier = load_with("one-sigmoid", &Overrides { labels, ..Overrides::default() }).unwrap();
        assert_eq!(classifier.labels().names(), names);
    }
}

#[test]
fn a_person_may_say_what_the_scores_are() {
    let raw = &expected()["plain"].scores;
    let with = |activation| {
        scores(&load_with("plain", &Overrides { activation: Some(activation), ..Overrides::default() }).unwrap())
    };
    let sigmoids: Vec<f32> = raw.iter().map(|score| 1.0 / (1.0 + (-score).exp())).collect();
    assert_near(&with(OutputActivation::Sigmoid).probabilities(), &sigmoids, ROUNDING, "sigmoid");
    assert_near(&with(OutputActivation::None).probabilities(), raw, ROUNDING, "none");
    let sum: f32 = with(OutputActivation::Softmax).probabilities().iter().sum();
    assert!((sum - 1.0).abs() < ROUNDING);
    // Against the graph: its raw scores, but another function of them.
    let softmax = Overrides { activation: Some(OutputActivation::Softmax), ..Overrides::default() };
    let found = scores(&load_with("sigmoids", &softmax).unwrap());
    assert_near(&found, &expected()["sigmoids"].scores, ROUNDING, "scores");
    assert!((found.probabilities().iter().sum::<f32>() - 1.0).abs() < ROUNDING);
}

#[test]
fn what_is_no_score_of_a_class_is_refused_with_the_reason() {
    for (name, operator) in
        [("sorted", "TopK"), ("best", "ArgMax"), ("best-as-float", "ArgMax"), ("thresholded", "Greater")]
    {
        let Err(reason) = load_with(name, &Overrides::default()) else { panic!("{name} was accepted") };
        assert!(reason.contains(operator) && reason.contains("not class scores"), "{name}: {reason}");
    }
}

#[test]
fn a_vector_of_length_one_is_announced_as_an_embedding() {
    assert!(load("unit-length").notices().join("\n").contains("embedding"));
    assert!(!load("plain").notices().join("\n").contains("embedding"));
    let named = load_with("plain", &Overrides { output: Some("features".into()), ..Overrides::default() }).unwrap();
    assert!(named.notices().join("\n").contains("has the name of an embedding"));
}

#[test]
fn as_many_outputs_as_inputs_are_no_classes() {
    assert!(load("as-many-as-inputs").notices().join("\n").contains("autoencoder"));
}

/// A tensor on disk that is 0.5 everywhere.
fn tensor(folder: &std::path::Path) -> String {
    let path = folder.join("x.npy");
    let values = ArrayD::<f32>::from_elem(&[1, 3, 8, 8][..], 0.5);
    seewhy::raster::npy::write(fs::File::create(&path).unwrap(), values.view()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_line_lists_what_is_said_where_several_classes_may_be() {
    let folder = tempfile::tempdir().unwrap();
    let input = tensor(folder.path());
    let model = fixture("scores/sigmoids.onnx");
    let said = |threshold: &str| {
        let output =
            seewhy(&["classify", &input, "--threshold", threshold]).arg("--model").arg(&model).output().unwrap();
        let line = lines(&output).remove(0);
        let indices = line["said"].as_array().unwrap().iter().map(|class| class["index"].as_u64().unwrap());
        indices.collect::<Vec<_>>()
    };
    assert_eq!(said("0.5"), [1]);
    assert_eq!(said("0.38"), [0, 1, 2]);
    assert_eq!(said("0.9"), [0; 0]);
    let output = seewhy(&["classify", &input, "--model"]).arg(fixture("scores/plain.onnx")).output().unwrap();
    assert_eq!(lines(&output)[0]["said"], Json::Null);
    let output = seewhy(&["classify", &input, "--threshold", "1.5"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn truth_of_several_classes_is_right_when_all_are_said_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let input = tensor(folder.path());
    let truth = folder.path().join("truth.csv");
    for (classes, right) in [("1", true), ("0+1", false), ("0", false)] {
        fs::write(&truth, format!("x.npy,{classes}\n")).unwrap();
        let mut command = seewhy(&["classify", &input, "--truth", truth.to_str().unwrap(), "--model"]);
        let output = command.arg(fixture("scores/sigmoids.onnx")).output().unwrap();
        let line = lines(&output).remove(0);
        assert_eq!(line["truth"]["right"], Json::Bool(right), "{classes}: {line}");
        let indices: Vec<usize> = classes.split('+').map(|class| class.parse().unwrap()).collect();
        assert_eq!(line["truth"]["indices"], serde_json::json!(indices));
    }
}

#[test]
fn scores_that_are_not_finite_are_a_failed_image() {
    let classifier = load("plain");
    let mut input = ArrayD::from_elem(classifier.network().input_shape(), 0.5);
    input[[0, 0, 0, 0]] = f32::MAX;
    input[[0, 1, 0, 0]] = f32::MAX;
    let error = classifier.network().forward(Arc::new(input * 4.0)).unwrap_err().to_string();
    assert!(error.contains("not finite"), "{error}");
}
