//! Element-wise gradients in one pass over memory.

use std::fmt::Debug;

use tract_onnx::prelude::tract_ndarray::Zip;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{multithread::par_chunks_mut, tract_num_traits::Float, *};
use tract_onnx::tract_core::ops::binary::{BinMiniOp, TypedBinOp};

/// A floating-point type.
pub trait Real: Float + Datum {
    /// A constant, rounded to this type.
    fn of(constant: f64) -> Self;
}

impl Real for f16 {
    fn of(constant: f64) -> Self {
        f16::from_f64(constant)
    }
}

impl Real for f32 {
    fn of(constant: f64) -> Self {
        constant as f32
    }
}

impl Real for f64 {
    fn of(constant: f64) -> Self {
        constant
    }
}

/// How an element-wise function pulls one element of a gradient back.
pub trait Pull: Debug + Clone + Eq + Send + Sync + 'static {
    /// The gradient of the function's input, from the `gradient` of its output and one `value`: its input or its output.
    fn pull<T: Real>(&self, gradient: T, value: T) -> T;
}

/// The binary operator `(gradient, value) -> Pull::pull(gradient, value)`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pullback<F>(F);

/// `function` as an operator, for wiring to `[gradient, value]`.
pub fn pullback(function: impl Pull) -> TypedBinOp {
    TypedBinOp(Box::new(Pullback(function)), None)
}

/// The function of an operator that [`pullback`] made.
pub(in crate::autodiff) fn pulled_back<F: Pull>(op: &dyn TypedOp) -> Option<&F> {
    let op = op.downcast_ref::<TypedBinOp>()?.0.downcast_ref::<Pullback<F>>()?;
    Some(&op.0)
}

impl<F: Pull> Pullback<F> {
    fn in_place<T: Real>(&self, gradient: &mut Tensor, value: &Tensor) -> TractResult<()> {
        if gradient.shape() != value.shape() {
            let value = value.to_plain_array_view::<T>()?;
            let mut gradient = gradient.to_plain_array_view_mut::<T>()?;
            Zip::from(&mut gradient).and_broadcast(&value).for_each(|g, &v| *g = self.0.pull(*g, v));
            return Ok(());
        }
        let value = value.try_as_plain_ram()?;
        let value: &[T] = value.as_slice()?;
        let mut gradient = gradient.try_as_plain_ram_mut()?;
        let gradient: &mut [T] = gradient.as_slice_mut()?;
        par_chunks_mut(gradient, 1, value.len(), |start, chunk| {
            chunk.iter_mut().zip(&value[start..]).for_each(|(g, &v)| *g = self.0.pull(*g, v));
            Ok(())
        })
    }

    fn out_of_place<T: Real>(&self, result: &mut Tensor, gradient: &Tensor, value: &Tensor) -> TractResult<()> {
        let gradient = gradient.to_plain_array_view::<T>()?;
        let value = value.to_plain_array_view::<T>()?;
        let mut result = result.to_plain_array_view_mut::<T>()?;
        Zip::from(&mut result)
            .and_broadcast(&gradient)
            .and_broadcast(&value)
            .for_each(|result, &g, &v| *result = self.0.pull(g, v));
        Ok(())
    }
}

impl<F: Pull> BinMiniOp for Pullback<F> {
    fn name(&self) -> &'static str {
        "Pullback"
    }

    fn result_datum_type(&self, gradient: DatumType, _value: DatumType) -> TractResult<DatumType> {
        Ok(gradient)
    }

    fn is_commutative(&self) -> bool {
        false
    }

    fn eval_in_a(&self, gradient: &mut Tensor, value: &Tensor) -> TractResult<()> {
        match gradient.datum_type() {
            DatumType::F16 => self.in_place::<f16>(gradient, value),
            DatumType::F32 => self.in_place::<f32>(gradient, value),
            DatumType::F64 => self.in_place::<f64>(gradient, value),
            other => bail!("{self:?} of {other:?}"),
        }
    }

    fn eval_out_of_place(&self, result: &mut Tensor, gradient: &Tensor, value: &Tensor) -> TractResult<()> {
        match gradient.datum_type() {
            DatumType::F16 => self.out_of_place::<f16>(result, gradient, value),
            DatumType::F32 => self.out_of_place::<f32>(result, gradient, value),
            DatumType::F64 => self.out_of_place::<f64>(result, gradient, value),
            other => bail!("{self:?} of {other:?}"),
        }
    }
}
