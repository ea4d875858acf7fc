//! The backward sweep: the order in which nodes are visited, and the only place where gradients are added up.

use std::collections::HashMap;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_core::ops::math;

use super::{Error, Rules, Unsupported};

/// The name of the model input that [`vjp`] adds: the cotangent of the differentiated output, of the same shape.
pub const COTANGENT: &str = "cotangent";

/// One node under differentiation: what a rule reads, and the graph that it extends.
pub struct Adjoint<'a> {
    graph: &'a mut TypedModel,
    node: usize,
    gradients: TVec<Option<OutletId>>,
    wanted: TVec<bool>,
    prefix: String,
    twins: &'a Twins,
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

/// The graph of `model` extended by the gradients of `<cotangent, output>` with respect to each outlet of `wanted`.
///
/// Inputs: those of `model`, then [`COTANGENT`], with the type and shape of `output`. Outputs: those of `model`, then one
/// gradient for each wanted outlet, with that outlet's shape (zeros where it does not influence `output`). Nodes of
/// `model` keep their ids and names.
///
/// # Errors
/// [`Error::Unsupported`] for the first operator on the way that has no gradient.
pub fn vjp(model: &TypedModel, output: OutletId, wanted: &[OutletId]) -> Result<TypedModel, Error> {
    vjp_with(Rules::default(), model, output, wanted)
}

/// [`vjp`] with modified rules.
///
/// # Errors
/// As [`vjp`].
pub fn vjp_with(rules: Rules, model: &TypedModel, output: OutletId, wanted: &[OutletId]) -> Result<TypedModel, Error> {
    let (graph, mut problems) = sweep(rules, model, output, wanted)?;
    if problems.is_empty() { Ok(graph) } else { Err(Error::Unsupported(problems.swap_remove(0))) }
}

/// Every operator between `wanted` and `output` that stops the gradient, in the order of the backward sweep; empty when
/// [`vjp`] will succeed. Some may hide others behind them.
///
/// # Errors
/// [`Error::Graph`] when the graph is malformed.
pub fn unsupported(model: &TypedModel, output: OutletId, wanted: &[OutletId]) -> Result<Vec<Unsupported>, Error> {
    Ok(sweep(Rules::default(), model, output, wanted)?.1)
}

fn sweep(
    rules: Rules,
    model: &TypedModel,
    output: OutletId,
    wanted: &[OutletId],
) -> Result<(TypedModel, Vec<Unsupported>), Error> {
    let mut graph = model.clone();
    let mut problems = vec![];
    let order = model.eval_order()?;
    let depends = depends_on(model, &order, wanted);
    let twins = Twins::new(model, &order);
    let name = graph.unique_name(COTANGENT).into_owned();
    let cotangent = graph.add_source(name, model.outlet_fact(output)?.without_value())?;
    let mut gradients: HashMap<OutletId, OutletId> = HashMap::from([(output, cotangent)]);

    for &id in order.iter().rev().filter(|&&id| depends[id]) {
        let node = model.node(id);
        let arriving: TVec<_> =
            (0..node.outputs.len()).map(|slot| gradients.get(&OutletId::new(id, slot)).copied()).collect();
        if arriving.iter().all(Option::is_none) {
            continue;
        }
        let is_wanted = |input: &OutletId| depends[input.node] || wanted.contains(input);
        let mut adjoint = Adjoint {
            graph: &mut graph,
            node: id,
            gradients: arriving,
            wanted: node.inputs.iter().map(is_wanted).collect(),
            prefix: format!("{}.gradient", node.name),
            twins: &twins,
        };
        let partials = match rules.apply(node.op.as_ref(), &mut adjoint) {
            Some(Ok(partials)) => partials,
            Some(Err(error)) => {
                problems.push(problem(node, format!("{error:#}")));
                continue;
            }
            None => {
                problems.push(problem(node, "no rule for this operator".into()));
                continue;
            }
        };
        for (&input, partial) in node.inputs.iter().zip(partials) {
            let Some(partial) = partial.filter(|_| is_wanted(&input)) else { continue };
            let total = match gradients.get(&input) {
                None => partial,
                Some(&sum) => {
                    let name = graph.unique_name(format!("{}.gradient.sum", model.node(input.node).name)).into_owned();
                    graph.wire_node(name, math::add(), &[sum, partial])?[0]
                }
            };
            gradients.insert(input, total);
        }
    }

    let mut outputs = model.output_outlets()?.to_vec();
    for &outlet in wanted {
        outputs.push(match gradients.get(&outlet) {
            Some(&gradient) => gradient,
            None => zeros(&mut graph, outlet)?,
        });
    }
    graph.select_output_outlets(&outputs)?;
    Ok((graph, problems))
}

/// For each node, whether any of its inputs is, or comes from, one of `outlets`.
fn depends_on(model: &TypedModel, order: &[usize], outlets: &[OutletId]) -> Vec<bool> {
    let mut depends = vec![false; model.nodes().len()];
    for &id in order {
        depends[id] = model.node(id).inputs.iter().any(|input| depends[input.node] || outlets.contains(input));
    }
    depends
}

/// Nodes of a graph that compute the same as an earlier one. Rules read the first of them.
///
/// So the backward pass has no two nodes alike. tract 0.23.9 merges such nodes when it declutters, and may replace each by
/// the other where they share two inputs (`PushSplitDown`), which leaves neither.
struct Twins(HashMap<usize, usize>);

impl Twins {
    fn new(model: &TypedModel, order: &[usize]) -> Twins {
        let mut twins = Twins(HashMap::new());
        let mut readers: HashMap<TVec<OutletId>, Vec<usize>> = HashMap::new();
        for &id in order.iter().filter(|&&id| !model.node(id).inputs.is_empty()) {
            let inputs = model.node(id).inputs.iter().map(|&input| twins.first(input)).collect();
            let alike = readers.entry(inputs).or_default();
            match alike.iter().find(|&&other| model.node(other).op() == model.node(id).op()) {
                Some(&other) => _ = twins.0.insert(id, other),
                None => alike.push(id),
            }
        }
        twins
    }

    /// The same output of the first node that computes the same.
    fn first(&self, outlet: OutletId) -> OutletId {
        OutletId::new(*self.0.get(&outlet.node).unwrap_or(&outlet.node), outlet.slot)
    }
}

fn problem(node: &TypedNode, reason: String) -> Unsupported {
    Unsupported { operator: node.op.name().to_string(), node: node.name.clone(), reason }
}

fn zeros(graph: &mut TypedModel, outlet: OutletId) -> TractResult<OutletId> {
    let fact = graph.outlet_fact(outlet)?.clone();
    let shape = fact.shape.as_concrete().context("the gradient of a symbolic shape")?;
    let value = Tensor::zero_dt(fact.datum_type, shape)?;
    let name = format!("{}.gradient.zero", graph.node(outlet.node).name);
    graph.add_const(name, value)
}
