//! Enlarging and shrinking along axes, in whatever mode, and its gradient: both are weighted sums along one axis at a time.

use std::ops::AddAssign;

use tract_onnx::tract_core::internal::{multithread::par_chunks_mut, *};

use super::Real;

/// For each position along an axis of the result, the positions that it is the weighted sum of.
#[derive(Debug, Clone, PartialEq)]
pub struct Taps {
    /// The axis.
    pub axis: usize,
    /// How long the axis is before.
    pub length: usize,
    /// For each position after, pairs of a position before and its weight.
    pub rows: Vec<TVec<(usize, f32)>>,
}

impl Eq for Taps {}

impl Taps {
    fn transposed(&self) -> Taps {
        let mut rows = vec![tvec!(); self.length];
        for (to, row) in self.rows.iter().enumerate() {
            row.iter().for_each(|&(from, weight)| rows[from].push((to, weight)));
        }
        Taps { axis: self.axis, length: self.rows.len(), rows }
    }

    fn apply<T: Real + AddAssign>(&self, input: &Tensor, fill: f32) -> TractResult<Tensor> {
        let mut shape: TVec<usize> = input.shape().into();
        let inner: usize = shape[self.axis + 1..].iter().product();
        shape[self.axis] = self.rows.len();
        let mut result = Tensor::zero::<T>(&shape)?;
        let (before, after) = (self.length * inner, self.rows.len() * inner);
        if after == 0 || result.len() == 0 {
            return Ok(result);
        }
        let input = input.try_as_plain_ram()?;
        let input = input.as_slice::<T>()?;
        let mut view = result.try_as_plain_ram_mut()?;
        let values = view.as_slice_mut::<T>()?;
        let total = values.len();
        par_chunks_mut(values, after, total, |first, chunk| {
            for (index, values) in (first..).zip(chunk.chunks_exact_mut(after)) {
                let input = &input[index * before..][..before];
                for (row, values) in self.rows.iter().zip(values.chunks_exact_mut(inner)) {
                    if row.is_empty() {
                        values.fill(T::of(fill.into()));
                    }
                    for &(from, weight) in row {
                        let weight = T::of(weight.into());
                        let source = &input[from * inner..][..inner];
                        values.iter_mut().zip(source).for_each(|(value, &source)| *value += weight * source);
                    }
                }
            }
            Ok(())
        })?;
        Ok(result)
    }
}

/// Resamples a tensor along axes, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Resample {
    /// What to do along each axis that changes.
    pub taps: TVec<Taps>,
    /// The value of positions that lie outside the tensor: those without taps.
    pub fill: f32,
}

impl Eq for Resample {}

impl Resample {
    /// The gradient: the same weights, read the other way.
    pub(in crate::autodiff) fn transposed(&self) -> Resample {
        Resample { taps: self.taps.iter().map(Taps::transposed).collect(), fill: 0.0 }
    }

    /// The shape of the result.
    ///
    /// # Errors
    /// When the shape before is not the one that the operator was made for.
    pub fn shape<D: DimLike>(&self, before: &[D]) -> TractResult<TVec<D>> {
        let mut shape: TVec<D> = before.into();
        for taps in &self.taps {
            let fits = shape.get(taps.axis).is_some_and(|length| *length == taps.length.into());
            ensure!(fits, "resampling {before:?}, axis {} should have the length {}", taps.axis, taps.length);
            shape[taps.axis] = taps.rows.len().into();
        }
        Ok(shape)
    }

    fn resample<T: Real + AddAssign>(&self, input: TValue) -> TractResult<TValue> {
        let mut value = input;
        for taps in &self.taps {
            value = taps.apply::<T>(&value, self.fill)?.into_tvalue();
        }
        Ok(value)
    }
}

impl Op for Resample {
    fn name(&self) -> StaticName {
        "Resample".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Resample {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let output = match input.datum_type() {
            DatumType::F16 => self.resample::<f16>(input)?,
            DatumType::F32 => self.resample::<f32>(input)?,
            DatumType::F64 => self.resample::<f64>(input)?,
            // Integers are resampled as floats, and rounded down like them.
            other => {
                let output = self.resample::<f32>(input.cast_to::<f32>()?.into_owned().into_tvalue())?;
                output.cast_to_dt(other)?.into_owned().into_tvalue()
            }
        };
        Ok(tvec!(output))
    }
}

impl TypedOp for Resample {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(inputs[0].datum_type.fact(self.shape(&inputs[0].shape)?)))
    }

    fn change_axes(
        &self,
        model: &TypedModel,
        node: &TypedNode,
        _io: InOut,
        change: &AxisOp,
    ) -> TractResult<Option<AxisChangeConsequence>> {
        let moved = |taps: &Taps| Some(Taps { axis: change.transform_axis(taps.axis)?, ..taps.clone() });
        let Some(taps) = self.taps.iter().map(moved).collect::<Option<_>>() else { return Ok(None) };
        let op = Resample { taps, fill: self.fill };
        Ok(Some(AxisChangeConsequence::new(model, node, Some(Box::new(op)), change)))
    }

    as_op!();
}
