//! The ONNX file as a message: read, checked, and asked what it takes and gives, before tract sees the graph.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::{Component, Path, PathBuf};

use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dimension;
use tract_onnx::pb::type_proto::Value as Type;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, attribute_proto};
use tract_onnx::prelude::Framework;

use super::error::{ExternalDataProblem, GIT_LFS, MissingOperator, ModelProblem};
use super::names::OnnxNode;
use super::output::{self, OutputSpec};
use super::wire::{self, NodeMetadata, WireError};
use crate::text::Literal;

/// A model as its file has it.
pub(super) struct OnnxFile {
    pub(super) proto: ModelProto,
    /// Where external data may lie. None for a model in memory.
    pub(super) folder: Option<PathBuf>,
    metadata: NodeMetadata,
}

/// What the graph takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InputSpec {
    /// The tensor's name.
    pub(super) name: String,
    /// Its four sides; None where they are left open.
    pub(super) sides: [Option<usize>; 4],
}

impl OnnxFile {
    /// Reads a file. What is no model is refused after its first bytes.
    pub(super) fn open(path: &Path) -> Result<OnnxFile, ModelProblem> {
        let mut file = File::open(path)?;
        let status = file.metadata()?;
        if !status.is_file() {
            return Err(ModelProblem::NotOnnx { looks_like: Some("not a regular file") });
        }
        if status.len() == 0 {
            return Err(ModelProblem::Empty);
        }
        let mut start = Vec::new();
        file.by_ref().take(64).read_to_end(&mut start)?;
        if let Some(kind) = looks_like(&start) {
            return Err(ModelProblem::NotOnnx { looks_like: Some(kind) });
        }
        file.rewind()?;
        let metadata = wire::scan(&mut BufReader::new(file), status.len())?;
        let proto = tract_onnx::onnx().proto_model_for_path(path).map_err(|error| undecodable(&error))?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        OnnxFile { proto, folder: Some(parent.to_owned()), metadata }.checked()
    }

    /// Reads a model that is in memory.
    pub(super) fn from_bytes(mut bytes: &[u8]) -> Result<OnnxFile, ModelProblem> {
        let metadata = wire::scan(&mut std::io::Cursor::new(bytes), bytes.len() as u64)?;
        let proto = tract_onnx::onnx().proto_model_for_read(&mut bytes).map_err(|error| undecodable(&error))?;
        OnnxFile { proto, folder: None, metadata }.checked()
    }

    fn checked(mut self) -> Result<OnnxFile, ModelProblem> {
        let graph = self.proto.graph.as_mut().ok_or(ModelProblem::NotOnnx { looks_like: None })?;
        check_structure(graph)?;
        check_operators(graph)?;
        check_external_data(graph, self.folder.as_deref())?;
        for node in &mut graph.node {
            spell_out_default(node);
        }
        Ok(self)
    }

    fn graph(&self) -> &GraphProto {
        static NONE: std::sync::LazyLock<GraphProto> = std::sync::LazyLock::new(GraphProto::default);
        self.proto.graph.as_ref().unwrap_or(&NONE)
    }

    /// A value of the model's own metadata.
    pub(super) fn property(&self, key: &str) -> Option<&str> {
        self.proto.metadata_props.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
    }

    /// The one input, a batch of images.
    pub(super) fn input(&self) -> Result<InputSpec, ModelProblem> {
        let graph = self.graph();
        let weights: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
        let inputs: Vec<&ValueInfoProto> =
            graph.input.iter().filter(|input| !weights.contains(input.name.as_str())).collect();
        let not_an_image = |what: String| Err(ModelProblem::NotClassifier(what));
        let [input] = inputs[..] else {
            let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
            return not_an_image(format!("it has {} inputs {names:?}, an image classifier has one", names.len()));
        };
        let Some(Type::TensorType(tensor)) = input.r#type.as_ref().and_then(|kind| kind.value.as_ref()) else {
            return not_an_image(format!("its input {:?} is no tensor", input.name));
        };
        let kind = DataType::try_from(tensor.elem_type).unwrap_or(DataType::Undefined);
        if kind != DataType::Float {
            let kind = kind.as_str_name().to_lowercase();
            return not_an_image(format!("its input {:?} holds {kind}, not float32", input.name));
        }
        let Some(shape) = &tensor.shape else {
            return Ok(InputSpec { name: input.name.clone(), sides: [None; 4] });
        };
        let sides: Vec<Option<usize>> = shape
            .dim
            .iter()
            .map(|dim| match dim.value {
                Some(Dimension::DimValue(side)) => usize::try_from(side).ok().filter(|side| *side > 0),
                _ => None,
            })
            .collect();
        match <[Option<usize>; 4]>::try_from(sides) {
            Ok(sides) => Ok(InputSpec { name: input.name.clone(), sides }),
            Err(sides) => not_an_image(format!(
                "its input {:?} has {} dimensions, a batch of images has 4",
                input.name,
                sides.len()
            )),
        }
    }

    /// The outputs, each with the tensor that holds its raw scores.
    pub(super) fn outputs(&self) -> Vec<OutputSpec> {
        self.graph().output.iter().map(|output| self.output(&output.name)).collect()
    }

    /// A tensor as an output, with the tensor that holds its raw scores.
    pub(super) fn output(&self, name: &str) -> OutputSpec {
        output::output(self.graph(), name)
    }

    /// Whether any node makes a tensor of this name.
    pub(super) fn has_tensor(&self, name: &str) -> bool {
        self.graph().node.iter().any(|node| node.output.iter().any(|output| output == name))
    }

    /// The nodes, in the order of the file.
    pub(super) fn nodes(&self) -> Vec<OnnxNode> {
        let graph = self.graph();
        let weights: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
        let no_metadata = Vec::new();
        let metadata = self.metadata.iter().chain(std::iter::repeat(&no_metadata));
        let node = |(node, metadata): (&NodeProto, &Vec<(String, String)>)| {
            let scopes = metadata.iter().find(|(key, _)| key == "pkg.torch.onnx.name_scopes");
            let weight = node.input.iter().find(|input| weights.contains(input.as_str()) && input.ends_with(".weight"));
            let first = node.output.first().cloned().unwrap_or_default();
            OnnxNode {
                name: if node.name.is_empty() { first } else { node.name.clone() },
                operator: node.op_type.clone(),
                outputs: node.output.clone(),
                path: scopes.and_then(|(_, scopes)| module_path(scopes)),
                aliases: weight.and_then(|weight| weight.strip_suffix(".weight")).map(Into::into).into_iter().collect(),
            }
        };
        graph.node.iter().zip(metadata).map(node).collect()
    }
}

/// The path of the innermost module in PyTorch's list of scopes, whose last entry is the operation and whose first, empty,
/// is the model: `['', 'layer1', 'layer1.0', 'layer1.0.relu', 'relu_1']`.
fn module_path(scopes: &str) -> Option<String> {
    let scopes = Literal::parse(scopes)?;
    let (_, modules) = scopes.items()?.split_last()?;
    modules.last()?.text().filter(|path| !path.is_empty()).map(Into::into)
}

impl From<WireError> for ModelProblem {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Io(error) => ModelProblem::Io(error),
            WireError::Truncated => ModelProblem::Truncated,
            WireError::NotOnnx | WireError::NoGraph => ModelProblem::NotOnnx { looks_like: None },
        }
    }
}

fn undecodable(error: &tract_onnx::prelude::TractError) -> ModelProblem {
    ModelProblem::Broken(super::error::reason(error))
}

/// What a file is that is often mistaken for an ONNX model, by its first bytes.
fn looks_like(start: &[u8]) -> Option<&'static str> {
    let kinds: &[(usize, &[u8], &str)] = &[
        (0, b"version https://git-lfs", GIT_LFS),
        (0, b"PK\x03\x04", "a zip archive, such as a PyTorch checkpoint"),
        (0, b"\x80\x02", "a Python pickle, such as an old PyTorch checkpoint"),
        (0, b"\x89HDF", "an HDF5 file, such as a Keras model"),
        (4, b"TFL3", "a TensorFlow Lite model"),
        (8, b"{\"__metadata__\"", "a safetensors file"),
        (8, b"{\"", "a safetensors file"),
        (0, b"\x89PNG", "an image"),
        (0, b"\xff\xd8\xff", "an image"),
        (0, b"<", "a web page"),
    ];
    kinds.iter().find(|(at, bytes, _)| start.get(*at..).is_some_and(|rest| rest.starts_with(bytes))).map(|kind| kind.2)
}

/// Refuses graphs whose nodes and outputs name tensors that nothing makes.
fn check_structure(graph: &GraphProto) -> Result<(), ModelProblem> {
    let mut known: HashSet<&str> = graph.input.iter().map(|input| input.name.as_str()).collect();
    known.extend(graph.initializer.iter().map(|tensor| tensor.name.as_str()));
    known.extend(graph.node.iter().flat_map(|node| &node.output).map(String::as_str));
    known.remove("");
    for node in &graph.node {
        // An input that is left out has an empty name.
        if let Some(missing) = node.input.iter().find(|input| !input.is_empty() && !known.contains(input.as_str())) {
            return Err(ModelProblem::Broken(format!(
                "the node {:?} uses {missing:?}, which nothing in the file makes",
                node.name
            )));
        }
    }
    if let Some(output) = graph.output.iter().find(|output| !known.contains(output.name.as_str())) {
        return Err(ModelProblem::Broken(format!("nothing in the file makes its output {:?}", output.name)));
    }
    Ok(())
}

/// Lists the operators that tract lacks.
fn check_operators(graph: &GraphProto) -> Result<(), ModelProblem> {
    let known = tract_onnx::onnx().op_register.0;
    let mut missing: Vec<MissingOperator> = Vec::new();
    for node in graph.node.iter().filter(|node| !known.contains_key(&node.op_type)) {
        match missing.iter_mut().find(|entry| entry.operator == node.op_type) {
            Some(entry) => entry.count += 1,
            None => missing.push(MissingOperator { operator: node.op_type.clone(), node: node.name.clone(), count: 1 }),
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(ModelProblem::Operators(missing)) }
}

/// Refuses weights in files outside the model's folder, and names those that are missing or too short.
fn check_external_data(graph: &GraphProto, folder: Option<&Path>) -> Result<(), ModelProblem> {
    let root = folder.map(Path::canonicalize).transpose()?;
    let mut lengths: HashMap<&str, Result<u64, ExternalDataProblem>> = HashMap::new();
    let attributes = graph.node.iter().flat_map(|node| &node.attribute).filter_map(|attribute| attribute.t.as_ref());
    let external = |tensor: &&TensorProto| tensor.data_location == Some(DataLocation::External as i32);
    for tensor in graph.initializer.iter().chain(attributes).filter(external) {
        let entry = |key: &str| tensor.external_data.iter().find(|entry| entry.key == key).map(|e| e.value.as_str());
        let location = entry("location").unwrap_or_default();
        let length = lengths.entry(location).or_insert_with(|| length_within(root.as_deref(), location)).clone();
        let end = || -> Option<u64> {
            let number = |key| entry(key).map_or(Some(0), |value| value.parse::<u64>().ok());
            number("offset")?.checked_add(number("length")?)
        };
        let checked = length.and_then(|found| match end() {
            None => Err(ExternalDataProblem::Position),
            Some(needed) if needed > found => Err(ExternalDataProblem::Short { found, needed }),
            Some(_) => Ok(()),
        });
        checked.map_err(|cause| ModelProblem::ExternalData {
            tensor: tensor.name.clone(),
            location: location.to_owned(),
            cause,
        })?;
    }
    Ok(())
}

/// The length in bytes of a file that must lie inside the folder, links followed.
fn length_within(root: Option<&Path>, location: &str) -> Result<u64, ExternalDataProblem> {
    let inside = |component| matches!(component, Component::Normal(_) | Component::CurDir);
    if !Path::new(location).components().all(inside) {
        return Err(ExternalDataProblem::Outside);
    }
    let root = root.ok_or(ExternalDataProblem::Missing)?;
    let path = root.join(location).canonicalize().map_err(|_| ExternalDataProblem::Missing)?;
    if !path.starts_with(root) {
        return Err(ExternalDataProblem::Outside);
    }
    let status = path.metadata().map_err(|_| ExternalDataProblem::Missing)?;
    if status.is_file() { Ok(status.len()) } else { Err(ExternalDataProblem::Missing) }
}

/// ONNX says that `ConstantOfShape` without a value makes float32 zeros; tract 0.23.9 makes float64 ones, which then fit
/// nothing. PyTorch's default exporter leaves the value out, for instance in Swin's attention masks.
fn spell_out_default(node: &mut NodeProto) {
    if node.op_type == "ConstantOfShape" && node.attribute.is_empty() {
        let zero = TensorProto {
            data_type: DataType::Float as i32,
            dims: vec![1],
            float_data: vec![0.0],
            ..TensorProto::default()
        };
        node.attribute.push(AttributeProto {
            name: "value".into(),
            r#type: attribute_proto::AttributeType::Tensor as i32,
            t: Some(zero),
            ..AttributeProto::default()
        });
    }
}
