//! What the ONNX file calls things, for a graph that tract has renamed and lowered.
//!
//! tract turns one ONNX node into several of its own, drops nodes that do nothing, and knows nothing of the module paths
//! that PyTorch's default exporter records. [`NodeNames`] is made while the graph is translated, when the correspondence is
//! known exactly, and answers in both directions: what is this outlet called, and which outlet does this name mean.

use std::collections::HashMap;

use tract_onnx::prelude::OutletId;

use super::modules;
use crate::text::escape;

/// One node of the ONNX file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OnnxNode {
    /// The node's name; the name of its first output where the file leaves it empty.
    pub name: String,
    /// The ONNX operator: `Conv`, `Relu`, ...
    pub operator: String,
    /// The names of the tensors that it outputs.
    pub outputs: Vec<String>,
    /// The path of the module that it came from (`layer4.1.relu`), as PyTorch's default exporter records it. Modules that
    /// are called several times, and nodes of one module, share a path.
    pub path: Option<String>,
    /// Other paths that a user may know it by: the owner of its weights, where a fused batch norm took over the name.
    pub aliases: Vec<String>,
    /// Whether it reads numbers that the file holds.
    pub reads_weights: bool,
}

impl OnnxNode {
    /// The same with names that are safe to show: whoever made the file could write into the terminal with them.
    #[must_use]
    pub fn escaped(self) -> OnnxNode {
        let safe = |text: String| escape(&text).into_owned();
        OnnxNode {
            name: safe(self.name),
            operator: safe(self.operator),
            outputs: self.outputs.into_iter().map(safe).collect(),
            path: self.path.map(safe),
            aliases: self.aliases.into_iter().map(safe).collect(),
            reads_weights: self.reads_weights,
        }
    }
}

/// The correspondence between a typed graph and the ONNX file that it was made from.
#[derive(Debug, Clone, Default)]
pub struct NodeNames {
    nodes: Vec<OnnxNode>,
    /// For each tract node, the ONNX node that it was made for.
    owners: HashMap<usize, usize>,
    /// For each ONNX node, where its outputs are in the typed graph.
    outlets: Vec<Vec<OutletId>>,
    /// For each outlet that is an ONNX tensor, the node that computes it.
    producers: HashMap<OutletId, (usize, usize)>,
}

impl NodeNames {
    /// Adds an ONNX node: `made` are the tract nodes made for it, `outlets` where its outputs are. Nodes come in the order
    /// of evaluation, so that one that does nothing does not take over the name of the value it passes on.
    pub fn add(&mut self, node: OnnxNode, made: impl IntoIterator<Item = usize>, outlets: &[OutletId]) {
        let index = self.nodes.len();
        self.owners.extend(made.into_iter().map(|id| (id, index)));
        for (slot, outlet) in outlets.iter().enumerate() {
            self.producers.entry(*outlet).or_insert((index, slot));
        }
        self.nodes.push(node);
        self.outlets.push(outlets.to_vec());
    }

    /// The ONNX node that a tract node was made for, whether or not it holds the final value.
    pub fn owner(&self, tract_node: usize) -> Option<&OnnxNode> {
        self.owners.get(&tract_node).map(|index| &self.nodes[*index])
    }

    /// The ONNX node whose output lies at this outlet, and the name of the tensor. None for the values in between, which
    /// exist in tract's graph only.
    pub fn output(&self, outlet: OutletId) -> Option<(&OnnxNode, &str)> {
        let (index, slot) = self.producers.get(&outlet)?;
        let node = &self.nodes[*index];
        Some((node, node.outputs.get(*slot).map_or("", String::as_str)))
    }

    /// Every outlet that the name may mean, in the order of evaluation: of the node or tensor that is called so, else all
    /// inside the module of this path, else of a node that has another name.
    pub fn find(&self, name: &str) -> Vec<OutletId> {
        let asked = modules::asked(name);
        let exact = |node: &OnnxNode| node.name == name || node.outputs.iter().any(|tensor| tensor == name);
        let module = |node: &OnnxNode| modules::module(node).is_some_and(|module| modules::is_inside(&module, &asked));
        let again = |node: &OnnxNode| {
            modules::module(node).is_some_and(|module| modules::is_called_again(node, &module, &asked))
        };
        let inside = |node: &OnnxNode| module(node) || again(node) && self.nodes.iter().any(&module);
        let alias = |node: &OnnxNode| node.aliases.iter().any(|alias| alias == name);
        let kinds: [&dyn Fn(&OnnxNode) -> bool; 3] = [&exact, &inside, &alias];
        for matches in kinds {
            let hits = self.nodes.iter().zip(&self.outlets).filter(|(node, _)| matches(node));
            let found: Vec<OutletId> = hits.filter_map(|(node, outlets)| named(node, outlets, name)).collect();
            if !found.is_empty() {
                return found;
            }
        }
        Vec::new()
    }

    /// The nodes of the file, in the order of evaluation.
    pub fn nodes(&self) -> &[OnnxNode] {
        &self.nodes
    }
}

/// The output of the node that carries this name, or its first.
fn named(node: &OnnxNode, outlets: &[OutletId], name: &str) -> Option<OutletId> {
    let slot = node.outputs.iter().position(|tensor| tensor == name).unwrap_or(0);
    outlets.get(slot).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, output: &str, path: Option<&str>) -> OnnxNode {
        OnnxNode { name: name.into(), outputs: vec![output.into()], path: path.map(Into::into), ..OnnxNode::default() }
    }

    #[test]
    fn a_name_finds_its_outlet_by_node_tensor_and_path() {
        let mut names = NodeNames::default();
        let (relu, identity) = (node("node_relu", "relu", Some("layer1.relu")), node("drop", "dropped", None));
        names.add(relu, [3, 4], &[OutletId::new(4, 0)]);
        names.add(identity, [], &[OutletId::new(4, 0)]);
        names.add(node("node_relu_1", "relu_1", Some("layer1.relu")), [5], &[OutletId::new(5, 0)]);
        for name in ["node_relu", "relu", "drop", "dropped"] {
            assert_eq!(names.find(name), [OutletId::new(4, 0)], "{name}");
        }
        assert_eq!(names.find("layer1.relu"), [OutletId::new(4, 0), OutletId::new(5, 0)]);
        assert_eq!(names.find("layer1"), names.find("layer1.relu"));
        assert_eq!(names.find("conv"), []);
        assert_eq!(
            names.output(OutletId::new(4, 0)).map(|(node, tensor)| (node.name.as_str(), tensor)),
            Some(("node_relu", "relu"))
        );
        assert_eq!(names.output(OutletId::new(3, 0)), None);
        assert_eq!(names.owner(3).map(|node| node.name.as_str()), Some("node_relu"));
    }

    #[test]
    fn a_module_is_all_inside_it_and_its_later_calls() {
        let mut names = NodeNames::default();
        let nodes = ["conv1/Conv", "relu/Relu", "conv2/Conv", "relu_1/Relu", "pool_1/Pool"];
        for (id, name) in nodes.into_iter().enumerate() {
            let reads_weights = name.starts_with("conv");
            let node = OnnxNode { reads_weights, ..node(&format!("/layer1/layer1.0/{name}"), name, None) };
            names.add(node, [id], &[OutletId::new(id, 0)]);
        }
        let find = |name: &str| names.find(name).iter().map(|outlet| outlet.node).collect::<Vec<_>>();
        for name in ["layer1", "layer1.0", "/layer1/layer1.0", "layer1.0/"] {
            assert_eq!(find(name), [0, 1, 2, 3, 4], "{name}");
        }
        assert_eq!(find("layer1.0.relu"), [1, 3], "it is called twice");
        assert_eq!((find("layer1.0.relu_1"), find("layer1.0.pool_1")), (vec![3], vec![4]));
        assert_eq!((find("layer1.0.pool"), find("layer1.0.con"), find("")), (vec![], vec![], vec![]));
    }
}
