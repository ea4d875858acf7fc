//! The rules of layer-wise relevance propagation (Bach et al., PLoS ONE 2015): the score is handed back from layer to layer,
//! to each input by its share in what the layer computed. What arrives at a node in the backward sweep is relevance, not a gradient.
//!
//! - Layers with weights follow the composite's rules, as zennit 0.5 defines them: see [`super::linear`].
//! - Sums and averages divide by contribution; activations and fixed scales and shifts pass everything on; max pooling and
//!   all that only moves values route it to where the value came from.
//! - Products of two variables (gates, as in squeeze-and-excite) give each factor half (Achtibat et al., ICML 2024: the
//!   uniform rule). zennit has no rule there and multiplies relevance with the gate, which loses it.
//! - Whatever else lies on the way (softmax, layer norm) has no rule, and the network is refused by operator and node.
//!
//! Batch norms are folded into the convolutions before them first, as zennit's canonizers do: see [`super::canonise`].

use std::sync::Arc;

use ndarray::{ArrayD, ArrayViewD};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::TypedOp;
use tract_onnx::tract_core::ops::array::{GatherElements, GatherNd, Pad, PadMode, Topk};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cnn::{Conv, MaxPool, SumPool};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::logic::Iff;
use tract_onnx::tract_core::ops::math::{self, Add, Div, Erf, Exp, Ln, Max, Min, Mul, Neg, Sub, Tanh};
use tract_onnx::tract_core::ops::nn::{
    GeluApproximate, GeluExact, HardSwish, LeakyRelu, Reduce, Reducer, Sigmoid, Silu,
};

use super::canonise;
use super::linear::{self, LayerRule, Linear};
use crate::autodiff::{
    Activation, Adjoint, FakeQuantize, Pull, Real, Resample, Rule, RuleResult, Rules, Unsupported, pullback,
};
use crate::explain::gradient::moves::only_moves_values;
use crate::network::{Backward, BackwardKind, Network, NetworkError};

/// Which rules the layers with weights follow, by zennit's names. Dense layers always follow epsilon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Composite {
    /// Convolutions alpha 1, beta 0; what reads the image spreads evenly over its window.
    EpsilonPlusFlat,
    /// Convolutions gamma; what reads the image follows the z-box rule.
    EpsilonGammaBox,
    /// Convolutions alpha 1, beta 0.
    EpsilonPlus,
    /// Convolutions alpha 2, beta 1.
    EpsilonAlpha2Beta1,
    /// Epsilon everywhere.
    Epsilon,
    /// Convolutions gamma.
    Gamma,
}

/// How relevance is propagated.
#[derive(Debug, Clone, PartialEq)]
pub struct Propagation {
    /// The rules.
    pub composite: Composite,
    /// What the epsilon rule adds to the size of every sum: the larger, the less do small contributions count.
    pub epsilon: f64,
    /// What the gamma rule adds to the weights that agree in sign with the sum, as a share of themselves.
    pub gamma: f64,
    /// The lowest and the highest value of each channel of the input, for the z-box rule.
    pub bounds: Vec<(f32, f32)>,
}

impl Propagation {
    /// All that the rules depend on.
    fn settings(&self) -> Vec<u64> {
        let bounds = self.bounds.iter().flat_map(|(low, high)| [low, high]).map(|bound| u64::from(bound.to_bits()));
        [self.composite as u64, self.epsilon.to_bits(), self.gamma.to_bits()].into_iter().chain(bounds).collect()
    }

    /// The rule of a layer with weights.
    fn rule(&self, is_convolution: bool, is_first: bool) -> LayerRule<'_> {
        match (self.composite, is_convolution) {
            (Composite::EpsilonPlusFlat, _) if is_first => LayerRule::Flat,
            (Composite::EpsilonGammaBox, _) if is_first => LayerRule::Box(&self.bounds),
            (_, false) | (Composite::Epsilon, _) => LayerRule::Epsilon(self.epsilon),
            (Composite::EpsilonPlusFlat | Composite::EpsilonPlus, _) => LayerRule::AlphaBeta { alpha: 1.0, beta: 0.0 },
            (Composite::EpsilonAlpha2Beta1, _) => LayerRule::AlphaBeta { alpha: 2.0, beta: 1.0 },
            (Composite::EpsilonGammaBox | Composite::Gamma, _) => LayerRule::Gamma(self.gamma),
        }
    }
}

/// The relevance of each number of the input, of its shape, when `start` is the relevance of the logits.
///
/// # Errors
/// When an operator has no rule, as [`relevance_obstacles`] lists; else as [`Network::input_gradient`].
#[allow(clippy::needless_pass_by_value, reason = "a view is a reference already")]
pub fn propagate_relevance(
    network: &Network,
    propagation: &Propagation,
    input: ArrayViewD<'_, f32>,
    start: &[f32],
) -> Result<ArrayD<f32>, NetworkError> {
    let backward = Backward {
        kind: BackwardKind::Relevance,
        settings: propagation.settings(),
        rules: Rules { overrides: &[&Relevance(propagation)] },
        prepare: canonise::fold_affine,
    };
    Ok(network.backward(&backward, input, start)?.1)
}

/// The operators that relevance cannot be propagated through; empty where it reaches the input.
pub fn relevance_obstacles(network: &Network) -> Arc<[Unsupported]> {
    network.unsupported_by(BackwardKind::Relevance, Rules { overrides: &[&Obstacles] })
}

/// What an operator does with the relevance of its output.
enum Treatment {
    /// A layer with weights.
    Layer(Linear),
    /// Each input receives it by its contribution.
    Share,
    /// As [`Treatment::Share`], with two factors that each contribute everything.
    ShareOfProduct,
    /// The input receives all.
    Pass,
    /// As [`Treatment::Pass`]; but the shift may be the bias of the layer before it.
    Shift,
    /// It goes where the gradient goes, which multiplies it with nothing.
    Route,
    /// There is no rule.
    None,
}

fn treatment(op: &dyn TypedOp, node: &Adjoint<'_>) -> Treatment {
    let wanted: TVec<usize> = (0..node.input_count()).filter(|slot| node.is_wanted(*slot)).collect();
    if op.is::<Conv>() {
        return if *wanted == [0] { Treatment::Layer(Linear::convolution()) } else { Treatment::None };
    }
    if op.is::<EinSum>() {
        return match *wanted {
            [data] if node.input_count() == 2 => Treatment::Layer(Linear::dense(data)),
            [_, _] => Treatment::ShareOfProduct,
            _ => Treatment::None,
        };
    }
    if let Some(op) = op.downcast_ref::<TypedBinOp>() {
        return match *wanted {
            [_, _] if op.0.is::<Add>() || op.0.is::<Sub>() => Treatment::Share,
            [_, _] if op.0.is::<Mul>() => Treatment::ShareOfProduct,
            [_] if op.0.is::<Add>() || op.0.is::<Sub>() => Treatment::Shift,
            [_] if op.0.is::<Mul>() || op.0.is::<Max>() || op.0.is::<Min>() => Treatment::Pass,
            [0] if op.0.is::<Div>() => Treatment::Pass,
            _ => Treatment::None,
        };
    }
    if let Some(op) = op.downcast_ref::<ElementWiseOp>() {
        let is_activation = op.0.is::<LeakyRelu>()
            || op.0.is::<Sigmoid>()
            || op.0.is::<Tanh>()
            || op.0.is::<HardSwish>()
            || op.0.is::<Silu>()
            || op.0.is::<GeluExact>()
            || op.0.is::<GeluApproximate>()
            || op.0.is::<Activation>()
            // What exporters and tract make others of: GELU, ELU, softplus.
            || op.0.is::<Erf>()
            || op.0.is::<Exp>()
            || op.0.is::<Ln>()
            || op.0.is::<Neg>();
        return if is_activation { Treatment::Pass } else { Treatment::None };
    }
    if let Some(reduce) = op.downcast_ref::<Reduce>() {
        return match reduce.reducer {
            Reducer::Sum => Treatment::Share,
            Reducer::Max | Reducer::Min => Treatment::Route,
            _ => Treatment::None,
        };
    }
    let pads_with_copies = op.downcast_ref::<Pad>().is_some_and(|pad| !matches!(pad.mode, PadMode::Constant(_)));
    match () {
        () if op.is::<SumPool>() || op.is::<Resample>() || pads_with_copies => Treatment::Share,
        () if op.is::<FakeQuantize>() => Treatment::Pass,
        () if op.is::<Topk>() || op.is::<GatherElements>() || op.is::<GatherNd>() => Treatment::Route,
        () if only_moves_values(op) || op.is::<Iff>() || op.is::<MaxPool>() => Treatment::Route,
        () => Treatment::None,
    }
}

/// The rules of one propagation.
struct Relevance<'a>(&'a Propagation);

impl Rule for Relevance<'_> {
    fn operator(&self) -> &'static str {
        "all"
    }

    fn apply(&self, op: &dyn TypedOp, node: &mut Adjoint<'_>) -> Option<RuleResult> {
        match treatment(op, node) {
            Treatment::Layer(layer) => {
                let rule = self.0.rule(layer.is_convolution(), linear::is_first(node, layer.data));
                Some(layer.share(rule, node))
            }
            Treatment::Share => Some(share(node, 1.0)),
            Treatment::ShareOfProduct => Some(share(node, 0.5)),
            Treatment::Shift => Some(self.shift(node)),
            Treatment::Pass => Some(pass(node)),
            Treatment::Route => None,
            Treatment::None => Some(Err(no_rule())),
        }
    }
}

/// Refuses what [`Relevance`] has no rule for, so that it is listed.
struct Obstacles;

impl Rule for Obstacles {
    fn operator(&self) -> &'static str {
        "all"
    }

    fn apply(&self, op: &dyn TypedOp, node: &mut Adjoint<'_>) -> Option<RuleResult> {
        matches!(treatment(op, node), Treatment::None).then(|| Err(no_rule()))
    }
}

fn no_rule() -> TractError {
    anyhow::anyhow!("relevance propagation has no rule for it")
}

impl Relevance<'_> {
    /// A shift after a dense layer is its bias, which takes its share under the epsilon rule: the layer divides by its sum
    /// without the bias, so that is put right here. Any other shift passes everything on, as zennit's batch norms do.
    fn shift(&self, node: &mut Adjoint<'_>) -> RuleResult {
        let Some(slot) = (0..node.input_count()).find(|slot| node.is_wanted(*slot)) else { return Ok(tvec![]) };
        let input = node.input(slot);
        let layer = node.producer(input);
        let LayerRule::Epsilon(epsilon) = self.0.rule(false, false) else { return pass(node) };
        if !layer.op.is::<EinSum>() {
            return pass(node);
        }
        let share = stabilised(node, node.output_gradient()?, node.output(0), epsilon)?;
        let whole = node.wire("without_bias", pullback(Restored(Number(epsilon))), &[share, input])?;
        node.set_gradient(0, whole);
        pass(node)
    }
}

/// Each variable input receives `x dz/dx R / z`, times `factor`.
fn share(node: &mut Adjoint<'_>, factor: f64) -> RuleResult {
    let output = node.output(0);
    let share = stabilised(node, node.output_gradient()?, output, STABILISER)?;
    let scale = node.constant("factor", number_like(node, factor, share)?)?;
    let share = node.wire("share", math::mul(), &[share, scale])?;
    let mut partials = tvec![];
    for slot in 0..node.input_count() {
        let partial = node.is_wanted(slot).then(|| {
            let gradient = node.pull(output, slot, share)?;
            node.wire("relevance", math::mul(), &[node.input(slot), gradient])
        });
        partials.push(partial.transpose()?);
    }
    Ok(partials)
}

/// The one variable input receives everything.
fn pass(node: &mut Adjoint<'_>) -> RuleResult {
    let relevance = node.output_gradient()?;
    let mut partials = tvec![];
    for slot in 0..node.input_count() {
        let partial = node.is_wanted(slot).then(|| {
            if node.shape(node.input(slot))? == node.shape(relevance)? {
                return Ok(relevance);
            }
            // The input was repeated: what its copies receive adds up.
            let zero = node.constant("zero", number_like(node, 0.0, relevance)?)?;
            let repeated = node.wire("repeated", math::add(), &[node.input(slot), zero])?;
            node.pull(repeated, 0, relevance)
        });
        partials.push(partial.transpose()?);
    }
    Ok(partials)
}

/// What zennit adds to denominators other than the epsilon rule's.
pub(super) const STABILISER: f64 = 1e-6;

/// `relevance / (z + epsilon sign(z))`, with the sign of 0 positive.
pub(super) fn stabilised(
    node: &mut Adjoint<'_>,
    relevance: OutletId,
    z: OutletId,
    epsilon: f64,
) -> TractResult<OutletId> {
    node.wire("share", pullback(Divided(Number(epsilon))), &[relevance, z])
}

/// A number that can be compared and hashed, as operators must be.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Number(f64);

impl Eq for Number {}

/// Division by a value that is moved away from zero.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Divided(Number);

impl Pull for Divided {
    fn pull<T: Real>(&self, relevance: T, z: T) -> T {
        relevance / away_from_zero(z, T::of(self.0.0))
    }
}

/// The reverse of [`Divided`].
#[derive(Debug, Clone, PartialEq, Eq)]
struct Restored(Number);

impl Pull for Restored {
    fn pull<T: Real>(&self, share: T, z: T) -> T {
        share * away_from_zero(z, T::of(self.0.0))
    }
}

fn away_from_zero<T: Real>(z: T, epsilon: T) -> T {
    if z < T::zero() { z - epsilon } else { z + epsilon }
}

/// One number, of the type and rank of `like`.
pub(super) fn number_like(node: &Adjoint<'_>, value: f64, like: OutletId) -> TractResult<Tensor> {
    let fact = node.fact(like)?;
    tensor0(value).cast_to_dt(fact.datum_type)?.into_owned().broadcast_into_rank(fact.rank())
}
