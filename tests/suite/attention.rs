//! Attention: found in what both exporters write, the same as PyTorch's, and followed to the patches or refused.

use std::sync::Arc;

use ndarray::Axis;
use seewhy::explain::{Asking, LayerChoice, Monitor, Request, Subject, Values, find, obstacle, refusal};
use seewhy::gallery::DecodeOptions;
use seewhy::model::{Overrides, Target};
use seewhy::network::{Pass, Patches, Readout, TokenPlaces};
use seewhy::session::{RunOptions, Session};

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

/// Rows and columns of the patches of each window.
fn windows(places: &TokenPlaces) -> Vec<Vec<(usize, usize)>> {
    let place = |patch: &Option<usize>| patch.map(|patch| (patch / places.columns, patch % places.columns));
    places.windows.iter().map(|window| window.iter().filter_map(place).collect()).collect()
}

#[test]
fn the_tokens_of_windows_are_put_back_in_place_also_where_windows_are_shifted() {
    for exporter in EXPORTERS {
        let (classifier, input) = miniature("swin", exporter);
        let network = classifier.network();
        for (block, (rows, columns), shift) in [(0, (8, 16), 0), (1, (8, 16), 2), (2, (4, 8), 0)] {
            let places = network.token_places(block).unwrap_or_else(|| panic!("block {block} ({exporter})"));
            assert_eq!((places.rows, places.columns, places.heads), (rows, columns, 2), "block {block} ({exporter})");
            let mut patches: Vec<usize> = places.windows.iter().flatten().flatten().copied().collect();
            patches.sort_unstable();
            assert!(patches.into_iter().eq(0..rows * columns), "block {block} ({exporter}): each patch once");
            // Windows of 4 x 4 patches; shifted ones go around the edge.
            let cell = |(y, x): &(usize, usize)| ((y + rows - shift) % rows / 4, (x + columns - shift) % columns / 4);
            for window in windows(&places) {
                assert_eq!(window.len(), 16);
                assert!(window.iter().all(|patch| cell(patch) == cell(&window[0])), "block {block} ({exporter})");
            }
        }
        // What changes in one patch is seen by the window that holds it, and by no other, in the first block.
        let places = network.token_places(0).unwrap();
        let (row, column) = (5, 9);
        let mut changed = (*input).clone();
        changed[[0, 0, 2 * row, 2 * column]] += 1.0;
        let [before, after] = [input, Arc::new(changed)]
            .map(|input| network.attention_maps(&network.forward(input).unwrap()).unwrap().remove(0));
        let window = places.of_patch(row * places.columns + column).unwrap().0;
        for (index, (before, after)) in before.outer_iter().zip(after.outer_iter()).enumerate() {
            assert_eq!(before != after, places.of[index].0 == window, "attention {index} ({exporter})");
        }
    }
    let (classifier, _) = miniature("vit", "torchscript");
    let places = classifier.network().token_places(1).unwrap();
    assert_eq!((places.rows, places.columns, places.heads, places.windows.len()), (6, 6, 2, 1));
    assert!(places.windows[0].iter().copied().eq([None].into_iter().chain((0..36).map(Some))));
}

fn session(name: &str) -> (Session, Pass) {
    let (classifier, input) = miniature(name, "torchscript");
    let pass = classifier.network().forward(input).unwrap();
    let decoding = DecodeOptions::default();
    (Session::new(classifier, RunOptions { decoding, seed: 0, tolerance: None, top: 5 }), pass)
}

#[test]
fn a_session_has_the_attention_of_every_head_as_a_picture() {
    let (vit, pass) = session("vit");
    let blocks = vit.attention(&pass, &Monitor::silent()).unwrap();
    assert_eq!(blocks.len(), 2);
    for block in &blocks {
        for (asking, row) in [(Asking::Read, 0), (Asking::Patch(0), 1), (Asking::Patch(35), 36)] {
            let maps = block.maps(asking).unwrap();
            assert_eq!(maps.dim(), (2, 6, 6));
            for (head, map) in maps.outer_iter().enumerate() {
                // Of the class token itself, and of each patch in its place.
                let attention = block.attention.index_axis(Axis(0), head).row(row).to_owned();
                assert!((map.sum() + attention[0] - 1.0).abs() < TOLERANCE);
                assert!(map.indexed_iter().all(|((y, x), taken)| *taken == attention[1 + 6 * y + x]));
            }
        }
        assert_eq!(block.maps(Asking::Patch(36)), None, "there is no such patch");
    }

    let (swin, pass) = session("swin");
    let blocks = swin.attention(&pass, &Monitor::silent()).unwrap();
    for (block, (rows, columns)) in blocks.iter().zip([(8, 16), (8, 16), (4, 8)]) {
        for patch in 0..rows * columns {
            let maps = block.maps(Asking::Patch(patch)).unwrap();
            assert_eq!(maps.dim(), (2, rows, columns));
            // All of it is within the patch's window of 16.
            assert!(maps.outer_iter().all(|map| (map.sum() - 1.0).abs() < TOLERANCE));
            assert!(maps.outer_iter().all(|map| map.iter().filter(|taken| **taken > 0.0).count() <= 16));
        }
        let all = block.maps(Asking::Read).unwrap();
        assert!(
            all.outer_iter().all(|map| (map.sum() - 1.0).abs() < TOLERANCE && map.iter().all(|taken| *taken > 0.0))
        );
    }

    let (cnn, pass) = session("cnn");
    let refused = cnn.attention(&pass, &Monitor::silent()).unwrap_err();
    assert!(refused.to_string().contains("no attention"), "{refused}");
}
