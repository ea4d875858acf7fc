//! What a gradient rule is: a function over the concrete operator type, found by downcast.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{ElementWiseMiniOp, TypedOp};
use tract_onnx::tract_core::ops::binary::{BinMiniOp, TypedBinOp};
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;

use super::Adjoint;

/// For each input of a node, its partial gradient (the cotangent of the output, pulled back), or `None` where the input
/// has no gradient (an index, a shape) or none is wanted.
pub type Partials = TVec<Option<OutletId>>;

/// What a rule returns.
pub type RuleResult = TractResult<Partials>;

/// The gradient of one operator type.
pub trait Rule: Sync {
    /// The Rust type of the operator, for tests and messages.
    fn operator(&self) -> &'static str;
    /// Applies the rule, or returns `None` when `op` is not of this rule's type.
    fn apply(&self, op: &dyn TypedOp, node: &mut Adjoint<'_>) -> Option<RuleResult>;
}

/// A rule for the operator type `O`.
pub(super) struct For<O>(pub &'static str, pub fn(&O, &mut Adjoint<'_>) -> RuleResult);

impl<O: TypedOp> Rule for For<O> {
    fn operator(&self) -> &'static str {
        self.0
    }

    fn apply(&self, op: &dyn TypedOp, node: &mut Adjoint<'_>) -> Option<RuleResult> {
        op.downcast_ref::<O>().map(|op| (self.1)(op, node))
    }
}

/// A rule for the binary mini-operator `O`, which tract wraps in a [`TypedBinOp`].
pub(super) struct Binary<O>(pub &'static str, pub fn(&O, &mut Adjoint<'_>) -> RuleResult);

impl<O: BinMiniOp> Rule for Binary<O> {
    fn operator(&self) -> &'static str {
        self.0
    }

    fn apply(&self, op: &dyn TypedOp, node: &mut Adjoint<'_>) -> Option<RuleResult> {
        op.downcast_ref::<TypedBinOp>()?.0.downcast_ref::<O>().map(|op| (self.1)(op, node))
    }
}

/// A rule for the element-wise mini-operator `O`, which tract wraps in an [`ElementWiseOp`].
pub(super) struct ElementWise<O>(pub &'static str, pub fn(&O, &mut Adjoint<'_>) -> RuleResult);

impl<O: ElementWiseMiniOp> Rule for ElementWise<O> {
    fn operator(&self) -> &'static str {
        self.0
    }

    fn apply(&self, op: &dyn TypedOp, node: &mut Adjoint<'_>) -> Option<RuleResult> {
        op.downcast_ref::<ElementWiseOp>()?.0.downcast_ref::<O>().map(|op| (self.1)(op, node))
    }
}

/// The rules of one differentiation: the true gradients, with overrides tried first. Overrides are how a method that
/// modifies the backward pass (guided backpropagation, LRP) says so. One that declines a node leaves it to the next rule,
/// and may first have changed the gradient that arrives, by [`Adjoint::set_gradient`].
#[derive(Clone, Copy, Default)]
pub struct Rules<'a> {
    /// Tried before the true gradients, in order.
    pub overrides: &'a [&'a dyn Rule],
}
