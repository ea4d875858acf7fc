//! `CumSum`, whose axis may be a number or a list of one.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::array::CumSum;
use tract_onnx::tract_hir::internal::*;

use super::like_its_input;

#[derive(Debug, Clone)]
struct RunningSum {
    exclusive: bool,
    reverse: bool,
}

pub(super) fn cum_sum(_context: &ParsingContext, node: &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let flag = |name| Ok::<_, TractError>(node.get_attr_opt::<i64>(name)?.unwrap_or(0) != 0);
    Ok((expand(RunningSum { exclusive: flag("exclusive")?, reverse: flag("reverse")? }), vec![]))
}

impl Expansion for RunningSum {
    fn name(&self) -> StaticName {
        "CumSum".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        like_its_input(solver, inputs, outputs, 2)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let rank = model.outlet_fact(inputs[0])?.rank() as i64;
        let axis = model.outlet_fact(inputs[1])?.konst.clone().context("its axis is not constant")?;
        ensure!(axis.len() == 1, "{} axes to sum along", axis.len());
        let axis = axis.cast_to::<i64>()?.try_as_plain_ram()?.as_slice::<i64>()?[0];
        let from_the_start = if axis < 0 { axis + rank } else { axis };
        ensure!((0..rank).contains(&from_the_start), "axis {axis} is not one of {rank}");
        let op = CumSum { axis: from_the_start as usize, exclusive: self.exclusive, reverse: self.reverse };
        model.wire_node(prefix, op, &inputs[..1])
    }
}
