//! The gradient of picking by indices that only a run knows: what was picked several times receives the sum.

use std::ops::AddAssign;

use tract_onnx::tract_core::internal::*;

use super::Real;

/// How indices name places of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::autodiff) enum Places {
    /// One index for each slice along this axis, as `Gather` has it. The indices have one axis.
    Slices(usize),
    /// One index along this axis for each element, as `GatherElements` has it.
    Elements(usize),
    /// Tuples of indices along the axes after so many that both have in common, as `GatherND` has it.
    Tuples(usize),
}

/// Adds parts, at the places that indices name, to a tensor of zeros. Inputs: the parts, then the indices.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::autodiff) struct ScatterAdd {
    pub(in crate::autodiff) places: Places,
    /// The shape of the result.
    pub(in crate::autodiff) shape: TVec<usize>,
}

impl ScatterAdd {
    /// Where each part begins in the result, and how long it is.
    fn offsets(&self, indices: &Tensor) -> TractResult<(Vec<usize>, usize)> {
        let strides: TVec<usize> = (0..self.shape.len()).map(|axis| self.shape[axis + 1..].iter().product()).collect();
        let along = |axis: usize, index: i64| {
            let length = self.shape[axis] as i64;
            let index = if index < 0 { index + length } else { index };
            ensure!((0..length).contains(&index), "index {index} is not one of {length}");
            Ok(index as usize * strides[axis])
        };
        let shape = indices.shape();
        let indices = indices.cast_to::<i64>()?;
        let indices = indices.try_as_plain_ram()?;
        let indices = indices.as_slice::<i64>()?;
        match self.places {
            Places::Slices(axis) => {
                let outer: usize = self.shape[..axis].iter().product();
                let places = |outer: usize| {
                    let start = outer * self.shape[axis] * strides[axis];
                    indices.iter().map(move |&index| Ok(start + along(axis, index)?))
                };
                Ok(((0..outer).flat_map(places).collect::<TractResult<_>>()?, strides[axis]))
            }
            Places::Elements(axis) => {
                let place = |(element, &index): (usize, &i64)| {
                    let mut rest = element;
                    let mut offset = along(axis, index)?;
                    for other in (0..shape.len()).rev() {
                        if other != axis {
                            offset += rest % shape[other] * strides[other];
                        }
                        rest /= shape[other];
                    }
                    Ok(offset)
                };
                Ok((indices.iter().enumerate().map(place).collect::<TractResult<_>>()?, 1))
            }
            Places::Tuples(common) => {
                let length = shape.last().copied().unwrap_or(1);
                let each: usize = shape[common..shape.len() - 1].iter().product();
                let whole: usize = self.shape[common..].iter().product();
                let place = |(number, tuple): (usize, &[i64])| {
                    let inner = tuple.iter().enumerate().map(|(axis, &index)| along(common + axis, index));
                    Ok(number / each * whole + inner.sum::<TractResult<usize>>()?)
                };
                let tuples = indices.chunks_exact(length.max(1)).enumerate();
                Ok((tuples.map(place).collect::<TractResult<_>>()?, self.shape[common + length..].iter().product()))
            }
        }
    }

    fn add<T: Real + AddAssign>(&self, parts: &Tensor, indices: &Tensor) -> TractResult<Tensor> {
        let (offsets, length) = self.offsets(indices)?;
        let mut result = Tensor::zero::<T>(&self.shape)?;
        if length == 0 {
            return Ok(result);
        }
        let parts = parts.try_as_plain_ram()?;
        let parts = parts.as_slice::<T>()?;
        let mut view = result.try_as_plain_ram_mut()?;
        let values = view.as_slice_mut::<T>()?;
        for (offset, part) in offsets.into_iter().zip(parts.chunks_exact(length)) {
            values[offset..].iter_mut().zip(part).for_each(|(value, &part)| *value += part);
        }
        Ok(result)
    }
}

impl Op for ScatterAdd {
    fn name(&self) -> StaticName {
        "ScatterAdd".into()
    }

    op_as_typed_op!();
}

impl EvalOp for ScatterAdd {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (parts, indices) = args_2!(inputs);
        let result = dispatch_floatlike!(Self::add(parts.datum_type())(self, &parts, &indices))?;
        Ok(tvec!(result.into_tvalue()))
    }
}

impl TypedOp for ScatterAdd {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        ensure!(inputs.len() == 2);
        Ok(tvec!(inputs[0].datum_type.fact(&*self.shape)))
    }

    as_op!();
}
