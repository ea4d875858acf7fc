//! `LRN`, local response normalisation, as the arithmetic that it is.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_hir::internal::*;

use super::like_its_input;
use crate::autodiff::{Resample, Taps};

/// `y = x / (bias + alpha / size * s) ^ beta`, where `s` is the sum of the squares of `size` channels around.
#[derive(Debug, Clone)]
struct Lrn {
    alpha: f32,
    beta: f32,
    bias: f32,
    size: usize,
}

pub(super) fn lrn(_context: &ParsingContext, node: &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let op = Lrn {
        alpha: node.get_attr_opt("alpha")?.unwrap_or(1e-4),
        beta: node.get_attr_opt("beta")?.unwrap_or(0.75),
        bias: node.get_attr_opt("bias")?.unwrap_or(1.0),
        size: node.get_attr("size")?,
    };
    ensure!(op.size > 0, "a window of no channels");
    Ok((expand(op), vec![]))
}

impl Expansion for Lrn {
    fn name(&self) -> StaticName {
        "LRN".into()
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
        let fact = model.outlet_fact(inputs[0])?.clone();
        ensure!(fact.rank() > 1, "its input has no channels");
        let channels = fact.shape[1].to_usize().context("the number of channels is not known")?;
        let (before, after) = ((self.size - 1) / 2, self.size / 2);
        let weight = self.alpha / self.size as f32;
        let window = |channel: usize| channel.saturating_sub(before)..=(channel + after).min(channels - 1);
        let rows = (0..channels).map(|channel| window(channel).map(|it| (it, weight)).collect()).collect();
        let sum = Resample { taps: tvec![Taps { axis: 1, length: channels, rows }], fill: 0.0 };

        let mut number = |role: &str, value: f32| {
            let value = tensor0(value).cast_to_dt(fact.datum_type)?.into_owned().broadcast_into_rank(fact.rank())?;
            model.add_const(format!("{prefix}.{role}"), value)
        };
        let (bias, exponent) = (number("bias", self.bias)?, number("exponent", -self.beta)?);
        let squares = model.wire_node(format!("{prefix}.squares"), math::square(), inputs)?;
        let sum = model.wire_node(format!("{prefix}.sum"), sum, &squares)?[0];
        let shifted = model.wire_node(format!("{prefix}.shifted"), math::add(), &[sum, bias])?[0];
        let factor = model.wire_node(format!("{prefix}.factor"), math::pow(), &[shifted, exponent])?[0];
        model.wire_node(prefix, math::mul(), &[inputs[0], factor])
    }
}
