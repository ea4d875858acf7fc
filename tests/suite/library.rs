//! What other programs get from the library is what the program itself says.

use std::path::Path;

use ndarray::Ix2;
use seewhy::raster::npy;
use seewhy::session::Question;
use seewhy::{AskError, Classifier, Target};
use serde_json::Value as Json;

use crate::cli::{errors, lines, seewhy};

fn picture() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo/pictures/dog/dog-and-cat.jpg")
}

#[test]
fn a_map_and_its_classes_are_those_of_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let path = picture();
    let arguments = ["explain", path.to_str().unwrap(), "--method", "grad-cam", "--target", "cat-dog", "--out", "."];
    let output = seewhy(&arguments).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    let line = &lines(&output)[0];

    let classifier = Classifier::builtin().unwrap();
    let question = Question::new("grad-cam").unwrap().about(Target::Contrast(3, 5));
    let explained = classifier.answer(&image::open(&path).unwrap(), &question).unwrap();

    // As text, since single precision grows digits on its way through a JSON value.
    let same = |ours: String, theirs: &Json| assert_eq!(serde_json::from_str::<Json>(&ours).unwrap(), *theirs);
    same(serde_json::to_string(&explained.target).unwrap(), &line["target"]);
    same(serde_json::to_string(&explained.classes[0]).unwrap(), &line["top"][0]);
    let file = folder.path().join(line["files"]["npy"].as_str().unwrap());
    let values = npy::read(std::fs::File::open(file).unwrap()).unwrap().into_dimensionality::<Ix2>().unwrap();
    // The command decodes by itself: a JPEG's pixels may differ by a rounding step.
    let largest = explained.attribution.map.iter().zip(&values).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(largest < 0.05, "{largest}");
    // The command's has its scale beneath.
    let file = image::image_dimensions(folder.path().join(line["files"]["png"].as_str().unwrap())).unwrap();
    let overlay = explained.overlay().dimensions();
    assert!(overlay.0 == file.0 && overlay.1 < file.1, "{overlay:?} {file:?}");
}

#[test]
fn what_cannot_be_asked_is_said() {
    let classifier = Classifier::builtin().unwrap();
    let image = image::DynamicImage::new_rgb8(40, 30);
    let unknown = classifier.explain(&image, "grad-kam").unwrap_err();
    assert!(matches!(&unknown, AskError::NoMethod(name) if name == "grad-kam"));
    assert!(unknown.to_string().contains("layer-cam"), "{unknown}");
    let beyond = Question::new("saliency").unwrap().about(Target::Class(10));
    assert!(classifier.answer(&image, &beyond).unwrap_err().to_string().contains("10 classes"));
}
