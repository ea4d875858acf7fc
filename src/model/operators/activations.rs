//! Activation functions of one number.

use tract_onnx::model::{OnnxOpRegister, ParsingContext};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::autodiff::Activation;

type Built = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

pub(super) fn register(operators: &mut OnnxOpRegister) {
    operators.insert("Celu", celu);
    operators.insert("Elu", elu);
    operators.insert("Selu", selu);
    operators.insert("Softplus", |_, _| Ok(built(Activation::Softplus)));
    operators.insert("Mish", |_, _| Ok(built(Activation::Mish)));
}

fn built(function: Activation) -> (Box<dyn InferenceOp>, Vec<String>) {
    (function.operator().into_hir(), vec![])
}

fn celu(_context: &ParsingContext, node: &NodeProto) -> Built {
    Ok(built(Activation::Celu(node.get_attr_opt("alpha")?.unwrap_or(1.0))))
}

fn elu(_context: &ParsingContext, node: &NodeProto) -> Built {
    Ok(built(Activation::Elu(node.get_attr_opt("alpha")?.unwrap_or(1.0))))
}

fn selu(_context: &ParsingContext, node: &NodeProto) -> Built {
    let (alpha, gamma) = (node.get_attr_opt("alpha")?, node.get_attr_opt("gamma")?);
    Ok(built(Activation::Selu(alpha.unwrap_or(1.673_263_2), gamma.unwrap_or(1.050_701))))
}
