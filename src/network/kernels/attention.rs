//! Attention: two products, a softmax, and the copies that other layouts of queries, keys and values are, in one operator.

use std::cell::RefCell;
use std::ops::Range;

use rayon::prelude::*;
use tract_linalg::multithread::Executor;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{
    AxisOp, DatumExt, EvalContext, EvalOp, Op, StaticName, TDim, ToDim, as_op, op_as_typed_op, op_out_of_plan,
};
use tract_onnx::tract_core::ops::Cost;
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::math::Add;
use tract_onnx::tract_core::ops::nn::{Softmax, SoftmaxKind};

use super::super::threads::threads;
use super::linear::concrete;
use super::tail::{only_reader, other};
use super::view::{Axis, View, contiguous};
use super::{Inserter, Place};
use crate::kernels::{Head, Rows, attend};

/// How many multiply-adds make a second thread worth its while.
const PARALLEL_FROM: usize = 1 << 20;

thread_local! {
    static SCRATCH: RefCell<Vec<f32>> = RefCell::default();
}

/// What the graph computes.
struct Found {
    queries: OutletId,
    /// [.., width, keys]
    keys: OutletId,
    values: OutletId,
    /// Each constant, with axes of the scores' shape.
    biases: Vec<(Arc<Tensor>, TVec<Axis>)>,
    /// Axes of the scores: heads, then queries and keys.
    shape: TVec<usize>,
    last: OutletId,
}

impl Inserter<'_> {
    /// Wires the attention that ends with `node`, the product with the values; false where the node is something else. What
    /// comes before was wired by itself, since values may come last; nothing needs it then.
    pub(super) fn attention(&mut self, node: &TypedNode) -> TractResult<bool> {
        let Some(first) = beginning(self.whole, node) else { return Ok(false) };
        let Some(found) = find(self.whole, first) else { return Ok(false) };
        if found.last.node != node.id {
            return Ok(false);
        }
        let places = &self.places;
        let is_there = |outlet: OutletId| places.contains_key(&outlet);
        let operands = [found.queries, found.keys, found.values];
        let [Ok(queries), Ok(mut keys), Ok(values)] = operands.map(|outlet| View::of(self.whole, outlet, &is_there))
        else {
            return Ok(false);
        };
        // Keys as rows.
        let rank = keys.axes.len();
        keys.axes.swap(rank - 2, rank - 1);
        let views = [queries, keys, values];
        let in_rows = |view: &View| view.axes.len() == found.shape.len() && view.axes[rank - 1].step == 1;
        if !views.iter().all(in_rows) {
            return Ok(false);
        }
        let inputs: TVec<OutletId> = views.iter().map(|view| self.planes(view.source)).collect::<TractResult<_>>()?;
        let (answers, last, nodes) = answers(self.whole, &found)?;
        let factor = views[0].factor * views[1].factor;
        let op = Attention {
            operands: views.map(|view| Operand { first: view.first, axes: view.axes }),
            factor: factor.to_bits(),
            biases: found.biases,
            answers,
            shape: concrete(self.whole, last)?,
        };
        let outlet = self.graph.wire_node(node.name.clone(), op, &inputs)?[0];
        self.fuse(nodes.into_iter().chain([first.id]), node);
        self.places.insert(last, Place::planes(outlet));
        Ok(true)
    }
}

/// The product of queries and keys that the product with the values may come from.
fn beginning<'a>(whole: &'a TypedModel, mixed: &TypedNode) -> Option<&'a TypedNode> {
    let is_constant = |input: &OutletId| whole.outlet_fact(*input).is_ok_and(|fact| fact.konst.is_some());
    let mut node = mixed.op_as::<EinSum>().and_then(|_| mixed.inputs.first()).map(|input| whole.node(input.node))?;
    node.op_as::<Softmax>()?;
    while !node.op_is::<EinSum>() {
        let input = node.inputs.iter().find(|input| !is_constant(input))?;
        node = whole.node(input.node);
    }
    Some(node)
}

/// What lies between the product of queries and keys and that with the values, where nothing else reads what is between.
fn find(whole: &TypedModel, node: &TypedNode) -> Option<Found> {
    let out = |node: &TypedNode| OutletId::new(node.id, 0);
    let (queries, keys) = product(whole, node, None)?;
    let shape: TVec<usize> = node.outputs[0].fact.shape.as_concrete()?.into();
    let mut biases = vec![];
    let mut here = out(node);
    // Where an axis of 1 was put, for a mask.
    let mut added = None;
    let soft = loop {
        let next = only_reader(whole, here)?;
        if let Some(op) = next.op_as::<TypedBinOp>() {
            let (constant, _) = other(next, here).filter(|_| op.0.is::<Add>())?;
            let value = whole.outlet_fact(constant).ok()?.konst.clone()?;
            biases.push(bias(value, &shape, added)?);
        } else if let Some(op) = next.op_as::<AxisOp>() {
            added = match (op, added) {
                (AxisOp::Add(at), None) => Some(*at),
                (AxisOp::Rm(at), Some(was)) if *at == was => None,
                _ => return None,
            };
        } else {
            break next;
        }
        here = out(next);
    };
    let op = soft.op_as::<Softmax>()?;
    let plain = op.kind == SoftmaxKind::Softmax && op.quant_output_dt.is_none();
    let mixed = only_reader(whole, out(soft)).filter(|_| plain && added.is_none() && *op.axes == [shape.len() - 1])?;
    let (_, values) = product(whole, mixed, Some(out(soft)))?;
    Some(Found { queries, keys, values, biases, shape, last: out(mixed) })
}

/// The operands of a product of matrices, `[.., m, k]` and `[.., k, n]`, whose other axes are the same. `first` is the one on the
/// left, where it is known.
fn product(whole: &TypedModel, node: &TypedNode, first: Option<OutletId>) -> Option<(OutletId, OutletId)> {
    let op = node.op_as::<EinSum>()?;
    let &[left, right] = node.inputs.as_slice() else { return None };
    let (inputs, outputs) = op.axes.to_strs();
    let [left_letters, right_letters, letters] =
        [&inputs[0], &inputs[1], &outputs[0]].map(|letters| letters.chars().collect::<Vec<char>>());
    let rank = letters.len();
    let floats = [left, right].iter().all(|input| {
        whole.outlet_fact(*input).is_ok_and(|fact| fact.datum_type == f32::datum_type() && fact.konst.is_none())
    });
    if rank < 3 || left_letters.len() != rank || right_letters.len() != rank || !floats || op.q_params.is_some() {
        return None;
    }
    let heads = rank - 2;
    let same = left_letters[..heads] == letters[..heads] && right_letters[..heads] == letters[..heads];
    let [m, k] = [left_letters[heads], left_letters[heads + 1]];
    let chained = right_letters[heads] == k && letters[heads] == m && letters[heads + 1] == right_letters[heads + 1];
    let sides = |outlet: OutletId| -> Option<TVec<usize>> {
        Some(whole.outlet_fact(outlet).ok()?.shape.as_concrete()?[..heads].into())
    };
    let even = sides(left)? == sides(right)?;
    (same && chained && even && m != k && first.is_none_or(|first| first == left)).then_some((left, right))
}

/// A constant as it is added to scores of this shape, which had an axis of 1 `added`.
fn bias(value: Arc<Tensor>, shape: &[usize], added: Option<usize>) -> Option<(Arc<Tensor>, TVec<Axis>)> {
    let mut axes = contiguous(value.shape());
    if let Some(at) = added {
        (axes.len() == shape.len() + 1 && axes[at].length == 1).then(|| axes.remove(at))?;
    }
    let rank = shape.len();
    let whole =
        axes.len() == rank && axes[rank - 2].length == shape[rank - 2] && axes[rank - 1].length == shape[rank - 1];
    if !whole || value.datum_type() != f32::datum_type() {
        return None;
    }
    for (axis, side) in axes.iter_mut().zip(shape) {
        match axis.length {
            1 if *side > 1 => *axis = Axis { length: *side, step: 0 },
            length if length != *side => return None,
            _ => {}
        }
    }
    Some((value, axes))
}

/// How the answers lie in memory, axes as the product has them, when what moves these axes is done at once; whose value that
/// is, and which nodes are in it.
fn answers(whole: &TypedModel, found: &Found) -> TractResult<(TVec<Axis>, OutletId, Vec<usize>)> {
    let mut last = found.last;
    let mut order: TVec<usize> = (0..found.shape.len()).collect();
    let mut nodes = vec![];
    while let Some(node) = only_reader(whole, last)
        && let Some(AxisOp::Move(from, to)) = node.op_as::<AxisOp>()
        && order.len() - 1 > *from.max(to)
    {
        let axis = order.remove(*from);
        order.insert(*to, axis);
        last = OutletId::new(node.id, 0);
        nodes.push(node.id);
    }
    let moved = contiguous(&concrete(whole, last)?);
    let mut axes = moved.clone();
    for (axis, from) in moved.into_iter().zip(order) {
        axes[from] = axis;
    }
    Ok((axes, last, nodes))
}

/// Queries, keys or values: rows in a tensor of any shape.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Operand {
    first: usize,
    axes: TVec<Axis>,
}

impl Operand {
    fn rows<'a>(&self, numbers: &'a [f32], head: &[usize]) -> Rows<'a> {
        let [.., rows, width] = *self.axes.as_slice() else {
            return Rows { numbers: &[], count: 0, width: 0, step: 0 };
        };
        let first = self.first + offset(&self.axes, head);
        Rows { numbers: &numbers[first..], count: rows.length, width: width.length, step: rows.step }
    }
}

/// Where a head's numbers begin.
fn offset(axes: &[Axis], head: &[usize]) -> usize {
    axes.iter().zip(head).map(|(axis, at)| axis.step * at).sum()
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Attention {
    /// Queries, keys, values.
    operands: [Operand; 3],
    /// The bits of a float.
    factor: u32,
    biases: Vec<(Arc<Tensor>, TVec<Axis>)>,
    /// Of the result, in the order of the operands' axes.
    answers: TVec<Axis>,
    shape: TVec<usize>,
}

impl Attention {
    /// How many there are of each axis of the heads.
    fn heads(&self) -> TVec<usize> {
        let [heads @ .., _, _] = self.answers.as_slice() else { return tvec![] };
        heads.iter().map(|axis| axis.length).collect()
    }

    fn multiply_adds(&self) -> usize {
        let [queries, keys, values] = self.operands.each_ref().map(|operand| operand.axes.iter().rev());
        let sides = |mut axes: std::iter::Rev<std::slice::Iter<'_, Axis>>| {
            (axes.next().map_or(0, |axis| axis.length), axes.next().map_or(0, |axis| axis.length))
        };
        let ((width, asked), (_, known), (value_width, _)) = (sides(queries), sides(keys), sides(values));
        self.heads().iter().product::<usize>() * asked * known * (width + value_width)
    }

    fn run(&self, inputs: [&[f32]; 3], output: &mut [f32]) -> TractResult<()> {
        let biases: Vec<_> = self.biases.iter().map(|(bias, _)| bias.try_as_plain_ram()).collect::<TractResult<_>>()?;
        let biases: Vec<&[f32]> = biases.iter().map(PlainView::as_slice::<f32>).collect::<TractResult<_>>()?;
        // Threads share what the outermost axis of the result counts: heads, or queries.
        let outermost = (0..self.answers.len()).filter(|axis| self.answers[*axis].length > 1);
        let Some(cut) = outermost.max_by_key(|axis| self.answers[*axis].step) else {
            self.part(inputs, &biases, output, None);
            return Ok(());
        };
        let Axis { length, step } = self.answers[cut];
        let threads = threads(self.multiply_adds(), PARALLEL_FROM);
        let share = length.div_ceil(threads.count).max(1);
        let part = |(at, piece): (usize, &mut [f32])| {
            let from = at * share;
            self.part(inputs, &biases, piece, Some((cut, from..(from + share).min(length))));
        };
        match threads.executor {
            Executor::MultiThread(pool) if threads.count > 1 => {
                pool.install(|| output.par_chunks_mut(share * step).enumerate().for_each(part));
            }
            _ => output.chunks_mut(share * step).enumerate().for_each(part),
        }
        Ok(())
    }

    /// The answers of which an axis is in a range; `output` begins with the first of them.
    fn part(&self, inputs: [&[f32]; 3], biases: &[&[f32]], output: &mut [f32], cut: Option<(usize, Range<usize>)>) {
        let sides = self.heads();
        let rank = sides.len();
        let range = |axis: usize, length: usize| match &cut {
            Some((cut, range)) if *cut == axis => range.clone(),
            _ => 0..length,
        };
        let Some(Axis { length, step }) = self.answers.get(rank).copied() else { return };
        let asked = range(rank, length);
        let skipped = cut.as_ref().map_or(0, |(axis, range)| self.answers[*axis].step * range.start);
        SCRATCH.with_borrow_mut(|scratch| {
            for number in 0..sides.iter().product::<usize>() {
                let mut rest = number;
                let mut head: TVec<usize> = sides.iter().rev().map(|side| (rest % side, rest /= side).0).collect();
                head.reverse();
                if !head.iter().enumerate().all(|(axis, at)| range(axis, sides[axis]).contains(at)) {
                    continue;
                }
                let [queries, keys, values] =
                    [0, 1, 2].map(|operand| self.operands[operand].rows(inputs[operand], &head));
                let queries =
                    Rows { numbers: &queries.numbers[asked.start * queries.step..], count: asked.len(), ..queries };
                let own: Vec<&[f32]> = biases
                    .iter()
                    .zip(&self.biases)
                    .map(|(bias, (_, axes))| {
                        let first = offset(axes, &head) + asked.start * keys.count;
                        &bias[first..first + asked.len() * keys.count]
                    })
                    .collect();
                let first = offset(&self.answers, &head) + asked.start * step - skipped;
                let head = Head { queries, keys, values, factor: f32::from_bits(self.factor), biases: &own };
                attend(head, &mut output[first..], step, scratch);
            }
        });
    }
}

impl Op for Attention {
    fn name(&self) -> StaticName {
        "Attention".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Attention {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let mut output = Tensor::zero::<f32>(&self.shape)?;
        let plain: Vec<_> = inputs.iter().map(|input| input.try_as_plain_ram()).collect::<TractResult<_>>()?;
        if let [queries, keys, values] = plain.as_slice() {
            self.run(
                [queries.as_slice::<f32>()?, keys.as_slice::<f32>()?, values.as_slice::<f32>()?],
                output.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?,
            )?;
        }
        Ok(tvec![output.into_tvalue()])
    }
}

impl TypedOp for Attention {
    fn output_facts(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec![f32::fact(&self.shape)])
    }

    fn cost(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<(Cost, TDim)>> {
        Ok(tvec![(Cost::FMA(f32::datum_type()), self.multiply_adds().to_dim())])
    }

    as_op!();
}
