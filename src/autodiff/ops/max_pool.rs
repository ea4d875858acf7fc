//! The gradient of max pooling.

use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::cnn::PoolSpec;
use tract_onnx::tract_core::tract_linalg::multithread::par_chunks_mut;

use super::geometry::{Geometry, change_everywhere, changed_format};

/// Sends the gradient of each window to its maximum: from the pooled tensor, its pooling and the gradient of the pooling
/// to the gradient of the pooled tensor.
///
/// Of several equal maxima, the first in scan order gets all, as in torch. A window without a number (all NaN) sends its
/// gradient nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct MaxPoolGradient {
    pub(crate) spec: PoolSpec,
}

impl Op for MaxPoolGradient {
    fn name(&self) -> StaticName {
        "MaxPoolGradient".into()
    }

    fn info(&self) -> TractResult<Vec<String>> {
        Ok(self.spec.info())
    }

    op_as_typed_op!();
}

impl EvalOp for MaxPoolGradient {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (input, output, gradient) = args_3!(inputs);
        let result = dispatch_floatlike!(Self::scatter(input.datum_type())(self, &input, &output, &gradient))?;
        Ok(tvec!(result.into_tvalue()))
    }
}

impl MaxPoolGradient {
    fn scatter<T: Datum + tract_num_traits::Float + std::ops::AddAssign>(
        &self,
        input: &Tensor,
        output: &Tensor,
        gradient: &Tensor,
    ) -> TractResult<Tensor> {
        let geometry = Geometry::new(&self.spec, input.shape())?;
        let mut result = Tensor::zero::<T>(input.shape())?;
        let (input, output, gradient) =
            (input.try_as_plain_ram()?, output.try_as_plain_ram()?, gradient.try_as_plain_ram()?);
        let (input, output, gradient) = (input.as_slice::<T>()?, output.as_slice::<T>()?, gradient.as_slice::<T>()?);
        let (plane, pooled) = (geometry.input_plane(), geometry.output_plane());
        if plane == 0 || pooled == 0 {
            return Ok(result);
        }
        let mut result_view = result.try_as_plain_ram_mut()?;
        let values = result_view.as_slice_mut::<T>()?;
        par_chunks_mut(values, plane, input.len(), |first, chunk| {
            for (result, index) in chunk.chunks_exact_mut(plane).zip(first..) {
                scatter_plane(
                    &geometry,
                    &input[index * plane..][..plane],
                    &output[index * pooled..][..pooled],
                    &gradient[index * pooled..][..pooled],
                    result,
                );
            }
            Ok(())
        })?;
        Ok(result)
    }
}

/// Each tap takes what the earlier taps of its window have left of the gradient, where it equals the maximum.
fn scatter_plane<T: tract_num_traits::Float + std::ops::AddAssign>(
    geometry: &Geometry,
    input: &[T],
    output: &[T],
    gradient: &[T],
    result: &mut [T],
) {
    let pixel = geometry.pixel;
    let width = geometry.output[2] * pixel;
    let mut state = (vec![T::zero(); width], 0, result);
    geometry.for_each_row(
        &mut state,
        |(left, row, _), _, start| {
            left.copy_from_slice(&gradient[start * pixel..][..width]);
            *row = start;
        },
        |(left, row, result), tap| {
            let left = &mut left[(tap.output - *row) * pixel..][..tap.count * pixel];
            let maxima = &output[tap.output * pixel..][..tap.count * pixel];
            let span = ((tap.count - 1) * tap.step + 1) * pixel;
            let values = &input[tap.input * pixel..][..span];
            let result = &mut result[tap.input * pixel..][..span];
            let take = |left: &mut T, maximum: T, value: T, result: &mut T| {
                let hit = value == maximum;
                *result += if hit { *left } else { T::zero() };
                *left = if hit { T::zero() } else { *left };
            };
            if pixel == 1 {
                let seen = values.iter().zip(result).step_by(tap.step);
                for ((left, &maximum), (&value, result)) in left.iter_mut().zip(maxima).zip(seen) {
                    take(left, maximum, value, result);
                }
            } else {
                let stride = tap.step * pixel;
                let windows = left.chunks_exact_mut(pixel).zip(maxima.chunks_exact(pixel));
                let seen = values.chunks(stride).zip(result.chunks_mut(stride));
                for ((left, maxima), (values, result)) in windows.zip(seen) {
                    for (((left, &maximum), &value), result) in left.iter_mut().zip(maxima).zip(values).zip(result) {
                        take(left, maximum, value, result);
                    }
                }
            }
        },
    );
}

impl TypedOp for MaxPoolGradient {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        ensure!(inputs.len() == 3);
        ensure!(inputs[1].shape == inputs[2].shape, "the gradient of a pooling has its shape");
        Ok(tvec!(inputs[0].without_value()))
    }

    fn change_axes(
        &self,
        model: &TypedModel,
        node: &TypedNode,
        _io: InOut,
        change: &AxisOp,
    ) -> TractResult<Option<AxisChangeConsequence>> {
        let rank = model.outlet_fact(node.inputs[0])?.rank();
        let Some(data_format) = changed_format(self.spec.data_format, rank, change) else { return Ok(None) };
        let op = Self { spec: PoolSpec { data_format, ..self.spec.clone() } };
        Ok(Some(change_everywhere(op, 3, change)))
    }

    as_op!();
}
