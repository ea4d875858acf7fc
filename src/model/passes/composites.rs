//! Operators that stand for several others, written out as what the standard says they are.

use std::collections::HashSet;

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto};

use super::rename::Names;
use super::{Node, integer, rewrite, tensor};
use crate::model::error::ModelProblem;
use crate::model::nodes::{attribute, called, is_standard};
use crate::model::operators::{ADDITIVE_MASK, DETACHED};
use crate::model::wire::NodeMetadata;

/// Writes out every operator that stands for others.
pub(super) fn apply(graph: &mut GraphProto, metadata: &mut NodeMetadata) -> Result<(), ModelProblem> {
    let mut names = Names::of(graph);
    let lengths: Vec<(String, Vec<i64>)> =
        graph.initializer.iter().map(|tensor| (tensor.name.clone(), tensor.dims.clone())).collect();
    let is_row = |name: &str| lengths.iter().any(|(tensor, dims)| tensor == name && dims.len() == 1 && dims[0] > 1);
    let is_weight = {
        let constants = graph.node.iter().filter(|node| ["Constant", "Identity"].contains(&node.op_type.as_str()));
        let weights: HashSet<String> = constants
            .flat_map(|node| node.output.clone())
            .chain(lengths.iter().map(|(name, _)| name.clone()))
            .collect();
        move |name: &str| weights.contains(name)
    };
    rewrite(graph, metadata, |node| {
        if !is_standard(&node.proto.domain) {
            return Ok(vec![node]);
        }
        let mut writer = Writer { nodes: vec![], names: &mut names, of: &node };
        match node.proto.op_type.as_str() {
            "MatMulInteger" => writer.product(is_row),
            "ConvInteger" => writer.convolution(is_row),
            "DynamicQuantizeLinear" => writer.dynamic_quantisation(),
            "Attention" => writer.attention()?,
            "Size" => writer.size(),
            "Swish" => writer.swish(),
            "BatchNormalization" if writer.takes_own_statistics() => writer.standardisation(),
            "BatchNormalization"
                if [3, 4].into_iter().any(|slot| !is_weight(&writer.input(slot).unwrap_or_default())) =>
            {
                writer.normalisation();
            }
            _ => return Ok(vec![node]),
        }
        Ok(writer.nodes)
    })
}

/// The nodes that one operator becomes. They are named after it; the one that makes its output takes its name.
struct Writer<'a> {
    nodes: Vec<Node>,
    names: &'a mut Names,
    of: &'a Node,
}

impl Writer<'_> {
    /// An input of the operator, where it has it.
    fn input(&self, slot: usize) -> Option<String> {
        self.of.proto.input.get(slot).filter(|name| !name.is_empty()).cloned()
    }

    fn given(&self, name: &str) -> Option<&AttributeProto> {
        attribute(&self.of.proto, name)
    }

    fn push(&mut self, name: String, operator: &str, inputs: &[&str], output: String, attributes: Vec<AttributeProto>) {
        let proto = NodeProto {
            name,
            op_type: operator.into(),
            input: inputs.iter().map(|name| (*name).to_owned()).collect(),
            output: vec![output],
            attribute: attributes,
            ..NodeProto::default()
        };
        self.nodes.push(Node { proto, metadata: self.of.metadata.clone() });
    }

    /// An operator in between.
    fn with(&mut self, operator: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> String {
        let name = self.names.fresh(&format!("{}/{operator}", called(&self.of.proto)));
        self.push(name.clone(), operator, inputs, name.clone(), attributes);
        name
    }

    fn op(&mut self, operator: &str, inputs: &[&str]) -> String {
        self.with(operator, inputs, vec![])
    }

    /// The operator that makes output `slot`.
    fn last(&mut self, slot: usize, operator: &str, inputs: &[&str], attributes: Vec<AttributeProto>) {
        let Some(output) = self.of.proto.output.get(slot).filter(|output| !output.is_empty()).cloned() else { return };
        let name = if slot == 0 { called(&self.of.proto).to_owned() } else { output.clone() };
        self.push(name, operator, inputs, output, attributes);
    }

    fn number(&mut self, value: f32) -> String {
        let value =
            TensorProto { data_type: DataType::Float as i32, float_data: vec![value], ..TensorProto::default() };
        self.with("Constant", &[], vec![tensor("value", value)])
    }

    fn integers(&mut self, values: &[i64]) -> String {
        let value = TensorProto {
            data_type: DataType::Int64 as i32,
            dims: vec![values.len() as i64],
            int64_data: values.to_vec(),
            ..TensorProto::default()
        };
        self.with("Constant", &[], vec![tensor("value", value)])
    }

    fn float(&mut self, name: &str) -> String {
        self.with("Cast", &[name], vec![integer("to", DataType::Float as i64)])
    }

    fn reshaped(&mut self, name: &str, shape: &[i64]) -> String {
        let shape = self.integers(shape);
        self.op("Reshape", &[name, &shape])
    }

    /// A quantised operand as the whole numbers that it stands for, in float32, which holds them exactly.
    fn centred(&mut self, operand: usize, zero_point: usize, column: Option<&[i64]>) -> String {
        let operand = self.input(operand).unwrap_or_default();
        let operand = self.float(&operand);
        let Some(zero) = self.input(zero_point) else { return operand };
        let mut zero = self.float(&zero);
        if let Some(shape) = column {
            zero = self.reshaped(&zero, shape);
        }
        self.op("Sub", &[&operand, &zero])
    }

    /// `MatMulInteger`: of `a` every row may have a zero point of its own, of `b` every column.
    fn product(&mut self, is_row: impl Fn(&str) -> bool) {
        let by_row = self.input(2).is_some_and(|zero| is_row(&zero));
        let a = self.centred(0, 2, by_row.then_some(&[-1, 1]));
        let b = self.centred(1, 3, None);
        self.last(0, "MatMul", &[&a, &b], vec![]);
    }

    /// `ConvInteger`: every filter may have a zero point of its own.
    fn convolution(&mut self, is_row: impl Fn(&str) -> bool) {
        let by_filter = self.input(3).is_some_and(|zero| is_row(&zero));
        let x = self.centred(0, 2, None);
        let w = self.centred(1, 3, by_filter.then_some(&[-1, 1, 1, 1]));
        let attributes = self.of.proto.attribute.clone();
        self.last(0, "Conv", &[&x, &w], attributes);
    }

    /// `DynamicQuantizeLinear`: scale and zero point follow from the range of the values, widened to hold 0. For a gradient
    /// both are constants, as in quantisation that is not dynamic.
    fn dynamic_quantisation(&mut self) {
        let x = self.input(0).unwrap_or_default();
        let all = || vec![integer("keepdims", 0)];
        let (zero, one, steps) = (self.number(0.0), self.number(1.0), self.number(255.0));
        let seen = self.op(DETACHED, &[&x]);
        let lowest = self.with("ReduceMin", &[&seen], all());
        let lowest = self.op("Min", &[&lowest, &zero]);
        let highest = self.with("ReduceMax", &[&seen], all());
        let highest = self.op("Max", &[&highest, &zero]);
        let range = self.op("Sub", &[&highest, &lowest]);
        let step = self.op("Div", &[&range, &steps]);
        let is_flat = self.op("Equal", &[&range, &zero]);
        let scale = self.op("Where", &[&is_flat, &one, &step]);
        let offset = self.op("Div", &[&lowest, &scale]);
        let offset = self.op("Neg", &[&offset]);
        let offset = self.op("Max", &[&offset, &zero]);
        let offset = self.op("Min", &[&offset, &steps]);
        let point = self.op("Round", &[&offset]);
        self.last(0, "QuantizeLinear", &[&x, &scale, &point], vec![]);
        self.last(1, "Identity", &[&scale], vec![]);
        self.last(2, "Identity", &[&point], vec![]);
    }

    /// `Size`, of which tract does not see that it is known where the shape is.
    fn size(&mut self) {
        let x = self.input(0).unwrap_or_default();
        let shape = self.op("Shape", &[&x]);
        self.last(0, "ReduceProd", &[&shape], vec![integer("keepdims", 0)]);
    }

    /// Whether a `BatchNormalization` is by the statistics of its own input; before version 14 its further outputs say so.
    fn takes_own_statistics(&self) -> bool {
        let further = self.of.proto.output.iter().skip(1).any(|output| !output.is_empty());
        further || self.given("training_mode").is_some_and(|mode| mode.i != 0)
    }

    /// `BatchNormalization` by statistics that the graph computes.
    fn normalisation(&mut self) {
        let [x, scale, shift, mean, variance] = [0, 1, 2, 3, 4].map(|slot| self.input(slot).unwrap_or_default());
        let epsilon = self.given("epsilon").map_or(1e-5, |epsilon| epsilon.f);
        let epsilon = self.number(epsilon);
        let sides = self.op("Shape", &[&x]);
        let flat = self.reshaped(&x, &[0, 0, -1]);
        let variance = self.op("Add", &[&variance, &epsilon]);
        let deviation = self.op("Sqrt", &[&variance]);
        let [scale, shift, mean, deviation] =
            [scale, shift, mean, deviation].map(|value| self.reshaped(&value, &[-1, 1]));
        let centred = self.op("Sub", &[&flat, &mean]);
        let centred = self.op("Div", &[&centred, &deviation]);
        let scaled = self.op("Mul", &[&centred, &scale]);
        let moved = self.op("Add", &[&scaled, &shift]);
        self.last(0, "Reshape", &[&moved, &sides], vec![]);
    }

    /// `BatchNormalization` by the statistics of its own input, which networks take of their weights: each channel
    /// `[N, C, ...]` as an instance of its own, `[C, 1, N ...]`, is what `InstanceNormalization` makes of it.
    fn standardisation(&mut self) {
        let [x, scale, shift] = [0, 1, 2].map(|slot| self.input(slot).unwrap_or_default());
        let epsilon = self.given("epsilon").map_or(1e-5, |epsilon| epsilon.f);
        let sides = self.op("Shape", &[&x]);
        let flat = self.reshaped(&x, &[0, 0, -1]);
        let turned = self.with("Transpose", &[&flat], vec![permutation(&[1, 0, 2])]);
        let turned_sides = self.op("Shape", &[&turned]);
        let instances = self.reshaped(&turned, &[0, 1, -1]);
        let row = |value: f32| TensorProto {
            data_type: DataType::Float as i32,
            dims: vec![1],
            float_data: vec![value],
            ..TensorProto::default()
        };
        let [one, none] = [1.0, 0.0].map(|value| self.with("Constant", &[], vec![tensor("value", row(value))]));
        let epsilon = AttributeProto {
            name: "epsilon".into(),
            r#type: AttributeType::Float as i32,
            f: epsilon,
            ..AttributeProto::default()
        };
        let centred = self.with("InstanceNormalization", &[&instances, &one, &none], vec![epsilon]);
        let [scale, shift] = [scale, shift].map(|value| self.reshaped(&value, &[-1, 1, 1]));
        let scaled = self.op("Mul", &[&centred, &scale]);
        let moved = self.op("Add", &[&scaled, &shift]);
        let moved = self.op("Reshape", &[&moved, &turned_sides]);
        let back = self.with("Transpose", &[&moved], vec![permutation(&[1, 0, 2])]);
        self.last(0, "Reshape", &[&back, &sides], vec![]);
    }

    /// `Swish`: `x sigmoid(alpha x)`.
    fn swish(&mut self) {
        let x = self.input(0).unwrap_or_default();
        let alpha = self.given("alpha").map_or(1.0, |alpha| alpha.f);
        let alpha = self.number(alpha);
        let scaled = self.op("Mul", &[&x, &alpha]);
        let gate = self.op("Sigmoid", &[&scaled]);
        self.last(0, "Mul", &[&x, &gate], vec![]);
    }

    /// `Attention` of opset 23: queries, keys and values `[B, heads, tokens, width]`, or `[B, tokens, heads * width]` with
    /// the number of heads as an attribute.
    fn attention(&mut self) -> Result<(), ModelProblem> {
        let number = |name: &str| self.given(name).map_or(0, |number| number.i);
        let (q_heads, kv_heads) = (number("q_num_heads"), number("kv_num_heads"));
        let is_causal = number("is_causal") != 0;
        let softcap = self.given("softcap").map_or(0.0, |cap| cap.f);
        let scale = self.given("scale").map(|scale| scale.f);
        let others = (4..7).any(|slot| self.input(slot).is_some())
            || self.of.proto.output.iter().skip(1).any(|output| !output.is_empty());
        if others {
            return Err(ModelProblem::Unsuitable {
                what: format!(
                    "the operator \"Attention\" of the node {:?} keeps keys and values",
                    called(&self.of.proto)
                ),
                remedy: "export the model without a cache (use_cache=False)".into(),
            });
        }
        let is_flat = q_heads > 0;
        let [q, k, v] = [(0, q_heads), (1, kv_heads), (2, kv_heads)].map(|(slot, heads)| {
            let value = self.input(slot).unwrap_or_default();
            if is_flat { self.heads(&value, heads) } else { value }
        });
        let (k, v) = if is_flat && kv_heads > 0 && q_heads != kv_heads {
            let (per_head, width) = (q_heads / kv_heads, q_heads);
            (self.repeated(&k, kv_heads, per_head, width), self.repeated(&v, kv_heads, per_head, width))
        } else {
            (k, v)
        };
        let factor = if let Some(scale) = scale {
            self.number(scale)
        } else {
            let width = self.side(&q, 3);
            let width = self.float(&width);
            let root = self.op("Sqrt", &[&width]);
            self.op("Reciprocal", &[&root])
        };
        let turned = self.with("Transpose", &[&k], vec![permutation(&[0, 1, 3, 2])]);
        let q = self.op("Mul", &[&q, &factor]);
        let mut scores = self.op("MatMul", &[&q, &turned]);
        if softcap != 0.0 {
            let cap = self.number(softcap);
            let small = self.op("Div", &[&scores, &cap]);
            let small = self.op("Tanh", &[&small]);
            scores = self.op("Mul", &[&small, &cap]);
        }
        if let Some(mask) = self.input(3) {
            let bias = self.op(ADDITIVE_MASK, &[&mask]);
            scores = self.op("Add", &[&scores, &bias]);
        }
        if is_causal {
            let (rows, columns) = (self.side(&q, 2), self.side(&k, 2));
            let shape = self.with("Concat", &[&rows, &columns], vec![integer("axis", 0)]);
            let one = TensorProto {
                data_type: DataType::Float as i32,
                dims: vec![1],
                float_data: vec![1.0],
                ..TensorProto::default()
            };
            let ones = self.with("ConstantOfShape", &[&shape], vec![tensor("value", one)]);
            let lower = self.with("Trilu", &[&ones], vec![integer("upper", 0)]);
            let seen = self.with("Cast", &[&lower], vec![integer("to", DataType::Bool as i64)]);
            let bias = self.op(ADDITIVE_MASK, &[&seen]);
            scores = self.op("Add", &[&scores, &bias]);
        }
        let weights = self.with("Softmax", &[&scores], vec![integer("axis", -1)]);
        if !is_flat {
            self.last(0, "MatMul", &[&weights, &v], vec![]);
            return Ok(());
        }
        let mixed = self.op("MatMul", &[&weights, &v]);
        let mixed = self.with("Transpose", &[&mixed], vec![permutation(&[0, 2, 1, 3])]);
        let shape = self.integers(&[0, 0, -1]);
        self.last(0, "Reshape", &[&mixed, &shape], vec![]);
        Ok(())
    }

    /// `[B, tokens, heads * width]` as `[B, heads, tokens, width]`.
    fn heads(&mut self, value: &str, heads: i64) -> String {
        let split = self.reshaped(value, &[0, 0, heads, -1]);
        self.with("Transpose", &[&split], vec![permutation(&[0, 2, 1, 3])])
    }

    /// Heads of keys or values that several heads of queries share, once for each of them.
    fn repeated(&mut self, value: &str, heads: i64, times: i64, all: i64) -> String {
        let (tokens, width) = (self.side(value, 2), self.side(value, 3));
        let minus_one = self.integers(&[-1]);
        let [heads, times, all, one] = [heads, times, all, 1].map(|side| self.integers(&[side]));
        let mut shape = |sides: &[&str]| self.with("Concat", sides, vec![integer("axis", 0)]);
        let apart = shape(&[&minus_one, &heads, &one, &tokens, &width]);
        let wide = shape(&[&one, &one, &times, &one, &one]);
        let joined = shape(&[&minus_one, &all, &tokens, &width]);
        let apart = self.op("Reshape", &[value, &apart]);
        let wide = self.op("Tile", &[&apart, &wide]);
        self.op("Reshape", &[&wide, &joined])
    }

    /// One side of a value's shape, as a list of one.
    fn side(&mut self, value: &str, axis: i64) -> String {
        let shape = self.op("Shape", &[value]);
        let axis = self.integers(&[axis]);
        self.with("Gather", &[&shape, &axis], vec![integer("axis", 0)])
    }
}

fn permutation(axes: &[i64]) -> AttributeProto {
    AttributeProto {
        name: "perm".into(),
        r#type: AttributeType::Ints as i32,
        ints: axes.to_vec(),
        ..AttributeProto::default()
    }
}
