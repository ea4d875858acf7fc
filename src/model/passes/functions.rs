//! Functions that a model brings along: each call becomes the function's nodes.

use std::collections::HashMap;

use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, OperatorSetIdProto};
use tract_onnx::prelude::Framework as _;

use super::rename::{Names, identity};
use super::{Node, operator_set, rewrite};
use crate::model::error::ModelProblem;
use crate::model::nodes::{is_standard, subgraphs_mut};
use crate::model::wire::{FunctionMessage, NodeMetadata, OVERLOAD};
use crate::network::reason;

/// How deep functions may call each other, and how many nodes may come of it.
const DEEPEST: usize = 64;
const MOST_NODES: usize = 1 << 20;

struct Function {
    inputs: Vec<String>,
    outputs: Vec<String>,
    nodes: Vec<Node>,
    defaults: Vec<AttributeProto>,
}

/// Domain, name and overload.
type Key = (String, String, String);

/// Replaces every call of a function by its body.
pub(super) fn inline(
    model: &mut ModelProto,
    metadata: &mut NodeMetadata,
    functions: Vec<FunctionMessage>,
) -> Result<(), ModelProblem> {
    if functions.is_empty() {
        return Ok(());
    }
    let mut library = HashMap::new();
    for message in functions {
        let key = key(&message.domain, &message.name, &message.overload);
        library.insert(key, function(model, message)?);
    }
    let Some(graph) = &mut model.graph else { return Ok(()) };
    let mut inliner = Inliner { library, names: Names::of(graph), made: 0 };
    rewrite(graph, metadata, |node| inliner.expand(node, 0))
}

fn key(domain: &str, name: &str, overload: &str) -> Key {
    let domain = if is_standard(domain) { "" } else { domain };
    (domain.to_owned(), name.to_owned(), overload.to_owned())
}

/// Reads the body of a function. Its nodes will count on the model's operator set, whatever the function's own is.
fn function(model: &mut ModelProto, message: FunctionMessage) -> Result<Function, ModelProblem> {
    let body = tract_onnx::onnx().proto_model_for_read(&mut message.body.as_slice());
    let mut nodes = body.map_err(|error| ModelProblem::Broken(reason(&error)))?.graph.unwrap_or_default().node;
    let defaults = if nodes.is_empty() { vec![] } else { nodes.remove(0).attribute };
    let own = message.operator_sets.iter().find(|(domain, _)| is_standard(domain)).map(|(_, version)| *version);
    match (own, operator_set(model)) {
        (Some(version), 0) => {
            model.opset_import.push(OperatorSetIdProto { domain: String::new(), version });
        }
        (Some(own), common) => {
            let changed = |node: &&_| changes_between(node, own, common);
            if let Some(node) = nodes.iter().find(changed) {
                return Err(ModelProblem::Unsuitable {
                    what: format!(
                        "its function {:?} has the operator {:?} of opset {own} and the graph is of opset {common}, which \
                         disagree on it",
                        message.name, node.op_type
                    ),
                    remedy: "export it with one opset, or convert it with onnx.version_converter".into(),
                });
            }
        }
        (None, _) => {}
    }
    let mut metadata = message.nodes.into_iter();
    let nodes = nodes.into_iter().map(|proto| Node { proto, metadata: metadata.next().unwrap_or_default() });
    Ok(Function { inputs: message.inputs, outputs: message.outputs, nodes: nodes.collect(), defaults })
}

/// Whether a node means something else in the one operator set than in the other.
fn changes_between(node: &tract_onnx::pb::NodeProto, one: i64, other: i64) -> bool {
    let versions: &[i64] = match node.op_type.as_str() {
        "Softmax" | "LogSoftmax" | "Hardmax" | "ReduceSum" | "Split" | "Squeeze" | "Unsqueeze" => &[13],
        "ReduceMean" | "ReduceMax" | "ReduceMin" | "ReduceProd" | "ReduceL1" | "ReduceL2" | "ReduceSumSquare" => &[18],
        "Slice" => &[10],
        "Pad" => &[11, 18],
        "Clip" => &[11],
        "Resize" => &[11, 13],
        "GridSample" => &[16, 20],
        "GroupNormalization" => &[21],
        "Upsample" => &[9],
        _ => &[],
    };
    is_standard(&node.domain) && versions.iter().any(|version| (one < *version) != (other < *version))
}

struct Inliner {
    library: HashMap<Key, Function>,
    names: Names,
    made: usize,
}

impl Inliner {
    /// The nodes that stand for `node`: itself where it calls no function.
    fn expand(&mut self, mut node: Node, depth: usize) -> Result<Vec<Node>, ModelProblem> {
        for graph in subgraphs_mut(&mut node.proto) {
            self.within(graph, depth)?;
        }
        let overload = node.metadata.iter().find(|(key, _)| key == OVERLOAD).map_or("", |(_, value)| value.as_str());
        let Some(function) = self.library.get(&key(&node.proto.domain, &node.proto.op_type, overload)) else {
            return Ok(vec![node]);
        };
        self.made += function.nodes.len();
        if depth == DEEPEST || self.made > MOST_NODES {
            return Err(ModelProblem::Malformed(format!(
                "its functions call each other without end, among them {:?}",
                node.proto.op_type
            )));
        }
        let body = call(&node, function, &mut self.names);
        let mut nodes = vec![];
        for inner in body {
            nodes.extend(self.expand(inner, depth + 1)?);
        }
        Ok(nodes)
    }

    /// Inlines in a branch or a loop's body.
    fn within(&mut self, graph: &mut GraphProto, depth: usize) -> Result<(), ModelProblem> {
        rewrite(graph, &mut NodeMetadata::new(), |node| self.expand(node, depth))
    }
}

/// The body of a function as one call of it needs it.
fn call(caller: &Node, function: &Function, names: &mut Names) -> Vec<Node> {
    let proto = &caller.proto;
    let owner = if proto.name.is_empty() { &proto.op_type } else { &proto.name };
    let argument = |slot: usize| proto.input.get(slot).cloned().unwrap_or_default();
    let mut bound: HashMap<String, String> =
        function.inputs.iter().enumerate().map(|(slot, name)| (name.clone(), argument(slot))).collect();
    let mut passed_on = vec![];
    for (output, wanted) in function.outputs.iter().zip(&proto.output).filter(|(_, wanted)| !wanted.is_empty()) {
        // An output that is an input, or is given out twice.
        match bound.get(output) {
            Some(value) => passed_on.push(identity(format!("{owner}/{output}"), value.clone(), wanted.clone())),
            None => drop(bound.insert(output.clone(), wanted.clone())),
        }
    }
    let mut body = function.nodes.clone();
    for node in &mut body {
        let given = |name: &str| proto.attribute.iter().chain(&function.defaults).find(|given| given.name == name);
        bind_attributes(&mut node.proto.attribute, &given);
        if node.metadata.is_empty() {
            node.metadata = caller.metadata.iter().filter(|(key, _)| key != OVERLOAD).cloned().collect();
        }
    }
    names.adopt(owner, &mut body, bound);
    body.extend(passed_on);
    body
}

/// Puts the attributes of the call where the function's nodes refer to them; those that nobody gives are left out.
fn bind_attributes<'a>(attributes: &mut Vec<AttributeProto>, given: &impl Fn(&str) -> Option<&'a AttributeProto>) {
    attributes.retain_mut(|attribute| {
        if !attribute.ref_attr_name.is_empty() {
            let Some(value) = given(&attribute.ref_attr_name) else { return false };
            *attribute = AttributeProto { name: attribute.name.clone(), ..value.clone() };
        }
        for graph in attribute.g.iter_mut().chain(&mut attribute.graphs) {
            graph.node.iter_mut().for_each(|node| bind_attributes(&mut node.attribute, given));
        }
        true
    });
}
