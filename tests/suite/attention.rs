//! Attention: found in what both exporters write, the same as PyTorch's, and followed to the patches or refused.

use std::sync::Arc;

use ndarray::Axis;
use seewhy::explain::{LayerChoice, Monitor, Request, Subject, Values, find, obstacle, refusal};
use seewhy::model::{Overrides, Target};
use seewhy::network::{Patches, Readout};

use crate::cli::{errors, seewhy, text};
use crate::support::goldens::{self, golden, largest_difference};
use crate::support::{Manifest, fixture, fixture_array, load, miniature, miniature_pass};

const METHODS: [&str; 2] = ["attention-rollout", "attention-relevance"];
const EXPORTERS: [&str; 2] = ["torchscript", "dynamo"];
/// Of the largest value of a map.
const TOLERANCE: f32 = 1e-4;

#[test]
fn maps_of_attention_equal_those_of_torch() {
    let manifest = Manifest::read();
    let vit = manifest.network("vit");
    for exporter in EXPORTERS {
        let (classifier, input) = load(vit, exporter, Overrides::default()).unwrap();
        let pass = classifier.network().forward(input).unwrap();
        let mut compared = 0;
        for map in vit["maps"].as_array().unwrap() {
            let method = map["method"].as_str().unwrap();
            if !METHODS.contains(&method) {
                continue;
            }
            let no_layer = |name: &str| Err(name.to_owned());
            let found = goldens::explain(Subject::of(&classifier, &pass), no_layer, method, map).unwrap();
            let golden = golden(map);
            let most = golden.iter().copied().fold(0.0, f32::max);
            let difference = largest_difference(&found.raw, &golden) / most;
            assert!(difference < TOLERANCE, "{method} of {} ({exporter}): off by {difference}", map["target"]);
            assert_eq!(found.map.dim(), (24, 24));
            compared += 1;
        }
        assert_eq!(compared, 5, "{exporter}");
    }
}

#[test]
fn every_head_is_as_in_torch_and_adds_up_to_one() {
    let expected = fixture_array(Manifest::read().network("vit")["attention"].as_str().unwrap());
    for exporter in EXPORTERS {
        let (classifier, input) = miniature("vit", exporter);
        let network = classifier.network();
        let attention = network.attention();
        let patches = Patches { prefix: 1, rows: 6, columns: 6 };
        assert_eq!((attention.patches(), &attention.readout), (Ok(patches), &Readout::Tokens(vec![0])), "{exporter}");
        assert!(attention.blocks.iter().all(|block| (block.heads, block.tokens) == (2, (37, 37))));
        let blocks = network.attention_maps(&network.forward(input).unwrap()).unwrap();
        assert_eq!(blocks.len(), 2);
        for (block, expected) in blocks.iter().zip(expected.axis_iter(Axis(0))) {
            let difference = largest_difference(&block.clone().into_dyn(), &expected.to_owned());
            assert!(difference < TOLERANCE, "{exporter}: off by {difference}");
            assert!(block.sum_axis(Axis(2)).iter().all(|sum| (sum - 1.0).abs() < TOLERANCE), "{exporter}");
        }
    }
}

#[test]
fn another_class_has_another_relevance_and_the_same_rollout() {
    let (classifier, pass) = miniature_pass("vit");
    let map = |method: &str, class| {
        let (target, layer, values) = (Target::Class(class), LayerChoice::Auto, Values::new());
        let request = Request { target, layer, values, seed: 0, tolerance: None };
        let method = find(method).unwrap().method;
        method.explain(Subject::of(&classifier, &pass), &request, &Monitor::silent()).unwrap().map
    };
    assert_eq!(map(METHODS[0], 0), map(METHODS[0], 1));
    assert_ne!(map(METHODS[1], 0), map(METHODS[1], 1));
}

#[test]
fn windows_and_networks_without_attention_are_refused_with_the_reason_and_what_works() {
    for (name, exporter, reason) in [
        ("swin", "torchscript", "not defined across windows and merged patches"),
        ("swin", "dynamo", "not defined across windows and merged patches"),
        ("cnn", "torchscript", "it has no attention"),
        ("convnext", "dynamo", "it has no attention"),
    ] {
        let (classifier, input) = miniature(name, exporter);
        let network = classifier.network();
        let pass = network.forward(Arc::clone(&input)).unwrap();
        for method in METHODS.map(|method| find(method).unwrap()) {
            let said = obstacle(method, network, &LayerChoice::Auto).unwrap_or_default();
            assert!(said.contains(reason), "{name} ({exporter}): {said}");
            let said = refusal(method, network, &LayerChoice::Auto).unwrap();
            let others = said.split_once("these can: ").unwrap().1;
            assert!(others.contains("grad-cam") && !others.contains("attention"), "{said}");
            let (target, layer, values) = (Target::Top(0), LayerChoice::Auto, Values::new());
            let request = Request { target, layer, values, seed: 0, tolerance: None };
            let error = method.method.explain(Subject::of(&classifier, &pass), &request, &Monitor::silent());
            assert!(error.unwrap_err().to_string().contains(reason));
        }
    }
    let (network, input) = (fixture("swin/torchscript.onnx"), fixture("inputs/16x32.npy"));
    let arguments = ["explain", text(&input), "--model", text(&network), "--input-size", "32x16"];
    let output = seewhy(&arguments).args(["--method", METHODS[0]]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = errors(&output);
    assert!(said.contains("4 x 4") || said.contains("16 x 16") && said.contains("lime"), "{said}");
}
