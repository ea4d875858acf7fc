//! Nodes of a graph that compute the same.

use std::collections::HashMap;

use tract_onnx::prelude::*;

/// Nodes of a graph that compute the same as an earlier one. Rules read the first of them.
///
/// So the backward pass has no two nodes alike. tract 0.23.9 merges such nodes when it declutters, and may replace each by
/// the other where they share two inputs (`PushSplitDown`), which leaves neither.
pub(super) struct Twins(HashMap<usize, usize>);

impl Twins {
    pub(super) fn new(model: &TypedModel, order: &[usize]) -> Twins {
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
    pub(super) fn first(&self, outlet: OutletId) -> OutletId {
        OutletId::new(*self.0.get(&outlet.node).unwrap_or(&outlet.node), outlet.slot)
    }
}
