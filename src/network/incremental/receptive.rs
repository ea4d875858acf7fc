//! What part of the image a place of a layer can depend on, from the windows of the graph's operators.

use std::collections::HashMap;
use std::ops::Range;

use tract_onnx::prelude::*;

use super::super::error::tract;
use super::super::extract::needed;
use super::super::{LayerLayout, Network, NetworkError};
use super::reach::Slide;
use super::rows_axis;
use super::rules::{Step, step};

/// The part of the network's input that a number can depend on, in pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceptiveField {
    /// From the top.
    pub rows: Range<usize>,
    /// From the left.
    pub columns: Range<usize>,
}

/// The receptive fields of a layer's places.
#[derive(Debug, Clone)]
pub struct ReceptiveFields {
    /// Height and width of the network's input.
    input: [usize; 2],
    /// How each value between is read, from the input to the layer; none where an operator on the way mixes all places.
    reads: Option<Reads>,
}

#[derive(Debug, Clone)]
struct Reads {
    layer: OutletId,
    image: OutletId,
    nodes: Vec<Read>,
}

/// What one node reads of the values before it.
#[derive(Debug, Clone)]
struct Read {
    output: OutletId,
    /// Each with height and width of its grid.
    inputs: Vec<(OutletId, [usize; 2])>,
    /// Height and width of the output's grid.
    extent: [usize; 2],
    /// Windows over rows and columns; none where a place is made of the same place.
    windows: Option<[Slide; 2]>,
}

impl Network {
    /// The receptive fields of a layer's places, of what the graph lets them depend on: all of the image behind attention or
    /// a gate that averages over it.
    ///
    /// # Errors
    /// When the graph has a cycle.
    pub fn receptive_fields(&self, layer: usize) -> Result<ReceptiveFields, NetworkError> {
        let (height, width) = self.input_extent();
        let order = self.graph.eval_order().map_err(tract("could not order the network's nodes"))?;
        let row = match self.layers.list[layer].layout {
            LayerLayout::ChannelsFirst => Some(2),
            LayerLayout::ChannelsLast => Some(1),
            LayerLayout::Tokens { .. } => None,
        };
        let reads = row.and_then(|row| self.reads(self.layers.outlets[layer], row, &order));
        Ok(ReceptiveFields { input: [height, width], reads })
    }

    /// How the value of `layer`, whose rows are axis `row`, is read from the image.
    fn reads(&self, layer: OutletId, row: usize, order: &[usize]) -> Option<Reads> {
        let needed = needed(&self.graph, &[self.input], &[layer]);
        let mut rows = HashMap::from([(self.input, rows_axis(&self.input_shape)?)]);
        let mut nodes = vec![];
        for &id in order.iter().filter(|id| needed.contains(id)) {
            let node = self.graph.node(id);
            let changed: Vec<usize> =
                (0..node.inputs.len()).filter(|slot| rows.contains_key(&node.inputs[*slot])).collect();
            let Some(first) = changed.first() else { continue };
            let own = rows[&node.inputs[*first]];
            if changed.iter().any(|slot| rows[&node.inputs[*slot]] != own) {
                return None;
            }
            let output = OutletId::new(id, 0);
            let (row, windows) = match step(&self.graph, node, &changed, own)? {
                Step::Aligned { row, .. } => (row, None),
                Step::Sliding { slides, .. } => (own, Some(slides)),
            };
            let inputs = changed.iter().map(|slot| Some((node.inputs[*slot], self.extent(node.inputs[*slot], own)?)));
            let (inputs, extent) = (inputs.collect::<Option<_>>()?, self.extent(output, row)?);
            nodes.push(Read { output, inputs, extent, windows });
            rows.insert(output, row);
        }
        (rows.get(&layer) == Some(&row)).then_some(Reads { layer, image: self.input, nodes })
    }

    fn extent(&self, outlet: OutletId, row: usize) -> Option<[usize; 2]> {
        let shape = self.graph.outlet_fact(outlet).ok()?.shape.as_concrete()?;
        Some([*shape.get(row)?, *shape.get(row + 1)?])
    }
}

impl ReceptiveFields {
    /// That of the layer's value at a row and a column.
    pub fn of(&self, row: usize, column: usize) -> ReceptiveField {
        let [rows, columns] = match &self.reads {
            Some(reads) => [0, 1].map(|axis| reads.of([row, column][axis], axis, self.input[axis])),
            None => self.input.map(|side| 0..side),
        };
        ReceptiveField { rows, columns }
    }
}

impl Reads {
    /// Along one axis, what a position of the layer reads of the image's `length`.
    fn of(&self, position: usize, axis: usize, length: usize) -> Range<usize> {
        let mut spans = HashMap::from([(self.layer, position..position + 1)]);
        for node in self.nodes.iter().rev() {
            let Some(span) = spans.get(&node.output).filter(|span| !span.is_empty()).cloned() else { continue };
            for (input, extent) in &node.inputs {
                let read = match &node.windows {
                    Some(windows) => windows[axis].covers(&span, extent[axis]),
                    // A single row or column that is held against all.
                    None if extent[axis] != node.extent[axis] => 0..extent[axis],
                    None => span.clone(),
                };
                let both = spans.get(input).map_or_else(|| read.clone(), |other| hull(other, &read));
                spans.insert(*input, both);
            }
        }
        spans.remove(&self.image).unwrap_or(0..length)
    }
}

/// From the first to the last position that either has.
fn hull(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    match (a.is_empty(), b.is_empty()) {
        (true, _) => b.clone(),
        (_, true) => a.clone(),
        _ => a.start.min(b.start)..a.end.max(b.end),
    }
}
