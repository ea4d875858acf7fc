//! Convolutions, and what transformers are made of, by kernels of our own in tract's graphs.
//!
//! The kernels of `crate::kernels` want the channels of an image next to each other, "lanes", where ONNX has them apart,
//! "planes". A pass over the graph puts the operator [`Convolution`] in the place of tract's where that is worth it, with
//! what follows (a bias, a scale, a sum, an activation) inside of it, and lets everything between two convolutions work in
//! lanes as well, so that values are laid out anew at few places: at the image, at the classifier's end, and where somebody
//! asks for a layer's value. It runs after differentiation, so the way back uses the same kernels, and before tract
//! optimises, while convolutions are still convolutions. Dense layers ([`linear`]), layer normalisation ([`norm`]) and attention
//! ([`attention`]) have operators of their own, wherever their rows come from.

mod attention;
mod channels;
mod concat;
mod follow;
mod linear;
mod memory;
mod norm;
mod operator;
mod pool;
mod program;
mod relayout;
mod step;
mod tail;
#[cfg(test)]
mod tests;
mod view;
mod weights;

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::AxisOp;
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::Cast;
use tract_onnx::tract_core::ops::cnn::{Conv, KernelFormat, PoolSpec};
use tract_onnx::tract_core::ops::math::Mul;
use tract_onnx::tract_core::ops::nn::DataFormat;

use crate::kernels::{Geometry, Window};
use operator::Convolution;
pub(super) use program::{Program, with_programs};
use relayout::Relayout;

/// Whether tract's convolutions are used as they are: `SEEWHY_KERNELS=tract`, to compare and to find faults.
static ONLY_TRACT: LazyLock<bool> =
    LazyLock::new(|| std::env::var_os("SEEWHY_KERNELS").is_some_and(|own| own == "tract"));

/// From the axes of planes, `[1, C, h, w]`, to those of lanes, `[1, h, w, C]`.
const TO_LANES: AxisOp = AxisOp::Move(1, 3);

/// The way back.
const TO_PLANES: AxisOp = AxisOp::Move(3, 1);

/// Fewer channels than this leave most of a vector empty.
const FEWEST_CHANNELS: usize = 4;

/// A graph with our own convolutions.
pub(super) struct Inserted {
    pub(super) graph: TypedModel,
    pub(super) inputs_in_lanes: Vec<bool>,
    pub(super) outputs_in_lanes: Vec<bool>,
    /// The nodes of the whole graph that are done inside of an operator of ours, and its name: that of the node it begins with.
    pub(super) fused: HashMap<String, String>,
}

/// Which inputs and outputs may be in lanes: images from these numbers on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Free {
    /// All inputs that are images are then in lanes.
    pub(super) inputs_from: usize,
    /// All outputs that were computed in lanes are left there.
    pub(super) outputs_from: usize,
}

impl Free {
    /// None: all are as the network has them.
    pub(super) const NONE: Free = Free { inputs_from: usize::MAX, outputs_from: usize::MAX };
}

/// The graph with our own convolutions where they are worth it. Inputs and outputs stay as they are, but for those that are
/// `free`.
pub(super) fn insert(whole: TypedModel, free: Free) -> TractResult<Inserted> {
    let any = |node: &TypedNode| {
        node.op_as::<Conv>().is_some_and(|op| geometry(&whole, node, op).is_some()) || linear::is_product(&whole, node)
    };
    if *ONLY_TRACT || !whole.nodes().iter().any(any) {
        let (inputs, outputs) = (whole.inputs.len(), whole.outputs.len());
        let (inputs_in_lanes, outputs_in_lanes) = (vec![false; inputs], vec![false; outputs]);
        return Ok(Inserted { graph: whole, inputs_in_lanes, outputs_in_lanes, fused: HashMap::new() });
    }
    let mut inserter = Inserter {
        whole: &whole,
        graph: TypedModel { symbols: whole.symbols.clone(), ..TypedModel::default() },
        places: HashMap::new(),
        done: HashSet::new(),
        fused: HashMap::new(),
        packed_matrices: HashSet::new(),
    };
    let mut inputs_in_lanes = vec![];
    for (slot, input) in whole.inputs.iter().enumerate() {
        let shape = inserter.shape(*input).filter(|_| slot >= free.inputs_from);
        let fact = match &shape {
            Some(shape) => f32::fact([1, shape[2], shape[3], shape[1]]),
            None => whole.outlet_fact(*input)?.clone(),
        };
        let source = inserter.graph.add_source(whole.node(input.node).name.clone(), fact)?;
        let place = if shape.is_some() { Place::lanes(source) } else { Place::planes(source) };
        inserter.places.insert(*input, place);
        inserter.done.insert(input.node);
        inputs_in_lanes.push(shape.is_some());
    }
    let order = whole.eval_order()?;
    // Constants first, for whoever looks at what comes later.
    let (constants, others): (Vec<usize>, Vec<usize>) =
        order.into_iter().partition(|id| whole.node(*id).inputs.is_empty());
    for id in constants.into_iter().chain(others) {
        if !inserter.done.contains(&id) {
            inserter.node(whole.node(id))?;
        }
    }
    let (mut outputs, mut outputs_in_lanes) = (vec![], vec![]);
    for (slot, output) in whole.outputs.iter().enumerate() {
        let place = inserter.places.get(output).filter(|place| slot >= free.outputs_from && place.in_lanes);
        outputs_in_lanes.push(place.is_some());
        outputs.push(if place.is_some() { inserter.lanes(*output)? } else { inserter.planes(*output)? });
    }
    let (mut graph, fused) = (inserter.graph, inserter.fused);
    graph.select_output_outlets(&outputs)?;
    Ok(Inserted { graph, inputs_in_lanes, outputs_in_lanes, fused })
}

/// Where a value of the whole graph is in the new one.
#[derive(Debug, Clone, Copy)]
struct Place {
    planes: Option<OutletId>,
    lanes: Option<OutletId>,
    /// Whether it was computed in lanes, so that what reads it should work in lanes.
    in_lanes: bool,
}

impl Place {
    fn planes(outlet: OutletId) -> Place {
        Place { planes: Some(outlet), lanes: None, in_lanes: false }
    }

    fn lanes(outlet: OutletId) -> Place {
        Place { planes: None, lanes: Some(outlet), in_lanes: true }
    }
}

struct Inserter<'a> {
    whole: &'a TypedModel,
    graph: TypedModel,
    places: HashMap<OutletId, Place>,
    /// Nodes of the whole graph that need nothing more: their values are there, or inside of another operator.
    done: HashSet<usize>,
    /// Those inside, by name, and the operator's name.
    fused: HashMap<String, String>,
    /// Where the matrices lie that are packed for one direction.
    packed_matrices: HashSet<usize>,
}

impl Inserter<'_> {
    fn node(&mut self, node: &TypedNode) -> TractResult<()> {
        if node.op_as::<Conv>().is_some_and(|op| geometry(self.whole, node, op).is_some()) && self.convolution(node)? {
            return Ok(());
        }
        if self.linear(node)? || self.normalised(node)? || self.attention(node)? {
            return Ok(());
        }
        if self.turned(node) || self.scaled(node)? || self.follow(node)? {
            return Ok(());
        }
        let facts = node.outputs.iter().map(|output| output.fact.clone()).collect();
        let inputs = node.inputs.iter().map(|input| self.planes(*input)).collect::<TractResult<TVec<_>>>()?;
        // As it was, facts included: some cannot be found anew.
        let copy = self.graph.add_node(node.name.clone(), node.op.clone(), facts)?;
        for (slot, input) in inputs.into_iter().enumerate() {
            self.graph.add_edge(input, InletId::new(copy, slot))?;
        }
        for slot in 0..node.outputs.len() {
            self.places.insert(OutletId::new(node.id, slot), Place::planes(OutletId::new(copy, slot)));
        }
        Ok(())
    }

    /// These nodes are done by the operator that is named after `first`.
    fn fuse(&mut self, nodes: impl IntoIterator<Item = usize>, first: &TypedNode) {
        for id in nodes {
            self.done.insert(id);
            if id != first.id {
                self.fused.insert(self.whole.node(id).name.clone(), first.name.clone());
            }
        }
    }

    /// A convolution with what follows it; nothing is done where its weights are not constant.
    fn convolution(&mut self, node: &TypedNode) -> TractResult<bool> {
        let Some(geometry) = node.op_as::<Conv>().and_then(|op| geometry(self.whole, node, op)) else {
            return Ok(false);
        };
        let Some(mut recipe) = weights::Recipe::of(self.whole, node) else { return Ok(false) };
        let tail = tail::find(self, OutletId::new(node.id, 0), &mut recipe, geometry.outputs);
        let shape = self.shape(node.inputs[0]).unwrap_or_default();
        let size = [shape[2], shape[3]];
        let op = Convolution { kernel: recipe.packed(geometry, size)?, size, activation: tail.activation };
        let mut inputs = tvec![self.lanes(node.inputs[0])?];
        if let Some(residual) = tail.residual {
            inputs.push(self.lanes(residual)?);
        }
        let outlet = self.graph.wire_node(node.name.clone(), op, &inputs)?[0];
        self.fuse(tail.nodes, node);
        self.places.insert(tail.last, Place::lanes(outlet));
        Ok(true)
    }

    /// Where the file itself moves the channels to the end or back, the other layout of the one value is that of the other.
    fn turned(&mut self, node: &TypedNode) -> bool {
        let Some(op) = node.op_as::<AxisOp>() else { return false };
        let Some(place) = node.inputs.first().and_then(|input| self.places.get(input)).copied() else { return false };
        let here = OutletId::new(node.id, 0);
        if self.shape(node.inputs[0]).is_none() || self.shape(here).is_none() {
            return false;
        }
        let place = match (op.canonical().as_ref(), place) {
            (op, Place { lanes: Some(lanes), .. }) if *op == TO_LANES => Place::planes(lanes),
            (op, Place { planes: Some(planes), .. }) if *op == TO_PLANES => Place::lanes(planes),
            _ => return false,
        };
        self.places.insert(here, place);
        true
    }

    /// The shape of a value that can be in either layout: `[1, C, h, w]`, of floats.
    fn shape(&self, outlet: OutletId) -> Option<TVec<usize>> {
        image_shape(self.whole, outlet)
    }

    /// The value of the whole graph as it was.
    fn planes(&mut self, outlet: OutletId) -> TractResult<OutletId> {
        match self.places.get(&outlet) {
            Some(Place { planes: Some(planes), .. }) => Ok(*planes),
            Some(Place { lanes: Some(lanes), .. }) => {
                let moved = self.relaid(outlet, *lanes, false)?;
                self.places.entry(outlet).and_modify(|place| place.planes = Some(moved));
                Ok(moved)
            }
            _ => anyhow::bail!("the value of {:?} is not there", self.whole.node(outlet.node).name),
        }
    }

    /// The value of the whole graph with its channels last.
    fn lanes(&mut self, outlet: OutletId) -> TractResult<OutletId> {
        if let Some(Place { lanes: Some(lanes), .. }) = self.places.get(&outlet) {
            return Ok(*lanes);
        }
        let planes = self.planes(outlet)?;
        let moved = self.relaid(outlet, planes, true)?;
        self.places.entry(outlet).and_modify(|place| place.lanes = Some(moved));
        Ok(moved)
    }

    fn relaid(&mut self, outlet: OutletId, from: OutletId, to_lanes: bool) -> TractResult<OutletId> {
        let direction = if to_lanes { "lanes" } else { "planes" };
        let name = self.graph.unique_name(format!("{}.{direction}", self.whole.node(outlet.node).name)).into_owned();
        let constant = self.whole.outlet_fact(outlet)?.konst.is_some();
        match self.shape(outlet) {
            Some(shape) if shape[2] * shape[3] > 1 && shape[1] > 1 && !constant => {
                Ok(self.graph.wire_node(name, Relayout { to_lanes, channels: shape[1] }, &[from])?[0])
            }
            _ => Ok(self.graph.wire_node(name, if to_lanes { TO_LANES } else { TO_PLANES }, &[from])?[0]),
        }
    }
}

/// The shape of a value that can be in either layout: `[1, C, h, w]`, of floats.
fn image_shape(graph: &TypedModel, outlet: OutletId) -> Option<TVec<usize>> {
    let fact = graph.outlet_fact(outlet).ok()?;
    let shape = fact.shape.as_concrete()?;
    let fits = fact.datum_type == f32::datum_type() && shape.len() == 4 && shape[0] == 1;
    fits.then(|| shape.into())
}

/// What a convolution does, where our own kernel for it is worth having.
fn geometry(graph: &TypedModel, node: &TypedNode, op: &Conv) -> Option<Geometry> {
    let shape = image_shape(graph, node.inputs[0])?;
    let spec = &op.pool_spec;
    let plain = op.q_params.is_none()
        && op.kernel_fmt == KernelFormat::OIHW
        && graph.outlet_fact(node.inputs[1]).ok()?.datum_type == f32::datum_type();
    if !plain || spec.data_format != DataFormat::NCHW || spec.output_channels < FEWEST_CHANNELS {
        return None;
    }
    let window = window(spec, [shape[2], shape[3]])?;
    Some(Geometry { inputs: spec.input_channels, outputs: spec.output_channels, groups: op.group, window })
}

/// The window of a convolution or pooling over an image of `size`.
fn window(spec: &PoolSpec, size: [usize; 2]) -> Option<Window> {
    let [down, across] = spec.kernel_shape[..] else { return None };
    let padding = spec.computed_padding(&size);
    let window = Window {
        kernel: [down, across],
        stride: [spec.stride(0), spec.stride(1)],
        dilation: [spec.dilation(0), spec.dilation(1)],
        before: [padding[0].pad_before, padding[1].pad_before],
        after: [padding[0].pad_after, padding[1].pad_after],
    };
    let output = [padding[0].convoluted, padding[1].convoluted];
    (window.output(size) == output && output[0] * output[1] > 0).then_some(window)
}

/// Whether a node gives its input other axes, or moves axes of length 1, so that nothing moves in memory.
fn same_memory(graph: &TypedModel, node: &TypedNode) -> bool {
    let Some(op) = node.op_as::<AxisOp>() else {
        return node.op_is::<Cast>()
            && graph.outlet_fact(node.inputs[0]).is_ok_and(|fact| fact.datum_type == node.outputs[0].fact.datum_type);
    };
    let Some(shape) = graph.outlet_fact(node.inputs[0]).ok().and_then(|fact| fact.shape.as_concrete()) else {
        return false;
    };
    match op {
        AxisOp::Add(_) | AxisOp::Rm(_) | AxisOp::Reshape(..) => true,
        AxisOp::Move(from, to) => {
            let passed = if from < to { from + 1..to + 1 } else { *to..*from };
            shape[*from] == 1 || shape[passed].iter().all(|length| *length == 1)
        }
    }
}

/// The numbers of a constant that has one for each of an axis' `length`, or one for all. The axis has `behind` others behind it.
fn vector(graph: &TypedModel, outlet: OutletId, length: usize, behind: usize) -> Option<Arc<Tensor>> {
    let shape = graph.outlet_fact(outlet).ok()?.shape.as_concrete()?;
    let long = |(axis, side): (usize, &usize)| *side == if axis == behind { length } else { 1 };
    let fits = shape.iter().product::<usize>() == 1 || shape.iter().rev().enumerate().all(long);
    let mut outlet = outlet;
    while graph.outlet_fact(outlet).ok()?.konst.is_none() {
        let node = graph.node(outlet.node);
        let one = |input: &OutletId| tail::scalar(graph, *input) == Some(1.0);
        let next = match *node.inputs.as_slice() {
            [input] if same_memory(graph, node) => input,
            // A bias of Gemm.
            [left, right] if node.op_as::<TypedBinOp>().is_some_and(|op| op.0.is::<Mul>()) => {
                if one(&left) {
                    right
                } else {
                    one(&right).then_some(left)?
                }
            }
            _ => return None,
        };
        outlet = next;
    }
    let value = graph.outlet_fact(outlet).ok()?.konst.clone()?;
    (fits && value.datum_type() == f32::datum_type() && (value.len() == 1 || value.len() == length)).then_some(value)
}

/// The value of a constant, also behind a cast that changes nothing.
fn constant(graph: &TypedModel, outlet: OutletId) -> Option<Arc<Tensor>> {
    let node = graph.node(outlet.node);
    let fact = graph.outlet_fact(outlet).ok()?;
    if let Some(value) = &fact.konst {
        return Some(Arc::clone(value));
    }
    let same = node.op_is::<Cast>() && graph.outlet_fact(node.inputs[0]).ok()?.datum_type == fact.datum_type;
    if same { constant(graph, node.inputs[0]) } else { None }
}
