//! Matrix times vector, for matrices too large to keep a second copy of.

use tract_onnx::tract_core::internal::{multithread::par_chunks_mut, tract_num_traits::Float, *};

/// The product of a matrix with a vector, reading the matrix once as it lies in memory.
///
/// A fully connected layer's weights may be hundreds of megabytes. tract would pack its own copy of them for the
/// backward pass; a single image needs each weight only once, so this reads the original.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::autodiff) struct MatVec {
    /// Whether the matrix is `[K, M]`, with the vector along its first axis, rather than `[M, K]`.
    pub(in crate::autodiff) transposed: bool,
    /// The shape of the result, which has M elements.
    pub(in crate::autodiff) shape: TVec<usize>,
}

impl Op for MatVec {
    fn name(&self) -> StaticName {
        "MatVec".into()
    }

    op_as_typed_op!();
}

impl EvalOp for MatVec {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (matrix, vector) = args_2!(inputs);
        let result = dispatch_floatlike!(Self::multiply(matrix.datum_type())(self, &matrix, &vector))?;
        Ok(tvec!(result.into_tvalue()))
    }
}

impl MatVec {
    fn multiply<T: Datum + Float + std::ops::AddAssign>(
        &self,
        matrix: &Tensor,
        vector: &Tensor,
    ) -> TractResult<Tensor> {
        let mut result = Tensor::zero::<T>(&self.shape)?;
        let (matrix, vector) = (matrix.try_as_plain_ram()?, vector.try_as_plain_ram()?);
        let (matrix, vector) = (matrix.as_slice::<T>()?, vector.as_slice::<T>()?);
        let mut view = result.try_as_plain_ram_mut()?;
        let values = view.as_slice_mut::<T>()?;
        let rows = values.len();
        ensure!(matrix.len() == rows * vector.len());
        par_chunks_mut(values, 1, matrix.len(), |start, chunk| {
            if self.transposed {
                for (row, &weight) in matrix.chunks_exact(rows).zip(vector) {
                    chunk.iter_mut().zip(&row[start..]).for_each(|(sum, &value)| *sum += weight * value);
                }
            } else {
                for (sum, row) in chunk.iter_mut().zip(matrix.chunks_exact(vector.len()).skip(start)) {
                    *sum = dot(row, vector);
                }
            }
            Ok(())
        })?;
        Ok(result)
    }
}

/// Sixteen sums at a time, so that the compiler may use vector registers.
fn dot<T: Float + std::ops::AddAssign>(a: &[T], b: &[T]) -> T {
    let mut sums = [T::zero(); 16];
    let (a, b) = (a.chunks_exact(16), b.chunks_exact(16));
    let rest = a.remainder().iter().zip(b.remainder()).fold(T::zero(), |sum, (&a, &b)| sum + a * b);
    for (a, b) in a.zip(b) {
        for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.into_iter().fold(rest, |sum, part| sum + part)
}

impl TypedOp for MatVec {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        ensure!(inputs.len() == 2);
        Ok(tvec!(inputs[0].datum_type.fact(&self.shape)))
    }

    as_op!();
}
