//! The backward sweep: the order in which nodes are visited, and the only place where gradients are added up.

use std::collections::HashMap;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::math;

use super::registry::apply;
use super::twins::Twins;
use super::{Adjoint, Error, Rules, Unsupported};

/// The name of the model input that [`vjp`] adds: the cotangent of the differentiated output, of the same shape.
pub const COTANGENT: &str = "cotangent";

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
pub fn vjp_with(
    rules: Rules<'_>,
    model: &TypedModel,
    output: OutletId,
    wanted: &[OutletId],
) -> Result<TypedModel, Error> {
    let (graph, mut problems) = sweep(rules, model.clone(), model, &HashMap::new(), output, wanted)?;
    if problems.is_empty() { Ok(graph) } else { Err(Error::Unsupported(problems.swap_remove(0))) }
}

/// [`vjp_with`] where the rules also see a second forward pass, through [`Adjoint::second`]: methods that explain the
/// difference of two inputs need both.
///
/// After the inputs of `model` and before the cotangent there is one more input for each wanted outlet, its value in the
/// second pass; after the outputs of `model` and before the gradients, the value of `output` in the second pass.
///
/// # Errors
/// As [`vjp`].
pub fn vjp_between(
    rules: Rules<'_>,
    model: &TypedModel,
    output: OutletId,
    wanted: &[OutletId],
) -> Result<TypedModel, Error> {
    let mut graph = model.clone();
    let second = second_pass(&mut graph, model, wanted)?;
    let outputs = [model.output_outlets()?, &[*second.get(&output).unwrap_or(&output)]].concat();
    graph.select_output_outlets(&outputs)?;
    let (graph, mut problems) = sweep(rules, graph, model, &second, output, wanted)?;
    if problems.is_empty() { Ok(graph) } else { Err(Error::Unsupported(problems.swap_remove(0))) }
}

/// Adds to `graph`, a copy of `model`, all that depends on `wanted` once more, from sources of its own.
fn second_pass(
    graph: &mut TypedModel,
    model: &TypedModel,
    wanted: &[OutletId],
) -> TractResult<HashMap<OutletId, OutletId>> {
    let mut second = HashMap::new();
    for &outlet in wanted {
        let name = graph.unique_name(format!("{}.second", model.node(outlet.node).name)).into_owned();
        second.insert(outlet, graph.add_source(name, model.outlet_fact(outlet)?.without_value())?);
    }
    let order = model.eval_order()?;
    let depends = depends_on(model, &order, wanted);
    for &id in order.iter().filter(|&&id| depends[id]) {
        let node = model.node(id);
        let inputs: TVec<OutletId> = node.inputs.iter().map(|input| *second.get(input).unwrap_or(input)).collect();
        let name = graph.unique_name(format!("{}.second", node.name)).into_owned();
        let outputs = graph.wire_node(name, node.op.clone(), &inputs)?;
        for (slot, output) in outputs.into_iter().enumerate() {
            second.entry(OutletId::new(id, slot)).or_insert(output);
        }
    }
    Ok(second)
}

/// Every operator between `wanted` and `output` that stops the gradient, in the order of the backward sweep; empty when
/// [`vjp`] will succeed. Some may hide others behind them.
///
/// # Errors
/// [`Error::Graph`] when the graph is malformed.
pub fn unsupported(model: &TypedModel, output: OutletId, wanted: &[OutletId]) -> Result<Vec<Unsupported>, Error> {
    unsupported_with(Rules::default(), model, output, wanted)
}

/// [`unsupported`] with modified rules.
///
/// # Errors
/// As [`unsupported`].
pub fn unsupported_with(
    rules: Rules<'_>,
    model: &TypedModel,
    output: OutletId,
    wanted: &[OutletId],
) -> Result<Vec<Unsupported>, Error> {
    Ok(sweep(rules, model.clone(), model, &HashMap::new(), output, wanted)?.1)
}

/// Extends `graph`, which begins with the nodes of `model`, by the gradients at `wanted`.
fn sweep(
    rules: Rules<'_>,
    mut graph: TypedModel,
    model: &TypedModel,
    second: &HashMap<OutletId, OutletId>,
    output: OutletId,
    wanted: &[OutletId],
) -> Result<(TypedModel, Vec<Unsupported>), Error> {
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
            second,
        };
        let partials = match apply(rules, node.op.as_ref(), &mut adjoint) {
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

    let mut outputs = graph.output_outlets()?.to_vec();
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
