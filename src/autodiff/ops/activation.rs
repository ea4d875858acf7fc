//! Activation functions of one number that tract writes out as several operators: where exponentials overflow on the way, the
//! value or its gradient is lost.

use tract_onnx::tract_core::internal::multithread::par_chunks_mut;
use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;

use super::{Pull, Real};

/// An activation function.
#[derive(Debug, Clone, PartialEq)]
pub enum Activation {
    /// `x`, below zero `alpha (exp(x / alpha) - 1)`.
    Celu(f32),
    /// `x`, below zero `alpha (exp(x) - 1)`.
    Elu(f32),
    /// `gamma` times [`Activation::Elu`]: alpha, gamma.
    Selu(f32, f32),
    /// `ln(1 + exp(x))`.
    Softplus,
    /// `x tanh(softplus(x))`.
    Mish,
}

impl Eq for Activation {}

fn softplus<T: Real>(x: T) -> T {
    x.max(T::zero()) + (-x.abs()).exp().ln_1p()
}

fn sigmoid<T: Real>(x: T) -> T {
    T::one() / (T::one() + (-x).exp())
}

impl Activation {
    /// The function as an operator.
    pub fn operator(self) -> ElementWiseOp {
        ElementWiseOp(Box::new(self), None)
    }

    fn value<T: Real>(&self, x: T) -> T {
        let of = |number: f32| T::of(number.into());
        let elu = |alpha: T| if x > T::zero() { x } else { alpha * x.exp_m1() };
        match *self {
            Activation::Celu(_) if x > T::zero() => x,
            Activation::Celu(alpha) => of(alpha) * (x / of(alpha)).exp_m1(),
            Activation::Elu(alpha) => elu(of(alpha)),
            Activation::Selu(alpha, gamma) => of(gamma) * elu(of(alpha)),
            Activation::Softplus => softplus(x),
            Activation::Mish => x * softplus(x).tanh(),
        }
    }

    fn each<T: Real>(&self, tensor: &mut Tensor) -> TractResult<()> {
        let mut view = tensor.try_as_plain_ram_mut()?;
        let values = view.as_slice_mut::<T>()?;
        let total = values.len();
        par_chunks_mut(values, 1, total, |_, chunk| {
            chunk.iter_mut().for_each(|value| *value = self.value(*value));
            Ok(())
        })
    }
}

impl Pull for Activation {
    fn pull<T: Real>(&self, gradient: T, x: T) -> T {
        let of = |number: f32| T::of(number.into());
        let elu = |alpha: T| if x > T::zero() { T::one() } else { alpha * x.exp() };
        gradient
            * match *self {
                Activation::Celu(_) if x > T::zero() => T::one(),
                Activation::Celu(alpha) => (x / of(alpha)).exp(),
                Activation::Elu(alpha) => elu(of(alpha)),
                Activation::Selu(alpha, gamma) => of(gamma) * elu(of(alpha)),
                Activation::Softplus => sigmoid(x),
                Activation::Mish => {
                    let gate = softplus(x).tanh();
                    gate + x * sigmoid(x) * (T::one() - gate * gate)
                }
            }
    }
}

impl ElementWiseMiniOp for Activation {
    fn name(&self) -> String {
        match self {
            Activation::Celu(_) => "Celu",
            Activation::Elu(_) => "Elu",
            Activation::Selu(..) => "Selu",
            Activation::Softplus => "Softplus",
            Activation::Mish => "Mish",
        }
        .into()
    }

    fn eval_in_place(&self, tensor: &mut Tensor, _dt: Option<DatumType>) -> TractResult<()> {
        match tensor.datum_type() {
            DatumType::F16 => self.each::<f16>(tensor),
            DatumType::F32 => self.each::<f32>(tensor),
            DatumType::F64 => self.each::<f64>(tensor),
            other => bail!("{self:?} of {other:?}"),
        }
    }
}
