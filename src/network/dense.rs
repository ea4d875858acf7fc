//! Dense layers on one image: a constant matrix times a vector.
//!
//! tract packs a matrix for its kernels, in a copy for each plan and each direction; where a constant has several readers
//! it even packs at every run. For a vector, packing gains nothing: each weight is read once. So these products read the
//! weights where they lie, shared by all plans, which is half a gigabyte for each plan of a VGG-16. Backwards, most of a
//! vector is often zero (one target, or behind a ReLU), and zeros are skipped.

use std::sync::Arc;

use rayon::prelude::*;
use tract_linalg::multithread::Executor;
use tract_onnx::tract_core::internal::{
    Datum, DatumExt, DatumType, EvalContext, EvalOp, IntoTValue, Op, StaticName, TValue, TVec, Tensor, TractResult,
    TypedFact, TypedModel, TypedModelPatch, TypedNode, TypedOp, args_1, as_op, op_as_typed_op, op_out_of_plan, tvec,
};
use tract_onnx::tract_core::ops::einsum::EinSum;

use super::threads::threads;
use crate::kernels::{dot_products, sum_of_rows};

/// How many weights make a second thread worth its while.
const PARALLEL_FROM: usize = 1 << 18;

/// Pieces of a product for threads are a multiple of this, so that its numbers do not depend on where they are cut.
const GRAIN: usize = 16;

/// The product of a constant matrix and the vector that is its input.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Dense {
    /// `rows * columns` numbers, row after row; of any shape.
    weights: Arc<Tensor>,
    rows: usize,
    columns: usize,
    /// Whether the vector has one number for each row, and the product one for each column.
    transposed: bool,
    /// The shape of the product.
    shape: TVec<usize>,
}

impl Dense {
    fn multiply(&self, vector: &[f32], product: &mut [f32]) -> TractResult<()> {
        let weights = self.weights.try_as_plain_ram()?;
        let weights = weights.as_slice::<f32>()?;
        let chunks = threads(weights.len(), PARALLEL_FROM);
        let share = product.len().div_ceil(chunks.count).next_multiple_of(GRAIN).max(GRAIN);
        let work = |(chunk, product): (usize, &mut [f32])| {
            if self.transposed {
                sum_of_rows(weights, self.columns, chunk * share, vector, product);
            } else {
                dot_products(&weights[chunk * share * self.columns..], self.columns, vector, product);
            }
        };
        match chunks.executor {
            _ if chunks.count == 1 => work((0, product)),
            Executor::MultiThread(pool) => pool.install(|| product.par_chunks_mut(share).enumerate().for_each(work)),
            _ => product.chunks_mut(share).enumerate().for_each(work),
        }
        Ok(())
    }
}

impl Op for Dense {
    fn name(&self) -> StaticName {
        "Dense".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Dense {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let vector = args_1!(inputs);
        let mut product = Tensor::zero::<f32>(&self.shape)?;
        self.multiply(
            vector.try_as_plain_ram()?.as_slice::<f32>()?,
            product.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?,
        )?;
        Ok(tvec![product.into_tvalue()])
    }
}

impl TypedOp for Dense {
    fn output_facts(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec![f32::fact(&self.shape)])
    }

    as_op!();
}

/// Replaces every product of a constant matrix and a vector.
pub(super) fn read_in_place(graph: &mut TypedModel) -> TractResult<()> {
    for id in graph.eval_order()? {
        let node = graph.node(id);
        let Some((slot, dense)) = node.op_as::<EinSum>().and_then(|product| dense(graph, node, product)) else {
            continue;
        };
        let patch = TypedModelPatch::replace_single_op(graph, node, &[node.inputs[slot]], dense)?;
        patch.apply(graph)?;
    }
    Ok(())
}

/// The product as [`Dense`], and which of its inputs is the vector; none where it is another kind of product.
fn dense(graph: &TypedModel, node: &TypedNode, product: &EinSum) -> Option<(usize, Dense)> {
    let [first, second] = *node.inputs.as_slice() else { return None };
    let constant = |outlet| graph.outlet_fact(outlet).ok()?.konst.clone();
    let (matrix, vector, weights) = match (constant(first), constant(second)) {
        (Some(weights), None) => (0, 1, weights),
        (None, Some(weights)) => (1, 0, weights),
        _ => return None,
    };
    let shape: TVec<usize> = node.outputs[0].fact.shape.as_concrete()?.into();
    let vector_shape = graph.outlet_fact(node.inputs[vector]).ok()?.shape.as_concrete()?;
    let is_float = |kind: DatumType| kind == f32::datum_type();
    if !is_float(product.operating_dt) || !is_float(weights.datum_type()) || product.q_params.is_some() {
        return None;
    }
    // Of each tensor, the letters of the axes that are longer than 1.
    let (inputs, outputs) = product.axes.to_strs();
    let long = |letters: &str, shape: &[usize]| -> Vec<char> {
        letters.chars().zip(shape).filter(|(_, length)| **length != 1).map(|(letter, _)| letter).collect()
    };
    let (of_matrix, of_vector) = (long(&inputs[matrix], weights.shape()), long(&inputs[vector], vector_shape));
    let of_product = long(&outputs[0], &shape);
    let transposed = match (of_matrix.as_slice(), of_vector.as_slice(), of_product.as_slice()) {
        (&[row, column], &[k], &[n]) if row != column && (row, column) == (n, k) => false,
        (&[row, column], &[k], &[n]) if row != column && (row, column) == (k, n) => true,
        _ => return None,
    };
    let mut long_sides = weights.shape().iter().copied().filter(|length| *length != 1);
    let (rows, columns) = (long_sides.next()?, long_sides.next()?);
    Some((vector, Dense { weights, rows, columns, transposed, shape }))
}

#[cfg(test)]
mod tests {
    use tract_onnx::prelude::*;
    use tract_onnx::tract_core::internal::{Approximation, AxesMapping};

    use super::*;
    use crate::network::with_threads;

    /// A graph with one product of a constant and an input, of these letters.
    fn graph(letters: &str, constant: &[usize], input: &[usize]) -> TypedModel {
        let mut graph = TypedModel::default();
        let wave =
            |count: usize| -> Vec<f32> { (0..count).map(|i| ((i * 37 + 11) % 101) as f32 / 50.0 - 1.0).collect() };
        let weights = Tensor::from_shape(constant, &wave(constant.iter().product())).unwrap();
        let input = graph.add_source("input", f32::fact(input)).unwrap();
        let weights = graph.add_const("weights", weights).unwrap();
        let product = EinSum::new(letters.parse::<AxesMapping>().unwrap(), f32::datum_type());
        let output = graph.wire_node("product", product, &[input, weights]).unwrap();
        graph.select_output_outlets(&output).unwrap();
        graph
    }

    #[test]
    fn products_with_a_vector_stay_the_same_in_either_direction_with_any_number_of_threads() {
        let cases: [(&str, &[usize], &[usize], bool); 6] = [
            ("mk,nk->mn", &[37, 53], &[1, 53], true),
            ("mk,kn->mn", &[53, 37], &[1, 53], true),
            ("abmk,kn->abmn", &[600, 500], &[1, 1, 1, 600], true),
            ("mk,nk->mn", &[600, 500], &[1, 500], true),
            ("mk,nk->mn", &[37, 53], &[2, 53], false),
            ("mk,kn->m", &[53, 37], &[1, 53], false),
        ];
        for (letters, constant, input, replaced) in cases {
            let original = graph(letters, constant, input);
            let mut dense = original.clone();
            read_in_place(&mut dense).unwrap();
            assert_eq!(dense.nodes().iter().any(TypedNode::op_is::<Dense>), replaced, "{letters}");
            let mut values: Vec<f32> = (0..input.iter().product()).map(|i| (i % 7) as f32 - 3.0).collect();
            values[0] = f32::MIN_POSITIVE;
            let value = Tensor::from_shape(input, &values).unwrap();
            let run = |graph: &TypedModel| {
                graph.clone().into_runnable().unwrap().run(tvec![value.clone().into_tvalue()]).unwrap().remove(0)
            };
            let expected = run(&original);
            for threads in [1, 3] {
                let product = with_threads(threads, || run(&dense));
                product.close_enough(&expected, Approximation::Approximate).unwrap();
            }
        }
    }

    #[test]
    fn what_is_not_a_number_is_not_lost_among_the_zeros() {
        let mut graph = graph("mk,kn->mn", &[4, 3], &[1, 4]);
        read_in_place(&mut graph).unwrap();
        let input = Tensor::from_shape(&[1, 4], &[0.0, f32::NAN, 0.0, 0.0]).unwrap();
        let output = graph.into_runnable().unwrap().run(tvec![input.into_tvalue()]).unwrap();
        assert!(output[0].try_as_plain_ram().unwrap().as_slice::<f32>().unwrap().iter().all(|v| v.is_nan()));
    }
}
