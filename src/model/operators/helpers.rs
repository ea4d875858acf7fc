//! Operators that no file has: those that others are written out with.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::logic::Iff;
use tract_onnx::tract_hir::internal::*;

use super::like_its_input;
use crate::autodiff::Detached;

/// The name of an operator that passes on its input, and no gradient.
pub(in crate::model) const DETACHED: &str = "seewhy.Detached";

/// The name of an operator that makes of an attention mask what is added to the scores: of true and false, 0 and the lowest
/// number; any other is that already.
pub(in crate::model) const ADDITIVE_MASK: &str = "seewhy.AdditiveMask";

#[derive(Debug, Clone)]
struct Pass;

#[derive(Debug, Clone)]
struct AdditiveMask;

#[allow(clippy::unnecessary_wraps, reason = "what tract's reader of operators returns")]
pub(super) fn detached(
    _context: &ParsingContext,
    _node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    Ok((expand(Pass), vec![]))
}

#[allow(clippy::unnecessary_wraps, reason = "what tract's reader of operators returns")]
pub(super) fn additive_mask(
    _context: &ParsingContext,
    _node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    Ok((expand(AdditiveMask), vec![]))
}

impl Expansion for Pass {
    fn name(&self) -> StaticName {
        "Detached".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        like_its_input(solver, inputs, outputs, 1)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, Detached, inputs)
    }
}

impl Expansion for AdditiveMask {
    fn name(&self) -> StaticName {
        "AdditiveMask".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        solver.equals(&outputs[0].datum_type, f32::datum_type())?;
        solver.equals(&inputs[0].shape, &outputs[0].shape)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let fact = model.outlet_fact(inputs[0])?.clone();
        if fact.datum_type != bool::datum_type() {
            return model.wire_node(prefix, tract_onnx::tract_core::ops::cast::cast(f32::datum_type()), inputs);
        }
        let mut number = |role: &str, value: f32| {
            model.add_const(format!("{prefix}.{role}"), tensor0(value).broadcast_into_rank(fact.rank())?)
        };
        let (seen, hidden) = (number("seen", 0.0)?, number("hidden", f32::MIN / 2.0)?);
        model.wire_node(prefix, Iff, &[inputs[0], seen, hidden])
    }
}
