//! What any node of the network holds for an image, by the node's name: read in one run that ends where the last one is.

use std::collections::{BTreeSet, HashSet};

use ndarray::{ArrayD, ArrayViewD, Axis};
use tract_onnx::prelude::*;

use super::error::tract;
use super::extract::{concrete, needed};
use super::kernels::Free;
use super::layers::MOVERS;
use super::modules;
use super::plans::PlanKind;
use super::{Layer, LayerLayout, Network, NetworkError, OnnxNode, tensors};

/// A value of the network that can be read: what a node of the ONNX file makes of the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeValue {
    /// The ONNX name of the node.
    pub name: String,
    /// The name of the tensor that it outputs.
    pub tensor: String,
    /// The module path that PyTorch's default exporter records, where there is one.
    pub path: Option<String>,
    /// The ONNX operator.
    pub operator: String,
    /// Its sides as it is read: `[C, h, w]` where it has a grid, else those of the tensor without the batch's.
    pub shape: Vec<usize>,
    /// Its index among [`Network::layers`], where the image's rows and columns are known in it.
    pub layer: Option<usize>,
    /// Tokens before the patch grid (a class token, registers), which are not read.
    pub dropped: usize,
    outlet: OutletId,
}

impl Network {
    /// The value of a layer.
    pub fn layer_node(&self, index: usize) -> NodeValue {
        let Layer { name, tensor, path, operator, shape, layout, .. } = self.layers.list[index].clone();
        let outlet = self.layers.outlets[index];
        let dropped = if let LayerLayout::Tokens { prefix } = layout { prefix } else { 0 };
        NodeValue { name, tensor, path, operator, shape: shape.to_vec(), layer: Some(index), dropped, outlet }
    }

    /// Every value that can be read, in the order of evaluation: those of layers, and of all other nodes that hold numbers
    /// that depend on the image and on which the scores depend.
    pub fn nodes(&self) -> Vec<NodeValue> {
        let order = self.graph.eval_order().unwrap_or_default();
        let of_scores = needed(&self.graph, &[], &[self.logits]);
        let mut depends = HashSet::from([self.input.node]);
        let mut found = vec![];
        for id in order.into_iter().filter(|id| *id != self.input.node) {
            if self.graph.node(id).inputs.iter().any(|input| depends.contains(&input.node)) {
                depends.insert(id);
                let outlets = (0..self.graph.node(id).outputs.len()).map(|slot| OutletId::new(id, slot));
                found.extend(outlets.filter(|_| of_scores.contains(&id)).filter_map(|outlet| self.node_value(outlet)));
            }
        }
        found
    }

    /// The value at an outlet, where it is the output of a node of the file, and float.
    fn node_value(&self, outlet: OutletId) -> Option<NodeValue> {
        if let Some(layer) = self.layers.outlets.iter().position(|other| *other == outlet) {
            return Some(self.layer_node(layer));
        }
        let (node, tensor) = self.names.output(outlet)?;
        let is_float = self.graph.outlet_fact(outlet).is_ok_and(|fact| fact.datum_type == f32::datum_type());
        let mut shape = concrete(&self.graph, outlet).ok().filter(|_| is_float)?;
        if shape.len() > 1 && shape[0] == 1 {
            shape.remove(0);
        }
        Some(NodeValue {
            name: node.name.clone(),
            tensor: tensor.to_owned(),
            path: node.path.clone(),
            operator: node.operator.clone(),
            shape,
            layer: None,
            dropped: 0,
            outlet,
        })
    }

    /// The value that a name means: of a node or tensor, or what a module makes of the image, its last value but for such
    /// as only move it around.
    ///
    /// # Errors
    /// [`NetworkError::NoSuchLayer`], with the name that is nearest.
    pub fn find_node(&self, name: &str) -> Result<NodeValue, NetworkError> {
        let (nodes, places) = (self.nodes(), self.names.find(name));
        let found = || nodes.iter().rev().filter(|node| places.contains(&node.outlet));
        let computed = found().find(|node| !MOVERS.contains(&node.operator.as_str()));
        let found = computed.or_else(|| found().next()).cloned();
        found.ok_or_else(|| self.no_such_layer(name, nodes.iter().map(|node| node.outlet)))
    }

    /// What nodes hold for an input, each of its [`NodeValue::shape`]. One run for all of them.
    ///
    /// # Errors
    /// When the input has another shape than the network's, or tract fails.
    #[allow(clippy::needless_pass_by_value, reason = "a view is a reference already")]
    pub fn values(&self, input: ArrayViewD<'_, f32>, nodes: &[NodeValue]) -> Result<Vec<ArrayD<f32>>, NetworkError> {
        let tensor = self.input_tensor(&input)?;
        let mut outlets: Vec<OutletId> = nodes.iter().map(|node| node.outlet).collect();
        outlets.sort_unstable();
        outlets.dedup();
        let plan = self.plans.get(PlanKind::Values(outlets.clone()), || {
            let purpose = match nodes {
                [node] => format!("compute the value of {:?}", node.name),
                _ => format!("compute the values of {} layers", nodes.len()),
            };
            self.plan(purpose, &[self.input], &outlets, Free::NONE)
        })?;
        let values = plan.run(tvec![tensor])?;
        let read = |node: &NodeValue| {
            let slot = outlets.binary_search(&node.outlet).unwrap_or(0);
            self.read_value(node, &values[slot])
        };
        nodes.iter().map(read).collect()
    }

    fn read_value(&self, node: &NodeValue, tensor: &Tensor) -> Result<ArrayD<f32>, NetworkError> {
        if let Some(layer) = node.layer {
            return Ok(self.read_layer(layer, tensor)?.into_dyn());
        }
        let read = || -> TractResult<ArrayD<f32>> {
            let mut values =
                tensors::values(tensor).and_then(|values| Ok(ArrayD::from_shape_vec(tensor.shape(), values)?))?;
            if values.ndim() > 1 && values.shape()[0] == 1 {
                values = values.index_axis_move(Axis(0), 0);
            }
            Ok(values)
        };
        read().map_err(tract(format!("could not read the value of {:?}", node.name)))
    }

    /// That a name means nothing, and which of the outlets, or of the modules that they are in, was meant perhaps.
    pub(super) fn no_such_layer(&self, name: &str, outlets: impl Iterator<Item = OutletId>) -> NetworkError {
        let nodes = outlets.filter_map(|outlet| Some(self.names.output(outlet)?.0));
        NetworkError::NoSuchLayer { name: name.to_owned(), nearest: nearest_of(name, nodes) }
    }
}

/// The name that was meant perhaps, of a node or of a module that one is in.
pub(super) fn nearest_of<'a>(name: &str, nodes: impl Iterator<Item = &'a OnnxNode>) -> Option<String> {
    let mut names = BTreeSet::new();
    for node in nodes {
        let module = modules::module(node).unwrap_or_default();
        names.extend(modules::around(&module).map(str::to_owned));
        names.insert(node.name.clone());
    }
    nearest(name, names.iter().map(String::as_str).collect()).map(str::to_owned)
}

/// The one of `names` that somebody meant who wrote `name`: the shortest that has it as a part, or else the one with the
/// fewest letters to change; none where too many would have to be.
fn nearest<'a>(name: &str, names: Vec<&'a str>) -> Option<&'a str> {
    let plain = |text: &str| -> String {
        let letters = text.to_lowercase();
        letters.chars().filter(|c| c.is_alphanumeric()).collect()
    };
    let wanted = plain(name);
    if wanted.is_empty() {
        return None;
    }
    let distance = |other: &'a str| {
        let other_plain = plain(other);
        let distance = if other_plain.contains(&wanted) { 0 } else { strsim::levenshtein(&other_plain, &wanted) };
        // Of those as near as each other, the shortest, and then always the same.
        (distance <= wanted.chars().count() / 3).then_some((distance, other.len(), other))
    };
    names.into_iter().filter_map(distance).min().map(|(_, _, other)| other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_has_the_word_or_few_other_letters() {
        let names =
            || vec!["/layer1/layer1.0/relu/Relu", "/layer4/layer4.1/relu/Relu", "/fc/Gemm", "/layer4/layer4.1/Add"];
        assert_eq!(nearest("layer4.1", names()), Some("/layer4/layer4.1/Add"));
        assert_eq!(nearest("/layer4/layer4.1/relu/Rleu", names()), Some("/layer4/layer4.1/relu/Relu"));
        assert_eq!(nearest("gemm", names()), Some("/fc/Gemm"));
        assert_eq!((nearest("pelican", names()), nearest("", names()), nearest("x", vec![])), (None, None, None));
    }
}
