//! Reductions that tract computes otherwise than ONNX has them: it takes the exponential of large numbers before their
//! logarithm, and a mean where a sum is meant.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn::{Reduce, Reducer};
use tract_onnx::tract_hir::internal::*;

use super::like_its_input;

type Built = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

/// The logarithm of a sum of exponentials.
#[derive(Debug, Clone)]
struct LogSumExp {
    axes: Option<Vec<i64>>,
    /// Whether the axes are the second input.
    reads_axes: bool,
    keeps_axes: bool,
    /// Whether no axes means none rather than all.
    none_is_none: bool,
}

/// The logarithm of the softmax over an axis, or over it and all that follow.
#[derive(Debug, Clone)]
struct LogSoftmax {
    axis: i64,
    to_the_end: bool,
}

/// The `p`-norm over rows and columns.
#[derive(Debug, Clone)]
struct GlobalNorm(f32);

pub(super) fn log_sum_exp(context: &ParsingContext, node: &NodeProto) -> Built {
    let op = LogSumExp {
        axes: node.get_attr_opt_vec("axes")?,
        reads_axes: context.onnx_operator_set_version >= 18 && node.input.get(1).is_some_and(|name| !name.is_empty()),
        keeps_axes: node.get_attr_opt::<i64>("keepdims")?.unwrap_or(1) != 0,
        none_is_none: node.get_attr_opt::<i64>("noop_with_empty_axes")?.unwrap_or(0) != 0,
    };
    Ok((expand(op), vec![]))
}

pub(super) fn log_softmax(context: &ParsingContext, node: &NodeProto) -> Built {
    let to_the_end = (1..13).contains(&context.onnx_operator_set_version);
    let axis = node.get_attr_opt("axis")?.unwrap_or(if to_the_end { 1 } else { -1 });
    Ok((expand(LogSoftmax { axis, to_the_end }), vec![]))
}

pub(super) fn global_norm(_context: &ParsingContext, node: &NodeProto) -> Built {
    let power: i64 = node.get_attr_opt("p")?.unwrap_or(2);
    Ok((expand(GlobalNorm(power as f32)), vec![]))
}

fn resolved(axis: i64, rank: usize) -> TractResult<usize> {
    let resolved = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(resolved)
        .ok()
        .filter(|axis| *axis < rank)
        .with_context(|| format!("axis {axis} is not one of {rank}"))
}

/// `ln(sum(exp(x - max))) + max`, with the axes kept.
fn wire_log_sum_exp(prefix: &str, model: &mut TypedModel, input: OutletId, axes: &[usize]) -> TractResult<OutletId> {
    let reduce = |reducer| Reduce { axes: axes.into(), reducer };
    let largest = model.wire_node(format!("{prefix}.largest"), reduce(Reducer::Max), &[input])?[0];
    let below = model.wire_node(format!("{prefix}.below"), math::sub(), &[input, largest])?;
    let powers = model.wire_node(format!("{prefix}.powers"), math::exp(), &below)?;
    let sum = model.wire_node(format!("{prefix}.sum"), reduce(Reducer::Sum), &powers)?;
    let logarithm = model.wire_node(format!("{prefix}.logarithm"), math::ln(), &sum)?[0];
    Ok(model.wire_node(format!("{prefix}.shifted"), math::add(), &[logarithm, largest])?[0])
}

impl LogSumExp {
    fn axes(&self, rank: usize, read: Option<&Tensor>) -> TractResult<Vec<usize>> {
        let given = match read {
            Some(list) => Some(list.cast_to::<i64>()?.try_as_plain_ram()?.as_slice::<i64>()?.to_vec()),
            None => self.axes.clone(),
        };
        let given = given.unwrap_or_default();
        if given.is_empty() {
            return Ok(if self.none_is_none { vec![] } else { (0..rank).collect() });
        }
        let mut axes = given.into_iter().map(|axis| resolved(axis, rank)).collect::<TractResult<Vec<_>>>()?;
        axes.sort_unstable();
        Ok(axes)
    }

    fn shape(&self, before: &[TDim], axes: &[usize]) -> TVec<TDim> {
        let side = |(axis, side): (usize, &TDim)| match (axes.contains(&axis), self.keeps_axes) {
            (false, _) => Some(side.clone()),
            (true, keeps) => keeps.then(|| 1.to_dim()),
        };
        before.iter().enumerate().filter_map(side).collect()
    }
}

impl Expansion for LogSumExp {
    fn name(&self) -> StaticName {
        "ReduceLogSumExp".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_output_arity(outputs, 1)?;
        solver.equals(&inputs[0].datum_type, &outputs[0].datum_type)?;
        solver.given(&inputs[0].shape, move |solver, shape| {
            if self.reads_axes {
                return solver.given(&inputs[1].value, move |solver, list| {
                    let axes = self.axes(shape.len(), Some(&list))?;
                    solver.equals(&outputs[0].shape, self.shape(&shape, &axes))
                });
            }
            solver.equals(&outputs[0].shape, self.shape(&shape, &self.axes(shape.len(), None)?))
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let list = match inputs.get(1).filter(|_| self.reads_axes) {
            Some(list) => Some(model.outlet_fact(*list)?.konst.clone().context("its axes are not constant")?),
            None => None,
        };
        let axes = self.axes(model.outlet_fact(inputs[0])?.rank(), list.as_deref())?;
        let mut wire = wire_log_sum_exp(prefix, model, inputs[0], &axes)?;
        for axis in axes.into_iter().rev().filter(|_| !self.keeps_axes) {
            wire = model.wire_node(format!("{prefix}.without{axis}"), AxisOp::Rm(axis), &[wire])?[0];
        }
        Ok(tvec![wire])
    }
}

impl Expansion for LogSoftmax {
    fn name(&self) -> StaticName {
        "LogSoftmax".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        like_its_input(solver, inputs, outputs, 1)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let rank = model.outlet_fact(inputs[0])?.rank();
        let axis = resolved(self.axis, rank)?;
        let axes: Vec<usize> = if self.to_the_end { (axis..rank).collect() } else { vec![axis] };
        let sum = wire_log_sum_exp(prefix, model, inputs[0], &axes)?;
        model.wire_node(prefix, math::sub(), &[inputs[0], sum])
    }
}

impl Expansion for GlobalNorm {
    fn name(&self) -> StaticName {
        "GlobalLpPool".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        solver.equals(&inputs[0].datum_type, &outputs[0].datum_type)?;
        solver.given(&inputs[0].shape, move |solver, shape| {
            let after: TVec<TDim> =
                shape.iter().enumerate().map(|(axis, side)| if axis < 2 { side.clone() } else { 1.to_dim() }).collect();
            solver.equals(&outputs[0].shape, after)
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let fact = model.outlet_fact(inputs[0])?.clone();
        let mut power = |role: &str, exponent: f32| {
            let value = tensor0(exponent).cast_to_dt(fact.datum_type)?.into_owned().broadcast_into_rank(fact.rank())?;
            model.add_const(format!("{prefix}.{role}"), value)
        };
        let (up, down) = (power("power", self.0)?, power("root", self.0.recip())?);
        let sizes = model.wire_node(format!("{prefix}.sizes"), math::abs(), inputs)?[0];
        let powers = model.wire_node(format!("{prefix}.powers"), math::pow(), &[sizes, up])?;
        let sum = Reduce { axes: (2..fact.rank()).collect(), reducer: Reducer::Sum };
        let sum = model.wire_node(format!("{prefix}.sum"), sum, &powers)?[0];
        model.wire_node(prefix, math::pow(), &[sum, down])
    }
}
