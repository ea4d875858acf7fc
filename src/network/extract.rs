//! Cutting a part out of a graph, and reading it without its weights.

use std::collections::{HashMap, HashSet};

use anyhow::Context as _;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::konst::Const;

/// A part of a graph, and where the outlets of the whole lie in it.
pub(super) struct Extract {
    /// The part, with one input for each cut and the outlets asked for as outputs.
    pub(super) graph: TypedModel,
    /// From outlets of the whole graph to outlets of the part.
    pub(super) places: HashMap<OutletId, OutletId>,
}

/// The part of `whole` that computes `outputs` when the values of `inputs` are given.
///
/// Every input becomes a source, also where nothing depends on it, so that a plan's inputs are exactly `inputs`. Constants
/// are shared with `whole`. Nodes keep their names; the sources are named after the nodes that they stand for.
///
/// # Errors
/// When an output depends on an input of `whole` that is not among `inputs`.
pub(super) fn extract(whole: &TypedModel, inputs: &[OutletId], outputs: &[OutletId]) -> TractResult<Extract> {
    let mut graph = TypedModel { symbols: whole.symbols.clone(), ..TypedModel::default() };
    let mut places = HashMap::new();
    for input in inputs {
        let name = format!("{}.given", whole.node(input.node).name);
        places.insert(*input, graph.add_source(name, whole.outlet_fact(*input)?.without_value())?);
    }
    let needed = needed(whole, inputs, outputs);
    for id in whole.eval_order()?.into_iter().filter(|id| needed.contains(id)) {
        let node = whole.node(id);
        anyhow::ensure!(
            !whole.inputs.contains(&OutletId::new(id, 0)),
            "the value of input {:?} is needed, but it is not given",
            node.name
        );
        let facts = node.outputs.iter().map(|output| output.fact.clone()).collect();
        let copy = graph.add_node(node.name.clone(), node.op.clone(), facts)?;
        for (slot, input) in node.inputs.iter().enumerate() {
            graph.add_edge(places[input], InletId::new(copy, slot))?;
        }
        for slot in 0..node.outputs.len() {
            places.entry(OutletId::new(id, slot)).or_insert(OutletId::new(copy, slot));
        }
    }
    graph.select_output_outlets(&outputs.iter().map(|output| places[output]).collect::<Vec<_>>())?;
    Ok(Extract { graph, places })
}

/// The nodes to evaluate for `outputs`, given `inputs`.
pub(super) fn needed(whole: &TypedModel, inputs: &[OutletId], outputs: &[OutletId]) -> HashSet<usize> {
    let mut needed = HashSet::new();
    let mut open: Vec<OutletId> = outputs.to_vec();
    while let Some(outlet) = open.pop() {
        if !inputs.contains(&outlet) && needed.insert(outlet.node) {
            open.extend(&whole.node(outlet.node).inputs);
        }
    }
    needed
}

/// The graph with its large constants made inputs: enough to ask what has a gradient, and quick, since no rule can begin to
/// turn kernels over.
pub(super) fn without_weights(graph: &TypedModel) -> TypedModel {
    const LARGE: usize = 1024;
    let mut graph = graph.clone();
    for id in 0..graph.nodes().len() {
        let fact = graph.node(id).outputs.first().map(|output| &output.fact);
        let large = fact.and_then(|fact| fact.konst.as_ref()).is_some_and(|value| value.len() >= LARGE);
        if graph.node(id).op_is::<Const>() && large {
            let fact = graph.node(id).outputs[0].fact.without_value();
            graph.node_mut(id).op = graph.create_source(fact.clone());
            graph.node_mut(id).outputs[0].fact = fact;
        }
    }
    graph
}

/// The shape of an outlet, whose sides must be numbers.
pub(super) fn concrete(graph: &TypedModel, outlet: OutletId) -> TractResult<Vec<usize>> {
    let fact = graph.outlet_fact(outlet)?;
    let shape = fact.shape.as_concrete();
    Ok(shape.with_context(|| format!("the shape of {:?} is symbolic", graph.node(outlet.node).name))?.to_vec())
}
