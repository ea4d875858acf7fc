//! The ONNX file as a message: read, checked, and asked what it takes and gives, before tract sees the graph.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dimension;
use tract_onnx::pb::type_proto::Value as Type;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, attribute_proto};
use tract_onnx::prelude::Framework;

use super::constants::Constants;
use super::error::{MissingOperator, ModelProblem};
use super::front;
use super::nodes::{self, called, subgraphs};
use super::opening::{self, Opening};
use super::operators::onnx;
use super::output::{self, OutputSpec};
use super::wire::{self, NodeMetadata, Scan, WireError};
use super::{file_kind, passes};
use crate::network::{OnnxNode, reason};
use crate::text::Literal;

/// A model as its file has it.
pub(super) struct OnnxFile {
    pub(super) proto: ModelProto,
    /// Where external data may lie. None for a model in memory.
    pub(super) folder: Option<PathBuf>,
    /// The files beside the model that hold weights of it.
    pub(super) weights: Vec<PathBuf>,
    metadata: NodeMetadata,
}

/// What the graph takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InputSpec {
    /// The tensor's name.
    pub(super) name: String,
    /// Its four sides; None where they are left open.
    pub(super) sides: [Option<usize>; 4],
    /// Whether it holds bytes rather than floats.
    pub(super) bytes: bool,
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
        if let Some(kind) = file_kind::looks_like(&start, &mut file) {
            return Err(ModelProblem::NotOnnx { looks_like: Some(kind) });
        }
        file.rewind()?;
        let scan = wire::scan(&mut BufReader::new(file), status.len());
        let scan = scan.map_err(|error| match (ModelProblem::from(error), file_kind::by_name(path)) {
            (ModelProblem::NotOnnx { looks_like: None }, kind) => ModelProblem::NotOnnx { looks_like: kind },
            (problem, _) => problem,
        })?;
        let proto = tract_onnx::onnx().proto_model_for_path(path).map_err(|error| undecodable(&error))?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self::checked(proto, Some(parent), scan)
    }

    /// Reads a model that is in memory.
    pub(super) fn from_bytes(mut bytes: &[u8]) -> Result<OnnxFile, ModelProblem> {
        let scan = wire::scan(&mut std::io::Cursor::new(bytes), bytes.len() as u64)?;
        let proto = tract_onnx::onnx().proto_model_for_read(&mut bytes).map_err(|error| undecodable(&error))?;
        Self::checked(proto, None, scan)
    }

    /// Looks over a message, and makes it simpler.
    fn checked(mut proto: ModelProto, folder: Option<&Path>, scan: Scan) -> Result<OnnxFile, ModelProblem> {
        check_structure(proto.graph.as_ref().ok_or(ModelProblem::NotOnnx { looks_like: None })?)?;
        let mut metadata = passes::flatten(&mut proto, scan)?;
        let located = proto.graph.as_mut().map(|graph| passes::locate_external_data(graph, folder)).transpose()?;
        let (folder, weights) = located.unwrap_or_default();
        passes::lower(&mut proto, &mut metadata, folder.as_deref())?;
        let mut file = OnnxFile { proto, folder, weights, metadata };
        if let Some(graph) = &mut file.proto.graph {
            check_operators(graph)?;
            graph.node.iter_mut().for_each(spell_out_default);
        }
        Ok(file)
    }

    /// Puts branches in the place of every `If` that is decided for an input of this shape.
    pub(super) fn fold_branches(&mut self, shape: [usize; 4]) -> Result<(), ModelProblem> {
        let input = self.input()?.name;
        let folder = self.folder.as_ref().map(|folder| folder.to_string_lossy().into_owned());
        passes::fold_branches(&mut self.proto, &mut self.metadata, &input, shape, folder.as_deref())?;
        self.proto.graph.iter_mut().flat_map(|graph| &mut graph.node).for_each(spell_out_default);
        Ok(())
    }

    fn graph(&self) -> &GraphProto {
        static NONE: std::sync::LazyLock<GraphProto> = std::sync::LazyLock::new(GraphProto::default);
        self.proto.graph.as_ref().unwrap_or(&NONE)
    }

    /// What the graph does to its input before the network begins.
    pub(super) fn opening(&self, input: &InputSpec) -> Opening {
        let folder = self.folder.as_ref().map(|folder| folder.to_string_lossy());
        opening::read(self.graph(), input, folder.as_deref())
    }

    /// The first Reshape to a shape that begins with this batch size.
    pub(super) fn reshape_to(&self, batch: usize) -> Option<String> {
        let folder = self.folder.as_ref().map(|folder| folder.to_string_lossy());
        let constants = Constants::of(self.graph(), folder.as_deref());
        let fixes = |node: &&NodeProto| {
            let shape = node.input.get(1).and_then(|shape| constants.values(shape));
            node.op_type == "Reshape" && shape.is_some_and(|shape| shape.first() == Some(&(batch as f64)))
        };
        self.graph().node.iter().find(fixes).map(|node| called(node).to_owned())
    }

    /// Cuts the graph: gives the part before this tensor, and the tensor becomes the input of the rest. None where the rest
    /// needs more than that.
    pub(super) fn split(&mut self, cut: &str, sides: [usize; 4]) -> Option<(ModelProto, Option<String>)> {
        let input = self.input().ok()?.name;
        let (front, left) = front::split(&mut self.proto, &input, cut, sides)?;
        let mut marks = left.iter();
        self.metadata.retain(|_| marks.next().copied().unwrap_or(true));
        Some((front, self.folder.as_ref().map(|folder| folder.to_string_lossy().into_owned())))
    }

    /// A value of the model's own metadata.
    pub(super) fn property(&self, key: &str) -> Option<&str> {
        self.proto.metadata_props.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
    }

    /// The one input, a batch of images.
    pub(super) fn input(&self) -> Result<InputSpec, ModelProblem> {
        let graph = self.graph();
        let weights = nodes::weights(graph);
        let inputs: Vec<&ValueInfoProto> =
            graph.input.iter().filter(|input| !weights.contains(input.name.as_str())).collect();
        let not_an_image = |what: String| Err(ModelProblem::NotClassifier(what));
        let [input] = inputs[..] else {
            let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
            return not_an_image(format!("it has {} inputs {names:?}, an image classifier has one", names.len()));
        };
        let Some(Type::TensorType(tensor)) = input.r#type.as_ref().and_then(|kind| kind.value.as_ref()) else {
            return not_an_image(format!("its input {:?} is not a tensor", input.name));
        };
        let kind = DataType::try_from(tensor.elem_type).unwrap_or(DataType::Undefined);
        if !matches!(kind, DataType::Float | DataType::Uint8) {
            let kind = kind.as_str_name().to_lowercase();
            return not_an_image(format!("its input {:?} holds {kind}, not float32 or uint8", input.name));
        }
        let bytes = kind == DataType::Uint8;
        let Some(shape) = &tensor.shape else {
            return Ok(InputSpec { name: input.name.clone(), sides: [None; 4], bytes });
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
            Ok(sides) => Ok(InputSpec { name: input.name.clone(), sides, bytes }),
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
        let weights = nodes::weights(graph);
        let no_metadata = Vec::new();
        let metadata = self.metadata.iter().chain(std::iter::repeat(&no_metadata));
        let node = |(node, metadata): (&NodeProto, &Vec<(String, String)>)| {
            let scopes = metadata.iter().find(|(key, _)| key == "pkg.torch.onnx.name_scopes");
            let weight = node.input.iter().find(|input| weights.contains(input.as_str()) && input.ends_with(".weight"));
            OnnxNode {
                name: called(node).to_owned(),
                operator: node.op_type.clone(),
                outputs: node.output.clone(),
                path: scopes.and_then(|(_, scopes)| module_path(scopes)),
                reads_weights: node.input.iter().any(|input| weights.contains(input.as_str())),
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
    ModelProblem::Broken(reason(error))
}

/// Refuses graphs whose nodes and outputs name tensors that nothing makes.
fn check_structure(graph: &GraphProto) -> Result<(), ModelProblem> {
    check_names(graph, &HashSet::new())
}

/// The same for a graph, or a branch inside one that makes the tensors `around`.
fn check_names(graph: &GraphProto, around: &HashSet<&str>) -> Result<(), ModelProblem> {
    let mut known = around.clone();
    known.extend(graph.input.iter().map(|input| input.name.as_str()));
    known.extend(nodes::weights(graph));
    known.extend(graph.node.iter().flat_map(|node| &node.output).map(String::as_str));
    known.remove("");
    for node in &graph.node {
        // An input that is left out has an empty name.
        if let Some(missing) = node.input.iter().find(|input| !input.is_empty() && !known.contains(input.as_str())) {
            return Err(ModelProblem::Malformed(format!(
                "the node {:?} uses {missing:?}, which nothing in the file makes",
                node.name
            )));
        }
        subgraphs(node).try_for_each(|branch| check_names(branch, &known))?;
    }
    if let Some(output) = graph.output.iter().find(|output| !known.contains(output.name.as_str())) {
        return Err(ModelProblem::Malformed(format!("nothing in the file makes its output {:?}", output.name)));
    }
    Ok(())
}

/// Lists the operators that tract lacks, those in branches included.
fn check_operators(graph: &GraphProto) -> Result<(), ModelProblem> {
    let known = onnx().op_register.0;
    let mut missing: Vec<MissingOperator> = Vec::new();
    let mut graphs = vec![graph];
    while let Some(graph) = graphs.pop() {
        for node in &graph.node {
            graphs.extend(subgraphs(node));
            if known.contains_key(&node.op_type) {
                continue;
            }
            match missing.iter_mut().find(|entry| entry.operator == node.op_type) {
                Some(entry) => entry.count += 1,
                None => {
                    missing.push(MissingOperator { operator: node.op_type.clone(), node: node.name.clone(), count: 1 });
                }
            }
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(ModelProblem::Operators(missing)) }
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
