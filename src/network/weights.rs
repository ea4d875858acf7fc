//! The weights of a network, one node's after the other: what it has learnt, as arrays whose axes are known.

use std::collections::HashSet;

use ndarray::{ArrayD, IxDyn};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::change_axes::InOut;
use tract_onnx::tract_core::ops::cnn::{Conv, KernelFormat};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::konst::Const;

use super::error::tract;
use super::extract::{concrete, extract, needed};
use super::values::nearest_of;
use super::{Layout, Network, NetworkError, tensors};

/// What the axes of weights mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightKind {
    /// `[outputs, inputs / groups, height, width]`: output `o` reads the inputs of group `o * groups / outputs`.
    Convolution {
        /// Into so many groups inputs and outputs are divided; as many as there are inputs where it is depthwise.
        groups: usize,
        /// Whether what it reads are the image's own colours, in the order of the network's input.
        on_pixels: bool,
    },
    /// `[outputs, inputs]`, of a product with a matrix.
    Linear {
        /// Whether its outputs are the scores of the classes.
        of_classes: bool,
    },
    /// As the graph has them: tables of positions and tokens, whatever else is neither.
    Other,
}

/// The weights of a node, without its bias.
#[derive(Debug, Clone)]
pub struct Weights {
    /// The ONNX name of the node.
    pub name: String,
    /// The module path that PyTorch's default exporter records, where there is one.
    pub path: Option<String>,
    /// The ONNX operator.
    pub operator: String,
    /// What their axes mean.
    pub kind: WeightKind,
    /// The numbers.
    pub values: ArrayD<f32>,
}

impl Weights {
    /// How much of the weights reads each input: the root of the sum of their squares, an input after the other. None where
    /// it is not known which inputs they read.
    pub fn energy_of_inputs(&self) -> Option<Vec<f32>> {
        let (outputs, each) = (*self.values.shape().first()?, *self.values.shape().get(1)?);
        let groups = match self.kind {
            WeightKind::Convolution { groups, .. } => groups.max(1),
            WeightKind::Linear { .. } => 1,
            WeightKind::Other => return None,
        };
        let mut sums = vec![0.0_f64; each * groups];
        for (at, weight) in self.values.indexed_iter() {
            let group = at[0] * groups / outputs.max(1);
            sums[group * each + at[1]] += f64::from(*weight).powi(2);
        }
        Some(sums.into_iter().map(|sum| sum.sqrt() as f32).collect())
    }

    /// The same for every pair: `[outputs, inputs / groups]`, the norm of the kernel from that input to that output.
    pub fn energy_of_pairs(&self) -> Option<ndarray::Array2<f32>> {
        if self.kind == WeightKind::Other || self.values.ndim() < 2 {
            return None;
        }
        let mut sums = ndarray::Array2::<f32>::zeros((self.values.shape()[0], self.values.shape()[1]));
        for (at, weight) in self.values.indexed_iter() {
            sums[[at[0], at[1]]] += weight * weight;
        }
        Some(sums.mapv(f32::sqrt))
    }
}

impl Network {
    /// The weights of a node, by a name that [`Network::weighted`] lists, or any that [`Network::find_weights`] takes: the
    /// first where it means several.
    ///
    /// # Errors
    /// [`NetworkError::NoSuchWeights`], or when tract cannot compute weights that are made of others.
    pub fn weights(&self, name: &str) -> Result<Weights, NetworkError> {
        let id = self.named_weights(name)?[0];
        self.read_weights(id).map_err(tract(format!("could not read the weights of {name:?}")))
    }

    /// The names of the nodes with weights that a name means, from the input to the logits: a node's own or its tensor's, or
    /// that of a module, for all that are inside it.
    ///
    /// # Errors
    /// [`NetworkError::NoSuchWeights`].
    pub fn find_weights(&self, name: &str) -> Result<Vec<String>, NetworkError> {
        let mut names: Vec<String> = self.named_weights(name)?.into_iter().map(|id| self.weighted_name(id)).collect();
        names.dedup();
        Ok(names)
    }

    /// The nodes with weights that a name means, one at least.
    fn named_weights(&self, name: &str) -> Result<Vec<usize>, NetworkError> {
        let found: Vec<usize> = self.find_weighted()?.into_iter().map(|weighted| weighted.node).collect();
        let by_name = found.iter().find(|id| self.weighted_name(**id) == name || self.graph.node(**id).name == name);
        if let Some(id) = by_name {
            return Ok(vec![*id]);
        }
        let places = self.names.find(name);
        // A bias that the file has in the same node is a node of its own here.
        let owner = |id: usize| self.names.owner(id).map(|node| node.name.as_str());
        let is_meant = |id: &usize| {
            places.iter().any(|place| place.node == *id || owner(place.node) == owner(*id) && owner(*id).is_some())
        };
        let meant: Vec<usize> = found.iter().copied().filter(is_meant).collect();
        if meant.is_empty() {
            let nodes = found.iter().filter_map(|id| self.names.owner(*id));
            return Err(NetworkError::NoSuchWeights { name: name.to_owned(), nearest: nearest_of(name, nodes) });
        }
        Ok(meant)
    }

    fn read_weights(&self, id: usize) -> TractResult<Weights> {
        let node = self.graph.node(id);
        let (slot, values) = self.constant_input(node)?;
        let (kind, values) = match (self.convolution(node, slot), self.linear(node, slot, &values)) {
            (Some(kind), _) => (kind, values),
            (None, Some((kind, values))) => (kind, values),
            (None, None) => (WeightKind::Other, values),
        };
        let owner = self.names.owner(id);
        Ok(Weights {
            name: owner.map_or_else(|| node.name.clone(), |owner| owner.name.clone()),
            path: owner.and_then(|owner| owner.path.clone()),
            operator: owner.map_or_else(|| node.op.name().into_owned(), |owner| owner.operator.clone()),
            kind,
            values,
        })
    }

    /// The longest input of a node that does not depend on the image: its slot and its numbers.
    fn constant_input(&self, node: &TypedNode) -> TractResult<(usize, ArrayD<f32>)> {
        let mut longest: Option<(usize, usize)> = None;
        for (slot, input) in node.inputs.iter().enumerate() {
            let depends = needed(&self.graph, &[], &[*input]).contains(&self.input.node);
            let length = concrete(&self.graph, *input)?.iter().product();
            if !depends && longest.is_none_or(|(_, most)| length > most) {
                longest = Some((slot, length));
            }
        }
        let (slot, _) = longest.ok_or_else(|| anyhow::anyhow!("all that it reads depends on the image"))?;
        let outlet = node.inputs[slot];
        let value = match self.graph.node(outlet.node).op_as::<Const>() {
            Some(constant) => Arc::clone(constant.val()),
            None => {
                let part = extract(&self.graph, &[], &[outlet])?.graph;
                part.into_runnable()?.run(tvec![])?.remove(0).into_arc_tensor()
            }
        };
        let float = value.cast_to::<f32>()?;
        Ok((slot, ArrayD::from_shape_vec(IxDyn(float.shape()), tensors::values(&float)?)?))
    }

    fn convolution(&self, node: &TypedNode, slot: usize) -> Option<WeightKind> {
        let op = node.op_as::<Conv>().filter(|op| slot == 1 && op.kernel_fmt == KernelFormat::OIHW)?;
        let is_plane = op.pool_spec.kernel_shape.len() == 2;
        is_plane.then(|| WeightKind::Convolution { groups: op.group, on_pixels: self.reads_pixels(node.inputs[0], op) })
    }

    /// Whether a convolution reads the image's own colours: as many as it has, and nothing before has mixed them.
    fn reads_pixels(&self, input: OutletId, op: &Conv) -> bool {
        let channels = match (self.layout, self.input_shape.as_slice()) {
            (Layout::Nchw, [_, channels, ..]) | (Layout::Nhwc, [.., channels]) => *channels,
            _ => return false,
        };
        let mixing = ["Conv", "EinSum", "Pool", "Reduce", "Softmax"];
        let before = needed(&self.graph, &[self.input], &[input]);
        op.group == 1
            && op.pool_spec.input_channels == channels
            && [1, 3].contains(&channels)
            && before.iter().all(|id| {
                let name = self.graph.node(*id).op.name();
                !mixing.iter().any(|mixing| name.contains(mixing))
            })
    }

    /// A matrix as `[outputs, inputs]`, whatever the order of its axes in the graph.
    fn linear(&self, node: &TypedNode, slot: usize, values: &ArrayD<f32>) -> Option<(WeightKind, ArrayD<f32>)> {
        let op = node.op_as::<EinSum>().filter(|_| node.inputs.len() == 2)?;
        let (mut inputs, mut outputs, mut others) = (vec![], vec![], vec![]);
        for axis in 0..values.ndim() {
            let letters = op.axes.axis((InOut::In(slot), axis)).ok()?;
            let in_other = !letters.inputs[1 - slot].is_empty();
            let in_output = !letters.outputs[0].is_empty();
            match (in_other, in_output) {
                (true, false) => inputs.push(axis),
                (false, true) => outputs.push(axis),
                _ if values.shape()[axis] == 1 => others.push(axis),
                _ => return None,
            }
        }
        let length = |axes: &[usize]| axes.iter().map(|axis| values.shape()[*axis]).product::<usize>();
        let (rows, columns) = (length(&outputs), length(&inputs));
        let order = [others, outputs, inputs].concat();
        let turned = values.view().permuted_axes(IxDyn(&order));
        let matrix = turned.as_standard_layout().into_owned().into_shape_with_order(IxDyn(&[rows, columns])).ok()?;
        Some((WeightKind::Linear { of_classes: self.gives_scores(node.id) }, matrix))
    }

    /// Whether a node's outputs are the scores, but for a bias, a cast or a move.
    fn gives_scores(&self, id: usize) -> bool {
        let behind = needed(&self.graph, &[OutletId::new(id, 0)], &[self.logits]);
        let mut depends = HashSet::from([id]);
        let order = self.graph.eval_order().unwrap_or_default();
        let is_plain = |id: &usize| {
            let name = self.graph.node(*id).op.name();
            ["Add", "Cast", "Axis", "Reshape", "Rm", "Move", "Identity"].iter().any(|plain| name.contains(plain))
        };
        for id in order.into_iter().filter(|id| behind.contains(id)) {
            if self.graph.node(id).inputs.iter().any(|input| depends.contains(&input.node)) {
                depends.insert(id);
            }
        }
        depends.remove(&id);
        depends.iter().all(is_plain) && (self.logits.node == id || depends.contains(&self.logits.node))
    }
}
