//! Units: the images that excite a channel most, and where: as a search through all of them by hand finds.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use image::{Rgb, RgbImage};
use ndarray::Axis;
use seewhy::model::{Classifier, ModelSource, Overrides, Size};
use seewhy::network::{Network, ReceptiveField};

use crate::cli::{errors, lines, text, with_model};
use crate::support::{fixture, miniature};

/// The size of the images, which is that of the network's input: a box is then in pixels of both.
const SIZE: (u32, u32) = (28, 24);
const LAYER: &str = "/block1/relu/Relu";

/// Two hundred images with a bright spot and a stripe somewhere.
fn images(folder: &Path) {
    for number in 0..200_u32 {
        let at = (number * 7 % 23, number * 5 % 19);
        let pixel = |x: u32, y: u32| {
            let noise = (x * 31 + y * 17 + number * 101).wrapping_mul(2_654_435_761) >> 24;
            let spot = x.abs_diff(at.0 + 2) + y.abs_diff(at.1 + 2) < 2 + number % 4;
            let level = if spot { 255 } else { noise / 3 };
            Rgb([
                level as u8,
                (level / 2 + number % 90) as u8,
                if (x + number).is_multiple_of(9) { 240 } else { (noise / 2) as u8 },
            ])
        };
        RgbImage::from_fn(SIZE.0, SIZE.1, pixel).save(folder.join(format!("{number:03}.png"))).unwrap();
    }
}

fn classifier() -> Classifier {
    let overrides = Overrides {
        input_size: Some(Size { width: SIZE.0, height: SIZE.1 }),
        mean: Some(vec![0.5]),
        std: Some(vec![0.25]),
        ..Overrides::default()
    };
    Classifier::load(&ModelSource::Path(fixture("cnn/torchscript.onnx")), &overrides).unwrap()
}

/// The largest value of each channel, and where it is.
fn peaks(classifier: &Classifier, image: &Path, layer: usize) -> Vec<(f32, (usize, usize))> {
    let prepared = classifier.preprocess(&image::open(image).unwrap()).unwrap();
    let pass = classifier.network().forward(Arc::new(prepared.tensor)).unwrap();
    let activation = classifier.network().activation(&pass, layer).unwrap();
    let largest = |channel: ndarray::ArrayView2<'_, f32>| {
        let first = |best: (f32, (usize, usize)), (at, value): ((usize, usize), &f32)| {
            if *value > best.0 { (*value, at) } else { best }
        };
        channel.indexed_iter().fold((f32::NEG_INFINITY, (0, 0)), first)
    };
    activation.axis_iter(Axis(0)).map(largest).collect()
}

fn holds(field: &ReceptiveField, place: [f32; 4]) -> bool {
    let [x, y, width, height] = place;
    let inside = |start: f32, length: f32, range: &std::ops::Range<usize>| {
        start >= range.start as f32 && start + length <= range.end as f32 && length >= 1.0
    };
    inside(x, width, &field.columns) && inside(y, height, &field.rows)
}

#[test]
fn the_top_nine_are_those_of_a_search_by_hand_and_their_boxes_lie_in_what_the_layer_sees() {
    let folder = tempfile::tempdir().unwrap();
    images(folder.path());
    fs::write(folder.path().join("050-broken.png"), b"\x89PNG\r\n\x1a\n not a picture").unwrap();
    let out = folder.path().join("out");
    let output = with_model(&["units", text(folder.path()), "--layer", LAYER, "--out", text(&out)]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "one image is broken: {}", errors(&output));
    let (broken, units): (Vec<_>, Vec<_>) = lines(&output).into_iter().partition(|line| line.get("error").is_some());
    assert!(broken.len() == 1 && broken[0]["image"].as_str().unwrap().ends_with("050-broken.png"), "{broken:?}");

    let classifier = classifier();
    let network = classifier.network();
    let layer = network.find_layer(LAYER).unwrap();
    let fields = network.receptive_fields(layer).unwrap();
    let paths: Vec<_> = (0..200).map(|number| folder.path().join(format!("{number:03}.png"))).collect();
    let all: Vec<_> = paths.iter().map(|path| peaks(&classifier, path, layer)).collect();
    let channels = network.layers()[layer].shape[0];
    assert_eq!(units.len(), channels);
    let mut smaller = 0;
    for (channel, unit) in units.iter().enumerate() {
        assert_eq!((&unit["channel"], &unit["asked"]), (&channel.into(), &200.into()));
        let mut expected: Vec<usize> = (0..200).filter(|image| all[*image][channel].0 > 0.0).collect();
        expected.sort_by(|a, b| all[*b][channel].0.total_cmp(&all[*a][channel].0).then(a.cmp(b)));
        expected.truncate(9);
        let found = unit["images"].as_array().unwrap();
        let names: Vec<&str> = found.iter().map(|image| image["image"].as_str().unwrap()).collect();
        let expected_names: Vec<&str> = expected.iter().map(|image| text(&paths[*image])).collect();
        assert_eq!(names, expected_names, "channel {channel}");
        for (image, line) in expected.iter().zip(found) {
            let (value, at) = all[*image][channel];
            assert!((line["value"].as_f64().unwrap() as f32 - value).abs() < 1e-4 * value.max(1.0), "{line}");
            let place: [f32; 4] = serde_json::from_value(line["box"].clone()).unwrap();
            let field = fields.of(at.0, at.1);
            assert!(holds(&field, place), "channel {channel}: {place:?} in {field:?}");
            assert!(held(&classifier, &paths[*image], (layer, channel), at, place) >= 0.9 - 1e-4, "{line}");
            smaller += usize::from(place[2] * place[3] < (SIZE.0 * SIZE.1) as f32 / 2.0);
        }
        if !found.is_empty() {
            let sheet = image::open(unit["files"]["png"].as_str().unwrap()).unwrap();
            assert!(sheet.width() >= 192, "{unit}");
        }
    }
    assert!(smaller > 20, "boxes say where: {smaller}");
}

/// The share of the gradient's energy within a box.
fn held(
    classifier: &Classifier,
    image: &Path,
    (layer, channel): (usize, usize),
    at: (usize, usize),
    place: [f32; 4],
) -> f32 {
    let prepared = classifier.preprocess(&image::open(image).unwrap()).unwrap();
    let network = classifier.network();
    let gradient = network.unit_gradient(prepared.tensor.view(), layer, [channel, at.0, at.1]).unwrap();
    let energy = network.energy_of_pixels(&gradient);
    let [x, y, width, height] = place.map(|side| side as usize);
    let inside = |at: &(usize, usize)| (y..y + height).contains(&at.0) && (x..x + width).contains(&at.1);
    energy.indexed_iter().filter(|(at, _)| inside(at)).map(|(_, value)| value).sum::<f32>() / energy.sum()
}

#[test]
fn a_channel_and_a_number_of_images_can_be_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    images(folder.path());
    let ask =
        |more: &[&str]| with_model(&["units", text(folder.path()), "--layer", LAYER]).args(more).output().unwrap();
    let output = ask(&["--channel", "2,0", "--top", "3"]);
    let units = lines(&output);
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(units.iter().map(|unit| unit["channel"].as_u64().unwrap()).collect::<Vec<_>>(), [2, 0]);
    assert!(
        units
            .iter()
            .all(|unit| unit["images"].as_array().unwrap().len() <= 3 && unit["files"] == serde_json::json!({}))
    );
    let refused = ask(&["--channel", "99"]);
    assert!(refused.status.code() == Some(2) && errors(&refused).contains("numbered from 0"), "{}", errors(&refused));
}

/// What lies outside of a receptive field has no gradient; and the field of a plain convolution is its kernel.
#[test]
fn gradients_end_where_receptive_fields_do() {
    let mut narrow = 0;
    for name in [
        "cnn",
        "resnet",
        "vgg",
        "densenet",
        "mobilenet_v2",
        "squeezenet",
        "inception",
        "shufflenet",
        "convnext",
        "swin",
    ] {
        let (classifier, input) = miniature(name, "torchscript");
        let network = classifier.network();
        let (height, width) = network.input_extent();
        for (index, layer) in network.layers().iter().enumerate().step_by(3) {
            let fields = network.receptive_fields(index).unwrap();
            let [channels, rows, columns] = layer.shape;
            for (row, column) in [(0, 0), (rows / 2, columns / 2), (rows - 1, columns - 1)] {
                let field = fields.of(row, column);
                let gradient = network.unit_gradient(input.view(), index, [channels / 2, row, column]).unwrap();
                let energy = network.energy_of_pixels(&gradient);
                for ((y, x), value) in energy.indexed_iter() {
                    let inside = field.rows.contains(&y) && field.columns.contains(&x);
                    assert!(inside || *value == 0.0, "{name} {} ({row}, {column}): ({y}, {x})", layer.name);
                }
                narrow += usize::from(field.rows.len() < height && field.columns.len() < width);
            }
        }
    }
    assert!(narrow > 50, "{narrow}");
}

#[test]
fn the_field_of_a_convolution_is_its_kernel() {
    let (classifier, _) = miniature("resnet", "torchscript");
    let network: &Network = classifier.network();
    let stem = network.layers().iter().position(|layer| layer.operator == "Conv").unwrap();
    // 7x7, every second pixel, three of padding.
    let field = network.receptive_fields(stem).unwrap().of(3, 0);
    assert_eq!(field, ReceptiveField { rows: 3..10, columns: 0..4 });
}
