//! DeepLIFT and layer-wise relevance propagation: what they conserve, captum's networks that can be computed by hand, and
//! what they say of operators without a rule. Parity with captum and zennit is in `explanations`.

use ndarray::ArrayD;
use seewhy::explain::{
    Attribution, Composite, LayerChoice, Monitor, Propagation, Request, Subject, find, multipliers, obstacle,
    propagate_relevance, rescale_exceptions,
};
use seewhy::model::{Classifier, Target};
use seewhy::network::{Layout, Network, NodeNames};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::AxisOp;
use tract_onnx::tract_core::ops::cnn::{Conv, KernelFormat, MaxPool, PaddingSpec, PoolSpec};
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn::{DataFormat, Reduce, Reducer};

use crate::support::goldens::metric;
use crate::support::graphs::{Graph, numbers, values};
use crate::support::{Manifest, miniature_pass};

/// Sums of hundreds of single-precision numbers, relative to the largest value at hand.
const ROUNDING: f64 = 1e-4;

fn graph() -> Graph {
    Graph::new(f32::datum_type())
}

fn array(shape: &[usize], values: &[f32]) -> ArrayD<f32> {
    ArrayD::from_shape_vec(shape, values.to_vec()).unwrap()
}

fn constant(graph: &mut Graph, shape: &[usize], values: &[f32]) -> OutletId {
    graph.add_const(Tensor::from_shape(shape, values).unwrap())
}

/// A convolution with these weights `[O, I, side, side]` and biases.
fn conv(graph: &mut Graph, input: OutletId, shape: [usize; 3], weights: &[f32], bias: &[f32]) -> OutletId {
    let [outputs, inputs, side] = shape;
    let pool_spec = PoolSpec {
        data_format: DataFormat::NCHW,
        kernel_shape: tvec![side, side],
        padding: PaddingSpec::Valid,
        dilations: None,
        strides: None,
        input_channels: inputs,
        output_channels: outputs,
    };
    let weights = constant(graph, &[outputs, inputs, side, side], weights);
    let bias = constant(graph, &[outputs], bias);
    let op = Conv { pool_spec, kernel_fmt: KernelFormat::OIHW, group: 1, q_params: None };
    graph.op(op, &[input, weights, bias])
}

fn relu(graph: &mut Graph, input: OutletId) -> OutletId {
    let rank = graph.model.outlet_fact(input).unwrap().rank();
    let zero = graph.number(0.0, rank);
    graph.op(math::max(), &[input, zero])
}

/// A network whose scores are the sums of the channels of `last`, `[1, K, h, w]`.
fn network(mut graph: Graph, last: OutletId) -> Network {
    let sum = graph.op(Reduce { axes: tvec![2, 3], reducer: Reducer::Sum }, &[last]);
    let flat = graph.op(AxisOp::Rm(3), &[sum]);
    let logits = graph.op(AxisOp::Rm(2), &[flat]);
    Network::new(graph.finish(logits), logits, NodeNames::default(), Layout::Nchw).unwrap()
}

fn assert_close(found: &ArrayD<f32>, expected: &[f32], what: &str) {
    let off = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(found.len() == expected.len() && off < 1e-4, "{what}: {found} is not {expected:?}");
}

/// The difference from a baseline times its multipliers.
fn deep_lift(network: &Network, input: &ArrayD<f32>, baseline: &ArrayD<f32>) -> ArrayD<f32> {
    (input - baseline) * multipliers(network, input.view(), baseline.view(), &[1.0]).unwrap().values
}

/// captum's `ReLUDeepLiftModel`: `2 relu(x1) + 2 relu(x2 - 1.5)`.
#[test]
fn deep_lift_of_captums_relu_model() {
    let mut graph = graph();
    let input = graph.input(&[1, 2, 1, 1]);
    let shifted = conv(&mut graph, input, [2, 2, 1], &[1.0, 0.0, 0.0, 1.0], &[0.0, -1.5]);
    let active = relu(&mut graph, shifted);
    let output = conv(&mut graph, active, [1, 2, 1], &[2.0, 2.0], &[0.0]);
    let network = network(graph, output);
    let shape = [1, 2, 1, 1];
    let found = deep_lift(&network, &array(&shape, &[1.0, 2.0]), &array(&shape, &[0.0, 0.0]));
    assert_close(&found, &[2.0, 1.0], "from zero");
}

/// captum's `LinearMaxPoolLinearModel`: the maximum of four numbers.
#[test]
fn deep_lift_of_captums_max_pool_model() {
    let mut graph = graph();
    let input = graph.input(&[1, 1, 1, 4]);
    let pool_spec = PoolSpec {
        data_format: DataFormat::NCHW,
        kernel_shape: tvec![1, 4],
        padding: PaddingSpec::Valid,
        dilations: None,
        strides: None,
        input_channels: 1,
        output_channels: 1,
    };
    let output = graph.op(MaxPool { pool_spec, with_index_outputs: None }, &[input]);
    let network = network(graph, output);
    let shape = [1, 1, 1, 4];
    let ones = array(&shape, &[1.0; 4]);
    let found = deep_lift(&network, &ones, &array(&shape, &[1.0, 2.0, 3.0, 9.0]));
    assert_close(&found, &[0.0, 0.0, 0.0, -8.0], "largest last");
    let found = deep_lift(&network, &ones, &array(&shape, &[4.0, 8.0, 6.0, 7.0]));
    assert_close(&found, &[0.0, -7.0, 0.0, 0.0], "largest second");
}

/// captum's `SimpleModel` for LRP: three inputs, three hidden units with ReLU, one output.
#[test]
fn relevance_of_captums_simple_model() {
    let relevance = |first: f32, composite: Composite| {
        let mut graph = graph();
        let input = graph.input(&[1, 3, 1, 1]);
        let mut weights = [2.0; 9];
        weights[0] = first;
        let hidden = conv(&mut graph, input, [3, 3, 1], &weights, &[0.0; 3]);
        let active = relu(&mut graph, hidden);
        let output = conv(&mut graph, active, [1, 3, 1], &[3.0; 3], &[0.0]);
        let network = network(graph, output);
        let input = array(&[1, 3, 1, 1], &[1.0, 2.0, 3.0]);
        let logits = network.logits(input.view()).unwrap();
        let propagation = Propagation { composite, epsilon: 1e-6, gamma: 0.25, bounds: vec![(0.0, 4.0); 3] };
        propagate_relevance(&network, &propagation, input.view(), &logits).unwrap()
    };
    assert_close(&relevance(2.0, Composite::Epsilon), &[18.0, 36.0, 54.0], "epsilon");
    assert_close(&relevance(-2.0, Composite::EpsilonPlus), &[12.0, 33.6, 50.4], "alpha 1, beta 0");
    assert_close(&relevance(2.0, Composite::EpsilonPlusFlat), &[36.0; 3], "flat");
}

/// Convolutions with a residual sum between them, or else one after the other and every last weight positive.
fn convolutions(bias: f32, is_residual: bool) -> (Network, ArrayD<f32>) {
    let mut graph = graph();
    let weights = |shape: &[usize], seed| -> Vec<f32> {
        let low = if seed == 3 && !is_residual { 0.1 } else { -0.5 };
        numbers(&values(shape, (low, 0.6), seed)).into_iter().map(|weight| weight as f32).collect()
    };
    let input = graph.input(&[1, 3, 6, 7]);
    let first = conv(&mut graph, input, [4, 3, 3], &weights(&[4, 3, 3, 3], 1), &[bias; 4]);
    let active = relu(&mut graph, first);
    let branch = conv(&mut graph, active, [4, 4, 1], &weights(&[4, 4, 1, 1], 2), &[bias; 4]);
    let sum = if is_residual { graph.op(math::add(), &[active, branch]) } else { branch };
    let active = relu(&mut graph, sum);
    let output = conv(&mut graph, active, [5, 4, 1], &weights(&[5, 4, 1, 1], 3), &[bias; 5]);
    let image: Vec<f32> = numbers(&values(&[126], (-1.0, 1.0), 4)).into_iter().map(|value| value as f32).collect();
    (network(graph, output), array(&[1, 3, 6, 7], &image))
}

const COMPOSITES: [Composite; 6] = [
    Composite::EpsilonPlusFlat,
    Composite::EpsilonGammaBox,
    Composite::EpsilonPlus,
    Composite::EpsilonAlpha2Beta1,
    Composite::Epsilon,
    Composite::Gamma,
];

fn propagation(composite: Composite) -> Propagation {
    Propagation { composite, epsilon: 1e-6, gamma: 0.25, bounds: vec![(-1.0, 1.0); 3] }
}

fn total(values: &ArrayD<f32>) -> f64 {
    values.iter().map(|value| f64::from(*value)).sum()
}

#[test]
fn without_biases_relevance_adds_up_to_the_logit() {
    let by_contribution = [Composite::Epsilon, Composite::Gamma, Composite::EpsilonGammaBox];
    // Alpha and beta keep relevance where something speaks for what a layer says: here, wherever a ReLU lets it.
    let by_support = [Composite::EpsilonPlus, Composite::EpsilonPlusFlat];
    for (is_residual, composites) in [(true, &by_contribution[..]), (false, &by_contribution), (false, &by_support)] {
        let (network, input) = convolutions(0.0, is_residual);
        let logits = network.logits(input.view()).unwrap();
        for class in 0..network.classes() {
            let start: Vec<f32> = (0..logits.len()).map(|k| if k == class { logits[k] } else { 0.0 }).collect();
            for &composite in composites {
                let relevance = propagate_relevance(&network, &propagation(composite), input.view(), &start).unwrap();
                let size: f64 = relevance.iter().map(|value| f64::from(value.abs())).sum();
                let (gap, logit) = (total(&relevance) - f64::from(logits[class]), logits[class]);
                assert!(gap.abs() < ROUNDING * size, "{composite:?} of class {class} misses {gap} of {logit}");
            }
        }
    }
}

/// With biases, zero baseline and the rescale rule: the sum is the difference of the scores, not the score.
#[test]
fn multipliers_carry_the_whole_difference() {
    let (network, input) = convolutions(0.3, true);
    let logits = network.logits(input.view()).unwrap();
    for baseline in [ArrayD::zeros(input.shape()), input.mapv(|value| 0.5 - value), input.clone()] {
        let other = network.logits(baseline.view()).unwrap();
        for class in 0..network.classes() {
            let cotangent = Target::Class(class).cotangent(&logits).unwrap();
            let found = multipliers(&network, input.view(), baseline.view(), &cotangent).unwrap();
            let sum = total(&((&input - &baseline) * found.values));
            let difference = f64::from(logits[class]) - f64::from(other[class]);
            assert!((sum - difference).abs() < ROUNDING, "{sum} is not {difference}");
            assert!((found.baseline_logits[class] - other[class]).abs() < 1e-5);
        }
    }
}

/// A scale and a shift after a convolution are one convolution with it, whichever way they are written.
#[test]
fn batch_norm_after_a_convolution_is_folded_into_it() {
    let (scale, shift) = ([0.5_f32, -1.5, 2.0], [0.3_f32, 0.1, -0.4]);
    let weights: Vec<f32> = (0..9).map(|i| ((i * 7 % 11) as f32 - 5.0) / 6.0).collect();
    let build = |is_folded: bool| {
        let mut graph = graph();
        let input = graph.input(&[1, 3, 4, 4]);
        let normed = if is_folded {
            let weights: Vec<f32> = weights.iter().enumerate().map(|(i, weight)| weight * scale[i / 3]).collect();
            let bias: Vec<f32> = (0..3).map(|c| 0.2 * scale[c] + shift[c]).collect();
            conv(&mut graph, input, [3, 3, 1], &weights, &bias)
        } else {
            let plain = conv(&mut graph, input, [3, 3, 1], &weights, &[0.2; 3]);
            let scale = constant(&mut graph, &[1, 3, 1, 1], &scale);
            let shift = constant(&mut graph, &[1, 3, 1, 1], &shift);
            let scaled = graph.op(math::mul(), &[scale, plain]);
            graph.op(math::add(), &[shift, scaled])
        };
        let active = relu(&mut graph, normed);
        network(graph, active)
    };
    let [folded, apart] = [build(true), build(false)];
    let image: Vec<f32> = (0..48).map(|i| (i * 13 % 29) as f32 / 14.0 - 1.0).collect();
    let input = array(&[1, 3, 4, 4], &image);
    let start = folded.logits(input.view()).unwrap();
    for composite in COMPOSITES {
        let [expected, found] = [&folded, &apart]
            .map(|network| propagate_relevance(network, &propagation(composite), input.view(), &start).unwrap());
        assert_close(&found, &expected.into_raw_vec_and_offset().0, &format!("{composite:?}"));
    }
}

fn explain(method: &str, classifier: &Classifier, pass: &seewhy::network::Pass) -> Result<Attribution, String> {
    let info = find(method).unwrap();
    let request = Request {
        target: Target::Top(0),
        layer: LayerChoice::Auto,
        values: info.parse_values([]).unwrap(),
        seed: 0,
        tolerance: None,
    };
    let subject = Subject::of(classifier, pass);
    info.method.explain(subject, &request, &Monitor::silent()).map_err(|error| error.to_string())
}

/// Of every architecture: SiLU, GELU, gates and layer norms included, softmax not.
#[test]
fn deep_lift_is_complete_wherever_it_has_a_rule() {
    let manifest = Manifest::read();
    for (name, _) in manifest.networks() {
        let (classifier, pass) = miniature_pass(name);
        let found = explain("deep-lift", &classifier, &pass).unwrap_or_else(|error| panic!("{name}: {error}"));
        let exceptions = rescale_exceptions(classifier.network());
        let (gap, difference) = (metric(&found, "completeness gap"), metric(&found, "score difference"));
        println!("{name}: gap {gap:.1e} of {difference:.3}, exceptions {}", exceptions.len());
        assert_eq!(exceptions.is_empty(), !["vit", "swin"].contains(&name.as_str()), "{name}: {exceptions:?}");
        if exceptions.is_empty() {
            assert!(gap.abs() < 2e-3 * difference.abs().max(1.0), "{name}: {gap} of {difference}");
        } else {
            assert!(found.warnings.iter().any(|warning| warning.contains("Softmax")), "{name}: {:?}", found.warnings);
        }
    }
}

/// One of the networks loses nearly all relevance to its biases, and says so; that the others lose some is as usual.
#[test]
fn relevance_is_propagated_or_refused_by_operator_and_node() {
    let manifest = Manifest::read();
    let info = find("lrp").unwrap();
    for (name, _) in manifest.networks() {
        let (classifier, pass) = miniature_pass(name);
        let refused = obstacle(info, classifier.network(), &LayerChoice::Auto);
        match explain("lrp", &classifier, &pass) {
            Ok(found) => {
                let (gap, start) = (metric(&found, "conservation gap"), metric(&found, "relevance at the start"));
                println!("{name}: gap {gap:.2} of {start:.2}: {:?}", found.warnings);
                let is_told = found.warnings.iter().any(|warning| warning.contains("adds up to"));
                assert_eq!(is_told, name == "shufflenet", "{name}: {gap} of {start}");
                assert!(refused.is_none() && found.values.iter().all(|value| value.is_finite()), "{name}: {refused:?}");
            }
            Err(error) => {
                println!("{name}: {error}");
                let refused = refused.unwrap_or_else(|| panic!("{name}: {error}"));
                assert!(error.contains(&refused), "{name}: {error}");
                assert!(["vit", "swin", "convnext"].contains(&name.as_str()), "{name}: {error}");
            }
        }
    }
}
