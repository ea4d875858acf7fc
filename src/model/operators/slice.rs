//! `Slice` with the bounds that it has, one axis at a time.
//!
//! One that keeps one position of every few picks those positions: tract would move its own operator for that before
//! others, and fails where rows and columns were reshaped, and forgets where it starts in front of a convolution.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::array::{Gather, Slice, StridedSlice};
use tract_onnx::tract_hir::internal::*;

#[derive(Debug, Clone)]
struct Picked(StridedSlice);

pub(super) fn slice(context: &ParsingContext, node: &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    if (1..10).contains(&context.onnx_operator_set_version) {
        // Before opset 10 there were no steps.
        let ops = tract_onnx::onnx().op_register.0;
        return ops.get("Slice").context("tract has no Slice")?(context, node);
    }
    let mut optional = tract_onnx::model::optional_inputs(node).skip(3);
    let op = StridedSlice {
        begin_mask: 0,
        end_mask: 0,
        shrink_axis_mask: 0,
        optional_axes_input: optional.next().flatten(),
        optional_steps_input: optional.next().flatten(),
    };
    Ok((expand(Picked(op)), vec![]))
}

impl Picked {
    /// The values of an input, where they are constant.
    fn constant(model: &TypedModel, inputs: &[OutletId], slot: usize) -> TractResult<Option<Arc<Tensor>>> {
        Ok(model.outlet_fact(inputs[slot])?.konst.clone())
    }

    fn integers(tensor: &Tensor) -> TractResult<TVec<i64>> {
        Ok(tensor.cast_to::<i64>()?.try_as_plain_ram()?.as_slice::<i64>()?.into())
    }
}

impl Expansion for Picked {
    fn name(&self) -> StaticName {
        "Slice".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        InferenceRulesOp::rules(&self.0, solver, inputs, outputs)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let constant = |slot| Self::constant(model, inputs, slot);
        let steps = self.0.optional_steps_input.map(constant).transpose()?.flatten();
        let axes = self.0.optional_axes_input.map(constant).transpose()?;
        let steps = match (self.0.optional_steps_input, steps) {
            (Some(_), None) => return model.wire_node(prefix, self.0.clone(), inputs),
            (_, steps) => steps.map(|steps| Self::integers(&steps)).transpose()?.unwrap_or_default(),
        };
        let (Some(begin), Some(end)) = (constant(1)?, constant(2)?) else {
            return model.wire_node(prefix, self.0.clone(), inputs);
        };
        let shape = model.outlet_fact(inputs[0])?.shape.clone();
        let axes: TVec<i64> = match axes {
            Some(Some(axes)) => Self::integers(&axes)?,
            None => (0..shape.rank() as i64).collect(),
            Some(None) => return model.wire_node(prefix, self.0.clone(), inputs),
        };
        if shape.as_concrete().is_none() {
            return model.wire_node(prefix, self.0.clone(), inputs);
        }
        let strides: TVec<i32> = steps.iter().map(|step| i32::try_from(*step)).collect::<Result<_, _>>()?;
        let mut wire = inputs[0];
        for (index, axis) in axes.iter().enumerate() {
            let axis = usize::try_from(if *axis < 0 { axis + shape.rank() as i64 } else { *axis })?;
            ensure!(axis < shape.rank(), "it has no axis {axis}");
            let cut = self.0.prepare_one_dim(index, &shape[axis], &begin, &end, &strides)?;
            let step = i64::from(cut.stride);
            if step == 1 {
                let op = Slice::new(axis, cut.begin, cut.end);
                wire = model.wire_node(format!("{prefix}.slice{axis}"), op, &[wire])?[0];
                continue;
            }
            ensure!(step != 0, "its step is 0");
            let (from, to) = (cut.begin.to_i64()?, cut.end.to_i64()?);
            let count = ((to - from) * step.signum()).max(0).unsigned_abs().div_ceil(step.unsigned_abs());
            let positions: Vec<i64> = (0..count as i64).map(|index| from + index * step).collect();
            let positions = model.add_const(format!("{prefix}.positions{axis}"), tensor1(&positions))?;
            wire = model.wire_node(format!("{prefix}.pick{axis}"), Gather::new(axis), &[wire, positions])?[0];
        }
        Ok(tvec![wire])
    }
}
