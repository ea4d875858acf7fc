//! Guided backpropagation's change to the backward pass: of the gradient that arrives at a ReLU, only the positive part goes
//! on (Springenberg et al., 2015).

use tract_onnx::tract_core::internal::TypedOp;
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::math::{self, Max};

use crate::autodiff::{Adjoint, Rule, RuleResult, Rules};

/// The rules of guided backpropagation.
pub(super) const RULES: Rules = Rules { overrides: &[&GuidedRelu] };

struct GuidedRelu;

impl Rule for GuidedRelu {
    fn operator(&self) -> &'static str {
        "Max"
    }

    /// Clips the arriving gradient and leaves the rest to the true rule.
    fn apply(&self, op: &dyn TypedOp, node: &mut Adjoint<'_>) -> Option<RuleResult> {
        op.downcast_ref::<TypedBinOp>()?.0.downcast_ref::<Max>()?;
        let bound = (0..node.input_count()).find_map(|slot| node.constant_value(node.input(slot)).ok()?)?;
        let is_zero = bound.cast_to::<f32>().is_ok_and(|bound| {
            bound
                .try_as_plain_ram()
                .is_ok_and(|bound| bound.as_slice::<f32>().is_ok_and(|all| all.iter().all(|v| *v == 0.0)))
        });
        if !is_zero {
            return None;
        }
        let clip = || {
            let zero = node.constant("zero", bound)?;
            let gradient = node.output_gradient()?;
            let positive = node.wire("positive", math::max(), &[gradient, zero])?;
            node.set_gradient(0, positive);
            Ok(())
        };
        clip().err().map(Err)
    }
}
