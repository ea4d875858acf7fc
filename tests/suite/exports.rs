//! What exporters and quantisers put into a graph, each with the values that onnxruntime has for it; and graphs that must be
//! refused, with what to export instead.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ndarray::ArrayD;
use seewhy::model::{Classifier, ModelError, ModelSource, Overrides};
use seewhy::raster::npy;

use crate::cli::{errors, seewhy, text};
use crate::support::fixture;

fn try_load(path: impl Into<PathBuf>) -> Result<Classifier, ModelError> {
    Classifier::load(&ModelSource::Path(path.into()), &Overrides::default())
}

fn load(name: &str) -> Classifier {
    try_load(fixture("graphs").join(format!("{name}.onnx"))).unwrap_or_else(|error| panic!("{error}"))
}

fn input() -> ArrayD<f32> {
    npy::read(fs::File::open(fixture("graphs/input.npy")).unwrap()).unwrap()
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let most = logits.iter().copied().fold(f32::MIN, f32::max);
    let powers: Vec<f32> = logits.iter().map(|logit| (logit - most).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

/// What two programs may differ in, in probability: where an integer is rounded to another one, and elsewhere.
const OF_A_STEP: f32 = 5e-3;
const ROUNDING: f32 = 1e-5;

/// Half floats are widened here and rounded at each step there.
const OF_A_HALF: f32 = 2e-3;

#[test]
fn every_graph_gives_the_values_of_onnxruntime() {
    let expected = fs::read_to_string(fixture("graphs/logits.json")).unwrap();
    let expected: BTreeMap<String, Vec<f32>> = serde_json::from_str(&expected).unwrap();
    assert!(expected.len() > 30);
    for (name, expected) in expected {
        let found = load(&name).network().logits(input().view()).unwrap();
        let tolerance = match name.as_str() {
            name if name.starts_with('q') || name.starts_with("dynamic") => OF_A_STEP,
            name if name.starts_with("float16") => OF_A_HALF,
            _ => ROUNDING,
        };
        let pairs = softmax(&found).into_iter().zip(softmax(&expected));
        let worst = pairs.map(|(found, expected)| (found - expected).abs()).fold(0.0, f32::max);
        assert!(worst < tolerance, "{name}: {found:?}, expected {expected:?}");
    }
}

/// A gradient is there, at the image and at the layer that `auto` picks, whatever the graph was written with.
#[test]
fn every_graph_has_gradients() {
    let names = fs::read_to_string(fixture("graphs/logits.json")).unwrap();
    let names: BTreeMap<String, Vec<f32>> = serde_json::from_str(&names).unwrap();
    for name in names.keys() {
        let classifier = load(name);
        let network = classifier.network();
        assert!(network.unsupported().is_empty(), "{name}: {:?}", network.unsupported());
        let cotangent = [0.0, 1.0, 0.0, 0.0, 0.0];
        let (_, gradient) = network.input_gradient(input().view(), &cotangent).unwrap();
        assert!(gradient.iter().any(|value| *value != 0.0), "{name}");
        let pass = network.forward(input().into()).unwrap();
        let layer = network.layer_gradient(&pass, network.auto_layer().unwrap(), &cotangent).unwrap();
        assert!(layer.gradient.iter().any(|value| *value != 0.0), "{name}");
    }
}

#[test]
fn the_last_layer_with_a_grid_is_found_behind_merged_and_sorted_patches() {
    for (name, shape) in [("merged-patches", [8, 4, 4]), ("sorted-tokens", [8, 4, 4]), ("functions", [8, 8, 8])] {
        let classifier = load(name);
        let network = classifier.network();
        let auto = &network.layers()[network.auto_layer().unwrap()];
        assert_eq!(auto.shape, shape, "{name}: {auto:?}");
        if name != "functions" {
            assert_eq!(auto.name, "stage.1", "{name}");
        }
    }
}

/// Names of the file are kept where operators are written out, and where functions and branches were.
#[test]
fn nodes_of_functions_and_branches_have_names() {
    for (name, node) in [
        ("functions", "block.2/act.2/leaky"),
        ("if-size", "if/sigmoid"),
        ("dynamic-int8", "mixed"),
        ("qdq-uint8", "mixed_DequantizeLinear"),
        ("swish", "swish"),
    ] {
        let classifier = load(name);
        assert!(classifier.network().find_layer(node).is_ok(), "{name}: {:?}", classifier.network().layers());
    }
}

#[test]
fn what_cannot_be_right_is_refused_with_what_to_export_instead() {
    for (name, reasons) in [
        ("norm-training", &["training mode", "BatchNormalization", "\"norm\"", "model.eval()"][..]),
        ("norm-training-9", &["training mode", "model.eval()"]),
        ("dropout-training", &["training mode", "Dropout", "model.eval()"]),
        ("qoperator", &["QOperator", "QLinearConv", "QuantFormat.QDQ"]),
        ("optimised", &["optimised by onnxruntime", "FusedConv", "com.microsoft"]),
        ("foreign", &["Grid", "\"acme\""]),
        ("four-bits", &["\"narrow\"", "int4"]),
        ("function-loop", &["functions call each other"]),
    ] {
        let refused = try_load(fixture("graphs").join(format!("{name}.onnx"))).unwrap_err();
        let said = refused.to_string();
        assert!(reasons.iter().all(|reason| said.contains(reason)), "{said}");
        assert!(!said.contains("broken") && refused.hint().is_none(), "{said}: {:?}", refused.hint());
        assert!(!said.contains('\n') && said.len() < 600, "{said}");
    }
}

/// Whatever the environment asks of Rust, a person is told in a sentence.
#[test]
fn no_panic_is_written_about_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.onnx");
    let whole = fs::read(fixture("loading/softmax.onnx")).unwrap();
    for position in (0..whole.len()).step_by(97) {
        let mut damaged = whole.clone();
        damaged[position] ^= 0x15;
        fs::write(&path, &damaged).unwrap();
        let output = seewhy(&["model", text(&path)]).env("RUST_BACKTRACE", "full").output().unwrap();
        let said = errors(&output);
        assert!(!said.contains("panicked") && !said.contains("backtrace"), "{said}");
    }
}

fn refusal(path: &Path) -> (String, Option<&'static str>) {
    let error = try_load(path).err().unwrap_or_else(|| panic!("{}: accepted", path.display()));
    (error.to_string(), error.hint())
}

#[test]
fn other_files_are_said_to_be_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let header = br#"{"weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let safetensors = [&(header.len() as u64).to_le_bytes()[..], header, &[0; 4]].concat();
    let zip = |name: &str| [b"PK\x03\x04".as_slice(), &[0; 26], name.as_bytes(), &[0; 40]].concat();
    let cases: [(&str, Vec<u8>, &str, Option<&str>); 9] = [
        ("a.safetensors", safetensors, "a safetensors file", Some("optimum-cli")),
        ("b.pt", zip("archive/data.pkl"), "a PyTorch checkpoint", Some("torch.onnx.export")),
        ("c.pt", zip("net/constants.pkl"), "a TorchScript archive", Some("torch.onnx.export")),
        ("d.keras", zip("model.weights.h5"), "a Keras model", Some("tf2onnx")),
        ("e.pth", b"\x80\x02}q\x00.".to_vec(), "a Python pickle", Some("torch.onnx.export")),
        ("f.tflite", b"\x1c\0\0\0TFL3\0\0\0\0".to_vec(), "a TensorFlow Lite model", Some("tf2onnx")),
        ("g.ort", b"\x1c\0\0\0ORTM\0\0\0\0".to_vec(), "onnxruntime's own format", None),
        ("h.pb", b"\x08\x01\x12\x03abc".to_vec(), "a TensorFlow graph", Some("tf2onnx")),
        ("i.onnx", b"<!doctype html>".to_vec(), "a web page", Some("fetch the file again")),
    ];
    for (name, bytes, kind, advice) in cases {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let (said, hint) = refusal(&path);
        assert!(said.contains(kind), "{said}");
        assert_eq!(
            hint.map(|hint| advice.is_some_and(|advice| hint.contains(advice))),
            advice.map(|_| true),
            "{hint:?}"
        );
    }
}

#[test]
fn a_folder_of_variants_is_taken_where_one_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let graphs = folder.path().join("onnx");
    fs::create_dir(&graphs).unwrap();
    let put = |name: &str| fs::copy(fixture("graphs/dropout-7.onnx"), graphs.join(name)).unwrap();
    fs::write(folder.path().join("model.safetensors"), b"").unwrap();
    let (said, _) = refusal(folder.path());
    assert!(said.contains("model.safetensors") && said.contains("optimum-cli export onnx"), "{said}");

    put("model_quantized.onnx");
    put("model_fp16.onnx");
    let (said, _) = refusal(folder.path());
    assert!(
        said.contains("onnx/model_fp16.onnx, onnx/model_quantized.onnx") && said.contains("give the file"),
        "{said}"
    );
    put("vit.onnx");
    assert!(try_load(folder.path()).is_ok());
    put("swin.onnx");
    let (said, _) = refusal(folder.path());
    assert!(said.contains("several models") && said.contains("onnx/swin.onnx"), "{said}");
}

/// Hugging Face's cache keeps files under the hash of what is in them, and links to them by name.
#[cfg(unix)]
#[test]
fn weights_may_lie_among_the_blobs_of_the_cache_and_nowhere_else() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("models--somebody--net");
    let snapshot = repository.join("snapshots/0123abcd");
    fs::create_dir_all(snapshot.join("onnx")).unwrap();
    fs::create_dir_all(repository.join("blobs")).unwrap();
    fs::create_dir_all(repository.join("refs")).unwrap();
    fs::write(repository.join("refs/main"), "0123abcd").unwrap();
    // Half floats are read by the program, others by tract.
    for (name, file) in
        [("graphs/float16-external.onnx", "graphs/float16.bin"), ("loading/external.onnx", "loading/weights.bin")]
    {
        let model = snapshot.join("onnx/model.onnx");
        let weights = snapshot.join("onnx").join(Path::new(file).file_name().unwrap());
        fs::copy(fixture(name), repository.join("blobs/aa")).unwrap();
        fs::copy(fixture(file), repository.join("blobs/bb")).unwrap();
        symlink("../../../blobs/aa", &model).unwrap();
        symlink("../../../blobs/bb", &weights).unwrap();
        let expected = try_load(fixture(name)).unwrap().network().first_run().unwrap().to_vec();
        for path in [&model, &snapshot, &repository] {
            let classifier = try_load(path).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(classifier.network().first_run().unwrap().to_vec(), expected, "{}", path.display());
        }
        fs::copy(fixture(file), folder.path().join("cc")).unwrap();
        fs::remove_file(&weights).unwrap();
        symlink("../../../../cc", &weights).unwrap();
        let (said, _) = refusal(&snapshot);
        assert!(said.contains("outside the model's folder"), "{said}");
        fs::remove_file(&model).unwrap();
    }
}
