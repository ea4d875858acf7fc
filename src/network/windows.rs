//! Where the tokens of an attention are in the image, also where they were sorted into windows, and the windows shifted.
//!
//! What moves tokens moves numbers as well. So the patches of a layer whose grid is known are numbered, and the numbers sent
//! through the part of the graph that leads from there to the queries, with all arithmetic left out: what is added,
//! multiplied or normalised is passed on as it is, and a dense layer passes its first channel on. What arrives says which
//! patch each query is.

use std::collections::HashMap;

use anyhow::Context as _;
use ndarray::{Array2, ArrayD, Dimension as _, IxDyn};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::array::{FiniteReshape, Gather, Pad, Slice, StridedSlice, TypedConcat};
use tract_onnx::tract_core::ops::change_axes::{AxisOp, InOut};
use tract_onnx::tract_core::ops::downsample::Downsample;
use tract_onnx::tract_core::ops::einsum::EinSum;

use super::{LayerLayout, Network, Patches};

/// Where the tokens of an attention are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenPlaces {
    /// Rows of the grid of patches.
    pub rows: usize,
    /// Columns of the grid of patches.
    pub columns: usize,
    /// Heads that look at each window.
    pub heads: usize,
    /// Of each window the patch of each token, numbered row after row; none for class tokens and padding.
    pub windows: Vec<Vec<Option<usize>>>,
    /// Which window, and which head of it, each attention of [`HeadMaps`](super::HeadMaps) is.
    pub of: Vec<(usize, usize)>,
}

impl TokenPlaces {
    /// The window that holds a patch, and which of its tokens that is.
    pub fn of_patch(&self, patch: usize) -> Option<(usize, usize)> {
        let token = |window: &Vec<Option<usize>>| window.iter().position(|place| *place == Some(patch));
        self.windows.iter().enumerate().find_map(|(number, window)| Some((number, token(window)?)))
    }

    /// Of heads that all look at all patches.
    pub(super) fn whole(patches: Patches, heads: usize, tokens: usize) -> TokenPlaces {
        let Patches { prefix, rows, columns } = patches;
        let patch = |token: usize| token.checked_sub(prefix).filter(|patch| *patch < rows * columns);
        let of = (0..heads).map(|head| (0, head)).collect();
        TokenPlaces { rows, columns, heads, windows: vec![(0..tokens).map(patch).collect()], of }
    }

    /// From the patches of each attention, `[attentions, tokens]`, 0 where there is none: those with the same patches look at
    /// the same window.
    fn from_numbers(numbers: &Array2<usize>, (rows, columns): (usize, usize)) -> Option<TokenPlaces> {
        let mut windows: Vec<Vec<Option<usize>>> = vec![];
        let mut seen: HashMap<Vec<usize>, (usize, usize)> = HashMap::new();
        let mut of = vec![];
        for row in numbers.rows() {
            let (window, heads) = seen.entry(row.to_vec()).or_insert_with(|| {
                windows.push(row.iter().map(|number| number.checked_sub(1)).collect());
                (windows.len() - 1, 0)
            });
            of.push((*window, *heads));
            *heads += 1;
        }
        let heads = of.len() / windows.len().max(1);
        let is_even = seen.values().all(|(_, count)| *count == heads);
        (is_even && heads > 0).then_some(TokenPlaces { rows, columns, heads, windows, of })
    }
}

/// Where the queries of a product `[.., queries, keys]` are, where that can be told, and its keys are the same tokens.
pub(super) fn places(network: &Network, product: usize) -> Option<TokenPlaces> {
    let mut numbered = Numbered::new(network);
    let node = network.graph.node(product);
    let rank = node.outputs[0].fact.rank();
    let queries = numbered.tokens(node, rank - 2).ok()?;
    let keys = numbered.tokens(node, rank - 1).ok()?;
    let grid = numbered.grid.filter(|_| queries == keys)?;
    TokenPlaces::from_numbers(&queries, grid)
}

/// A graph that moves numbers of patches, as it grows.
struct Numbered<'a> {
    network: &'a Network,
    graph: TypedModel,
    /// Outlets of the network that were looked at; none where no patch can be told.
    places: HashMap<OutletId, Option<OutletId>>,
    /// Rows and columns of the layer that it begins with.
    grid: Option<(usize, usize)>,
}

impl<'a> Numbered<'a> {
    fn new(network: &'a Network) -> Numbered<'a> {
        Numbered { network, graph: TypedModel::default(), places: HashMap::new(), grid: None }
    }

    /// The numbers along an axis of a product's output and along the axes before its last two, `[others, axis]`.
    fn tokens(&mut self, product: &TypedNode, axis: usize) -> TractResult<Array2<usize>> {
        let op = product.op_as::<EinSum>().context("no product")?;
        let rank = product.outputs[0].fact.rank();
        let inputs = |output: usize| TractResult::Ok(op.axes.axis((InOut::Out(0), output))?.inputs.clone());
        let slot = inputs(axis)?.iter().position(|places| !places.is_empty()).context("an axis from nowhere")?;
        let outlet = self.follow(product.inputs[slot])?.context("no grid to begin with")?;
        let numbers = self.value(outlet)?;
        let shown: TVec<usize> = (0..rank - 2).chain([axis]).collect();
        let sources: TVec<Option<usize>> = shown
            .iter()
            .map(|output| TractResult::Ok(inputs(*output)?[slot].first().copied()))
            .collect::<TractResult<_>>()?;
        let shape = product.outputs[0].fact.shape.as_concrete().context("a symbolic shape")?;
        let lengths: TVec<usize> = shown.iter().map(|output| shape[*output]).collect();
        let of = |at: &[usize]| {
            let mut index = IxDyn(&tvec![0; numbers.ndim()]);
            for (source, at) in sources.iter().zip(at).filter_map(|(source, at)| Some(((*source)?, at))) {
                index[source] = if numbers.shape()[source] == 1 { 0 } else { *at };
            }
            numbers[index] as usize
        };
        let all = ArrayD::from_shape_fn(IxDyn(&lengths), |at| of(at.slice()));
        let tokens = lengths[lengths.len() - 1];
        Ok(all.into_shape_with_order((lengths.iter().product::<usize>() / tokens.max(1), tokens))?)
    }

    fn value(&self, outlet: OutletId) -> TractResult<ArrayD<f32>> {
        let mut graph = self.graph.clone();
        graph.select_output_outlets(&[outlet])?;
        let value = graph.into_runnable()?.run(tvec![])?.remove(0);
        value.into_tensor().into_plain_array::<f32>()
    }

    /// Where the numbers of an outlet's patches are.
    fn follow(&mut self, outlet: OutletId) -> TractResult<Option<OutletId>> {
        if let Some(known) = self.places.get(&outlet) {
            return Ok(*known);
        }
        let found = match self.begin(outlet)? {
            Some(begun) => Some(begun),
            None => self.through(outlet)?,
        };
        self.places.insert(outlet, found);
        Ok(found)
    }

    /// The numbers of a layer's patches, from 1, in every channel; where there is a layer.
    fn begin(&mut self, outlet: OutletId) -> TractResult<Option<OutletId>> {
        let layers = &self.network.layers;
        let Some(layer) = layers.outlets.iter().position(|other| *other == outlet) else { return Ok(None) };
        let layer = &layers.list[layer];
        let [_, rows, columns] = layer.shape;
        if self.grid.is_some_and(|grid| grid != (rows, columns)) {
            return Ok(None);
        }
        self.grid = Some((rows, columns));
        let shape = super::extract::concrete(&self.network.graph, outlet)?;
        let numbers = ArrayD::from_shape_fn(IxDyn(&shape), |at| {
            let number = match layer.layout {
                LayerLayout::ChannelsFirst => at[2] * columns + at[3] + 1,
                LayerLayout::ChannelsLast => at[1] * columns + at[2] + 1,
                LayerLayout::Tokens { prefix } if at[1] >= prefix + rows * columns => 0,
                LayerLayout::Tokens { prefix } => (at[1] + 1).saturating_sub(prefix),
            };
            number as f32
        });
        Ok(Some(self.constant(outlet, numbers.into_tensor())?))
    }

    /// What a node makes of the numbers that go into it.
    fn through(&mut self, outlet: OutletId) -> TractResult<Option<OutletId>> {
        let network = self.network;
        let (whole, node) = (&network.graph, network.graph.node(outlet.node));
        if outlet.slot > 0 || node.inputs.is_empty() || whole.outlet_fact(outlet)?.konst.is_some() {
            return Ok(None);
        }
        if node.op_is::<EinSum>() {
            return self.through_dense(node);
        }
        if !moves(node) {
            // What is computed of a token stays its.
            for input in &node.inputs {
                let is_same = whole.outlet_fact(*input)?.shape == node.outputs[0].fact.shape;
                if is_same && let Some(numbers) = self.follow(*input)? {
                    return Ok(Some(numbers));
                }
            }
            return Ok(None);
        }
        let mut inputs = tvec![];
        let mut is_placed = false;
        for (slot, input) in node.inputs.iter().enumerate() {
            let is_moved = slot == 0 || node.op_is::<TypedConcat>();
            let numbers = if is_moved { self.follow(*input)? } else { None };
            is_placed |= numbers.is_some();
            inputs.push(match numbers {
                Some(numbers) => numbers,
                // A class token, or padding: no patch.
                None if is_moved => {
                    let shape = super::extract::concrete(whole, *input)?;
                    self.constant(*input, Tensor::zero::<f32>(&shape)?)?
                }
                None => {
                    let value = whole.outlet_fact(*input)?.konst.clone().context("moved by what is not constant")?;
                    self.constant(*input, value.into_tensor())?
                }
            });
        }
        if !is_placed {
            return Ok(None);
        }
        let name = self.graph.unique_name(node.name.clone()).into_owned();
        Ok(Some(self.graph.wire_node(name, node.op.clone(), &inputs)?[0]))
    }

    /// A product with a matrix: the first channel goes into all.
    fn through_dense(&mut self, node: &TypedNode) -> TractResult<Option<OutletId>> {
        let (whole, op) = (&self.network.graph, node.op_as::<EinSum>().context("no product")?);
        let mut inputs = tvec![];
        for (slot, input) in node.inputs.iter().enumerate() {
            let summed = op.axes.iter_all_axes().filter(|axis| axis.outputs[0].is_empty());
            let summed: TVec<usize> = summed.flat_map(|axis| axis.inputs[slot].clone()).collect();
            if let Some(weights) = whole.outlet_fact(*input)?.konst.clone() {
                let mut shape: TVec<usize> = weights.shape().into();
                summed.iter().for_each(|axis| shape[*axis] = 1);
                inputs.push(self.constant(*input, ArrayD::from_elem(IxDyn(&shape), 1.0_f32).into_tensor())?);
                continue;
            }
            let Some(mut numbers) = self.follow(*input)? else { return Ok(None) };
            for axis in summed {
                let name = self.graph.unique_name(format!("{}.first", node.name)).into_owned();
                numbers = self.graph.wire_node(name, Slice::new(axis, 0, 1), &[numbers])?[0];
            }
            inputs.push(numbers);
        }
        let name = self.graph.unique_name(node.name.clone()).into_owned();
        Ok(Some(self.graph.wire_node(name, op.clone(), &inputs)?[0]))
    }

    fn constant(&mut self, of: OutletId, value: Tensor) -> TractResult<OutletId> {
        let name = self.graph.unique_name(format!("{}.numbers", self.network.graph.node(of.node).name)).into_owned();
        self.graph.add_const(name, value)
    }
}

/// Whether an operator puts values elsewhere, and changes none.
fn moves(node: &TypedNode) -> bool {
    node.op_is::<AxisOp>()
        || node.op_is::<FiniteReshape>()
        || node.op_is::<Slice>()
        || node.op_is::<StridedSlice>()
        || node.op_is::<TypedConcat>()
        || node.op_is::<Pad>()
        || node.op_is::<Gather>()
        || node.op_is::<Downsample>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn attentions_with_the_same_patches_are_heads_of_one_window() {
        let numbers = array![[0, 1], [2, 3], [0, 1], [2, 3]];
        let places = TokenPlaces::from_numbers(&numbers, (1, 3)).unwrap();
        assert_eq!(places.windows, [vec![None, Some(0)], vec![Some(1), Some(2)]]);
        assert_eq!((places.heads, places.of.as_slice()), (2, &[(0, 0), (1, 0), (0, 1), (1, 1)][..]));
        assert_eq!((places.of_patch(2), places.of_patch(5)), (Some((1, 1)), None));
        assert_eq!(TokenPlaces::from_numbers(&array![[1], [1], [2]], (1, 2)), None, "no even number of heads");
    }
}
