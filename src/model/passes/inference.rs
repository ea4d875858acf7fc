//! What only training needs: dropout goes, and a network that was exported in training mode is refused.

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

use super::rename::Names;
use super::{Node, attribute, called, rewrite, subgraphs, tensor};
use crate::model::error::ModelProblem;
use crate::model::wire::NodeMetadata;

/// Makes `Dropout` the identity that it is outside training. Refuses what was exported for training.
pub(super) fn apply(graph: &mut GraphProto, metadata: &mut NodeMetadata, version: i64) -> Result<(), ModelProblem> {
    refuse_training(graph, &[], version)?;
    let mut names = Names::of(graph);
    rewrite(graph, metadata, |node| Ok(without_dropout(node, &mut names)))
}

fn refuse_training(graph: &GraphProto, around: &[&GraphProto], version: i64) -> Result<(), ModelProblem> {
    let scopes: Vec<&GraphProto> = around.iter().copied().chain([graph]).collect();
    for node in &graph.node {
        let trains = match node.op_type.as_str() {
            "BatchNormalization" => {
                let flag = attribute(node, "training_mode").is_some_and(|mode| mode.i != 0);
                let statistics = node.output.iter().skip(1).any(|output| !output.is_empty());
                flag || (statistics && version < 14)
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
            refuse_training(inner, &scopes, version)?;
        }
    }
    Ok(())
}

/// Whether a `Dropout` is told to train, at a ratio that is not nothing.
fn drops(node: &NodeProto, scopes: &[&GraphProto]) -> bool {
    let value = |slot: usize| node.input.get(slot).and_then(|name| number(name, scopes, 8));
    value(2).is_some_and(|training| training != 0.0) && value(1) != Some(0.0)
}

/// The value of a constant with one element.
fn number(name: &str, scopes: &[&GraphProto], steps: usize) -> Option<f64> {
    let weights = || scopes.iter().rev().flat_map(|graph| &graph.initializer);
    if let Some(weight) = weights().find(|tensor| tensor.name == name) {
        return first(weight);
    }
    let mut nodes = scopes.iter().rev().flat_map(|graph| &graph.node);
    let node = nodes.find(|node| node.output.iter().any(|output| output == name))?;
    match node.op_type.as_str() {
        "Constant" => match attribute(node, "value") {
            Some(value) => first(value.t.as_ref()?),
            None => node.attribute.first().map(|value| f64::from(value.f) + value.i as f64),
        },
        "Identity" | "Cast" if steps > 0 => number(node.input.first()?, scopes, steps - 1),
        "Not" if steps > 0 => number(node.input.first()?, scopes, steps - 1).map(|value| f64::from(value == 0.0)),
        _ => None,
    }
}

fn first(tensor: &TensorProto) -> Option<f64> {
    let raw = tensor.raw_data.as_slice();
    match DataType::try_from(tensor.data_type).ok()? {
        DataType::Float if !raw.is_empty() => raw.first_chunk().map(|bytes| f64::from(f32::from_le_bytes(*bytes))),
        DataType::Float => tensor.float_data.first().map(|value| f64::from(*value)),
        DataType::Double if !raw.is_empty() => raw.first_chunk().map(|bytes| f64::from_le_bytes(*bytes)),
        DataType::Double => tensor.double_data.first().copied(),
        _ if !raw.is_empty() => Some(f64::from(u8::from(raw.iter().any(|byte| *byte != 0)))),
        _ => tensor.int32_data.first().map(|value| f64::from(*value)),
    }
}

fn without_dropout(mut node: Node, names: &mut Names) -> Vec<Node> {
    let proto = &mut node.proto;
    if proto.op_type != "Dropout" || !super::is_standard(&proto.domain) {
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
