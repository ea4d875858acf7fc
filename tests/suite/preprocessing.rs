//! What the network sees, held against Pillow's and torchvision's answers, and against a real model's accuracy.

use std::path::Path;

use seewhy::model::{Classifier, ModelSource, Overrides, Prediction};

use crate::support::shared_data;

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
fn a_real_model_predicts_what_it_does_under_python() {
    let Some(data) = shared_data("imagenet-mcunet") else { return };
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
        let logits = classifier.network().logits(classifier.preprocess(&image).tensor.view()).unwrap();
        let top = &Prediction::top(&logits, 1)[0];
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
    let prepared = classifier.preprocess(&image);
    assert_eq!(prepared.tensor.shape(), classifier.network().input_shape());
    assert_eq!(classifier.network().logits(prepared.tensor.view()).unwrap().len(), 10);
}
