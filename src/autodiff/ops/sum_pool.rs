//! The gradient of sum and average pooling.

use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::cnn::{PaddingSpec, SumPool};
use tract_onnx::tract_core::tract_linalg::multithread::par_chunks_mut;

use super::geometry::{Geometry, change_everywhere, changed_format};

/// Spreads the gradient of each window over its pixels, divided by their number where the pooling was an average.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SumPoolGradient {
    /// The pooling.
    pub(crate) pool: SumPool,
    /// The spatial shape of what was pooled.
    pub(crate) input: TVec<usize>,
}

impl Op for SumPoolGradient {
    fn name(&self) -> StaticName {
        "SumPoolGradient".into()
    }

    fn info(&self) -> TractResult<Vec<String>> {
        Ok(self.pool.pool_spec.info())
    }

    op_as_typed_op!();
}

impl EvalOp for SumPoolGradient {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let gradient = args_1!(inputs);
        let result = dispatch_floatlike!(Self::spread(gradient.datum_type())(self, &gradient))?;
        Ok(tvec!(result.into_tvalue()))
    }
}

impl SumPoolGradient {
    /// The full shape of what was pooled, given that of the pooling.
    fn input_shape<D: DimLike>(&self, output: &[D]) -> TractResult<TVec<D>> {
        let mut shape: TVec<D> = output.into();
        let first = self.pool.pool_spec.data_format.h_axis();
        ensure!(first + self.input.len() <= shape.len());
        for (axis, &length) in self.input.iter().enumerate() {
            shape[first + axis] = length.into();
        }
        Ok(shape)
    }

    /// For each window along `axis`, the number of pixels by which an average divides.
    fn counts(&self, geometry: &Geometry, axis: usize) -> Vec<usize> {
        let before = geometry.pad[axis];
        let (counted_from, counted_to) = match &self.pool.pool_spec.padding {
            _ if !self.pool.count_include_pad => (before, before + geometry.input[axis]),
            // With ONNX's ceil mode a window may hang over the end of the padding: what hangs over does not count.
            PaddingSpec::ExplicitOnnxPool(_, after, true) => {
                let missing = 3 - after.len();
                let after = if axis < missing { 0 } else { after[axis - missing] };
                (0, before + geometry.input[axis] + after)
            }
            _ => (0, usize::MAX),
        };
        let counts = |window: usize| {
            let pixels =
                (0..geometry.kernel[axis]).map(|k| window * geometry.stride[axis] + k * geometry.dilation[axis]);
            pixels.filter(|pixel| (counted_from..counted_to).contains(pixel)).count()
        };
        (0..geometry.output[axis]).map(counts).collect()
    }

    fn spread<T: Datum + tract_num_traits::Float + std::ops::AddAssign>(
        &self,
        gradient: &Tensor,
    ) -> TractResult<Tensor> {
        let shape = self.input_shape(gradient.shape())?;
        let geometry = Geometry::new(&self.pool.pool_spec, &shape)?;
        let counts = [0, 1, 2].map(|axis| self.counts(&geometry, axis));
        let mut result = Tensor::zero::<T>(&shape)?;
        let gradient = gradient.try_as_plain_ram()?;
        let gradient = gradient.as_slice::<T>()?;
        let (plane, pooled) = (geometry.input_plane(), geometry.output_plane());
        if plane == 0 || pooled == 0 {
            return Ok(result);
        }
        let mut result_view = result.try_as_plain_ram_mut()?;
        let values = result_view.as_slice_mut::<T>()?;
        let total = values.len();
        par_chunks_mut(values, plane, total, |first, chunk| {
            for (result, index) in chunk.chunks_exact_mut(plane).zip(first..) {
                let gradient = &gradient[index * pooled..][..pooled];
                spread_plane(&geometry, self.pool.normalize.then_some(&counts), gradient, result);
            }
            Ok(())
        })?;
        Ok(result)
    }
}

fn spread_plane<T: tract_num_traits::Float + std::ops::AddAssign>(
    geometry: &Geometry,
    counts: Option<&[Vec<usize>; 3]>,
    gradient: &[T],
    result: &mut [T],
) {
    let pixel = geometry.pixel;
    let mut shares = gradient.to_vec();
    if let Some([depths, heights, widths]) = counts {
        let windows =
            depths.iter().flat_map(|z| heights.iter().flat_map(move |y| widths.iter().map(move |x| z * y * x)));
        for (share, count) in shares.chunks_exact_mut(pixel).zip(windows) {
            // A window that lies wholly in the padding sees no pixel: its share goes nowhere.
            let scale = T::from(count.max(1)).map_or(T::one(), T::recip);
            for share in share {
                *share = *share * scale;
            }
        }
    }
    geometry.pull_rows(result, |_, output, row| {
        row.iter_mut().zip(&shares[output * pixel..]).for_each(|(row, &share)| *row += share);
    });
}

impl TypedOp for SumPoolGradient {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        ensure!(inputs.len() == 1);
        Ok(tvec!(inputs[0].datum_type.fact(self.input_shape(&inputs[0].shape)?)))
    }

    fn change_axes(
        &self,
        model: &TypedModel,
        node: &TypedNode,
        _io: InOut,
        change: &AxisOp,
    ) -> TractResult<Option<AxisChangeConsequence>> {
        let rank = model.outlet_fact(node.inputs[0])?.rank();
        let Some(data_format) = changed_format(self.pool.pool_spec.data_format, rank, change) else { return Ok(None) };
        let mut op = self.clone();
        op.pool.pool_spec.data_format = data_format;
        Ok(Some(change_everywhere(op, 1, change)))
    }

    as_op!();
}
