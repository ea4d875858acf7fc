//! The same network with some of its weights drawn anew, for the model-randomisation check (Adebayo et al., Sanity checks
//! for saliency maps, NeurIPS 2018): a map that stays as it is does not show what the network has learnt.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::TypedNode;
use tract_onnx::tract_core::ops::konst::Const;

use super::error::tract;
use super::{Network, NetworkError};
use crate::random::{normal, random};

/// A node with weights.
pub(super) struct Weighted {
    pub(super) node: usize,
    /// The constants that it reads: its weights and, where the node adds it, its bias.
    constants: BTreeSet<usize>,
}

impl Network {
    /// The names of the nodes that hold weights, from the input to the logits: convolutions, matrix products, and whatever
    /// else reads a float constant with two sides or more. What holds one number a channel, as a batch norm, is not among
    /// them.
    ///
    /// # Errors
    /// When the graph has a cycle.
    pub fn weighted(&self) -> Result<Vec<String>, NetworkError> {
        Ok(self.find_weighted()?.iter().map(|weighted| self.weighted_name(weighted.node)).collect())
    }

    /// What users call a node with weights.
    pub(super) fn weighted_name(&self, node: usize) -> String {
        self.names.owner(node).map_or_else(|| self.graph.node(node).name.clone(), |owner| owner.name.clone())
    }

    /// The network with the weights of its last `count` weighted nodes drawn anew: normal numbers with the mean and the
    /// standard deviation of those that they replace. The weights of a node depend on `seed` and on its place from the top
    /// alone, so that with one seed a larger `count` only goes further down.
    ///
    /// # Errors
    /// When tract refuses the graph.
    pub fn randomised(&self, count: usize, seed: u64) -> Result<Network, NetworkError> {
        let attempt = "could not draw weights anew";
        let mut graph = self.graph.clone();
        let mut redrawn = HashSet::new();
        for (place, weighted) in self.find_weighted()?.iter().rev().take(count).enumerate() {
            let mut random = random(seed, place);
            for &id in weighted.constants.iter().filter(|id| redrawn.insert(**id)) {
                redraw(&mut graph, id, || normal(&mut random)).map_err(tract(attempt))?;
            }
        }
        Network::new(graph, self.logits, self.names.clone(), self.layout)
    }

    /// Every node with weights, in the order of evaluation.
    pub(super) fn find_weighted(&self) -> Result<Vec<Weighted>, NetworkError> {
        let order = self.graph.eval_order().map_err(tract("could not order the network's nodes"))?;
        let mut depends = HashSet::from([self.input.node]);
        let mut found = vec![];
        for id in order {
            let node = self.graph.node(id);
            if !node.inputs.iter().any(|input| depends.contains(&input.node)) {
                continue;
            }
            depends.insert(id);
            let constants = constants(&self.graph, node, &depends);
            if constants.iter().any(|id| is_matrix(self.graph.node(*id))) {
                found.push(Weighted { node: id, constants });
            }
        }
        Ok(found)
    }
}

/// The float constants that a node reads, also those that are moved or reshaped on their way to it.
fn constants(graph: &TypedModel, node: &TypedNode, depends: &HashSet<usize>) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut open: Vec<usize> = node.inputs.iter().map(|input| input.node).collect();
    while let Some(id) = open.pop() {
        if depends.contains(&id) {
            continue;
        }
        if graph.node(id).op_as::<Const>().is_some_and(|constant| constant.val().datum_type() == f32::datum_type()) {
            found.insert(id);
        }
        open.extend(graph.node(id).inputs.iter().map(|input| input.node));
    }
    found
}

/// Whether a constant has two sides or more.
fn is_matrix(node: &TypedNode) -> bool {
    let sides = |constant: &Const| constant.val().shape().iter().filter(|side| **side > 1).count();
    node.op_as::<Const>().is_some_and(|constant| sides(constant) >= 2)
}

/// Replaces the numbers of a constant by others of the same mean and standard deviation. One that does not vary stays.
fn redraw(graph: &mut TypedModel, id: usize, mut normal: impl FnMut() -> f32) -> TractResult<()> {
    let Some(constant) = graph.node(id).op_as::<Const>() else { return Ok(()) };
    let mut tensor = constant.val().as_ref().clone();
    let mut plain = tensor.try_as_plain_ram_mut()?;
    let values = plain.as_slice_mut::<f32>()?;
    let count = values.len().max(1) as f64;
    let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / count;
    let variance = values.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / count;
    if variance == 0.0 {
        return Ok(());
    }
    let (mean, deviation) = (mean as f32, variance.sqrt() as f32);
    for value in values {
        *value = mean + deviation * normal();
    }
    let tensor = Arc::new(tensor);
    let fact = TypedFact::try_from(&tensor)?;
    let node = graph.node_mut(id);
    node.op = Box::new(Const::new(tensor)?);
    node.outputs[0].fact = fact;
    Ok(())
}
