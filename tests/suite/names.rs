//! What classes are called, and of which class images are: from the command line, with files as people have them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value as Json;

use crate::cli::{errors, lines, picture, seewhy, text};
use crate::support::fixture;

/// The small network of the fixtures, in a folder of its own; it has seven classes.
fn model(folder: &Path) -> PathBuf {
    let file = folder.join("net.onnx");
    fs::copy(fixture("cnn/torchscript.onnx"), &file).unwrap();
    file
}

const PREPARED: [&str; 6] = ["--input-size", "28x24", "--mean", "0.5", "--std", "0.25"];
const NAMES: [&str; 7] = ["ant", "bee", "cow", "dog", "elk", "fox", "gnu"];

fn run(command: &str, model: &Path, arguments: &[&str]) -> Output {
    seewhy(&[command]).args(arguments).arg("--model").arg(model).args(PREPARED).args(["--top", "7"]).output().unwrap()
}

fn done(output: &Output) -> Vec<Json> {
    assert_eq!(output.status.code(), Some(0), "{}", errors(output));
    lines(output)
}

/// The names of the classes by their index.
fn labels(record: &Json) -> Vec<String> {
    let mut top: Vec<(u64, String)> = record["top"]
        .as_array()
        .unwrap()
        .iter()
        .map(|class| (class["index"].as_u64().unwrap(), class["label"].as_str().unwrap().to_owned()))
        .collect();
    top.sort();
    top.into_iter().map(|(_, label)| label).collect()
}

/// The index of the true class of each image, by the end of its path.
fn truth(records: &[Json], end: &str) -> Option<u64> {
    let record = records.iter().find(|record| record["image"].as_str().unwrap().ends_with(end)).unwrap();
    record["truth"]["index"].as_u64()
}

#[test]
fn a_list_beside_the_model_is_taken_where_it_fits_and_it_is_said() {
    let lines = NAMES.join("\n");
    let json = serde_json::to_string(&NAMES).unwrap();
    let csv = "name,id\nfox,5\nant,0\nbee,1\ncow,2\ndog,3\nelk,4\ngnu,6\n";
    let yaml = format!("nc: 7\nnames: [{}]\n", NAMES.join(", "));
    let indices = r#"{"ant": 0, "bee": 1, "cow": 2, "dog": 3, "elk": 4, "fox": 5, "gnu": 6}"#;
    for (name, content) in [
        ("labels.txt", lines.as_str()),
        ("classes.json", &json),
        ("names.csv", csv),
        ("class_names.yaml", &yaml),
        ("class_indices.json", indices),
        ("net.txt", &lines),
        ("net.yml", &yaml),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (model, image) = (model(folder.path()), folder.path().join("x/1.png"));
        picture(&image, 1);
        fs::write(folder.path().join(name), content).unwrap();
        let output = run("classify", &model, &[text(&image)]);
        assert_eq!(labels(&done(&output)[0]), NAMES, "{name}");
        assert!(errors(&output).contains(name) && errors(&output).contains("beside the model"), "{}", errors(&output));
        let described = run("model", &model, &[]);
        assert!(String::from_utf8_lossy(&described.stdout).contains(&format!("{name}\n")), "{name}");
    }
}

#[test]
fn a_list_beside_the_model_that_does_not_fit_is_left_and_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let (model, image) = (model(folder.path()), folder.path().join("x/1.png"));
    picture(&image, 1);
    fs::write(folder.path().join("labels.txt"), "ant\nbee\n").unwrap();
    fs::write(folder.path().join("net.json"), "{\"epochs\": 3.5}").unwrap();
    let output = run("classify", &model, &[text(&image)]);
    assert_eq!(labels(&done(&output)[0])[0], "class 0");
    let said = errors(&output);
    assert!(said.contains("labels.txt is not used: 2 labels") && !said.contains("net.json"), "{said}");
}

#[test]
fn a_background_is_thought_of_and_the_names_can_be_moved() {
    let folder = tempfile::tempdir().unwrap();
    let (model, image) = (model(folder.path()), folder.path().join("x/1.png"));
    picture(&image, 1);
    let list = folder.path().join("six.list");
    fs::write(&list, NAMES[1..].join("\n")).unwrap();
    let refused = run("classify", &model, &[text(&image), "--labels", text(&list)]);
    assert_eq!(refused.status.code(), Some(2));
    let said = errors(&refused);
    assert!(said.contains("6 labels") && said.contains("background") && said.contains("--labels-offset 1"), "{said}");
    let moved = run("classify", &model, &[text(&image), "--labels", text(&list), "--labels-offset", "1"]);
    assert_eq!(labels(&done(&moved)[0])[..3], ["class 0", "bee", "cow"]);
    fs::write(folder.path().join("net.toml"), "labels = 'six.list'\nlabels_offset = 1\n").unwrap();
    assert_eq!(labels(&done(&run("classify", &model, &[text(&image)]))[0])[6], "gnu");
    fs::write(&list, format!("background\n{}", NAMES.join("\n"))).unwrap();
    let moved = run("classify", &model, &[text(&image), "--labels", text(&list), "--labels-offset", "-1"]);
    assert_eq!(labels(&done(&moved)[0]), NAMES);
}

#[test]
fn the_folders_of_the_images_name_the_classes_where_nothing_else_does() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    for split in ["train", "val"] {
        for (seed, name) in (1..).zip(NAMES) {
            picture(&folder.path().join("data").join(split).join(name).join("1.png"), seed);
        }
    }
    for root in ["data/val", "data"] {
        let output = run("classify", &model, &[text(&folder.path().join(root))]);
        let records = done(&output);
        assert_eq!(labels(&records[0]), NAMES);
        assert_eq!(truth(&records, "val/fox/1.png"), Some(5));
        assert!(
            errors(&output).contains("a guess") && errors(&output).contains("--labels-from"),
            "{}",
            errors(&output)
        );
    }
    let from = folder.path().join("data/train");
    let output = run("classify", &model, &[text(&folder.path().join("data/val/fox")), "--labels-from", text(&from)]);
    assert_eq!(truth(&done(&output), "fox/1.png"), Some(5));
    assert!(!errors(&output).contains("folders"), "what was said is no guess: {}", errors(&output));
}

#[test]
fn folders_from_1_are_sorted_as_text_and_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    for (seed, name) in (1..).zip(["1", "2", "3", "4", "5", "6", "10"]) {
        picture(&folder.path().join("val").join(name).join("1.png"), seed);
    }
    let root = folder.path().join("val");
    for more in [&[][..], &["--labels-from", text(&root)]] {
        let output = run("classify", &model, &[&[text(&root)][..], more].concat());
        let records = done(&output);
        let found = ["1", "10", "2", "6"].map(|name| truth(&records, &format!("val/{name}/1.png")));
        assert_eq!(found, [Some(0), Some(1), Some(2), Some(6)]);
        assert!(
            errors(&output).contains("sorted as text") && errors(&output).contains("folder 10 class 1"),
            "{}",
            errors(&output)
        );
    }
    // With names that are no numbers, nobody knows which is which.
    let list = folder.path().join("list");
    fs::write(&list, NAMES.join("\n")).unwrap();
    let output = run("classify", &model, &[text(&root), "--labels", text(&list), "-v"]);
    assert!(done(&output).iter().all(|record| record.get("truth").is_none()));
    assert!(errors(&output).contains("are not taken for classes"), "{}", errors(&output));
}

#[test]
fn a_file_says_the_truth_of_images_that_no_folder_names() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    fs::write(folder.path().join("labels.txt"), NAMES.join("\n")).unwrap();
    for (seed, name) in (1..).zip(["a", "b", "c"]) {
        picture(&folder.path().join("val/images").join(format!("{name}.png")), seed);
    }
    let images = folder.path().join("val");
    let (images, file) = (text(&images), folder.path().join("truth"));
    let unknown = run("classify", &model, &[images, "--where", "is:wrong"]);
    assert!(
        done(&unknown).is_empty() && errors(&unknown).contains("right and wrong are not known"),
        "{}",
        errors(&unknown)
    );
    let unknown = run("explain", &model, &[images, "--where", "true:fox"]);
    assert!(done(&unknown).is_empty() && errors(&unknown).contains("right and wrong are not known"));

    fs::write(&file, "a.png\tfox\t0\t1\nb.png\tbee\t0\t1\n").unwrap();
    let output = run("classify", &model, &[images, "--truth", text(&file)]);
    let records = done(&output);
    assert_eq!(["a.png", "b.png", "c.png"].map(|name| truth(&records, name)), [Some(5), Some(1), None]);
    assert!(errors(&output).contains("lists 2 of 3 images"), "{}", errors(&output));

    // What the program says is a file of truth itself.
    let said: Vec<String> = records.iter().map(ToString::to_string).collect();
    fs::write(&file, said.join("\n")).unwrap();
    assert_eq!(truth(&done(&run("classify", &model, &[images, "--truth", text(&file)])), "a.png"), Some(5));

    fs::write(&file, "a.png,yeti\n").unwrap();
    let refused = run("classify", &model, &[images, "--truth", text(&file)]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(errors(&refused).contains("\"yeti\""), "{}", errors(&refused));
}
