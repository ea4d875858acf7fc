//! Maps held against those of pytorch-grad-cam and captum, on the miniature networks of `tests/fixtures`.

use std::collections::BTreeMap;

use seewhy::explain::{Attribution, Family, METHODS, Subject, find};
use seewhy::model::{Classifier, Overrides};
use serde_json::Value as Json;

use crate::support::goldens::{self, golden, largest_difference, metric, ours, relative_error};
use crate::support::{Manifest, load};

/// Largest difference of two maps in `[0, 1]`.
const CAM_TOLERANCE: f32 = 1e-3;

/// Relative L2 error of a gradient map on the tiny networks.
const GRADIENT_TOLERANCE: f64 = 1e-3;

/// A network of the fixtures with the forward pass of its image.
struct Case {
    classifier: Classifier,
    pass: seewhy::network::Pass,
    layers: Json,
    exporter: &'static str,
}

impl Case {
    fn load(network: &Json, exporter: &'static str) -> Option<Case> {
        // Black is -4 then and white 4, the box of the goldens' z-box rule.
        let (mean, std) = (Some(vec![0.5]), Some(vec![0.125]));
        let (classifier, input) = load(network, exporter, Overrides { mean, std, ..Overrides::default() })?;
        let pass = classifier.network().forward(input).unwrap();
        Some(Case { classifier, pass, layers: network["layers"].clone(), exporter })
    }

    fn layer(&self, module: &str) -> Result<usize, String> {
        let node = self.layers[module][self.exporter].as_str().unwrap();
        self.classifier.network().find_layer(node).map_err(|error| error.to_string())
    }

    fn explain(&self, method: &str, map: &Json) -> Result<Attribution, String> {
        goldens::explain(Subject::of(&self.classifier, &self.pass), |module| self.layer(module), method, map)
    }
}

/// Every class activation map that the fixtures have and we make, on every network and from both exporters.
#[test]
fn class_activation_maps_equal_those_of_pytorch_grad_cam() {
    let manifest = Manifest::read();
    let mut compared = BTreeMap::<&str, usize>::new();
    let mut wrong = vec![];
    for (name, network) in manifest.networks() {
        for exporter in ["torchscript", "dynamo"] {
            let Some(case) = Case::load(network, exporter) else { continue };
            // Two goldens of one map differ by the sign that a singular vector may have: either will do.
            let mut differences = BTreeMap::<String, f32>::new();
            for map in network["maps"].as_array().unwrap() {
                let Some(method) = map["method"].as_str().and_then(ours) else { continue };
                // A channel of a layer of tokens is taken away at its patches: the class token keeps its value.
                let ablates_token = map["parameters"]["class-token"] == "ablated";
                if find(method).unwrap().family != Family::Cam || ablates_token {
                    continue;
                }
                let (target, layers, parameters) = (&map["target"], &map["layers"], &map["parameters"]);
                let what = format!("{method} of {target} at {layers} in {name} ({exporter}, {parameters})");
                match case.explain(method, map) {
                    Ok(attribution) => {
                        let difference = largest_difference(&attribution.values, &golden(map));
                        let best = differences.entry(what).or_insert(f32::INFINITY);
                        *best = best.min(difference);
                        *compared.entry(method).or_default() += 1;
                    }
                    Err(error) => wrong.push(format!("{what}: {error}")),
                }
            }
            let far = differences.iter().filter(|(_, difference)| **difference > CAM_TOLERANCE);
            wrong.extend(far.map(|(what, difference)| format!("{what}: off by {difference}")));
        }
    }
    println!("maps compared: {compared:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared["grad-cam"] >= 20, "too few cases: {compared:?}");
    assert_complete(&compared, Family::Cam);
}

/// Every method of that family was held against a reference.
fn assert_complete(compared: &BTreeMap<&str, usize>, family: Family) {
    for method in METHODS.iter().filter(|method| method.family == family) {
        assert!(compared.contains_key(method.name), "no case of {}: {compared:?}", method.name);
    }
}

/// Every gradient map that the fixtures have and we make; SmoothGrad and VarGrad of the reference's own noise.
#[test]
fn gradient_maps_equal_those_of_captum_and_zennit() {
    let manifest = Manifest::read();
    let mut compared = BTreeMap::<&str, usize>::new();
    let mut wrong = vec![];
    for (name, network) in manifest.networks() {
        for exporter in ["torchscript", "dynamo"] {
            let Some(case) = Case::load(network, exporter) else { continue };
            for map in network["maps"].as_array().unwrap() {
                let Some(method) = map["method"].as_str().and_then(ours) else { continue };
                if find(method).unwrap().family != Family::Gradient {
                    continue;
                }
                let attribution = case.explain(method, map).unwrap();
                let golden = golden(map);
                let error = relative_error(&attribution.values, &golden);
                *compared.entry(method).or_default() += 1;
                if error > GRADIENT_TOLERANCE {
                    wrong.push(format!(
                        "{method} of {} in {name} ({exporter}, {}): {error}",
                        map["target"], map["parameters"]
                    ));
                }
                if let Some(gap) = map["completeness_gap"].as_f64() {
                    let ours = metric(&attribution, "completeness gap");
                    assert!((ours - gap).abs() < 1e-3, "{ours} is not {gap}");
                }
                if let Some(conserved) = map["conserved"].as_f64() {
                    let start = metric(&attribution, "relevance at the start");
                    let ours = (metric(&attribution, "conservation gap") + start) / start;
                    assert!((ours - conserved).abs() < 1e-3, "{ours} is not {conserved}: {}", map["parameters"]);
                }
            }
        }
    }
    println!("maps compared: {compared:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_complete(&compared, Family::Gradient);
}

/// Whoever adds a method brings what it is held against. Rules are searched for: nothing of that can be injected, and their
/// tests plant the rule to be found, or try all there are.
#[test]
fn every_method_but_the_rules_has_a_golden_on_the_miniature_cnn_or_vit() {
    let manifest = Manifest::read();
    let maps = ["cnn", "vit"].into_iter().flat_map(|name| manifest.network(name)["maps"].as_array().unwrap());
    let held: Vec<&str> = maps.filter_map(|map| ours(map["method"].as_str()?)).collect();
    let without: Vec<&str> = METHODS.iter().map(|method| method.name).filter(|name| !held.contains(name)).collect();
    assert_eq!(without, ["anchors", "flip"]);
}

/// What captum's NoiseTunnel does by default can be asked for: five copies, noise as wide as 1 in the network's input, and
/// the magnitudes of the gradient, as its Saliency has them.
#[test]
fn captums_defaults_for_noise_can_be_asked_for() {
    let manifest = Manifest::read();
    let case = Case::load(manifest.network("cnn"), "torchscript").unwrap();
    for method in ["smoothgrad", "vargrad"] {
        let explain = |parameters: Json| {
            let map = serde_json::json!({ "target": { "logit": 1 }, "parameters": parameters });
            case.explain(method, &map).unwrap().values
        };
        let captums =
            explain(serde_json::json!({ "samples": 5, "noise": 1.0, "noise-unit": "absolute", "of": "absolute" }));
        assert!(captums.iter().all(|value| value.is_finite() && *value >= 0.0), "{method}");
        // The unit matters, so it is heeded.
        assert_ne!(captums, explain(serde_json::json!({ "samples": 5, "noise": 1.0, "of": "absolute" })), "{method}");
    }
}

/// With global average pooling and a linear head, HiResCAM is Grad-CAM times the number of places, and its sum is the logit
/// less the bias (FIDELITY of both, in one identity).
#[test]
fn hires_cam_adds_up_to_the_logit_where_the_head_is_linear() {
    let manifest = Manifest::read();
    let case = Case::load(manifest.network("cnn"), "torchscript").unwrap();
    let at = |method: &str, class: usize| {
        let map = serde_json::json!({ "target": { "logit": class }, "layers": ["block2"] });
        case.explain(method, &map).unwrap().raw
    };
    let network = case.classifier.network();
    let layer = case.layer("block2").unwrap();
    let zero = seewhy::network::Activation::zeros(case.classifier.network().layers()[layer].shape);
    let biases = network.logits_from(&case.pass, layer, &zero).unwrap();
    for (class, bias) in biases.iter().enumerate() {
        let (hires, grad) = (at("hires-cam", class), at("grad-cam", class));
        assert!(largest_difference(&hires, &grad) < 1e-5);
        let sum: f32 = hires.sum() + bias;
        assert!((sum - case.pass.logits[class]).abs() < 1e-4, "{sum} is not {}", case.pass.logits[class]);
    }
}
