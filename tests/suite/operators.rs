//! ONNX operators that the program reads for itself, in all their attributes: values as onnxruntime has them
//! (`tests/fixtures/operators.py`), gradients by finite differences.

use std::fs::read_to_string;

use seewhy::model::onnx;
use serde_json::Value;
use tract_onnx::pb;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::prelude::*;

use crate::support::fixture;
use crate::support::graphs::{Level, finite_differences, gradients, numbers, run, values};

/// onnxruntime computes in single precision, and so do the positions that both read from.
const SINGLE: f64 = 2e-5;
/// Double precision: central differences with steps of 1e-6 are good to about 1e-9.
const STEP: f64 = 1e-6;
const DOUBLE: f64 = 1e-7;
/// Single precision, for what tract computes in nothing better.
const LONG_STEP: f64 = 1e-2;
const ROUGH: f64 = 2e-3;

fn integers(list: &Value) -> Vec<i64> {
    list.as_array().unwrap().iter().map(|number| number.as_i64().unwrap()).collect()
}

fn floats(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// Whether a number is right; what is not a number never is.
fn close(found: f64, expected: f64, tolerance: f64) -> bool {
    (found - expected).abs() <= tolerance * expected.abs().max(1.0)
}

fn attribute(name: &str, value: &Value) -> pb::AttributeProto {
    let mut attribute = pb::AttributeProto { name: name.into(), ..Default::default() };
    let kind = match value {
        Value::String(text) => {
            attribute.s = text.as_bytes().to_vec();
            AttributeType::String
        }
        Value::Array(list) if list.iter().all(Value::is_i64) => {
            attribute.ints = integers(value);
            AttributeType::Ints
        }
        Value::Array(_) => {
            attribute.floats = floats(value).into_iter().map(|number| number as f32).collect();
            AttributeType::Floats
        }
        value if value.is_i64() => {
            attribute.i = value.as_i64().unwrap();
            AttributeType::Int
        }
        value => {
            attribute.f = value.as_f64().unwrap() as f32;
            AttributeType::Float
        }
    };
    attribute.r#type = kind.into();
    attribute
}

/// The shape of a constant list.
fn sides(input: &Value, length: usize) -> Vec<i64> {
    if input["scalar"] == true {
        return vec![];
    }
    if input["dims"].is_array() { integers(&input["dims"]) } else { vec![length as i64] }
}

/// A case from a fixture, in one floating-point type.
struct Case {
    model: TypedModel,
    point: Vec<Tensor>,
}

/// The tensor that `tensor` in `operators.py` makes, rounded to single precision.
fn made(input: &Value, dt: DatumType) -> Tensor {
    let shape: Vec<usize> = integers(&input["shape"]).into_iter().map(|side| side as usize).collect();
    let range = floats(&input["range"]);
    let double = values(&shape, (range[0], range[1]), input["seed"].as_u64().unwrap());
    let single = double.cast_to::<f32>().unwrap();
    single.cast_to_dt(dt).unwrap().into_owned()
}

fn dims(tensor: &Tensor) -> Vec<i64> {
    tensor.shape().iter().map(|&side| side as i64).collect()
}

impl Case {
    fn new(case: &Value, dt: DatumType) -> Case {
        let elements = if dt == DatumType::F64 { DataType::Double } else { DataType::Float };
        let mut graph = pb::GraphProto::default();
        let mut node = pb::NodeProto {
            name: "node".into(),
            op_type: case["operator"].as_str().unwrap().into(),
            output: vec!["output".into()],
            ..Default::default()
        };
        if node.op_type == "TopK" {
            node.output.push("indices".into());
        }
        node.attribute =
            case["attributes"].as_object().unwrap().iter().map(|(name, value)| attribute(name, value)).collect();
        let mut point = vec![];
        for (slot, input) in case["inputs"].as_array().unwrap().iter().enumerate() {
            let name = if input.is_null() { String::new() } else { format!("input{slot}") };
            node.input.push(name.clone());
            let mut constant = pb::TensorProto { name: name.clone(), ..Default::default() };
            if input.is_null() {
                continue;
            }
            if input["variable"] == true {
                let value = made(input, dt);
                let tensor = pb::type_proto::Tensor { elem_type: elements.into(), shape: None };
                let value_type =
                    pb::TypeProto { value: Some(pb::type_proto::Value::TensorType(tensor)), ..Default::default() };
                graph.input.push(pb::ValueInfoProto { name, r#type: Some(value_type), ..Default::default() });
                point.push(value);
                continue;
            }
            if input["shape"].is_array() {
                let value = made(input, dt);
                constant.dims = dims(&value);
                constant.data_type = elements.into();
                if dt == DatumType::F64 {
                    constant.double_data = numbers(&value);
                } else {
                    constant.float_data = numbers(&value).into_iter().map(|number| number as f32).collect();
                }
            } else if input["floats"].is_array() {
                // Scales and regions are in single precision whatever the tensor is.
                let apart = ["Resize", "Upsample"].contains(&&*node.op_type);
                let numbers = floats(&input["floats"]);
                let kind = if apart { DataType::Float } else { elements };
                constant.data_type = kind.into();
                constant.dims = sides(input, numbers.len());
                if kind == DataType::Double {
                    constant.double_data = numbers;
                } else {
                    constant.float_data = numbers.into_iter().map(|number| number as f32).collect();
                }
            } else {
                constant.int64_data = integers(&input["integers"]);
                constant.data_type = DataType::Int64.into();
                constant.dims = sides(input, constant.int64_data.len());
            }
            graph.initializer.push(constant);
        }
        graph.node.push(node);
        graph.output.push(pb::ValueInfoProto { name: "output".into(), ..Default::default() });
        let opset = pb::OperatorSetIdProto { version: case["opset"].as_i64().unwrap(), ..Default::default() };
        let proto =
            pb::ModelProto { ir_version: 8, graph: Some(graph), opset_import: vec![opset], ..Default::default() };
        let load = || {
            let mut model = onnx().with_ignore_value_info(true).model_for_proto_model(&proto)?;
            for (slot, value) in point.iter().enumerate() {
                model = model.with_input_fact(slot, dt.fact(value.shape()).into())?;
            }
            model.into_typed()
        };
        let model = load().unwrap_or_else(|error: TractError| panic!("{case}: {error:#}"));
        Case { model, point }
    }

    fn has_values(&self, case: &Value) -> Result<(), String> {
        let (shape, expected) = (integers(&case["shape"]), floats(&case["output"]));
        for level in Level::ALL {
            let output = run(&self.model, level, &self.point).remove(0);
            if dims(&output) != shape {
                return Err(format!("{level:?}: the shape is {:?}, not {shape:?}", output.shape()));
            }
            for (element, (found, expected)) in numbers(&output).iter().zip(&expected).enumerate() {
                if !close(*found, *expected, SINGLE) {
                    return Err(format!("{level:?}: element {element} is {found}, not {expected}"));
                }
            }
        }
        Ok(())
    }

    fn cotangent(&self) -> Tensor {
        let shape = self.model.output_fact(0).unwrap().shape.as_concrete().unwrap().to_vec();
        values(&shape, (-1.0, 1.0), 7).cast_to_dt(self.point[0].datum_type()).unwrap().into_owned()
    }

    fn has_finite_gradients(&self) -> Result<(), String> {
        let found = gradients(&self.model, &self.point, &self.cotangent());
        let finite = found.iter().all(|(_, found)| found.iter().flatten().all(|number| number.is_finite()));
        if finite { Ok(()) } else { Err(format!("gradients that are no numbers: {:?}", found[0])) }
    }

    /// Gradients that agree with finite differences of these steps.
    fn has_gradients(&self, step: f64, tolerance: f64) -> Result<(), String> {
        let cotangent = self.cotangent();
        let expected = finite_differences(&self.model, &self.point, &cotangent, step);
        for (level, found) in gradients(&self.model, &self.point, &cotangent) {
            for (slot, (found, expected)) in found.iter().zip(&expected).enumerate() {
                for (element, (found, expected)) in found.iter().zip(expected).enumerate() {
                    if !close(*found, *expected, tolerance) {
                        return Err(format!(
                            "{level:?}: gradient {slot}, element {element} is {found}, not {expected}"
                        ));
                    }
                }
            }
        }
        Ok(())
    }
}

fn check(fixture_name: &str) {
    let text = read_to_string(fixture(&format!("operators/{fixture_name}.json"))).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(!cases.is_empty());
    let mut wrong = vec![];
    for case in &cases {
        let single = Case::new(case, DatumType::F32);
        let double = || Case::new(case, DatumType::F64);
        let checks = match case["precision"].as_str() {
            Some("single") => vec![single.has_values(case), single.has_gradients(LONG_STEP, ROUGH)],
            Some("extreme") => vec![single.has_values(case), single.has_finite_gradients()],
            _ => vec![single.has_values(case), double().has_values(case), double().has_gradients(STEP, DOUBLE)],
        };
        let what = format!("{} {} {} {}", case["operator"], case["opset"], case["attributes"], case["inputs"]);
        wrong.extend(checks.into_iter().filter_map(Result::err).map(|problem| format!("{what}: {problem}")));
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn resize_in_every_mode() {
    check("resize");
}

#[test]
fn transposed_convolution_with_every_attribute() {
    check("conv_transpose");
}

#[test]
fn grid_sample_in_every_mode_with_every_padding() {
    check("grid_sample");
}

#[test]
fn functions_reductions_normalisations_and_indices() {
    check("functions");
}

#[test]
fn local_response_normalisation() {
    check("lrn");
}
