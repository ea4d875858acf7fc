//! Where the image's rows and columns are in each tensor of a network.
//!
//! Shapes alone do not tell: `[1, 24, 49, 49]` may be 24 channels of 49 x 49 or the attention among 49 tokens. So the
//! two axes are followed through the graph, from the input and from every convolution, through moves and reshapes, digit
//! by digit (see [`super::digits`]). Where they are not whole (within windows, in a flattened head), a layer has no grid,
//! and no map can be made of it.

use std::collections::{HashMap, HashSet};

use ndarray::ArrayD;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::DimLike;
use tract_onnx::tract_core::ops::array::{FiniteReshape, Gather, Pad, Slice, StridedSlice, TypedConcat};
use tract_onnx::tract_core::ops::change_axes::{AxisOp, InOut};
use tract_onnx::tract_core::ops::cnn::{Conv, Deconv, MaxPool, PoolSpec, SumPool};
use tract_onnx::tract_core::ops::downsample::Downsample;
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::nn::{DataFormat, Reduce, Softmax};

use super::digits::Digits;
use crate::autodiff::Resample;

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

/// Where rows and columns are in every outlet in which anything of them is left.
pub(super) struct Grids(HashMap<OutletId, Digits>);

impl Grids {
    /// The grid of an outlet that has one.
    pub(super) fn get(&self, outlet: OutletId) -> Option<Grid> {
        self.0.get(&outlet).and_then(grid)
    }
}

/// The grid of a tensor: all rows and all columns, or all but their last digits, on axes of their own or on one.
fn grid(digits: &Digits) -> Option<Grid> {
    let (mut row, mut column, mut both) = (vec![], vec![], vec![]);
    for (index, axis) in digits.axes.iter().enumerate() {
        match digits.chain(&axis.digits) {
            Some((Some(_), None)) if axis.prefix == 0 => row.push(index),
            Some((None, Some(_))) if axis.prefix == 0 => column.push(index),
            Some((Some(rows), Some(columns))) => {
                both.push(Grid::Tokens { axis: index, prefix: axis.prefix, rows, columns });
            }
            _ => {}
        }
    }
    match (&row[..], &column[..], &both[..]) {
        (&[row], &[column], []) => Some(Grid::Split { row, column }),
        ([], [], &[tokens]) => Some(tokens),
        _ => None,
    }
}

/// Follows rows and columns from the input through the graph.
pub(super) fn grids(model: &TypedModel, input: OutletId, order: &[usize]) -> TractResult<Grids> {
    let mut grids = Grids(HashMap::new());
    if let Some(sides @ &[_, first, _, last]) = model.outlet_fact(input)?.shape.as_concrete() {
        let last_is_channels = last < first && last <= 4;
        let row = if last_is_channels { 1 } else { 2 };
        grids.0.insert(input, Digits::split(sides, row, row + 1));
    }
    for &id in order {
        let node = model.node(id);
        if let Some(digits) = through(model, node, &grids).filter(Digits::is_placed) {
            let sides = shape(model, OutletId::new(id, 0));
            for slot in 0..node.outputs.len() {
                let outlet = OutletId::new(id, slot);
                if shape(model, outlet) == sides {
                    grids.0.insert(outlet, digits.clone());
                }
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
            let used = match grids.get(*input) {
                Some(grid @ Grid::Tokens { .. }) if prefix_read(model, node, grid).is_some() => false,
                Some(Grid::Tokens { .. }) => {
                    let passed_on = through_one(model, node, slot, &grids.0[input]).as_ref().and_then(self::grid);
                    let token_by_token = passed_on.is_some() && passed_on == grids.get(output);
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

/// The tokens before the patches that a node picks, where it picks nothing else: the class token, say.
pub(super) fn prefix_read(model: &TypedModel, node: &TypedNode, grid: Grid) -> Option<Vec<usize>> {
    let Grid::Tokens { axis, prefix, .. } = grid else { return None };
    if let Some(slice) = node.op_as::<Slice>() {
        let (start, end) = (slice.start.to_usize().ok()?, slice.end.to_usize().ok()?);
        return (slice.axis == axis && end <= prefix).then(|| (start..end).collect());
    }
    node.op_as::<Gather>().filter(|gather| gather.axis == axis)?;
    let indices = constant(model, node.inputs[1])?;
    indices.iter().map(|index| usize::try_from(*index).ok().filter(|index| *index < prefix)).collect()
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

/// Where rows and columns are in a node's output.
fn through(model: &TypedModel, node: &TypedNode, grids: &Grids) -> Option<Digits> {
    let after = shape(model, OutletId::new(node.id, 0));
    if let Some(spec) = window(node) {
        let row = match spec.data_format {
            DataFormat::NCHW => 2,
            DataFormat::NHWC | DataFormat::CHW => 1,
            DataFormat::HWC => 0,
        };
        return (row + 1 < after.len()).then(|| Digits::split(&after, row, row + 1));
    }
    if let Some(concat) = node.op_as::<TypedConcat>() {
        return through_concat(model, node, concat.axis, grids);
    }
    let tracked = node.inputs.iter().enumerate().filter_map(|(slot, input)| Some((slot, grids.0.get(input)?)));
    let mut found: Option<Digits> = None;
    for digits in tracked.filter_map(|(slot, digits)| through_one(model, node, slot, digits)) {
        match &mut found {
            None => found = Some(digits),
            // Queries bring one axis to their product with the keys, windows another.
            Some(found) if (found.rows, found.columns) == (digits.rows, digits.columns) => {
                for (axis, other) in found.axes.iter_mut().zip(digits.axes) {
                    if !axis.is_placed() {
                        *axis = other;
                    }
                }
            }
            Some(_) => {}
        }
    }
    found
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

/// A class token set before the patches becomes a prefix.
fn through_concat(model: &TypedModel, node: &TypedNode, axis: usize, grids: &Grids) -> Option<Digits> {
    let first = node.inputs.iter().position(|input| grids.0.contains_key(input))?;
    let mut digits = grids.0[&node.inputs[first]].clone();
    let length = |input: &OutletId| shape(model, *input).get(axis).copied().unwrap_or(0);
    let before: usize = node.inputs[..first].iter().map(length).sum();
    match grid(&digits) {
        Some(Grid::Tokens { axis: tokens, .. }) if tokens == axis => {
            digits.axes[axis].prefix += before;
            Some(digits)
        }
        _ => Some(digits.without(axis, node.inputs.iter().map(length).sum())),
    }
}

/// Where the rows and columns of input `slot` are in the output of `node`, as far as its positions are still theirs.
fn through_one(model: &TypedModel, node: &TypedNode, slot: usize, digits: &Digits) -> Option<Digits> {
    let before = shape(model, node.inputs[slot]);
    let after = shape(model, OutletId::new(node.id, 0));
    let same = |axis: usize| Some(axis);
    if let Some(op) = node.op_as::<AxisOp>() {
        return through_axes(op, digits, &before, &after);
    }
    if node.op_is::<FiniteReshape>() {
        return Some(digits.reshaped(0, &before, &after));
    }
    if let Some(op) = node.op_as::<EinSum>() {
        let place = |to: usize| op.axes.axis((InOut::Out(0), to)).ok()?.inputs.get(slot)?.first().copied();
        return Some(digits.moved(&after, place, &before));
    }
    if let Some(op) = node.op_as::<Slice>() {
        return Some(through_slice(op, digits.clone(), before[op.axis]));
    }
    if let Some(op) = node.op_as::<Gather>() {
        return if slot == 0 { through_gather(model, node, op.axis, digits) } else { None };
    }
    let lost = node.op_as::<Softmax>().map(|op| &op.axes).or(node.op_as::<Reduce>().map(|op| &op.axes));
    if let Some(lost) = lost {
        return Some(lost.iter().fold(digits.clone(), |digits, axis| digits.without(*axis, after[*axis])));
    }
    if before.len() != after.len() {
        return None;
    }
    let resizes =
        node.op_is::<Pad>() || node.op_is::<Downsample>() || node.op_is::<Resample>() || takes_every_nth(model, node);
    let mut digits = digits.clone();
    for axis in (0..after.len()).filter(|axis| before[*axis] != after[*axis]) {
        let resized = if resizes { digits.clone().resized(axis, after[axis]) } else { None };
        digits = resized.unwrap_or_else(|| digits.without(axis, after[axis]));
    }
    Some(digits.moved(&after, same, &after))
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

/// What is picked along an axis keeps all others; every second row or so is still a row.
fn through_gather(model: &TypedModel, node: &TypedNode, axis: usize, digits: &Digits) -> Option<Digits> {
    let (before, after) = (shape(model, node.inputs[0]), shape(model, OutletId::new(node.id, 0)));
    let indices = constant(model, node.inputs[1]).map(|indices| indices.into_iter().collect::<Vec<_>>());
    if let Some(indices @ [first, second, ..]) = indices.as_deref()
        && after.len() == before.len()
        && digits.axes[axis].is_placed()
    {
        let (step, length) = (second - first, before[axis] as i64);
        let last = first + step * (after[axis] as i64 - 1);
        let evenly = indices.iter().zip(0..).all(|(index, at)| *index == first + step * at);
        if evenly && step > 0 && *first < step && last + step >= length {
            return digits.clone().resized(axis, after[axis]);
        }
    }
    let picked = (after.len() + 1).checked_sub(before.len())?;
    let place = |to: usize| match to {
        to if to < axis => Some(to),
        to if to >= axis + picked => Some(to + 1 - picked),
        _ => None,
    };
    Some(digits.moved(&after, place, &before))
}

fn through_slice(op: &Slice, mut digits: Digits, length: usize) -> Digits {
    let (Ok(start), Ok(end)) = (op.start.to_usize(), op.end.to_usize()) else { return digits.without(op.axis, length) };
    if (start, end) == (0, length) {
        return digits;
    }
    match grid(&digits) {
        Some(Grid::Tokens { axis, prefix, rows, columns })
            if axis == op.axis && start <= prefix && end >= prefix + rows * columns =>
        {
            digits.axes[axis].prefix -= start;
            digits
        }
        // A crop, or one half of a cyclic shift: its positions are no longer those of the image.
        _ => digits.without(op.axis, end.saturating_sub(start)),
    }
}

fn through_axes(op: &AxisOp, digits: &Digits, before: &[usize], after: &[usize]) -> Option<Digits> {
    let moved = |place: &dyn Fn(usize) -> Option<usize>| Some(digits.moved(after, place, before));
    match op {
        AxisOp::Add(at) => moved(&|to| if to == *at { None } else { Some(to - usize::from(to > *at)) }),
        AxisOp::Rm(at) => moved(&|to| Some(to + usize::from(to >= *at))),
        AxisOp::Move(from, to) => moved(&|axis| {
            Some(match axis {
                axis if axis == *to => *from,
                axis if *from <= axis && axis < *to => axis + 1,
                axis if *to < axis && axis <= *from => axis - 1,
                axis => axis,
            })
        }),
        AxisOp::Reshape(at, from, to) => {
            let concrete = |dims: &[TDim]| dims.iter().map(|dim| dim.to_usize().ok()).collect::<Option<Vec<_>>>();
            Some(digits.reshaped(*at, &concrete(from)?, &concrete(to)?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Digits {
        Digits::split(&[1, 10, 6, 8], 2, 3)
    }

    fn tokens() -> Digits {
        image().reshaped(2, &[6, 8], &[48])
    }

    const CHANNELS_FIRST: Option<Grid> = Some(Grid::Split { row: 2, column: 3 });
    const CHANNELS_LAST: Option<Grid> = Some(Grid::Split { row: 1, column: 2 });

    #[test]
    fn reshapes_keep_join_split_or_lose_the_grid() {
        let reshape = |digits: Digits, at, from: &[usize], to: &[usize]| grid(&digits.reshaped(at, from, to));
        let row_after_row = Some(Grid::Tokens { axis: 2, prefix: 0, rows: 6, columns: 8 });
        assert_eq!(reshape(image(), 2, &[6, 8], &[48]), row_after_row, "an embedding's patches");
        assert_eq!(reshape(image(), 1, &[10, 6, 8], &[10, 48]), row_after_row, "the same, said at length");
        assert_eq!(reshape(tokens(), 2, &[48], &[6, 8]), CHANNELS_FIRST, "and back");
        assert_eq!(reshape(tokens(), 2, &[48], &[8, 6]), None, "but not as another picture");
        assert_eq!(
            reshape(image(), 1, &[10], &[2, 5]),
            Some(Grid::Split { row: 3, column: 4 }),
            "a shuffle of channels"
        );
        assert_eq!(reshape(image(), 1, &[10, 6, 8], &[480]), None, "a flattened head");
        let upper = Some(Grid::Split { row: 2, column: 4 });
        assert_eq!(reshape(image(), 2, &[6], &[3, 2]), upper, "of rows in two digits the upper one");
        assert_eq!(reshape(image(), 2, &[6, 8], &[3, 16]), None, "rows that hold the end of others");
    }

    /// Rows and columns `[1, 6, 8, C]` as `[1, 3, 2, 4, 2, C]`, with the axes in another order.
    fn cut(order: &[usize]) -> Digits {
        let last = Digits::split(&[1, 6, 8, 10], 1, 2).reshaped(1, &[6, 8], &[3, 2, 4, 2]);
        let sides = [1, 3, 2, 4, 2, 10];
        let after: Vec<usize> = order.iter().map(|axis| sides[*axis]).collect();
        last.moved(&after, |to| Some(order[to]), &sides)
    }

    #[test]
    fn what_is_cut_off_the_rows_may_join_the_channels_and_come_back() {
        let merged = cut(&[0, 1, 3, 2, 4, 5]).reshaped(3, &[2, 2, 10], &[40]);
        assert_eq!(grid(&merged), CHANNELS_LAST, "a merge of patches has half the rows");
        let apart = merged.reshaped(3, &[40], &[2, 2, 10]);
        let back = apart.moved(&[1, 3, 2, 4, 2, 10], |to| Some([0, 1, 3, 2, 4, 5][to]), &[1, 3, 4, 2, 2, 10]);
        assert_eq!(grid(&back.reshaped(1, &[3, 2, 4, 2], &[6, 8])), CHANNELS_LAST);

        let windows = cut(&[0, 1, 3, 2, 4, 5]).reshaped(0, &[1, 3, 4], &[12]);
        assert_eq!(grid(&windows), Some(Grid::Tokens { axis: 0, prefix: 0, rows: 3, columns: 4 }));
        let sorted = cut(&[0, 2, 4, 1, 3, 5]).reshaped(1, &[2, 2, 3, 4], &[48]);
        assert_eq!(grid(&sorted), None, "tokens in another order");
        let pooled = sorted.reshaped(1, &[48], &[4, 12]).without(1, 1);
        let pooled = pooled.moved(&[1, 12, 10], |to| Some(to + usize::from(to > 0)), &[1, 1, 12, 10]);
        assert_eq!(
            grid(&pooled),
            Some(Grid::Tokens { axis: 1, prefix: 0, rows: 3, columns: 4 }),
            "pooled among windows"
        );
        let within = cut(&[0, 1, 3, 2, 4, 5]).without(1, 1).without(2, 1);
        assert_eq!(grid(&within), None, "the mean of all windows is no picture");
    }

    #[test]
    fn a_single_row_is_a_grid_too() {
        let strip = Digits::split(&[1, 10, 1, 8], 2, 3);
        assert_eq!(grid(&strip), CHANNELS_FIRST);
        let joined = strip.reshaped(2, &[1, 8], &[8]);
        assert_eq!(grid(&joined), Some(Grid::Tokens { axis: 2, prefix: 0, rows: 1, columns: 8 }));
        assert_eq!(grid(&joined.reshaped(2, &[8], &[1, 8])), CHANNELS_FIRST);
    }

    #[test]
    fn moves_take_the_grid_along() {
        let moved = |op: AxisOp, digits: &Digits, before: &[usize]| {
            let mut after: TVec<usize> = before.into();
            op.change_shape_array(&mut after, false).unwrap();
            through_axes(&op, digits, before, &after).as_ref().and_then(grid)
        };
        let sides = [1, 10, 6, 8];
        assert_eq!(moved(AxisOp::Move(1, 3), &image(), &sides), CHANNELS_LAST, "channels last");
        let last = Digits::split(&[1, 6, 8, 10], 1, 2);
        assert_eq!(moved(AxisOp::Move(3, 1), &last, &[1, 6, 8, 10]), CHANNELS_FIRST, "channels first");
        assert_eq!(moved(AxisOp::Rm(0), &image(), &sides), CHANNELS_LAST);
        assert_eq!(moved(AxisOp::Add(0), &image(), &sides), Some(Grid::Split { row: 3, column: 4 }));
        assert_eq!(moved(AxisOp::Move(2, 3), &image(), &sides), Some(Grid::Split { row: 3, column: 2 }));
    }

    #[test]
    fn the_channels_of_an_input_may_come_last() {
        let first = [[1, 3, 6, 8], [1, 1, 28, 28]].map(|shape| (shape, CHANNELS_FIRST));
        let last = [[1, 6, 8, 3], [1, 28, 28, 1]].map(|shape| (shape, CHANNELS_LAST));
        for (shape, expected) in [first, last].concat() {
            let mut model = TypedModel::default();
            let input = model.add_source("input", f32::fact(shape)).unwrap();
            assert_eq!(grids(&model, input, &[]).unwrap().get(input), expected, "{shape:?}");
        }
    }
}
