//! One model over many images, and two models over the same: what is counted equals what the lines say, counted by hand.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use tract_onnx::prelude::Framework as _;

use crate::cli::{errors, lines, picture, seewhy, text};
use crate::support::fixture;

const CLASSES: [&str; 10] = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// The pictures that come with the program, in folders named after their classes.
fn pictures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models/demo/pictures")
}

/// The bundled network with noise on its weights, and its settings beside it.
pub(crate) fn noisy(folder: &Path) -> PathBuf {
    let models = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models");
    let mut bytes = fs::read(models.join("cifar10.onnx")).unwrap();
    let proto = seewhy::model::onnx().proto_model_for_read(&mut bytes.as_slice()).unwrap();
    let mut state = 1_u32;
    for weights in proto.graph.unwrap().initializer.iter().filter(|tensor| tensor.name.ends_with(".weight.half")) {
        let raw = &weights.raw_data;
        let start = bytes.windows(raw.len()).position(|window| window == &raw[..]).unwrap();
        // Half floats: other mantissas, the same signs and magnitudes.
        for at in (start..start + raw.len()).step_by(2) {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            bytes[at] ^= (state >> 24) as u8;
            bytes[at + 1] ^= ((state >> 16) & 1) as u8;
        }
    }
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("noisy.onnx"), bytes).unwrap();
    fs::copy(models.join("cifar10.toml"), folder.join("noisy.toml")).unwrap();
    folder.join("noisy.onnx")
}

/// A quite different network: seven of the classes in another order, one of its own, an input of 28 x 24.
fn other(folder: &Path) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    fs::copy(fixture("cnn/torchscript.onnx"), folder.join("other.onnx")).unwrap();
    let settings = "input_size = \"28x24\"\nmean = 0.5\nstd = 0.25\n\
                    labels = [\"truck\", \"Dog\", \"pelican\", \"cat\", \"ship\", \"airplane\", \"frog\"]\n";
    fs::write(folder.join("other.toml"), settings).unwrap();
    folder.join("other.onnx")
}

fn run(arguments: &[&str]) -> (Vec<Json>, Option<i32>, String) {
    let output = seewhy(arguments).output().unwrap();
    (lines(&output), output.status.code(), errors(&output))
}

/// The best class and the truth of each image, by `classify`.
fn said(folder: &Path, model: &str) -> HashMap<String, (String, Option<String>)> {
    let (lines, code, errors) = run(&["classify", text(folder), "--model", model]);
    assert_eq!(code, Some(0), "{errors}");
    let word = |value: &Json| value.as_str().map(str::to_lowercase);
    let pair = |line: &Json| {
        (word(&line["image"]).unwrap(), (word(&line["top"][0]["label"]).unwrap(), word(&line["truth"]["label"])))
    };
    lines.iter().map(pair).collect()
}

fn close(found: &Json, expected: f64) -> bool {
    (found.as_f64().unwrap() - expected).abs() < 1e-9
}

/// Pascal's triangle, exactly.
fn choose(n: u32, k: u32) -> u128 {
    (0..k).fold(1, |product, i| product * u128::from(n - i) / u128::from(i + 1))
}

#[test]
fn a_summary_is_what_the_lines_add_up_to() {
    let folder = tempfile::tempdir().unwrap();
    let model = noisy(folder.path());
    let pictures = pictures();
    let arguments = ["classify", text(&pictures), "--model", text(&model), "--top", "10"];
    let (lines, ..) = run(&arguments);
    let (summary, code, _) = run(&[&arguments[..], &["--summary"]].concat());
    let [summary] = &summary[..] else { panic!("one object") };
    assert_eq!((code, summary["images"].as_u64()), (Some(0), Some(lines.len() as u64)));

    let right = |line: &&Json| line["truth"]["right"].as_bool().unwrap();
    let count = lines.iter().filter(right).count();
    assert!(count > 0 && count < lines.len(), "{count} of {} right: nothing to tell apart", lines.len());
    assert!(close(&summary["accuracy"], count as f64 / lines.len() as f64));
    let among = lines.iter().filter(|line| {
        let top = line["top"].as_array().unwrap();
        top[..5].iter().any(|class| class["index"] == line["truth"]["index"])
    });
    assert!(close(&summary["top5"], among.count() as f64 / lines.len() as f64));
    let [low, high] = [0, 1].map(|end| summary["accuracy_95"][end].as_f64().unwrap());
    // Wilson's bounds are where the accuracy lies 1.96 standard deviations of that bound away.
    let (part, n) = (count as f64 / lines.len() as f64, lines.len() as f64);
    for bound in [low, high] {
        let away = (part - bound).abs() / (bound * (1.0 - bound) / n).sqrt();
        assert!((away - 1.959_964).abs() < 1e-5, "{bound}: {away}");
    }

    let mut bins = vec![(0.0, 0.0); 15];
    for line in &lines {
        let probability = line["top"][0]["probability"].as_f64().unwrap();
        let bin = &mut bins[((probability * 15.0).ceil() as usize).clamp(1, 15) - 1];
        *bin = (bin.0 + probability, bin.1 + f64::from(u8::from(right(&line))));
    }
    let error = bins.iter().map(|(probability, right)| (probability - right).abs()).sum::<f64>() / n;
    assert!((summary["ece"].as_f64().unwrap() - error).abs() < 1e-6, "{} {error}", summary["ece"]);

    for class in summary["classes"].as_array().unwrap() {
        let of = lines.iter().filter(|line| line["truth"]["label"] == class["label"]).count();
        let said = lines.iter().filter(|line| line["top"][0]["label"] == class["label"]).count();
        let both = lines.iter().filter(right).filter(|line| line["truth"]["label"] == class["label"]).count();
        assert_eq!((class["images"].as_u64(), class["said"].as_u64()), (Some(of as u64), Some(said as u64)));
        assert!(of == 0 || close(&class["recall"], both as f64 / of as f64), "{class}");
        assert!(said == 0 || close(&class["precision"], both as f64 / said as f64), "{class}");
    }
    let mistakes: u64 =
        summary["confusions"].as_array().unwrap().iter().map(|pair| pair["count"].as_u64().unwrap()).sum();
    assert_eq!(mistakes as usize, lines.len() - count);
}

#[test]
fn a_gate_ends_with_status_3_below_its_accuracy_alone() {
    let folder = tempfile::tempdir().unwrap();
    picture(&folder.path().join("cat/a.png"), 0);
    picture(&folder.path().join("dog/b.png"), 0);
    // The same picture in two folders: exactly one of them can be right, or none.
    let gate = |least: &str| run(&["classify", text(folder.path()), "--summary", "--fail-under", least]).1;
    assert_eq!((gate("0"), gate("0.6")), (Some(0), Some(3)));
    let (_, code, errors) = run(&["classify", text(&folder.path().join("cat")), "--fail-under", "1.5"]);
    assert!(code == Some(2) && errors.contains("from 0 to 1"), "{errors}");
    picture(&folder.path().join("loose/c.png"), 0);
    let (_, code, errors) = run(&["classify", text(&folder.path().join("loose")), "--fail-under", "0.5"]);
    assert!(code == Some(2) && errors.contains("--fail-under"), "{errors}");
}

#[test]
fn a_comparison_is_what_two_classifications_say() {
    let folder = tempfile::tempdir().unwrap();
    let (second, pictures) = (noisy(folder.path()), pictures());
    compared(&pictures, "builtin", text(&second));
}

#[test]
fn models_of_other_sizes_and_orders_of_labels_are_compared_by_names() {
    let folder = tempfile::tempdir().unwrap();
    let (second, pictures) = (other(folder.path()), pictures());
    let notices = compared(&pictures, "builtin", text(&second));
    assert!(notices.contains("only the first model has 4 classes: automobile, bird, deer, ..."), "{notices}");
    assert!(notices.contains("only the second model has 1 class: pelican"), "{notices}");
}

/// Compares, and counts by hand; returns what is said on standard error.
fn compared(pictures: &Path, first: &str, second: &str) -> String {
    let models = [said(pictures, first), said(pictures, second)];
    let arguments = ["compare", text(pictures), "--model", first, "--model", second];
    let (lines, code, notices) = run(&arguments);
    assert_eq!((code, lines.len()), (Some(0), models[0].len()), "{notices}");
    let mut counts: HashMap<&str, u32> = HashMap::new();
    let (mut right, mut same) = ([0, 0], 0);
    for line in &lines {
        let image = line["image"].as_str().unwrap().to_lowercase();
        let truth = image.rsplit('/').nth(1).unwrap();
        assert!(CLASSES.contains(&truth) && line["truth"]["label"] == truth);
        let best = [0, 1].map(|model| models[model][&image].0.as_str());
        for (model, best) in best.iter().enumerate() {
            let label = line["models"][model]["top"][0]["label"].as_str().unwrap();
            assert_eq!(label.to_lowercase(), *best);
        }
        let is_right = best.map(|best| best == truth);
        right = [right[0] + u32::from(is_right[0]), right[1] + u32::from(is_right[1])];
        same += u32::from(best[0] == best[1]);
        let change = match is_right {
            [true, true] => "both-right",
            [false, false] => "both-wrong",
            [false, true] => "fixed",
            [true, false] => "broken",
        };
        assert_eq!(line["change"], change, "{line}");
        *counts.entry(change).or_default() += 1;
    }
    let count = |change: &str| counts.get(change).copied().unwrap_or(0);
    assert!(count("broken") > 0 && count("both-right") > 0, "nothing to tell apart: {counts:?}");

    let (summary, ..) = run(&[&arguments[..], &["--summary"]].concat());
    let [summary] = &summary[..] else { panic!("one object") };
    let n = f64::from(lines.len() as u32);
    assert!(close(&summary["accuracy_a"], f64::from(right[0]) / n));
    assert!(close(&summary["accuracy_b"], f64::from(right[1]) / n));
    assert!(close(&summary["agreement"], f64::from(same) / n));
    assert_eq!(summary["fixed"].as_u64(), Some(count("fixed").into()));
    assert_eq!(summary["broken"].as_u64(), Some(count("broken").into()));
    let changed = count("fixed") + count("broken");
    let tail: u128 = (0..=count("fixed").min(count("broken"))).map(|k| choose(changed, k)).sum();
    let p = (2.0 * tail as f64 / 2_f64.powi(changed as i32)).min(1.0);
    assert!(close(&summary["p"], p), "{} {p}", summary["p"]);
    let classes = summary["classes"].as_array().unwrap();
    let sum = |key: &str| classes.iter().map(|class| class[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!([sum("right_a"), sum("right_b")], right.map(u64::from));

    let (broken, ..) = run(&[&arguments[..], &["--where", "is:broken"]].concat());
    assert_eq!(broken.len() as u32, count("broken"));
    assert!(broken.iter().all(|line| line["change"] == "broken"));
    let (disputed, ..) = run(&[&arguments[..], &["--where", "is:disagree"]].concat());
    assert_eq!(disputed.len() as u32, lines.len() as u32 - same);
    let gate = |most: u32| run(&[&arguments[..], &["--fail-if-broken", &most.to_string()]].concat()).1;
    assert_eq!((gate(count("broken")), gate(count("broken") - 1)), (Some(0), Some(3)));
    notices
}

#[test]
fn a_comparison_takes_two_models_and_others_one() {
    let folder = tempfile::tempdir().unwrap();
    picture(&folder.path().join("a.png"), 0);
    let image = folder.path().join("a.png");
    let (_, code, errors) = run(&["compare", text(&image)]);
    assert!(code == Some(2) && errors.contains("--model old.onnx --model new.onnx"), "{errors}");
    let twice = ["--model", "builtin", "--model", "builtin"];
    let (_, code, errors) = run(&[&["classify", text(&image)][..], &twice].concat());
    assert!(code == Some(2) && errors.contains("seewhy compare"), "{errors}");
    let (lines, code, _) = run(&[&["compare", text(&image)][..], &twice].concat());
    assert_eq!((code, lines[0]["change"].as_str(), lines[0]["truth"].is_null()), (Some(0), Some("agree"), true));
    let (_, code, errors) = run(&["classify", text(&image), "--where", "is:broken"]);
    assert!(code == Some(2) && errors.contains("second --model"), "{errors}");
}

#[test]
fn two_models_explain_the_same_class_and_say_how_far_they_agree() {
    let folder = tempfile::tempdir().unwrap();
    let second = noisy(folder.path());
    let image = pictures().join("cat");
    let image = fs::read_dir(&image).unwrap().map(|entry| entry.unwrap().path()).min().unwrap();
    let out = folder.path().join("maps");
    let (lines, code, errors) = run(&[
        &["explain", text(&image), "--model", "builtin", "--model", text(&second), "--method", "grad-cam,saliency"][..],
        &["--target", "dog", "--out", text(&out)],
    ]
    .concat());
    assert_eq!((code, lines.len()), (Some(0), 4), "{errors}");
    let stem = image.file_stem().unwrap().to_str().unwrap();
    for (pair, method) in lines.chunks(2).zip(["grad-cam", "saliency"]) {
        let [first, second] = pair else { panic!("two models") };
        assert_eq!((first["method"].as_str(), second["method"].as_str()), (Some(method), Some(method)));
        assert_eq!((&first["target"]["label"], &second["target"]["label"]), (&"dog".into(), &"dog".into()));
        assert!(first["agreement"].is_null());
        let agreement = second["agreement"].as_f64().unwrap();
        assert!((-1.0..1.0).contains(&agreement), "{agreement}");
        for word in ["builtin", "noisy"] {
            assert!(out.join(format!("{stem}.{word}.{method}.npy")).is_file(), "{word} {method}");
        }
    }
    // With itself, a model agrees.
    let twice = ["explain", text(&image), "--model", "builtin", "--model", "builtin"];
    let (lines, ..) = run(&twice);
    assert!((lines[1]["agreement"].as_f64().unwrap() - 1.0).abs() < 1e-12, "{}", lines[1]);
    // A class that the second lacks is a line of its own that failed; the first is explained.
    let strange = other(folder.path());
    let missing = ["explain", text(&image), "--model", "builtin", "--model", text(&strange), "--target", "deer"];
    let (lines, code, _) = run(&missing);
    assert_eq!((code, lines.len()), (Some(1), 2));
    assert!(lines[1]["error"].as_str().unwrap().contains("no class \"deer\""), "{}", lines[1]);
}
