//! The network's layers and plans, on the miniatures of `tests/fixtures` and on a real classifier.

use std::sync::Arc;

use ndarray::{ArrayD, Axis};
use seewhy::autodiff::{Adjoint, Rule, RuleResult, Rules};
use seewhy::model::{Classifier, ModelSource, Overrides, Target};
use seewhy::network::{Activation, Backward, BackwardKind, LayerLayout, Network, NetworkError, Scores};
use tract_onnx::tract_core::internal::TypedOp;

use crate::support::{Manifest, miniature, shared_data};

/// Two single-precision runs of the same arithmetic in another order, relative to the largest value.
const ROUNDING: f32 = 1e-5;

/// Central differences in single precision on small networks with kinks, relative.
const DIFFERENCES: f64 = 2e-2;

fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let scale = b.iter().fold(1e-3f32, |scale, value| scale.max(value.abs()));
    a.iter().zip(b).fold(0.0f32, |worst, (a, b)| worst.max((a - b).abs())) / scale
}

fn cotangent(network: &Network, class: usize) -> Vec<f32> {
    Target::Class(class).cotangent(&Scores::softmax(&vec![0.0; network.classes()])).unwrap()
}

#[test]
fn auto_picks_the_layer_that_references_use() {
    let cases = [
        ("resnet", "3"),
        ("mobilenet_v2", "3"),
        ("mobilenet_v3", "features.4"),
        ("densenet", "relu"),
        ("convnext", "features.3"),
        ("vit", "encoder.layers.encoder_layer_1.ln_1"),
        ("swin", "norm"),
        ("shufflenet", "conv5"),
        ("efficientnet", "features.4"),
        ("regnet", "trunk_output"),
        ("cnn", "block2"),
    ];
    let manifest = Manifest::read();
    for (network, module) in cases {
        let (classifier, _) = miniature(network, "torchscript");
        let node = &manifest.network(network)["layers"][module]["torchscript"];
        let auto = &classifier.network().layers()[classifier.network().auto_layer().unwrap()];
        assert_eq!(Some(auto.name.as_str()), node.as_str(), "{network}");
    }
}

#[test]
fn layers_of_both_exporters_have_the_same_shapes_and_trunk() {
    for network in ["resnet", "mobilenet_v3", "densenet", "convnext", "vit"] {
        let trunks = ["torchscript", "dynamo"].map(|exporter| {
            let (classifier, _) = miniature(network, exporter);
            let layers = classifier.network().layers().to_vec();
            assert!(classifier.network().unsupported().is_empty());
            layers.into_iter().filter(|layer| layer.trunk).map(|layer| layer.shape).collect::<Vec<_>>()
        });
        assert!(trunks[0].len() > 2, "{network}: {trunks:?}");
        assert_eq!(trunks[0], trunks[1], "{network}");
    }
}

#[test]
fn a_layer_is_found_by_node_tensor_and_module_path() {
    let (classifier, _) = miniature("resnet", "dynamo");
    let network = classifier.network();
    let layer = network.auto_layer().unwrap();
    let description = &network.layers()[layer];
    for name in [&description.name, &description.tensor, description.path.as_ref().unwrap()] {
        assert_eq!(network.find_layer(name).unwrap(), layer, "{name}");
    }
    assert!(matches!(network.find_layer("layer99"), Err(NetworkError::NoSuchLayer { name, .. }) if name == "layer99"));
}

/// What hooks on the modules would give: the last layer inside each, whichever exporter wrote the file.
#[test]
fn a_module_is_the_last_layer_inside_it_in_files_of_both_exporters() {
    let cases: [(&str, &[(&str, &str)]); 3] = [
        (
            "resnet",
            &[("2", "/2/relu_1/Relu"), ("2.relu", "/2/relu_1/Relu"), ("3", "/3/relu_1/Relu"), ("0", "/0/0.2/Relu")],
        ),
        (
            "mobilenet_v3",
            &[
                ("features", "/features/features.4/features.4.2/HardSwish"),
                ("features.3", "/features/features.3/Add"),
                ("features.2.block.1", "/features/features.2/block/block.1/block.1.2/Relu"),
                ("features.2.block.1.2", "/features/features.2/block/block.1/block.1.2/Relu"),
            ],
        ),
        (
            "vit",
            &[
                ("encoder", "/encoder/ln/LayerNormalization"),
                ("encoder.layers.encoder_layer_0", "/encoder/layers/encoder_layer_0/Add_1"),
                ("encoder.layers.encoder_layer_0.mlp.1", "/encoder/layers/encoder_layer_0/mlp/mlp.1/Mul_1"),
            ],
        ),
    ];
    for (name, modules) in cases {
        let [(torchscript, input), (dynamo, _)] = ["torchscript", "dynamo"].map(|exporter| miniature(name, exporter));
        let read = |network: &Network, layer: usize| {
            let values = network.values(input.view(), &[network.layer_node(layer)]).unwrap().remove(0);
            values.iter().copied().collect::<Vec<_>>()
        };
        for (module, node) in modules {
            let found = [&torchscript, &dynamo].map(|classifier| classifier.network().find_layer(module).unwrap());
            assert_eq!(torchscript.network().layers()[found[0]].name, *node, "{name} {module}");
            let values = [read(torchscript.network(), found[0]), read(dynamo.network(), found[1])];
            assert!(distance(&values[1], &values[0]) < ROUNDING, "{name} {module}");
            let spelled = node.rsplit_once('/').unwrap().0.rsplit_once("/relu").map_or(*module, |(scopes, _)| scopes);
            assert!(torchscript.network().find_layer(spelled).is_ok(), "{name} {spelled}");
        }
    }
    let (vit, _) = miniature("vit", "dynamo");
    let classes = vit.network().find_node("heads").unwrap();
    assert_eq!((classes.layer, &classes.shape[..]), (None, &[vit.network().classes()][..]), "a module without a grid");
    match vit.network().find_layer("layers.encoder_layer_0") {
        Err(NetworkError::NoSuchLayer { nearest, .. }) => {
            assert_eq!(nearest.as_deref(), Some("encoder.layers.encoder_layer_0"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn everything_passes_through_the_trunk_and_something_bypasses_the_rest() {
    for name in ["resnet", "densenet", "vit", "swin", "shufflenet"] {
        let (classifier, input) = miniature(name, "torchscript");
        let network = classifier.network();
        let passes = [1.0, -0.5].map(|factor| network.forward(Arc::new(&*input * factor)).unwrap());
        let mut bypassed = 0;
        for (index, layer) in network.layers().iter().enumerate() {
            if matches!(layer.layout, LayerLayout::Tokens { prefix: 1.. }) {
                continue; // the class token stays as it was
            }
            let nothing = Activation::zeros(layer.shape);
            let [one, other] = passes.each_ref().map(|pass| network.logits_from(pass, index, &nothing).unwrap());
            let same = distance(&one, &other) < ROUNDING;
            assert!(same || !layer.trunk, "{name}: something bypasses {}", layer.name);
            bypassed += usize::from(!same);
        }
        assert!(bypassed > 0 || name == "vit", "{name}: no layer is inside a block");
    }
}

#[test]
fn a_layer_put_back_as_it_was_gives_the_logits_of_the_whole() {
    for name in ["resnet", "mobilenet_v3", "densenet", "convnext", "vit", "swin", "inception"] {
        let (classifier, input) = miniature(name, "torchscript");
        let network = classifier.network();
        let pass = network.forward(Arc::clone(&input)).unwrap();
        assert!(distance(&network.logits(input.view()).unwrap(), &pass.logits) < ROUNDING);
        for (index, layer) in network.layers().iter().enumerate() {
            let activation = network.activation(&pass, index).unwrap();
            assert_eq!(activation.shape(), layer.shape);
            let logits = network.logits_from(&pass, index, &activation).unwrap();
            assert!(distance(&logits, &pass.logits) < ROUNDING, "{name}: {}", layer.name);
        }
    }
}

#[test]
fn the_gradient_at_a_layer_predicts_what_a_small_change_of_it_does() {
    for name in ["resnet", "densenet", "mobilenet_v3", "vit", "swin"] {
        let (classifier, input) = miniature(name, "torchscript");
        let network = classifier.network();
        let pass = network.forward(input).unwrap();
        let class = 2;
        for index in (0..network.layers().len()).step_by(3).chain(network.auto_layer()) {
            let layer = &network.layers()[index];
            let result = network.layer_gradient(&pass, index, &cotangent(network, class)).unwrap();
            assert_eq!(result.activation, network.activation(&pass, index).unwrap());
            let gradient = result.gradient.mapv(f64::from);
            let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
            if norm < 1e-4 {
                continue; // behind the attention of the last block, or dead units
            }
            let step = 1e-3;
            let at = |sign: f64| {
                let change = gradient.mapv(|g| (sign * step * g / norm) as f32);
                f64::from(network.logits_from(&pass, index, &(&result.activation + &change)).unwrap()[class])
            };
            let slope = (at(1.0) - at(-1.0)) / (2.0 * step);
            // The logits are known to some 1e-7 of their size only.
            let tolerance = DIFFERENCES * norm + 1e-3;
            assert!((slope - norm).abs() < tolerance, "{name}: {}: slope {slope}, gradient {norm}", layer.name);
        }
    }
}

#[test]
fn a_class_token_is_left_out_and_the_patches_behind_the_last_attention_do_not_count() {
    let (classifier, input) = miniature("vit", "torchscript");
    let network = classifier.network();
    let pass = network.forward(input).unwrap();
    let auto = network.auto_layer().unwrap();
    let layer = &network.layers()[auto];
    assert_eq!(layer.layout, LayerLayout::Tokens { prefix: 1 });
    assert_eq!(layer.shape[1] * layer.shape[2], network.activation(&pass, auto).unwrap().len() / layer.shape[0]);
    let cotangent = cotangent(network, 0);
    assert!(network.layer_gradient(&pass, auto, &cotangent).unwrap().gradient.iter().any(|g| *g != 0.0));

    let last = network.layers().iter().rposition(|layer| matches!(layer.layout, LayerLayout::Tokens { .. })).unwrap();
    assert!(last > auto && !network.layers()[last].trunk);
    assert!(network.layer_gradient(&pass, last, &cotangent).unwrap().gradient.iter().all(|g| *g == 0.0));
}

#[test]
fn the_gradient_at_the_input_comes_with_the_logits() {
    let (classifier, input) = miniature("cnn", "torchscript");
    let network = classifier.network();
    let (logits, gradient) = network.input_gradient(input.view(), &cotangent(network, 1)).unwrap();
    assert!(distance(&logits, &network.forward(Arc::clone(&input)).unwrap().logits) < ROUNDING);
    assert_eq!(gradient.shape(), input.shape());
    let norm = gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
    let at = |step: f64| {
        let moved = &*input + &gradient.mapv(|g| (step * f64::from(g) / norm) as f32);
        f64::from(network.logits(moved.view()).unwrap()[1])
    };
    let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
    assert!((slope / norm - 1.0).abs() < DIFFERENCES, "slope {slope}, gradient {norm}");
}

/// Lets nothing back through a ReLU.
struct Wall;

impl Rule for Wall {
    fn operator(&self) -> &'static str {
        "a ReLU"
    }

    fn apply(&self, op: &dyn TypedOp, node: &mut Adjoint<'_>) -> Option<RuleResult> {
        let blocks = format!("{op:?}").to_lowercase().contains("max");
        blocks.then(|| Ok((0..node.input_count()).map(|_| None).collect()))
    }
}

#[test]
fn modified_rules_change_the_gradient_and_leave_the_true_one_alone() {
    static WALL: [&dyn Rule; 1] = [&Wall];
    let (classifier, input) = miniature("cnn", "torchscript");
    let (network, cotangent) = (classifier.network(), cotangent(classifier.network(), 1));
    let truth = network.input_gradient(input.view(), &cotangent).unwrap();
    assert!(truth.1.iter().any(|g| *g != 0.0));
    let backward = |kind, rules| network.backward(&Backward::new(kind, rules), input.view(), &cotangent);
    let walled = backward(BackwardKind::Guided, Rules { overrides: &WALL }).unwrap();
    assert!(walled.1.iter().all(|g| *g == 0.0));
    assert!(distance(&walled.0, &truth.0) < ROUNDING);
    assert_eq!(backward(BackwardKind::Rescale, Rules::default()).unwrap().1, truth.1);
    assert_eq!(network.input_gradient(input.view(), &cotangent).unwrap().1, truth.1);
}

#[test]
fn many_threads_get_the_same_logits() {
    let (classifier, input) = miniature("resnet", "torchscript");
    let network = classifier.network();
    let expected = network.logits(input.view()).unwrap();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(|| network.logits(input.view()).unwrap())).collect();
        for worker in workers {
            assert_eq!(worker.join().unwrap(), expected);
        }
    });
}

#[test]
fn strange_numbers_go_through_and_strange_shapes_are_refused() {
    let (classifier, input) = miniature("cnn", "torchscript");
    let network = classifier.network();
    for strange in [f32::NAN, f32::INFINITY, f32::MAX] {
        match network.forward(Arc::new(ArrayD::from_elem(input.shape(), strange))) {
            Ok(pass) => {
                assert_eq!(pass.logits.len(), network.classes());
                network.layer_gradient(&pass, network.auto_layer().unwrap(), &cotangent(network, 0)).unwrap();
            }
            // What is not a number stays that through every kernel, and is said.
            Err(error) => assert!(matches!(error, NetworkError::NotFinite { .. }), "{error}"),
        }
    }
    let small = ArrayD::zeros(vec![1, 3, 5, 5]);
    let error = network.forward(Arc::new(small)).unwrap_err();
    assert!(matches!(error, NetworkError::InputShape { ref expected, .. } if expected == input.shape()), "{error}");
    let pass = network.forward(input).unwrap();
    assert!(matches!(network.layer_gradient(&pass, 0, &[1.0]), Err(NetworkError::Shape { .. })));
    assert!(matches!(network.logits_from(&pass, 0, &Activation::zeros((1, 1, 1))), Err(NetworkError::Shape { .. })));
}

/// Behind MCUNet's last feature map are global average pooling and one linear layer, so the gradient there is the weight
/// of the class divided by the 36 positions, and features and weights give back the logit up to its bias.
#[test]
#[ignore = "needs ../shared/data"]
fn on_mcunet_the_gradient_has_a_closed_form() {
    let model = shared_data("imagenet-mcunet/mcunet-320kb-1mb_imagenet_fp32.onnx");
    let classifier = Classifier::load(&ModelSource::Path(model), &Overrides::default()).unwrap();
    let network = classifier.network();
    let side = network.input_shape()[3];
    let wave = |at: ndarray::IxDyn| ((at[1] * 31 + at[2] * 7 + at[3] * 13) % 97) as f32 / 48.0 - 1.0;
    let pass = network.forward(Arc::new(ArrayD::from_shape_fn(vec![1, 3, side, side], wave))).unwrap();
    let auto = network.auto_layer().unwrap();
    assert_eq!(network.layers()[auto].shape, [160, 6, 6]);

    // The weights, by asking the network itself: a logit's change when one channel's mean grows by 1.
    let nothing = Activation::zeros((160, 6, 6));
    let bias = network.logits_from(&pass, auto, &nothing).unwrap();
    for class in [0, 282, 999] {
        let result = network.layer_gradient(&pass, auto, &cotangent(network, class)).unwrap();
        for channel in [0, 77, 159] {
            let mut one = nothing.clone();
            one.index_axis_mut(Axis(0), channel).fill(1.0);
            let weight = network.logits_from(&pass, auto, &one).unwrap()[class] - bias[class];
            for gradient in result.gradient.index_axis(Axis(0), channel) {
                assert!((gradient * 36.0 - weight).abs() < 1e-4, "class {class}, channel {channel}");
            }
        }
        let sum = (&result.activation * &result.gradient).sum() + bias[class];
        assert!((sum - pass.logits[class]).abs() < 1e-3, "class {class}: {sum} and {}", pass.logits[class]);
    }
}
