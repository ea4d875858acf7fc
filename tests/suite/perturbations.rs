//! Methods that change the image, held against lime, shap, captum and RISE: their own masks and superpixels are put into our
//! arithmetic, with their scores and with what our network says of the same changed images.

use std::sync::Arc;

use ndarray::{Array2, ArrayD, Axis};
use seewhy::explain::{
    Attribution, LayerChoice, Masks, Monitor, Request, SampleCache, SoftMask, Subject, Windows, constrained_values,
    find, lime_plane, rise_with_masks, shapley_values,
};
use seewhy::model::{Classifier, ModelSource, Overrides, Target};
use seewhy::network::{Layout, Network, NodeNames, Pass, Scores};
use serde_json::Value as Json;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::einsum::EinSum;

use crate::support::goldens::{golden as golden_values, metric};
use crate::support::graphs::Graph;
use crate::support::{Manifest, fixture, fixture_array, fixture_bytes, miniature_pass};

/// Largest error of a weight, relative to the largest weight.
const WEIGHTS: f64 = 1e-4;

/// The networks that the references were asked about.
const NETWORKS: [&str; 2] = ["cnn", "vit"];

/// The goldens of a method on a network.
fn goldens(network: &str, method: &str) -> Vec<Json> {
    let manifest = Manifest::read();
    let maps = manifest.network(network)["maps"].as_array().unwrap();
    let found: Vec<Json> = maps.iter().filter(|map| map["method"] == method).cloned().collect();
    assert!(!found.is_empty(), "no golden of {method} on {network}");
    found
}

/// Those of KernelSHAP from every coalition (`exact`) or from some (`sampled`).
fn coalition_goldens(network: &str, kind: &str) -> Vec<Json> {
    let mut found = goldens(network, "kernel-shap");
    found.retain(|golden| golden["parameters"]["coalitions"] == kind);
    assert!(!found.is_empty(), "no golden of {kind} coalitions on {network}");
    found
}

fn text<'a>(golden: &'a Json, field: &str) -> &'a str {
    golden[field].as_str().unwrap()
}

fn index(value: &Json) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

/// The masks of a golden, `[N][M]`.
fn masks(golden: &Json) -> Vec<Vec<bool>> {
    let (shape, bytes) = fixture_bytes(text(golden, "masks"));
    bytes.chunks(shape[1]).map(|row| row.iter().map(|shown| *shown == 1).collect()).collect()
}

/// One class of the scores `[N, K]` that the reference found.
fn scores(file: &str, class: usize) -> Vec<f64> {
    fixture_array(file).outer_iter().map(|row| f64::from(row[class])).collect()
}

fn assert_close(found: &[f64], expected: &ArrayD<f32>, tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0, |largest: f64, value| largest.max(f64::from(*value).abs()));
    let errors = found.iter().zip(expected).map(|(found, expected)| (found - f64::from(*expected)).abs() / largest);
    let worst = errors.fold(0.0, f64::max);
    println!("{what}: off by {worst:.1e}");
    assert!(worst <= tolerance, "{what}: off by {worst:.1e}: {found:?} is not {expected:?}");
}

fn cnn() -> (Classifier, Pass) {
    miniature_pass("cnn")
}

/// What our network says of its image, with the superpixels of a golden hidden in their mean colours where a mask says no.
fn masked_logits((classifier, pass): &(Classifier, Pass), golden: &Json, masks: &[Vec<bool>]) -> Vec<Scores> {
    let (_, labels) = fixture_bytes(text(golden, "segments"));
    let mut hidden = (*pass.input).clone();
    for mut plane in hidden.axis_iter_mut(Axis(1)) {
        let mut sums = vec![(0.0_f64, 0.0); masks[0].len()];
        for (value, label) in plane.iter().zip(&labels) {
            let (sum, count) = sums[usize::from(*label)];
            sums[usize::from(*label)] = (sum + f64::from(*value), count + 1.0);
        }
        for (value, label) in plane.iter_mut().zip(&labels) {
            let (sum, count) = sums[usize::from(*label)];
            *value = (sum / count) as f32;
        }
    }
    let logits = |mask: &Vec<bool>| {
        let mut input = (*pass.input).clone();
        for ((value, hidden), label) in input.iter_mut().zip(&hidden).zip(labels.iter().cycle()) {
            if !mask[usize::from(*label)] {
                *value = *hidden;
            }
        }
        classifier.network().logits(input.view()).unwrap()
    };
    masks.iter().map(logits).collect()
}

#[test]
fn lime_finds_the_references_plane_for_its_masks() {
    for network in NETWORKS {
        let model = miniature_pass(network);
        for golden in goldens(network, "lime") {
            let class = index(&golden["target"]["probability"]);
            let masks = masks(&golden);
            let found = masked_logits(&model, &golden, &masks);
            let ours: Vec<f64> = found.iter().map(|logits| f64::from(logits.probabilities()[class])).collect();
            for (whose, scores) in [("their", scores(text(&golden, "scores"), class)), ("our", ours)] {
                let what = format!("{network}: class {class} from {whose} scores");
                let (weights, intercept, r2) = lime_plane(&masks, &scores, 0.25, 1.0);
                assert_close(&weights, &golden_values(&golden), WEIGHTS, &what);
                assert!((intercept - golden["intercept"].as_f64().unwrap()).abs() < 1e-5, "{what}: {intercept}");
                assert!((r2 - golden["r2"].as_f64().unwrap()).abs() < 1e-5, "{what}: {r2}");
            }
        }
    }
}

#[test]
fn shapley_values_of_every_coalition_are_the_references() {
    for network in NETWORKS {
        let model = miniature_pass(network);
        for golden in coalition_goldens(network, "exact") {
            let class = index(&golden["target"]["logit"]);
            let found = masked_logits(&model, &golden, &masks(&golden));
            let ours: Vec<f64> = found.iter().map(|logits| f64::from(logits[class])).collect();
            for (whose, scores) in [("their", scores(text(&golden, "scores"), class)), ("our", ours)] {
                let found = shapley_values(&scores);
                assert_close(&found, &golden_values(&golden), WEIGHTS, &format!("{network}: from {whose} scores"));
                let gap = found.iter().sum::<f64>() - (scores[scores.len() - 1] - scores[0]);
                assert!(gap.abs() < 1e-12, "{network}: the sum is off by {gap:e}");
            }
        }
    }
}

#[test]
fn kernel_shap_finds_the_references_values_for_its_coalitions() {
    for network in NETWORKS {
        let model = miniature_pass(network);
        for golden in coalition_goldens(network, "sampled") {
            let class = index(&golden["target"]["logit"]);
            let masks = masks(&golden);
            let of = |masks: &[Vec<bool>]| -> Vec<f64> {
                let found = masked_logits(&model, &golden, masks);
                found.iter().map(|logits| f64::from(logits[class])).collect()
            };
            let ends = of(&[vec![false; masks[0].len()], vec![true; masks[0].len()]]);
            let given = |end: &str| golden[end].as_f64().unwrap();
            let theirs = (scores(text(&golden, "scores"), class), given("empty"), given("full"));
            for (whose, (scores, empty, full)) in [("their", theirs), ("our", (of(&masks), ends[0], ends[1]))] {
                let found = constrained_values(&masks, &scores, empty, full);
                assert_close(&found, &golden_values(&golden), WEIGHTS, &format!("{network}: from {whose} scores"));
                let gap = found.iter().sum::<f64>() - (full - empty);
                assert!(gap.abs() < 1e-9, "{network}: the sum is off by {gap:e}");
            }
        }
    }
}

/// The masks of a golden of RISE.
fn soft_masks(golden: &Json, extent: (usize, usize)) -> impl Fn(usize) -> SoftMask + Sync {
    let (shape, grids) = fixture_bytes(text(golden, "grids"));
    let (_, crops) = fixture_bytes(text(golden, "crops"));
    move |index| {
        let cells = shape[1] * shape[2];
        let grid = grids[index * cells..][..cells].iter().map(|cell| f32::from(*cell)).collect();
        let grid = Array2::from_shape_vec((shape[1], shape[2]), grid).unwrap();
        SoftMask::new(&grid, (usize::from(crops[2 * index]), usize::from(crops[2 * index + 1])), extent)
    }
}

/// The method itself, with the reference's masks in place of its own.
#[test]
fn rise_gives_the_references_map_for_its_grids() {
    for name in NETWORKS {
        let (classifier, pass) = miniature_pass(name);
        let mut goldens = goldens(name, "rise");
        goldens.retain(|golden| golden["parameters"]["border"] == "mirror");
        assert!(goldens.len() >= 2);
        for golden in goldens {
            let mask = soft_masks(&golden, classifier.network().input_extent());
            let count = fixture_bytes(text(&golden, "crops")).0[0];
            let masks = Masks { count, keep: golden["parameters"]["keep"].as_f64().unwrap(), mask: &mask };
            let request = request("rise", Target::Probability(index(&golden["target"]["probability"])), &[]);
            let subject = Subject::of(&classifier, &pass);
            let found = rise_with_masks(subject, &request, &Monitor::silent(), masks).unwrap();
            let found: Vec<f64> = found.values.iter().map(|value| f64::from(*value)).collect();
            assert_close(&found, &golden_values(&golden), WEIGHTS, name);
        }
    }
}

fn request(method: &str, target: Target, settings: &[(&str, &str)]) -> Request {
    let values = find(method).unwrap().parse_values(settings.iter().copied()).unwrap();
    Request { target, layer: LayerChoice::Auto, values, seed: 0, tolerance: None }
}

fn explain(method: &str, subject: Subject<'_>, request: &Request) -> Attribution {
    let found = find(method).unwrap().method.explain(subject, request, &Monitor::silent());
    found.unwrap_or_else(|error| panic!("{method}: {error}"))
}

#[test]
fn occlusion_is_captums() {
    for name in NETWORKS {
        let (classifier, pass) = miniature_pass(name);
        let network = classifier.network();
        for golden in goldens(name, "occlusion") {
            let pair = |name: &str| (index(&golden["parameters"][name][0]), index(&golden["parameters"][name][1]));
            let class = index(&golden["target"]["logit"]);
            let windows = Windows::new(network.input_extent(), pair("window"), pair("stride"));
            let fall = |place| {
                let (rows, columns) = windows.at(place);
                let mut input = (*pass.input).clone();
                for ((_, _, y, x), value) in
                    input.view_mut().into_dimensionality::<ndarray::Ix4>().unwrap().indexed_iter_mut()
                {
                    if rows.contains(&y) && columns.contains(&x) {
                        *value = 0.0;
                    }
                }
                Some(f64::from(pass.logits[class] - network.logits(input.view()).unwrap()[class]))
            };
            let falls: Vec<_> = (0..windows.count()).map(fall).collect();
            let found: Vec<f64> = windows.map(&falls).iter().map(|value| f64::from(*value)).collect();
            assert_close(&found, &golden_values(&golden), WEIGHTS, &format!("occlusion on {name}"));
        }
    }
}

/// The whole way, from the registry: windows, hiding, model calls, mean.
#[test]
fn occlusion_from_the_registry_is_captums_too() {
    for name in NETWORKS {
        let (classifier, pass) = miniature_pass(name);
        let golden = &goldens(name, "occlusion")[0];
        let target = Target::Class(index(&golden["target"]["logit"]));
        let request = request("occlusion", target, &[("window", "3"), ("stride", "1")]);
        let found = explain("occlusion", Subject::of(&classifier, &pass), &request);
        let found: Vec<f64> = found.values.iter().map(|value| f64::from(*value)).collect();
        assert_close(&found, &golden_values(golden), WEIGHTS, &format!("occlusion on {name}"));
    }
}

/// The whole way for superpixels: a grid of eight, hidden in their mean colours, all 256 coalitions. On the square image of
/// the other network a grid has nine.
#[test]
fn kernel_shap_from_the_registry_is_exact_where_it_can_be() {
    let (classifier, pass) = cnn();
    for golden in coalition_goldens("cnn", "exact") {
        let target = Target::Class(index(&golden["target"]["logit"]));
        let settings = [("segments", "grid"), ("count", "8"), ("samples", "256")];
        let found = explain("kernel-shap", Subject::of(&classifier, &pass), &request("kernel-shap", target, &settings));
        assert!(metric(&found, "completeness gap").abs() < 1e-9);
        assert!((metric(&found, "model calls") - 256.0).abs() < 0.5);
        let weights: Vec<f64> = found.segments.unwrap().weights.iter().map(|weight| f64::from(*weight)).collect();
        assert_close(&weights, &golden_values(&golden), WEIGHTS, "Shapley values");
    }
}

/// What a sampling method finds tends to what it estimates.
#[test]
fn drawn_coalitions_tend_to_the_exact_values() {
    let (classifier, pass) = cnn();
    let with = |samples| {
        let settings = [("segments", "grid"), ("count", "8"), ("samples", samples)];
        let found = explain(
            "kernel-shap",
            Subject::of(&classifier, &pass),
            &request("kernel-shap", Target::Class(3), &settings),
        );
        (found.segments.unwrap().weights, found.metrics)
    };
    let ((exact, _), (drawn, metrics)) = (with("256"), with("250"));
    let largest = exact.iter().fold(0.0, |largest: f32, weight| largest.max(weight.abs()));
    let error = exact.iter().zip(&drawn).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / largest;
    assert!(error < 0.05, "{error}: {exact:?} {drawn:?}");
    let told = metrics.iter().find(|metric| metric.name == "relative standard error").unwrap().value;
    assert!(told > 0.0 && told < 0.05, "{told}");
}

#[test]
fn another_target_needs_no_model_call() {
    let (classifier, pass) = cnn();
    for method in ["lime", "kernel-shap", "rise", "occlusion"] {
        let samples = SampleCache::new(1 << 24);
        let settings: &[_] = match method {
            "occlusion" => &[],
            "rise" => &[("samples", "100")],
            _ => &[("samples", "100"), ("segments", "grid"), ("count", "12")],
        };
        let ask = |samples: &SampleCache, class| {
            let reports = std::sync::atomic::AtomicUsize::new(0);
            let monitor = Monitor::new(seewhy::explain::Cancel::default(), |_| {
                reports.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            });
            let subject = Subject::of(&classifier, &pass).keeping(samples);
            let request = request(method, Target::Class(class), settings);
            let found = find(method).unwrap().method.explain(subject, &request, &monitor).unwrap();
            (found.values, reports.load(std::sync::atomic::Ordering::Relaxed))
        };
        let (_, reports) = ask(&samples, 1);
        assert!(reports > 50, "{method}: {reports} reports");
        let (second, reports) = ask(&samples, 3);
        assert_eq!(reports, 0, "{method} asked again");
        let (afresh, _) = ask(&SampleCache::new(0), 3);
        assert_eq!(second, afresh, "{method}");
    }
}

#[test]
fn an_image_is_divided_once_for_all_methods() {
    let (classifier, pass) = cnn();
    let samples = SampleCache::new(1 << 24);
    let labels = |method, settings: &[_]| {
        let subject = Subject::of(&classifier, &pass).keeping(&samples);
        explain(method, subject, &request(method, Target::Top(0), settings)).segments.unwrap().labels
    };
    let of_lime = labels("lime", &[("samples", "16")]);
    assert!(Arc::ptr_eq(&of_lime, &labels("kernel-shap", &[("samples", "16")])));
    assert!(Arc::ptr_eq(&of_lime, &labels("anchors", &[("samples", "16"), ("hide", "black")])));
    assert!(!Arc::ptr_eq(&of_lime, &labels("lime", &[("samples", "16"), ("kernel-size", "2")])));
}

#[test]
fn a_settled_map_stops_the_sampling_at_the_same_number_everywhere() {
    let (classifier, pass) = cnn();
    let with = |threads: usize| {
        let settings = [("samples", "5000"), ("segments", "grid"), ("count", "6")];
        let request = Request { tolerance: Some(0.1), ..request("lime", Target::Class(1), &settings) };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let found = pool.install(|| explain("lime", Subject::of(&classifier, &pass), &request));
        assert!(metric(&found, "relative standard error") <= 0.1);
        metric(&found, "settled after")
    };
    let samples = with(1);
    assert!(samples < 5000.0);
    assert!((samples - with(4)).abs() < 0.5);
}

#[test]
fn lime_tells_how_far_seeds_agree() {
    let (classifier, pass) = cnn();
    let settings = |samples| [("samples", samples), ("segments", "grid"), ("count", "30"), ("spread", "true")];
    let spread = |samples| {
        let request = request("lime", Target::Class(1), &settings(samples));
        let found = explain("lime", Subject::of(&classifier, &pass), &request);
        (metric(&found, "largest spread of a top superpixel over 3 seeds"), found.warnings)
    };
    let ((few, warnings), (many, _)) = (spread("40"), spread("400"));
    assert!(few > many && many > 0.0, "{few} {many}");
    assert!(warnings.iter().any(|warning| warning.contains("unstable")), "{warnings:?}");
}

/// A model that is decided by the cells 0 and 5 of a grid of 2 x 3: both must be seen, or black outweighs what is left.
#[test]
fn anchors_find_the_rule_that_a_model_follows() {
    let says = Overrides { mean: Some(vec![0.5]), std: Some(vec![0.25]), ..Overrides::default() };
    let classifier = Classifier::load(&ModelSource::Path(fixture("cnn/torchscript.onnx")), &says).unwrap();
    let shape = classifier.network().input_shape().to_vec();
    let (height, width) = (shape[2], shape[3]);
    let weights = ndarray::Array4::from_shape_fn((shape[1], height, width, 2), |(_, y, x, class)| {
        let cell = y * 2 / height * 3 + x * 3 / width;
        if class == 0 && (cell == 0 || cell == 5) { 0.01 } else { 0.0_f32 }
    });
    let mut graph = Graph::new(f32::datum_type());
    let input = graph.input(&shape);
    let weights = graph.add_const(weights.into_tensor());
    let product = EinSum::new("nchw,chwk->nk".parse().unwrap(), f32::datum_type());
    let logits = graph.op(product, &[input, weights]);
    let network = Network::new(graph.finish(logits), logits, NodeNames::default(), Layout::Nchw).unwrap();
    let pass = network.forward(Arc::new(ArrayD::from_elem(shape, 1.0))).unwrap();
    let subject = Subject { network: &network, ..Subject::of(&classifier, &pass) };
    let settings = [("segments", "grid"), ("count", "6"), ("hide", "black"), ("samples", "2000")];
    let found = explain("anchors", subject, &request("anchors", Target::Top(0), &settings));

    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
    assert_eq!(found.segments.as_ref().unwrap().weights, [1.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    assert!((metric(&found, "precision") - 1.0).abs() < 1e-9);
    assert!((metric(&found, "coverage") - 0.25).abs() < 1e-9);
    let rule = found.statement.unwrap();
    let places = "if the top left and the bottom right can be seen (2 of 6 superpixels, 34 % of the image)";
    assert!(rule.starts_with(places), "{rule}");

    let other = find("anchors").unwrap().method.explain(
        subject,
        &request("anchors", Target::Class(1), &settings),
        &Monitor::silent(),
    );
    assert!(other.unwrap_err().to_string().contains("does not predict"));
}
