//! The way back from the logits to the layer that is explained first.
//!
//! A new target changes nothing of the forward run. So what the gradient needs to know of it (which units of the head were
//! active, say) is kept with the pass, where that is little, and a new target costs the backward half only.

use std::collections::HashMap;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::konst::Const;

use super::extract::{extract, needed};
use crate::autodiff;

/// The most numbers that are kept for the way back.
const MOST_KEPT: usize = 1 << 18;

/// A graph from a cotangent of the logits and a few values of the forward run to the gradient at a layer.
pub(super) struct Head {
    /// Inputs: the cotangent, then the values. Its only output is the gradient.
    pub(super) graph: TypedModel,
    /// Where the values are in the network.
    pub(super) values: Vec<OutletId>,
}

/// The way back from `logits` to `layer`, where it exists and needs little.
pub(super) fn head(network: &TypedModel, logits: OutletId, layer: OutletId) -> Option<Head> {
    let part = extract(network, &[layer], &[logits]).ok()?;
    let forward = part.graph.nodes().len();
    let both = autodiff::vjp(&part.graph, part.places[&logits], &[part.places[&layer]]).ok()?;
    let (gradient, cotangent) = (*both.outputs.last()?, *both.inputs.last()?);

    // The nodes of the forward part keep their numbers; those behind them are the way back.
    let mut values: Vec<OutletId> = vec![];
    for id in needed(&both, &[], &[gradient]).into_iter().filter(|id| *id >= forward) {
        values.extend(both.node(id).inputs.iter().filter(|input| input.node < forward));
    }
    values.retain(|value| !both.node(value.node).op_is::<Const>());
    values.sort_unstable();
    values.dedup();
    let length = |value: &OutletId| Some(both.outlet_fact(*value).ok()?.shape.as_concrete()?.iter().product::<usize>());
    let others = values.iter().filter(|value| **value != part.places[&layer]);
    let kept: usize = others.map(length).sum::<Option<usize>>()?;
    if kept > MOST_KEPT {
        return None;
    }
    let inputs: Vec<OutletId> = std::iter::once(cotangent).chain(values.iter().copied()).collect();
    let graph = extract(&both, &inputs, &[gradient]).ok()?.graph;
    let whole: HashMap<OutletId, OutletId> = part.places.iter().map(|(whole, place)| (*place, *whole)).collect();
    Some(Head { graph, values: values.iter().map(|value| whole.get(value).copied()).collect::<Option<_>>()? })
}
