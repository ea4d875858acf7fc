//! Functions of one number, applied to each element.

use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::math::{
    self, Abs, Acos, Acosh, Asin, Asinh, Atan, Atanh, Cos, Cosh, Erf, Exp, Ln, Neg, PowConst, Recip, Rsqrt, Sin, Sinh,
    Sqrt, Square, Tan, Tanh,
};
use tract_onnx::tract_core::ops::nn::{GeluApproximate, GeluExact, HardSwish, LeakyRelu, Sigmoid, Silu};

use super::scalar;
use crate::autodiff::ops::{Activation, Pull, Real, pullback};
use crate::autodiff::{Adjoint, RuleResult};

/// Which value the derivative of a function is cheapest to compute from.
pub(super) enum From {
    Input,
    Output,
}

/// A function whose gradient is one formula.
pub(super) trait Smooth: Pull {
    const FROM: From;
}

impl Smooth for Activation {
    const FROM: From = From::Input;
}

/// The rule of every [`Smooth`] function.
pub(super) fn smooth<F: Smooth>(function: &F, node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    let value = match F::FROM {
        From::Input => node.input(0),
        From::Output => node.output(0),
    };
    Ok(tvec!(Some(node.wire("pulled", pullback(function.clone()), &[gradient, value])?)))
}

/// The gradient of the input, in terms of the gradient `g` of the output and of the input `x` or the output `y`.
macro_rules! smooth {
    ($($function:ident from $from:ident: |$op:ident, $gradient:ident, $value:ident| $formula:expr;)*) => {$(
        impl Smooth for $function {
            const FROM: From = From::$from;
        }

        impl Pull for $function {
            fn pull<T: Real>(&self, $gradient: T, $value: T) -> T {
                let $op = self;
                $formula
            }
        }
    )*};
}

smooth! {
    Abs from Input: |_op, g, x| if x == T::zero() { T::zero() } else { g * x.signum() };
    Acos from Input: |_op, g, x| -g / (T::one() - x * x).sqrt();
    Acosh from Input: |_op, g, x| g / (x * x - T::one()).sqrt();
    Asin from Input: |_op, g, x| g / (T::one() - x * x).sqrt();
    Asinh from Input: |_op, g, x| g / (x * x + T::one()).sqrt();
    Atan from Input: |_op, g, x| g / (T::one() + x * x);
    Atanh from Input: |_op, g, x| g / (T::one() - x * x);
    Cos from Input: |_op, g, x| -g * x.sin();
    Cosh from Input: |_op, g, x| g * x.sinh();
    Exp from Output: |_op, g, y| g * y;
    GeluApproximate from Input: |op, g, x| g * gelu_slope(x, if op.fast_impl { 2 } else { 3 });
    HardSwish from Input: |_op, g, x| hard_swish(g, x);
    LeakyRelu from Input: |op, g, x| if x > T::zero() { g } else { g * T::of(op.alpha.into()) };
    Ln from Input: |_op, g, x| g / x;
    Neg from Output: |_op, g, _y| -g;
    PowConst from Input: |op, g, x| g * T::of(op.exponent.into()) * x.powf(T::of(op.exponent.into()) - T::one());
    Recip from Output: |_op, g, y| -g * y * y;
    Rsqrt from Output: |_op, g, y| T::of(-0.5) * g * y * y * y;
    Sigmoid from Output: |_op, g, y| g * y * (T::one() - y);
    Silu from Input: |_op, g, x| g * silu_slope(x);
    Sin from Input: |_op, g, x| g * x.cos();
    Sinh from Input: |_op, g, x| g * x.cosh();
    // The length of a vector of zeros, clipped from below, asks for nothing here: that must not become 0 / 0.
    Sqrt from Output: |_op, g, y| if g == T::zero() { g } else { T::of(0.5) * g / y };
    Square from Input: |_op, g, x| (g + g) * x;
    Tan from Output: |_op, g, y| g * (T::one() + y * y);
    Tanh from Output: |_op, g, y| g * (T::one() - y * y);
}

/// `x relu6(x + 3) / 6`: quadratic between the kinks, where torch takes the slope of the flat and of the straight part.
fn hard_swish<T: Real>(gradient: T, x: T) -> T {
    let three = T::of(3.0);
    if x <= -three {
        T::zero()
    } else if x >= three {
        gradient
    } else {
        gradient * (x / three + T::of(0.5))
    }
}

/// `x sigma(x)` has slope `sigma(x) (1 + x (1 - sigma(x)))`.
fn silu_slope<T: Real>(x: T) -> T {
    let sigma = (T::one() + (-x).exp()).recip();
    sigma * (T::one() + x * (T::one() - sigma))
}

/// The slope of `x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^n)))`, with tract's `n`: 3, or 2 in its fast form.
fn gelu_slope<T: Real>(x: T, n: i32) -> T {
    let (half, cubic) = (T::of(0.5), T::of(0.044_715));
    let scale = T::of(std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2);
    let tanh = (scale * (x + cubic * x.powi(n))).tanh();
    let inner = scale * (T::one() + T::of(n.into()) * cubic * x.powi(n - 1));
    half * (T::one() + tanh) + half * x * (T::one() - tanh * tanh) * inner
}

/// Functions that are constant between their jumps.
#[expect(clippy::unnecessary_wraps, reason = "rules can fail")]
pub(super) fn flat<F>(_function: &F, _node: &mut Adjoint<'_>) -> RuleResult {
    Ok(tvec!(None))
}

/// `erf'(x) = 2 / sqrt(pi) exp(-x^2)`, by tract's vectorised exponential.
pub(super) fn erf(_op: &Erf, node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    let bell = bell(node, 1.0, std::f64::consts::FRAC_2_SQRT_PI)?;
    Ok(tvec!(Some(node.wire("scaled", math::mul(), &[gradient, bell])?)))
}

/// `x Phi(x)`, with slope `Phi(x) + x phi(x)`.
pub(super) fn gelu_exact(_op: &GeluExact, node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    let input = node.input(0);
    let half = scalar(node, 0.5, input)?;
    let inverse_sqrt_2 = scalar(node, std::f64::consts::FRAC_1_SQRT_2, input)?;
    let scaled = node.wire("scaled", math::mul(), &[input, inverse_sqrt_2])?;
    let erf = node.wire("erf", math::erf(), &[scaled])?;
    let half_erf = node.wire("half_erf", math::mul(), &[erf, half])?;
    let cumulative = node.wire("cumulative", math::add(), &[half_erf, half])?;
    let density = bell(node, 0.5, std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2 / 2.0)?;
    let weighted = node.wire("weighted", math::mul(), &[input, density])?;
    let slope = node.wire("slope", math::add(), &[cumulative, weighted])?;
    Ok(tvec!(Some(node.wire("pulled", math::mul(), &[gradient, slope])?)))
}

/// `height * exp(-steepness x^2)` of the node's input.
fn bell(node: &mut Adjoint<'_>, steepness: f64, height: f64) -> TractResult<OutletId> {
    let input = node.input(0);
    let steepness = scalar(node, -steepness, input)?;
    let height = scalar(node, height, input)?;
    let square = node.wire("square", math::square(), &[input])?;
    let exponent = node.wire("exponent", math::mul(), &[square, steepness])?;
    let bell = node.wire("bell", math::exp(), &[exponent])?;
    node.wire("height", math::mul(), &[bell, height])
}
