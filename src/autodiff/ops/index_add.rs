//! The gradient of picking: adding slices where they came from.

use tract_onnx::prelude::tract_ndarray::{Array, Axis};
use tract_onnx::tract_core::internal::*;

/// Adds each slice of its input along an axis to one slice of a zero tensor: `output[.., indices[i], ..] += input[.., i, ..]`.
///
/// It is the gradient of `output[.., i, ..] = input[.., indices[i], ..]`, and so of every operator that picks, repeats or
/// reorders along one axis.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::autodiff) struct IndexAdd {
    /// The axis along which slices are added.
    pub(in crate::autodiff) axis: usize,
    /// Where each slice of the input goes; as many as the input is long, each below `length`.
    pub(in crate::autodiff) indices: Vec<usize>,
    /// The length of the output along the axis.
    pub(in crate::autodiff) length: usize,
}

impl IndexAdd {
    fn add<T: Datum + Copy + std::ops::AddAssign + tract_num_traits::Zero>(
        &self,
        input: &Tensor,
    ) -> TractResult<Tensor> {
        let input = input.to_plain_array_view::<T>()?;
        let mut shape = input.shape().to_vec();
        shape[self.axis] = self.length;
        let mut output = Array::<T, _>::zeros(shape);
        for (slice, &index) in input.axis_iter(Axis(self.axis)).zip(&self.indices) {
            let mut target = output.index_axis_mut(Axis(self.axis), index);
            target.zip_mut_with(&slice, |sum, &term| *sum += term);
        }
        Ok(output.into_tensor())
    }
}

impl Op for IndexAdd {
    fn name(&self) -> StaticName {
        "IndexAdd".into()
    }

    op_as_typed_op!();
}

impl EvalOp for IndexAdd {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let output = match input.datum_type() {
            DatumType::F16 => self.add::<f16>(&input)?,
            DatumType::F32 => self.add::<f32>(&input)?,
            DatumType::F64 => self.add::<f64>(&input)?,
            other => bail!("IndexAdd of {other:?}"),
        };
        Ok(tvec!(output.into_tvalue()))
    }
}

impl TypedOp for IndexAdd {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let mut shape = inputs[0].shape.to_tvec();
        ensure!(shape[self.axis] == self.indices.len().to_dim(), "one index for each slice");
        ensure!(self.indices.iter().all(|&index| index < self.length), "an index is out of range");
        shape[self.axis] = self.length.to_dim();
        Ok(tvec!(inputs[0].datum_type.fact(shape)))
    }

    fn change_axes(
        &self,
        model: &TypedModel,
        node: &TypedNode,
        _io: InOut,
        change: &AxisOp,
    ) -> TractResult<Option<AxisChangeConsequence>> {
        let Some(axis) = change.transform_axis(self.axis) else { return Ok(None) };
        let op = IndexAdd { axis, ..self.clone() };
        Ok(Some(AxisChangeConsequence::new(model, node, Some(Box::new(op)), change)))
    }

    as_op!();
}
