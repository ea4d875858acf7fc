//! Attention: where the tokens of a transformer take from each other, found in the graph before kernels are put in.
//!
//! An attention is a softmax over the last axis of a product of two values that both come from the image (queries and keys),
//! whose result is multiplied with a third (values). Exporters put scales, masks and biases between the two products, and
//! axes in whatever order; none of that matters here.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use ndarray::{Array3, ArrayView3};
use thiserror::Error;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::cnn::Conv;
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::nn::Softmax;

use super::error::tract;
use super::extract::{extract, needed};
use super::grid::{self, Grid};
use super::kernels::Free;
use super::pass::Pass;
use super::plans::{Plan, PlanKind};
use super::windows::{self, TokenPlaces};
use super::{Network, NetworkError};
use crate::autodiff;

/// How many nodes there may be between a product and the softmax.
const FURTHEST: usize = 16;

/// Where the patches of the image are among tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Patches {
    /// Tokens before the first patch: class token, distillation token, registers.
    pub prefix: usize,
    /// Rows of patches.
    pub rows: usize,
    /// Columns of patches.
    pub columns: usize,
}

/// The attention of one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttentionBlock {
    /// The ONNX name of its softmax.
    pub name: String,
    /// The module path that PyTorch's default exporter records, where there is one.
    pub path: Option<String>,
    /// How many attentions there are side by side: heads, and of a block that looks within windows, heads of all windows.
    pub heads: usize,
    /// Tokens that ask, and tokens that are asked, by each head.
    pub tokens: (usize, usize),
    /// Where all patches of the image are among them; none where each head sees a part of the image.
    pub patches: Option<Patches>,
}

/// Which tokens the classifier's head reads after the last block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readout {
    /// These, before the patches: a class token, with a distillation token two.
    Tokens(Vec<usize>),
    /// The mean of the patches, or more of them than can be told.
    Patches,
}

/// All attention of a network.
#[derive(Debug, Clone)]
pub struct Attention {
    /// From the input to the logits.
    pub blocks: Vec<AttentionBlock>,
    /// What the head reads.
    pub readout: Readout,
    /// Where the softmax of each block is.
    outlets: Vec<OutletId>,
    /// Where the tokens of each block are in the image, found when first asked for.
    places: Vec<OnceLock<Option<Arc<TokenPlaces>>>>,
}

/// Why attention cannot be followed from the head to the image's patches.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotFollowed {
    /// No attention at all.
    #[error("it has no attention: no softmax between two products of the image's tokens")]
    None,
    /// Windows, or tokens that were merged or pooled.
    #[error(
        "its attention at {node} is among {} x {} tokens that are a part of the image or not its patches, and attention is \
         not defined across windows and merged patches", .tokens.0, .tokens.1
    )]
    Parts {
        /// The first such block.
        node: String,
        /// Tokens that ask, and that are asked.
        tokens: (usize, usize),
    },
    /// Blocks with different tokens.
    #[error(
        "its attention at {node} is among other tokens than at the blocks before it, and cannot be followed through"
    )]
    Changing {
        /// The first such block.
        node: String,
    },
}

impl Attention {
    /// Where the patches are among the tokens of every block.
    ///
    /// # Errors
    /// When there is no attention, or not all of it is among all patches.
    pub fn patches(&self) -> Result<Patches, NotFollowed> {
        let first = self.blocks.first().ok_or(NotFollowed::None)?;
        for block in &self.blocks {
            let node = || block.name.clone();
            if block.patches.is_none() || block.tokens.0 != block.tokens.1 {
                return Err(NotFollowed::Parts { node: node(), tokens: block.tokens });
            }
            if (block.tokens, block.patches) != (first.tokens, first.patches) {
                return Err(NotFollowed::Changing { node: node() });
            }
        }
        first.patches.ok_or(NotFollowed::None)
    }
}

/// The attention of one block for an image, `[heads, asking, asked]`: each row adds up to 1.
pub type HeadMaps = Array3<f32>;

/// The attention of one block, and the gradient of the target with respect to it.
#[derive(Debug, Clone)]
pub struct AttentionGradient {
    /// `[heads, asking, asked]`.
    pub attention: HeadMaps,
    /// Of the same shape.
    pub gradient: HeadMaps,
}

impl Network {
    /// The attention in the network; found when first asked for.
    pub fn attention(&self) -> &Attention {
        self.attention.get_or_init(|| {
            let nothing = || Attention { blocks: vec![], readout: Readout::Patches, outlets: vec![], places: vec![] };
            self.find_attention().unwrap_or_else(|_| nothing())
        })
    }

    /// The attention of every block for an image.
    ///
    /// # Errors
    /// When tract fails.
    pub fn attention_maps(&self, pass: &Pass) -> Result<Vec<HeadMaps>, NetworkError> {
        let outlets = &self.attention().outlets;
        let plan = self
            .plans
            .get(PlanKind::Attention, || self.plan("read the attention".into(), &[self.input], outlets, Free::NONE))?;
        let values = plan.run(tvec![self.input_tensor(&pass.input.view())?])?;
        values.iter().map(|value| head_maps(value)).collect()
    }

    /// The attention of every block for an image, with the gradient of `<cotangent, logits>`.
    ///
    /// # Errors
    /// When an operator has no gradient, or tract fails.
    pub fn attention_gradients(&self, pass: &Pass, cotangent: &[f32]) -> Result<Vec<AttentionGradient>, NetworkError> {
        let plan = self.plans.get(PlanKind::AttentionGradient, || {
            let purpose = "compute the gradient at the attention";
            let wanted = &self.attention().outlets;
            let outputs = [&[self.logits], wanted.as_slice()].concat();
            let part = extract(&self.graph, &[self.input], &outputs)
                .map_err(tract(format!("could not prepare to {purpose}")))?;
            let wanted: Vec<OutletId> = wanted.iter().map(|outlet| part.places[outlet]).collect();
            Plan::build(purpose.into(), autodiff::vjp(&part.graph, part.places[&self.logits], &wanted)?)
        })?;
        let outputs = plan.run(tvec![self.input_tensor(&pass.input.view())?, self.cotangent(cotangent)?])?;
        let (attention, gradients) = outputs[1..].split_at(self.attention().outlets.len());
        let pairs = attention.iter().zip(gradients);
        pairs
            .map(|(attention, gradient)| {
                Ok(AttentionGradient { attention: head_maps(attention)?, gradient: head_maps(gradient)? })
            })
            .collect()
    }

    /// Where the tokens of a block are in the image; none where that cannot be told, or keys are other tokens than queries.
    pub fn token_places(&self, block: usize) -> Option<Arc<TokenPlaces>> {
        let attention = self.attention();
        let (outlet, row) = (attention.outlets.get(block)?, &attention.blocks[block]);
        let find = || {
            if let Some(patches) = row.patches.filter(|_| row.tokens.0 == row.tokens.1) {
                return Some(Arc::new(TokenPlaces::whole(patches, row.heads, row.tokens.0)));
            }
            let product = comes_from_product(&self.graph, self.graph.node(outlet.node))?;
            windows::places(self, product).map(Arc::new)
        };
        attention.places.get(block)?.get_or_init(find).clone()
    }

    fn find_attention(&self) -> TractResult<Attention> {
        let order = self.graph.eval_order()?;
        let needed = needed(&self.graph, &[self.input], &[self.logits]);
        let is_attention = |id: &&usize| needed.contains(id) && is_attention(&self.graph, self.graph.node(**id));
        let found: Vec<usize> = order.iter().filter(is_attention).copied().collect();
        let Some(&last) = found.last() else { anyhow::bail!("there is none") };
        let grids = grid::grids(&self.graph, self.input, &order)?;
        let mut attention = Attention { blocks: vec![], readout: Readout::Patches, outlets: vec![], places: vec![] };
        for id in found {
            let outlet = OutletId::new(id, 0);
            let shape = self.graph.outlet_fact(outlet)?.shape.as_concrete().map(TVec::from).unwrap_or_default();
            let [heads @ .., asking, asked] = shape.as_slice() else { continue };
            let owner = self.names.owner(id);
            let patches = match grids.get(outlet) {
                Some(Grid::Tokens { axis, prefix, rows, columns }) if axis == heads.len() => {
                    Some(Patches { prefix, rows, columns })
                }
                _ => None,
            };
            attention.blocks.push(AttentionBlock {
                name: owner.map_or_else(|| self.graph.node(id).name.clone(), |node| node.name.clone()),
                path: owner.and_then(|node| node.path.clone()),
                heads: heads.iter().product(),
                tokens: (*asking, *asked),
                patches,
            });
            attention.outlets.push(outlet);
            attention.places.push(OnceLock::new());
        }
        let read = self.tokens_read_after(last, &order, &grids);
        if !read.is_empty() {
            attention.readout = Readout::Tokens(read);
        }
        Ok(attention)
    }

    /// The tokens before the patches that are picked from what depends on a node.
    fn tokens_read_after(&self, id: usize, order: &[usize], grids: &grid::Grids) -> Vec<usize> {
        let mut behind = HashSet::from([id]);
        let mut read = vec![];
        for &id in order {
            let node = self.graph.node(id);
            let Some(input) = node.inputs.iter().find(|input| behind.contains(&input.node)) else { continue };
            behind.insert(id);
            if let Some(grid) = grids.get(*input) {
                read.extend(grid::prefix_read(&self.graph, node, grid).unwrap_or_default());
            }
        }
        read.sort_unstable();
        read.dedup();
        read
    }
}

/// `[heads, asking, asked]` from a tensor of any rank, heads and windows together.
fn head_maps(tensor: &Tensor) -> Result<HeadMaps, NetworkError> {
    let read = || -> TractResult<HeadMaps> {
        let &[.., asking, asked] = tensor.shape() else { anyhow::bail!("it has shape {:?}", tensor.shape()) };
        let heads = tensor.len() / (asking * asked).max(1);
        let plain = tensor.try_as_plain_ram()?;
        Ok(ArrayView3::from_shape((heads, asking, asked), plain.as_slice::<f32>()?)?.to_owned())
    };
    read().map_err(tract("could not read the attention"))
}

/// Whether a node is the softmax between two products of values that both come from the image.
fn is_attention(graph: &TypedModel, node: &TypedNode) -> bool {
    let rank = node.outputs[0].fact.rank();
    let is_last = node.op_as::<Softmax>().is_some_and(|op| rank >= 3 && *op.axes == [rank - 1]);
    is_last && comes_from_product(graph, node).is_some() && goes_to_product(graph, node).is_some()
}

/// Whether a node multiplies two values, neither of which is a constant.
fn is_product(graph: &TypedModel, node: &TypedNode) -> bool {
    let varies = |input: &&OutletId| graph.outlet_fact(**input).is_ok_and(|fact| fact.konst.is_none());
    node.op_is::<EinSum>() && node.inputs.iter().filter(varies).count() == 2
}

/// Whether a node brings tokens, or channels, together with weights.
fn mixes(node: &TypedNode) -> bool {
    node.op_is::<EinSum>() || node.op_is::<Conv>() || node.op_is::<Softmax>()
}

/// The product that the softmax is taken of.
fn comes_from_product(graph: &TypedModel, node: &TypedNode) -> Option<usize> {
    reaches_product(graph, node, |node| node.inputs.iter().map(|input| input.node).collect())
}

/// The product that reads the softmax.
fn goes_to_product(graph: &TypedModel, node: &TypedNode) -> Option<usize> {
    reaches_product(graph, node, |node| {
        node.outputs.iter().flat_map(|output| &output.successors).map(|reader| reader.node).collect()
    })
}

/// The first product that steps from a node lead to, with nothing on the way that [`mixes`].
fn reaches_product(graph: &TypedModel, from: &TypedNode, next: impl Fn(&TypedNode) -> Vec<usize>) -> Option<usize> {
    let mut seen = HashSet::from([from.id]);
    let mut here = vec![from.id];
    for _ in 0..FURTHEST {
        let steps: Vec<usize> =
            here.iter().flat_map(|id| next(graph.node(*id))).filter(|id| seen.insert(*id)).collect();
        if let Some(product) = steps.iter().find(|id| is_product(graph, graph.node(**id))) {
            return Some(*product);
        }
        here = steps.into_iter().filter(|id| !mixes(graph.node(*id))).collect();
    }
    None
}
