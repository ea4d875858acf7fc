//! What only training needs: dropout goes, and a network that was exported in training mode is refused.

use std::collections::HashSet;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

use super::rename::Names;
use super::{Node, rewrite, tensor};
use crate::model::constants::Constants;
use crate::model::error::ModelProblem;
use crate::model::nodes::{called, is_standard, subgraphs};
use crate::model::wire::NodeMetadata;

/// Makes `Dropout` the identity that it is outside training. Refuses what was exported for training.
pub(super) fn apply(graph: &mut GraphProto, metadata: &mut NodeMetadata) -> Result<(), ModelProblem> {
    refuse_training(graph, &[], &HashSet::new())?;
    let mut names = Names::of(graph);
    rewrite(graph, metadata, |node| Ok(without_dropout(node, &mut names)))
}

fn refuse_training<'g>(
    graph: &'g GraphProto,
    around: &[&'g GraphProto],
    fixed: &HashSet<&'g str>,
) -> Result<(), ModelProblem> {
    let scopes: Vec<&GraphProto> = around.iter().copied().chain([graph]).collect();
    // Tensors that no input reaches.
    let mut fixed = fixed.clone();
    fixed.extend(graph.initializer.iter().map(|tensor| tensor.name.as_str()));
    for node in &graph.node {
        let is_fixed = |input: &String| input.is_empty() || fixed.contains(input.as_str());
        let trains = match node.op_type.as_str() {
            // Weights that are standardised each time they are used (NFNet, BiT) are, whatever the mode.
            "BatchNormalization" if node.input.first().is_some_and(is_fixed) => false,
            "BatchNormalization" => {
                let mut modes = node.attribute.iter().filter(|attribute| attribute.name == "training_mode");
                // Statistics come out in training alone, also where the mode is not an attribute yet (before version 14).
                modes.any(|mode| mode.i != 0) || node.output.iter().skip(1).any(|output| !output.is_empty())
            }
            "Dropout" => drops(node, &scopes),
            _ => false,
        };
        if trains {
            return Err(ModelProblem::Unsuitable {
                what: format!("exported in training mode ({} of the node {:?})", node.op_type, called(node)),
                remedy: "call model.eval() before the export".into(),
            });
        }
        for inner in subgraphs(node) {
            refuse_training(inner, &scopes, &fixed)?;
        }
        if node.input.iter().all(is_fixed) && subgraphs(node).next().is_none() {
            fixed.extend(node.output.iter().map(String::as_str));
        }
    }
    Ok(())
}

/// Whether a `Dropout` is told to train, at a ratio that is not nothing.
fn drops(node: &NodeProto, scopes: &[&GraphProto]) -> bool {
    let known = |name: &String| scopes.iter().rev().find_map(|graph| Constants::of(graph, None).values(name));
    let value = |slot: usize| node.input.get(slot).and_then(known)?.first().copied();
    value(2).is_some_and(|training| training != 0.0) && value(1) != Some(0.0)
}

fn without_dropout(mut node: Node, names: &mut Names) -> Vec<Node> {
    let proto = &mut node.proto;
    if proto.op_type != "Dropout" || !is_standard(&proto.domain) {
        return vec![node];
    }
    let Some(data) = proto.input.first().cloned() else { return vec![node] };
    let mask = proto.output.get(1).cloned().filter(|mask| !mask.is_empty());
    proto.op_type = "Identity".into();
    proto.input.truncate(1);
    proto.output.truncate(1);
    proto.attribute.clear();
    let mut nodes = vec![node];
    if let Some(mask) = mask {
        let owner = called(&nodes[0].proto).to_owned();
        let shape = names.fresh(&format!("{owner}/shape"));
        let all_kept = TensorProto {
            data_type: DataType::Bool as i32,
            dims: vec![1],
            int32_data: vec![1],
            ..TensorProto::default()
        };
        let operator = |op_type: &str, input: &str, output: &str| NodeProto {
            name: format!("{owner}/{op_type}"),
            op_type: op_type.into(),
            input: vec![input.into()],
            output: vec![output.into()],
            ..NodeProto::default()
        };
        let mut fill = operator("ConstantOfShape", &shape, &mask);
        fill.attribute.push(tensor("value", all_kept));
        for proto in [operator("Shape", &data, &shape), fill] {
            nodes.push(Node { proto, ..Node::default() });
        }
    }
    nodes
}
