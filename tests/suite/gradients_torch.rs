//! Input gradients of whole networks against torch's autograd: the miniatures of `tests/fixtures`, from both exporters.

use seewhy::autodiff::vjp;
use serde_json::Value;
use tract_onnx::prelude::*;

use crate::support::graphs::{Level, numbers, relative_distance, run, typed_onnx};
use crate::support::{Manifest, fixture, fixture_array};

/// Our single precision against torch's double precision, relative L2. Torch's own single precision differs by up to
/// 2e-6 on these networks (`torch_f32_error` in the manifest).
const SINGLE: f64 = 1e-5;

fn array(file: &Value) -> Tensor {
    let array = fixture_array(file.as_str().unwrap());
    Tensor::from_shape(array.shape(), array.as_slice().unwrap()).unwrap()
}

fn check(network: &str) {
    let manifest = Manifest::read();
    let golden = manifest.network(network);
    let input = array(&golden["input"]);
    let logits = numbers(&array(&golden["logits"]));
    let gradients = golden["gradients"].as_array().unwrap();
    assert!(!gradients.is_empty());

    for (exporter, file) in golden["onnx"].as_object().unwrap() {
        let model = typed_onnx(&fixture(file.as_str().unwrap()), input.shape());
        let source = model.input_outlets().unwrap()[0];
        let output = model.output_outlets().unwrap()[0];
        let graph = vjp(&model, output, &[source]).unwrap_or_else(|error| panic!("{network}, {exporter}: {error}"));
        for gradient in gradients {
            let target = gradient["target"].as_u64().unwrap() as usize;
            let expected = numbers(&array(&gradient["file"]));
            let mut cotangent = vec![0f32; logits.len()];
            cotangent[target] = 1.0;
            let cotangent = Tensor::from_shape(&[1, logits.len()], &cotangent).unwrap();
            for level in Level::ALL {
                let results = run(&graph, level, &[input.clone(), cotangent.clone()]);
                let forward = relative_distance(&numbers(&results[0]), &logits);
                let backward = relative_distance(&numbers(&results[1]), &expected);
                println!("{network:14} {exporter:12} {level:12?} logits {forward:.1e} gradient {backward:.1e}");
                assert!(forward < SINGLE, "{network}, {exporter}, {level:?}: logits are off by {forward:.1e}");
                assert!(backward < SINGLE, "{network}, {exporter}, {level:?}: gradient is off by {backward:.1e}");
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
