//! DeepLIFT's change to the backward pass (Shrikumar et al., ICML 2017): in place of slopes at the image, the multipliers
//! that carry each value's difference from a baseline to the difference of the score.
//!
//! - A function of one number passes `dy / dx`, the rescale rule; captum knows it for seven modules, here it holds for
//!   whatever function of one number there is, and so for every activation that an exporter spells out.
//! - Where all of a sum of products depends on the image (gates, attention), the gradient at the middle between image and
//!   baseline is exact: each factor's difference counts with the mean of the other. captum takes the gradient at the image
//!   there, and its map no longer adds up.
//! - Max pooling sends the difference of two windows to their two maxima, as in captum; whose rule has no effect, though,
//!   where a ReLU comes right before the pooling.
//! - What is left keeps its gradient at the image: [`rescale_exceptions`] names it.

use std::sync::Arc;

use ndarray::{ArrayD, ArrayViewD};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::TypedOp;
use tract_onnx::tract_core::ops::array::CumSum;
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cnn::{Conv, Deconv, MaxPool, SumPool};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::fft::Fft;
use tract_onnx::tract_core::ops::logic::{Iff, comp_gt};
use tract_onnx::tract_core::ops::math::{self, Add, Div, Mul, Sub};
use tract_onnx::tract_core::ops::nn::{Reduce, Reducer};

use crate::autodiff::{Adjoint, GridSample, Partials, Resample, Rule, RuleResult, Rules, Unsupported};
use crate::explain::gradient::moves::only_moves_values;
use crate::network::{Backward, BackwardKind, Network, NetworkError, Scores};

/// What carries the difference of two inputs to the difference of their scores.
#[derive(Debug, Clone)]
pub struct Multipliers {
    /// One for each number of the input, of its shape.
    pub values: ArrayD<f32>,
    /// The logits of the baseline.
    pub baseline_logits: Scores,
}

/// DeepLIFT's multipliers of `<cotangent, logits>` between `baseline` and `input`: times the difference of the two, they
/// add up to the difference of the scores, unless [`rescale_exceptions`] lie on the way.
///
/// # Errors
/// As [`Network::input_gradient`].
#[allow(clippy::needless_pass_by_value, reason = "a view is a reference already")]
pub fn multipliers(
    network: &Network,
    input: ArrayViewD<'_, f32>,
    baseline: ArrayViewD<'_, f32>,
    cotangent: &[f32],
) -> Result<Multipliers, NetworkError> {
    let backward = Backward::new(BackwardKind::Rescale, Rules { overrides: &[&Rescale] });
    let (baseline_logits, values) = network.backward_between(&backward, input, baseline, cotangent)?;
    Ok(Multipliers { values, baseline_logits })
}

/// The operators for which [`multipliers`] falls back to the gradient at the image, so that the map need not add up.
pub fn rescale_exceptions(network: &Network) -> Arc<[Unsupported]> {
    network.unsupported_by(BackwardKind::Rescale, Rules { overrides: &[&Exceptions] })
}

/// How the multiplier of an operator is found.
enum Way {
    /// The gradient: the operator is linear, or only moves values.
    Gradient,
    /// `dy / dx` of this input.
    Slope(usize),
    /// `dy / dx` of the operand that was chosen.
    Chosen,
    /// The gradient in the middle.
    Middle,
    /// A quotient of two variables: the middle of a product with the denominator's reciprocal.
    Quotient,
    /// Two maxima.
    Maxima,
    /// The gradient at the image, for want of a better one.
    Exception,
}

fn way(op: &dyn TypedOp, node: &Adjoint<'_>) -> Way {
    let wanted: TVec<usize> = (0..node.input_count()).filter(|slot| node.is_wanted(*slot)).collect();
    if op.is::<ElementWiseOp>() {
        return Way::Slope(0);
    }
    if let Some(op) = op.downcast_ref::<TypedBinOp>() {
        return match *wanted {
            _ if op.0.is::<Add>() || op.0.is::<Sub>() => Way::Gradient,
            [0] if op.0.is::<Div>() => Way::Gradient,
            [_] if op.0.is::<Mul>() => Way::Gradient,
            [slot] if has_shape_of_output(node, slot) => Way::Slope(slot),
            [0, 1] if op.0.is::<Mul>() => Way::Middle,
            [0, 1] if op.0.is::<Div>() => Way::Quotient,
            _ => Way::Exception,
        };
    }
    if op.is::<EinSum>() {
        return if wanted.len() == 1 { Way::Gradient } else { Way::Middle };
    }
    if let Some(reduce) = op.downcast_ref::<Reduce>() {
        return match reduce.reducer {
            Reducer::Sum => Way::Gradient,
            Reducer::MeanOfSquares => Way::Middle,
            _ => Way::Exception,
        };
    }
    match () {
        () if only_moves_values(op) || op.is::<Conv>() || op.is::<Deconv>() || op.is::<SumPool>() => Way::Gradient,
        () if op.is::<Resample>() || op.is::<CumSum>() || op.is::<Fft>() => Way::Gradient,
        () if op.is::<GridSample>() && *wanted == [0] => Way::Gradient,
        () if op.is::<MaxPool>() => Way::Maxima,
        () if op.is::<Iff>() => Way::Chosen,
        () => Way::Exception,
    }
}

fn has_shape_of_output(node: &Adjoint<'_>, slot: usize) -> bool {
    match (node.shape(node.input(slot)), node.shape(node.output(0))) {
        (Ok(input), Ok(output)) => input == output,
        _ => false,
    }
}

struct Rescale;

impl Rule for Rescale {
    fn operator(&self) -> &'static str {
        "whatever is not linear"
    }

    fn apply(&self, op: &dyn TypedOp, node: &mut Adjoint<'_>) -> Option<RuleResult> {
        match way(op, node) {
            Way::Gradient | Way::Exception => None,
            Way::Slope(slot) => Some(slope(node, slot)),
            Way::Chosen => Some(each_wanted(node, |node, slot| if slot == 0 { Ok(None) } else { chosen(node, slot) })),
            Way::Middle => Some(middle(node)),
            Way::Quotient => Some(quotient(node)),
            Way::Maxima => Some(maxima(node)),
        }
    }
}

/// Refuses what [`Rescale`] has no rule for, so that it is listed.
struct Exceptions;

impl Rule for Exceptions {
    fn operator(&self) -> &'static str {
        "all"
    }

    fn apply(&self, op: &dyn TypedOp, node: &mut Adjoint<'_>) -> Option<RuleResult> {
        matches!(way(op, node), Way::Exception).then(|| Err(anyhow::anyhow!("no rule of DeepLIFT for this operator")))
    }
}

fn each_wanted(
    node: &mut Adjoint<'_>,
    partial: impl Fn(&mut Adjoint<'_>, usize) -> TractResult<Option<OutletId>>,
) -> RuleResult {
    (0..node.input_count()).map(|slot| if node.is_wanted(slot) { partial(node, slot) } else { Ok(None) }).collect()
}

/// `dy / dx` times what arrives; the gradient where `dx` is too small to divide by.
fn slope(node: &mut Adjoint<'_>, slot: usize) -> RuleResult {
    let (gradient, output) = (node.output_gradient()?, node.output(0));
    let rise = rise(node)?;
    let carried = node.wire("carried", math::mul(), &[gradient, rise])?;
    // A function without a gradient, such as rounding, has slopes all the same.
    let at_image = node.pull(output, slot, gradient).or_else(|_| number(node, 0.0, gradient))?;
    let partial = divided(node, slot, carried, at_image)?;
    Ok((0..node.input_count()).map(|input| (input == slot).then_some(partial)).collect())
}

/// As [`slope`] for one operand of a choice, where it was chosen for the image.
fn chosen(node: &mut Adjoint<'_>, slot: usize) -> TractResult<Option<OutletId>> {
    let (gradient, output) = (node.output_gradient()?, node.output(0));
    let at_image = node.pull(output, slot, gradient)?;
    if !has_shape_of_output(node, slot) {
        return Ok(Some(at_image));
    }
    let rise = rise(node)?;
    let carried = node.wire("carried", math::mul(), &[at_image, rise])?;
    divided(node, slot, carried, at_image).map(Some)
}

/// `y - y'`, the output's difference from the second pass.
fn rise(node: &mut Adjoint<'_>) -> TractResult<OutletId> {
    let output = node.output(0);
    let other = node.second(output);
    node.wire("rise", math::sub(), &[output, other])
}

/// `carried / (x - x')` for input `slot`, and `otherwise` where that is nothing but rounding.
fn divided(node: &mut Adjoint<'_>, slot: usize, carried: OutletId, otherwise: OutletId) -> TractResult<OutletId> {
    /// Differences below this share of the values themselves count as none; captum works in double precision or not, and
    /// always takes 1e-10.
    const SHARE: f64 = 1e-6;
    let input = node.input(slot);
    let other = node.second(input);
    let run = node.wire("run", math::sub(), &[input, other])?;
    let [length, size, other_size] = [run, input, other].map(|it| node.wire("size", math::abs(), &[it]));
    let sizes = node.wire("sizes", math::add(), &[size?, other_size?])?;
    let share = number(node, SHARE, sizes)?;
    let least = node.wire("least", math::mul(), &[sizes, share])?;
    let is_far = node.wire("is_far", TypedBinOp(comp_gt(), None), &[length?, least])?;
    let one = number(node, 1.0, run)?;
    let divisor = node.wire("divisor", Iff, &[is_far, run, one])?;
    let quotient = node.wire("multiplier", math::div(), &[carried, divisor])?;
    node.wire("rescaled", Iff, &[is_far, quotient, otherwise])
}

/// The gradient with every input in the middle between image and baseline.
fn middle(node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    let inputs: TVec<OutletId> =
        (0..node.input_count()).map(|slot| mean(node, node.input(slot))).collect::<TractResult<_>>()?;
    let op = node.producer(node.output(0)).op.clone();
    let output = node.wire("middle", op, &inputs)?;
    each_wanted(node, |node, slot| node.pull(output, slot, gradient).map(Some))
}

/// `a / b` as `a (1 / b)`: exact for both, and the rescale rule for the reciprocal.
fn quotient(node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    let (numerator, denominator) = (node.input(0), node.input(1));
    let other = node.second(denominator);
    let inverse = node.wire("inverse", math::recip(), &[denominator])?;
    let other_inverse = node.wire("inverse", math::recip(), &[other])?;
    let sum = node.wire("inverses", math::add(), &[inverse, other_inverse])?;
    let half = number(node, 0.5, sum)?;
    let inverses = node.wire("mean_inverse", math::mul(), &[sum, half])?;
    let numerators = mean(node, numerator)?;
    let product = node.wire("product", math::mul(), &[numerators, inverses])?;
    let mut partials: Partials = tvec![None, None];
    if node.is_wanted(0) {
        partials[0] = Some(node.pull(product, 0, gradient)?);
    }
    if node.is_wanted(1) {
        // 1/b - 1/b' = -(b - b') / (b b')
        let at_inverse = node.pull(product, 1, gradient)?;
        let squared = node.wire("squared", math::mul(), &[inverse, other_inverse])?;
        let scaled = node.wire("scaled", math::mul(), &[at_inverse, squared])?;
        partials[1] = Some(node.wire("negated", math::neg(), &[scaled])?);
    }
    Ok(partials)
}

/// With `m = max(y, y')`: `m - y'` goes to the image's maximum and `y - m` to the baseline's, each over its `dx`.
fn maxima(node: &mut Adjoint<'_>) -> RuleResult {
    let (gradient, output) = (node.output_gradient()?, node.output(0));
    let other = node.second(output);
    let larger = node.wire("larger", math::max(), &[output, other])?;
    let gained = node.wire("gained", math::sub(), &[larger, other])?;
    let lost = node.wire("lost", math::sub(), &[output, larger])?;
    let gained = node.wire("gained", math::mul(), &[gradient, gained])?;
    let lost = node.wire("lost", math::mul(), &[gradient, lost])?;
    let here = node.pull(output, 0, gained)?;
    let there = node.pull(other, 0, lost)?;
    let carried = node.wire("carried", math::add(), &[here, there])?;
    let at_image = node.pull(output, 0, gradient)?;
    Ok(tvec![Some(divided(node, 0, carried, at_image)?)])
}

/// The mean of a value's two passes.
fn mean(node: &mut Adjoint<'_>, outlet: OutletId) -> TractResult<OutletId> {
    let other = node.second(outlet);
    if other == outlet {
        return Ok(outlet);
    }
    let sum = node.wire("both", math::add(), &[outlet, other])?;
    let half = number(node, 0.5, sum)?;
    node.wire("mean", math::mul(), &[sum, half])
}

/// A constant with one element, of the type and rank of `like`.
fn number(node: &mut Adjoint<'_>, value: f64, like: OutletId) -> TractResult<OutletId> {
    let fact = node.fact(like)?;
    let (dt, rank) = (fact.datum_type, fact.rank());
    node.constant("constant", tensor0(value).cast_to_dt(dt)?.into_owned().broadcast_into_rank(rank)?)
}
