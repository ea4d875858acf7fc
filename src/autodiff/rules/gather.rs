//! Picking by index, and writing at indices.

use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::array::{
    Gather, GatherElements, GatherNd, OneHot, ScatterElements, ScatterNd, ScatterReduction, Topk,
};

use super::slice_concat::surround;
use crate::autodiff::ops::{IndexAdd, Places, ScatterAdd};
use crate::autodiff::{Adjoint, RuleResult};

/// Each row of the table receives the gradients of its readers.
pub(super) fn gather(op: &Gather, node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    let shape = node.shape(node.input(0))?;
    let length = shape[op.axis];
    let picked = node.shape(node.input(1))?;
    let flat = |axis: usize| {
        if picked.is_empty() {
            return AxisOp::Add(axis);
        }
        let sides: TVec<TDim> = picked.iter().map(ToDim::to_dim).collect();
        AxisOp::Reshape(axis, sides, tvec![picked.iter().product::<usize>().to_dim()])
    };
    let wire = node.wire("axes", flat(op.axis), &[gradient])?;
    let Some(indices) = node.constant_value(node.input(1))? else {
        let indices = node.wire("indices", flat(0), &[node.input(1)])?;
        let op = ScatterAdd { places: Places::Slices(op.axis), shape };
        return Ok(tvec!(Some(node.wire("scatter", op, &[wire, indices])?), None));
    };
    let indices = indices.cast_to::<i64>()?;
    let from_the_end = |&index: &i64| if index < 0 { (index + length as i64) as usize } else { index as usize };
    let indices: Vec<usize> = indices.try_as_plain_ram()?.as_slice::<i64>()?.iter().map(from_the_end).collect();
    let wire = match indices[..] {
        [index] => surround(node, wire, op.axis, index, length - index - 1)?,
        _ => node.wire("scatter", IndexAdd { axis: op.axis, indices, length }, &[wire])?,
    };
    Ok(tvec!(Some(wire), None))
}

/// Gradients go back to where the values were read. Inputs: data, indices.
fn scatter(places: Places, indices: OutletId, node: &mut Adjoint<'_>) -> RuleResult {
    let inputs = [node.output_gradient()?, indices];
    let shape = node.shape(node.input(0))?;
    Ok(tvec!(Some(node.wire("scatter", ScatterAdd { places, shape }, &inputs)?), None))
}

pub(super) fn gather_elements(op: &GatherElements, node: &mut Adjoint<'_>) -> RuleResult {
    scatter(Places::Elements(op.axis), node.input(1), node)
}

pub(super) fn gather_nd(op: &GatherNd, node: &mut Adjoint<'_>) -> RuleResult {
    scatter(Places::Tuples(op.batch_dims), node.input(1), node)
}

/// Of the two outputs, the values have a gradient; the other says where they were.
pub(super) fn top_k(op: &Topk, node: &mut Adjoint<'_>) -> RuleResult {
    if node.gradient(0).is_none() {
        return Ok(tvec!(None, None));
    }
    scatter(Places::Elements(op.axis), node.output(1), node)
}

/// Where nothing comes of the values themselves, as with an arg-max.
#[allow(clippy::unnecessary_wraps, reason = "all rules have this type")]
pub(super) fn one_hot(_op: &OneHot, _node: &mut Adjoint<'_>) -> RuleResult {
    Ok(tvec!(None))
}

/// Inputs: data, indices, updates.
pub(super) fn scatter_elements(op: &ScatterElements, node: &mut Adjoint<'_>) -> RuleResult {
    let again = ScatterElements { axis: op.axis, reduction: ScatterReduction::None };
    written(op.reduction, again, GatherElements { axis: op.axis }, node)
}

/// Inputs: data, indices, updates.
pub(super) fn scatter_nd(op: &ScatterNd, node: &mut Adjoint<'_>) -> RuleResult {
    written(op.reduction, ScatterNd { reduction: ScatterReduction::None }, GatherNd { batch_dims: 0 }, node)
}

/// What was written receives the gradient of its place. What was there before receives that of all other places, or of all
/// where the updates are added.
fn written(reduction: ScatterReduction, write: impl TypedOp, read: impl TypedOp, node: &mut Adjoint<'_>) -> RuleResult {
    let gradient = node.output_gradient()?;
    let indices = node.input(1);
    let data = match reduction {
        ScatterReduction::Add => Some(gradient),
        ScatterReduction::None if node.is_wanted(0) => {
            let shape = node.shape(node.input(2))?;
            let zero = Tensor::zero_dt(node.fact(gradient)?.datum_type, &shape)?;
            let zeros = node.constant("zeros", zero)?;
            Some(node.wire("kept", Box::new(write) as Box<dyn TypedOp>, &[gradient, indices, zeros])?)
        }
        ScatterReduction::None => None,
        other => bail!("writing by {} has no rule", other.as_str()),
    };
    let updates =
        node.is_wanted(2).then(|| node.wire("written", Box::new(read) as Box<dyn TypedOp>, &[gradient, indices]));
    Ok(tvec!(data, None, updates.transpose()?))
}
