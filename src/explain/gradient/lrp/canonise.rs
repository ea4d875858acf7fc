//! Folding fixed scales and shifts into the convolutions before them: what zennit's canonizers do with batch norms.
//!
//! What a convolution and a batch norm make of relevance one after the other is not what the one convolution makes of it
//! that computes both, and only that is meant. Exporters mostly fold them already, but not all do.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cnn::{Conv, KernelFormat};
use tract_onnx::tract_core::ops::math::{Add, Div, Mul, Sub};

/// Folds every scale and shift of whole channels that alone reads a convolution's output into the convolution.
///
/// # Errors
/// When the graph is malformed.
pub(super) fn fold_affine(graph: &mut TypedModel) -> TractResult<()> {
    for id in graph.eval_order()? {
        if let Some(patch) = folded(graph, id)? {
            patch.apply(graph)?;
        }
    }
    Ok(())
}

/// The convolution in place of node `id` and the convolution before it, if it is a step that follows one.
fn folded(graph: &TypedModel, id: usize) -> TractResult<Option<TypedModelPatch>> {
    let node = graph.node(id);
    let Some(step) = node.op_as::<TypedBinOp>() else { return Ok(None) };
    let konst = |slot: usize| graph.outlet_fact(node.inputs[slot]).map(|fact| fact.konst.clone());
    let (data, factor) = match (konst(0)?, konst(1)?) {
        (None, Some(right)) => (node.inputs[0], right),
        (Some(left), None) if step.0.is::<Add>() || step.0.is::<Mul>() => (node.inputs[1], left),
        _ => return Ok(None),
    };
    let before = graph.node(data.node);
    let Some(conv) = before.op_as::<Conv>() else { return Ok(None) };
    let alone = before.outputs[0].successors.len() == 1 && !graph.outputs.contains(&data);
    let known =
        graph.outlet_fact(before.inputs[1])?.konst.clone().zip(graph.outlet_fact(before.inputs[2])?.konst.clone());
    let (true, KernelFormat::OIHW, None, Some((kernel, bias))) = (alone, conv.kernel_fmt, conv.q_params, known) else {
        return Ok(None);
    };
    let shape = graph.outlet_fact(data)?.shape.as_concrete().context("its shape is symbolic")?.to_vec();
    let c_axis = conv.pool_spec.data_format.shape(&shape)?.c_axis();
    let Some(factor) = by_channel(&factor, &shape, c_axis)? else { return Ok(None) };

    let is_scale = step.0.is::<Mul>() || step.0.is::<Div>();
    let change = |value: f32, channel: usize| match () {
        () if step.0.is::<Mul>() => value * factor[channel],
        () if step.0.is::<Div>() => value / factor[channel],
        () if step.0.is::<Sub>() => value - factor[channel],
        () => value + factor[channel],
    };
    if !is_scale && !step.0.is::<Add>() && !step.0.is::<Sub>() {
        return Ok(None);
    }
    let channels = shape[c_axis];
    let bias = bias.cast_to::<f32>()?.into_owned();
    let bias = bias.try_as_plain_ram()?.as_slice::<f32>()?.iter().copied().cycle().take(channels);
    let bias: Vec<f32> = bias.enumerate().map(|(channel, value)| change(value, channel)).collect();
    let mut weights = kernel.cast_to::<f32>()?.into_owned();
    if is_scale {
        let filter = weights.len() / channels;
        let mut values = weights.try_as_plain_ram_mut()?;
        let filters = values.as_slice_mut::<f32>()?.chunks_exact_mut(filter).enumerate();
        filters.for_each(|(channel, filter)| filter.iter_mut().for_each(|value| *value = change(*value, channel)));
    }

    let dt = kernel.datum_type();
    let mut patch = TypedModelPatch::default();
    let input = patch.tap_model(graph, before.inputs[0])?;
    let weights = patch.add_const(format!("{}.kernel", node.name), weights.cast_to_dt(dt)?.into_owned())?;
    let bias = patch.add_const(format!("{}.bias", node.name), tensor1(&bias).cast_to_dt(dt)?.into_owned())?;
    let output = patch.wire_node(&node.name, conv.clone(), &[input, weights, bias])?;
    patch.shunt_outside(graph, id.into(), output[0])?;
    Ok(Some(patch))
}

/// A constant's value for each channel, if it is the same all over the channel.
fn by_channel(constant: &Tensor, shape: &[usize], c_axis: usize) -> TractResult<Option<Vec<f32>>> {
    let missing = shape.len() - constant.rank().min(shape.len());
    let varies = |(axis, length): (usize, &usize)| *length != 1 && axis + missing != c_axis;
    if constant.rank() > shape.len() || constant.shape().iter().enumerate().any(varies) {
        return Ok(None);
    }
    let values = constant.cast_to::<f32>()?;
    let values = values.try_as_plain_ram()?.as_slice::<f32>()?.to_vec();
    Ok(Some(values.into_iter().cycle().take(shape[c_axis]).collect()))
}
