//! The commands and the interface say the same of an image, since both ask one session.

use std::path::Path;

use ndarray::ArrayD;
use seewhy::raster::npy;
use serde_json::Value as Json;

use crate::cli::{errors, lines, picture, seewhy, text};
use crate::support::pty::{Answers, Pty};

const SEEWHY: &str = env!("CARGO_BIN_EXE_seewhy");

/// The lines of a command with the bundled model, run in a folder.
fn said(folder: &Path, arguments: &[&str]) -> Vec<Json> {
    let output = seewhy(arguments).current_dir(folder).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    lines(&output)
}

#[test]
fn a_tensor_is_one_whatever_it_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let shape = said(folder.path(), &["model", "--json"])[0]["input"]["shape"].clone();
    let shape: Vec<usize> = serde_json::from_value(shape).unwrap();
    let tensor = ArrayD::from_shape_fn(shape, |at| (at[1] as f32 + (at[2] * at[3]) as f32 / 99.0).sin());
    let mut bytes = vec![];
    npy::write(&mut bytes, tensor.view()).unwrap();
    let names = ["tensor", "tensor.jpg", "tensor.npy"];
    names.iter().for_each(|name| std::fs::write(folder.path().join(name), &bytes).unwrap());

    let classified = said(folder.path(), &["classify", "."]);
    assert_eq!(classified.len(), 3);
    assert!(classified.iter().all(|line| line["top"] == classified[2]["top"]));
    let explained = said(folder.path(), &["explain", "."]);
    assert!(explained.iter().all(|line| line["map"] == explained[2]["map"]));

    let label = classified[0]["top"][0]["label"].as_str().unwrap();
    let label = label.split(',').next().unwrap();
    let mut pty = Pty::run(SEEWHY, &["."], folder.path(), Answers::PLAIN);
    for number in 1..=3 {
        pty.wait_for(&format!("{number} of 3"));
        pty.wait_until("its class and its map", |screen| screen.contains(label) && screen.contains("raw"));
        pty.keys("j");
    }
    pty.keys("q");
    assert!(pty.wait().success());
}

/// What is the same in two records of one map: all but where its files are and how long it took.
fn essence(record: &Json) -> Json {
    let mut record = record.clone();
    let fields = record.as_object_mut().unwrap();
    fields.retain(|name, _| !["files", "elapsed_ms", "image"].contains(&name.as_str()));
    record
}

#[test]
fn what_is_written_in_the_interface_is_what_the_command_writes() {
    let folder = tempfile::tempdir().unwrap();
    picture(&folder.path().join("1.png"), 1);
    let options = ["--top", "7", "--seed", "3", "--alpha", "drop"];
    let mut pty = Pty::run(SEEWHY, &[&options[..], &["."]].concat(), folder.path(), Answers::PLAIN);
    pty.wait_until("the map", |screen| screen.contains("raw"));
    pty.keys("w");
    pty.wait_for("wrote ");
    pty.keys("q");
    assert!(pty.wait().success());
    let maps = folder.path().join("seewhy-maps");
    let files = || std::fs::read_dir(&maps).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    let before = files();
    let written: Json = serde_json::from_slice(&std::fs::read(maps.join("1.grad-cam.json")).unwrap()).unwrap();
    assert_eq!(written["top"].as_array().unwrap().len(), 7);

    let arguments = ["explain", "1.png", "--format", "png,npy,json", "--out", text(&maps)];
    let [record] = &said(folder.path(), &[&arguments[..], &options].concat())[..] else { panic!("one map") };
    assert_eq!(essence(record), essence(&written));
    assert_eq!((files().len(), before.len()), (3, 3), "the same request replaces its own files: {before:?}");
}

#[test]
fn what_two_models_show_is_written_to_files_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    picture(&folder.path().join("1.png"), 1);
    let options = ["--model", "builtin", "--model", "builtin", "."];
    let mut pty = Pty::run(SEEWHY, &options, folder.path(), Answers::PLAIN);
    pty.wait_until("both models and a map", |screen| screen.contains("[a]") && screen.contains("raw"));
    pty.keys("w");
    pty.wait_for("wrote ");
    pty.keys("\t");
    pty.wait_until("the second model's map", |screen| screen.contains("[b]") && screen.contains("raw"));
    pty.keys("w");
    let maps = folder.path().join("seewhy-maps");
    let count = || std::fs::read_dir(&maps).map_or(0, Iterator::count);
    pty.wait_until("six files", |_| count() == 6);
    pty.keys("q");
    assert!(pty.wait().success());
}
