//! Matrix products, and sums of products in general.

use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::einsum::EinSum;

use super::broadcast::broadcast_to;
use crate::autodiff::{Adjoint, RuleResult};

/// The gradient of each input is a sum of products too: that of the output's gradient with the other inputs.
pub(super) fn einsum(op: &EinSum, node: &mut Adjoint<'_>) -> RuleResult {
    ensure!(op.q_params.is_none(), "it is quantised");
    (0..node.input_count()).map(|slot| node.is_wanted(slot).then(|| partial(op, node, slot)).transpose()).collect()
}

fn partial(op: &EinSum, node: &mut Adjoint<'_>, slot: usize) -> TractResult<OutletId> {
    let (mut letters, outputs) = op.axes.to_strs();
    let mut sources: TVec<OutletId> = (0..node.input_count()).map(|input| node.input(input)).collect();
    let target = std::mem::replace(&mut letters[slot], outputs[0].clone());
    let target_outlet = std::mem::replace(&mut sources[slot], node.output_gradient()?);
    let shape = node.shape(target_outlet)?;

    // An axis is found again among the gradient and the other inputs, unless only this input has it (it was summed) or
    // this input repeats along it; those have length 1 at first, and are broadcast to their length.
    let mut kept = String::new();
    let mut lost = vec![];
    for (position, letter) in target.chars().enumerate() {
        ensure!(target.matches(letter).count() == 1, "it reads a diagonal");
        let mut length = 0;
        for (source, axes) in sources.iter().zip(&letters) {
            if let Some(axis) = axes.chars().position(|it| it == letter) {
                length = length.max(node.shape(*source)?[axis]);
            }
        }
        if length == 0 || shape[position] < length {
            lost.push(position);
        } else {
            kept.push(letter);
        }
    }
    for source in &mut sources {
        if let Some(value) = node.constant_value(*source)? {
            *source = node.own_constant("weights", value)?;
        }
    }
    let axes = AxesMapping::from_strs(&letters, &[kept])?;
    let mut wire = node.wire("einsum", EinSum::new(axes, op.operating_dt), &sources)?;
    for position in lost {
        wire = node.wire("axis", AxisOp::Add(position), &[wire])?;
    }
    broadcast_to(node, wire, &shape)
}
