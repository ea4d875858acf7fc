//! The layers of a network that a class activation map can be made of.

use std::collections::{HashMap, HashSet};

use tract_onnx::prelude::*;

use super::grid::{self, Grid, Grids};
use super::names::NodeNames;

/// How the values of a layer lie in its tensor, and so how they become `[C, h, w]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerLayout {
    /// `[1, C, h, w]`, a convolutional layer.
    ChannelsFirst,
    /// `[1, h, w, C]`, such as Swin's blocks.
    ChannelsLast,
    /// `[1, prefix + h * w, C]`, a transformer's tokens; the prefix (class token, registers) is dropped.
    Tokens {
        /// Tokens before the patch grid.
        prefix: usize,
    },
}

/// A node whose output has spatial extent, so that a class activation map can be made of it.
#[derive(Debug, Clone)]
pub struct Layer {
    /// The ONNX name of the node.
    pub name: String,
    /// The name of the tensor that it outputs in the ONNX file; accepted in place of `name`.
    pub tensor: String,
    /// The module path that PyTorch's default exporter records (`layer4.1.relu`), where there is one.
    pub path: Option<String>,
    /// The ONNX operator (`Relu`, `Conv`, ...), in tract's words where the file does not say.
    pub operator: String,
    /// `[C, h, w]`.
    pub shape: [usize; 3],
    /// How the tensor is laid out.
    pub layout: LayerLayout,
    /// Whether this is one of the layers to step through: every path from input to logits goes through it, and it stands
    /// for its block (the last such layer of a block, after the activation).
    pub trunk: bool,
}

/// The layers of a graph, in the order of evaluation.
pub(super) struct Layers {
    /// What users see.
    pub(super) list: Vec<Layer>,
    /// Where each layer's value is.
    pub(super) outlets: Vec<OutletId>,
    /// The layer to use when nobody says which, as an index.
    pub(super) auto: Option<usize>,
}

/// How many layers there are to step through at most, where the names of the nodes allow to group them.
const TRUNK_LIMIT: usize = 24;

/// ONNX operators that only move values around: the layer is the node before them.
pub(super) const MOVERS: [&str; 10] =
    ["Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Cast", "Pad", "Slice"];

/// Finds the layers between `input` and the only output of `model`.
pub(super) fn find(model: &TypedModel, input: OutletId, names: &NodeNames) -> TractResult<Layers> {
    let order = model.eval_order()?;
    let depends = depending(model, input, &order);
    let grids = grid::grids(model, input, &order)?;
    let edges = grid::edges_that_matter(model, &order, &grids);
    let all = dominators(model, &order, |outlet, _| depends.contains(&outlet.node));
    let relevant = dominators(model, &order, |outlet, inlet| depends.contains(&outlet.node) && edges.contains(&inlet));

    let mut layers = Layers { list: vec![], outlets: vec![], auto: None };
    let (mut trunk, mut auto) = (vec![], vec![]);
    for &id in order.iter().filter(|id| depends.contains(id)) {
        let outlet = OutletId::new(id, 0);
        if outlet == input {
            continue;
        }
        let Some(layer) = layer(model, outlet, &grids, names) else { continue };
        let matters = model.node(id).outputs[0].successors.iter().any(|inlet| edges.contains(inlet));
        let index = layers.list.len();
        if all.contains(&id) && matters {
            trunk.push(index);
        }
        if relevant.contains(&id) && matters {
            auto.push(index);
        }
        layers.list.push(layer);
        layers.outlets.push(outlet);
    }
    layers.auto = last_before_head(model, &layers, &trunk, &auto, &order);
    for index in representatives(model, &layers, &trunk, &order) {
        layers.list[index].trunk = true;
    }
    Ok(layers)
}

/// The nodes whose value depends on `input`, itself included.
fn depending(model: &TypedModel, input: OutletId, order: &[usize]) -> HashSet<usize> {
    let mut depends = HashSet::from([input.node]);
    for &id in order {
        if model.node(id).inputs.iter().any(|input| depends.contains(&input.node)) {
            depends.insert(id);
        }
    }
    depends
}

/// The nodes that no counted edge bypasses: with the nodes in order of evaluation, none begins before and ends behind.
fn dominators(model: &TypedModel, order: &[usize], counts: impl Fn(OutletId, InletId) -> bool) -> HashSet<usize> {
    let position: HashMap<usize, usize> = order.iter().enumerate().map(|(position, id)| (*id, position)).collect();
    let mut found = HashSet::new();
    let mut reach = 0;
    for (here, &id) in order.iter().enumerate() {
        if reach <= here {
            found.insert(id);
        }
        for (slot, output) in model.node(id).outputs.iter().enumerate() {
            let counted = output.successors.iter().filter(|inlet| counts(OutletId::new(id, slot), **inlet));
            let furthest = counted.filter_map(|inlet| position.get(&inlet.node)).max();
            reach = reach.max(furthest.copied().unwrap_or(0));
        }
    }
    found
}

/// Describes the value at `outlet` as a layer, if it is the output of an ONNX node that computes something, and has a grid.
fn layer(model: &TypedModel, outlet: OutletId, grids: &Grids, names: &NodeNames) -> Option<Layer> {
    let fact = model.outlet_fact(outlet).ok()?;
    let shape = fact.shape.as_concrete()?;
    let (node, tensor) = names.output(outlet)?;
    if fact.datum_type != f32::datum_type() || shape.first() != Some(&1) || MOVERS.contains(&node.operator.as_str()) {
        return None;
    }
    let grid = grids.get(outlet).filter(|_| !grid::is_identity_window(model.node(outlet.node)))?;
    let (rows, columns) = grid::extent(grid, shape);
    let (channels, layout) = match (grid, shape.len()) {
        (Grid::Split { row: 2, column: 3 }, 4) => (shape[1], LayerLayout::ChannelsFirst),
        (Grid::Split { row: 1, column: 2 }, 4) => (shape[3], LayerLayout::ChannelsLast),
        (Grid::Tokens { axis: 1, prefix, .. }, 3) => (shape[2], LayerLayout::Tokens { prefix }),
        _ => return None,
    };
    (rows * columns > 1).then(|| Layer {
        name: node.name.clone(),
        tensor: tensor.to_string(),
        path: node.path.clone(),
        operator: node.operator.clone(),
        shape: [channels, rows, columns],
        layout,
        trunk: false,
    })
}

/// The layer that `auto` means: the last that all evidence from the image passes through, as in pytorch-grad-cam. Among
/// tokens it must also have the trunk's width, so that it is a block's normalised input and not the queries, keys and
/// values made of it. Where the last block's output is laid out anew and then only normalised, that is the head's doing,
/// and the block's output is meant.
fn last_before_head(
    model: &TypedModel,
    layers: &Layers,
    trunk: &[usize],
    auto: &[usize],
    order: &[usize],
) -> Option<usize> {
    let list = &layers.list;
    let width = trunk.last().map(|index| list[*index].shape[0]);
    let fits = |index: &&usize| {
        let layer = &list[**index];
        !matches!(layer.layout, LayerLayout::Tokens { .. }) || Some(layer.shape[0]) == width
    };
    let mut candidates = auto.iter().rev().filter(fits).copied();
    let Some(last) = candidates.next() else { return list.len().checked_sub(1) };
    let position = |index: usize| order.iter().position(|id| *id == layers.outlets[index].node);
    let same_values = |block: usize| {
        let between = position(block).zip(position(last)).map(|(from, to)| &order[from + 1..=to]);
        between.is_some_and(|nodes| nodes.iter().all(|id| !mixes(&model.node(*id).op.name())))
    };
    let block = candidates.find(|index| list[*index].layout != list[last].layout);
    let block = block.filter(|block| list[*block].shape == list[last].shape && same_values(*block));
    Some(block.unwrap_or(last))
}

/// Whether an operator, in tract's words, brings positions or channels together with weights.
fn mixes(operator: &str) -> bool {
    ["Conv", "EinSum", "Pool", "Concat", "Softmax"].iter().any(|mixing| operator.contains(mixing))
}

/// One layer for each stretch of the trunk: what an activation or a normalisation follows is left out in favour of it, and
/// when there are still too many, all but the last of each module.
fn representatives(model: &TypedModel, layers: &Layers, trunk: &[usize], order: &[usize]) -> Vec<usize> {
    let position: HashMap<usize, usize> = order.iter().enumerate().map(|(position, id)| (*id, position)).collect();
    let refined = |pair: &[usize]| {
        let [from, to] = [0, 1].map(|i| position[&layers.outlets[pair[i]].node]);
        layers.list[pair[0]].shape == layers.list[pair[1]].shape
            && order[from + 1..=to].iter().all(|id| is_pointwise(&model.node(*id).op.name()))
    };
    let mut chosen: Vec<usize> = trunk.windows(2).filter(|pair| !refined(pair)).map(|pair| pair[0]).collect();
    chosen.extend(trunk.last());
    for depth in (1..8).rev() {
        if chosen.len() <= TRUNK_LIMIT {
            break;
        }
        let module = |index: usize| module(&layers.list[index], depth);
        let grouped: Vec<usize> = chosen
            .iter()
            .enumerate()
            .filter(|(at, index)| chosen.get(at + 1).is_none_or(|next| module(*next) != module(**index)))
            .map(|(_, index)| *index)
            .collect();
        chosen = grouped;
    }
    chosen
}

/// Whether an operator, in tract's words, works on each position by itself.
fn is_pointwise(operator: &str) -> bool {
    const OTHERS: [&str; 9] = ["Conv", "EinSum", "Pool", "Reduce", "Concat", "Softmax", "Slice", "Move", "Gather"];
    !OTHERS.iter().any(|other| operator.contains(other))
}

/// The first `depth` components of a layer's module path, with its resolution where nodes have no path.
fn module(layer: &Layer, depth: usize) -> (String, Option<[usize; 3]>) {
    let path = layer.path.as_deref().unwrap_or(&layer.name);
    let components: Vec<&str> = path.split(['/', '.']).filter(|part| !part.is_empty()).collect();
    if components.len() < 2 {
        return (String::new(), Some(layer.shape));
    }
    (components.into_iter().take(depth).collect::<Vec<_>>().join("/"), None)
}
