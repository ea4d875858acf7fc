//! What layers hold, as scripts get it: torch's numbers, for every node of every architecture, in files of their own.

use std::fs;

use ndarray::{ArrayD, Axis};
use seewhy::network::NetworkError;
use seewhy::raster::npy;

use crate::cli::{errors, lines, picture, seewhy, text, with_model};
use crate::support::{Manifest, fixture, fixture_array, load, miniature};

/// Our own single-precision arithmetic against torch's.
const TORCH: f32 = 1e-4;
/// The same arithmetic in two plans, relative to the largest value.
const ROUNDING: f32 = 1e-5;

fn array(path: &serde_json::Value) -> ArrayD<f32> {
    npy::read(fs::File::open(path.as_str().unwrap()).unwrap()).unwrap()
}

fn largest_difference(a: &ArrayD<f32>, b: &ArrayD<f32>) -> f32 {
    assert_eq!(a.shape(), b.shape());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// `[1, C, h, w]` without the batch; `[1, tokens, D]` without the class token, on its square grid.
fn as_layer(torch: &ArrayD<f32>) -> ArrayD<f32> {
    let torch = torch.index_axis(Axis(0), 0);
    if torch.ndim() == 3 {
        return torch.to_owned();
    }
    let patches = torch.slice_axis(Axis(0), (1..).into()).to_owned();
    let [count, width] = [0, 1].map(|axis| patches.shape()[axis]);
    let columns = (1..=count).find(|columns| columns * columns >= count && count % columns == 0).unwrap();
    let grid = patches.into_shape_with_order((count / columns, columns, width)).unwrap();
    grid.permuted_axes([2, 0, 1]).as_standard_layout().into_owned().into_dyn()
}

/// By the name of the node, from the file of either exporter, through the command: what torch's modules give.
#[test]
fn activations_are_those_of_torch() {
    let manifest = Manifest::read();
    let mut checked = 0;
    for name in ["cnn", "vit"] {
        let network = manifest.network(name);
        let tensor = fixture(network["input"].as_str().unwrap());
        for golden in network["activations"].as_array().unwrap() {
            let torch = as_layer(&fixture_array(golden["file"].as_str().unwrap()));
            for (exporter, node) in golden["nodes"].as_object().unwrap() {
                let folder = tempfile::tempdir().unwrap();
                let size = fixture_array(network["input"].as_str().unwrap()).shape().to_vec();
                let output = seewhy(&["activations", text(&tensor), "--layer", node.as_str().unwrap(), "--out"])
                    .arg(folder.path())
                    .args(["--input-size", &format!("{}x{}", size[3], size[2]), "--model"])
                    .arg(fixture(network["onnx"][exporter].as_str().unwrap()))
                    .output()
                    .unwrap();
                assert!(output.status.success(), "{}", errors(&output));
                let found = array(&lines(&output)[0]["files"]["npy"]);
                let apart = largest_difference(&found, &torch);
                assert!(apart < TORCH, "{name} {exporter} {node}: {apart}");
                checked += 1;
            }
        }
    }
    assert!(checked >= 8, "{checked}");
}

/// All nodes that hold anything of the image, layers or not: in one run, each of the shape that was said, and layers as
/// everybody else sees them.
#[test]
fn every_node_of_every_architecture_can_be_read() {
    let manifest = Manifest::read();
    let mut read = 0;
    for (name, network) in manifest.networks() {
        for exporter in ["torchscript", "dynamo"] {
            let Some((classifier, input)) = load(network, exporter, seewhy::model::Overrides::default()) else {
                continue;
            };
            let network = classifier.network();
            let nodes = network.nodes();
            let layers = nodes.iter().filter(|node| node.layer.is_some()).count();
            assert_eq!(layers, network.layers().len(), "{name} {exporter}");
            let pass = network.forward(input.clone()).unwrap();
            let values = network.values(input.view(), &nodes).unwrap();
            for (node, values) in nodes.iter().zip(values) {
                assert_eq!(node.shape, values.shape(), "{name} {exporter}: {}", node.name);
                if let Some(layer) = node.layer {
                    let known = network.activation(&pass, layer).unwrap().into_dyn();
                    let scale = known.iter().fold(1.0f32, |scale, value| scale.max(value.abs()));
                    assert!(largest_difference(&values, &known) < ROUNDING * scale, "{name} {exporter}: {}", node.name);
                }
                read += 1;
            }
        }
    }
    assert!(read > 900, "{read}");
}

#[test]
fn a_line_says_what_a_script_wants_to_know_and_files_lie_beside() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("in/one.png");
    picture(&image, 3);
    let out = folder.path().join("out");
    let output =
        with_model(&["activations", text(&image), "--layer", "all,auto", "--out", text(&out)]).output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    let lines = lines(&output);
    let relu = lines.iter().find(|line| line["layer"] == "/block2/relu/Relu").unwrap();
    assert_eq!(lines.iter().filter(|line| line["layer"] == relu["layer"]).count(), 1, "asked for twice, read once");
    assert_eq!(relu["files"]["npy"], text(&out.join("one.block2-relu-Relu.npy")));
    let values = array(&relu["files"]["npy"]);
    assert_eq!(relu["shape"], serde_json::json!(values.shape()));
    let zeros = values.iter().filter(|value| **value == 0.0).count() as f64 / values.len() as f64;
    assert!((relu["sparsity"].as_f64().unwrap() - zeros).abs() < 1e-9 && zeros > 0.1, "{zeros}");
    let dead: Vec<usize> = values
        .axis_iter(Axis(0))
        .map(|c| c.iter().all(|v| *v == 0.0))
        .enumerate()
        .filter(|(_, d)| *d)
        .map(|(c, _)| c)
        .collect();
    assert_eq!(relu["dead_channels"], serde_json::json!(dead));
    assert!(image::open(relu["files"]["png"].as_str().unwrap()).unwrap().width() > 48);
}

/// The files of one image and layer are not those of another, whatever both are called.
#[test]
fn no_file_takes_the_place_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let images = ["cat/1.png", "dog/1.png"].map(|name| folder.path().join(name));
    images.iter().zip([1, 2]).for_each(|(path, seed)| picture(path, seed));
    let out = folder.path().join("out");
    let run = |image: &std::path::Path, more: &[&str]| {
        let output = with_model(&[
            "activations",
            text(image),
            "--layer",
            "/block1/relu/Relu,/block1/relu/Relu_output_0",
            "--out",
            text(&out),
        ]);
        let mut output = output;
        let output = output.args(more).output().unwrap();
        (output.status.code(), lines(&output), errors(&output))
    };
    let name = |line: &serde_json::Value| line["files"]["npy"].as_str().map(str::to_owned);
    let (_, first, said) = run(&images[0], &[]);
    assert_eq!(first.len(), 1, "a node and its tensor are one layer: {said}");
    let (_, again, _) = run(&images[0], &[]);
    assert_eq!(name(&first[0]), name(&again[0]), "the same request");
    let (_, other, _) = run(&images[1], &[]);
    assert!(name(&other[0]).unwrap().ends_with("dog_1.block1-relu-Relu.npy"), "{other:?}");
    let (code, refused, _) = run(&images[0], &["--no-clobber"]);
    assert!(code == Some(1) && refused[0]["error"].as_str().unwrap().contains("--no-clobber"), "{refused:?}");
    let both =
        with_model(&["activations", text(folder.path().join("cat").as_path()), text(&images[1])]).output().unwrap();
    assert_eq!(lines(&both).len(), 2);
}

#[test]
fn a_name_that_means_nothing_is_answered_with_the_nearest() {
    let output = with_model(&["activations", text(&fixture("images/plain.bmp")), "--layer", "/block2/relu/Rleu"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(errors(&output).contains("did you mean \"/block2/relu/Relu\"?"), "{}", errors(&output));
    let (classifier, _) = miniature("resnet", "dynamo");
    let network = classifier.network();
    for layer in network.layers().iter().filter(|layer| layer.trunk) {
        let typo = format!("{}x", layer.name);
        match network.find_node(&typo) {
            Err(NetworkError::NoSuchLayer { nearest, .. }) => assert_eq!(nearest.as_deref(), Some(layer.name.as_str())),
            other => panic!("{other:?}"),
        }
    }
}

/// A tensor without a place for rows and columns is written as it is, and that is said.
#[test]
fn what_has_no_grid_is_said_and_written_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let tensor = fixture(Manifest::read().network("vit")["input"].as_str().unwrap());
    let size = fixture_array(Manifest::read().network("vit")["input"].as_str().unwrap()).shape().to_vec();
    let output = seewhy(&["activations", text(&tensor), "--layer", "logits,conv_proj", "--out"])
        .arg(folder.path())
        .args(["--input-size", &format!("{}x{}", size[3], size[2]), "--model"])
        .arg(fixture("vit/dynamo.onnx"))
        .output()
        .unwrap();
    let lines = lines(&output);
    assert!(output.status.success(), "{}", errors(&output));
    let logits = lines.iter().find(|line| line["tensor"] == "logits").unwrap();
    assert!(logits["warnings"][0].as_str().unwrap().contains("is not known") && logits.get("dead_channels").is_none());
    let golden = fixture_array("vit/logits.npy");
    assert!(largest_difference(&array(&logits["files"]["npy"]), &golden) < TORCH);
}
