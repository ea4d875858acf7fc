//! Whether the measures of maps measure what they say: against the reference's arithmetic, and on models and maps whose
//! figures are known beforehand.

use std::sync::Arc;

use ndarray::{Array2, ArrayD, IxDyn};
use seewhy::explain::{self, Attribution, Frame, LayerChoice, Metric, Monitor, Sign, Subject, Values};
use seewhy::gallery::demo::PICTURES as PICTURES_OF_THE_DEMO;
use seewhy::metrics::{
    BASELINES, Better, Case, Explainer, MEASURES, Mask, deletion, find, imputation, insertion, order,
};
use seewhy::model::{Classifier, ModelSource, Overrides, Target};
use seewhy::network::{Layout, Network, NodeNames, Pass};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::einsum::EinSum;

use crate::support::graphs::Graph;
use crate::support::{fixture, fixture_array, fixture_bytes};

/// Probabilities in single precision against the reference's in double.
const PROBABILITY: f64 = 1e-5;

fn manifest() -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(fixture("manifest.json")).unwrap()).unwrap()
}

/// The miniature CNN with the forward pass of its image.
fn cnn() -> (Classifier, Pass) {
    let network = manifest()["networks"]["cnn"].clone();
    let input = fixture_array(network["input"].as_str().unwrap());
    let size = format!("{}x{}", input.shape()[3], input.shape()[2]);
    let overrides = Overrides { input_size: size.parse().ok(), ..Overrides::default() };
    let source = ModelSource::Path(fixture(network["onnx"]["torchscript"].as_str().unwrap()));
    let classifier = Classifier::load(&source, &overrides).unwrap_or_else(|error| panic!("{error}"));
    let pass = classifier.network().forward(Arc::new(input)).unwrap();
    (classifier, pass)
}

fn score(measure: &str, case: &Case<'_>, map: &Attribution) -> f64 {
    (find(measure).unwrap().score)(case, map).unwrap().unwrap_or_else(|| panic!("{measure} has nothing to say"))
}

#[test]
fn every_measure_is_documented() {
    for measure in MEASURES {
        let name = measure.name;
        assert!(name.chars().all(|c| c.is_ascii_lowercase()), "{name}");
        assert_eq!(MEASURES.iter().filter(|other| other.name == name).count(), 1, "{name} is there twice");
        assert!(measure.help.len() > 20 && measure.reference.len() > 20 && !measure.unit.is_empty(), "{name}");
    }
}

#[test]
fn deletion_and_insertion_draw_the_curves_of_rise() {
    let golden = &manifest()["faithfulness"];
    let (classifier, pass) = cnn();
    let saliency = fixture_array(golden["saliency"].as_str().unwrap()).into_dimensionality().unwrap();
    let class = usize::try_from(golden["target"].as_u64().unwrap()).unwrap();
    let subject = Subject::of(&classifier, &pass);
    let case = Case { subject, class, mask: None, original: None, seed: 0, monitor: &Monitor::silent() };
    let map = Attribution::new(saliency, Sign::Signed);
    let curves = [deletion::probabilities(&case, &map).unwrap(), insertion::probabilities(&case, &map).unwrap()];
    for (name, found) in ["deletion", "insertion"].into_iter().zip(curves) {
        let expected = fixture_array(golden[name]["curve"].as_str().unwrap());
        assert_eq!(found.len(), expected.len(), "{name}");
        for (step, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let difference = (found - f64::from(*expected)).abs();
            assert!(difference < PROBABILITY, "{name}, step {step}: {found} is not {expected}");
        }
        let area = score(name, &case, &map);
        assert!((area - golden[name]["auc"].as_f64().unwrap()).abs() < PROBABILITY, "{name}: {area}");
    }
}

#[test]
fn holes_are_filled_as_road_fills_them() {
    let golden = &manifest()["faithfulness"]["road"];
    let (classifier, pass) = cnn();
    let (_, kept) = fixture_bytes(golden["kept"].as_str().unwrap());
    let removed: Vec<bool> = kept.iter().map(|kept| *kept == 0).collect();
    let frame = Frame::of(Subject::of(&classifier, &pass));
    let filled = imputation::imputed(&frame, &removed);
    let expected = fixture_array(golden["imputed"].as_str().unwrap());
    for (found, expected) in filled.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-4, "{found} is not {expected}");
    }
    assert!(removed.iter().filter(|removed| **removed).count() > 100);
}

/// A classifier of two classes on one channel: the first logit is the sum of weights times pixels, the second is zero.
fn linear(weights: &Array2<f32>) -> Network {
    let (height, width) = weights.dim();
    let mut graph = Graph::new(f32::datum_type());
    let input = graph.input(&[1, 3, height, width]);
    let values = ndarray::Array4::from_shape_fn((3, height, width, 2), |(channel, y, x, class)| {
        if channel == 0 && class == 0 { weights[[y, x]] } else { 0.0 }
    });
    let weights = graph.add_const(values.into_tensor());
    let product = EinSum::new("nchw,chwk->nk".parse().unwrap(), f32::datum_type());
    let logits = graph.op(product, &[input, weights]);
    Network::new(graph.finish(logits), logits, NodeNames::default(), Layout::Nchw).unwrap()
}

/// On a linear model the order of the weights is the best there is, so its curve falls the fastest, and the reverse is the
/// worst. Each point of it is known.
#[test]
fn deletion_of_a_linear_model_is_the_sum_of_what_is_left() {
    let weights = Array2::from_shape_fn((4, 4), |(y, x)| (y * 4 + x) as f32 / 20.0);
    let network = linear(&weights);
    let (classifier, _) = cnn();
    let pass = network.forward(Arc::new(ArrayD::ones(IxDyn(&[1, 3, 4, 4])))).unwrap();
    let subject = Subject { network: &network, ..Subject::of(&classifier, &pass) };
    let case = Case { subject, class: 0, mask: None, original: None, seed: 0, monitor: &Monitor::silent() };

    let found = deletion::probabilities(&case, &Attribution::new(weights.clone(), Sign::Signed)).unwrap();
    for (step, found) in found.iter().enumerate() {
        let left: f32 = weights.iter().take(16 - 4 * step).sum();
        let expected = 1.0 / (1.0 + f64::from(-left).exp());
        assert!((found - expected).abs() < 1e-6, "step {step}: {found} is not {expected}");
    }
    let by = |map: Array2<f32>| score("deletion", &case, &Attribution::new(map, Sign::Signed));
    let flat = by(Array2::zeros((4, 4)));
    assert!(by(weights.clone()) < flat && flat < by(-&weights));
}

/// A model that counts the bright squares of a chessboard: those matter, the dark ones do not, and neither can be told from
/// its neighbours.
#[test]
fn road_is_positive_for_what_matters_and_negative_for_the_reverse() {
    let bright = Array2::from_shape_fn((8, 8), |(y, x)| ((y + x) % 2) as f32);
    let network = linear(&(&bright / 8.0));
    let (classifier, _) = cnn();
    let input = ArrayD::from_shape_fn(IxDyn(&[1, 3, 8, 8]), |at| bright[[at[2], at[3]]]);
    let pass = network.forward(Arc::new(input)).unwrap();
    let subject = Subject { network: &network, ..Subject::of(&classifier, &pass) };
    let case = Case { subject, class: 0, mask: None, original: None, seed: 0, monitor: &Monitor::silent() };
    let road = |map: Array2<f32>| score("road", &case, &Attribution::new(map, Sign::Signed));
    let (best, worst) = (road(bright.clone()), road(-&bright));
    assert!(best > 0.05 && worst < -0.05, "{best} {worst}");
}

/// Half of the pixels are the object.
fn half() -> Mask {
    Mask::from_shape_fn((24, 28), |(_, x)| x < 14)
}

#[test]
fn a_map_that_is_the_mask_scores_one_and_one_that_is_flat_scores_by_area() {
    let (classifier, pass) = cnn();
    let quarter = Mask::from_shape_fn((24, 28), |(y, x)| y < 12 && x < 14);
    for (mask, area) in [(half(), 0.5), (quarter, 0.25)] {
        let subject = Subject::of(&classifier, &pass);
        let case = Case { subject, class: 0, mask: Some(&mask), original: None, seed: 3, monitor: &Monitor::silent() };
        let perfect = Attribution::new(mask.mapv(|inside| if inside { 1.0 } else { -1.0 }), Sign::Signed);
        let flat = Attribution::new(Array2::ones(mask.dim()), Sign::Signed);
        for measure in ["pointing", "mass", "rank", "grid"] {
            assert!((score(measure, &case, &perfect) - 1.0).abs() < 1e-9, "{measure}");
            // Ties are drawn among 672 pixels for the rank; the others divide them exactly.
            let tolerance = if measure == "rank" { 0.08 } else { 1e-9 };
            assert!((score(measure, &case, &flat) - area).abs() < tolerance, "{measure}");
        }
    }
}

#[test]
fn the_random_baseline_scores_by_chance_over_many_seeds() {
    let (classifier, pass) = cnn();
    let mask = half();
    let subject = Subject::of(&classifier, &pass);
    let random = &BASELINES[0];
    assert_eq!(random.name, "random");
    let mean = |measure: &str, seeds: u64| {
        let one = |seed| {
            let map = random.explain(subject, 0, seed, &Monitor::silent()).unwrap();
            score(
                measure,
                &Case { subject, class: 0, mask: Some(&mask), original: None, seed, monitor: &Monitor::silent() },
                &map,
            )
        };
        (0..seeds).map(one).sum::<f64>() / seeds as f64
    };
    // Four standard errors of a coin's mean; the others vary less.
    assert!((mean("pointing", 400) - 0.5).abs() < 0.1);
    assert!((mean("mass", 50) - 0.5).abs() < 0.02 && (mean("rank", 50) - 0.5).abs() < 0.03);
    let road = mean("road", 12);
    assert!(road.abs() < 0.02, "removing at random is the same in either order, but {road}");
}

#[test]
fn baselines_look_where_they_say() {
    let (classifier, _) = cnn();
    // Dark on the left, bright on the right: an edge between columns 13 and 14, and nowhere else.
    let step = ArrayD::from_shape_fn(IxDyn(&[1, 3, 24, 28]), |at| if at[3] < 14 { -1.0 } else { 1.0 });
    let pass = classifier.network().forward(Arc::new(step)).unwrap();
    let subject = Subject::of(&classifier, &pass);
    let map = |name: &str| {
        let baseline = BASELINES.iter().find(|baseline| baseline.name == name).unwrap();
        assert!(baseline.is_baseline);
        baseline.explain(subject, 0, 0, &Monitor::silent()).unwrap().map
    };
    let edge = map("edge");
    assert!(edge.indexed_iter().all(|((_, x), value)| (*value > 0.0) == (x == 13 || x == 14)));
    let centre = map("centre");
    let last = centre.dim();
    assert!(centre[[11, 13]] > centre[[0, 13]] && centre[[11, 13]] > centre[[11, 27]]);
    assert!((centre[[0, 0]] / centre[[last.0 - 1, last.1 - 1]] - 1.0).abs() < 1e-5, "it leans to one side");
}

#[test]
fn completeness_is_what_a_method_reports_and_nothing_else() {
    let (classifier, pass) = cnn();
    let case = Case {
        subject: Subject::of(&classifier, &pass),
        class: 1,
        mask: None,
        original: None,
        seed: 0,
        monitor: &Monitor::silent(),
    };
    let measure = find("completeness").unwrap();
    assert_eq!(measure.better, Better::Lower);
    let mut map = Attribution::new(Array2::ones((24, 28)), Sign::Signed);
    assert_eq!((measure.score)(&case, &map).unwrap(), None);
    map.metrics.push(Metric { name: "completeness gap", value: -0.25, unit: "logit" });
    assert_eq!((measure.score)(&case, &map).unwrap(), Some(0.25));

    let method = explain::find("integrated-gradients").unwrap();
    let explainer = Explainer::method(method, Values::new(), &LayerChoice::Auto);
    let found = explainer.explain(case.subject, 1, 0, &Monitor::silent()).unwrap();
    let gap = (measure.score)(&case, &found).unwrap().expect("integrated gradients report their gap");
    assert!(gap < 0.01, "{gap}");
}

/// A map of each channel is ranked by what is shown of it, before clipping: signed values add up.
#[test]
fn channels_count_together() {
    let (classifier, pass) = cnn();
    let subject = Subject::of(&classifier, &pass);
    let method = explain::find("saliency").unwrap();
    let map = Explainer::method(method, Values::new(), &LayerChoice::Auto)
        .explain(subject, 1, 0, &Monitor::silent())
        .unwrap();
    let relevance = seewhy::metrics::relevance(&map);
    // The map for the eye is clipped at its 98th percentile, so its largest pixels tie.
    let tied = |map: &Array2<f32>| {
        let largest = map.iter().copied().fold(0.0, f32::max);
        map.iter().filter(|value| **value == largest).count()
    };
    assert!(tied(&map.map) > 5 && tied(&relevance) == 1);
    let first = order(&relevance, 0)[0];
    assert_eq!(relevance.iter().copied().fold(0.0, f32::max), relevance[[first / 28, first % 28]]);
}

/// The model-randomisation check of Adebayo et al. (2018) on the bundled model. Grad-CAM and plain gradients depend on what
/// the network has learnt, guided backpropagation on its first layers alone: it hardly changes while the layers above are
/// drawn anew, from the classes' weights down to half of all.
///
/// Mean rank correlations over six pictures of the demo, after the last layer and after the upper half, were measured as
/// 0.12 and -0.09 for Grad-CAM, 0.45 and 0.24 for saliency, 0.29 and 0.16 for input times gradient, 0.84 and 0.52 for guided
/// backprop. Another network of the kind, or another seed, moves them by 0.1 or so: each bound has more than that to spare.
#[test]
fn guided_backprop_stays_while_the_network_forgets_and_honest_maps_do_not() {
    const PICTURES: usize = 6;
    let classifier = Classifier::load(&ModelSource::Builtin, &Overrides::default()).unwrap();
    let network = classifier.network();
    let layers = network.weighted().unwrap().len();
    let measure = find("randomisation").unwrap();
    let methods = ["grad-cam", "saliency", "input-x-gradient", "guided-backprop"];
    let explainers =
        methods.map(|name| Explainer::method(explain::find(name).unwrap(), Values::new(), &LayerChoice::Auto));

    let others = [1, layers.div_ceil(2)].map(|count| network.randomised(count, 0).unwrap());
    let mut sums = [[0.0; 2]; 4];
    let pictures = PICTURES_OF_THE_DEMO.iter().step_by(3).take(PICTURES);
    for picture in pictures {
        let input = Arc::new(classifier.preprocess(&image::load_from_memory(picture.jpeg).unwrap()).unwrap().tensor);
        let pass = network.forward(Arc::clone(&input)).unwrap();
        let class = Target::Top(0).class(&pass.logits).unwrap();
        for (explainer, sums) in explainers.iter().zip(&mut sums) {
            let map = |network: &Network, pass: &Pass| {
                let subject = Subject { network, ..Subject::of(&classifier, pass) };
                explainer.explain(subject, class, 0, &Monitor::silent()).unwrap()
            };
            let original = seewhy::metrics::relevance(&map(network, &pass));
            for (other, sum) in others.iter().zip(sums) {
                let pass = other.forward(Arc::clone(&input)).unwrap();
                let subject = Subject { network: other, ..Subject::of(&classifier, &pass) };
                let case = Case {
                    subject,
                    class,
                    mask: None,
                    original: Some(&original),
                    seed: 0,
                    monitor: &Monitor::silent(),
                };
                *sum += (measure.score)(&case, &map(other, &pass)).unwrap().unwrap() / PICTURES as f64;
            }
        }
    }
    for (name, found) in methods.iter().zip(sums) {
        println!("{name}: {:.2} after the last layer, {:.2} after the upper half", found[0], found[1]);
    }
    let [cam, saliency, product, guided] = sums;
    for (name, honest) in [("grad-cam", cam), ("saliency", saliency), ("input-x-gradient", product)] {
        assert!(honest[0] < 0.65 && honest[1] < 0.45, "{name} hardly changes: {honest:?}");
        for (honest, guided) in honest.iter().zip(&guided) {
            assert!(honest + 0.1 < *guided, "{name} {honest:.2}, guided backprop {guided:.2}");
        }
    }
    assert!(guided[0] > 0.65 && guided[1] > 0.35, "guided backprop is said to fail this check: {guided:?}");
}
