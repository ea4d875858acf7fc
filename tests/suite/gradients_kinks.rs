//! Gradients where there is no finite difference: at kinks and steps, by the values of torch.

use seewhy::autodiff::{Detached, FakeQuantize};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn::{self, Reduce, Reducer};

use crate::support::graphs::{Graph, Level, gradients, numbers, run};

type Wire = fn(&mut Graph, &[OutletId]) -> OutletId;

/// At a kink there is no finite difference. These are the values of torch 2.15's autograd, where it has the function.
#[test]
fn kinks_have_torchs_gradient() {
    type Kink = (&'static str, Wire, &'static [f64], &'static [f64]);
    let kinks: &[Kink] = &[
        ("relu", |g, x| bounded(g, x[0], Some(0.0), None), &[-1.0, 0.0, 2.0], &[0.0, 0.0, 1.0]),
        ("relu6", |g, x| bounded(g, x[0], Some(0.0), Some(6.0)), &[0.0, 3.0, 6.0, 7.0], &[0.0, 1.0, 0.0, 0.0]),
        ("abs", |g, x| g.op(math::abs(), x), &[-1.0, 0.0, 1.0], &[-1.0, 0.0, 1.0]),
        ("hardswish", |g, x| g.op(nn::hard_swish(), x), &[-4.0, -3.0, 0.0, 3.0, 4.0], &[0.0, 0.0, 0.5, 1.0, 1.0]),
        ("leaky_relu", |g, x| g.op(nn::leaky_relu(0.25), x), &[-1.0, 0.0, 1.0], &[0.25, 0.25, 1.0]),
        ("amax", |g, x| reduce(g, x[0], Reducer::Max), &[1.0, 3.0, 3.0], &[0.0, 0.5, 0.5]),
        ("amin", |g, x| reduce(g, x[0], Reducer::Min), &[1.0, 1.0, 3.0], &[0.5, 0.5, 0.0]),
        ("prod", |g, x| reduce(g, x[0], Reducer::Prod), &[2.0, 0.0, 3.0], &[0.0, 6.0, 0.0]),
        (
            "x * x.detach()",
            |g, x| {
                let constant = g.op(Detached, x);
                g.op(math::mul(), &[x[0], constant])
            },
            &[2.0, -3.0],
            &[2.0, -3.0],
        ),
        ("sign", |g, x| g.op(math::sign(), x), &[-1.0, 0.0], &[0.0, 0.0]),
        ("floor", |g, x| g.op(math::floor(), x), &[1.0, 1.5], &[0.0, 0.0]),
        ("x ** 2", |g, x| power(g, x[0], 2.0), &[0.0, -1.0], &[0.0, -2.0]),
        ("x ** 3", |g, x| power(g, x[0], 3.0), &[0.0, -1.0], &[0.0, 3.0]),
    ];
    for (what, wire, at, expected) in kinks {
        let point = tensor1(at).cast_to_dt(DatumType::F32).unwrap().into_owned();
        let mut graph = Graph::new(DatumType::F32);
        let input = graph.input(&[at.len()]);
        let output = wire(&mut graph, &[input]);
        let model = graph.finish(output);
        let shape = model.output_fact(0).unwrap().shape.as_concrete().unwrap().to_vec();
        let ones = Tensor::from_shape(&shape, &vec![1f32; shape.iter().product()]).unwrap();
        for (level, found) in gradients(&model, std::slice::from_ref(&point), &ones) {
            assert_eq!(found[0], *expected, "{what} at {at:?}, {level:?}");
        }
    }
}

/// torch's `fake_quantize_per_tensor_affine` and `fake_quantize_per_channel_affine`: values and gradients, at and beyond the
/// ends of the range too.
#[test]
fn quantisation_lets_the_gradient_through_where_it_does_not_clip() {
    let one = FakeQuantize { scale: tvec![0.5], zero_point: tvec![3.0], low: 0.0, high: 7.0, axis: 0 };
    // Steps of a half from -1.5 to 2; at 0.25 and 0.75 even multiples win.
    let values: [f32; 8] = [-1.76, -1.74, -1.0, 0.25, 0.75, 1.9, 2.24, 2.26];
    let rounded = [-1.5, -1.5, -1.0, 0.0, 1.0, 2.0, 2.0, 2.0];
    check_quantisation(one, &[8], &values, &rounded, &[0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]);

    let two = FakeQuantize { scale: tvec![1.0, 0.1], zero_point: tvec![0.0, 0.0], low: -2.0, high: 1.0, axis: 1 };
    let values: [f32; 8] = [-3.0, 0.3, 0.14, 0.16, -2.0, 1.6, -0.22, -0.28];
    let rounded = [-2.0, 0.0, 0.1, 0.1, -2.0, 1.0, -0.2, -0.2];
    check_quantisation(two, &[2, 2, 2], &values, &rounded, &[0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
}

fn check_quantisation(op: FakeQuantize, shape: &[usize], at: &[f32], values: &[f64], expected: &[f64]) {
    let mut graph = Graph::new(DatumType::F32);
    let input = graph.input(shape);
    let output = graph.op(op, &[input]);
    let model = graph.finish(output);
    let point = Tensor::from_shape(shape, at).unwrap();
    let ones = Tensor::from_shape(shape, &vec![1f32; at.len()]).unwrap();
    let found = numbers(&run(&model, Level::Optimised, std::slice::from_ref(&point))[0]);
    assert!(found.iter().zip(values).all(|(found, value)| (found - value).abs() < 1e-6), "{found:?}, not {values:?}");
    for (level, found) in gradients(&model, &[point], &ones) {
        assert_eq!(found[0], expected, "{level:?}");
    }
}

fn reduce(g: &mut Graph, x: OutletId, reducer: Reducer) -> OutletId {
    g.op(Reduce { axes: tvec![0], reducer }, &[x])
}

fn bounded(g: &mut Graph, x: OutletId, low: Option<f64>, high: Option<f64>) -> OutletId {
    let mut wire = x;
    if let Some(low) = low {
        let low = g.number(low, 1);
        wire = g.op(math::max(), &[wire, low]);
    }
    if let Some(high) = high {
        let high = g.number(high, 1);
        wire = g.op(math::min(), &[wire, high]);
    }
    wire
}

fn power(g: &mut Graph, x: OutletId, exponent: f64) -> OutletId {
    let exponent = g.number(exponent, 1);
    g.op(math::pow(), &[x, exponent])
}

/// torch's `maximum` and `minimum`: two tensors that tie share the gradient.
#[test]
fn tensors_that_tie_share_the_gradient() {
    for op in [math::max(), math::min()] {
        let mut graph = Graph::new(DatumType::F64);
        let inputs = [graph.input(&[3]), graph.input(&[3])];
        let output = graph.op(op.clone(), &inputs);
        let model = graph.finish(output);
        let point = [tensor1(&[0.0, 1.0, 2.0]), tensor1(&[1.0, 1.0, 1.0])];
        let above = numbers(&tensor1(&[0.0, 0.5, 1.0]));
        let below = numbers(&tensor1(&[1.0, 0.5, 0.0]));
        let expected = if op == math::max() { [above, below] } else { [below, above] };
        for (level, found) in gradients(&model, &point, &tensor1(&[1.0, 1.0, 1.0])) {
            assert_eq!(found, expected, "{op:?}, {level:?}");
        }
    }
}
