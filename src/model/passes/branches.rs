//! `If` whose condition does not depend on the image: the branch that is taken becomes part of the graph.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::InferenceFact;
use tract_onnx::tract_hir::internal::Factoid as _;

use super::rename::{Names, identity};
use super::{Node, rewrite};
use crate::model::error::ModelProblem;
use crate::model::nodes::{attribute, called, is_standard, subgraphs};
use crate::model::operators::onnx;
use crate::model::wire::NodeMetadata;

/// How deep branches may lie in each other.
const DEEPEST: usize = 32;

/// Puts branches in the place of every `If` that is decided for an input of this shape. Others stay.
pub(in crate::model) fn fold(
    model: &mut ModelProto,
    metadata: &mut NodeMetadata,
    input: &str,
    shape: [usize; 4],
    folder: Option<&str>,
) -> Result<(), ModelProblem> {
    for _ in 0..DEEPEST {
        let Some(graph) = &model.graph else { break };
        let waiting = conditions(graph);
        if waiting.is_empty() {
            break;
        }
        let decided = decide(model, &waiting, input, shape, folder);
        if decided.is_empty() {
            break;
        }
        let Some(graph) = &mut model.graph else { break };
        let mut names = Names::of(graph);
        let mut weights = vec![];
        rewrite(graph, metadata, |node| {
            let taken = condition(&node.proto).and_then(|condition| decided.get(condition)).copied();
            Ok(match taken {
                Some(taken) => branch(node, taken, &mut names, &mut weights),
                None => vec![node],
            })
        })?;
        graph.initializer.extend(weights);
    }
    Ok(())
}

fn condition(node: &NodeProto) -> Option<&str> {
    (node.op_type == "If" && is_standard(&node.domain)).then(|| node.input.first().map(String::as_str)).flatten()
}

/// The conditions that do not themselves wait for another `If`.
fn conditions(graph: &GraphProto) -> Vec<String> {
    let mut waiting: HashSet<&str> = HashSet::new();
    let mut ready = vec![];
    for node in &graph.node {
        let waits = node.input.iter().any(|input| waiting.contains(input.as_str()));
        if let Some(condition) = condition(node)
            && !waits
        {
            ready.push(condition.to_owned());
        }
        if waits || condition(node).is_some() {
            waiting.extend(node.output.iter().map(String::as_str));
        }
    }
    ready.dedup();
    ready
}

/// The conditions that tract can tell from the shape of the input, with their values.
fn decide(
    model: &ModelProto,
    conditions: &[String],
    input: &str,
    shape: [usize; 4],
    folder: Option<&str>,
) -> HashMap<String, bool> {
    let Some(graph) = &model.graph else { return HashMap::new() };
    let part = ModelProto {
        graph: Some(leading_to(graph, conditions)),
        opset_import: model.opset_import.clone(),
        ir_version: model.ir_version,
        ..ModelProto::default()
    };
    let facts = || -> TractResult<HashMap<String, bool>> {
        let parsed = onnx().with_ignore_value_info(true).parse(&part, folder)?;
        let (mut model, by_name) = (parsed.model, parsed.outlets_by_name);
        if let Some(outlet) = by_name.get(input) {
            model.set_outlet_fact(*outlet, InferenceFact::dt_shape(f32::datum_type(), shape))?;
            model.set_input_outlets(&[*outlet])?;
        } else {
            model.set_input_outlets(&[])?;
        }
        let known: Vec<(&String, OutletId)> =
            conditions.iter().filter_map(|name| Some((name, *by_name.get(name)?))).collect();
        model.select_output_outlets(&known.iter().map(|(_, outlet)| *outlet).collect::<Vec<_>>())?;
        // What fails here is told when the whole graph is read.
        let _ = model.analyse(true);
        let value =
            |outlet: OutletId| model.outlet_fact(outlet).ok()?.value.concretize()?.cast_to_scalar::<bool>().ok();
        Ok(known.into_iter().filter_map(|(name, outlet)| Some((name.clone(), value(outlet)?))).collect())
    };
    facts().unwrap_or_default()
}

/// The part of a graph that `ends` depend on.
fn leading_to(graph: &GraphProto, ends: &[String]) -> GraphProto {
    let mut needed: HashSet<&str> = ends.iter().map(String::as_str).collect();
    let mut nodes = vec![];
    for node in graph.node.iter().rev() {
        if node.output.iter().any(|output| needed.contains(output.as_str())) {
            needed.extend(node.input.iter().map(String::as_str));
            subgraphs(node).for_each(|graph| free(graph, &mut needed));
            nodes.push(node.clone());
        }
    }
    nodes.reverse();
    GraphProto {
        node: nodes,
        initializer: graph.initializer.iter().filter(|tensor| needed.contains(tensor.name.as_str())).cloned().collect(),
        input: graph.input.iter().filter(|input| needed.contains(input.name.as_str())).cloned().collect(),
        name: graph.name.clone(),
        ..GraphProto::default()
    }
}

/// The names that a branch reads; some of them may be its own.
fn free<'a>(graph: &'a GraphProto, names: &mut HashSet<&'a str>) {
    names.extend(graph.output.iter().map(|output| output.name.as_str()));
    for node in &graph.node {
        names.extend(node.input.iter().map(String::as_str));
        subgraphs(node).for_each(|graph| free(graph, names));
    }
}

/// The nodes of the branch that is taken, giving the outputs of the `If`.
fn branch(node: Node, taken: bool, names: &mut Names, weights: &mut Vec<tract_onnx::pb::TensorProto>) -> Vec<Node> {
    let name = if taken { "then_branch" } else { "else_branch" };
    let Some(AttributeProto { g: Some(graph), .. }) = attribute(&node.proto, name) else { return vec![node] };
    let graph = graph.clone();
    let owner = called(&node.proto).to_owned();
    let mut bound = HashMap::new();
    for mut weight in graph.initializer {
        let fresh = names.fresh(&format!("{owner}/{}", weight.name));
        bound.insert(std::mem::replace(&mut weight.name, fresh.clone()), fresh);
        weights.push(weight);
    }
    let own: HashSet<String> = graph.node.iter().flat_map(|node| node.output.iter().cloned()).collect();
    let mut passed_on = vec![];
    for (output, wanted) in graph.output.into_iter().zip(&node.proto.output).filter(|(_, wanted)| !wanted.is_empty()) {
        match bound.get(&output.name) {
            None if own.contains(&output.name) => drop(bound.insert(output.name, wanted.clone())),
            // A weight, a value from around the branch, or one that is given out twice.
            other => {
                let value = other.cloned().unwrap_or(output.name);
                passed_on.push(identity(format!("{owner}/{wanted}"), value, wanted.clone()));
            }
        }
    }
    let metadata = node.metadata;
    let with_metadata = |proto| Node { proto, metadata: metadata.clone() };
    let mut body: Vec<Node> = graph.node.into_iter().map(with_metadata).collect();
    names.adopt(&owner, &mut body, bound);
    body.extend(passed_on);
    body
}
