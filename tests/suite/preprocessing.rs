//! What the network sees, held against Pillow's and torchvision's answers, and against a real model's accuracy.

use std::path::Path;

use ndarray::{ArrayD, Axis};
use seewhy::model::{Classifier, ModelSource, Overrides};
use seewhy::raster::npy;

use crate::support::{fixture, shared_data};

/// A copy of a model in a folder of its own, with a sidecar beside it.
fn with_sidecar(model: &Path, sidecar: &str) -> (tempfile::TempDir, Classifier) {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("model.onnx");
    std::fs::copy(model, &copy).unwrap();
    std::fs::write(folder.path().join("model.toml"), sidecar).unwrap();
    let classifier = Classifier::load(&ModelSource::Path(copy), &Overrides::default()).unwrap();
    (folder, classifier)
}

/// The manifest has the predictions of onnxruntime after Pillow's preprocessing. JPEG decoders differ by a step here and
/// there, which may tip two close calls.
#[test]
#[ignore = "needs ../shared/data"]
fn mcunet_predicts_what_it_does_under_python() {
    let data = shared_data("imagenet-mcunet");
    let sidecar = format!(
        "resize = 'shortest:201'\ncrop = '176x176'\nmean = 0.5\nstd = 0.5\nlabels = {:?}",
        data.join("labels.txt")
    );
    let (_folder, classifier) = with_sidecar(&data.join("mcunet-320kb-1mb_imagenet_fp32.onnx"), &sidecar);
    let manifest = std::fs::read_to_string(data.join("manifest.csv")).unwrap();
    let (mut images, mut agree, mut worst) = (0, 0, 0.0_f32);
    for line in manifest.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let (index, label, probability) = (fields[10], fields[11], fields[12].parse::<f32>().unwrap());
        let image = image::open(data.join(fields[1])).unwrap();
        let logits = classifier.network().logits(classifier.preprocess(&image).unwrap().tensor.view()).unwrap();
        let top = &logits.top(1)[0];
        images += 1;
        if top.index == index.parse::<usize>().unwrap() {
            agree += 1;
            assert_eq!(classifier.labels().get(top.index), label);
            worst = worst.max((top.probability - probability).abs());
        }
    }
    println!("{agree} of {images} agree, the largest difference of a probability is {worst}");
    assert_eq!(images, 60);
    assert!(agree >= 58, "only {agree} of {images} agree");
    assert!(worst < 0.05, "a probability differs by {worst}");
}

#[test]
fn the_model_in_the_binary_is_ready() {
    let classifier = Classifier::load(&ModelSource::Builtin, &Overrides::default()).unwrap();
    assert_eq!(classifier.labels().len(), 10);
    assert_eq!(classifier.labels().get(3), "cat");
    assert_eq!(classifier.settings().guesses(), [""; 0]);
    let image = image::DynamicImage::ImageRgb8(image::RgbImage::from_pixel(64, 48, image::Rgb([90, 160, 220])));
    let prepared = classifier.preprocess(&image).unwrap();
    assert_eq!(prepared.tensor.shape(), classifier.network().input_shape());
    assert_eq!(classifier.network().logits(prepared.tensor.view()).unwrap().len(), 10);
}

fn overrides(toml: &str) -> (tempfile::TempDir, Overrides) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("flags.toml"), toml).unwrap();
    let overrides = Overrides::from_sidecar(&folder.path().join("flags.toml")).unwrap();
    (folder, overrides)
}

/// A model whose input is prepared as for ImageNet, unless it is said otherwise.
fn load(model: &str, toml: &str) -> Classifier {
    let usual = Overrides {
        mean: Some(vec![0.485, 0.456, 0.406]),
        std: Some(vec![0.229, 0.224, 0.225]),
        ..Overrides::default()
    };
    let (_folder, says) = overrides(toml);
    let overrides = Overrides { mean: says.mean.clone().or(usual.mean), std: says.std.clone().or(usual.std), ..says };
    Classifier::load(&ModelSource::Path(fixture(model)), &overrides).unwrap()
}

fn golden(name: &str) -> ArrayD<f32> {
    npy::read(std::fs::File::open(fixture("preprocessing").join(name)).unwrap()).unwrap()
}

fn largest_difference(a: &ArrayD<f32>, b: &ArrayD<f32>) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Rounding of the normalisation, whose order of operations differs.
const ROUNDING: f32 = 1e-6;

#[test]
fn tensors_are_those_of_torchvision() {
    let source = image::open(fixture("resize/source.png")).unwrap();
    for (name, settings) in [
        ("shortest-24", "resize = 'shortest:24'"),
        ("shortest-23-halves", "resize = 'shortest:23'"),
        ("shortest-24-bicubic", "resize = 'shortest:24'\ninterpolation = 'bicubic'"),
        ("shortest-9-padded", "resize = 'shortest:9'"),
        ("squash", "resize = 'squash'"),
        ("no-resize", "resize = 'none'"),
    ] {
        let prepared = load("loading/plain.onnx", settings).preprocess(&source).unwrap();
        let difference = largest_difference(&prepared.tensor, &golden(&format!("{name}.npy")));
        assert!(difference < ROUNDING, "{name}: {difference}");
    }
    let grey = load("loading/grey.onnx", "resize = 'shortest:24'\nmean = 0.5\nstd = 0.25").preprocess(&source).unwrap();
    assert_eq!(grey.tensor.shape(), [1, 1, 12, 12]);
    assert!(largest_difference(&grey.tensor, &golden("grey.npy")) < ROUNDING);
}

#[test]
fn channel_order_and_layout_move_the_same_numbers() {
    let source = image::open(fixture("resize/source.png")).unwrap();
    let expected = golden("shortest-24.npy");
    let bgr = load("loading/plain.onnx", "resize = 'shortest:24'\nchannel_order = 'bgr'").preprocess(&source).unwrap();
    let mut reversed = bgr.tensor.index_axis(Axis(0), 0).to_owned();
    reversed.invert_axis(Axis(0));
    assert!(largest_difference(&reversed, &expected) < ROUNDING);
    let last = load("loading/channels-last.onnx", "resize = 'shortest:24'").preprocess(&source).unwrap();
    assert_eq!(last.tensor.shape(), [1, 12, 12, 3]);
    let first = last.tensor.index_axis(Axis(0), 0).permuted_axes(vec![2, 0, 1]).as_standard_layout().into_owned();
    assert!(largest_difference(&first, &expected) < ROUNDING);
}

#[test]
fn the_crop_is_known_in_pixels_of_the_image() {
    let image = image::DynamicImage::ImageRgb8(image::RgbImage::new(400, 200));
    let crop = |settings: &str| {
        let crop = load("loading/plain.onnx", settings).preprocess(&image).unwrap().crop;
        assert_eq!(crop.image, (400, 200));
        [crop.x, crop.y, crop.width, crop.height].map(|side| side.round() as i32)
    };
    // 200 pixels become 20, so that the crop of 12 is 120 wide in the image.
    assert_eq!(crop("resize = 'shortest:20'"), [140, 40, 120, 120]);
    assert_eq!(crop("resize = 'squash'"), [0, 0, 400, 200]);
    // 12x6 in the middle of 12x12: the input reaches beyond the image above and below.
    assert_eq!(crop("resize = 'letterbox'"), [0, -100, 400, 400]);
    assert_eq!(crop("resize = 'none'\ncrop = '100x100'"), [150, 50, 100, 100]);
}

#[test]
fn what_the_model_saw_is_recovered_from_its_tensor() {
    let source = image::open(fixture("resize/source.png")).unwrap();
    for (model, settings) in [
        ("loading/plain.onnx", ""),
        ("loading/channels-last.onnx", "channel_order = 'bgr'\nmean = 0.5\nstd = 0.1"),
        ("loading/grey.onnx", "mean = 0.1\nstd = 0.9"),
    ] {
        let classifier = load(model, settings);
        let prepared = classifier.preprocess(&source).unwrap();
        assert_eq!(classifier.settings().see(prepared.tensor.view()), prepared.seen, "{model}");
    }
}

#[test]
fn a_tensor_skips_preprocessing() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, array: &ArrayD<f32>| {
        let path = folder.path().join(name);
        npy::write(std::fs::File::create(&path).unwrap(), array.view()).unwrap();
        path
    };
    let planes = golden("squash.npy");
    let batch = planes.clone().insert_axis(Axis(0));
    let plain = load("loading/plain.onnx", "");
    for path in [write("planes.npy", &planes), write("batch.npy", &batch)] {
        assert_eq!(plain.read_npy(&path).unwrap().tensor, batch);
    }
    let last = load("loading/channels-last.onnx", "");
    let prepared = last.read_npy(&write("planes.npy", &planes)).unwrap();
    assert_eq!(prepared.tensor.index_axis(Axis(0), 0), planes.view().permuted_axes(vec![1, 2, 0]));
    let error = plain.read_npy(&write("small.npy", &ArrayD::zeros(vec![3, 2, 2]))).unwrap_err().to_string();
    assert!(error.contains("[3, 2, 2]") && error.contains("[1, 3, 12, 12]"), "{error}");
}

#[test]
fn processors_of_transformers_are_obeyed() {
    let source = image::open(fixture("resize/source.png")).unwrap();
    let mut seen = 0;
    for entry in std::fs::read_dir(fixture("processors")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|suffix| suffix != "json") {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(fixture("loading/plain.onnx"), folder.path().join("model.onnx")).unwrap();
        std::fs::copy(&path, folder.path().join("preprocessor_config.json")).unwrap();
        let classifier = Classifier::load(&ModelSource::Path(folder.path().to_owned()), &Overrides::default()).unwrap();
        let expected = npy::read(std::fs::File::open(path.with_extension("npy")).unwrap()).unwrap();
        let largest = expected.iter().map(|value| value.abs()).fold(1.0, f32::max);
        let difference = largest_difference(&classifier.preprocess(&source).unwrap().tensor, &expected);
        assert!(difference < ROUNDING * largest, "{}: {difference}", path.display());
        assert_eq!(classifier.settings().guesses(), [""; 0], "{}", path.display());
        assert!(
            classifier.notices().iter().all(|notice| !notice.contains("which is ignored")),
            "{:?}",
            classifier.notices()
        );
        seen += 1;
    }
    assert!(seen > 15);
}
