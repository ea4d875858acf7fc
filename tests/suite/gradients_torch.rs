//! Input gradients of whole networks against torch's autograd: the miniatures of `tests/fixtures`, from both exporters.

use seewhy::autodiff::vjp;
use seewhy::model::Overrides;
use serde_json::Value;
use tract_onnx::prelude::*;

use crate::support::graphs::{Level, numbers, relative_distance, run, typed_onnx};
use crate::support::{Manifest, fixture, fixture_array, load};

/// Our single precision against torch's double precision, relative L2. Torch's own single precision differs by up to
/// 2e-6 on these networks (`torch_f32_error` in the manifest).
const SINGLE: f64 = 1e-5;

fn array(file: &Value) -> Tensor {
    let array = fixture_array(file.as_str().unwrap());
    Tensor::from_shape(array.shape(), array.as_slice().unwrap()).unwrap()
}

/// What tract 0.23.9 cannot type as the exporter wrote it: a ConstantOfShape comes out as f64. The program's own reading of
/// the file puts that right.
const NOT_TYPED: [(&str, &str); 1] = [("swin", "dynamo")];

fn assert_equal(found: [&[f64]; 2], expected: [&[f64]; 2], what: &str) {
    let [forward, backward] = [0, 1].map(|part| relative_distance(found[part], expected[part]));
    println!("{what} logits {forward:.1e} gradient {backward:.1e}");
    assert!(forward < SINGLE, "{what}: logits are off by {forward:.1e}");
    assert!(backward < SINGLE, "{what}: gradient is off by {backward:.1e}");
}

/// Both the graph as tract types it, at every level of tract's work, and the network as the program loads it.
fn check(network: &str) {
    let manifest = Manifest::read();
    let golden = manifest.network(network);
    let input = array(&golden["input"]);
    let logits = numbers(&array(&golden["logits"]));
    let gradients = golden["gradients"].as_array().unwrap();
    assert!(!gradients.is_empty());
    let targets: Vec<(Vec<f32>, Vec<f64>)> = gradients
        .iter()
        .map(|gradient| {
            let mut cotangent = vec![0f32; logits.len()];
            cotangent[gradient["target"].as_u64().unwrap() as usize] = 1.0;
            (cotangent, numbers(&array(&gradient["file"])))
        })
        .collect();

    for (exporter, file) in golden["onnx"].as_object().unwrap() {
        let what = format!("{network}, {exporter}");
        let (classifier, image) = load(golden, exporter, Overrides::default()).unwrap();
        for (cotangent, expected) in &targets {
            let (found, gradient) = classifier.network().input_gradient(image.view(), cotangent).unwrap();
            let found: Vec<f64> = found.iter().map(|value| f64::from(*value)).collect();
            let gradient: Vec<f64> = gradient.iter().map(|value| f64::from(*value)).collect();
            assert_equal([&found, &gradient], [&logits, expected], &what);
        }
        if NOT_TYPED.contains(&(network, exporter.as_str())) {
            continue;
        }
        let model = typed_onnx(&fixture(file.as_str().unwrap()), input.shape());
        let source = model.input_outlets().unwrap()[0];
        let output = model.output_outlets().unwrap()[0];
        let graph = vjp(&model, output, &[source]).unwrap_or_else(|error| panic!("{what}: {error}"));
        for (cotangent, expected) in &targets {
            let cotangent = Tensor::from_shape(&[1, logits.len()], cotangent).unwrap();
            for level in Level::ALL {
                let results = run(&graph, level, &[input.clone(), cotangent.clone()]);
                let [found, gradient] = [&results[0], &results[1]].map(|value| numbers(value));
                assert_equal([&found, &gradient], [&logits, expected], &format!("{what}, {level:?}"));
            }
        }
    }
}

macro_rules! networks {
    ($($network:ident),*) => {
        $(#[test] fn $network() { check(stringify!($network)); })*

        #[test]
        fn every_miniature_with_a_gradient_is_checked() {
            let manifest = Manifest::read();
            let names = manifest.networks().filter(|(_, it)| it["gradients"].is_array()).map(|it| it.0.as_str());
            let names: Vec<&str> = names.collect();
            let mut checked = vec![$(stringify!($network)),*];
            checked.sort_unstable();
            assert_eq!(names, checked);
        }
    };
}

networks!(
    cnn,
    convnext,
    convolutions,
    densenet,
    efficientnet,
    inception,
    mobilenet_v2,
    mobilenet_v3,
    regnet,
    resnet,
    shufflenet,
    squeezenet,
    swin,
    vgg,
    vit
);
