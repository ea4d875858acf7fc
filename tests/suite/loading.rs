//! Models as exporters write them, each giving the same answer; and files that must be refused, with the reason.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::ArrayD;
use seewhy::model::{Classifier, LabelSource, ModelSource, Origin, Overrides, Size};
use seewhy::network::OutputActivation;
use seewhy::raster::npy;

use crate::support::fixture;

fn model(name: &str) -> ModelSource {
    ModelSource::Path(fixture("loading").join(name))
}

fn load(name: &str) -> Classifier {
    Classifier::load(&model(name), &Overrides::default()).unwrap()
}

fn refusal(path: impl Into<PathBuf>, overrides: &Overrides) -> String {
    match Classifier::load(&ModelSource::Path(path.into()), overrides) {
        Ok(_) => panic!("accepted"),
        Err(error) => error.to_string(),
    }
}

/// The logits for an input of 0.5 everywhere, which is the same in every layout.
fn logits(classifier: &Classifier) -> Vec<f32> {
    let input = ArrayD::from_elem(classifier.network().input_shape(), 0.5);
    classifier.network().logits(input.view()).unwrap().to_vec()
}

const ROUNDING: f32 = 1e-5;

#[test]
fn every_form_of_the_same_classifier_gives_the_same_logits() {
    let expected = npy::read(fs::File::open(fixture("loading/plain-logits.npy")).unwrap()).unwrap();
    let sized = Overrides { input_size: Size::square(12), ..Overrides::default() };
    for name in [
        "plain",
        "open-size",
        "no-shape",
        "channels-last",
        "grey",
        "softmax",
        "softmax-11",
        "one-by-one",
        "batch-of-8",
        "several",
        "ultralytics",
        "default-zeros",
        "external",
    ] {
        let overrides = if name == "open-size" || name == "no-shape" { &sized } else { &Overrides::default() };
        let classifier = Classifier::load(&model(&format!("{name}.onnx")), overrides);
        let classifier = classifier.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(classifier.network().classes(), 5, "{name}");
        let found = logits(&classifier);
        assert_eq!(found.len(), 5, "{name}");
        let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < ROUNDING, "{name}: {found:?}, expected {expected}");
    }
}

#[test]
fn a_softmax_at_the_end_is_looked_behind() {
    for (name, logits, origin) in [
        ("plain", "logits", Origin::Guess),
        ("softmax", "scores", Origin::Graph),
        ("softmax-11", "scores", Origin::Graph),
    ] {
        let classifier = load(&format!("{name}.onnx"));
        let output = classifier.output();
        assert_eq!((output.logits.as_str(), &output.activation.origin), (logits, &origin), "{name}");
        assert_eq!(output.activation.value, OutputActivation::Softmax, "{name}");
    }
}

#[test]
fn of_several_outputs_the_logits_are_taken_unless_one_is_named() {
    let classifier = load("several.onnx");
    assert_eq!(classifier.output().name, "logits");
    assert_eq!(classifier.output().others.len(), 3);
    let named = |name: &str| Overrides { output: Some(name.into()), ..Overrides::default() };
    let embedding = Classifier::load(&model("several.onnx"), &named("embedding")).unwrap();
    assert_eq!((embedding.network().classes(), &embedding.output().origin), (8, &Origin::Flag));
    let refused = refusal(fixture("loading/several.onnx"), &named("nonsense"));
    assert!(refused.contains("nonsense") && refused.contains("\"embedding\""), "{refused}");
    let refused = refusal(fixture("loading/several.onnx"), &named("relu"));
    assert!(refused.contains("[1, 4, 12, 12]"), "{refused}");
}

#[test]
fn both_exporters_of_torch_give_the_same_network() {
    let pairs = ["resnet", "convnext", "densenet", "mobilenet_v3"];
    for name in pairs {
        let load = |file: &str| {
            let path = fixture(name).join(file);
            Classifier::load(&ModelSource::Path(path), &Overrides::default()).unwrap_or_else(|error| panic!("{error}"))
        };
        let (torchscript, dynamo) = (load("torchscript.onnx"), load("dynamo.onnx"));
        let (a, b) = (logits(&torchscript), logits(&dynamo));
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-4), "{name}: {a:?} {b:?}");
    }
}

#[test]
fn layers_of_the_default_exporter_are_known_by_their_module() {
    let source = ModelSource::Path(fixture("resnet/dynamo.onnx"));
    let classifier = Classifier::load(&source, &Overrides::default()).unwrap();
    let network = classifier.network();
    let with_path: Vec<_> = network.layers().iter().filter_map(|layer| layer.path.as_deref()).collect();
    assert!(with_path.iter().any(|path| path.contains("relu")), "{with_path:?}");
    let layer = network.layers().iter().position(|layer| layer.name == "node_relu_4").unwrap();
    let path = network.layers()[layer].path.clone().unwrap();
    let same_path = network.layers().iter().rposition(|other| other.path.as_deref() == Some(&path)).unwrap();
    assert_eq!(network.find_layer(&path).unwrap(), same_path, "{path}");
    assert_eq!(network.find_layer("node_relu_4").unwrap(), layer);
}

#[test]
fn ultralytics_says_everything_in_its_metadata() {
    let classifier = load("ultralytics.onnx");
    assert_eq!(classifier.labels().names(), ["tench", "potter's wheel", "café", "goldfish", "hen"]);
    assert_eq!(classifier.labels_origin(), Some(&Origin::Metadata));
    assert_eq!(classifier.settings().guesses(), [""; 0]);
    assert_eq!(classifier.settings().mean.value, [0.0; 3]);
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
    fs::write(folder.join(name), text).unwrap();
}

#[test]
fn a_folder_of_optimum_is_a_model() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "preprocessor_config.json",
        r#"{"image_processor_type": "ViTImageProcessor", "size": {"height": 12,
        "width": 12}, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "resample": 3, "do_normalize": true}"#,
    );
    write(folder.path(), "config.json", r#"{"id2label": {"0": "a", "1": "b", "2": "c", "3": "d", "4": "e"}}"#);
    fs::create_dir(folder.path().join("onnx")).unwrap();
    fs::copy(fixture("loading/open-size.onnx"), folder.path().join("onnx/model.onnx")).unwrap();
    let graphs = folder.path().join("onnx");
    for path in [folder.path().to_owned(), graphs.join("model.onnx"), graphs.clone(), graphs.join(".")] {
        let classifier = Classifier::load(&ModelSource::Path(path), &Overrides::default()).unwrap();
        assert_eq!(classifier.labels().names(), ["a", "b", "c", "d", "e"]);
        let settings = classifier.settings();
        assert_eq!(settings.input_size.value, Size::square(12).unwrap());
        assert_eq!(settings.rows()[1].1, "squash:12x12");
        assert_eq!(settings.guesses(), [""; 0]);
        assert!(settings.mean.origin.to_string().ends_with("preprocessor_config.json"), "{}", settings.mean.origin);
    }
}

#[test]
fn flags_win_over_the_sidecar_and_the_sidecar_over_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.onnx");
    fs::copy(fixture("loading/ultralytics.onnx"), &path).unwrap();
    write(folder.path(), "net.toml", "mean = 0.25\nstd = [0.1, 0.2, 0.3]\nlabels = 'names.txt'");
    write(folder.path(), "names.txt", "v\nw\nx\ny\nz\n");
    let flags = Overrides { mean: Some(vec![0.75]), ..Overrides::default() };
    let classifier = Classifier::load(&ModelSource::Path(path.clone()), &flags).unwrap();
    let settings = classifier.settings();
    assert_eq!((settings.mean.value.as_slice(), &settings.mean.origin), ([0.75; 3].as_slice(), &Origin::Flag));
    assert_eq!(settings.std.value, [0.1, 0.2, 0.3]);
    assert_eq!(settings.std.origin, Origin::File(folder.path().join("net.toml")));
    assert_eq!(settings.resize.origin, Origin::Metadata);
    assert_eq!(classifier.labels().get(4), "z");

    write(folder.path(), "net.toml", "meen = 0.25");
    let refused = refusal(&path, &Overrides::default());
    assert!(refused.contains("net.toml") && refused.contains("meen"), "{refused}");
}

#[test]
fn labels_must_be_as_many_as_classes() {
    let names = LabelSource::Names(vec!["cat".into(), "dog".into()]);
    let refused = refusal(fixture("loading/plain.onnx"), &Overrides { labels: Some(names), ..Overrides::default() });
    assert!(refused.contains("2 labels") && refused.contains("5 classes"), "{refused}");
}

#[test]
fn what_is_no_classifier_is_refused_with_the_reason() {
    for (name, reason) in [
        ("segmentation", "[1, 4, 12, 12]"),
        ("single-score", "ReduceMax"),
        ("two-inputs", "2 inputs"),
        ("text", "int64"),
        ("detector", "\"detect\""),
        ("batch-of-8-only", "fixed at 8"),
        ("unknown-operator", "Frobnicate of 2 nodes, the first of them \"frob\""),
        ("dangling", "\"nothing\""),
        ("external-outside", "outside the model's folder"),
        ("external-absolute", "outside the model's folder"),
        ("external-missing", "\"absent.bin\""),
        ("external-short", "80 bytes where 120 are needed"),
    ] {
        let refused = refusal(fixture("loading").join(format!("{name}.onnx")), &Overrides::default());
        assert!(refused.contains(&format!("{name}.onnx")), "{name}: {refused}");
        assert!(refused.contains(reason), "{name}: {refused}");
        assert!(!refused.contains('\n') && refused.len() < 800, "{name}: {refused}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_does_not_lead_weights_out_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.onnx");
    fs::copy(fixture("loading/external.onnx"), &path).unwrap();
    std::os::unix::fs::symlink(fixture("loading/weights.bin"), folder.path().join("weights.bin")).unwrap();
    let refused = refusal(path, &Overrides::default());
    assert!(refused.contains("outside the model's folder"), "{refused}");
}

#[test]
fn broken_files_are_refused_without_being_read_through() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let whole = fs::read(fixture("loading/plain.onnx")).unwrap();
    fs::write(path("empty.onnx"), b"").unwrap();
    fs::write(path("checkpoint.onnx"), b"PK\x03\x04 and so on").unwrap();
    fs::write(path("pointer.onnx"), b"version https://git-lfs.github.com/spec/v1\n").unwrap();
    fs::write(path("cut.onnx"), &whole[..whole.len() / 2]).unwrap();
    fs::write(path("noise.onnx"), (0..999_u32).map(|n| ((n * n) >> 3) as u8).collect::<Vec<u8>>()).unwrap();
    // Takes no room on disk; whoever reads it through, takes seconds.
    fs::File::create(path("zeros.onnx")).unwrap().set_len(3 << 30).unwrap();
    for (name, reason) in [
        ("empty.onnx", "0 bytes"),
        ("checkpoint.onnx", "PyTorch checkpoint"),
        ("pointer.onnx", "Git LFS"),
        ("cut.onnx", "cut off"),
        ("noise.onnx", "not an ONNX model"),
        ("zeros.onnx", "not an ONNX model"),
        ("missing.onnx", "No such file"),
        ("", "several models, checkpoint.onnx, cut.onnx"),
    ] {
        let refused = refusal(path(name), &Overrides::default());
        assert!(refused.contains(reason), "{name}: {refused}");
    }
}

/// Every byte of a small model changed in turn: whatever comes of it, it is an answer.
#[test]
fn no_damage_to_a_file_takes_the_program_down() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.onnx");
    let whole = fs::read(fixture("loading/softmax.onnx")).unwrap();
    let mut refused = 0;
    for position in (0..whole.len()).step_by(3) {
        let mut damaged = whole.clone();
        damaged[position] ^= 0x15;
        fs::write(&path, &damaged).unwrap();
        refused += usize::from(Classifier::load(&ModelSource::Path(path.clone()), &Overrides::default()).is_err());
    }
    assert!(refused > 0);
}

#[test]
fn names_in_the_file_cannot_speak_to_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net\u{1b}c.onnx");
    let text = fs::read(fixture("loading/ultralytics.onnx")).unwrap();
    // Names of the same length, so that the file stays in order.
    let replace = |bytes: Vec<u8>, from: &[u8], to: &[u8]| {
        assert_eq!(from.len(), to.len());
        let mut bytes = bytes;
        for at in 0..bytes.len() - from.len() {
            if bytes[at..].starts_with(from) {
                bytes[at..at + to.len()].copy_from_slice(to);
            }
        }
        bytes
    };
    let hostile = replace(replace(text, b"tench", b"\x1b[2Jx"), b"relu", b"\x1b[0c");
    fs::write(&path, hostile).unwrap();
    let classifier = Classifier::load(&ModelSource::Path(path), &Overrides::default()).unwrap();
    assert_eq!(classifier.name(), "net\\u{1b}c.onnx");
    assert_eq!(classifier.labels().get(0), "\\u{1b}[2Jx");
    let names: Vec<_> = classifier.network().layers().iter().map(|layer| layer.name.as_str()).collect();
    assert!(names.contains(&"\\u{1b}[0c"), "{names:?}");
    assert!(classifier.network().find_layer("\\u{1b}[0c").is_ok());
}
