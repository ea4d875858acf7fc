//! What follows a convolution and can be done while its numbers are at hand: a normalisation, a sum, an activation.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::math::{Add, Div, Max, Min, Mul, Sub};
use tract_onnx::tract_core::ops::nn::{HardSwish, Sigmoid, Silu};

use super::weights::{Change, Recipe};
use super::{Inserter, constant};
use crate::kernels::Activation;

/// What is done inside of a convolution's operator.
pub(super) struct Tail {
    /// Whose value the operator outputs.
    pub(super) last: OutletId,
    /// What is added.
    pub(super) residual: Option<OutletId>,
    pub(super) activation: Activation,
    /// The nodes that are inside.
    pub(super) nodes: Vec<usize>,
}

/// Finds the tail of the convolution that outputs `first`. Changes of its weights go into `recipe`.
pub(super) fn find(inserter: &Inserter<'_>, first: OutletId, recipe: &mut Recipe, channels: usize) -> Tail {
    let mut tail = Tail::of(first);
    let whole = inserter.whole;
    while let Some(node) = only_reader(whole, tail.last)
        && let Some((change, by)) = change(whole, node, tail.last, channels)
    {
        recipe.change(change, by);
        tail.take(node);
    }
    if let Some(node) = only_reader(whole, tail.last)
        && let Some(other) = summand(inserter, node, tail.last)
    {
        tail.residual = Some(other);
        tail.take(node);
    }
    tail.activate(whole);
    tail
}

impl Tail {
    /// Nothing yet behind the node that outputs `first`.
    pub(super) fn of(first: OutletId) -> Tail {
        Tail { last: first, residual: None, activation: Activation::Identity, nodes: vec![first.node] }
    }

    /// Takes a node in.
    pub(super) fn take(&mut self, node: &TypedNode) {
        self.last = OutletId::new(node.id, 0);
        self.nodes.push(node.id);
    }

    /// Takes an activation in, if one follows.
    pub(super) fn activate(&mut self, whole: &TypedModel) {
        if let Some(gated) = gated(whole, self.last) {
            self.nodes.push(gated[0]);
            self.take(whole.node(gated[1]));
            self.activation = Activation::Silu;
            return;
        }
        let Some(node) = only_reader(whole, self.last) else { return };
        if let Some(op) = node.op_as::<ElementWiseOp>() {
            self.activation = match () {
                () if op.0.is::<HardSwish>() => Activation::HardSwish,
                () if op.0.is::<Silu>() => Activation::Silu,
                () => return,
            };
            return self.take(node);
        }
        let (mut low, mut high) = (f32::NEG_INFINITY, f32::INFINITY);
        while let Some(node) = only_reader(whole, self.last)
            && let Some(limit) = limit(whole, node)
        {
            // The later of two limits that cross wins.
            match limit {
                Limit::Low(value) => (low, high) = (low.max(value), high.max(value)),
                Limit::High(value) => (low, high) = (low.min(value), high.min(value)),
            }
            self.activation = Activation::Clip { low, high };
            self.take(node);
        }
    }
}

/// The node that alone reads a value.
pub(super) fn only_reader(whole: &TypedModel, outlet: OutletId) -> Option<&TypedNode> {
    match whole.outlet_successors(outlet) {
        [reader] if !whole.outputs.contains(&outlet) => Some(whole.node(reader.node)),
        _ => None,
    }
}

/// The other operand of a binary operator, `other OP here` being `turned`.
pub(super) fn other(node: &TypedNode, here: OutletId) -> Option<(OutletId, bool)> {
    match *node.inputs.as_slice() {
        [left, right] if left == here && right != here => Some((right, false)),
        [left, right] if right == here && left != here => Some((left, true)),
        _ => None,
    }
}

/// Arithmetic with one constant for each channel.
fn change(whole: &TypedModel, node: &TypedNode, here: OutletId, channels: usize) -> Option<(Change, Arc<Tensor>)> {
    let op = node.op_as::<TypedBinOp>()?;
    let (other, turned) = other(node, here)?;
    let change = match () {
        () if op.0.is::<Add>() => Change::Plus,
        () if op.0.is::<Mul>() => Change::Times,
        () if op.0.is::<Sub>() && !turned => Change::Minus,
        () if op.0.is::<Div>() && !turned => Change::Over,
        () => return None,
    };
    let value = constant(whole, other)?;
    let fits = value.datum_type() == f32::datum_type()
        && (value.len() == 1 || *value.shape() == [1, channels, 1, 1] || *value.shape() == [channels, 1, 1]);
    fits.then_some((change, value))
}

/// What else is added, where it is there and has the same shape.
fn summand(inserter: &Inserter<'_>, node: &TypedNode, here: OutletId) -> Option<OutletId> {
    node.op_as::<TypedBinOp>().filter(|op| op.0.is::<Add>())?;
    let (other, _) = other(node, here)?;
    let fits = inserter.shape(other)? == inserter.shape(here)? && constant(inserter.whole, other).is_none();
    inserter.places.get(&other).filter(|_| fits).map(|_| other)
}

enum Limit {
    Low(f32),
    High(f32),
}

/// A maximum or minimum with one number.
fn limit(whole: &TypedModel, node: &TypedNode) -> Option<Limit> {
    let op = node.op_as::<TypedBinOp>()?;
    let value = node.inputs.iter().find_map(|input| constant(whole, *input)).filter(|value| value.len() == 1)?;
    let value = value.cast_to_scalar::<f32>().ok().filter(|value| !value.is_nan())?;
    match () {
        () if op.0.is::<Max>() => Some(Limit::Low(value)),
        () if op.0.is::<Min>() => Some(Limit::High(value)),
        () => None,
    }
}

/// The sigmoid of a value and its product with the value, where nothing else reads either.
fn gated(whole: &TypedModel, here: OutletId) -> Option<[usize; 2]> {
    let [one, two] = whole.outlet_successors(here) else { return None };
    if whole.outputs.contains(&here) {
        return None;
    }
    let is_sigmoid = |id: usize| whole.node(id).op_as::<ElementWiseOp>().is_some_and(|op| op.0.is::<Sigmoid>());
    let (gate, product) = if is_sigmoid(one.node) { (one.node, two.node) } else { (two.node, one.node) };
    let reader = is_sigmoid(gate).then(|| only_reader(whole, OutletId::new(gate, 0)))??;
    let is_product = reader.id == product && reader.op_as::<TypedBinOp>().is_some_and(|op| op.0.is::<Mul>());
    is_product.then_some([gate, product])
}
