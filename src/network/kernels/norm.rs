//! Layer normalisation: nine operators of tract's, and as many passes over memory, in one.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{
    DatumExt, EvalContext, EvalOp, Op, StaticName, as_op, op_as_typed_op, op_out_of_plan,
};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::math::{Add, Div, Mul, Rsqrt, Square, Sub};
use tract_onnx::tract_core::ops::nn::{Reduce, Reducer};

use super::linear::concrete;
use super::tail::{only_reader, other, scalar};
use super::{Inserter, Place, vector};
use crate::kernels::normalise_rows;

/// What the graph normalises over its last axis.
struct Found {
    input: OutletId,
    epsilon: f32,
    scale: Arc<Tensor>,
    shift: Arc<Tensor>,
    last: OutletId,
    nodes: Vec<usize>,
}

impl Inserter<'_> {
    /// Wires a normalisation that begins at `node`, the sum for its mean; false where the node is something else.
    pub(super) fn normalised(&mut self, node: &TypedNode) -> TractResult<bool> {
        let Some(found) = find(self.whole, node) else { return Ok(false) };
        let input = self.planes(self.before_reshaping(found.input))?;
        let op = LayerNorm {
            scale: found.scale,
            shift: found.shift,
            epsilon: found.epsilon.to_bits(),
            shape: concrete(self.whole, found.last)?,
        };
        let outlet = self.graph.wire_node(node.name.clone(), op, &[input])?[0];
        self.fuse(found.nodes, node);
        self.places.insert(found.last, Place::planes(outlet));
        Ok(true)
    }
}

/// `(x - mean) · rsqrt(mean of squares + epsilon) · scale + shift`, as tract writes it, where nothing else reads what is
/// between.
fn find(whole: &TypedModel, sum: &TypedNode) -> Option<Found> {
    let input = *sum.inputs.first()?;
    let shape = whole.outlet_fact(input).ok()?.shape.as_concrete()?;
    let length = *shape.last()?;
    let out = |node: &TypedNode| OutletId::new(node.id, 0);
    let is_sum = |node: &TypedNode| {
        let op = node.op_as::<Reduce>();
        op.is_some_and(|op| op.reducer == Reducer::Sum && op.axes.as_slice() == [shape.len() - 1])
    };
    let over_length = |node: &TypedNode, here: OutletId| {
        is::<Div>(node) && matches!(other(node, here), Some((by, false)) if scalar(whole, by) == Some(length as f32))
    };
    let floats = whole.outlet_fact(input).ok()?.datum_type == f32::datum_type();
    if !is_sum(sum) || !floats {
        return None;
    }
    let mean = only_reader(whole, out(sum)).filter(|node| over_length(node, out(sum)))?;
    let difference = only_reader(whole, out(mean)).filter(|node| is::<Sub>(node))?;
    if difference.inputs.as_slice() != [input, out(mean)] || whole.outputs.contains(&out(difference)) {
        return None;
    }
    let [one, two] = whole.outlet_successors(out(difference)) else { return None };
    let readers = [whole.node(one.node), whole.node(two.node)];
    let square = readers.into_iter().find(|node| is_element_wise::<Square>(node))?;
    let normal = readers.into_iter().find(|node| is::<Mul>(node))?;
    let squares = only_reader(whole, out(square)).filter(|node| is_sum(node))?;
    let variance = only_reader(whole, out(squares)).filter(|node| over_length(node, out(squares)))?;
    let padded = only_reader(whole, out(variance)).filter(|node| is::<Add>(node))?;
    let epsilon = scalar(whole, other(padded, out(variance))?.0)?;
    let factor = only_reader(whole, out(padded)).filter(|node| is_element_wise::<Rsqrt>(node))?;
    only_reader(whole, out(factor)).filter(|node| node.id == normal.id)?;
    let scaled = only_reader(whole, out(normal)).filter(|node| is::<Mul>(node))?;
    let scale = vector(whole, other(scaled, out(normal))?.0, length, 0)?;
    let shifted = only_reader(whole, out(scaled)).filter(|node| is::<Add>(node))?;
    let shift = vector(whole, other(shifted, out(scaled))?.0, length, 0)?;
    let nodes = [sum, mean, difference, square, normal, squares, variance, padded, factor, scaled, shifted];
    let nodes = nodes.iter().map(|node| node.id).collect();
    (scale.len() == length && shift.len() == length).then_some(Found {
        input,
        epsilon,
        scale,
        shift,
        last: out(shifted),
        nodes,
    })
}

fn is<O: tract_onnx::tract_core::ops::binary::BinMiniOp>(node: &TypedNode) -> bool {
    node.op_as::<TypedBinOp>().is_some_and(|op| op.0.is::<O>())
}

fn is_element_wise<O: tract_onnx::tract_core::ops::element_wise::ElementWiseMiniOp>(node: &TypedNode) -> bool {
    node.op_as::<ElementWiseOp>().is_some_and(|op| op.0.is::<O>())
}

/// Of rows as long as `scale` and `shift`, whatever the shape of the input.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct LayerNorm {
    scale: Arc<Tensor>,
    shift: Arc<Tensor>,
    /// The bits of a float.
    epsilon: u32,
    shape: TVec<usize>,
}

impl Op for LayerNorm {
    fn name(&self) -> StaticName {
        "LayerNorm".into()
    }

    op_as_typed_op!();
}

impl EvalOp for LayerNorm {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let mut output = Tensor::zero::<f32>(&self.shape)?;
        let (scale, shift) = (self.scale.try_as_plain_ram()?, self.shift.try_as_plain_ram()?);
        normalise_rows(
            inputs[0].try_as_plain_ram()?.as_slice::<f32>()?,
            output.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?,
            scale.as_slice::<f32>()?,
            shift.as_slice::<f32>()?,
            f32::from_bits(self.epsilon),
        );
        Ok(tvec![output.into_tvalue()])
    }
}

impl TypedOp for LayerNorm {
    fn output_facts(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec![f32::fact(&self.shape)])
    }

    as_op!();
}
