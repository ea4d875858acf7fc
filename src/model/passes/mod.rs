//! The ONNX message made simpler before tract sees it.
//!
//! Exporters write the same network in many ways. Each pass takes one of them out of the message: functions become their
//! bodies, branches that can't be taken go, half floats become floats, operators that stand for others are written out.
//! What the program could only get wrong is refused here, by name, with what to export instead. After the passes a graph
//! holds operators that tract runs and that have gradients.

mod branches;
mod composites;
mod external;
mod functions;
mod inference;
mod refusals;
mod rename;
mod widen;

use std::path::Path;

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};

use super::error::ModelProblem;
use super::nodes::{is_standard, subgraphs_mut};
use super::wire::{NodeMetadata, Scan};

pub(super) use branches::fold as fold_branches;
pub(super) use external::locate as locate_external_data;

/// A node with what tract's reader leaves out of it.
#[derive(Debug, Clone, Default)]
struct Node {
    proto: NodeProto,
    metadata: Vec<(String, String)>,
}

/// What needs only the file's own structure: functions are inlined, and what can't be run is refused. Returns the metadata
/// of the nodes that there are now.
pub(super) fn flatten(model: &mut ModelProto, scan: Scan) -> Result<NodeMetadata, ModelProblem> {
    let Scan { nodes: mut metadata, functions } = scan;
    functions::inline(model, &mut metadata, functions)?;
    let Some(graph) = &mut model.graph else { return Ok(metadata) };
    graph.node.iter_mut().for_each(drop_empty_inputs);
    refusals::check(graph)?;
    inference::apply(graph, &mut metadata)?;
    Ok(metadata)
}

/// What needs the weights at hand: narrow and wide floats become float32, and operators that stand for others are written
/// out.
pub(super) fn lower(
    model: &mut ModelProto,
    metadata: &mut NodeMetadata,
    folder: Option<&Path>,
) -> Result<(), ModelProblem> {
    let Some(graph) = &mut model.graph else { return Ok(()) };
    widen::apply(graph, folder)?;
    composites::apply(graph, metadata)
}

/// Inputs that are left out may be written as empty names at the end of the list; tract counts them.
fn drop_empty_inputs(node: &mut NodeProto) {
    while node.input.last().is_some_and(String::is_empty) {
        node.input.pop();
    }
    subgraphs_mut(node).flat_map(|graph| &mut graph.node).for_each(drop_empty_inputs);
}

/// The version of ONNX's own operators that a model counts on; 0 where it does not say.
fn operator_set(model: &ModelProto) -> i64 {
    model.opset_import.iter().find(|set| is_standard(&set.domain)).map_or(0, |set| set.version)
}

/// Replaces every node of a graph by those that `step` makes of it.
fn rewrite(
    graph: &mut GraphProto,
    metadata: &mut NodeMetadata,
    mut step: impl FnMut(Node) -> Result<Vec<Node>, ModelProblem>,
) -> Result<(), ModelProblem> {
    let mut known = std::mem::take(metadata).into_iter();
    for proto in std::mem::take(&mut graph.node) {
        for node in step(Node { proto, metadata: known.next().unwrap_or_default() })? {
            graph.node.push(node.proto);
            metadata.push(node.metadata);
        }
    }
    Ok(())
}

fn integer(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::Int as i32, i: value, ..AttributeProto::default() }
}

fn tensor(name: &str, value: TensorProto) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        r#type: AttributeType::Tensor as i32,
        t: Some(value),
        ..AttributeProto::default()
    }
}
