//! What goes in: graphs that prepare their own input, against onnxruntime; inputs of bytes, of any size, of any channels.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use ndarray::{ArrayD, Axis};
use seewhy::model::{
    ChannelOrder, Classifier, ModelSource, Origin, Overrides, PictureError, Prepared, Range, Resize, Size,
};
use seewhy::network::Layout;
use seewhy::raster::npy;
use serde::Deserialize;

use crate::support::fixture;

#[derive(Deserialize)]
struct Expected {
    /// The range that the graph wants, where it tells.
    range: Option<String>,
    outputs: Vec<f32>,
}

fn expected() -> HashMap<String, Expected> {
    serde_json::from_str(&fs::read_to_string(fixture("openings/expected.json")).unwrap()).unwrap()
}

fn load_with(name: &str, overrides: &Overrides) -> Classifier {
    let source = ModelSource::Path(fixture("openings").join(format!("{name}.onnx")));
    Classifier::load(&source, overrides).unwrap_or_else(|error| panic!("{error}"))
}

fn load(name: &str) -> Classifier {
    load_with(name, &Overrides::default())
}

fn picture() -> image::DynamicImage {
    image::open(fixture("resize/source.png")).unwrap()
}

fn prepared(classifier: &Classifier) -> Prepared {
    classifier.preprocess(&picture()).unwrap()
}

fn assert_scores(classifier: &Classifier, tensor: &ArrayD<f32>, expected: &[f32], what: &str) {
    let found = classifier.network().logits(tensor.view()).unwrap();
    let largest = expected.iter().map(|score| score.abs()).fold(1.0, f32::max);
    let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < ROUNDING * largest, "{what}: {:?} is not {expected:?}", &found[..]);
}

/// Float32 through different kernels, as a share of the largest score.
const ROUNDING: f32 = 1e-4;

#[test]
fn a_graph_that_prepares_its_input_gets_pictures_as_it_wants_them() {
    let expected = expected();
    assert!(expected.len() > 18);
    for (name, Expected { range, outputs }) in &expected {
        let classifier = load(name);
        let settings = classifier.settings();
        assert_scores(&classifier, &prepared(&classifier).tensor, outputs, name);
        let Some(range) = range else {
            assert_eq!(settings.range.origin, Origin::Guess, "{name}");
            continue;
        };
        let origin = if name == "windows" { Origin::Metadata } else { Origin::Graph };
        assert_eq!((settings.range.value.to_string(), &settings.range.origin), (range.clone(), &origin), "{name}");
        assert_eq!(settings.mean.origin, origin, "{name}");
        assert!(!settings.guesses().contains(&"mean"), "{name}");
    }
}

#[test]
fn blue_is_first_where_its_mean_is_taken_off_first() {
    for (name, order) in [
        ("caffe", ChannelOrder::Rgb),
        ("caffe-blue-first", ChannelOrder::Bgr),
        ("caffe-flips", ChannelOrder::Rgb),
        ("picked", ChannelOrder::Bgr),
    ] {
        let settings = load(name).settings().clone();
        assert_eq!((settings.channel_order.value, settings.channel_order.origin), (order, Origin::Graph), "{name}");
    }
}

#[test]
fn whoever_says_otherwise_is_obeyed_and_the_contradiction_told() {
    let classifier = load_with("divided", &Overrides { range: Some(Range::Bytes), ..Overrides::default() });
    assert_eq!(classifier.settings().range.origin, Origin::Flag);
    assert!(!classifier.notices().iter().any(|notice| notice.contains("says otherwise")));
    let says = Overrides { mean: Some(vec![0.5]), std: Some(vec![0.25]), ..Overrides::default() };
    let classifier = load_with("divided", &says);
    assert_eq!(classifier.settings().range.value, Range::Unit);
    let notices = classifier.notices().join("\n");
    assert!(notices.contains("0..255") && notices.contains("flag says otherwise"), "{notices}");
    // Another way to feed 0 to 255 is no contradiction.
    let says = Overrides { mean: Some(vec![0.0]), std: Some(vec![1.0 / 255.0]), ..Overrides::default() };
    let classifier = load_with("divided", &says);
    assert_scores(&classifier, &prepared(&classifier).tensor, &expected()["divided"].outputs, "by std");
    assert!(!classifier.notices().iter().any(|notice| notice.contains("says otherwise")));
}

#[test]
fn what_a_graph_sees_is_a_picture_again() {
    for name in ["divided", "bytes", "caffe-blue-first", "from-both-sides", "resizes", "resizes-bytes", "opaque"] {
        let classifier = load(name);
        let prepared = prepared(&classifier);
        assert_eq!(classifier.settings().see(prepared.tensor.view()), prepared.seen, "{name}");
        let black = classifier.settings().normalised([0; 3]);
        let white = classifier.settings().normalised([255; 3]);
        assert!(black[..3].iter().zip(&white).all(|(black, white)| black < white), "{name}");
    }
}

#[test]
fn a_graph_that_resizes_takes_pictures_and_tensors_of_any_size() {
    let folder = tempfile::tempdir().unwrap();
    let expected = expected();
    let classifier = load("resizes");
    assert_eq!(classifier.settings().input_size.value, Size::new(18, 14).unwrap());
    let rgb = picture().to_rgb8();
    let (width, height) = rgb.dimensions();
    let whole = prepared(&classifier).crop;
    assert_eq!((whole.width, whole.height), (f64::from(width), f64::from(height)));
    let tensor = ndarray::Array3::from_shape_fn((3, height as usize, width as usize), |(channel, y, x)| {
        f32::from(rgb.get_pixel(x as u32, y as u32).0[channel])
    });
    let path = folder.path().join("picture.npy");
    npy::write(fs::File::create(&path).unwrap(), tensor.view().into_dyn()).unwrap();
    assert_scores(&classifier, &classifier.read_npy(&path).unwrap().tensor, &expected["resizes"].outputs, "a tensor");
    // Whoever names a size gets it.
    let sized = load_with("resizes", &Overrides { input_size: Size::square(20), ..Overrides::default() });
    assert_eq!(sized.network().input_shape(), [1, 3, 20, 20]);
}

fn write_npy(path: &Path, shape: &[usize]) -> ArrayD<f32> {
    let count = shape.iter().product::<usize>();
    let values = (0..count).map(|at| ((at * 37) % 101) as f32 / 101.0).collect();
    let array = ArrayD::from_shape_vec(shape, values).unwrap();
    npy::write(fs::File::create(path).unwrap(), array.view()).unwrap();
    array
}

#[test]
fn an_open_size_is_that_of_the_first_tensor() {
    let folder = tempfile::tempdir().unwrap();
    // Its first bytes say what it is, not its name.
    let path = folder.path().join("tensor");
    let tensor = write_npy(&path, &[3, 20, 28]);
    let source = ModelSource::Path(fixture("loading/open-size.onnx"));
    let overrides = Overrides::default();
    let load = || Classifier::load(&source, &overrides).unwrap();
    let error = load().read_npy(&path).unwrap_err().to_string();
    assert!(error.contains("--input-size"), "{error}");
    let fitted = load().fitted(&overrides, std::slice::from_ref(&path)).unwrap();
    assert_eq!(fitted.network().input_shape(), [1, 3, 20, 28]);
    assert_eq!(fitted.settings().input_size.origin, Origin::File(path.clone()));
    assert_eq!(fitted.read_npy(&path).unwrap().tensor.index_axis(Axis(0), 0), tensor);
    let sized = Overrides { input_size: Size::square(12), ..Overrides::default() };
    let said = Classifier::load(&source, &sized).unwrap().fitted(&sized, &[path]).unwrap();
    assert_eq!(said.network().input_shape(), [1, 3, 12, 12]);
}

#[test]
fn bytes_come_as_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bytes.npy");
    let mut file = b"\x93NUMPY\x01\x00\x46\x00".to_vec();
    file.extend(format!("{:<69}\n", "{'descr': '|u1', 'fortran_order': False, 'shape': (24, 24, 3), }").bytes());
    file.extend((0..24 * 24 * 3).map(|at| (at % 251) as u8));
    fs::write(&path, file).unwrap();
    let prepared = load("bytes").read_npy(&path).unwrap();
    assert_eq!(prepared.tensor.iter().take(3).copied().collect::<Vec<_>>(), [0.0, 1.0, 2.0]);
    let error = load("divided-last").read_npy(&path).unwrap_err().to_string();
    assert!(error.contains("uint8"), "{error}");
}

#[test]
fn a_picture_of_the_inputs_own_size_is_fed_untouched() {
    let image = picture().crop_imm(0, 0, 24, 24);
    let classifier = load("transformed");
    assert_eq!(classifier.preprocess(&image).unwrap().seen, image.to_rgb8());
    // Unless somebody says how it is prepared.
    let says = Overrides { resize: Some(Resize::Shortest(30)), ..Overrides::default() };
    assert_ne!(load_with("transformed", &says).preprocess(&image).unwrap().seen, image.to_rgb8());
}

#[test]
fn what_has_other_channels_takes_tensors_and_no_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("twelve.npy");
    let tensor = write_npy(&path, &[12, 16, 16]);
    let classifier = load("twelve-channels");
    let prepared = classifier.read_npy(&path).unwrap();
    assert_eq!(prepared.tensor.index_axis(Axis(0), 0), tensor);
    assert_eq!(classifier.network().input_extent(), (16, 16));
    assert_eq!(prepared.seen.dimensions(), (16, 16));
    assert_eq!(classifier.settings().layout.value, Layout::Nchw);
    assert_eq!(classifier.preprocess(&picture()).unwrap_err(), PictureError::Channels(12));
}
