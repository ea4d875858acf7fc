//! What a rule sees of the sweep: one node, its values, the gradient that arrives, and the graph to wire into.

use std::collections::HashMap;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::konst::Const;

use super::twins::Twins;

/// One node under differentiation: what a rule reads, and the graph that it extends.
pub struct Adjoint<'a> {
    pub(super) graph: &'a mut TypedModel,
    pub(super) node: usize,
    pub(super) gradients: TVec<Option<OutletId>>,
    pub(super) wanted: TVec<bool>,
    pub(super) prefix: String,
    pub(super) twins: &'a Twins,
    /// From outlets of the first forward pass to the same of the second, if there is one.
    pub(super) second: &'a HashMap<OutletId, OutletId>,
}

impl Adjoint<'_> {
    /// The outlet that feeds input `slot` of the node.
    pub fn input(&self, slot: usize) -> OutletId {
        self.twins.first(self.graph.node(self.node).inputs[slot])
    }

    /// The number of inputs of the node.
    pub fn input_count(&self) -> usize {
        self.graph.node(self.node).inputs.len()
    }

    /// Output `slot` of the node.
    pub fn output(&self, slot: usize) -> OutletId {
        self.twins.first(OutletId::new(self.node, slot))
    }

    /// The same value in the second forward pass, of [`super::vjp_between`]; the outlet itself where it does not depend on
    /// what the two differ in, or where there is only one.
    pub fn second(&self, outlet: OutletId) -> OutletId {
        *self.second.get(&outlet).unwrap_or(&outlet)
    }

    /// The node that makes an outlet.
    pub fn producer(&self, outlet: OutletId) -> &TypedNode {
        self.graph.node(outlet.node)
    }

    /// Type and shape of any outlet of the graph.
    ///
    /// # Errors
    /// When the outlet does not exist.
    pub fn fact(&self, outlet: OutletId) -> TractResult<&TypedFact> {
        self.graph.outlet_fact(outlet)
    }

    /// The concrete shape of an outlet.
    ///
    /// # Errors
    /// When it is symbolic.
    pub fn shape(&self, outlet: OutletId) -> TractResult<TVec<usize>> {
        let fact = self.fact(outlet)?;
        let shape = fact.shape.as_concrete().with_context(|| format!("the shape {:?} is symbolic", fact.shape))?;
        Ok(shape.into())
    }

    /// The gradient that arrives at output `slot`, if any consumer sent one.
    pub fn gradient(&self, slot: usize) -> Option<OutletId> {
        self.gradients[slot]
    }

    /// The gradient at the node's first output: the form for operators with one output.
    ///
    /// # Errors
    /// When none arrives.
    pub fn output_gradient(&self) -> TractResult<OutletId> {
        self.gradients[0].context("no gradient arrives at this output")
    }

    /// Replaces the gradient that arrives at output `slot`, for a rule that changes it and then declines, so that the next
    /// rule pulls the changed one back.
    pub fn set_gradient(&mut self, slot: usize, gradient: OutletId) {
        self.gradients[slot] = Some(gradient);
    }

    /// Whether the partial gradient of input `slot` will be used. A rule may skip the others.
    pub fn is_wanted(&self, slot: usize) -> bool {
        self.wanted[slot]
    }

    /// The constant value of an outlet, where it has one, or where it follows from constants: before decluttering, tract
    /// leaves indices and bounds as the small computations that the exporter wrote.
    ///
    /// # Errors
    /// When an operator on the way fails.
    pub fn constant_value(&self, outlet: OutletId) -> TractResult<Option<Arc<Tensor>>> {
        if let Some(value) = &self.fact(outlet)?.konst {
            return Ok(Some(value.clone()));
        }
        let node = self.graph.node(outlet.node);
        let mut inputs = tvec![];
        for &input in &node.inputs {
            let Some(value) = self.constant_value(input)? else { return Ok(None) };
            inputs.push(value.into_tvalue());
        }
        if inputs.is_empty() {
            return Ok(None);
        }
        let outputs = node.op.eval_out_of_plan(inputs)?;
        Ok(outputs.map(|mut outputs| outputs.swap_remove(outlet.slot).into_arc_tensor()))
    }

    /// Adds an operator to the graph, named after the node with `role` appended, and returns its outputs. Where the graph
    /// has that operator with these inputs already, its outputs are returned instead.
    ///
    /// # Errors
    /// When the operator refuses these inputs.
    pub fn wire_all(
        &mut self,
        role: &str,
        op: impl Into<Box<dyn TypedOp>>,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let op = op.into();
        if let Some(twin) = self.find(&*op, inputs) {
            return Ok((0..self.graph.node(twin).outputs.len()).map(|slot| OutletId::new(twin, slot)).collect());
        }
        let name = self.graph.unique_name(format!("{}.{role}", self.prefix)).into_owned();
        self.graph.wire_node(name, op, inputs)
    }

    fn find(&self, op: &dyn TypedOp, inputs: &[OutletId]) -> Option<usize> {
        let first = inputs.first()?;
        let readers = &self.graph.node(first.node).outputs[first.slot].successors;
        let is_twin = |node: &TypedNode| *node.inputs == *inputs && op.as_op() == node.op();
        readers.iter().map(|reader| reader.node).find(|&reader| is_twin(self.graph.node(reader)))
    }

    /// Adds an operator with one output.
    ///
    /// # Errors
    /// When the operator refuses these inputs.
    pub fn wire(&mut self, role: &str, op: impl Into<Box<dyn TypedOp>>, inputs: &[OutletId]) -> TractResult<OutletId> {
        Ok(self.wire_all(role, op, inputs)?[0])
    }

    /// Adds a constant.
    ///
    /// # Errors
    /// When the value cannot be stored.
    pub fn constant(&mut self, role: &str, value: impl IntoArcTensor) -> TractResult<OutletId> {
        let name = self.graph.unique_name(format!("{}.{role}", self.prefix)).into_owned();
        self.graph.add_const(name, value)
    }

    /// Adds a constant that nothing else reads, even if the graph has an equal one. tract computes ahead of time what
    /// depends on a large constant only where that is its only reader; and it compares a shared constant with all others.
    ///
    /// # Errors
    /// When the value cannot be stored.
    pub fn own_constant(&mut self, role: &str, value: Arc<Tensor>) -> TractResult<OutletId> {
        let name = self.graph.unique_name(format!("{}.{role}", self.prefix)).into_owned();
        let fact = TypedFact::try_from(value.clone())?;
        Ok(self.graph.add_node(name, Const::new(value)?, tvec!(fact))?.into())
    }
}
