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

/// Finds the tap that won each window, and lets each pixel collect from the windows that it won.
fn scatter_plane<T: tract_num_traits::Float + std::ops::AddAssign>(
    geometry: &Geometry,
    input: &[T],
    output: &[T],
    gradient: &[T],
    result: &mut [T],
) {
    const NONE: u32 = u32::MAX;
    let pixel = geometry.pixel;
    let mut winners = vec![NONE; output.len()];
    geometry.for_each_row(|row| {
        let winners = &mut winners[row.output * pixel..][..row.count * pixel];
        let maxima = &output[row.output * pixel..][..row.count * pixel];
        let values = &input[row.input * pixel..][..((row.count - 1) * row.step + 1) * pixel];
        let decide = |winner: &mut u32, maximum: T, value: T| {
            let candidate = if value == maximum { row.tap as u32 } else { NONE };
            *winner = if *winner == NONE { candidate } else { *winner };
        };
        if pixel == 1 {
            for ((winner, &maximum), &value) in winners.iter_mut().zip(maxima).zip(values.iter().step_by(row.step)) {
                decide(winner, maximum, value);
            }
        } else {
            let windows = winners.chunks_exact_mut(pixel).zip(maxima.chunks_exact(pixel));
            for ((winners, maxima), values) in windows.zip(values.chunks(row.step * pixel)) {
                for ((winner, &maximum), &value) in winners.iter_mut().zip(maxima).zip(values) {
                    decide(winner, maximum, value);
                }
            }
        }
    });
    geometry.pull_rows(result, |tap, output, row| {
        let from = output * pixel;
        for ((value, &winner), &gradient) in row.iter_mut().zip(&winners[from..]).zip(&gradient[from..]) {
            *value += if winner == tap as u32 { gradient } else { T::zero() };
        }
    });
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
