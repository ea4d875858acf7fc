//! Which operators work in lanes when their input is there.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{AxisOp, InOut};
use tract_onnx::tract_core::ops::array::{Pad, TypedConcat};
use tract_onnx::tract_core::ops::cnn::{Conv, Deconv, MaxPool, PoolSpec, SumPool};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::nn::{DataFormat, Reduce, Reducer};

use super::{Inserter, Place, TO_LANES};

impl Inserter<'_> {
    /// Wires a node in lanes, if what it reads was computed there and it can.
    pub(super) fn follow(&mut self, node: &TypedNode) -> TractResult<bool> {
        let images = |outlet: &OutletId| self.shape(*outlet).is_some();
        let constant = |outlet: &OutletId| self.whole.outlet_fact(*outlet).is_ok_and(|fact| fact.konst.is_some());
        let size = |outlet: &OutletId| self.shape(*outlet).map_or(0, |shape| shape.iter().product::<usize>());
        let largest = node.inputs.iter().filter(|input| !constant(input)).max_by_key(|input| size(input));
        let in_lanes = largest.and_then(|input| self.places.get(input)).is_some_and(|place| place.in_lanes);
        let outputs = (0..node.outputs.len()).map(|slot| OutletId::new(node.id, slot));
        let fits = node.inputs.iter().all(|input| images(input)) && outputs.clone().all(|output| images(&output));
        if !in_lanes || !fits {
            return Ok(false);
        }
        if node.op_is::<TypedConcat>() && node.inputs.len() == 1 {
            let place = self.places[&node.inputs[0]];
            self.places.insert(OutletId::new(node.id, 0), place);
            return Ok(true);
        }
        let Some(op) = in_lanes_of(self.whole, node)? else { return Ok(false) };
        let inputs = node.inputs.iter().map(|input| self.lanes(*input)).collect::<TractResult<TVec<_>>>()?;
        let wires = self.graph.wire_node(node.name.clone(), op, &inputs)?;
        for (output, wire) in outputs.zip(wires) {
            self.places.insert(output, Place::lanes(wire));
        }
        Ok(true)
    }
}

/// The operator for values in lanes, if there is one.
fn in_lanes_of(whole: &TypedModel, node: &TypedNode) -> TractResult<Option<Box<dyn TypedOp>>> {
    let last = |spec: &PoolSpec| match spec.data_format {
        DataFormat::NCHW => Some(PoolSpec { data_format: DataFormat::NHWC, ..spec.clone() }),
        _ => None,
    };
    if let Some(op) = node.op_as::<MaxPool>() {
        let spec = last(&op.pool_spec).filter(|_| op.with_index_outputs.is_none());
        return Ok(spec.map(|pool_spec| Box::new(MaxPool { pool_spec, ..op.clone() }) as Box<dyn TypedOp>));
    }
    if let Some(op) = node.op_as::<SumPool>() {
        return Ok(last(&op.pool_spec).map(|pool_spec| Box::new(SumPool { pool_spec, ..op.clone() }) as Box<dyn TypedOp>));
    }
    if let Some(op) = node.op_as::<Pad>() {
        let &[n, c, h, w] = op.pads.as_slice() else { return Ok(None) };
        return Ok(Some(Box::new(Pad { pads: vec![n, h, w, c], mode: op.mode.clone() })));
    }
    if let Some(op) = node.op_as::<Reduce>()
        && op.axes.as_slice() == [2, 3]
        && op.reducer == Reducer::Sum
    {
        // With the axis of images, which is 1: tract adds up leading axes row by row.
        return Ok(Some(Box::new(Reduce { axes: tvec![0, 1, 2], ..op.clone() })));
    }
    let mixes = node.op_is::<Conv>() || node.op_is::<Deconv>() || node.op_is::<EinSum>() || node.op_is::<AxisOp>();
    if mixes {
        return Ok(None);
    }
    let Some(change) = node.op.change_axes(whole, node, InOut::In(0), &TO_LANES)? else { return Ok(None) };
    let everywhere = (0..node.inputs.len()).map(InOut::In).chain((0..node.outputs.len()).map(InOut::Out));
    let moves = |wire: InOut| change.wire_changes.iter().any(|(at, by)| *at == wire && *by == TO_LANES);
    let all = everywhere.into_iter().all(moves);
    Ok(all.then(|| change.substitute_op.unwrap_or_else(|| node.op.clone())))
}
