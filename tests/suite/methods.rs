//! Every method of the registry, whatever it is: documented, finite, repeatable, cancelled at once, and honest about models
//! that it cannot explain.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::ArrayD;
use seewhy::explain::{
    Attribution, Cancel, ExplainError, Family, LayerChoice, METHODS, MethodInfo, Monitor, ParamKind, Request, Subject,
    Value, Values,
};
use seewhy::model::{Classifier, Target};
use seewhy::network::{Layout, Network, NodeNames, Pass};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::einsum::EinSum;

use crate::support::graphs::Graph;
use crate::support::miniature_pass;

fn classifier() -> (Classifier, Pass) {
    miniature_pass("cnn")
}

/// Every method with what it can explain: a transformer where it needs attention.
fn cases() -> impl Iterator<Item = (&'static MethodInfo, Rc<(Classifier, Pass)>)> {
    let (convolutions, transformer) = (Rc::new(classifier()), Rc::new(miniature_pass("vit")));
    METHODS
        .iter()
        .map(move |method| (*method, Rc::clone(if method.needs.attention { &transformer } else { &convolutions })))
}

/// A request that asks for little work: few samples, few superpixels.
fn quick(method: &MethodInfo) -> Request {
    let mut values = Values::new();
    for param in method.params() {
        let value = match (param.name, param.kind) {
            ("samples" | "steps", ParamKind::Integer { min, max, .. }) => Value::Integer(40.clamp(min, max)),
            ("segments", ParamKind::Choice { .. }) => Value::Choice("grid".into()),
            ("count", ParamKind::Integer { .. }) => Value::Integer(6),
            _ => continue,
        };
        values.insert(param.name.into(), value);
    }
    Request { target: Target::Top(0), layer: LayerChoice::Auto, values, seed: 7, tolerance: None }
}

fn explain(method: &MethodInfo, subject: Subject<'_>, monitor: &Monitor<'_>) -> Result<Attribution, ExplainError> {
    method.method.explain(subject, &quick(method), monitor)
}

#[test]
fn every_method_is_documented() {
    for method in METHODS {
        let name = method.name;
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '+'), "{name}");
        assert_eq!(METHODS.iter().filter(|other| other.name == name).count(), 1, "{name} is there twice");
        assert!(method.help.len() > 10 && !method.help.ends_with('.'), "{name}: {:?}", method.help);
        assert!(method.reference.len() > 10, "{name}: {:?}", method.reference);
        for param in method.params() {
            assert!(param.help.len() > 5, "{name} {}", param.name);
            assert_eq!(method.params().filter(|other| other.name == param.name).count(), 1, "{name} {}", param.name);
            let default = match param.default_value() {
                Value::Integer(value) => value.to_string(),
                Value::Real(value) => value.to_string(),
                Value::Choice(word) => word,
                Value::Flag(flag) => flag.to_string(),
            };
            assert!(param.parse(&default).is_ok(), "{name}: the default of {} is out of range", param.name);
        }
    }
}

#[test]
fn every_method_holds_a_class_against_another() {
    for (method, case) in cases() {
        let (classifier, pass) = &*case;
        let [best, second] = [0, 1].map(|rank| Target::Top(rank).class(&pass.logits).unwrap());
        let of = |method: &MethodInfo, target: Target| {
            let request = Request { target, ..quick(method) };
            let found = method.method.explain(Subject::of(classifier, pass), &request, &Monitor::silent());
            found.unwrap_or_else(|error| panic!("{} of {target}: {error}", method.name)).raw
        };
        let contrast = of(method, Target::Contrast(best, second));
        assert!(contrast.iter().all(|value| value.is_finite()), "{}", method.name);
        // Those that only add up gradients or answers: the map of a difference is the difference of the maps.
        if ["input-x-gradient", "integrated-gradients", "occlusion", "kernel-shap"].contains(&method.name) {
            let apart = of(method, Target::Class(best)) - of(method, Target::Class(second));
            let error = (&contrast - &apart).iter().fold(0.0f32, |most, value| most.max(value.abs()));
            let scale = apart.iter().fold(0.0f32, |most, value| most.max(value.abs()));
            assert!(error <= 1e-3 * scale, "{}: {error} of {scale}", method.name);
        }
    }
}

#[test]
fn every_method_gives_a_finite_map_of_the_inputs_size() {
    for (method, case) in cases() {
        let (classifier, pass) = &*case;
        let (subject, extent) = (Subject::of(classifier, pass), classifier.network().input_extent());
        let found =
            explain(method, subject, &Monitor::silent()).unwrap_or_else(|error| panic!("{}: {error}", method.name));
        assert_eq!(found.map.dim(), extent, "{}", method.name);
        assert!(found.map.iter().chain(&found.values).chain(&found.raw).all(|v| v.is_finite()), "{}", method.name);
        let speaks = found.map.iter().any(|value| *value != 0.0) || found.statement.is_some();
        assert!(speaks, "{} says nothing", method.name);
        assert!(found.metrics.iter().all(|metric| metric.value.is_finite()), "{}", method.name);
        if matches!(method.family, Family::Cam | Family::Attention) {
            assert!(found.map.iter().all(|value| (0.0..=1.0).contains(value)), "{}", method.name);
        }
        if method.needs.superpixels {
            let segments = found.segments.unwrap_or_else(|| panic!("{} lists no superpixels", method.name));
            assert_eq!(segments.labels.iter().max().map(|last| *last as usize + 1), Some(segments.weights.len()));
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bits_on_any_number_of_threads() {
    for (method, case) in cases() {
        let subject = Subject::of(&case.0, &case.1);
        let with = |threads: usize| -> Vec<u32> {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let found = pool.install(|| explain(method, subject, &Monitor::silent())).unwrap();
            found.values.iter().map(|value| value.to_bits()).collect()
        };
        let one = with(1);
        assert!(one == with(2) && one == with(8), "{} depends on the number of threads", method.name);
    }
}

#[test]
fn every_method_stops_when_told() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for (method, case) in cases() {
        let subject = Subject::of(&case.0, &case.1);
        let cancelled = Cancel::default();
        cancelled.cancel();
        let found = explain(method, subject, &Monitor::new(cancelled, |_| {}));
        assert!(matches!(found, Err(ExplainError::Cancelled)), "{} does not look before it starts", method.name);

        // Told at the first report: on one thread nothing may be reported afterwards.
        let (cancel, reports) = (Cancel::default(), AtomicUsize::new(0));
        let monitor = Monitor::new(cancel.clone(), |_| {
            reports.fetch_add(1, Ordering::Relaxed);
            cancel.cancel();
        });
        let found = pool.install(|| explain(method, subject, &monitor));
        let reports = reports.load(Ordering::Relaxed);
        assert!(reports <= 1, "{} went on for {reports} reports", method.name);
        assert!(reports == 0 || matches!(found, Err(ExplainError::Cancelled)), "{} did not stop", method.name);
    }
}

/// A classifier without any spatial layer: the pixels times a matrix.
fn linear(shape: &[usize], classes: usize) -> Network {
    linear_within(shape, classes, 0.1)
}

/// The same, with weights up to `most`.
fn linear_within(shape: &[usize], classes: usize, most: f64) -> Network {
    let mut graph = Graph::new(f32::datum_type());
    let input = graph.input(shape);
    let weights = graph.constant(&[shape[1], shape[2], shape[3], classes], (-most, most));
    let operator = EinSum::new("nchw,chwk->nk".parse().unwrap(), f32::datum_type());
    let logits = graph.op(operator, &[input, weights]);
    Network::new(graph.finish(logits), logits, NodeNames::default(), Layout::Nchw).unwrap()
}

#[test]
fn a_model_without_layers_is_explained_or_refused_in_words() {
    let (classifier, pass) = classifier();
    let network = linear(pass.input.shape(), 5);
    let pass = network.forward(Arc::clone(&pass.input)).unwrap();
    let subject = Subject { network: &network, ..Subject::of(&classifier, &pass) };
    for method in METHODS {
        match explain(method, subject, &Monitor::silent()) {
            Ok(found) => {
                let needs_more = method.needs.layer || method.needs.attention;
                assert!(!needs_more && found.map.iter().all(|v| v.is_finite()), "{}", method.name);
            }
            Err(error) => {
                let missing = if method.needs.attention { "attention" } else { "layer" };
                assert!(method.needs.layer || method.needs.attention, "{}: {error}", method.name);
                assert!(error.to_string().contains(missing), "{}: {error}", method.name);
            }
        }
    }
}

#[test]
fn scores_that_are_not_numbers_are_refused_in_words() {
    let (classifier, pass) = classifier();
    let network = linear(pass.input.shape(), 5);
    let refused = network.forward(Arc::new(ArrayD::from_elem(pass.input.shape(), f32::NAN))).unwrap_err();
    assert!(refused.to_string().contains("not finite"), "{refused}");
    // What is said of changed images may be no numbers although what is said of the image is.
    let pass = network.forward(Arc::clone(&pass.input)).unwrap();
    let network = linear_within(pass.input.shape(), 5, f64::NAN);
    let subject = Subject { network: &network, ..Subject::of(&classifier, &pass) };
    let asks = METHODS.iter().filter(|method| matches!(method.family, Family::Perturbation | Family::Rule));
    for method in asks {
        let error = explain(method, subject, &Monitor::silent()).expect_err(method.name).to_string();
        assert!(error.contains("not finite"), "{}: {error}", method.name);
    }
}
