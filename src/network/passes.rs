//! What is done to a graph before it runs, as a list of passes.

use std::collections::HashMap;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::konst::Const;

use super::dense;
use super::kernels::{self, Free};

/// A graph on its way to a plan.
pub(super) struct Draft {
    pub(super) graph: TypedModel,
    /// Which inputs and outputs may have their channels last.
    free: Free,
    /// Which of them have, where the network has them first.
    pub(super) inputs_in_lanes: Vec<bool>,
    pub(super) outputs_in_lanes: Vec<bool>,
    /// Nodes that are done inside of another operator, and its name.
    pub(super) fused: HashMap<String, String>,
}

impl Draft {
    /// A graph with which nothing was done yet.
    pub(super) fn new(graph: TypedModel, free: Free) -> Draft {
        let [inputs_in_lanes, outputs_in_lanes] =
            [graph.inputs.len(), graph.outputs.len()].map(|count| vec![false; count]);
        Draft { graph, free, inputs_in_lanes, outputs_in_lanes, fused: HashMap::new() }
    }
}

/// A pass over the graph: it computes the same afterwards, in a way that is quicker or that later passes can read.
pub(super) struct GraphPass {
    /// What it does, for messages.
    pub(super) name: &'static str,
    /// The pass.
    pub(super) apply: fn(Draft) -> TractResult<Draft>,
}

/// Every pass, in the order in which they run: after differentiation, so that the way back profits too.
pub(super) const PASSES: &[GraphPass] = &[
    GraphPass { name: "reading dense weights in place", apply: |draft| on_graph(draft, dense::read_in_place) },
    GraphPass { name: "putting kernels in", apply: insert_kernels },
    GraphPass { name: "giving each reader its constant", apply: |draft| on_graph(draft, own_constants) },
    GraphPass { name: "optimising", apply: optimise },
    GraphPass { name: "joining kernels into programs", apply: join_kernels },
];

fn on_graph(mut draft: Draft, change: fn(&mut TypedModel) -> TractResult<()>) -> TractResult<Draft> {
    change(&mut draft.graph)?;
    Ok(draft)
}

fn insert_kernels(draft: Draft) -> TractResult<Draft> {
    let kernels::Inserted { graph, inputs_in_lanes, outputs_in_lanes, fused } =
        kernels::insert(draft.graph, draft.free)?;
    Ok(Draft { graph, inputs_in_lanes, outputs_in_lanes, fused, ..draft })
}

fn optimise(draft: Draft) -> TractResult<Draft> {
    Ok(Draft { graph: draft.graph.into_optimized()?, ..draft })
}

fn join_kernels(draft: Draft) -> TractResult<Draft> {
    Ok(Draft { graph: kernels::with_programs(&draft.graph)?, ..draft })
}

/// Gives every reader of a constant a node of its own (the numbers stay shared). tract prepares a constant for its reader
/// once, when it optimises, but a large one with several readers anew at each run; and kernels have two readers wherever
/// there is a gradient.
fn own_constants(graph: &mut TypedModel) -> TractResult<()> {
    for id in 0..graph.nodes().len() {
        if !graph.node(id).op_is::<Const>() {
            continue;
        }
        let others: Vec<InletId> = graph.node(id).outputs[0].successors.iter().skip(1).copied().collect();
        for reader in others {
            let node = graph.node(id);
            let (op, fact) = (node.op.clone(), node.outputs[0].fact.clone());
            let name = graph.unique_name(node.name.clone()).into_owned();
            let copy = graph.add_node(name, op, tvec![fact])?;
            graph.add_edge(OutletId::new(copy, 0), reader)?;
        }
    }
    Ok(())
}
