//! What follows a convolution and can be done while its numbers are at hand: a normalisation, a sum, an activation.

use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{AxisOp, ToDim};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::math::{Add, Div, Max, Min, Mul, Sub};
use tract_onnx::tract_core::ops::nn::{HardSwish, Sigmoid, Silu};

use super::weights::{Change, Recipe};
use super::{Inserter, TO_PLANES, constant, same_memory, vector};
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
    tail.image(inserter, recipe, channels);
    tail
}

impl Tail {
    /// Nothing yet behind the node that outputs `first`.
    pub(super) fn of(first: OutletId) -> Tail {
        Tail { last: first, residual: None, activation: Activation::Identity, nodes: vec![first.node] }
    }

    /// What follows an image of `channels`.
    fn image(&mut self, inserter: &Inserter<'_>, recipe: &mut Recipe, channels: usize) {
        let whole = inserter.whole;
        while let Some(node) = only_reader(whole, self.last)
            && let Some((change, by)) = change(whole, node, self.last, |by| vector(whole, by, channels, 2))
        {
            recipe.change(change, by);
            self.take(node);
        }
        self.add(inserter);
        self.activate(whole);
    }

    /// What follows rows of `outputs` numbers. Whether they become the channels of an image, and the last value is in lanes.
    pub(super) fn rows(&mut self, inserter: &Inserter<'_>, recipe: &mut Recipe, outputs: usize) -> bool {
        let whole = inserter.whole;
        while let Some(node) = only_reader(whole, self.last) {
            if let Some((change, by)) = change(whole, node, self.last, |by| vector(whole, by, outputs, 0)) {
                recipe.change(change, by);
            } else if is_to_planes(node) && inserter.shape(OutletId::new(node.id, 0)).is_some() {
                self.take(node);
                self.image(inserter, recipe, outputs);
                return true;
            } else if !(same_memory(whole, node)
                && whole
                    .outlet_fact(OutletId::new(node.id, 0))
                    .is_ok_and(|fact| fact.shape.last() == Some(&outputs.to_dim())))
            {
                break;
            }
            self.take(node);
        }
        self.add(inserter);
        self.activate(whole);
        false
    }

    /// Takes the sum with another value in, if one follows.
    fn add(&mut self, inserter: &Inserter<'_>) {
        if let Some(node) = only_reader(inserter.whole, self.last)
            && let Some(other) = summand(inserter, node, self.last)
        {
            self.residual = Some(other);
            self.take(node);
        }
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
        if let Some(nodes) = gelu(whole, self.last) {
            for node in nodes {
                self.take(whole.node(node));
            }
            self.activation = Activation::Gelu;
            return;
        }
        let Some(node) = only_reader(whole, self.last) else { return };
        if let Some(op) = node.op_as::<ElementWiseOp>() {
            self.activation = match () {
                () if op.0.is::<HardSwish>() => Activation::HardSwish,
                () if op.0.is::<Silu>() => Activation::Silu,
                () if op.0.name() == "GeluExact" => Activation::Gelu,
                () if op.0.is::<Sigmoid>() => Activation::Sigmoid,
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

/// Arithmetic with one constant for each channel, which is read by `constant`.
fn change(
    whole: &TypedModel,
    node: &TypedNode,
    here: OutletId,
    constant: impl Fn(OutletId) -> Option<Arc<Tensor>>,
) -> Option<(Change, Arc<Tensor>)> {
    let op = node.op_as::<TypedBinOp>()?;
    let (other, turned) = other(node, here)?;
    let change = match () {
        () if op.0.is::<Add>() => Change::Plus,
        () if op.0.is::<Mul>() => Change::Times,
        () if op.0.is::<Sub>() && !turned => Change::Minus,
        () if op.0.is::<Div>() && !turned => Change::Over,
        () => return None,
    };
    let same = whole.outlet_fact(here).ok()?.shape == whole.outlet_fact(OutletId::new(node.id, 0)).ok()?.shape;
    Some((change, constant(other).filter(|_| same)?))
}

/// The number that a constant is everywhere, where it holds but one.
pub(super) fn scalar(whole: &TypedModel, outlet: OutletId) -> Option<f32> {
    let value = constant(whole, outlet).filter(|value| value.len() == 1)?;
    value.cast_to_scalar::<f32>().ok()
}

/// What else is added, where it is there and has the same shape.
fn summand(inserter: &Inserter<'_>, node: &TypedNode, here: OutletId) -> Option<OutletId> {
    node.op_as::<TypedBinOp>().filter(|op| op.0.is::<Add>())?;
    let (other, _) = other(node, here)?;
    let (theirs, ours) = (inserter.whole.outlet_fact(other).ok()?, inserter.whole.outlet_fact(here).ok()?);
    let fits =
        theirs.shape == ours.shape && theirs.datum_type == ours.datum_type && constant(inserter.whole, other).is_none();
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

/// The nodes of `x · (1 + erf(x / sqrt(2))) / 2`, the half being applied to x or at the end, where nothing else reads any of
/// their values.
fn gelu(whole: &TypedModel, here: OutletId) -> Option<Vec<usize>> {
    let [one, two] = whole.outlet_successors(here) else { return None };
    if whole.outputs.contains(&here) {
        return None;
    }
    let out = |node: &TypedNode| OutletId::new(node.id, 0);
    let by = |node: &TypedNode, from: OutletId, wanted: f32| {
        let constant =
            other(node, from).and_then(|(by, turned)| scalar(whole, by).filter(|_| !turned || !is_div(node)));
        constant.is_some_and(|value| (value - wanted).abs() <= 1e-6)
    };
    let is_mul = |node: &TypedNode| node.op_as::<TypedBinOp>().is_some_and(|op| op.0.is::<Mul>());
    let is_add = |node: &TypedNode| node.op_as::<TypedBinOp>().is_some_and(|op| op.0.is::<Add>());
    let is_erf = |node: &TypedNode| node.op_as::<ElementWiseOp>().is_some_and(|op| op.0.name() == "Erf");
    for (scaled, product) in [(one.node, two.node), (two.node, one.node)].map(|(a, b)| (whole.node(a), whole.node(b))) {
        let narrowed =
            (is_div(scaled) && by(scaled, here, SQRT_2)) || (is_mul(scaled) && by(scaled, here, FRAC_1_SQRT_2));
        let erf = only_reader(whole, out(scaled)).filter(|node| narrowed && is_erf(node));
        let Some(erf) = erf else { continue };
        let raised = only_reader(whole, out(erf)).filter(|node| is_add(node) && by(node, out(erf), 1.0))?;
        let end = only_reader(whole, out(raised)).filter(|node| is_mul(node))?;
        let (gated, _) = other(end, out(raised))?;
        if gated == here && end.id == product.id {
            let half = only_reader(whole, out(end)).filter(|node| is_mul(node) && by(node, out(end), 0.5))?;
            return Some(vec![scaled.id, erf.id, raised.id, end.id, half.id]);
        }
        let is_half = is_mul(product) && by(product, here, 0.5) && gated == out(product);
        let alone = only_reader(whole, gated).is_some_and(|node| node.id == end.id);
        return (is_half && alone).then(|| vec![scaled.id, erf.id, raised.id, product.id, end.id]);
    }
    None
}

fn is_div(node: &TypedNode) -> bool {
    node.op_as::<TypedBinOp>().is_some_and(|op| op.0.is::<Div>())
}

fn is_to_planes(node: &TypedNode) -> bool {
    node.op_as::<AxisOp>().is_some_and(|op| *op.canonical() == TO_PLANES)
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
