//! The values of tensors that a graph holds or reckons from what it holds, before tract sees it.

use std::collections::HashMap;

use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto};
use tract_onnx::prelude::{Tensor, tract_ndarray::ArrayViewD};

use super::nodes::attribute;

/// Constants are reckoned from each other this many times at most; a broken file may go round in circles.
const DEEPEST: usize = 16;

/// The most values of a tensor that is looked at: more than the mean image of an input has.
const LARGEST: i64 = 1 << 22;

/// The constants of a graph.
pub(super) struct Constants<'a> {
    tensors: HashMap<&'a str, &'a TensorProto>,
    nodes: HashMap<&'a str, &'a NodeProto>,
    /// Where tensors that are kept in files of their own are.
    folder: Option<&'a str>,
}

impl<'a> Constants<'a> {
    /// Those of this graph.
    pub(super) fn of(graph: &'a GraphProto, folder: Option<&'a str>) -> Constants<'a> {
        let outputs = |node: &'a NodeProto| node.output.iter().map(move |output| (output.as_str(), node));
        Constants {
            tensors: graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect(),
            nodes: graph.node.iter().flat_map(outputs).collect(),
            folder,
        }
    }

    /// The node that makes a tensor.
    pub(super) fn maker(&self, name: &str) -> Option<&'a NodeProto> {
        self.nodes.get(name).copied()
    }

    /// The values of a tensor, one after the other; None where they depend on the input.
    pub(super) fn values(&self, name: &str) -> Option<Vec<f64>> {
        self.reckon(name, DEEPEST)
    }

    /// The values of a list of which only the last may be known: a shape whose batch is open.
    pub(super) fn last_values(&self, name: &str) -> Option<Vec<f64>> {
        let parts = self.nodes.get(name).filter(|node| node.op_type == "Concat");
        self.values(name).or_else(|| {
            let known = parts?.input.iter().rev().map_while(|part| self.values(part));
            let mut values: Vec<f64> = known.flat_map(|part| part.into_iter().rev().collect::<Vec<_>>()).collect();
            values.reverse();
            Some(values)
        })
    }

    /// Whether a tensor does not depend on the input, whatever its values are.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.depends_on_nothing(name, DEEPEST)
    }

    fn depends_on_nothing(&self, name: &str, depth: usize) -> bool {
        if self.tensors.contains_key(name) {
            return true;
        }
        let Some((node, depth)) = self.nodes.get(name).zip(depth.checked_sub(1)) else { return false };
        let mut inputs = node.input.iter().filter(|input| !input.is_empty()).peekable();
        // Without inputs, others than constants are random.
        let all_hold = inputs.peek().is_some() && inputs.all(|input| self.depends_on_nothing(input, depth));
        node.op_type == "Constant" || all_hold
    }

    /// Whether a constant has no axes.
    pub(super) fn is_scalar(&self, name: &str) -> bool {
        let is_number = |node: &&NodeProto| ["value_float", "value_int"].iter().any(|it| attribute(node, it).is_some());
        self.sides(name).is_some_and(<[i64]>::is_empty) || self.nodes.get(name).is_some_and(is_number)
    }

    /// The sides of a tensor that the graph holds.
    pub(super) fn sides(&self, name: &str) -> Option<&[i64]> {
        let held = self.tensors.get(name).copied();
        let tensor = held.or_else(|| attribute(self.nodes.get(name)?, "value")?.t.as_ref())?;
        Some(&tensor.dims)
    }

    fn reckon(&self, name: &str, depth: usize) -> Option<Vec<f64>> {
        if let Some(tensor) = self.tensors.get(name) {
            return self.load(tensor);
        }
        let node = self.nodes.get(name)?;
        let depth = depth.checked_sub(1)?;
        let input = |index: usize| self.reckon(node.input.get(index)?, depth);
        let each = |f: fn(f64) -> f64| input(0).map(|values| values.into_iter().map(f).collect());
        let both = |f: fn(f64, f64) -> f64| broadcast(&input(0)?, &input(1)?, f);
        match node.op_type.as_str() {
            "Constant" => self.constant(node.attribute.first()?),
            "Not" => each(|value| f64::from(u8::from(value == 0.0))),
            "Identity" | "Cast" | "CastLike" | "Unsqueeze" | "Squeeze" | "Reshape" | "Flatten" | "Expand"
            | "Transpose" => input(0),
            "ConstantOfShape" => {
                let sides = input(0)?;
                let count = sides.iter().product::<f64>();
                let value = node.attribute.first().map_or_else(|| Some(vec![0.0]), |value| self.constant(value))?;
                let value = *value.first()?;
                (0.0..=LARGEST as f64).contains(&count).then(|| vec![value; count as usize])
            }
            "Sqrt" => each(f64::sqrt),
            "Neg" => each(|value| -value),
            "Reciprocal" => each(f64::recip),
            "Add" => both(|a, b| a + b),
            "Sub" => both(|a, b| a - b),
            "Mul" => both(|a, b| a * b),
            "Div" => both(|a, b| a / b),
            "Pow" => both(f64::powf),
            "Max" => both(f64::max),
            "Min" => both(f64::min),
            "Concat" => {
                let parts: Option<Vec<Vec<f64>>> = (0..node.input.len()).map(input).collect();
                parts.map(|parts| parts.concat())
            }
            _ => None,
        }
    }

    fn constant(&self, value: &AttributeProto) -> Option<Vec<f64>> {
        match value.name.as_str() {
            "value" => self.load(value.t.as_ref()?),
            "value_float" => Some(vec![f64::from(value.f)]),
            "value_floats" => Some(value.floats.iter().map(|number| f64::from(*number)).collect()),
            "value_int" => Some(vec![value.i as f64]),
            "value_ints" => Some(value.ints.iter().map(|number| *number as f64).collect()),
            _ => None,
        }
    }

    fn load(&self, tensor: &TensorProto) -> Option<Vec<f64>> {
        let count = tensor.dims.iter().try_fold(1_i64, |count, side| count.checked_mul(*side));
        count.filter(|count| (0..=LARGEST).contains(count))?;
        let files = tract_onnx::data_resolver::default();
        let tensor: Tensor = tract_onnx::tensor::load_tensor(&*files, tensor, self.folder).ok()?;
        let tensor = tensor.cast_to::<f64>().ok()?;
        let values: ArrayViewD<f64> = tensor.to_plain_array_view::<f64>().ok()?;
        Some(values.iter().copied().collect())
    }
}

/// Combines two lists of values of which one may be a single one.
fn broadcast(a: &[f64], b: &[f64], f: fn(f64, f64) -> f64) -> Option<Vec<f64>> {
    match (a, b) {
        ([a], b) => Some(b.iter().map(|b| f(*a, *b)).collect()),
        (a, [b]) => Some(a.iter().map(|a| f(*a, *b)).collect()),
        (a, b) if a.len() == b.len() => Some(a.iter().zip(b).map(|(a, b)| f(*a, *b)).collect()),
        _ => None,
    }
}
