//! Half floats become floats when a network is loaded: nothing that comes after has to know of them.

use std::path::Path;

use half::slice::{HalfBitsSliceExt as _, HalfFloatSliceExt as _};
use half::{bf16, f16};
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::type_proto::Value as Type;
use tract_onnx::pb::{GraphProto, TensorProto, ValueInfoProto};

use super::external;
use crate::model::error::ModelProblem;
use crate::model::nodes::subgraphs_mut;

/// Attributes that name a type: that of `Cast`, of random numbers, of windows.
const TYPE_ATTRIBUTES: [&str; 4] = ["to", "dtype", "output_datatype", "output_dtype"];

/// Makes every float16 and bfloat16 of a graph float32. float64 becomes float32 too where the network takes it, gives it or
/// has weights of it; elsewhere it only helps to compute sizes.
pub(super) fn apply(graph: &mut GraphProto, folder: Option<&Path>) -> Result<(), ModelProblem> {
    let mut narrow = vec![DataType::Float16 as i32, DataType::Bfloat16 as i32];
    let is_double = |value: &ValueInfoProto| element(value) == Some(DataType::Double as i32);
    // Four numbers scale a tensor of four axes.
    let is_weight =
        |tensor: &TensorProto| tensor.data_type == DataType::Double as i32 && tensor.dims.iter().product::<i64>() > 4;
    if graph.input.iter().chain(&graph.output).any(is_double) || graph.initializer.iter().any(is_weight) {
        narrow.push(DataType::Double as i32);
    }
    Widening { from: narrow, folder }.graph(graph)
}

fn element(value: &ValueInfoProto) -> Option<i32> {
    let Type::TensorType(tensor) = value.r#type.as_ref()?.value.as_ref()?;
    Some(tensor.elem_type)
}

struct Widening<'a> {
    from: Vec<i32>,
    folder: Option<&'a Path>,
}

impl Widening<'_> {
    fn graph(&self, graph: &mut GraphProto) -> Result<(), ModelProblem> {
        for value in graph.input.iter_mut().chain(&mut graph.output).chain(&mut graph.value_info) {
            if let Some(Type::TensorType(tensor)) = value.r#type.as_mut().and_then(|kind| kind.value.as_mut())
                && self.from.contains(&tensor.elem_type)
            {
                tensor.elem_type = DataType::Float as i32;
            }
        }
        graph.initializer.iter_mut().try_for_each(|tensor| self.tensor(tensor))?;
        for node in &mut graph.node {
            for attribute in &mut node.attribute {
                let names_type = TYPE_ATTRIBUTES.contains(&attribute.name.as_str());
                if names_type && i32::try_from(attribute.i).is_ok_and(|kind| self.from.contains(&kind)) {
                    attribute.i = DataType::Float as i64;
                }
                attribute.t.iter_mut().chain(&mut attribute.tensors).try_for_each(|tensor| self.tensor(tensor))?;
            }
            subgraphs_mut(node).try_for_each(|graph| self.graph(graph))?;
        }
        Ok(())
    }

    fn tensor(&self, tensor: &mut TensorProto) -> Result<(), ModelProblem> {
        if !self.from.contains(&tensor.data_type) {
            return Ok(());
        }
        let bytes = if external::is_external(tensor) {
            external::read(tensor, self.folder)?
        } else {
            std::mem::take(&mut tensor.raw_data)
        };
        let values = values(tensor, &bytes);
        tensor.external_data.clear();
        tensor.data_location = Some(DataLocation::Default as i32);
        tensor.data_type = DataType::Float as i32;
        tensor.int32_data.clear();
        tensor.double_data.clear();
        tensor.raw_data = Vec::with_capacity(4 * values.len());
        for value in values {
            tensor.raw_data.extend_from_slice(&value.to_le_bytes());
        }
        Ok(())
    }
}

/// The numbers of a tensor, from its bytes where it has any.
fn values(tensor: &TensorProto, bytes: &[u8]) -> Vec<f32> {
    if tensor.data_type == DataType::Double as i32 {
        let (chunks, _) = bytes.as_chunks::<8>();
        let given = chunks.iter().map(|chunk| f64::from_le_bytes(*chunk)).chain(tensor.double_data.iter().copied());
        return given.map(rounded).collect();
    }
    let (chunks, _) = bytes.as_chunks::<2>();
    let bits: Vec<u16> = if chunks.is_empty() {
        tensor.int32_data.iter().map(|bits| *bits as u16).collect()
    } else {
        chunks.iter().map(|chunk| u16::from_le_bytes(*chunk)).collect()
    };
    if tensor.data_type == DataType::Float16 as i32 {
        bits.reinterpret_cast::<f16>().to_f32_vec()
    } else {
        bits.reinterpret_cast::<bf16>().to_f32_vec()
    }
}

/// The nearest float; the largest where a finite number has none, such as the lowest double that a mask is filled with.
fn rounded(value: f64) -> f32 {
    let near = value as f32;
    if near.is_infinite() && value.is_finite() { f32::MAX.copysign(near) } else { near }
}
