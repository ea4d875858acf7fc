//! The way from the input to the scores, as one would draw the network: what mixes with weights, what branches meet in, and
//! what pools; activations and normalisations belong to what they follow.

use std::collections::{HashMap, HashSet};

use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::cnn::{Conv, Deconv};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_core::ops::nn::Reduce;

use super::Network;
use super::error::tract;
use super::extract::{concrete, needed};
use super::grid::{self, Grids};
use super::layers::MOVERS;

/// A stage on the way from the input to the scores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// The module path of its first node, where there is one, or else the ONNX name; `input` for the first stage.
    pub name: String,
    /// Its ONNX operators in the order of evaluation, each once; none for the input.
    pub operators: Vec<String>,
    /// Of what it hands on: `[C, h, w]` where it is a layer, else the tensor's sides without the batch's.
    pub shape: Vec<usize>,
    /// What it hands on as a layer, an index into [`Network::layers`]; none where that has no grid.
    pub layer: Option<usize>,
    /// All that are layers in it, in the order of evaluation.
    pub layers: Vec<usize>,
    /// The nodes in it whose weights [`Network::weights`] reads, by the names that it knows them by.
    pub weighted: Vec<String>,
    /// Numbers that it has learnt; those that several stages share count in the first.
    pub weights: u64,
    /// Multiply-adds of its products with weights, and of activations with each other.
    pub work: u64,
    /// The stages that it reads, by their place in the list.
    pub from: Vec<usize>,
    /// Whether every way from the input to the scores goes through it.
    pub trunk: bool,
}

/// Collects stages, a node after the other.
struct Walk<'n> {
    network: &'n Network,
    grids: Grids,
    stages: Vec<Stage>,
    /// The stage of each node that depends on the image, and the ONNX node that began each stage.
    places: HashMap<usize, usize>,
    owners: HashMap<String, usize>,
    counted: HashSet<usize>,
    weighted: HashSet<usize>,
}

impl Network {
    /// The stages from the input to the scores, in the order of evaluation; the first is the input.
    ///
    /// # Errors
    /// When a shape of the graph is symbolic.
    pub fn stages(&self) -> Result<Vec<Stage>, super::NetworkError> {
        Ok(self.stages_of_nodes().map_err(tract("could not read the network's graph"))?.0)
    }

    /// The stages, and that of each node that depends on the image.
    pub(super) fn stages_of_nodes(&self) -> TractResult<(Vec<Stage>, HashMap<usize, usize>)> {
        let order = self.graph.eval_order()?;
        let input = Stage {
            name: "input".to_owned(),
            operators: vec![],
            shape: self.input_shape.get(1..).unwrap_or_default().to_vec(),
            layer: None,
            layers: vec![],
            weighted: vec![],
            weights: 0,
            work: 0,
            from: vec![],
            trunk: true,
        };
        let mut walk = Walk {
            network: self,
            grids: grid::grids(&self.graph, self.input, &order)?,
            stages: vec![input],
            places: HashMap::from([(self.input.node, 0)]),
            owners: HashMap::new(),
            counted: HashSet::new(),
            weighted: self.find_weighted()?.into_iter().map(|weighted| weighted.node).collect(),
        };
        for id in order {
            walk.add(self.graph.node(id))?;
        }
        let Walk { mut stages, places, .. } = walk;
        mark_trunk(&mut stages);
        Ok((stages, places))
    }
}

impl Walk<'_> {
    /// Puts a node in a stage: that of what it reads, unless it begins one.
    fn add(&mut self, node: &TypedNode) -> TractResult<()> {
        let mut from: Vec<usize> =
            node.inputs.iter().filter_map(|input| self.places.get(&input.node).copied()).collect();
        from.sort_unstable();
        from.dedup();
        let Some(nearest) = from.last().copied().filter(|_| !self.places.contains_key(&node.id)) else { return Ok(()) };
        let work = self.work(node)?;
        let names = &self.network.names;
        let owner = names.owner(node.id);
        let name = owner.map_or_else(|| node.name.clone(), |owner| owner.name.clone());
        let operator = owner.map_or_else(|| node.op.name().into_owned(), |owner| owner.operator.clone());
        let is_new = work > 0 || from.len() > 1 || self.changes_grid(node, &operator);
        // What one node of the file became stays together, however many ways lead through it.
        let begun = self.owners.get(&name).copied().filter(|begun| from.contains(begun));
        let at = match begun {
            Some(begun) => begun,
            None if is_new => {
                self.stages.push(Stage {
                    name: owner.and_then(|owner| owner.path.clone()).unwrap_or_else(|| name.clone()),
                    operators: vec![],
                    shape: vec![],
                    layer: None,
                    layers: vec![],
                    weighted: vec![],
                    weights: 0,
                    work: 0,
                    from: vec![],
                    trunk: false,
                });
                self.owners.insert(name, self.stages.len() - 1);
                self.stages.len() - 1
            }
            None => nearest,
        };
        self.places.insert(node.id, at);
        let weights = self.new_weights(node);
        let outlet = OutletId::new(node.id, 0);
        let layer = self.network.layers.outlets.iter().position(|other| *other == outlet);
        let shape = concrete(&self.network.graph, outlet)?;
        let stage = &mut self.stages[at];
        stage.weights += weights;
        stage.work += work;
        stage.from.extend(from.into_iter().filter(|other| *other != at));
        stage.from.sort_unstable();
        stage.from.dedup();
        if at == 0 {
            // What the network does to pixels first is still the input.
            return Ok(());
        }
        if !MOVERS.contains(&operator.as_str()) && !stage.operators.contains(&operator) {
            stage.operators.push(operator);
        }
        if self.weighted.contains(&node.id) {
            // Several nodes of the graph may have been one of the file.
            let known = owner.map_or(&node.name, |owner| &owner.name);
            if !stage.weighted.contains(known) {
                stage.weighted.push(known.clone());
            }
        }
        if let Some(layer) = layer {
            stage.layer = Some(layer);
            stage.layers.push(layer);
            stage.shape = self.network.layers.list[layer].shape.to_vec();
        } else if stage.layer.is_none() {
            stage.shape = shape.get(1..).unwrap_or_default().to_vec();
        }
        Ok(())
    }

    /// Whether a node pools, or makes another resolution by what is no mere move of values.
    fn changes_grid(&self, node: &TypedNode, operator: &str) -> bool {
        if operator.contains("Pool") {
            return !grid::is_identity_window(node);
        }
        let extent = |outlet: OutletId| {
            let shape = concrete(&self.network.graph, outlet).ok()?;
            let (rows, columns) = grid::extent(self.grids.get(outlet)?, &shape);
            (rows * columns > 1).then_some((rows, columns))
        };
        let before = node.inputs.first().and_then(|input| extent(*input));
        let after = extent(OutletId::new(node.id, 0));
        let is_resized = before.zip(after).is_some_and(|(before, after)| before != after);
        let is_reduced = node.op_is::<Reduce>() && before.is_some() && after.is_none();
        is_reduced || is_resized && ![&MOVERS[..], &["Concat", "Split", "Gather"]].concat().contains(&operator)
    }

    /// Multiply-adds of a node, from its shapes.
    fn work(&self, node: &TypedNode) -> TractResult<u64> {
        let graph = &self.network.graph;
        let length = |outlet: OutletId| -> TractResult<u64> {
            Ok(concrete(graph, outlet)?.iter().map(|side| *side as u64).product())
        };
        if let Some(conv) = node.op_as::<Conv>() {
            let each = length(node.inputs[1])? / (conv.pool_spec.output_channels as u64).max(1);
            return Ok(each * length(OutletId::new(node.id, 0))?);
        }
        if let Some(deconv) = node.op_as::<Deconv>() {
            let each = length(node.inputs[1])? / (deconv.pool_spec.input_channels as u64).max(1);
            return Ok(each * length(node.inputs[0])?);
        }
        let Some(product) = node.op_as::<EinSum>() else { return Ok(0) };
        let mut work = 1;
        for axis in product.axes.iter_all_axes() {
            let mut longest = 1;
            for (input, places) in node.inputs.iter().zip(&axis.inputs) {
                let shape = concrete(graph, *input)?;
                longest =
                    places.iter().filter_map(|at| shape.get(*at)).fold(longest, |most, side| most.max(*side as u64));
            }
            work *= longest;
        }
        Ok(work)
    }

    /// Numbers that a node reads and no node before did; single ones are the operator's own.
    fn new_weights(&mut self, node: &TypedNode) -> u64 {
        let graph = &self.network.graph;
        let constants: Vec<OutletId> =
            node.inputs.iter().filter(|input| !self.places.contains_key(&input.node)).copied().collect();
        let mut sum = 0;
        for id in needed(graph, &[], &constants) {
            let Some(constant) = graph.node(id).op_as::<Const>() else { continue };
            let value = constant.val();
            let is_learnt = !matches!(value.datum_type(), DatumType::I64 | DatumType::TDim | DatumType::Bool);
            if is_learnt && value.len() > 1 && self.counted.insert(id) {
                sum += value.len() as u64;
            }
        }
        sum
    }
}

/// Marks the stages that no edge bypasses.
fn mark_trunk(stages: &mut [Stage]) {
    let mut reach = vec![0; stages.len()];
    for (at, stage) in stages.iter().enumerate() {
        for from in &stage.from {
            reach[*from] = reach[*from].max(at);
        }
    }
    let mut furthest = 0;
    for (at, stage) in stages.iter_mut().enumerate() {
        stage.trunk = furthest <= at;
        furthest = furthest.max(reach[at]);
    }
}
