use tract_onnx::tract_core::internal::AxesMapping;
use tract_onnx::tract_core::ops::array::Gather;
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::nn::{Softmax, SoftmaxKind};

use super::*;
use crate::network::kernels::attention::Attention;
use crate::network::kernels::linear::{InPlace, Linear};
use crate::network::kernels::norm::LayerNorm;

impl Net {
    fn number(&mut self, value: f32, rank: usize) -> OutletId {
        self.count += 1;
        let value = Tensor::from_shape(&vec![1; rank], &[value]).unwrap();
        self.graph.add_const(format!("constant{}", self.count), value).unwrap()
    }

    fn einsum(&mut self, letters: &str, inputs: &[OutletId]) -> OutletId {
        self.wire(EinSum::new(letters.parse::<AxesMapping>().unwrap(), f32::datum_type()), inputs)
    }

    fn element_wise(&mut self, name: &str, input: OutletId) -> OutletId {
        match name {
            "erf" => self.wire(math::erf(), &[input]),
            "square" => self.wire(math::square(), &[input]),
            _ => self.wire(math::rsqrt(), &[input]),
        }
    }

    /// As tract writes ONNX's `LayerNormalization`, over the last of three axes.
    fn layer_norm(&mut self, input: OutletId, length: usize) -> OutletId {
        let (count, epsilon) = (self.number(length as f32, 3), self.number(1e-5, 3));
        let sum = self.wire(Reduce::new(tvec![2], Reducer::Sum), &[input]);
        let mean = self.wire(math::div(), &[sum, count]);
        let difference = self.wire(math::sub(), &[input, mean]);
        let square = self.element_wise("square", difference);
        let squares = self.wire(Reduce::new(tvec![2], Reducer::Sum), &[square]);
        let variance = self.wire(math::div(), &[squares, count]);
        let padded = self.wire(math::add(), &[variance, epsilon]);
        let factor = self.element_wise("rsqrt", padded);
        let normal = self.wire(math::mul(), &[difference, factor]);
        let (scale, shift) = (self.constant(&[1, 1, length]), self.constant(&[1, 1, length]));
        let scaled = self.wire(math::mul(), &[normal, scale]);
        self.wire(math::add(), &[scaled, shift])
    }

    /// As PyTorch's exporters write it, the half at the end or at the beginning.
    fn gelu(&mut self, input: OutletId, rank: usize, half_first: bool) -> OutletId {
        let (root, one, half) =
            (self.number(std::f32::consts::SQRT_2, rank), self.number(1.0, rank), self.number(0.5, rank));
        let scaled = self.wire(math::div(), &[input, root]);
        let erf = self.element_wise("erf", scaled);
        let raised = self.wire(math::add(), &[erf, one]);
        if half_first {
            let half = self.wire(math::mul(), &[input, half]);
            return self.wire(math::mul(), &[half, raised]);
        }
        let product = self.wire(math::mul(), &[input, raised]);
        self.wire(math::mul(), &[product, half])
    }

    fn softmax(&mut self, input: OutletId, axis: usize) -> OutletId {
        self.wire(Softmax { axes: tvec![axis], quant_output_dt: None, kind: SoftmaxKind::Softmax }, &[input])
    }

    /// One of an axis.
    fn pick(&mut self, input: OutletId, axis: usize, at: i64) -> OutletId {
        self.count += 1;
        let at = self.graph.add_const(format!("constant{}", self.count), Tensor::from(at)).unwrap();
        self.wire(Gather::new(axis), &[input, at])
    }
}

fn alone(graph: &TypedModel) -> Vec<String> {
    let with_inputs = graph.nodes().iter().filter(|node| !node.inputs.is_empty() && !node.op_is::<AxisOp>());
    with_inputs.map(|node| node.op.name().to_string()).collect()
}

#[test]
fn a_block_of_dense_layers_is_a_few_operators() {
    for half_first in [false, true] {
        let (mut net, input) = Net::new(&[1, 19, 24]);
        let normal = net.layer_norm(input, 24);
        let (wide, narrow) = (net.constant(&[24, 40]), net.constant(&[24, 40]));
        let (wide_bias, narrow_bias) = (net.constant(&[1, 1, 40]), net.constant(&[1, 1, 24]));
        let first = net.einsum("amk,kn->amn", &[normal, wide]);
        let first = net.wire(math::add(), &[wide_bias, first]);
        let gelu = net.gelu(first, 3, half_first);
        // The other way round, as Gemm has its weights.
        let second = net.einsum("amk,nk->amn", &[gelu, narrow]);
        let second = net.wire(math::add(), &[second, narrow_bias]);
        let sum = net.wire(math::add(), &[input, second]);
        let own = net.checked(&[sum]);
        assert_eq!(alone(&own), ["LayerNorm", "Linear", "Linear"]);
    }
}

#[test]
fn values_that_are_read_elsewhere_are_not_lost_in_a_layer() {
    let (mut net, input) = Net::new(&[1, 19, 24]);
    let weights = net.constant(&[24, 16]);
    let bias = net.constant(&[1, 1, 16]);
    let product = net.einsum("amk,kn->amn", &[input, weights]);
    let first = net.wire(math::add(), &[product, bias]);
    let gelu = net.gelu(first, 3, false);
    let normal = net.layer_norm(gelu, 16);
    let own = net.checked(&[product, first, gelu, normal]);
    assert_eq!((count::<Linear>(&own), count::<LayerNorm>(&own)), (1, 1));
}

#[test]
fn rows_that_become_an_image_stay_in_lanes() {
    let (mut net, input) = Net::new(&[1, 16, 9, 8]);
    let conv = net.conv(input, 16, 7, 1, 16);
    let rows = net.wire(TO_LANES, &[conv]);
    let weights = net.constant(&[16, 16]);
    let product = net.einsum("abmk,kn->abmn", &[rows, weights]);
    let bias = net.constant(&[1, 1, 1, 16]);
    let product = net.wire(math::add(), &[product, bias]);
    let image = net.wire(TO_PLANES, &[product]);
    let scale = net.constant(&[1, 16, 1, 1]);
    let scaled = net.wire(math::mul(), &[scale, image]);
    let sum = net.wire(math::add(), &[scaled, input]);
    let last = net.conv(sum, 16, 1, 1, 1);
    let own = net.checked(&[last]);
    assert_eq!((count::<Linear>(&own), count::<Convolution>(&own), count::<Relayout>(&own)), (1, 2, 2));
    assert_eq!(own.nodes().iter().filter(|node| !node.inputs.is_empty()).count(), 5);
}

#[test]
fn attention_reads_its_operands_where_they_lie() {
    // Of 3 windows of 7 tokens, in 2 heads of 8, with a bias for each head and a mask for each window.
    let (mut net, input) = Net::new(&[3, 7, 16]);
    let weights = net.constant(&[16, 48]);
    let all = net.einsum("amk,kn->amn", &[input, weights]);
    let parts = net.wire(AxisOp::Reshape(2, tvec![48.into()], tvec![3.into(), 2.into(), 8.into()]), &[all]);
    let parts = net.wire(AxisOp::Move(2, 0), &[parts]);
    let parts = net.wire(AxisOp::Move(2, 3), &[parts]);
    let [queries, keys, values] = [0, 1, 2].map(|at| net.pick(parts, 0, at));
    let factor = net.number(0.35, 4);
    let queries = net.wire(math::mul(), &[queries, factor]);
    let keys = net.wire(AxisOp::Move(2, 3), &[keys]);
    let scores = net.einsum("abmk,abkn->abmn", &[queries, keys]);
    let bias = net.constant(&[1, 2, 7, 7]);
    let scores = net.wire(math::add(), &[scores, bias]);
    let scores = net.wire(AxisOp::Add(0), &[scores]);
    let mask = net.constant(&[1, 3, 1, 7, 7]);
    let scores = net.wire(math::add(), &[scores, mask]);
    let scores = net.wire(AxisOp::Rm(0), &[scores]);
    let weights = net.softmax(scores, 3);
    let mixed = net.einsum("abmk,abkn->abmn", &[weights, values]);
    let mixed = net.wire(AxisOp::Move(1, 2), &[mixed]);
    let last = net.wire(AxisOp::Reshape(2, tvec![2.into(), 8.into()], tvec![16.into()]), &[mixed]);
    let own = net.checked(&[last]);
    let needed = own.into_decluttered().unwrap();
    assert_eq!(alone(&needed), ["Linear", "Attention"]);
    assert_eq!(count::<Attention>(&needed), 1);
}

#[test]
fn weights_that_are_asked_for_are_seen() {
    let (mut net, input) = Net::new(&[2, 7, 8]);
    let keys = net.wire(AxisOp::Move(1, 2), &[input]);
    let scores = net.einsum("amk,akn->amn", &[input, keys]);
    let weights = net.softmax(scores, 2);
    let mixed = net.einsum("amk,akn->amn", &[weights, input]);
    net.graph.select_output_outlets(&[weights, mixed]).unwrap();
    let own = insert(net.graph.clone(), Free::NONE).unwrap().graph;
    assert_eq!(count::<Attention>(&own), 0);
}

#[test]
fn the_way_back_through_a_large_matrix_reads_it_where_it_lies() {
    let (mut net, input) = Net::new(&[1, 3, 1100]);
    let matrix = net.constant(&[1100, 1000]);
    let there = net.einsum("amk,kn->amn", &[input, matrix]);
    let back = net.einsum("amk,nk->amn", &[there, matrix]);
    let own = net.checked(&[back]);
    assert_eq!((count::<Linear>(&own), count::<InPlace>(&own)), (1, 1));
}
