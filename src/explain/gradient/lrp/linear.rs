//! The rules of layers with weights. Each adds up one or more copies of the layer, with parts of its input and of its
//! weights, and divides relevance by what they give; the formulas are those of zennit 0.5.
//!
//! Montavon et al., Layer-wise relevance propagation: an overview, 2019 (epsilon, gamma, z-box); Bach et al., PLoS ONE 2015
//! (alpha, beta, flat).

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_core::ops::cnn::Conv;
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::logic::{comp_gt, comp_lt};
use tract_onnx::tract_core::ops::math;

use super::rules::{STABILISER, number_like, stabilised};
use crate::autodiff::{Adjoint, Pull, Real, RuleResult, pullback};

/// A rule for one layer.
#[derive(Debug, Clone, Copy)]
pub(super) enum LayerRule<'a> {
    /// By contribution, against the sum moved away from zero by this much.
    Epsilon(f64),
    /// Weights that agree in sign with the output are favoured by this share of themselves.
    Gamma(f64),
    /// Positive contributions times `alpha`, less negative ones times `beta`.
    AlphaBeta { alpha: f64, beta: f64 },
    /// By contribution, measured from the lowest or highest value of each channel.
    Box(&'a [(f32, f32)]),
    /// The same for every input in reach.
    Flat,
}

/// Which part of the input a copy of the layer reads.
#[derive(Debug, Clone, Copy)]
enum Part {
    All,
    Positive,
    Negative,
    Lowest,
    Highest,
    Ones,
}

/// Which part of the weights, and of the bias, it has.
#[derive(Debug, Clone, Copy)]
enum Weights {
    All,
    Positive,
    Negative,
    /// All, with the positive ones times one plus this.
    MorePositive(f64),
    /// All, with the negative ones times one plus this.
    MoreNegative(f64),
    Ones,
}

/// One copy of the layer.
#[derive(Debug, Clone, Copy)]
struct Term {
    input: Part,
    weights: Weights,
    with_bias: bool,
    /// 1, or -1 where it is subtracted.
    sign: f64,
}

const fn term(input: Part, weights: Weights, with_bias: bool) -> Term {
    Term { input, weights, with_bias, sign: 1.0 }
}

/// A layer with weights: where its parts are among its node's inputs.
pub(super) struct Linear {
    pub(super) data: usize,
    weights: usize,
    bias: Option<usize>,
}

impl Linear {
    pub(super) fn convolution() -> Linear {
        Linear { data: 0, weights: 1, bias: Some(2) }
    }

    /// A matrix product with the variable as input `data` of two.
    pub(super) fn dense(data: usize) -> Linear {
        Linear { data, weights: 1 - data, bias: None }
    }

    pub(super) fn is_convolution(&self) -> bool {
        self.bias.is_some()
    }

    /// Hands the relevance of the output to the input.
    pub(super) fn share(&self, rule: LayerRule<'_>, node: &mut Adjoint<'_>) -> RuleResult {
        let relevance = node.output_gradient()?;
        let positive = |more, less| [term(Part::Positive, more, true), term(Part::Negative, less, false)];
        let result = match rule {
            LayerRule::Epsilon(epsilon) => {
                self.divided(node, &[term(Part::All, Weights::All, true)], relevance, epsilon, &[])?
            }
            LayerRule::Flat => {
                self.divided(node, &[term(Part::Ones, Weights::Ones, false)], relevance, STABILISER, &[])?
            }
            LayerRule::Box(bounds) => {
                let less = |input, weights| Term { sign: -1.0, ..term(input, weights, true) };
                let terms = [
                    term(Part::All, Weights::All, true),
                    less(Part::Lowest, Weights::Positive),
                    less(Part::Highest, Weights::Negative),
                ];
                self.divided(node, &terms, relevance, STABILISER, bounds)?
            }
            LayerRule::AlphaBeta { alpha, beta } => {
                let gains = positive(Weights::Positive, Weights::Negative);
                let gains = self.divided(node, &gains, relevance, STABILISER, &[])?;
                if beta == 0.0 {
                    scaled(node, gains, alpha)?
                } else {
                    let losses = positive(Weights::Negative, Weights::Positive);
                    let losses = self.divided(node, &losses, relevance, STABILISER, &[])?;
                    let (gains, losses) = (scaled(node, gains, alpha)?, scaled(node, losses, beta)?);
                    node.wire("relevance", math::sub(), &[gains, losses])?
                }
            }
            LayerRule::Gamma(gamma) => {
                let [above, below] = [comp_gt(), comp_lt()].map(|side| self.where_output(node, relevance, side));
                let gains = positive(Weights::MorePositive(gamma), Weights::MoreNegative(gamma));
                let gains = self.divided(node, &gains, above?, STABILISER, &[])?;
                let losses = positive(Weights::MoreNegative(gamma), Weights::MorePositive(gamma));
                let losses = self.divided(node, &losses, below?, STABILISER, &[])?;
                node.wire("relevance", math::add(), &[gains, losses])?
            }
        };
        Ok((0..node.input_count()).map(|slot| (slot == self.data).then_some(result)).collect())
    }

    /// `sum_i sign_i x_i dz_i/dx_i R / z` with `z = sum_i sign_i z_i` over the terms.
    fn divided(
        &self,
        node: &mut Adjoint<'_>,
        terms: &[Term],
        relevance: OutletId,
        epsilon: f64,
        bounds: &[(f32, f32)],
    ) -> TractResult<OutletId> {
        let mut copies: TVec<(OutletId, OutletId)> = tvec![];
        for term in terms {
            copies.push(self.copy(node, term, bounds)?);
        }
        let z = self.signed_sum(node, terms, copies.iter().map(|(_, z)| *z).collect())?;
        let share = stabilised(node, relevance, z, epsilon)?;
        let mut received: TVec<OutletId> = tvec![];
        for &(input, z) in &copies {
            let gradient = node.pull(z, self.data, share)?;
            received.push(node.wire("relevance", math::mul(), &[gradient, input])?);
        }
        self.signed_sum(node, terms, received)
    }

    fn signed_sum(&self, node: &mut Adjoint<'_>, terms: &[Term], values: TVec<OutletId>) -> TractResult<OutletId> {
        let mut sum = values[0];
        for (term, value) in terms.iter().zip(values).skip(1) {
            let op = if term.sign < 0.0 { math::sub() } else { math::add() };
            sum = node.wire("sum", op, &[sum, value])?;
        }
        Ok(sum)
    }

    /// The input and the output of one copy of the layer.
    fn copy(&self, node: &mut Adjoint<'_>, term: &Term, bounds: &[(f32, f32)]) -> TractResult<(OutletId, OutletId)> {
        let input = self.part(node, term.input, bounds)?;
        let mut inputs: TVec<OutletId> = (0..node.input_count()).map(|slot| node.input(slot)).collect();
        inputs[self.data] = input;
        inputs[self.weights] = changed(node, inputs[self.weights], term.weights)?;
        if let Some(bias) = self.bias {
            inputs[bias] = if term.with_bias {
                changed(node, inputs[bias], term.weights)?
            } else {
                let zero = Tensor::zero_scalar_dt(node.fact(inputs[bias])?.datum_type)?;
                node.constant("no_bias", zero)?
            };
        }
        let op = node.producer(node.output(0)).op.clone();
        Ok((input, node.wire("copy", op, &inputs)?))
    }

    fn part(&self, node: &mut Adjoint<'_>, part: Part, bounds: &[(f32, f32)]) -> TractResult<OutletId> {
        let input = node.input(self.data);
        match part {
            Part::All => Ok(input),
            Part::Positive | Part::Negative => {
                let zero = node.constant("zero", number_like(node, 0.0, input)?)?;
                let op = if matches!(part, Part::Positive) { math::max() } else { math::min() };
                node.wire("part", op, &[input, zero])
            }
            Part::Lowest => bound(node, input, bounds, f32::min),
            Part::Highest => bound(node, input, bounds, f32::max),
            Part::Ones => {
                let fact = node.fact(input)?;
                let one = tensor0(1.0_f32).cast_to_dt(fact.datum_type)?.into_owned();
                let ones = node.constant("ones", one.broadcast_to_shape(&node.shape(input)?)?)?;
                varying(node, ones, input)
            }
        }
    }

    /// The relevance where the output lies to one side of zero.
    fn where_output(
        &self,
        node: &mut Adjoint<'_>,
        relevance: OutletId,
        side: Box<dyn tract_onnx::tract_core::ops::binary::BinMiniOp>,
    ) -> TractResult<OutletId> {
        let output = node.output(0);
        let zero = node.constant("zero", number_like(node, 0.0, output)?)?;
        let is_there = node.wire("is_there", TypedBinOp(side, None), &[output, zero])?;
        let mask = node.wire("mask", cast(node.fact(relevance)?.datum_type), &[is_there])?;
        node.wire("there", math::mul(), &[relevance, mask])
    }
}

fn scaled(node: &mut Adjoint<'_>, value: OutletId, factor: f64) -> TractResult<OutletId> {
    if factor == 1.0 {
        return Ok(value);
    }
    let factor = node.constant("factor", number_like(node, factor, value)?)?;
    node.wire("scaled", math::mul(), &[value, factor])
}

/// A part of constant weights.
fn changed(node: &mut Adjoint<'_>, weights: OutletId, part: Weights) -> TractResult<OutletId> {
    let change: Box<dyn Fn(f32) -> f32> = match part {
        Weights::All => return Ok(weights),
        Weights::Positive => Box::new(|w| w.max(0.0)),
        Weights::Negative => Box::new(|w| w.min(0.0)),
        Weights::MorePositive(gamma) => Box::new(move |w| w + gamma as f32 * w.max(0.0)),
        Weights::MoreNegative(gamma) => Box::new(move |w| w + gamma as f32 * w.min(0.0)),
        Weights::Ones => Box::new(|_| 1.0),
    };
    let value = node.constant_value(weights)?.context("its weights are not constant")?;
    let mut changed = value.cast_to::<f32>()?.into_owned();
    changed.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?.iter_mut().for_each(|w| *w = change(*w));
    node.own_constant("weights", changed.cast_to_dt(value.datum_type())?.into_owned().into_arc_tensor())
}

/// The lowest (`pick` the smaller) or highest value that each channel of a layer's input can have: the bounds of the
/// image, through all that lies between.
fn bound(
    node: &mut Adjoint<'_>,
    input: OutletId,
    bounds: &[(f32, f32)],
    pick: fn(f32, f32) -> f32,
) -> TractResult<OutletId> {
    let ends = [bounds.iter().map(|it| it.0).collect::<Vec<_>>(), bounds.iter().map(|it| it.1).collect()];
    let [low, high] = ends.map(|end| replayed(node, input, &end));
    let op = if pick(0.0, 1.0) == 0.0 { math::min() } else { math::max() };
    let bound = node.wire("bound", op, &[low?, high?])?;
    varying(node, bound, input)
}

/// A constant that tract takes for a variable, for what it computes of constants at once is no operator any more that a
/// gradient could be pulled through.
fn varying(node: &mut Adjoint<'_>, constant: OutletId, variable: OutletId) -> TractResult<OutletId> {
    node.wire("varying", pullback(First), &[constant, variable])
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct First;

impl Pull for First {
    fn pull<T: Real>(&self, constant: T, _variable: T) -> T {
        constant
    }
}

/// The value of an outlet before the first layer when the image is one colour.
fn replayed(node: &mut Adjoint<'_>, outlet: OutletId, colour: &[f32]) -> TractResult<OutletId> {
    let producer = node.producer(outlet);
    let (op, inputs) = (producer.op.clone(), producer.inputs.clone());
    if node.fact(outlet)?.konst.is_some() {
        return Ok(outlet);
    }
    if !inputs.is_empty() {
        let inputs: TVec<OutletId> =
            inputs.iter().map(|input| replayed(node, *input, colour)).collect::<TractResult<_>>()?;
        return Ok(node.wire_all("replayed", op, &inputs)?[outlet.slot]);
    }
    let (shape, dt) = (node.shape(outlet)?, node.fact(outlet)?.datum_type);
    let axis = (1..shape.len()).find(|axis| shape[*axis] == colour.len()).context("it has other channels")?;
    let inner: usize = shape[axis + 1..].iter().product();
    let values: Vec<f32> =
        (0..shape.iter().product()).map(|index: usize| colour[index / inner % colour.len()]).collect();
    let image = Tensor::from_shape(&shape, &values)?.cast_to_dt(dt)?.into_owned();
    node.constant("colour", image)
}

/// Whether no other layer with weights lies between a layer's input and the image.
pub(super) fn is_first(node: &Adjoint<'_>, data: usize) -> bool {
    let mut open = vec![node.input(data)];
    while let Some(outlet) = open.pop() {
        let producer = node.producer(outlet);
        if producer.op.is::<Conv>() || producer.op.is::<EinSum>() {
            return false;
        }
        open.extend(&producer.inputs);
    }
    true
}
