//! Gradients of whole graphs: which outlets, how they add up, what stops them, how a method overrides them.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use seewhy::autodiff::{self, Adjoint, Error, Rule, RuleResult, Rules, vjp, vjp_with};
use tract_onnx::pb;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{AxesMapping, AxisOp, TypedOp};
use tract_onnx::tract_core::ops::array::{Gather, Pad, PadMode, ScatterNd, ScatterReduction, Slice, TypedConcat};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn::resize::NearestUpsample;
use tract_onnx::tract_core::ops::nn::{Reduce, Reducer};

use crate::support::graphs::{Graph, Level, finite_differences, gradients, numbers, relative_distance, run, values};

/// Random graphs are deep and curved: central differences in f64 lose some digits.
const RANDOM: f64 = 1e-5;

/// `h = x²`, `y = h + sin(h)`, `z = exp(x)`: h has two readers, z does not reach y.
#[test]
fn any_outlets_can_be_wanted() {
    let mut graph = Graph::new(DatumType::F64);
    let x = graph.input(&[2]);
    let h = graph.op(math::square(), &[x]);
    let sine = graph.op(math::sin(), &[h]);
    let y = graph.op(math::add(), &[h, sine]);
    let z = graph.op(math::exp(), &[x]);
    let model = graph.finish(y);
    let gradient = vjp(&model, y, &[y, h, x, z]).unwrap();

    let (point, cotangent) = ([0.5f64, -2.0], [1.0f64, 3.0]);
    let slope = |x: f64| 1.0 + (x * x).cos();
    let expected =
        [cotangent, [slope(0.5), 3.0 * slope(-2.0)], [1.0 * slope(0.5), 3.0 * slope(-2.0) * -4.0], [0.0, 0.0]];
    for level in Level::ALL {
        let outputs = run(&gradient, level, &[tensor1(&point), tensor1(&cotangent)]);
        assert_eq!(outputs.len(), 1 + expected.len(), "the original's output comes first");
        for (found, expected) in outputs[1..].iter().zip(expected) {
            assert!(numbers(found).iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{level:?}: {found:?}");
        }
    }
}

#[test]
fn original_nodes_keep_their_ids_and_names() {
    let mut graph = Graph::new(DatumType::F32);
    let x = graph.input(&[2]);
    let h = graph.op(math::square(), &[x]);
    let y = graph.op(math::exp(), &[h]);
    let model = graph.finish(y);
    let gradient = vjp(&model, y, &[x]).unwrap();
    for node in model.nodes() {
        assert_eq!(gradient.node(node.id).name, node.name);
    }
    let input = gradient.node(gradient.input_outlets().unwrap()[1].node);
    assert_eq!(input.name, autodiff::COTANGENT);
}

/// An ONNX graph `x -> exp -> LRN -> y`, and tract's own LRN has no rule.
fn with_normalisation() -> TypedModel {
    let node = |name: &str, op_type: &str, from: &str, to: &str| pb::NodeProto {
        name: name.into(),
        op_type: op_type.into(),
        input: vec![from.into()],
        output: vec![to.into()],
        ..Default::default()
    };
    let mut normalisation = node("/features/norm1/LRN", "LRN", "a", "y");
    let size = pb::attribute_proto::AttributeType::Int.into();
    normalisation.attribute =
        vec![pb::AttributeProto { name: "size".into(), r#type: size, i: 3, ..Default::default() }];
    let tensor = pb::type_proto::Tensor { elem_type: pb::tensor_proto::DataType::Float.into(), shape: None };
    let float = pb::TypeProto { value: Some(pb::type_proto::Value::TensorType(tensor)), ..Default::default() };
    let value =
        |name: &str| pb::ValueInfoProto { name: name.into(), r#type: Some(float.clone()), ..Default::default() };
    let graph = pb::GraphProto {
        node: vec![node("/features/conv1/Exp", "Exp", "x", "a"), normalisation],
        input: vec![value("x")],
        output: vec![value("y")],
        ..Default::default()
    };
    let opset = pb::OperatorSetIdProto { version: 17, ..Default::default() };
    let proto = pb::ModelProto { ir_version: 8, graph: Some(graph), opset_import: vec![opset], ..Default::default() };
    let model = tract_onnx::onnx().model_for_proto_model(&proto).unwrap();
    model.with_input_fact(0, f32::fact([1, 4, 2, 2]).into()).unwrap().into_typed().unwrap()
}

#[test]
fn an_operator_without_a_rule_is_named_with_its_node() {
    let model = with_normalisation();
    let (input, output) = (model.input_outlets().unwrap()[0], model.output_outlets().unwrap()[0]);
    let error = vjp(&model, output, &[input]).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"no gradient through Lrn at node "/features/norm1/LRN": no rule for this operator"#
    );
    assert!(matches!(error, Error::Unsupported(_)));

    let found = autodiff::unsupported(&model, output, &[input]).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((&*found[0].operator, &*found[0].node), ("Lrn", "/features/norm1/LRN"));
    assert_eq!(autodiff::unsupported(&model, output, &[output]).unwrap(), [], "nothing lies in between");
}

#[test]
fn every_obstacle_is_listed_and_a_refused_use_says_why() {
    let mut graph = Graph::new(DatumType::F32);
    let x = graph.input(&[3, 3]);
    let enlarged = graph.op(NearestUpsample { scales: tvec![1, 1] }, &[x]);
    let rows = graph.add_const(tensor2(&[[0i64], [2]]));
    let factors = graph.constant(&[2, 3], (-1.0, 1.0));
    let product = graph.op(ScatterNd::new(ScatterReduction::Mul), &[x, rows, factors]);
    let y = graph.op(math::add(), &[enlarged, product]);
    let model = graph.finish(y);
    let found = autodiff::unsupported(&model, y, &[x]).unwrap();
    let mut reasons: Vec<&str> = found.iter().map(|it| &*it.reason).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["no rule for this operator", "writing by mul has no rule"]);
}

/// Two equal nodes in the network give equal nodes in the backward pass, and tract 0.23.9 cannot merge those safely.
#[test]
fn a_network_may_compute_the_same_twice() {
    let mut graph = Graph::new(DatumType::F64);
    let x = graph.input(&[2, 3]);
    let largest = [(); 2].map(|()| graph.op(Reduce { axes: tvec![1], reducer: Reducer::Max }, &[x]));
    let curved = graph.op(math::exp(), &[largest[0]]);
    let y = graph.op(math::mul(), &[curved, largest[1]]);
    let model = graph.finish(y);
    let point = tensor2(&[[1.0, 2.0, 0.5], [0.0, -1.0, -2.0]]);
    let at_two = 3.0 * 2f64.exp();
    for (level, found) in gradients(&model, &[point], &tensor2(&[[1.0], [1.0]])) {
        assert!(relative_distance(&found[0], &[0.0, at_two, 0.0, 1.0, 0.0, 0.0]) < 1e-12, "{level:?}: {found:?}");
    }
}

/// Guided backpropagation: of the gradient that arrives at a rectifier, only the positive part is passed on.
struct GuidedRelu;

impl Rule for GuidedRelu {
    fn operator(&self) -> &'static str {
        "Max"
    }

    fn apply(&self, op: &dyn TypedOp, node: &mut Adjoint<'_>) -> Option<RuleResult> {
        op.downcast_ref::<TypedBinOp>()?.0.downcast_ref::<math::Max>()?;
        let bound = node.constant_value(node.input(1)).ok()??;
        let clip = || {
            let zero = node.constant("zero", bound)?;
            let gradient = node.output_gradient()?;
            let positive = node.wire("positive", math::max(), &[gradient, zero])?;
            node.set_gradient(0, positive);
            Ok(())
        };
        clip().err().map(Err)
    }
}

#[test]
fn a_method_overrides_rules_and_leaves_the_rest() {
    let mut graph = Graph::new(DatumType::F32);
    let x = graph.input(&[4]);
    let zero = graph.number(0.0, 1);
    let rectified = graph.op(math::max(), &[x, zero]);
    let weights = graph.add_const(tensor1(&[2f32, -3.0, 5.0, -7.0]));
    let y = graph.op(math::mul(), &[rectified, weights]);
    let model = graph.finish(y);
    let inputs = [tensor1(&[1f32, 1.0, -1.0, -1.0]), tensor1(&[1f32; 4])];
    let true_gradient = vjp(&model, y, &[x]).unwrap();
    let guided = vjp_with(Rules { overrides: &[&GuidedRelu] }, &model, y, &[x]).unwrap();
    for level in Level::ALL {
        assert_eq!(numbers(&run(&true_gradient, level, &inputs)[1]), [2.0, -3.0, 0.0, 0.0]);
        assert_eq!(numbers(&run(&guided, level, &inputs)[1]), [2.0, 0.0, 0.0, 0.0]);
    }
}

const SHAPE: [usize; 3] = [2, 3, 4];

type Step = fn(&mut Graph, OutletId, OutletId) -> OutletId;

/// Each takes two tensors of [`SHAPE`] to another, and keeps values within bounds.
const STEPS: &[Step] = &[
    |g, a, _| g.op(math::tanh(), &[a]),
    |g, a, b| g.op(math::add(), &[a, b]),
    |g, a, b| g.op(math::sub(), &[a, b]),
    |g, a, b| g.op(math::max(), &[a, b]),
    |g, a, b| {
        let product = g.op(math::mul(), &[a, b]);
        g.op(math::sin(), &[product])
    },
    |g, a, b| {
        let square = g.op(math::square(), &[b]);
        let two = g.number(2.0, 3);
        let positive = g.op(math::add(), &[square, two]);
        g.op(math::div(), &[a, positive])
    },
    // A layer norm without its parameters.
    |g, a, _| {
        let quarter = g.number(0.25, 3);
        let mean = |g: &mut Graph, wire| {
            let sum = g.op(Reduce { axes: tvec![2], reducer: Reducer::Sum }, &[wire]);
            g.op(math::mul(), &[sum, quarter])
        };
        let average = mean(g, a);
        let centred = g.op(math::sub(), &[a, average]);
        let square = g.op(math::square(), &[centred]);
        let variance = mean(g, square);
        let one = g.number(1.0, 3);
        let shifted = g.op(math::add(), &[variance, one]);
        let factor = g.op(math::rsqrt(), &[shifted]);
        g.op(math::mul(), &[centred, factor])
    },
    // Attention without its softmax.
    |g, a, b| {
        let scores = einsum(g, &[a, b], &["bmk", "bnk"], "bmn");
        let scores = g.op(math::tanh(), &[scores]);
        einsum(g, &[scores, b], &["bmn", "bnk"], "bmk")
    },
    |g, a, _| {
        let weights = g.constant(&[4, 4], (-0.5, 0.5));
        einsum(g, &[a, weights], &["bmk", "nk"], "bmn")
    },
    // Squeeze and excite.
    |g, a, b| {
        let squeezed = g.op(Reduce { axes: tvec![0, 2], reducer: Reducer::Max }, &[b]);
        let gate = g.op(math::tanh(), &[squeezed]);
        g.op(math::mul(), &[a, gate])
    },
    |g, a, b| {
        let both = g.op(TypedConcat { axis: 1 }, &[a, b]);
        g.op(Slice::new(1, 2, 5), &[both])
    },
    |g, a, _| {
        let padded = g.op(Pad { pads: vec![(0, 0), (2, 0), (0, 0)], mode: PadMode::Reflect }, &[a]);
        g.op(Slice::new(1, 1, 4), &[padded])
    },
    |g, a, _| {
        let order = g.add_const(tensor1(&[2i64, 0, 2, 1]));
        g.op(Gather::new(2), &[a, order])
    },
    // Channel shuffle.
    |g, a, _| {
        let split = g.op(AxisOp::Reshape(2, tvec![4.into()], tvec![2.into(), 2.into()]), &[a]);
        let swapped = g.op(AxisOp::Move(2, 3), &[split]);
        g.op(AxisOp::Reshape(2, tvec![2.into(), 2.into()], tvec![4.into()]), &[swapped])
    },
    |g, a, b| {
        let there = g.op(AxisOp::Move(0, 2), &[a]);
        let curved = g.op(math::atan(), &[there]);
        let back = g.op(AxisOp::Move(2, 0), &[curved]);
        g.op(math::sub(), &[back, b])
    },
];

fn einsum(g: &mut Graph, inputs: &[OutletId], letters: &[&str], result: &str) -> OutletId {
    g.op(EinSum::new(AxesMapping::from_strs(letters, &[result]).unwrap(), DatumType::F64), inputs)
}

proptest! {
    // The same graphs each time; 1500 others have been tried.
    #![proptest_config(ProptestConfig {
        cases: 48,
        rng_seed: RngSeed::Fixed(2026),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Each step reads any two of the tensors before it.
    #[test]
    fn random_graphs_agree_with_finite_differences(
        steps in prop::collection::vec((0..STEPS.len(), any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..9),
        seed in 0u64..1000,
    ) {
        let mut graph = Graph::new(DatumType::F64);
        let mut wires = vec![graph.input(&SHAPE), graph.input(&SHAPE)];
        for (step, a, b) in steps {
            let wire = STEPS[step](&mut graph, wires[a.index(wires.len())], wires[b.index(wires.len())]);
            wires.push(wire);
        }
        let model = graph.finish(wires[wires.len() - 1]);
        let point = [values(&SHAPE, (-1.5, 1.5), seed), values(&SHAPE, (-1.5, 1.5), seed + 1)];
        let cotangent = values(&SHAPE, (-1.0, 1.0), seed + 2);
        let expected = finite_differences(&model, &point, &cotangent, 1e-6).concat();
        let scale = expected.iter().fold(1.0, |largest: f64, element| largest.max(element.abs()));
        for (level, found) in gradients(&model, &point, &cotangent) {
            for (found, expected) in found.concat().iter().zip(&expected) {
                prop_assert!((found - expected).abs() < RANDOM * scale, "{level:?}: {found}, not {expected}\n{model}");
            }
        }
    }
}
