//! Every gradient rule against finite differences. Convolution and pooling are in `gradients_conv`, and where there is no
//! finite difference, `gradients_kinks`.

use seewhy::autodiff::{self, Activation};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{AxesMapping, AxisOp, IntoArcTensor, ShapeFact};
use tract_onnx::tract_core::ops::Downsample;
use tract_onnx::tract_core::ops::array::{
    CumSum, FiniteReshape, Gather, GatherElements, GatherNd, MultiBroadcastTo, OneHot, Pad, PadMode, ScatterElements,
    ScatterNd, ScatterReduction, Slice, StridedSlice, Tile, Topk, Trilu, TypedConcat,
};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::fft::Fft;
use tract_onnx::tract_core::ops::identity::Identity;
use tract_onnx::tract_core::ops::logic::{Iff, comp_gt};
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn::{self, Reduce, Reducer, RmsNorm, Softmax, SoftmaxKind};

use crate::support::graphs::{Graph, finite_differences, gradients, values};

/// Double precision: central differences with steps of 1e-6 are good to about 1e-9.
const DOUBLE: Precision = Precision { dt: DatumType::F64, step: 1e-6, tolerance: 1e-7 };
/// Single precision, for what tract computes in nothing better: steps must be large, and are good to about 1e-4.
const SINGLE: Precision = Precision { dt: DatumType::F32, step: 1e-2, tolerance: 1e-3 };

#[derive(Clone, Copy)]
struct Precision {
    dt: DatumType,
    step: f64,
    tolerance: f64,
}

type Wire = fn(&mut Graph, &[OutletId]) -> OutletId;

/// A graph of one operator, mostly, from `inputs` of these shapes with values in `range`.
struct Case {
    rule: &'static str,
    what: &'static str,
    precision: Precision,
    inputs: &'static [&'static [usize]],
    range: (f64, f64),
    wire: Wire,
}

fn case(rule: &'static str, what: &'static str, inputs: &'static [&'static [usize]], wire: Wire) -> Case {
    Case { rule, what, precision: DOUBLE, inputs, range: (-2.0, 2.0), wire }
}

impl Case {
    fn within(self, low: f64, high: f64) -> Case {
        Case { range: (low, high), ..self }
    }

    fn single(self) -> Case {
        Case { precision: SINGLE, ..self }
    }

    fn check(&self) {
        let Precision { dt, step, tolerance } = self.precision;
        let mut graph = Graph::new(dt);
        let inputs: Vec<OutletId> = self.inputs.iter().map(|shape| graph.input(shape)).collect();
        let output = (self.wire)(&mut graph, &inputs);
        let model = graph.finish(output);

        let typed = |tensor: Tensor| tensor.cast_to_dt(dt).unwrap().into_owned();
        let point = (1..).zip(self.inputs).map(|(seed, shape)| typed(values(shape, self.range, seed)));
        let point: Vec<Tensor> = point.collect();
        let fact = model.output_fact(0).unwrap();
        let shape = fact.shape.as_concrete().unwrap().to_vec();
        let cotangent = values(&shape, (-1.0, 1.0), 7).cast_to_dt(fact.datum_type).unwrap().into_owned();

        let expected = finite_differences(&model, &point, &cotangent, step);
        for (level, found) in gradients(&model, &point, &cotangent) {
            for (slot, (found, expected)) in found.iter().zip(&expected).enumerate() {
                for (element, (found, expected)) in found.iter().zip(expected).enumerate() {
                    let (rule, what) = (self.rule, self.what);
                    assert!(
                        (found - expected).abs() <= tolerance * expected.abs().max(1.0),
                        "{rule}, {what}, {level:?}: element {element} of input {slot} is {found}, not {expected}"
                    );
                }
            }
        }
    }
}

fn einsum(graph: &mut Graph, inputs: &[OutletId], letters: &[&str], result: &str) -> OutletId {
    let dt = graph.model.outlet_fact(inputs[0]).unwrap().datum_type;
    graph.op(EinSum::new(AxesMapping::from_strs(letters, &[result]).unwrap(), dt), inputs)
}

fn reduce(graph: &mut Graph, input: OutletId, reducer: Reducer, axes: &[usize]) -> OutletId {
    graph.op(Reduce { axes: axes.into(), reducer }, &[input])
}

fn softmax(graph: &mut Graph, input: OutletId, axes: &[usize], kind: SoftmaxKind) -> OutletId {
    graph.op(Softmax { axes: axes.into(), kind, quant_output_dt: None }, &[input])
}

fn slice(graph: &mut Graph, input: OutletId, axis: usize, start: usize, end: usize) -> OutletId {
    graph.op(Slice::new(axis, start, end), &[input])
}

/// numpy's `input[.., begin:end:step, ..]`; `shrink` names the axes (by bits) that are dropped.
fn strided(
    graph: &mut Graph,
    input: OutletId,
    begin: &[i64],
    end: &[i64],
    axes: &[i64],
    steps: &[i64],
    shrink: i64,
) -> OutletId {
    let parameters = [begin, end, axes, steps].map(|list| graph.add_const(tensor1(list)));
    let op = StridedSlice {
        optional_axes_input: Some(3),
        optional_steps_input: Some(4),
        begin_mask: 0,
        end_mask: 0,
        shrink_axis_mask: shrink,
    };
    graph.op(op, &[&[input], &parameters[..]].concat())
}

fn pad(graph: &mut Graph, input: OutletId, pads: &[(usize, usize)], mode: PadMode) -> OutletId {
    graph.op(Pad { pads: pads.to_vec(), mode }, &[input])
}

fn cum_sum(graph: &mut Graph, input: OutletId, exclusive: bool, reverse: bool) -> OutletId {
    graph.op(CumSum { axis: 1, exclusive, reverse }, &[input])
}

/// The three first values along an axis.
fn top_k(graph: &mut Graph, input: OutletId, axis: usize, largest: bool) -> OutletId {
    let three = graph.add_const(tensor0(3i64));
    graph.op(Topk { axis, largest, fallback_k: 3.to_dim() }, &[input, three])
}

fn trilu(graph: &mut Graph, input: OutletId, upper: bool, diagonal: i64) -> OutletId {
    let diagonal = graph.add_const(tensor0(diagonal));
    graph.op(Trilu { upper }, &[input, diagonal])
}

fn scatter_elements(graph: &mut Graph, inputs: &[OutletId], reduction: ScatterReduction) -> OutletId {
    let indices = graph.add_const(tensor2(&[[3i64, 0], [1, 2]]));
    graph.op(ScatterElements { axis: 1, reduction }, &[inputs[0], indices, inputs[1]])
}

fn dims(shape: &[usize]) -> TVec<TDim> {
    shape.iter().map(ToDim::to_dim).collect()
}

const ROW: &[&[usize]] = &[&[2, 5]];
const IMAGE: &[&[usize]] = &[&[1, 3, 4, 5]];

fn products_and_arithmetic() -> Vec<Case> {
    vec![
        case("EinSum", "matrix product", &[&[3, 4], &[4, 2]], |g, x| einsum(g, x, &["mk", "kn"], "mn")),
        case("EinSum", "attention: batch, heads", &[&[2, 3, 4, 5], &[2, 3, 6, 5]], |g, x| {
            einsum(g, x, &["bhmk", "bhnk"], "bhmn")
        }),
        case("EinSum", "then summed over axes of one side only", &[&[1, 3, 4, 5]], |g, x| {
            let filters = g.constant(&[2, 3], (-1.0, 1.0));
            let product = einsum(g, &[x[0], filters], &["nchw", "oc"], "nohw");
            g.op(Reduce { axes: tvec![2, 3], reducer: Reducer::Sum }, &[product])
        }),
        case("EinSum", "batch only on one side", &[&[2, 3, 4], &[4, 5]], |g, x| einsum(g, x, &["bmk", "kn"], "bmn")),
        case("EinSum", "an input repeats along an axis", &[&[1, 3, 4], &[2, 4, 5]], |g, x| {
            einsum(g, x, &["bmk", "bkn"], "bmn")
        }),
        case("EinSum", "transposed result", &[&[3, 4], &[4, 2]], |g, x| einsum(g, x, &["mk", "kn"], "nm")),
        case("EinSum", "an axis that only one input has is summed", &[&[3, 4, 2], &[4, 5]], |g, x| {
            einsum(g, x, &["mks", "kn"], "mn")
        }),
        case("EinSum", "one input", &[&[2, 3, 4]], |g, x| einsum(g, x, &["abc"], "cb")),
        case("EinSum", "three inputs", &[&[2, 3], &[3, 4], &[4]], |g, x| einsum(g, x, &["ab", "bc", "c"], "ac")),
        case("EinSum", "outer product", &[&[3], &[4]], |g, x| einsum(g, x, &["a", "b"], "ab")),
        case("EinSum", "constant weights", &[&[1, 6]], |g, x| {
            let weights = g.constant(&[4, 6], (-1.0, 1.0));
            einsum(g, &[x[0], weights], &["mk", "nk"], "mn")
        }),
        case("EinSum", "a tensor with itself", &[&[3, 4]], |g, x| einsum(g, &[x[0], x[0]], &["mk", "nk"], "mn")),
        case("EinSum", "constant weights, single precision", &[&[1, 6]], |g, x| {
            let weights = g.constant(&[4, 6], (-1.0, 1.0));
            einsum(g, &[x[0], weights], &["mk", "nk"], "mn")
        })
        .single(),
        case("Add", "same shape", &[&[2, 3], &[2, 3]], |g, x| g.op(math::add(), x)),
        case("Add", "leading and inner axes repeated", &[&[1, 3, 1], &[2, 1, 4]], |g, x| g.op(math::add(), x)),
        case("Sub", "right repeated", &[&[2, 3, 4], &[1, 3, 1]], |g, x| g.op(math::sub(), x)),
        case("Sub", "left repeated", &[&[1, 1], &[2, 3]], |g, x| g.op(math::sub(), x)),
        case("Mul", "squeeze and excite", &[&[1, 3, 4, 5], &[1, 3, 1, 1]], |g, x| g.op(math::mul(), x)),
        case("Mul", "a tensor with itself", ROW, |g, x| g.op(math::mul(), &[x[0], x[0]])),
        case("Div", "right repeated", &[&[2, 3], &[1, 3]], |g, x| g.op(math::div(), x)).within(0.5, 2.0),
        case("Div", "by a constant", ROW, |g, x| {
            let three = g.number(3.0, 2);
            g.op(math::div(), &[x[0], three])
        }),
        case("Div", "a constant by a tensor", ROW, |g, x| {
            let three = g.number(3.0, 2);
            g.op(math::div(), &[three, x[0]])
        })
        .within(0.5, 2.0),
        case("Pow", "both operands", &[&[2, 3], &[1, 3]], |g, x| g.op(math::pow(), x)).within(0.5, 2.0),
        case("Pow", "cube", ROW, |g, x| {
            let three = g.number(3.0, 2);
            g.op(math::pow(), &[x[0], three])
        }),
        case("Pow", "square", ROW, |g, x| {
            let two = g.number(2.0, 2);
            g.op(math::pow(), &[x[0], two])
        }),
        case("Pow", "square root, single precision", ROW, |g, x| {
            let half = g.number(0.5, 2);
            g.op(math::pow(), &[x[0], half])
        })
        .single()
        .within(0.5, 2.0),
        case("Max", "two tensors, one repeated", &[&[2, 5], &[1, 5]], |g, x| g.op(math::max(), x)),
        case("Max", "a constant of one number (ReLU)", ROW, |g, x| {
            let zero = g.number(0.0, 2);
            g.op(math::max(), &[x[0], zero])
        }),
        case("Max", "a constant for each column, on the left", ROW, |g, x| {
            let bounds = g.constant(&[1, 5], (-1.0, 1.0));
            g.op(math::max(), &[bounds, x[0]])
        }),
        case("Rem", "both operands", &[&[2, 5], &[1, 5]], |g, x| g.op(math::rem(), x)).within(0.5, 3.0),
        case("Min", "two tensors", &[&[2, 5], &[2, 5]], |g, x| g.op(math::min(), x)),
        case("Min", "ReLU6", &[&[2, 9]], |g, x| {
            let (zero, six) = (g.number(0.0, 2), g.number(6.0, 2));
            let rectified = g.op(math::max(), &[x[0], zero]);
            g.op(math::min(), &[rectified, six])
        })
        .within(-10.0, 10.0),
    ]
}

fn functions() -> Vec<Case> {
    vec![
        case("Abs", "both signs", ROW, |g, x| g.op(math::abs(), x)),
        case("Acos", "inside", ROW, |g, x| g.op(math::acos(), x)).within(-0.9, 0.9),
        case("Acosh", "over 1", ROW, |g, x| g.op(math::acosh(), x)).within(1.5, 3.0),
        case("Asin", "inside", ROW, |g, x| g.op(math::asin(), x)).within(-0.9, 0.9),
        case("Asinh", "anywhere", ROW, |g, x| g.op(math::asinh(), x)),
        case("Atanh", "inside", ROW, |g, x| g.op(math::atanh(), x)).within(-0.9, 0.9),
        case("Atan", "anywhere", ROW, |g, x| g.op(math::atan(), x)),
        case("Cos", "anywhere", ROW, |g, x| g.op(math::cos(), x)),
        case("Cosh", "anywhere", ROW, |g, x| g.op(math::cosh(), x)),
        case("Exp", "anywhere", ROW, |g, x| g.op(math::exp(), x)),
        case("Ln", "positive", ROW, |g, x| g.op(math::ln(), x)).within(0.5, 3.0),
        case("Neg", "anywhere", ROW, |g, x| g.op(math::neg(), x)),
        case("PowConst", "1.5", ROW, |g, x| g.op(math::pow_const(1.5), x)).within(0.5, 2.0).single(),
        case("Recip", "positive", ROW, |g, x| g.op(math::recip(), x)).within(0.5, 2.0),
        case("Rsqrt", "positive", ROW, |g, x| g.op(math::rsqrt(), x)).within(0.5, 2.0),
        case("Sin", "anywhere", ROW, |g, x| g.op(math::sin(), x)),
        case("Sinh", "anywhere", ROW, |g, x| g.op(math::sinh(), x)),
        case("Sqrt", "positive", ROW, |g, x| g.op(math::sqrt(), x)).within(0.5, 2.0),
        case("Square", "anywhere", ROW, |g, x| g.op(math::square(), x)),
        case("Tan", "between poles", ROW, |g, x| g.op(math::tan(), x)).within(-1.0, 1.0),
        case("Tanh", "anywhere", ROW, |g, x| g.op(math::tanh(), x)),
        case("Activation", "CELU", &[&[2, 9]], |g, x| g.op(Activation::Celu(0.4).operator(), x)),
        case("Activation", "ELU", &[&[2, 9]], |g, x| g.op(Activation::Elu(0.4).operator(), x)),
        case("Activation", "SELU", &[&[2, 9]], |g, x| g.op(Activation::Selu(1.7, 1.05).operator(), x)),
        case("Activation", "softplus", &[&[2, 9]], |g, x| g.op(Activation::Softplus.operator(), x)),
        case("Activation", "Mish", &[&[2, 9]], |g, x| g.op(Activation::Mish.operator(), x)),
        case("Erf", "anywhere", ROW, |g, x| g.op(math::erf(), x)).single(),
        case("GeluExact", "anywhere", ROW, |g, x| g.op(nn::gelu_exact::gelu_exact(), x)).single(),
        case("GeluApproximate", "cubic", ROW, |g, x| g.op(nn::gelu_approximate::gelu_approximate(false), x)).single(),
        case("GeluApproximate", "fast", ROW, |g, x| g.op(nn::gelu_approximate::gelu_approximate(true), x)).single(),
        case("HardSwish", "all three pieces", &[&[2, 9]], |g, x| g.op(nn::hard_swish(), x)).within(-5.0, 5.0).single(),
        case("LeakyRelu", "both signs", ROW, |g, x| g.op(nn::leaky_relu(0.1), x)).single(),
        case("Sigmoid", "anywhere", ROW, |g, x| g.op(nn::sigmoid(), x)).single(),
        case("Sigmoid", "times its input (SiLU as exporters write it)", ROW, |g, x| {
            let sigmoid = g.op(nn::sigmoid(), x);
            g.op(math::mul(), &[x[0], sigmoid])
        })
        .single(),
        case("Silu", "anywhere", ROW, |g, x| g.op(nn::silu::silu(), x)).single(),
        case("Ceil", "between jumps", ROW, |g, x| g.op(math::ceil(), x)),
        case("Floor", "between jumps", ROW, |g, x| g.op(math::floor(), x)),
        case("Round", "between jumps", ROW, |g, x| g.op(math::round(), x)),
        case("RoundHalfToEven", "between jumps", ROW, |g, x| g.op(math::round_half_to_even(), x)).single(),
        case("Sign", "away from zero", ROW, |g, x| g.op(math::sign(), x)),
    ]
}

fn along_axes() -> Vec<Case> {
    vec![
        case("Reduce", "sum of all", IMAGE, |g, x| reduce(g, x[0], Reducer::Sum, &[1, 2, 3])),
        case("Reduce", "sum over the image", IMAGE, |g, x| reduce(g, x[0], Reducer::Sum, &[2, 3])),
        case("Reduce", "maximum over the image", IMAGE, |g, x| reduce(g, x[0], Reducer::Max, &[2, 3])),
        case("Reduce", "minimum over channels", IMAGE, |g, x| reduce(g, x[0], Reducer::Min, &[1])),
        case("Reduce", "mean of squares", ROW, |g, x| reduce(g, x[0], Reducer::MeanOfSquares, &[1])).single(),
        case("Reduce", "product", &[&[2, 4, 3]], |g, x| reduce(g, x[0], Reducer::Prod, &[1])),
        case("Reduce", "product along two axes", &[&[2, 4, 3]], |g, x| reduce(g, x[0], Reducer::Prod, &[0, 2])),
        case("RmsNorm", "last axis", &[&[2, 3, 4]], |g, x| g.op(RmsNorm { axis: 2, eps: tensor0(1e-2f32).into() }, x))
            .single(),
        case("RmsNorm", "inner axis", &[&[2, 3, 4]], |g, x| g.op(RmsNorm { axis: 1, eps: tensor0(1e-2f32).into() }, x))
            .single(),
        case("RmsNorm", "written out, then recognised by tract", &[&[2, 6]], |g, x| {
            let square = reduce(g, x[0], Reducer::MeanOfSquares, &[1]);
            let eps = g.number(1e-2, 2);
            let shifted = g.op(math::add(), &[square, eps]);
            let factor = g.op(math::rsqrt(), &[shifted]);
            g.op(math::mul(), &[x[0], factor])
        })
        .single(),
        case("Softmax", "last axis", ROW, |g, x| softmax(g, x[0], &[1], SoftmaxKind::Softmax)).single(),
        case("Softmax", "inner axis", &[&[2, 3, 4]], |g, x| softmax(g, x[0], &[1], SoftmaxKind::Softmax)).single(),
        case("Softmax", "logarithm", ROW, |g, x| softmax(g, x[0], &[1], SoftmaxKind::LogSoftmax)).single(),
        case("CumSum", "forward", &[&[2, 4, 3]], |g, x| cum_sum(g, x[0], false, false)),
        case("CumSum", "exclusive", &[&[2, 4, 3]], |g, x| cum_sum(g, x[0], true, false)),
        case("CumSum", "backward", &[&[2, 4, 3]], |g, x| cum_sum(g, x[0], false, true)),
        case("CumSum", "exclusive, backward", &[&[2, 4, 3]], |g, x| cum_sum(g, x[0], true, true)),
        case("Fft", "there", &[&[2, 6, 2]], |g, x| g.op(Fft { axis: 1, inverse: false }, x)),
        case("Fft", "and back, of a length that is no power of two", &[&[5, 2]], |g, x| {
            let there = g.op(Fft { axis: 0, inverse: false }, x);
            let power = g.op(math::square(), &[there]);
            g.op(Fft { axis: 0, inverse: true }, &[power])
        }),
    ]
}

fn shapes() -> Vec<Case> {
    // Squared, so that tract cannot cancel the two ways.
    fn squared(g: &mut Graph, wire: OutletId) -> OutletId {
        g.op(math::square(), &[wire])
    }
    vec![
        case("AxisOp", "add", ROW, |g, x| {
            let wire = g.op(AxisOp::Add(1), x);
            squared(g, wire)
        }),
        case("AxisOp", "remove", IMAGE, |g, x| {
            let wire = g.op(AxisOp::Rm(0), x);
            squared(g, wire)
        }),
        case("AxisOp", "move forward", IMAGE, |g, x| {
            let wire = g.op(AxisOp::Move(1, 3), x);
            squared(g, wire)
        }),
        case("AxisOp", "move back", IMAGE, |g, x| {
            let wire = g.op(AxisOp::Move(3, 1), x);
            squared(g, wire)
        }),
        case("AxisOp", "swap neighbours", IMAGE, |g, x| {
            let wire = g.op(AxisOp::Move(3, 2), x);
            squared(g, wire)
        }),
        case("AxisOp", "channel shuffle", &[&[1, 6, 2, 3]], |g, x| {
            let groups = g.op(AxisOp::Reshape(1, dims(&[6]), dims(&[2, 3])), x);
            let swapped = g.op(AxisOp::Move(1, 2), &[groups]);
            let wire = g.op(AxisOp::Reshape(1, dims(&[3, 2]), dims(&[6])), &[swapped]);
            squared(g, wire)
        }),
        case("FiniteReshape", "flatten", IMAGE, |g, x| {
            let wire = g.op(FiniteReshape { shape: tvec![3, 20] }, x);
            squared(g, wire)
        }),
        case("MultiBroadcastTo", "inner and new leading axes", &[&[3, 1]], |g, x| {
            g.op(MultiBroadcastTo { shape: ShapeFact::from_dims([2usize, 3, 4]) }, x)
        }),
        case("Tile", "two axes", ROW, |g, x| g.op(Tile { multipliers: dims(&[3, 2]) }, x)),
    ]
}

fn parts() -> Vec<Case> {
    vec![
        case("TypedConcat", "three parts", &[&[2, 3], &[2, 1], &[2, 4]], |g, x| g.op(TypedConcat { axis: 1 }, x)),
        case("TypedConcat", "dense block: the input is used again", &[&[1, 2, 3]], |g, x| {
            let new = g.op(math::square(), x);
            let wire = g.op(TypedConcat { axis: 1 }, &[x[0], new]);
            g.op(math::square(), &[wire])
        }),
        case("Slice", "the middle", &[&[2, 6]], |g, x| slice(g, x[0], 1, 2, 5)),
        case("Slice", "two halves multiplied", &[&[2, 6]], |g, x| {
            let halves = [slice(g, x[0], 1, 0, 3), slice(g, x[0], 1, 3, 6)];
            g.op(math::mul(), &halves)
        }),
        case("StridedSlice", "every second from the first", &[&[3, 7]], |g, x| {
            strided(g, x[0], &[1], &[7], &[1], &[2], 0)
        }),
        case("StridedSlice", "from the end, two axes", &[&[3, 7]], |g, x| {
            strided(g, x[0], &[-4, 1], &[i64::MAX, 3], &[-1, 0], &[1, 1], 0)
        }),
        case("StridedSlice", "backwards", &[&[3, 7]], |g, x| strided(g, x[0], &[-1], &[-100], &[1], &[-2], 0)),
        case("StridedSlice", "one row, its axis dropped", &[&[3, 7]], |g, x| {
            strided(g, x[0], &[1], &[2], &[0], &[1], 1)
        }),
        case("Downsample", "every third from the second", &[&[2, 8]], |g, x| g.op(Downsample::new(1, 3, 1), x)),
        case("Downsample", "backwards", &[&[2, 8]], |g, x| g.op(Downsample::new(1, -3, 0), x)),
        case("Trilu", "lower", &[&[2, 3, 4]], |g, x| trilu(g, x[0], false, 0)),
        case("Trilu", "upper, above the diagonal", &[&[3, 4]], |g, x| trilu(g, x[0], true, 1)),
        case("Pad", "a constant", &[&[2, 3]], |g, x| {
            pad(g, x[0], &[(1, 0), (2, 1)], PadMode::Constant(tensor0(5f32).into()))
        }),
        case("Pad", "mirrored, both axes", &[&[3, 4]], |g, x| pad(g, x[0], &[(2, 1), (3, 2)], PadMode::Reflect)),
        case("Pad", "the edge repeated", &[&[3, 4]], |g, x| pad(g, x[0], &[(2, 1), (0, 2)], PadMode::Edge)),
    ]
}

fn indices() -> Vec<Case> {
    vec![
        case("Gather", "one index", &[&[2, 4, 3]], |g, x| {
            let index = g.add_const(tensor0(-1i64));
            g.op(Gather::new(1), &[x[0], index])
        }),
        case("Gather", "a list with repetitions", &[&[2, 4]], |g, x| {
            let indices = g.add_const(tensor1(&[3i64, 0, 3, -2]));
            g.op(Gather::new(1), &[x[0], indices])
        }),
        case("Gather", "a table of indices, computed from a constant", &[&[4, 3]], |g, x| {
            let indices: Vec<i64> = (0..20).map(|i| i * 7 % 4).collect();
            let indices = g.add_const(tensor1(&indices));
            let table = g.op(AxisOp::Reshape(0, dims(&[20]), dims(&[4, 5])), &[indices]);
            g.op(Gather::new(0), &[x[0], table])
        }),
        case("Gather", "an index that depends on the input", &[&[2, 4]], |g, x| {
            let largest = reduce(g, x[0], Reducer::ArgMax(false), &[1]);
            g.op(Gather::new(1), &[x[0], largest])
        }),
        case("Gather", "one such index without axes", &[&[4, 3]], |g, x| {
            let first = slice(g, x[0], 1, 0, 1);
            let largest = reduce(g, first, Reducer::ArgMax(false), &[0]);
            let largest = g.op(AxisOp::Rm(1), &[largest]);
            let largest = g.op(AxisOp::Rm(0), &[largest]);
            g.op(Gather::new(0), &[x[0], largest])
        }),
        case("GatherElements", "along an inner axis, repeated", &[&[2, 4, 2]], |g, x| {
            let indices = Tensor::from_shape(&[2, 3, 2], &[0i64, 3, -1, 3, 0, 1, 2, 2, 2, 0, 1, 1]).unwrap();
            let indices = g.add_const(indices);
            g.op(GatherElements::new(1), &[x[0], indices])
        }),
        case("GatherElements", "fewer rows than there are", &[&[3, 4]], |g, x| {
            let indices = g.add_const(tensor2(&[[1i64, 1, 0]]));
            g.op(GatherElements::new(1), &[x[0], indices])
        }),
        case("GatherNd", "single elements", &[&[3, 4]], |g, x| {
            let indices = g.add_const(tensor2(&[[0i64, 1], [2, 3], [0, 1]]));
            g.op(GatherNd::new(0), &[x[0], indices])
        }),
        case("GatherNd", "rows, repeated", &[&[3, 4, 2]], |g, x| {
            let indices = g.add_const(tensor2(&[[2i64], [0], [2]]));
            g.op(GatherNd::new(0), &[x[0], indices])
        }),
        case("GatherNd", "an axis in common", &[&[2, 3, 4]], |g, x| {
            let indices = Tensor::from_shape(&[2, 2, 1], &[2i64, 0, 1, 1]).unwrap();
            let indices = g.add_const(indices);
            g.op(GatherNd::new(1), &[x[0], indices])
        }),
        case("ScatterElements", "replacing", &[&[3, 4], &[2, 2]], |g, x| {
            scatter_elements(g, x, ScatterReduction::None)
        }),
        case("ScatterElements", "adding", &[&[3, 4], &[2, 2]], |g, x| scatter_elements(g, x, ScatterReduction::Add)),
        case("ScatterNd", "replacing rows", &[&[3, 4], &[2, 4]], |g, x| {
            let indices = g.add_const(tensor2(&[[2i64], [0]]));
            g.op(ScatterNd::new(ScatterReduction::None), &[x[0], indices, x[1]])
        }),
        case("ScatterNd", "a block, which tract writes as a concatenation", &[&[3, 4], &[1, 4]], |g, x| {
            let indices = Tensor::from_shape(&[1, 4, 2], &[1i64, 0, 1, 1, 1, 2, 1, 3]).unwrap();
            let indices = g.add_const(indices);
            g.op(ScatterNd::new(ScatterReduction::None), &[x[0], indices, x[1]])
        }),
        case("ScatterNd", "adding, twice to one place", &[&[3, 4], &[3]], |g, x| {
            let indices = g.add_const(tensor2(&[[2i64, 1], [0, 0], [2, 1]]));
            g.op(ScatterNd::new(ScatterReduction::Add), &[x[0], indices, x[1]])
        }),
        case("Topk", "the largest", &[&[2, 6]], |g, x| top_k(g, x[0], 1, true)),
        case("Topk", "the smallest, along an outer axis", &[&[5, 3]], |g, x| top_k(g, x[0], 0, false)),
        case("OneHot", "where the largest is", ROW, |g, x| {
            let largest = reduce(g, x[0], Reducer::ArgMax(false), &[1]);
            let largest = g.op(AxisOp::Rm(1), &[largest]);
            let (off, on) = (tensor0(0f64).into_arc_tensor(), tensor0(1f64).into_arc_tensor());
            let hot = g.op(OneHot { axis: 1, dim: 5, off, on }, &[largest]);
            g.op(math::mul(), &[x[0], hot])
        }),
    ]
}

fn values_passed_on() -> Vec<Case> {
    vec![
        case("Identity", "", ROW, |g, x| g.op(Identity, x)),
        case("Cast", "to double precision", ROW, |g, x| {
            let double = g.op(cast(DatumType::F64), x);
            g.op(math::square(), &[double])
        })
        .single(),
        case("Cast", "a truth value has no gradient", ROW, |g, x| {
            let zero = g.number(0.0, 2);
            let positive = g.op(TypedBinOp(comp_gt(), None), &[x[0], zero]);
            let positive = g.op(cast(DatumType::F64), &[positive]);
            g.op(math::mul(), &[x[0], positive])
        }),
        case("Iff", "choices of different shapes", &[&[2, 5], &[2, 1], &[1, 5]], |g, x| {
            let zero = g.number(0.0, 2);
            let positive = g.op(TypedBinOp(comp_gt(), None), &[x[0], zero]);
            g.op(Iff, &[positive, x[1], x[2]])
        }),
    ]
}

fn cases() -> Vec<Case> {
    [products_and_arithmetic(), functions(), along_axes(), shapes(), parts(), indices(), values_passed_on()]
        .into_iter()
        .flatten()
        .collect()
}

#[test]
fn rules_agree_with_finite_differences() {
    cases().iter().for_each(Case::check);
}

#[test]
fn every_rule_has_a_case() {
    // In gradients_conv and operators; the last two are not what finite differences say, and have tests below.
    let elsewhere = ["Conv", "MaxPool", "SumPool", "Deconv", "Resample", "GridSample", "FakeQuantize", "Detached"];
    let cases = cases();
    for operator in autodiff::operators() {
        let has_case = elsewhere.contains(&operator) || cases.iter().any(|case| case.rule == operator);
        assert!(has_case, "the rule for {operator} has no finite-difference case");
    }
    for case in &cases {
        assert!(autodiff::operators().any(|operator| operator == case.rule), "{} is no rule", case.rule);
    }
}
