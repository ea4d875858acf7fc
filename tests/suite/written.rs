//! Files that explanations write: none is lost to another.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::cli::{errors, lines, picture, text, with_model};

/// Explains and returns the records.
fn explain(image: &Path, out: &Path, more: &[&str]) -> Vec<Json> {
    let output = with_model(&["explain", text(image), "--out", text(out)]).args(more).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    lines(&output)
}

fn file(record: &Json, format: &str) -> PathBuf {
    record["files"][format].as_str().unwrap_or_else(|| panic!("{record}")).into()
}

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn the_same_request_replaces_its_own_files_and_another_gets_a_name_that_says_more() {
    let folder = tempfile::tempdir().unwrap();
    let (image, out) = (folder.path().join("cat/1.png"), folder.path().join("maps"));
    picture(&image, 1);
    for formats in ["png,npy", "npy", "npy,json", "png,npy,json", "json"] {
        let out = out.join(formats);
        let plain = explain(&image, &out, &["--format", formats, "--target", "2"]);
        let before = names(&out);
        assert!(before.iter().all(|name| name.starts_with("1.grad-cam.")), "{before:?}");
        let again = explain(&image, &out, &["--format", formats, "--target", "2"]);
        assert_eq!((&plain[0]["files"], &names(&out)), (&again[0]["files"], &before), "{formats}");

        let kept = fs::read(out.join(before.first().unwrap())).unwrap();
        let other = explain(&image, &out, &["--format", formats, "--target", "3"]);
        assert_eq!(fs::read(out.join(before.first().unwrap())).unwrap(), kept, "{formats}: the first is as it was");
        assert_eq!(names(&out).len(), 2 * before.len(), "{formats}");
        let format = formats.split(',').next().unwrap();
        let name = file(&other[0], format).file_name().unwrap().to_string_lossy().into_owned();
        assert!(name.contains("class-3.") && name.ends_with(&format!("grad-cam.{format}")), "{formats}: {name}");
        if formats != "npy" {
            assert_eq!(name, format!("1.class-3.grad-cam.{format}"));
        }
        explain(&image, &out, &["--format", formats, "--target", "3"]);
        assert_eq!(names(&out).len(), 2 * before.len(), "{formats}: the other is replaced by itself, too");
    }
}

#[test]
fn a_default_that_is_said_is_the_same_request() {
    let folder = tempfile::tempdir().unwrap();
    let (image, out) = (folder.path().join("cat/1.png"), folder.path().join("maps"));
    picture(&image, 1);
    let request = |more: &[&str]| explain(&image, &out, more)[0]["request"].as_str().unwrap().to_owned();
    let plain = request(&[]);
    for more in [&["--alpha", "white"][..], &["--exif", "apply"], &["--seed", "0", "--layer", "auto"]] {
        assert_eq!(request(more), plain, "{more:?}");
    }
    assert_eq!(names(&out).len(), 2);
    for more in [&["--alpha", "drop"][..], &["--depth", "auto"], &["--exif", "ignore"], &["--activation", "sigmoid"]] {
        assert_ne!(request(more), plain, "{more:?}");
    }
}

#[test]
fn what_differs_is_said_by_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("maps");
    let images = ["cat/1.png", "dog/1.png"].map(|name| folder.path().join(name));
    images.iter().zip(1..).for_each(|(image, seed)| picture(image, seed));
    let name = |image: &Path, more: &[&str]| {
        file(&explain(image, &out, more)[0], "png").file_name().unwrap().to_string_lossy().into_owned()
    };
    assert_eq!(name(&images[0], &["--target", "1"]), "1.grad-cam.png");
    assert_eq!(
        name(&images[1], &["--target", "1"]),
        "dog_1.grad-cam.png",
        "another run, a folder with the same name in it"
    );
    assert_eq!(name(&images[1], &["--target", "1"]), "dog_1.grad-cam.png");
    assert_eq!(name(&images[0], &["--target", "1", "--resize", "letterbox"]), "1.2.grad-cam.png", "prepared otherwise");
    assert_eq!(name(&images[0], &["--target", "p:1"]), "1.class-1.grad-cam.png", "the probability, not the logit");
    assert_eq!(name(&images[0], &["--target", "1", "--raw"]), "1.3.grad-cam.png");
}

#[test]
fn a_file_of_somebody_else_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (image, out) = (folder.path().join("1.png"), folder.path().join("maps"));
    picture(&image, 1);
    fs::create_dir(&out).unwrap();
    for suffix in ["png", "npy", "json"] {
        fs::write(out.join(format!("1.grad-cam.{suffix}")), "precious").unwrap();
    }
    let output = with_model(&["explain", text(&image), "--out", text(&out)]).output().unwrap();
    assert!(errors(&output).contains("one map has a longer name"), "{}", errors(&output));
    for suffix in ["png", "npy", "json"] {
        assert_eq!(fs::read(out.join(format!("1.grad-cam.{suffix}"))).unwrap(), b"precious");
    }
    assert_eq!(names(&out).len(), 5);
}

#[test]
fn no_clobber_is_an_error_for_each_file_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("maps");
    for name in ["1.png", "2.png"] {
        picture(&folder.path().join("val").join(name), 1);
    }
    explain(&folder.path().join("val/1.png"), &out, &["--no-clobber"]);
    let before = fs::read(out.join("1.grad-cam.npy")).unwrap();
    let arguments = ["explain", text(&folder.path().join("val")).to_owned().leak(), "--no-clobber", "--target", "2"];
    let output = with_model(&arguments).arg("--out").arg(&out).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let lines = lines(&output);
    let error = lines[0]["error"].as_str().unwrap();
    assert!(error.contains("1.grad-cam") && error.contains("--no-clobber"), "{error}");
    assert!(lines[1].get("error").is_none(), "{}", lines[1]);
    assert_eq!(fs::read(out.join("1.grad-cam.npy")).unwrap(), before);
}
