//! A model is itself: the same wherever it lies, another one as soon as a byte or a setting is another.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use tract_onnx::prelude::Framework as _;

use crate::cli::{errors, lines, picture, seewhy, text};
use crate::support::fixture;

const MEAN: [&str; 2] = ["--mean", "0.5"];

fn run(arguments: &[&str]) -> Vec<Json> {
    let output = seewhy(arguments).output().unwrap();
    let lines = lines(&output);
    assert!(!lines.is_empty(), "{}", errors(&output));
    lines
}

fn id_with(model: &Path, arguments: &[&str]) -> String {
    let described = run(&[&["model", text(model), "--json"], arguments].concat());
    described[0]["model_id"].as_str().unwrap().to_owned()
}

fn id(model: &Path) -> String {
    id_with(model, &MEAN)
}

/// A model with its weights beside it, as a folder of its own.
fn copy(folder: &Path) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    fs::copy(fixture("loading/weights.bin"), folder.join("weights.bin")).unwrap();
    fs::copy(fixture("loading/external.onnx"), folder.join("net.onnx")).unwrap();
    folder.join("net.onnx")
}

fn flip_last_bit(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_model_is_known_by_its_bytes_and_settings_and_not_by_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let model = copy(&folder.path().join("one"));
    let first = id(&model);
    assert!(first.len() == 16 && first.chars().all(|digit| digit.is_ascii_hexdigit()), "{first}");

    let elsewhere = folder.path().join("two").join("other.onnx");
    fs::rename(copy(&folder.path().join("two")), &elsewhere).unwrap();
    assert_eq!(id(&elsewhere), first, "another name in another folder");
    assert_eq!(id(elsewhere.parent().unwrap()), first, "the folder in place of the file");

    assert_ne!(id_with(&model, &["--mean", "0.25"]), first, "another mean");
    assert_ne!(id_with(&model, &[&MEAN[..], &["--resize", "shortest:40"]].concat()), first, "another resize");
    let labels = folder.path().join("names.txt");
    fs::write(&labels, "a\nb\nc\nd\ne\n").unwrap();
    assert_ne!(id_with(&model, &[&MEAN[..], &["--labels", text(&labels)]].concat()), first, "other names");

    flip_last_bit(&elsewhere.with_file_name("weights.bin"));
    assert_ne!(id(&elsewhere), first, "one bit of the weights beside the graph");

    let plain = folder.path().join("plain.onnx");
    fs::copy(fixture("loading/plain.onnx"), &plain).unwrap();
    let before = id(&plain);
    let proto = seewhy::model::onnx().proto_model_for_path(&plain).unwrap();
    let weights = proto.graph.unwrap().initializer.swap_remove(0).raw_data;
    let mut bytes = fs::read(&plain).unwrap();
    let at = bytes.windows(weights.len()).position(|window| window == &weights[..]).unwrap();
    bytes[at] ^= 1;
    fs::write(&plain, bytes).unwrap();
    assert_ne!(id(&plain), before, "one bit of the weights");
}

#[test]
fn every_command_says_which_model_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image.png");
    picture(&image, 0);
    let image = text(&image);
    let model = copy(&folder.path().join("model"));
    let (model, expected) = (text(&model), id(&model));
    let asked = |command: &str, more: &[&str]| {
        run(&[&[command, image, "--model", model], &MEAN[..], more].concat()).swap_remove(0)
    };
    assert_eq!(asked("classify", &[])["model_id"], *expected);
    assert_eq!(asked("classify", &["--summary"])["model_id"], *expected);
    assert_eq!(asked("explain", &["--method", "saliency"])["model_id"], *expected);
    assert_eq!(asked("evaluate", &["--method", "saliency", "--measure", "insertion"])["model_id"], *expected);

    let both = asked("compare", &["--model", "builtin"]);
    assert_eq!(both["models"][0]["model_id"], *expected);
    let other = both["models"][1]["model_id"].as_str().unwrap();
    assert_ne!(other, expected);
    let summary = asked("compare", &["--model", "builtin", "--summary"]);
    assert_eq!(summary["model_ids"], serde_json::json!([expected, other]));

    let shown = seewhy(&["model", model, "--mean", "0.5"]).output().unwrap();
    assert!(String::from_utf8(shown.stdout).unwrap().contains(&expected), "the description for people, too");
}
