//! Which rule differentiates which operator: overrides first, then the true gradients of [`rules::ALL`].

use anyhow::Context as _;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::TypedOp;

use super::rule::{RuleResult, Rules};
use super::{Adjoint, rules};

/// The operators that have a rule, by the names of their Rust types.
pub fn operators() -> impl Iterator<Item = &'static str> {
    rules::ALL.iter().map(|rule| rule.operator())
}

/// Applies the first rule that knows `op`.
pub(super) fn apply(chosen: Rules<'_>, op: &dyn TypedOp, node: &mut Adjoint<'_>) -> Option<RuleResult> {
    chosen.overrides.iter().chain(rules::ALL).find_map(|rule| rule.apply(op, node))
}

impl Adjoint<'_> {
    /// The true gradient at input `slot` of the node that makes `outlet`, when `gradient` arrives there. `outlet` is one of
    /// this node, or of an operator that the rule has wired: so a rule may compute with a changed forward pass.
    ///
    /// # Errors
    /// When that operator has no gradient at this input.
    pub fn pull(&mut self, outlet: OutletId, slot: usize, gradient: OutletId) -> TractResult<OutletId> {
        let node = self.graph.node(outlet.node);
        let op = node.op.clone();
        let (outputs, inputs) = (node.outputs.len(), node.inputs.len());
        let mut adjoint = Adjoint {
            graph: &mut *self.graph,
            node: outlet.node,
            gradients: (0..outputs).map(|output| (output == outlet.slot).then_some(gradient)).collect(),
            wanted: (0..inputs).map(|input| input == slot).collect(),
            prefix: self.prefix.clone(),
            twins: self.twins,
            second: self.second,
        };
        let partials = apply(Rules::default(), op.as_ref(), &mut adjoint);
        let partials = partials.with_context(|| format!("no gradient through {}", op.name()))??;
        partials[slot].with_context(|| format!("no gradient through {} at input {slot}", op.name()))
    }
}
