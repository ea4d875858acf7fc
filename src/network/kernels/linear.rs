//! Products of rows with a constant matrix: the dense layers of transformers, by the kernel for convolutions of 1x1.

use rayon::prelude::*;
use tract_linalg::multithread::Executor;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{
    DatumExt, EvalContext, EvalOp, Op, StaticName, TDim, ToDim, args_1, as_op, ensure, op_as_typed_op, op_out_of_plan,
};
use tract_onnx::tract_core::ops::Cost;
use tract_onnx::tract_core::ops::einsum::EinSum;

use super::super::threads::threads;
use super::operator::Convolution;
use super::tail::Tail;
use super::weights::Recipe;
use super::{FEWEST_CHANNELS, Inserter, Place, same_memory};
use crate::kernels::{Geometry, PackedRows, Window, to_planes};

/// From this many weights on, a second direction through a matrix reads it where it lies, rather than in a copy of its own.
const LARGE: usize = 1 << 19;

/// How many multiply-adds make a second thread worth its while.
const PARALLEL_FROM: usize = 1 << 20;

/// A product of rows and a constant matrix, as the graph has it.
struct Product {
    input: OutletId,
    weights: Arc<Tensor>,
    rows: usize,
    depth: usize,
    outputs: usize,
    /// Whether the matrix is [depth, outputs], and not [outputs, depth].
    turned: bool,
}

impl Product {
    /// Reads an `EinSum`; none where it is another kind of product.
    fn of(graph: &TypedModel, node: &TypedNode) -> Option<Product> {
        let op = node.op_as::<EinSum>()?;
        let [first, second] = *node.inputs.as_slice() else { return None };
        let constant = |outlet: OutletId| graph.outlet_fact(outlet).ok()?.konst.clone();
        let (matrix, weights) = match (constant(first), constant(second)) {
            (Some(weights), None) => (0, weights),
            (None, Some(weights)) => (1, weights),
            _ => return None,
        };
        let input = node.inputs[1 - matrix];
        let is_float = |kind: DatumType| kind == f32::datum_type();
        if !is_float(op.operating_dt) || !is_float(weights.datum_type()) || op.q_params.is_some() {
            return None;
        }
        // Of each tensor, the letters of the axes that are longer than 1, and how long they are.
        let (inputs, outputs) = op.axes.to_strs();
        let long = |letters: &str, shape: &[usize]| -> Vec<(char, usize)> {
            letters.chars().zip(shape.iter().copied()).filter(|(_, length)| *length != 1).collect()
        };
        let of_matrix = long(&inputs[matrix], weights.shape());
        let of_input = long(&inputs[1 - matrix], graph.outlet_fact(input).ok()?.shape.as_concrete()?);
        let of_output = long(&outputs[0], node.outputs[0].fact.shape.as_concrete()?);
        let (&[a, b], Some((k, rows)), Some((n, same_rows))) =
            (of_matrix.as_slice(), of_input.split_last(), of_output.split_last())
        else {
            return None;
        };
        let turned = (a, b) == (*k, *n);
        let fits = a.0 != b.0 && (turned || (a, b) == (*n, *k)) && rows == same_rows;
        let rows: usize = rows.iter().map(|(_, length)| length).product();
        let worth_it = rows > 1 && k.1.min(n.1) >= FEWEST_CHANNELS;
        (fits && worth_it).then_some(Product { input, weights, rows, depth: k.1, outputs: n.1, turned })
    }
}

/// Whether a node is a product that has an operator here.
pub(super) fn is_product(graph: &TypedModel, node: &TypedNode) -> bool {
    Product::of(graph, node).is_some()
}

impl Inserter<'_> {
    /// Wires such a product with what follows it; false where the node is something else.
    pub(super) fn linear(&mut self, node: &TypedNode) -> TractResult<bool> {
        let Some(product) = Product::of(self.whole, node) else { return Ok(false) };
        let here = OutletId::new(node.id, 0);
        let input = self.planes(self.before_reshaping(product.input))?;
        let matrix = Arc::as_ptr(&product.weights).addr();
        if !product.turned && product.weights.len() > LARGE && self.packed_matrices.contains(&matrix) {
            let op = InPlace {
                weights: Arc::clone(&product.weights),
                depth: product.depth,
                shape: concrete(self.whole, here)?,
            };
            let outlet = self.graph.wire_node(node.name.clone(), op, &[input])?[0];
            self.places.insert(here, Place::planes(outlet));
            return Ok(true);
        }
        self.packed_matrices.insert(matrix);
        let Product { weights, rows, depth, outputs, turned, .. } = product;
        let mut recipe = Recipe::of_matrix(weights, turned);
        let mut tail = Tail::of(here);
        let in_lanes = tail.rows(self, &mut recipe, outputs);
        let geometry = Geometry { inputs: depth, outputs, groups: 1, window: Window::of([1, 1]) };
        let op = Linear {
            product: Convolution {
                kernel: recipe.packed(geometry, [1, rows])?,
                size: [1, rows],
                activation: tail.activation,
            },
            shape: match (concrete(self.whole, tail.last)?.as_slice(), in_lanes) {
                (&[one, channels, height, width], true) => tvec![one, height, width, channels],
                (shape, _) => shape.into(),
            },
        };
        let mut inputs = tvec![input];
        if let Some(residual) = tail.residual {
            inputs.push(if in_lanes { self.lanes(residual)? } else { self.planes(residual)? });
        }
        let outlet = self.graph.wire_node(node.name.clone(), op, &inputs)?[0];
        self.fuse(tail.nodes, node);
        self.places.insert(tail.last, if in_lanes { Place::lanes(outlet) } else { Place::planes(outlet) });
        Ok(true)
    }

    /// The value that lies in memory just as `outlet` does, before its axes were cut, joined, or moved past each other.
    pub(super) fn before_reshaping(&self, mut outlet: OutletId) -> OutletId {
        while let Some(&input) = self.whole.node(outlet.node).inputs.first()
            && self.places.contains_key(&input)
            && same_memory(self.whole, self.whole.node(outlet.node))
        {
            outlet = input;
        }
        outlet
    }
}

pub(super) fn concrete(graph: &TypedModel, outlet: OutletId) -> TractResult<TVec<usize>> {
    let shape = graph.outlet_fact(outlet)?.shape.as_concrete().map(Into::into);
    shape.ok_or_else(|| anyhow::anyhow!("the shape of {:?} is open", graph.node(outlet.node).name))
}

/// From rows, and a residual as large as the result where there is one, to rows. What matters of shapes is how much they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Linear {
    /// Of an image that is one row of pixels.
    product: Convolution,
    shape: TVec<usize>,
}

impl Op for Linear {
    fn name(&self) -> StaticName {
        "Linear".into()
    }

    fn info(&self) -> TractResult<Vec<String>> {
        self.product.info()
    }

    op_as_typed_op!();
}

impl EvalOp for Linear {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let mut output = Tensor::zero::<f32>(&self.shape)?;
        let input = inputs[0].try_as_plain_ram()?;
        let residual = inputs.get(1).map(|residual| residual.try_as_plain_ram()).transpose()?;
        let residual = residual.as_ref().map(PlainView::as_slice::<f32>).transpose()?;
        self.product.run(input.as_slice::<f32>()?, output.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?, residual);
        Ok(tvec![output.into_tvalue()])
    }
}

impl TypedOp for Linear {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let wanted = (self.product.size[1] * self.product.kernel.geometry().inputs).to_dim();
        ensure!(inputs[0].shape.volume() == wanted, "the layer takes {wanted} numbers, not {:?}", inputs[0].shape);
        Ok(tvec![f32::fact(&self.shape)])
    }

    fn cost(&self, inputs: &[&TypedFact]) -> TractResult<TVec<(Cost, TDim)>> {
        self.product.cost(inputs)
    }

    as_op!();
}

/// The product of rows and a matrix [outputs, depth] that is read where it lies: the way back through a large layer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct InPlace {
    weights: Arc<Tensor>,
    depth: usize,
    shape: TVec<usize>,
}

impl InPlace {
    fn run(&self, input: &[f32], output: &mut [f32]) -> TractResult<()> {
        let weights = self.weights.try_as_plain_ram()?;
        let weights = weights.as_slice::<f32>()?;
        let (rows, outputs) = (input.len() / self.depth, weights.len() / self.depth);
        let packed = PackedRows::new(input, self.depth);
        let threads = threads(rows * weights.len(), PARALLEL_FROM);
        let mut products = vec![0.0; output.len()];
        let share = outputs.div_ceil(threads.count).max(1);
        let pieces = products.chunks_mut(share * rows).zip(weights.chunks(share * self.depth));
        match threads.executor {
            Executor::MultiThread(pool) if threads.count > 1 => {
                let pieces: Vec<_> = pieces.collect();
                pool.install(|| pieces.into_par_iter().for_each(|(products, weights)| packed.times(weights, products)));
            }
            _ => pieces.for_each(|(products, weights)| packed.times(weights, products)),
        }
        to_planes(rows, &products, output);
        Ok(())
    }
}

impl Op for InPlace {
    fn name(&self) -> StaticName {
        "LinearInPlace".into()
    }

    op_as_typed_op!();
}

impl EvalOp for InPlace {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let mut output = Tensor::zero::<f32>(&self.shape)?;
        self.run(input.try_as_plain_ram()?.as_slice::<f32>()?, output.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?)?;
        Ok(tvec![output.into_tvalue()])
    }
}

impl TypedOp for InPlace {
    fn output_facts(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec![f32::fact(&self.shape)])
    }

    fn cost(&self, inputs: &[&TypedFact]) -> TractResult<TVec<(Cost, TDim)>> {
        let rows = inputs[0].shape.volume() / self.depth;
        Ok(tvec![(Cost::FMA(f32::datum_type()), rows * self.weights.len())])
    }

    as_op!();
}
