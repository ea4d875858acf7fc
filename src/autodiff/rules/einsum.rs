//! Matrix products, and sums of products in general.

use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::einsum::EinSum;

use super::broadcast::broadcast_to;
use crate::autodiff::ops::MatVec;
use crate::autodiff::{Adjoint, RuleResult};

/// From this many elements on, a constant matrix is read in place where that will do.
const LARGE: usize = 1 << 19;

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
    let mut constants: TVec<bool> = tvec![];
    for source in &mut sources {
        let value = node.constant_value(*source)?;
        constants.push(value.is_some());
        if let Some(value) = value {
            *source = node.own_constant("weights", value)?;
        }
    }
    let mut wire = if let Some(product) = mat_vec(node, &letters, &kept, &sources, &constants)? {
        product
    } else {
        let axes = AxesMapping::from_strs(&letters, &[kept])?;
        node.wire("einsum", EinSum::new(axes, op.operating_dt), &sources)?
    };
    for position in lost {
        wire = node.wire("axis", AxisOp::Add(position), &[wire])?;
    }
    broadcast_to(node, wire, &shape)
}

/// The product as one of a large constant matrix with a vector, if it is one: see [`MatVec`].
fn mat_vec(
    node: &mut Adjoint<'_>,
    letters: &[String],
    kept: &str,
    sources: &[OutletId],
    constants: &[bool],
) -> TractResult<Option<OutletId>> {
    let (&[first, second], Some(matrix)) = (sources, constants.iter().position(|&constant| constant)) else {
        return Ok(None);
    };
    let (matrix, vector) = if matrix == 0 { (0, 1) } else { (1, 0) };
    let shapes = [node.shape(first)?, node.shape(second)?];
    let axes = |source: usize| -> Vec<(char, usize)> {
        let axes = letters[source].chars().zip(shapes[source].iter().copied());
        axes.filter(|&(_, length)| length > 1).collect()
    };
    let (&[outer, inner], &[summed]) = (&*axes(matrix), &*axes(vector)) else { return Ok(None) };
    let transposed = outer == summed;
    let result = if transposed { inner } else { outer };
    if outer.1 * inner.1 < LARGE
        || !(transposed || inner == summed)
        || kept.contains(summed.0)
        || !kept.contains(result.0)
    {
        return Ok(None);
    }
    let shape = kept.chars().map(|letter| if letter == result.0 { result.1 } else { 1 }).collect();
    Ok(Some(node.wire("product", MatVec { transposed, shape }, &[sources[matrix], sources[vector]])?))
}
