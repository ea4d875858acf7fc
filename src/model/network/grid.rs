//! Where the image's rows and columns are in each tensor of a network.
//!
//! Shapes alone do not tell: `[1, 24, 49, 49]` may be 24 channels of 49 x 49 or the attention among 49 tokens. So the
//! two axes are followed through the graph, from the input and from every convolution, through moves and reshapes.
//! Where they are lost (a window partition, a flattened head), a layer has no grid, and no map can be made of it.

use std::collections::{HashMap, HashSet};

use ndarray::ArrayD;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::DimLike;
use tract_onnx::tract_core::ops::array::{Gather, Pad, Slice, StridedSlice, TypedConcat};
use tract_onnx::tract_core::ops::change_axes::{AxisOp, InOut};
use tract_onnx::tract_core::ops::cnn::{Conv, Deconv, MaxPool, PoolSpec, SumPool};
use tract_onnx::tract_core::ops::downsample::Downsample;
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::nn::{DataFormat, Reduce, Softmax};

/// The place of the image's rows and columns among a tensor's axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grid {
    /// Two axes of their own.
    Split {
        /// Axis of the rows.
        row: usize,
        /// Axis of the columns.
        column: usize,
    },
    /// One axis, row after row: a transformer's tokens.
    Tokens {
        /// Axis of the tokens.
        axis: usize,
        /// Tokens before the first patch.
        prefix: usize,
        /// Rows of patches.
        rows: usize,
        /// Columns of patches.
        columns: usize,
    },
}

/// The grid of every outlet that has one.
pub(super) type Grids = HashMap<OutletId, Grid>;

/// Follows rows and columns from the input through the graph.
pub(super) fn grids(model: &TypedModel, input: OutletId, order: &[usize]) -> TractResult<Grids> {
    let mut grids = Grids::new();
    if let Some(&[_, first, _, last]) = model.outlet_fact(input)?.shape.as_concrete() {
        let last_is_channels = last < first && last <= 4;
        let row = if last_is_channels { 1 } else { 2 };
        grids.insert(input, Grid::Split { row, column: row + 1 });
    }
    for &id in order {
        let node = model.node(id);
        let grid = through(model, node, &grids);
        if let Some(grid) = grid.filter(|grid| fits(*grid, &shape(model, OutletId::new(id, 0)))) {
            for slot in 0..node.outputs.len() {
                grids.insert(OutletId::new(id, slot), grid);
            }
        }
    }
    Ok(grids)
}

/// The edges through which a patch of the image influences the output.
///
/// The last block of a transformer that reads only its class token still has patch tokens in every tensor, but none of
/// them matter: their gradient is zero. Edges of tensors without a token grid always count.
pub(super) fn edges_that_matter(model: &TypedModel, order: &[usize], grids: &Grids) -> HashSet<InletId> {
    let mut edges = HashSet::new();
    let mut matters: HashSet<OutletId> = model.outputs.iter().copied().collect();
    for &id in order.iter().rev() {
        let node = model.node(id);
        let output = OutletId::new(id, 0);
        for (slot, input) in node.inputs.iter().enumerate() {
            let used = match grids.get(input) {
                Some(grid @ Grid::Tokens { .. }) if reads_prefix_only(model, node, *grid) => false,
                Some(grid @ Grid::Tokens { .. }) => {
                    let token_by_token =
                        through_one(model, node, slot, *grid).is_some_and(|to| grids.get(&output) == Some(&to));
                    !token_by_token || matters.contains(&output)
                }
                _ => true,
            };
            if used {
                edges.insert(InletId::new(id, slot));
                matters.insert(*input);
            }
        }
    }
    edges
}

/// Whether a node picks the class token (or another before the patches) and nothing else.
fn reads_prefix_only(model: &TypedModel, node: &TypedNode, grid: Grid) -> bool {
    let Grid::Tokens { axis, prefix, .. } = grid else { return false };
    if let Some(slice) = node.op_as::<Slice>() {
        return slice.axis == axis && slice.end.to_usize().is_ok_and(|end| end <= prefix);
    }
    let Some(gather) = node.op_as::<Gather>() else { return false };
    let indices = constant(model, node.inputs[1]);
    gather.axis == axis && indices.is_some_and(|indices| indices.iter().all(|i| (0..prefix as i64).contains(i)))
}

/// Rows and columns of a tensor of this shape.
pub(super) fn extent(grid: Grid, shape: &[usize]) -> (usize, usize) {
    match grid {
        Grid::Split { row, column } => (shape[row], shape[column]),
        Grid::Tokens { rows, columns, .. } => (rows, columns),
    }
}

fn shape(model: &TypedModel, outlet: OutletId) -> TVec<usize> {
    let fact = model.outlet_fact(outlet).ok();
    fact.and_then(|fact| fact.shape.as_concrete().map(TVec::from)).unwrap_or_default()
}

fn fits(grid: Grid, shape: &[usize]) -> bool {
    match grid {
        Grid::Split { row, column } => row < shape.len() && column < shape.len(),
        Grid::Tokens { axis, prefix, rows, columns } => axis < shape.len() && shape[axis] >= prefix + rows * columns,
    }
}

/// The grid of a node's output.
fn through(model: &TypedModel, node: &TypedNode, grids: &Grids) -> Option<Grid> {
    if let Some(spec) = window(node) {
        return Some(spatial_axes(spec.data_format));
    }
    if let Some(concat) = node.op_as::<TypedConcat>() {
        return through_concat(model, node, concat.axis, grids);
    }
    let mut tracked = node.inputs.iter().enumerate().filter_map(|(slot, input)| Some((slot, *grids.get(input)?)));
    tracked.find_map(|(slot, grid)| through_one(model, node, slot, grid))
}

/// The window of a convolution or pooling operator.
fn window(node: &TypedNode) -> Option<&PoolSpec> {
    let conv = node.op_as::<Conv>().map(|op| &op.pool_spec);
    let max = node.op_as::<MaxPool>().map(|op| &op.pool_spec);
    let sum = node.op_as::<SumPool>().map(|op| &op.pool_spec);
    let deconv = node.op_as::<Deconv>().map(|op| &op.pool_spec);
    conv.or(max).or(sum).or(deconv).filter(|spec| spec.kernel_shape.len() == 2)
}

/// Whether a pooling operator has a window of one pixel: what an adaptive pooling becomes at its own size.
pub(super) fn is_identity_window(node: &TypedNode) -> bool {
    let one = |spec: &PoolSpec| {
        spec.kernel_shape.iter().all(|side| *side == 1) && spec.strides.iter().flatten().all(|step| *step == 1)
    };
    !node.op_is::<Conv>() && !node.op_is::<Deconv>() && window(node).is_some_and(one)
}

fn spatial_axes(format: DataFormat) -> Grid {
    let row = match format {
        DataFormat::NCHW => 2,
        DataFormat::NHWC | DataFormat::CHW => 1,
        DataFormat::HWC => 0,
    };
    Grid::Split { row, column: row + 1 }
}

/// A class token set before the patches becomes a prefix.
fn through_concat(model: &TypedModel, node: &TypedNode, axis: usize, grids: &Grids) -> Option<Grid> {
    let first = node.inputs.iter().position(|input| grids.contains_key(input))?;
    let grid = grids[&node.inputs[first]];
    let before: usize =
        node.inputs[..first].iter().map(|input| shape(model, *input).get(axis).copied().unwrap_or(0)).sum();
    match grid {
        Grid::Tokens { axis: tokens, prefix, rows, columns } if tokens == axis => {
            Some(Grid::Tokens { axis, prefix: prefix + before, rows, columns })
        }
        Grid::Split { row, column } if row == axis || column == axis => None,
        grid => Some(grid),
    }
}

/// Where the grid of input `slot` lies in the output of `node`, if its positions are still those of the image.
fn through_one(model: &TypedModel, node: &TypedNode, slot: usize, grid: Grid) -> Option<Grid> {
    let before = shape(model, node.inputs[slot]);
    let after = shape(model, OutletId::new(node.id, 0));
    if let Some(op) = node.op_as::<AxisOp>() {
        return through_axes(op, grid, &before);
    }
    if let Some(op) = node.op_as::<EinSum>() {
        return moved(grid, |axis| op.axes.axis((InOut::In(slot), axis)).ok()?.outputs[0].first().copied());
    }
    if let Some(op) = node.op_as::<Slice>() {
        return through_slice(op, grid, before[op.axis]);
    }
    if let Some(op) = node.op_as::<Gather>() {
        return (slot == 0 && before.len() == after.len() && !axes(grid).contains(&op.axis)).then_some(grid);
    }
    if let Some(op) = node.op_as::<Softmax>()
        && axes(grid).iter().any(|axis| op.axes.contains(axis))
    {
        return None;
    }
    if let Some(op) = node.op_as::<Reduce>()
        && axes(grid).iter().any(|axis| op.axes.contains(axis))
    {
        return None;
    }
    let resizes = node.op_is::<Pad>() || node.op_is::<Downsample>() || takes_every_nth(model, node);
    let keeps = before.len() == after.len() && axes(grid).iter().all(|&axis| resizes || before[axis] == after[axis]);
    let is_split = matches!(grid, Grid::Split { .. });
    (keeps && (is_split || !resizes)).then_some(grid)
}

/// Whether a node keeps one row or column of every few, as a merge of patches does.
fn takes_every_nth(model: &TypedModel, node: &TypedNode) -> bool {
    let steps = node.op_as::<StridedSlice>().and_then(|op| op.optional_steps_input);
    let steps = steps.and_then(|slot| constant(model, node.inputs[slot]));
    steps.is_some_and(|steps| steps.iter().all(|step| *step > 1))
}

fn constant(model: &TypedModel, outlet: OutletId) -> Option<ArrayD<i64>> {
    let value = model.outlet_fact(outlet).ok()?.konst.clone()?;
    value.cast_to::<i64>().ok()?.into_owned().into_plain_array().ok()
}

fn through_slice(op: &Slice, grid: Grid, length: usize) -> Option<Grid> {
    let (start, end) = (op.start.to_usize().ok()?, op.end.to_usize().ok()?);
    match grid {
        grid if (start, end) == (0, length) => Some(grid),
        Grid::Tokens { axis, prefix, rows, columns } if axis == op.axis => {
            let whole = start <= prefix && end >= prefix + rows * columns;
            whole.then(|| Grid::Tokens { axis, prefix: prefix - start, rows, columns })
        }
        // A crop, or one half of a cyclic shift: its positions are no longer those of the image.
        Grid::Split { row, column } if row == op.axis || column == op.axis => None,
        grid => Some(grid),
    }
}

fn through_axes(op: &AxisOp, grid: Grid, before: &[usize]) -> Option<Grid> {
    match op {
        AxisOp::Add(at) => moved(grid, |axis| Some(axis + usize::from(axis >= *at))),
        AxisOp::Rm(at) => moved(grid, |axis| if axis == *at { None } else { Some(axis - usize::from(axis > *at)) }),
        AxisOp::Move(from, to) => moved(grid, |axis| {
            Some(match axis {
                axis if axis == *from => *to,
                axis if *from < axis && axis <= *to => axis - 1,
                axis if *to <= axis && axis < *from => axis + 1,
                axis => axis,
            })
        }),
        AxisOp::Reshape(at, from, to) => {
            let concrete = |dims: &[TDim]| dims.iter().map(|dim| dim.to_usize().ok()).collect::<Option<Vec<_>>>();
            through_reshape(grid, before, *at, &concrete(from)?, &concrete(to)?)
        }
    }
}

/// A reshape keeps the grid where it leaves its axes alone, joins exactly rows and columns, or splits them again.
fn through_reshape(grid: Grid, before: &[usize], at: usize, from: &[usize], to: &[usize]) -> Option<Grid> {
    let head = from.iter().zip(to).take_while(|(a, b)| a == b).count();
    let (at, from, to) = (at + head, &from[head..], &to[head..]);
    let tail = from.iter().rev().zip(to.iter().rev()).take_while(|(a, b)| a == b).count();
    let (from, to) = (&from[..from.len() - tail], &to[..to.len() - tail]);
    match grid {
        Grid::Split { row, column }
            if column == row + 1 && from.len() >= 2 && row >= at && column < at + from.len() =>
        {
            let (rows, columns) = (before[row], before[column]);
            let others = |dims: &[usize]| dims.iter().copied().filter(|dim| *dim != 1).collect::<Vec<_>>();
            let joined = to.iter().position(|dim| *dim == rows * columns)?;
            (others(from) == others(&[rows, columns]) && others(to) == [rows * columns]).then_some(Grid::Tokens {
                axis: at + joined,
                prefix: 0,
                rows,
                columns,
            })
        }
        Grid::Tokens { axis, prefix: 0, rows, columns }
            if from == [rows * columns] && axis == at && to == [rows, columns] =>
        {
            Some(Grid::Split { row: at, column: at + 1 })
        }
        grid => moved(grid, |axis| match axis {
            axis if axis < at => Some(axis),
            axis if axis >= at + from.len() => Some(axis + to.len() - from.len()),
            _ => None,
        }),
    }
}

fn axes(grid: Grid) -> TVec<usize> {
    match grid {
        Grid::Split { row, column } => tvec![row, column],
        Grid::Tokens { axis, .. } => tvec![axis],
    }
}

fn moved(grid: Grid, place: impl Fn(usize) -> Option<usize>) -> Option<Grid> {
    Some(match grid {
        Grid::Split { row, column } => Grid::Split { row: place(row)?, column: place(column)? },
        Grid::Tokens { axis, prefix, rows, columns } => Grid::Tokens { axis: place(axis)?, prefix, rows, columns },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: Grid = Grid::Split { row: 2, column: 3 };

    fn tokens(axis: usize) -> Grid {
        Grid::Tokens { axis, prefix: 0, rows: 6, columns: 8 }
    }

    fn split(row: usize) -> Grid {
        Grid::Split { row, column: row + 1 }
    }

    #[test]
    fn reshapes_keep_join_split_or_lose_the_grid() {
        let reshape =
            |grid, before: &[usize], at, from: &[usize], to: &[usize]| through_reshape(grid, before, at, from, to);
        let joined = tokens(2);
        assert_eq!(reshape(IMAGE, &[1, 10, 6, 8], 2, &[6, 8], &[48]), Some(tokens(2)), "an embedding's patches");
        assert_eq!(
            reshape(IMAGE, &[1, 10, 6, 8], 1, &[10, 6, 8], &[10, 48]),
            Some(tokens(2)),
            "the same, said at length"
        );
        assert_eq!(reshape(joined, &[1, 10, 48], 2, &[48], &[6, 8]), Some(split(2)), "and back");
        assert_eq!(reshape(joined, &[1, 10, 48], 2, &[48], &[8, 6]), None, "but not as another picture");
        assert_eq!(reshape(IMAGE, &[1, 10, 6, 8], 1, &[10], &[2, 5]), Some(split(3)), "a shuffle of channels");
        assert_eq!(reshape(IMAGE, &[1, 10, 6, 8], 1, &[10, 6, 8], &[480]), None, "a flattened head");
        assert_eq!(reshape(IMAGE, &[1, 10, 6, 8], 2, &[6], &[3, 2]), None, "windows");
    }

    #[test]
    fn moves_take_the_grid_along() {
        let moved = |op| through_axes(&op, IMAGE, &[1, 10, 6, 8]);
        assert_eq!(moved(AxisOp::Move(1, 3)), Some(split(1)), "channels last");
        assert_eq!(through_axes(&AxisOp::Move(3, 1), split(1), &[1, 6, 8, 10]), Some(IMAGE), "channels first");
        assert_eq!(moved(AxisOp::Rm(0)), Some(split(1)));
        assert_eq!(moved(AxisOp::Add(0)), Some(split(3)));
        assert_eq!(moved(AxisOp::Rm(2)), None);
    }

    #[test]
    fn the_channels_of_an_input_may_come_last() {
        for (shape, row) in [([1, 3, 6, 8], 2), ([1, 6, 8, 3], 1), ([1, 1, 28, 28], 2), ([1, 28, 28, 1], 1)] {
            let mut model = TypedModel::default();
            let input = model.add_source("input", f32::fact(shape)).unwrap();
            assert_eq!(grids(&model, input, &[]).unwrap().get(&input).copied(), Some(split(row)), "{shape:?}");
        }
    }
}
