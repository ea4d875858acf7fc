//! Values that lie in another one's memory: what cutting, joining and moving axes, and picking a part of one, come to.

use std::ops::Range;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::AxisOp;
use tract_onnx::tract_core::ops::array::{Gather, Slice};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::math::Mul;

use super::linear::concrete;
use super::tail::{other, scalar};

/// A value in the memory of `source`, times a factor.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct View {
    pub(super) source: OutletId,
    pub(super) first: usize,
    pub(super) axes: TVec<Axis>,
    pub(super) factor: f32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Axis {
    pub(super) length: usize,
    /// From one number to the next.
    pub(super) step: usize,
}

/// Axes of a value by itself.
pub(super) fn contiguous(shape: &[usize]) -> TVec<Axis> {
    let step = |axis: usize| shape[axis + 1..].iter().product();
    shape.iter().enumerate().map(|(axis, length)| Axis { length: *length, step: step(axis) }).collect()
}

impl View {
    /// The value as a view of the farthest one that `is_there`.
    pub(super) fn of(graph: &TypedModel, outlet: OutletId, is_there: &dyn Fn(OutletId) -> bool) -> TractResult<View> {
        let before = Self::before(graph, outlet, is_there)?;
        let own = || -> TractResult<View> {
            Ok(View { source: outlet, first: 0, axes: contiguous(&concrete(graph, outlet)?), factor: 1.0 })
        };
        before.map_or_else(own, Ok)
    }

    /// The view that the value's node makes of what it reads, if it makes one.
    fn before(graph: &TypedModel, outlet: OutletId, is_there: &dyn Fn(OutletId) -> bool) -> TractResult<Option<View>> {
        let node = graph.node(outlet.node);
        let read = |input: OutletId| is_there(input).then(|| View::of(graph, input, is_there)).transpose();
        if let Some(op) = node.op_as::<AxisOp>() {
            return Ok(read(node.inputs[0])?.and_then(|view| view.turned(op)));
        }
        if let Some(op) = node.op_as::<Gather>() {
            let Some(at) = scalar_index(graph, node.inputs[1]) else { return Ok(None) };
            return Ok(read(node.inputs[0])?.and_then(|view| view.picked(op.axis, at)));
        }
        if let Some(op) = node.op_as::<Slice>() {
            let Some((start, end)) = op.start.as_i64().zip(op.end.as_i64()) else { return Ok(None) };
            let (Ok(start), Ok(end)) = (usize::try_from(start), usize::try_from(end)) else { return Ok(None) };
            return Ok(read(node.inputs[0])?.and_then(|view| view.cut(op.axis, start..end)));
        }
        let is_product = node.op_as::<TypedBinOp>().is_some_and(|op| op.0.is::<Mul>());
        let factor = |input: &OutletId| scalar(graph, other(node, *input)?.0);
        let Some((input, factor)) = node.inputs.iter().find_map(|input| Some((*input, factor(input)?))) else {
            return Ok(None);
        };
        let same = is_product && graph.outlet_fact(input)?.shape == graph.outlet_fact(outlet)?.shape;
        let view = if same { read(input)? } else { None };
        Ok(view.map(|view| View { factor: view.factor * factor, ..view }))
    }

    fn turned(mut self, op: &AxisOp) -> Option<View> {
        match op {
            AxisOp::Add(at) => self.axes.insert(*at, Axis { length: 1, step: 0 }),
            AxisOp::Rm(at) => {
                self.axes.remove(*at);
            }
            AxisOp::Move(from, to) => {
                let axis = self.axes.remove(*from);
                self.axes.insert(*to, axis);
            }
            AxisOp::Reshape(at, from, to) => {
                let joined = self.axes.drain(*at..at + from.len()).reduce(|outer, inner| match (outer, inner) {
                    (outer, Axis { length: 1, .. }) => outer,
                    (Axis { length: 1, .. }, inner) => inner,
                    (outer, inner) if outer.step == inner.length * inner.step => {
                        Axis { length: outer.length * inner.length, step: inner.step }
                    }
                    // Not one axis.
                    _ => Axis { length: 0, step: 0 },
                })?;
                let to: TVec<usize> = to.iter().map(|side| side.as_i64()?.try_into().ok()).collect::<Option<_>>()?;
                if joined.length != to.iter().product::<usize>() {
                    return None;
                }
                let parts = contiguous(&to).into_iter().map(|axis| Axis { step: axis.step * joined.step, ..axis });
                for (offset, part) in parts.enumerate() {
                    self.axes.insert(at + offset, part);
                }
            }
        }
        Some(self)
    }

    fn cut(mut self, axis: usize, range: Range<usize>) -> Option<View> {
        let Axis { length, step } = self.axes[axis];
        self.first += range.start * step;
        self.axes[axis].length = range.len();
        (range.end <= length).then_some(self)
    }

    fn picked(mut self, axis: usize, at: usize) -> Option<View> {
        let Axis { length, step } = self.axes.remove(axis);
        self.first += at * step;
        (at < length).then_some(self)
    }
}

/// The only index of a constant without axes.
fn scalar_index(graph: &TypedModel, outlet: OutletId) -> Option<usize> {
    let value = graph.outlet_fact(outlet).ok()?.konst.clone().filter(|value| value.rank() == 0)?;
    usize::try_from(value.cast_to_scalar::<i64>().ok()?).ok()
}
