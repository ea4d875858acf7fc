//! What a gradient costs: `cargo bench --bench gradients`.
//!
//! Each network is timed forward, and forward with the gradient of its input; the second should take at most 2.2 times
//! as long. The networks are small stacks of the blocks of well-known ones, with made-up weights.

use anyhow::Context;
use divan::Bencher;
use seewhy::autodiff::vjp;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::cnn::{Conv, KernelFormat, MaxPool, PaddingSpec, PoolSpec};
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn::DataFormat;

fn main() {
    divan::main();
}

fn tensor(shape: &[usize]) -> Tensor {
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|i| ((i as f32 * 0.618_034).fract() - 0.5) * 0.2).collect();
    Tensor::from_shape(shape, &values).expect("as many values as the shape holds")
}

/// A network under construction, on images of 3 channels and 112x112 pixels.
struct Network {
    graph: TypedModel,
    last: OutletId,
    channels: usize,
}

impl Network {
    fn new() -> TractResult<Network> {
        let mut graph = TypedModel::default();
        let last = graph.add_source("image", f32::fact([1, 3, 112, 112]))?;
        Ok(Network { graph, last, channels: 3 })
    }

    fn spec(&self, filters: usize, kernel: usize, stride: usize) -> PoolSpec {
        PoolSpec {
            data_format: DataFormat::NCHW,
            kernel_shape: tvec![kernel, kernel],
            padding: PaddingSpec::Explicit(tvec![kernel / 2; 2], tvec![kernel / 2; 2]),
            dilations: None,
            strides: Some(tvec![stride, stride]),
            input_channels: self.channels,
            output_channels: filters,
        }
    }

    fn conv(mut self, filters: usize, kernel: usize, stride: usize, group: usize) -> TractResult<Network> {
        let name = format!("conv{}", self.graph.nodes().len());
        let shape = [filters, self.channels / group, kernel, kernel];
        let weights = self.graph.add_const(format!("{name}.weights"), tensor(&shape))?;
        let bias = self.graph.add_const(format!("{name}.bias"), tensor(&[filters]))?;
        let pool_spec = self.spec(filters, kernel, stride);
        let op = Conv { pool_spec, kernel_fmt: KernelFormat::OIHW, group, q_params: None };
        self.last = self.graph.wire_node(name, op, &[self.last, weights, bias])?[0];
        self.channels = filters;
        Ok(self)
    }

    fn relu(mut self) -> TractResult<Network> {
        let name = format!("relu{}", self.graph.nodes().len());
        let zero = self.graph.add_const(format!("{name}.zero"), Tensor::zero::<f32>(&[1, 1, 1, 1])?)?;
        self.last = self.graph.wire_node(name, math::max(), &[self.last, zero])?[0];
        Ok(self)
    }

    fn max_pool(mut self, kernel: usize) -> TractResult<Network> {
        let name = format!("pool{}", self.graph.nodes().len());
        let op = MaxPool { pool_spec: self.spec(self.channels, kernel, 2), with_index_outputs: None };
        self.last = self.graph.wire_node(name, op, &[self.last])?[0];
        Ok(self)
    }
}

/// A strided stem, a pooling, and bottlenecks.
fn residual() -> TractResult<Network> {
    let mut network = Network::new()?.conv(64, 7, 2, 1)?.relu()?.max_pool(3)?;
    for stride in [1, 2] {
        network = network.conv(64, 1, 1, 1)?.relu()?.conv(64, 3, stride, 1)?.relu()?.conv(256, 1, 1, 1)?.relu()?;
    }
    Ok(network)
}

/// Depthwise convolutions between convolutions of single pixels.
fn separable() -> TractResult<Network> {
    let mut network = Network::new()?.conv(32, 3, 2, 1)?.relu()?;
    for stride in [1, 2, 1] {
        network = network.conv(96, 1, 1, 1)?.relu()?.conv(96, 3, stride, 96)?.relu()?.conv(24, 1, 1, 1)?;
    }
    Ok(network)
}

/// Plain 3x3 convolutions and pooling.
fn plain() -> TractResult<Network> {
    Network::new()?.conv(64, 3, 1, 1)?.relu()?.conv(64, 3, 1, 1)?.relu()?.max_pool(2)?.conv(128, 3, 1, 1)?.relu()
}

type Build = fn() -> TractResult<Network>;

const NETWORKS: [(&str, Build); 3] = [("residual", residual), ("separable", separable), ("plain", plain)];

/// The network ready to run, and its inputs: the image, and for the gradient the cotangent.
fn plan(build: Build, gradient: bool) -> TractResult<(Arc<TypedRunnableModel>, TVec<TValue>)> {
    let Network { mut graph, last, .. } = build()?;
    graph.select_output_outlets(&[last])?;
    if gradient {
        let image = graph.input_outlets()?[0];
        graph = vjp(&graph, last, &[image])?;
    }
    let mut inputs = tvec![];
    for &input in graph.input_outlets()? {
        let shape = graph.outlet_fact(input)?.shape.as_concrete().context("the shapes are fixed")?;
        inputs.push(tensor(shape).into());
    }
    Ok((graph.into_optimized()?.into_runnable()?, inputs))
}

#[divan::bench(args = NETWORKS.map(|(name, _)| name))]
fn forward(bencher: Bencher, name: &str) {
    run(bencher, name, false);
}

#[divan::bench(args = NETWORKS.map(|(name, _)| name))]
fn forward_and_input_gradient(bencher: Bencher, name: &str) {
    run(bencher, name, true);
}

fn run(bencher: Bencher, name: &str, gradient: bool) {
    let build = NETWORKS.iter().find(|(it, _)| *it == name).expect("one of the names above").1;
    let (plan, inputs) = plan(build, gradient).expect("the network builds");
    bencher.bench_local(|| plan.run(inputs.clone()).expect("the network runs"));
}
