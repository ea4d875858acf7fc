//! Names for what is put from one graph into another.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{GraphProto, NodeProto};

use super::Node;
use crate::model::nodes::{subgraphs, subgraphs_mut};

/// The names of tensors that a graph has already.
pub(super) struct Names(HashSet<String>);

impl Names {
    /// All names in a graph, its branches included.
    pub(super) fn of(graph: &GraphProto) -> Names {
        let mut names = HashSet::new();
        defined(graph, &mut names);
        Names(names)
    }

    /// A name that nothing has yet, like `wish`.
    pub(super) fn fresh(&mut self, wish: &str) -> String {
        let mut name = wish.to_owned();
        for number in 2.. {
            if self.0.insert(name.clone()) {
                break;
            }
            name = format!("{wish}#{number}");
        }
        name
    }

    /// Gives whatever `body` defines a name of its own under `owner`, unless `bound` has one for it already. Names that the
    /// body does not define stay: they are those of the graph around it.
    pub(super) fn adopt(&mut self, owner: &str, body: &mut [Node], mut bound: HashMap<String, String>) {
        let mut inner = HashSet::new();
        for node in body.iter() {
            inner.extend(node.proto.output.iter().cloned());
            subgraphs(&node.proto).for_each(|graph| defined(graph, &mut inner));
        }
        for name in inner.into_iter().filter(|name| !name.is_empty()) {
            if let Entry::Vacant(place) = bound.entry(name) {
                let fresh = self.fresh(&format!("{owner}/{}", place.key()));
                place.insert(fresh);
            }
        }
        for node in body {
            rename(&mut node.proto, &bound);
            if !node.proto.name.is_empty() {
                node.proto.name = format!("{owner}/{}", node.proto.name);
            }
        }
    }
}

/// The names that a graph makes: inputs, weights, the outputs of its nodes.
fn defined(graph: &GraphProto, names: &mut HashSet<String>) {
    names.extend(graph.input.iter().map(|input| input.name.clone()));
    names.extend(graph.initializer.iter().map(|tensor| tensor.name.clone()));
    for node in &graph.node {
        names.extend(node.output.iter().cloned());
        subgraphs(node).for_each(|graph| defined(graph, names));
    }
}

/// Gives tensors their new names, in branches too.
fn rename(node: &mut NodeProto, names: &HashMap<String, String>) {
    for tensor in node.input.iter_mut().chain(&mut node.output) {
        if let Some(name) = names.get(tensor) {
            tensor.clone_from(name);
        }
    }
    for graph in subgraphs_mut(node) {
        let ends = graph.input.iter_mut().chain(&mut graph.output).map(|end| &mut end.name);
        for tensor in ends.chain(graph.initializer.iter_mut().map(|tensor| &mut tensor.name)) {
            if let Some(name) = names.get(tensor) {
                tensor.clone_from(name);
            }
        }
        graph.node.iter_mut().for_each(|node| rename(node, names));
    }
}

/// A node that passes a tensor on under another name.
pub(super) fn identity(name: String, from: String, to: String) -> Node {
    let proto =
        NodeProto { name, op_type: "Identity".into(), input: vec![from], output: vec![to], ..NodeProto::default() };
    Node { proto, ..Node::default() }
}
