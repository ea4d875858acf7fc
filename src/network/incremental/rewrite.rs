//! The network rewritten so that it computes only what a changed region can reach.
//!
//! Each value is of one of three kinds: it does not depend on the image; only a tile of it changes; or it is computed as a
//! whole. A node whose inputs change in tiles computes a tile where its operator can, and what it reads around the changed
//! part are the values of the unchanged image, which are inputs of the rewritten graph. Where a tile would cover most of the
//! grid, or an operator mixes all positions, the tile is put back into the whole and the rest is as it was.

use std::collections::HashMap;

use anyhow::Context as _;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::math;

use super::reach::{Place, Reach};
use super::rules::{Step, step};
use super::tile::CutTile;

/// A tile that covers more of its grid than this is not worth its copies.
const LARGEST_SHARE: f64 = 0.9;

/// A graph for inputs that differ from a known one in a region.
pub(super) struct Rewritten {
    /// Inputs: the changed image, the places of one region `[n, 2]`, and the values of `kept`. Output: the logits.
    pub(super) graph: TypedModel,
    /// The values of the unchanged image that it reads.
    pub(super) kept: Vec<OutletId>,
    /// Where the tiles lie: rows and columns.
    pub(super) places: Vec<[Place; 2]>,
    /// Whether any node computes a tile.
    pub(super) has_tiles: bool,
}

/// Rewrites the part of `whole` between `input`, with rows on axis `row`, and `output`. `nodes` are its nodes in the order
/// of evaluation, and `reach` what each region covers of the image's rows and columns.
pub(super) fn rewrite(
    whole: &TypedModel,
    nodes: &[usize],
    input: OutletId,
    output: OutletId,
    row: usize,
    reach: [Reach; 2],
) -> TractResult<Rewritten> {
    let mut graph = TypedModel { symbols: whole.symbols.clone(), ..TypedModel::default() };
    let image = graph.add_source("image", whole.outlet_fact(input)?.without_value())?;
    let places = graph.add_source("places", i64::fact([1, 2]))?;
    let place = [reach[0].whole(), reach[1].whole()];
    let tile = Tile { outlet: image, row, reach, place };
    let mut rewriter = Rewriter {
        whole,
        graph,
        places,
        table: vec![],
        values: HashMap::from([(input, Value::Tile(tile))]),
        kept: HashMap::new(),
        order: vec![],
        has_tiles: false,
    };
    for &id in nodes {
        if !rewriter.values.contains_key(&OutletId::new(id, 0)) {
            let name = &whole.node(id).name;
            rewriter.node(whole.node(id)).with_context(|| format!("at {name:?}"))?;
        }
    }
    let logits = rewriter.as_whole(output)?;
    rewriter.finish(logits)
}

#[derive(Clone)]
enum Value {
    /// Independent of the image.
    Same(OutletId),
    /// Changed in a part of its grid.
    Tile(Tile),
    /// Computed as a whole.
    Whole(OutletId),
}

#[derive(Clone)]
struct Tile {
    outlet: OutletId,
    /// The axis of rows; that of columns is the next.
    row: usize,
    /// What changes.
    reach: [Reach; 2],
    /// What is there: at least what changes.
    place: [Place; 2],
}

impl Tile {
    fn is_whole(&self) -> bool {
        (0..2).all(|axis| self.place[axis].extent == self.reach[axis].length)
    }
}

struct Rewriter<'a> {
    whole: &'a TypedModel,
    graph: TypedModel,
    /// The input with the places of one region.
    places: OutletId,
    table: Vec<[Place; 2]>,
    /// What became of the values of `whole`.
    values: HashMap<OutletId, Value>,
    /// The inputs that hold values of the unchanged image.
    kept: HashMap<OutletId, OutletId>,
    order: Vec<OutletId>,
    has_tiles: bool,
}

impl Rewriter<'_> {
    fn node(&mut self, node: &TypedNode) -> TractResult<()> {
        let values: Vec<Value> = node.inputs.iter().map(|input| self.values[input].clone()).collect();
        let tiles: Vec<&Tile> =
            values.iter().filter_map(|value| if let Value::Tile(tile) = value { Some(tile) } else { None }).collect();
        let any_whole = values.iter().any(|value| matches!(value, Value::Whole(_)));
        let tile = match tiles.split_first() {
            Some((first, others)) if !any_whole && others.iter().all(|other| other.row == first.row) => {
                self.tile(node, &values, first, others)?
            }
            _ => None,
        };
        if let Some(tile) = tile {
            self.has_tiles = true;
            self.values.insert(OutletId::new(node.id, 0), Value::Tile(tile));
            return Ok(());
        }
        let inputs = node.inputs.iter().map(|input| self.as_whole(*input)).collect::<TractResult<TVec<_>>>()?;
        let outlets = self.graph.wire_node(&node.name, node.op.clone(), &inputs)?;
        let depends = any_whole || !tiles.is_empty();
        for (slot, outlet) in outlets.into_iter().enumerate() {
            let value = if depends { Value::Whole(outlet) } else { Value::Same(outlet) };
            self.values.insert(OutletId::new(node.id, slot), value);
        }
        Ok(())
    }

    /// The tile of a node's output that changes; none if it must be computed as a whole.
    fn tile(
        &mut self,
        node: &TypedNode,
        values: &[Value],
        first: &Tile,
        others: &[&Tile],
    ) -> TractResult<Option<Tile>> {
        let changed: Vec<usize> = (0..values.len()).filter(|slot| matches!(values[*slot], Value::Tile(_))).collect();
        let Some(step) = step(self.whole, node, &changed, first.row) else { return Ok(None) };
        let mut reach = first.reach.clone();
        for other in others {
            reach = std::array::from_fn(|axis| reach[axis].or(&other.reach[axis]));
        }
        if let Step::Sliding { slides, .. } = &step {
            reach = std::array::from_fn(|axis| reach[axis].slide(&slides[axis]));
        }
        let place = reach.each_ref().map(Reach::place);
        let share = |axis: usize| place[axis].extent as f64 / reach[axis].length as f64;
        if share(0) * share(1) > LARGEST_SHARE {
            return Ok(None);
        }
        let (outlet, row) = match step {
            Step::Aligned { op, row, weights } => {
                let Some(inputs) = self.aligned(node, values, first, &place, weights)? else { return Ok(None) };
                (self.graph.wire_node(&node.name, op, &inputs)?[0], row)
            }
            Step::Sliding { op, slides, fill, factor } => {
                let reads = std::array::from_fn(|axis| slides[axis].reads(&place[axis]));
                let read = self.cut(node.inputs[0], first, &reads, fill)?;
                let mut outlet = read;
                if let Some(op) = op {
                    let constants = node.inputs[1..].iter().map(|input| self.as_whole(*input));
                    let inputs = std::iter::once(Ok(read)).chain(constants).collect::<TractResult<TVec<_>>>()?;
                    outlet = self.graph.wire_node(&node.name, op, &inputs)?[0];
                }
                if let Some(factor) = factor {
                    let factor = self.graph.add_const(format!("{}.factor", node.name), factor)?;
                    let factor = self.cut_from(factor, None, first.row, &place, 0.0)?;
                    outlet = self.graph.wire_node(format!("{}.mean", node.name), math::mul(), &[outlet, factor])?[0];
                }
                (outlet, first.row)
            }
        };
        Ok(Some(Tile { outlet, row, reach, place }))
    }

    /// The inputs of a node that works position by position, each at `place`; none if one cannot be brought there.
    fn aligned(
        &mut self,
        node: &TypedNode,
        values: &[Value],
        first: &Tile,
        place: &[Place; 2],
        weights: bool,
    ) -> TractResult<Option<TVec<OutletId>>> {
        let mut inputs = tvec![];
        for (value, input) in values.iter().zip(&node.inputs) {
            inputs.push(match value {
                Value::Tile(tile) => self.cut(*input, tile, place, 0.0)?,
                Value::Whole(_) => return Ok(None),
                Value::Same(outlet) if weights => *outlet,
                Value::Same(outlet) => match self.constant_at(*outlet, first, place)? {
                    Some(outlet) => outlet,
                    None => return Ok(None),
                },
            });
        }
        Ok(Some(inputs))
    }

    /// The part at `place` of a value that does not depend on the image, on the same axes as `tile`. A side of 1 stays: it
    /// stands for all positions.
    fn constant_at(&mut self, outlet: OutletId, tile: &Tile, place: &[Place; 2]) -> TractResult<Option<OutletId>> {
        let fact = self.graph.outlet_fact(outlet)?;
        let shape: TVec<usize> = fact.shape.as_concrete().unwrap_or_default().into();
        let is_float = fact.datum_type == f32::datum_type();
        let &[rows, columns] = shape.get(tile.row..tile.row + 2).unwrap_or(&[0, 0]) else { return Ok(None) };
        if [rows, columns] == [1, 1] {
            return Ok(Some(outlet));
        }
        let sides = [rows, columns];
        if !is_float || (0..2).any(|axis| sides[axis] != 1 && sides[axis] != tile.reach[axis].length) {
            return Ok(None);
        }
        let place = std::array::from_fn(|axis| match sides[axis] {
            1 => Place { starts: vec![0; place[axis].starts.len()], extent: 1 },
            _ => place[axis].clone(),
        });
        self.cut_from(outlet, None, tile.row, &place, 0.0).map(Some)
    }

    /// What `tile` shows, at another place: what is missing comes from the unchanged image, or is `fill` outside the grid.
    fn cut(&mut self, value: OutletId, tile: &Tile, place: &[Place; 2], fill: f32) -> TractResult<OutletId> {
        if tile.place == *place {
            return Ok(tile.outlet);
        }
        if tile.is_whole() {
            return self.cut_from(tile.outlet, None, tile.row, place, fill);
        }
        let kept = match self.kept.get(&value) {
            Some(kept) => *kept,
            None => {
                let name = format!("{}.kept", self.whole.node(value.node).name);
                let fact = self.whole.outlet_fact(value)?.without_value();
                let kept = self.graph.add_source(name, fact)?;
                self.order.push(value);
                self.kept.insert(value, kept);
                kept
            }
        };
        self.cut_from(kept, Some((tile.outlet, &tile.place)), tile.row, place, fill)
    }

    fn cut_from(
        &mut self,
        whole: OutletId,
        patch: Option<(OutletId, &[Place; 2])>,
        row: usize,
        place: &[Place; 2],
        fill: f32,
    ) -> TractResult<OutletId> {
        let op = CutTile {
            place: self.entry(place),
            patch: patch.map(|(_, place)| self.entry(place)),
            extent: [place[0].extent, place[1].extent],
            row,
            fill: fill.to_bits(),
        };
        let mut inputs = tvec![self.places, whole];
        inputs.extend(patch.map(|(patch, _)| patch));
        let name = self.graph.unique_name("tile").into_owned();
        Ok(self.graph.wire_node(name, op, &inputs)?[0])
    }

    /// The row of the table of places that has `place`.
    fn entry(&mut self, place: &[Place; 2]) -> usize {
        let starts = |entry: &[Place; 2]| (0..2).all(|axis| entry[axis].starts == place[axis].starts);
        self.table.iter().position(starts).unwrap_or_else(|| {
            self.table.push(place.clone());
            self.table.len() - 1
        })
    }

    /// A value as a whole, for what reads all of it.
    fn as_whole(&mut self, value: OutletId) -> TractResult<OutletId> {
        match self.values[&value].clone() {
            Value::Same(outlet) | Value::Whole(outlet) => Ok(outlet),
            Value::Tile(tile) => {
                let everywhere = tile.reach.each_ref().map(Reach::whole);
                let outlet = self.cut(value, &tile, &everywhere, 0.0)?;
                // Others that read all of it need not put it together again; those that read a tile still can.
                self.values.insert(value, Value::Tile(Tile { outlet, place: everywhere, ..tile }));
                Ok(outlet)
            }
        }
    }

    fn finish(mut self, logits: OutletId) -> TractResult<Rewritten> {
        let fact = i64::fact([self.table.len(), 2]);
        self.graph.node_mut(self.places.node).op = self.graph.create_source(fact.clone());
        self.graph.node_mut(self.places.node).outputs[0].fact = fact;
        self.graph.select_output_outlets(&[logits])?;
        Ok(Rewritten { graph: self.graph, kept: self.order, places: self.table, has_tiles: self.has_tiles })
    }
}
