//! All integration tests, in one binary so that tract is linked once.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "these are tests, their helpers included")]

mod activations;
mod answers;
mod attention;
mod calibration;
mod channels;
mod cli;
mod cli_refusals;
mod demo;
mod dreaming;
mod dreams;
mod evaluate;
mod exemplars;
mod explanations;
mod exports;
mod fitting;
mod flip;
mod gallery;
mod gradients;
mod gradients_conv;
mod gradients_graphs;
mod gradients_kinks;
mod gradients_torch;
mod heads;
mod incremental;
mod inputs;
mod interface;
mod jpeg;
mod kernels;
mod keys;
mod layering;
mod library;
mod live;
mod loading;
mod marks;
mod mcunet;
mod menus;
mod messages;
mod methods;
mod metrics;
mod model_id;
mod names;
mod network;
mod operators;
mod pair;
mod panels;
mod panics;
mod perturbations;
mod preprocessing;
mod protocols;
mod relevance;
mod scores;
mod screens;
mod segments;
mod session;
mod stages;
mod superpixels;
mod support;
mod terminal;
mod triage;
mod two_models;
mod units;
mod watch;
mod weights;
mod what_if;
mod wire;
mod written;
mod zoom;

/// Every file beside this one is declared above: a test that is not compiled proves nothing.
#[test]
fn every_test_file_is_declared() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite");
    let declared = std::fs::read_to_string(folder.join("main.rs")).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
        assert!(name == "main" || declared.contains(&format!("mod {name};")), "{name}.rs is not declared in main.rs");
    }
}
