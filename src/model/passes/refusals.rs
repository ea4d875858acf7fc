//! Operators that stand outside ONNX: refused by name, with what to export instead.

use tract_onnx::pb::{GraphProto, NodeProto};

use crate::model::error::{MissingOperator, ModelProblem};
use crate::model::nodes::{called, is_standard, subgraphs};

/// Operators of onnxruntime's own domain that mean what those of ONNX mean: its quantiser writes them for 16 bits.
const SAME_AS_STANDARD: [&str; 2] = ["QuantizeLinear", "DequantizeLinear"];

/// Kinds of numbers that weights may be kept in and that can't be read, by their number in ONNX.
const UNREADABLE: [(i32, &str); 9] = [
    (17, "float8"),
    (18, "float8"),
    (19, "float8"),
    (20, "float8"),
    (21, "uint4"),
    (22, "int4"),
    (23, "float4"),
    (25, "uint2"),
    (26, "int2"),
];

/// Refuses graphs with operators that are not ONNX's, and with weights of a few bits.
pub(super) fn check(graph: &GraphProto) -> Result<(), ModelProblem> {
    check_types(graph)?;
    let mut nodes = vec![];
    collect(graph, &mut nodes);
    let Some((first, kind)) = nodes.iter().find_map(|node| Some((node, kind(node)?))) else { return Ok(()) };
    let same = |node: &&&NodeProto| (&node.op_type, &node.domain) == (&first.op_type, &first.domain);
    let which = MissingOperator {
        operator: first.op_type.clone(),
        node: called(first).to_owned(),
        count: nodes.iter().filter(same).count(),
    };
    let domain = &first.domain;
    let (what, remedy) = match kind {
        Kind::Quantised => (
            format!("quantised in onnxruntime's QOperator format ({which})"),
            "quantise with quant_format=QuantFormat.QDQ",
        ),
        Kind::Optimised => (
            format!("optimised by onnxruntime for itself ({which}, is of its domain {domain:?})"),
            "give the model as it was exported, before onnxruntime optimised it",
        ),
        Kind::Foreign => (
            format!("{which}, is of the domain {domain:?}, which only its own runtime knows"),
            "export the model with ONNX's own operators, or with functions that spell its operators out",
        ),
    };
    Err(ModelProblem::Unsuitable { what, remedy: remedy.into() })
}

/// Refuses weights of types that nothing here reckons with.
fn check_types(graph: &GraphProto) -> Result<(), ModelProblem> {
    let attributes = graph.node.iter().flat_map(|node| &node.attribute).filter_map(|attribute| attribute.t.as_ref());
    for tensor in graph.initializer.iter().chain(attributes) {
        if let Some((_, kind)) = UNREADABLE.iter().find(|(number, _)| *number == tensor.data_type) {
            return Err(ModelProblem::Unsuitable {
                what: format!("the weights {:?} are of type {kind}", tensor.name),
                remedy: "quantise to 8 or 16 bits, or export in float32".into(),
            });
        }
    }
    graph.node.iter().flat_map(subgraphs).try_for_each(check_types)
}

/// All nodes, those of branches included.
fn collect<'a>(graph: &'a GraphProto, nodes: &mut Vec<&'a NodeProto>) {
    for node in &graph.node {
        nodes.push(node);
        subgraphs(node).for_each(|graph| collect(graph, nodes));
    }
}

enum Kind {
    Quantised,
    Optimised,
    Foreign,
}

/// What a node that is not ONNX's tells of its graph.
fn kind(node: &NodeProto) -> Option<Kind> {
    let (operator, domain) = (node.op_type.as_str(), node.domain.as_str());
    let of_onnxruntime = domain.starts_with("com.microsoft") || domain.starts_with("com.ms.");
    let computes_quantised = operator.starts_with("QLinear") || ["QGemm", "QAttention"].contains(&operator);
    match () {
        () if computes_quantised && (of_onnxruntime || is_standard(domain)) => Some(Kind::Quantised),
        () if of_onnxruntime => (!SAME_AS_STANDARD.contains(&operator)).then_some(Kind::Optimised),
        () => (!is_standard(domain) && domain != "ai.onnx.ml").then_some(Kind::Foreign),
    }
}
