//! `GridSample` of images.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::autodiff::{Beyond, GridSample, Sampling};

#[derive(Debug, Clone)]
struct Sample(GridSample);

pub(super) fn grid_sample(
    _context: &ParsingContext,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let sampling = match node.get_attr_opt("mode")?.unwrap_or("linear") {
        "bilinear" | "linear" => Sampling::Bilinear,
        "nearest" => Sampling::Nearest,
        "bicubic" | "cubic" => Sampling::Bicubic,
        other => bail!("the mode {other:?} is not known"),
    };
    let beyond = match node.get_attr_opt("padding_mode")?.unwrap_or("zeros") {
        "zeros" => Beyond::Zeros,
        "border" => Beyond::Border,
        "reflection" => Beyond::Reflection,
        other => bail!("the padding {other:?} is not known"),
    };
    let align_corners = node.get_attr_opt::<i64>("align_corners")?.unwrap_or(0) != 0;
    Ok((expand(Sample(GridSample { sampling, beyond, align_corners })), vec![]))
}

impl Expansion for Sample {
    fn name(&self) -> StaticName {
        "GridSample".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 2)?;
        check_output_arity(outputs, 1)?;
        solver.equals(&inputs[0].datum_type, &outputs[0].datum_type)?;
        solver.equals(&outputs[0].rank, 4)?;
        for (axis, (input, side)) in [(0, 0), (0, 1), (1, 1), (1, 2)].into_iter().enumerate() {
            solver.equals(&outputs[0].shape[axis], &inputs[input].shape[side])?;
        }
        Ok(())
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, self.0.clone(), inputs)
    }
}
