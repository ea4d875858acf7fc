//! Which operators work in lanes when their input is there.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{AxisOp, InOut};
use tract_onnx::tract_core::ops::array::{Pad, TypedConcat};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::Cast;
use tract_onnx::tract_core::ops::cnn::{Conv, Deconv, MaxPool, PaddingSpec, PoolSpec, SumPool};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::math::Div;
use tract_onnx::tract_core::ops::nn::{DataFormat, Reduce, Reducer};

use super::concat::ConcatChannels;
use super::pool::{Kind, Pool};
use super::tail::{only_reader, other};
use super::{Inserter, Place, TO_LANES, image_shape, window};
use crate::kernels::{Count, Window};

/// An operator that works in lanes.
struct Follower {
    op: Box<dyn TypedOp>,
    /// Which of its inputs are in lanes, too; the others are no images.
    in_lanes: TVec<bool>,
}

impl Inserter<'_> {
    /// Wires a node in lanes, if what it reads was computed there and it can.
    pub(super) fn follow(&mut self, node: &TypedNode) -> TractResult<bool> {
        let outputs = (0..node.outputs.len()).map(|slot| OutletId::new(node.id, slot));
        if !self.reads_lanes(node) || !outputs.clone().all(|output| self.shape(output).is_some()) {
            return Ok(false);
        }
        if node.op_is::<TypedConcat>() && node.inputs.len() == 1 {
            let place = self.places[&node.inputs[0]];
            self.places.insert(OutletId::new(node.id, 0), place);
            return Ok(true);
        }
        if self.averaged(node)? {
            return Ok(true);
        }
        let Some(Follower { op, in_lanes }) = follower(self.whole, node)? else { return Ok(false) };
        let mut pairs = node.inputs.iter().zip(&in_lanes);
        if pairs.any(|(input, in_lanes)| *in_lanes && self.shape(*input).is_none()) {
            return Ok(false);
        }
        let mut inputs = tvec![];
        for (input, in_lanes) in node.inputs.iter().zip(in_lanes) {
            inputs.push(if in_lanes { self.lanes(*input)? } else { self.planes(*input)? });
        }
        let wires = self.graph.wire_node(node.name.clone(), op, &inputs)?;
        for (output, wire) in outputs.zip(wires) {
            self.places.insert(output, Place::lanes(wire));
        }
        Ok(true)
    }

    /// Wires the mean over all pixels, which is a sum and a quotient in tract's graph; false where it is something else.
    fn averaged(&mut self, node: &TypedNode) -> TractResult<bool> {
        let whole = self.whole;
        let Some(shape) = self.shape(node.inputs[0]) else { return Ok(false) };
        let sums = node.op_as::<Reduce>().is_some_and(|op| op.axes.as_slice() == [2, 3] && op.reducer == Reducer::Sum);
        if !sums || shape[2] * shape[3] == 1 {
            return Ok(false);
        }
        let sum = OutletId::new(node.id, 0);
        let Some(quotient) = only_reader(whole, sum) else { return Ok(false) };
        let is_quotient = quotient.op_as::<TypedBinOp>().is_some_and(|op| op.0.is::<Div>());
        let by = other(quotient, sum).filter(|(_, turned)| is_quotient && !turned);
        let size = [shape[2], shape[3]];
        if by.and_then(|(by, _)| number(whole, by)) != Some((size[0] * size[1]) as f32) {
            return Ok(false);
        }
        let op = Pool { kind: Kind::Average(Count::All), window: Window::of(size), size, channels: shape[1] };
        let input = self.lanes(node.inputs[0])?;
        let outlet = self.graph.wire_node(node.name.clone(), op, &[input])?[0];
        self.fuse([node.id, quotient.id], node);
        self.places.insert(OutletId::new(quotient.id, 0), Place::lanes(outlet));
        Ok(true)
    }

    /// Whether the largest image that a node reads was computed in lanes.
    pub(super) fn reads_lanes(&self, node: &TypedNode) -> bool {
        let constant = |outlet: &OutletId| self.whole.outlet_fact(*outlet).is_ok_and(|fact| fact.konst.is_some());
        let size = |outlet: &OutletId| self.shape(*outlet).map_or(0, |shape| shape.iter().product::<usize>());
        let largest = node.inputs.iter().filter(|input| !constant(input)).max_by_key(|input| size(input));
        largest.and_then(|input| self.places.get(input)).is_some_and(|place| place.in_lanes)
    }
}

/// The value of a constant that is one number, also behind what casts and reshapes it.
fn number(graph: &TypedModel, outlet: OutletId) -> Option<f32> {
    if let Some(value) = &graph.outlet_fact(outlet).ok()?.konst {
        return if value.len() == 1 { value.cast_to_scalar::<f32>().ok() } else { None };
    }
    let node = graph.node(outlet.node);
    let same = node.op_is::<Cast>() || node.op_is::<AxisOp>();
    if same { number(graph, *node.inputs.first()?) } else { None }
}

/// The operator for values in lanes, if there is one.
fn follower(whole: &TypedModel, node: &TypedNode) -> TractResult<Option<Follower>> {
    let all = |op: Box<dyn TypedOp>| Some(Follower { op, in_lanes: tvec![true; node.inputs.len()] });
    let last = |spec: &PoolSpec| match spec.data_format {
        DataFormat::NCHW => Some(PoolSpec { data_format: DataFormat::NHWC, ..spec.clone() }),
        _ => None,
    };
    let shape = image_shape(whole, node.inputs[0]);
    let pool = |spec: &PoolSpec, kind: Kind| {
        let shape = shape.as_ref().filter(|_| spec.data_format == DataFormat::NCHW)?;
        let (size, channels) = ([shape[2], shape[3]], shape[1]);
        all(Box::new(Pool { kind, window: window(spec, size)?, size, channels }))
    };
    if let Some(op) = node.op_as::<MaxPool>() {
        return Ok(if op.with_index_outputs.is_some() { None } else { pool(&op.pool_spec, Kind::Max) });
    }
    if let Some(op) = node.op_as::<TypedConcat>() {
        let shapes: Option<TVec<_>> = node.inputs.iter().map(|input| image_shape(whole, *input)).collect();
        let Some(shapes) = shapes.filter(|_| op.axis == 1) else { return Ok(None) };
        let (size, channels) = ([shapes[0][2], shapes[0][3]], shapes.iter().map(|shape| shape[1]).collect());
        return Ok(all(Box::new(ConcatChannels { size, channels })));
    }
    if let Some(op) = node.op_as::<SumPool>() {
        // What lies beyond the padding, where the last window is cut off, is not counted by tract.
        let whole_windows = !matches!(op.pool_spec.padding, PaddingSpec::ExplicitOnnxPool(_, _, true));
        if op.normalize && (whole_windows || !op.count_include_pad) {
            let count = if op.count_include_pad { Count::All } else { Count::Inside };
            return Ok(pool(&op.pool_spec, Kind::Average(count)));
        }
        return Ok(last(&op.pool_spec).and_then(|pool_spec| all(Box::new(SumPool { pool_spec, ..op.clone() }))));
    }
    if let Some(op) = node.op_as::<Pad>() {
        let &[n, c, h, w] = op.pads.as_slice() else { return Ok(None) };
        return Ok(all(Box::new(Pad { pads: vec![n, h, w, c], mode: op.mode.clone() })));
    }
    if let Some(op) = node.op_as::<Reduce>()
        && op.axes.as_slice() == [2, 3]
        && op.reducer == Reducer::Sum
    {
        // With the axis of images, which is 1: tract adds up leading axes row by row.
        return Ok(all(Box::new(Reduce { axes: tvec![0, 1, 2], ..op.clone() })));
    }
    let mixes = node.op_is::<Conv>() || node.op_is::<Deconv>() || node.op_is::<EinSum>() || node.op_is::<AxisOp>();
    if mixes {
        return Ok(None);
    }
    // Tables of places and kernels come later among the inputs, or first.
    for slot in 0..node.inputs.len() {
        let Some(change) = node.op.change_axes(whole, node, InOut::In(slot), &TO_LANES)? else { continue };
        let moves = |wire: InOut| change.wire_changes.iter().any(|(at, by)| *at == wire && *by == TO_LANES);
        let in_lanes: TVec<bool> = (0..node.inputs.len()).map(|slot| moves(InOut::In(slot))).collect();
        let outputs = (0..node.outputs.len()).all(|slot| moves(InOut::Out(slot)));
        let others = change.wire_changes.iter().any(|(_, by)| *by != TO_LANES);
        if in_lanes[slot] && outputs && !others {
            return Ok(Some(Follower { op: change.substitute_op.unwrap_or_else(|| node.op.clone()), in_lanes }));
        }
    }
    Ok(None)
}
