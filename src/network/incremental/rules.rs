//! Which operators can work on a tile of their input, and how.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{EvalContext, EvalOp, IntoTValue};
use tract_onnx::tract_core::ops::array::{Pad, PadMode, Slice, TypedConcat};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::Cast;
use tract_onnx::tract_core::ops::change_axes::{AxisOp, InOut};
use tract_onnx::tract_core::ops::cnn::{Conv, MaxPool, PaddingSpec, PoolSpec, SumPool};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::identity::Identity;
use tract_onnx::tract_core::ops::logic::Iff;
use tract_onnx::tract_core::ops::nn::{Reduce, Softmax};

use super::reach::Slide;

/// How a node computes a tile of its output.
pub(super) enum Step {
    /// From the same positions of its inputs.
    Aligned {
        /// What does it.
        op: Box<dyn TypedOp>,
        /// The axis of rows in its output; that of columns is the next.
        row: usize,
        /// Whether inputs that stay the same are weights, which have no grid.
        weights: bool,
    },
    /// From a window around each position of its first input, the only one that changes.
    Sliding {
        /// What does it, without padding; nothing where the tile is the output.
        op: Option<Box<dyn TypedOp>>,
        /// Windows over rows and over columns.
        slides: [Slide; 2],
        /// The number that stands for positions outside the grid.
        fill: f32,
        /// What to multiply the output with, one number a position, where that depends on the padding.
        factor: Option<Arc<Tensor>>,
    },
}

/// How `node` computes a tile of its output when the inputs of `changed` change in a part of their grid, whose rows are axis
/// `row` in each of them. None where it is not known, or where the whole output changes.
pub(super) fn step(model: &TypedModel, node: &TypedNode, changed: &[usize], row: usize) -> Option<Step> {
    let [output] = node.outputs.as_slice() else { return None };
    let shape = |outlet: OutletId| model.outlet_fact(outlet).ok()?.shape.as_concrete().map(TVec::from);
    let input = shape(node.inputs[changed[0]])?;
    if output.fact.datum_type != f32::datum_type() {
        return None;
    }
    let grid = [row, row + 1];
    let keep = |row| Some(Step::Aligned { op: node.op.clone(), row, weights: false });

    if node.op_is::<ElementWiseOp>() || node.op_is::<Cast>() || node.op_is::<Identity>() {
        return keep(row);
    }
    if node.op_is::<TypedBinOp>() || node.op_is::<Iff>() {
        let same = node.inputs.iter().all(|other| shape(*other).is_some_and(|shape| shape.len() == input.len()));
        return keep(row).filter(|_| same);
    }
    if let Some(concat) = node.op_as::<TypedConcat>() {
        return keep(row).filter(|_| !grid.contains(&concat.axis));
    }
    let only_first = changed == [0];
    if let Some(op) = node.op_as::<Slice>() {
        return keep(row).filter(|_| only_first && !grid.contains(&op.axis));
    }
    if let Some(op) = node.op_as::<Reduce>() {
        return keep(row).filter(|_| !op.axes.iter().any(|axis| grid.contains(axis)));
    }
    if let Some(op) = node.op_as::<Softmax>() {
        return keep(row).filter(|_| !op.axes.iter().any(|axis| grid.contains(axis)));
    }
    if let Some(op) = node.op_as::<AxisOp>() {
        let (op, row) = axes(op, row)?;
        return Some(Step::Aligned { op: Box::new(op), row, weights: false });
    }
    if let Some(op) = node.op_as::<EinSum>() {
        let row = product(op, changed, row)?;
        return Some(Step::Aligned { op: node.op.clone(), row, weights: true });
    }
    if !only_first {
        return None;
    }
    if let Some(op) = node.op_as::<Conv>() {
        let slides = slides(&op.pool_spec, row, &input).filter(|_| op.q_params.is_none())?;
        let op = Conv { pool_spec: without_padding(&op.pool_spec), ..op.clone() };
        return Some(Step::Sliding { op: Some(Box::new(op)), slides, fill: 0.0, factor: None });
    }
    if let Some(op) = node.op_as::<MaxPool>() {
        let slides = slides(&op.pool_spec, row, &input).filter(|_| op.with_index_outputs.is_none())?;
        let op = MaxPool { pool_spec: without_padding(&op.pool_spec), ..op.clone() };
        // As tract has it for a window without any position of the grid.
        return Some(Step::Sliding { op: Some(Box::new(op)), slides, fill: f32::MIN, factor: None });
    }
    if let Some(op) = node.op_as::<SumPool>() {
        return mean(op, row, &input);
    }
    if let Some(op) = node.op_as::<Pad>() {
        return pad(op, grid, &input);
    }
    None
}

/// A move of axes, and where it takes the rows; not where it parts rows and columns or mixes them with other axes.
fn axes(op: &AxisOp, row: usize) -> Option<(AxisOp, usize)> {
    let at = |axis: usize| -> Option<usize> {
        match op {
            AxisOp::Add(at) => Some(axis + usize::from(axis >= *at)),
            AxisOp::Rm(at) => (axis != *at).then(|| axis - usize::from(axis > *at)),
            AxisOp::Move(from, to) => Some(match axis {
                axis if axis == *from => *to,
                axis if *from < axis && axis <= *to => axis - 1,
                axis if *to <= axis && axis < *from => axis + 1,
                axis => axis,
            }),
            AxisOp::Reshape(..) => None,
        }
    };
    if let AxisOp::Reshape(at, from, to) = op {
        // Sides that stay the same at either end may be those of the grid, which a tile has shorter.
        let head = from.iter().zip(to).take_while(|(a, b)| a == b).count();
        let (at, from, to) = (at + head, &from[head..], &to[head..]);
        let tail = from.iter().rev().zip(to.iter().rev()).take_while(|(a, b)| a == b).count();
        let (from, to) = (&from[..from.len() - tail], &to[..to.len() - tail]);
        let row = match row {
            row if row + 1 < at => row,
            row if row >= at + from.len() => row + to.len() - from.len(),
            _ => return None,
        };
        return Some((AxisOp::Reshape(at, from.into(), to.into()), row));
    }
    let moved = at(row)?;
    (at(row + 1)? == moved + 1).then(|| (op.clone(), moved))
}

/// Where a product with constants leaves the rows, if it works position by position.
fn product(op: &EinSum, changed: &[usize], row: usize) -> Option<usize> {
    let &[slot] = changed else { return None };
    let through = |axis: usize| -> Option<usize> {
        let axis = op.axes.axis((InOut::In(slot), axis)).ok()?;
        let elsewhere = axis.inputs.iter().enumerate().any(|(other, places)| other != slot && !places.is_empty());
        match (elsewhere, axis.inputs[slot].len(), axis.outputs[0].as_slice()) {
            (false, 1, &[place]) => Some(place),
            _ => None,
        }
    };
    let moved = through(row).filter(|_| op.q_params.is_none())?;
    (through(row + 1)? == moved + 1).then_some(moved)
}

/// The windows of a convolution or pooling over an input of this shape.
fn slides(spec: &PoolSpec, row: usize, input: &[usize]) -> Option<[Slide; 2]> {
    let is_grid = spec.rank() == 2 && spec.data_format.has_n() && spec.data_format.h_axis() == row;
    if !is_grid || input.len() != 4 {
        return None;
    }
    let padding = spec.computed_padding(&input[row..row + 2]);
    let slide = |axis: usize| Slide {
        kernel: spec.kernel_shape[axis],
        dilation: spec.dilation(axis),
        stride: spec.stride(axis),
        before: padding[axis].pad_before,
        outputs: padding[axis].convoluted,
    };
    Some([slide(0), slide(1)])
}

fn without_padding(spec: &PoolSpec) -> PoolSpec {
    PoolSpec { padding: PaddingSpec::Valid, ..spec.clone() }
}

/// Average pooling. What a window's sum is divided by depends on how much of it is padding, so where there is any, tiles are
/// summed and multiplied with what the whole layer would divide by.
fn mean(op: &SumPool, row: usize, input: &[usize]) -> Option<Step> {
    let slides = slides(&op.pool_spec, row, input)?;
    let inside = slides.iter().zip(&input[row..]).all(|(slide, length)| {
        slide.before == 0 && (slide.outputs.saturating_sub(1)) * slide.stride + slide.field() <= *length
    });
    let pool_spec = without_padding(&op.pool_spec);
    if inside || !op.normalize {
        let op = SumPool { pool_spec, ..op.clone() };
        return Some(Step::Sliding { op: Some(Box::new(op)), slides, fill: 0.0, factor: None });
    }
    let one_channel = PoolSpec { input_channels: 1, output_channels: 1, ..op.pool_spec.clone() };
    let channel = if row == 1 { 3 } else { 1 };
    let mut shape: TVec<usize> = input.into();
    shape[channel] = 1;
    let ones = Tensor::from_shape(&shape, &vec![1.0_f32; shape.iter().product()]).ok()?;
    let pool = |normalize: bool| -> Option<Tensor> {
        let op = SumPool { pool_spec: one_channel.clone(), normalize, ..op.clone() };
        let outputs = op.eval(&EvalContext::out_of_plan(), tvec![ones.clone().into_tvalue()]).ok()?;
        Some(outputs.into_iter().next()?.into_tensor())
    };
    let (means, mut factor) = (pool(true)?, pool(false)?);
    let means = means.try_as_plain_ram().ok()?;
    let mut sums = factor.try_as_plain_ram_mut().ok()?;
    for (sum, mean) in sums.as_slice_mut::<f32>().ok()?.iter_mut().zip(means.as_slice::<f32>().ok()?) {
        *sum = if *sum == 0.0 { 0.0 } else { mean / *sum };
    }
    let op = SumPool { pool_spec, normalize: false, ..op.clone() };
    Some(Step::Sliding { op: Some(Box::new(op)), slides, fill: 0.0, factor: Some(Arc::new(factor)) })
}

/// Padding of the grid with a constant.
fn pad(op: &Pad, grid: [usize; 2], input: &[usize]) -> Option<Step> {
    let PadMode::Constant(value) = &op.mode else { return None };
    let others = op.pads.iter().enumerate().any(|(axis, pads)| !grid.contains(&axis) && *pads != (0, 0));
    let fill = value.cast_to_scalar::<f32>().ok().filter(|_| !others)?;
    let slides = grid.map(|axis| {
        let (before, after) = op.pads[axis];
        Slide { kernel: 1, dilation: 1, stride: 1, before, outputs: before + input[axis] + after }
    });
    Some(Step::Sliding { op: None, slides, fill, factor: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dims(sides: &[usize]) -> TVec<TDim> {
        sides.iter().map(ToDim::to_dim).collect()
    }

    #[test]
    fn reshapes_of_other_axes_are_said_without_the_grid() {
        let reshape = |at, from: &[usize], to: &[usize]| AxisOp::Reshape(at, dims(from), dims(to));
        let shuffle = axes(&reshape(1, &[8, 17, 19], &[2, 4, 17, 19]), 2);
        assert_eq!(shuffle, Some((reshape(1, &[8], &[2, 4]), 3)));
        assert_eq!(axes(&reshape(1, &[2, 4, 17, 19], &[8, 17, 19]), 3), Some((reshape(1, &[2, 4], &[8]), 2)));
        assert_eq!(axes(&reshape(2, &[6, 8], &[48]), 2), None, "tokens");
        assert_eq!(axes(&reshape(1, &[10, 6, 8], &[480]), 2), None, "a flattened head");
        assert_eq!(axes(&AxisOp::Move(1, 3), 2), Some((AxisOp::Move(1, 3), 1)), "channels last");
        assert_eq!(axes(&AxisOp::Move(2, 3), 2), None, "a transposed picture");
        assert_eq!(axes(&AxisOp::Rm(0), 2), Some((AxisOp::Rm(0), 1)));
    }

    #[test]
    fn products_over_channels_work_position_by_position() {
        let row = |letters: &str, row| {
            let op = EinSum::new(letters.parse().unwrap(), f32::datum_type());
            product(&op, &[0], row)
        };
        assert_eq!(row("nhwc,ck->nhwk", 1), Some(1));
        assert_eq!(row("nchw,kc->nkhw", 2), Some(2));
        assert_eq!(row("nchw,chwk->nk", 2), None);
        assert_eq!(row("nhwc,hc->nhwc", 1), None);
    }
}
