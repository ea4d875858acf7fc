//! Operators that stand outside ONNX: refused by name, with what to export instead.

use tract_onnx::pb::{GraphProto, NodeProto};

use super::{called, is_standard, subgraphs};
use crate::model::error::ModelProblem;

/// Operators of onnxruntime's own domain that mean what those of ONNX mean: its quantiser writes them for 16 bits.
const SAME_AS_STANDARD: [&str; 2] = ["QuantizeLinear", "DequantizeLinear"];

/// Refuses graphs with operators that are not ONNX's.
pub(super) fn check(graph: &GraphProto) -> Result<(), ModelProblem> {
    for node in &graph.node {
        if let Some((what, remedy)) = foreign(node) {
            return Err(ModelProblem::Unsuitable { what, remedy: remedy.into() });
        }
        subgraphs(node).try_for_each(check)?;
    }
    Ok(())
}

/// What kind of graph a node stands for, and what to do about it.
fn foreign(node: &NodeProto) -> Option<(String, &'static str)> {
    let (operator, domain) = (node.op_type.as_str(), node.domain.as_str());
    let which = format!("the operator {operator:?} of the node {:?}", called(node));
    let of_onnxruntime = domain.starts_with("com.microsoft") || domain.starts_with("com.ms.");
    let computes_quantised = operator.starts_with("QLinear") || ["QGemm", "QAttention"].contains(&operator);
    if computes_quantised && (of_onnxruntime || is_standard(domain)) {
        return Some((
            format!("quantised in onnxruntime's QOperator format ({which})"),
            "quantise with quant_format=QuantFormat.QDQ",
        ));
    }
    if of_onnxruntime && !SAME_AS_STANDARD.contains(&operator) {
        return Some((
            format!("optimised by onnxruntime for itself ({which} is of its domain {domain:?})"),
            "give the model as it was exported, before onnxruntime optimised it",
        ));
    }
    let known = is_standard(domain) || of_onnxruntime || domain == "ai.onnx.ml";
    (!known).then(|| {
        let what = format!("{which} is of the domain {domain:?}, which only its own runtime knows");
        (what, "export the model with ONNX's own operators, or with functions that spell its operators out")
    })
}
