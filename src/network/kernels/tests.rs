mod transformers;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::Approximation;
use tract_onnx::tract_core::ops::array::TypedConcat;
use tract_onnx::tract_core::ops::cnn::{Conv, KernelFormat, MaxPool, PaddingSpec, PoolSpec, SumPool};
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn::{DataFormat, Reduce, Reducer, Sigmoid, hard_swish};

use super::relayout::Relayout;
use super::*;
use crate::network::with_threads;

fn wave(shape: &[usize], seed: usize) -> Tensor {
    let number = |i: usize| ((i * 37 + seed * 11) % 101) as f32 / 50.0 - 1.0;
    Tensor::from_shape(shape, &(0..shape.iter().product()).map(number).collect::<Vec<_>>()).unwrap()
}

/// A graph under construction.
struct Net {
    graph: TypedModel,
    count: usize,
}

impl Net {
    fn new(shape: &[usize]) -> (Net, OutletId) {
        let mut graph = TypedModel::default();
        let input = graph.add_source("input", f32::fact(shape)).unwrap();
        (Net { graph, count: 0 }, input)
    }

    fn wire(&mut self, op: impl Into<Box<dyn TypedOp>>, inputs: &[OutletId]) -> OutletId {
        self.count += 1;
        self.graph.wire_node(format!("node{}", self.count), op, inputs).unwrap()[0]
    }

    fn constant(&mut self, shape: &[usize]) -> OutletId {
        self.count += 1;
        self.graph.add_const(format!("constant{}", self.count), wave(shape, self.count)).unwrap()
    }

    fn conv(&mut self, input: OutletId, outputs: usize, kernel: usize, stride: usize, group: usize) -> OutletId {
        let inputs = self.graph.outlet_fact(input).unwrap().shape.as_concrete().unwrap()[1];
        let weights = self.constant(&[outputs, inputs / group, kernel, kernel]);
        let bias = self.constant(&[outputs]);
        let pool_spec = spec(kernel, stride, inputs, outputs);
        let op = Conv { pool_spec, kernel_fmt: KernelFormat::OIHW, group, q_params: None };
        self.wire(op, &[input, weights, bias])
    }

    fn run(&self, graph: TypedModel) -> Vec<Tensor> {
        self.run_as_it_is(graph.into_optimized().unwrap())
    }

    fn run_as_it_is(&self, graph: TypedModel) -> Vec<Tensor> {
        let input = self.graph.input_fact(0).unwrap().shape.as_concrete().unwrap().to_vec();
        let outputs = graph.into_runnable().unwrap().run(tvec![wave(&input, 3).into_tvalue()]).unwrap();
        outputs.into_iter().map(TValue::into_tensor).collect()
    }

    /// The graph with our own convolutions, which must give what tract gives on any number of threads.
    fn checked(&mut self, outputs: &[OutletId]) -> TypedModel {
        self.graph.select_output_outlets(outputs).unwrap();
        let own = insert(self.graph.clone(), Free::NONE).unwrap().graph;
        assert!(own.nodes().iter().all(|node| !node.op_is::<Conv>()), "one stays with tract");
        let expected = self.run(self.graph.clone());
        let found = with_threads(1, || self.run(own.clone()));
        for (found, expected) in found.iter().zip(&expected) {
            found.close_enough(expected, Approximation::Approximate).unwrap();
        }
        assert_eq!(with_threads(3, || self.run(own.clone())), found);
        // Memory that other values have left behind makes no difference, so twice.
        let joined = with_programs(&own.clone().into_optimized().unwrap()).unwrap();
        assert_eq!(with_threads(1, || self.run_as_it_is(joined.clone())), found);
        assert_eq!(with_threads(1, || self.run_as_it_is(joined)), found);
        own
    }
}

fn spec(kernel: usize, stride: usize, input_channels: usize, output_channels: usize) -> PoolSpec {
    PoolSpec {
        data_format: DataFormat::NCHW,
        kernel_shape: tvec![kernel; 2],
        padding: PaddingSpec::Explicit(tvec![kernel / 2; 2], tvec![kernel / 2; 2]),
        dilations: None,
        strides: Some(tvec![stride; 2]),
        input_channels,
        output_channels,
    }
}

fn count<O: TypedOp>(graph: &TypedModel) -> usize {
    graph.nodes().iter().filter(|node| node.op_is::<O>()).count()
}

#[test]
fn what_follows_a_convolution_is_done_inside_of_it() {
    let (mut net, input) = Net::new(&[1, 3, 13, 11]);
    let zero = net.graph.add_const("zero", Tensor::from_shape(&[1, 1, 1, 1], &[0.0f32]).unwrap()).unwrap();
    let first = net.conv(input, 16, 3, 1, 1);
    let relu = net.wire(math::max(), &[first, zero]);
    // A normalisation, a sum and an activation.
    let second = net.conv(relu, 16, 3, 1, 1);
    let (scale, shift) = (net.constant(&[1, 16, 1, 1]), net.constant(&[1, 16, 1, 1]));
    let scaled = net.wire(math::mul(), &[second, scale]);
    let shifted = net.wire(math::add(), &[shift, scaled]);
    let sum = net.wire(math::add(), &[shifted, relu]);
    let sum = net.wire(math::max(), &[sum, zero]);
    // A gated one, read by another.
    let third = net.conv(sum, 24, 1, 2, 1);
    let gate = net.wire(ElementWiseOp(Box::new(Sigmoid {}), None), &[third]);
    let silu = net.wire(math::mul(), &[gate, third]);
    let fourth = net.conv(silu, 24, 5, 1, 24);
    let last = net.wire(hard_swish(), &[fourth]);
    let own = net.checked(&[last]);
    assert_eq!(count::<Convolution>(&own), 4);
    assert_eq!(count::<Relayout>(&own), 2, "there and back");
    assert_eq!(own.nodes().iter().filter(|node| !node.inputs.is_empty()).count(), 6);
}

#[test]
fn what_lies_between_convolutions_works_in_lanes() {
    let (mut net, input) = Net::new(&[1, 16, 12, 10]);
    let first = net.conv(input, 16, 3, 1, 1);
    let pooled = net.wire(MaxPool { pool_spec: spec(3, 2, 16, 16), with_index_outputs: None }, &[first]);
    let mean = net.wire(Reduce::new(tvec![2, 3], Reducer::Sum), &[pooled]);
    let squeezed = net.conv(mean, 4, 1, 1, 1);
    let excited = net.conv(squeezed, 16, 1, 1, 1);
    let gate = net.wire(ElementWiseOp(Box::new(Sigmoid {}), None), &[excited]);
    let gated = net.wire(math::mul(), &[gate, pooled]);
    let grouped = net.conv(gated, 16, 3, 1, 4);
    let joined = net.wire(TypedConcat { axis: 1 }, &[gated, grouped]);
    let last = net.conv(joined, 8, 1, 1, 1);
    let own = net.checked(&[last]);
    assert_eq!(count::<Relayout>(&own), 2, "there and back");
}

#[test]
fn kernels_that_follow_each_other_are_one_program() {
    let (mut net, input) = Net::new(&[1, 16, 12, 10]);
    let first = net.conv(input, 16, 3, 1, 16);
    let average = SumPool { pool_spec: spec(3, 1, 16, 16), count_include_pad: false, normalize: true };
    let pooled = net.wire(average, &[first]);
    let mean = net.wire(Reduce::new(tvec![2, 3], Reducer::Sum), &[pooled]);
    let pixels = net.graph.add_const("pixels", Tensor::from_shape(&[1, 1, 1, 1], &[120.0f32]).unwrap()).unwrap();
    let mean = net.wire(math::div(), &[mean, pixels]);
    let excited = net.conv(mean, 16, 1, 1, 1);
    let gate = net.wire(ElementWiseOp(Box::new(Sigmoid {}), None), &[excited]);
    let gated = net.wire(math::mul(), &[pooled, gate]);
    let both = net.wire(TypedConcat { axis: 1 }, &[pooled, gated]);
    let last = net.conv(both, 8, 1, 1, 1);
    let own = net.checked(&[last, pooled]);
    let joined = with_programs(&own.into_optimized().unwrap()).unwrap();
    assert_eq!(
        joined.nodes().iter().map(|node| node.op.name().into_owned()).collect::<Vec<_>>(),
        ["Source", "Program"]
    );
}

#[test]
fn values_that_are_asked_for_are_not_lost_in_a_tail() {
    let (mut net, input) = Net::new(&[1, 3, 8, 8]);
    let zero = net.graph.add_const("zero", Tensor::from_shape(&[1, 1, 1, 1], &[0.0f32]).unwrap()).unwrap();
    let conv = net.conv(input, 16, 3, 1, 1);
    let relu = net.wire(math::max(), &[conv, zero]);
    net.checked(&[conv, relu]);
    let free = insert(net.graph.clone(), Free { outputs_from: 1, ..Free::NONE }).unwrap();
    assert_eq!(free.outputs_in_lanes, [false, true]);
    assert_eq!(free.graph.output_fact(1).unwrap().shape.as_concrete(), Some(&[1, 8, 8, 16][..]));
}

#[test]
fn plans_share_packed_weights_while_one_of_them_is_there() {
    let (mut net, input) = Net::new(&[1, 3, 8, 8]);
    let conv = net.conv(input, 16, 3, 1, 1);
    let own = net.checked(&[conv]);
    let again = insert(net.graph.clone(), Free::NONE).unwrap().graph;
    let kernel = |graph: &TypedModel| {
        let mut found = graph.nodes().iter().filter_map(|node| node.op_as::<Convolution>());
        Arc::clone(&found.next().unwrap().kernel)
    };
    assert!(Arc::ptr_eq(&kernel(&own), &kernel(&again)));
}
