//! Graphs that take a picture of any size and bring it to theirs with a Resize of their own.
//!
//! Such a graph is cut in two behind that Resize. The front is run on each picture at the picture's own size; the rest, whose
//! input has one size, is the network that is explained.

use std::collections::HashSet;

use anyhow::Context as _;
use image::DynamicImage;
use ndarray::{ArrayD, IxDyn};
use thiserror::Error;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::Dimension;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Side;
use tract_onnx::pb::type_proto::{Tensor as TensorType, Value as Type};
use tract_onnx::pb::{GraphProto, ModelProto, TensorShapeProto, TypeProto, ValueInfoProto};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::{InferenceFact, InferenceModelExt};

use super::operators::onnx;
use super::preprocess::PictureError;
use super::settings::{ChannelOrder, Origin, Resize, Setting, Settings, Size};
use crate::guard;
use crate::network::{Layout, reason};

/// Where a graph is cut: a tensor that is the picture at the graph's own size, each channel `scale * x + shift` of one of
/// the input's.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cut {
    pub(super) tensor: String,
    pub(super) size: Size,
    pub(super) layout: Layout,
    /// For each channel, which of the input's it is, its scale and its shift.
    pub(super) channels: Vec<(usize, f32, f32)>,
}

impl Cut {
    /// The shape of the tensor for one picture.
    pub(super) fn shape(&self, channels: usize) -> [usize; 4] {
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        match self.layout {
            Layout::Nchw => [1, channels, height, width],
            Layout::Nhwc => [1, height, width, channels],
        }
    }
}

/// Why the part of a graph that resizes has made nothing of an image.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FrontError {
    /// tract refused.
    #[error("{reason}")]
    Refused {
        /// Its account, on one line.
        reason: String,
    },
    /// tract panicked.
    #[error("tract gave up before {output:?}")]
    GaveUp {
        /// The tensor behind that part.
        output: String,
    },
}

/// The part of a graph that resizes.
#[derive(Debug, Clone)]
pub(super) struct Front {
    proto: ModelProto,
    folder: Option<String>,
    output: String,
    /// How the input of the whole graph is prepared, whatever its size.
    fed: Settings,
}

impl Front {
    /// The front, and how the tensor behind it relates to the pixels.
    pub(super) fn new(proto: ModelProto, folder: Option<String>, cut: &Cut, fed: Settings) -> (Front, Settings) {
        let mut settings = fed.clone();
        settings.input_size = Setting { value: cut.size, origin: Origin::Graph };
        settings.resize = Setting { value: Resize::Squash(None), origin: Origin::Graph };
        settings.crop = Setting { value: None, origin: Origin::Graph };
        settings.layout = Setting { value: cut.layout, origin: Origin::Graph };
        for (source, scale, shift) in &cut.channels {
            // y = scale * x + shift, where x = (pixel - mean) / std.
            let colour = fed.channel(*source);
            let (mean, std) = (fed.mean.value[colour], fed.std.value[colour]);
            settings.mean.value[colour] = mean - shift / scale * std;
            settings.std.value[colour] = std / scale;
        }
        let blue_first = cut.channels.first().is_some_and(|(source, ..)| fed.channel(*source) == 2);
        settings.channel_order.value = if blue_first { ChannelOrder::Bgr } else { ChannelOrder::Rgb };
        (Front { proto, folder, output: cut.tensor.clone(), fed }, settings)
    }

    /// The tensor that it makes.
    pub(super) fn output(&self) -> &str {
        &self.output
    }

    /// What the network takes of a picture.
    pub(super) fn picture(&self, image: &DynamicImage) -> Result<ArrayD<f32>, PictureError> {
        let mut fed = self.fed.clone();
        fed.input_size.value = Size { width: image.width(), height: image.height() };
        fed.resize.value = Resize::Keep;
        fed.crop.value = None;
        Ok(self.tensor(fed.prepare(image)?.tensor)?)
    }

    /// The axes and channels of the input, whatever its height and width.
    pub(super) fn takes(&self, shape: &[usize]) -> bool {
        let channels = self.fed.channels.value;
        match (shape, self.fed.layout.value) {
            ([1, found, _, _], Layout::Nchw) | ([1, _, _, found], Layout::Nhwc) => *found == channels,
            _ => false,
        }
    }

    /// What the network takes of a tensor that is prepared as the whole graph takes it.
    pub(super) fn tensor(&self, tensor: ArrayD<f32>) -> Result<ArrayD<f32>, FrontError> {
        match guard::quietly(|| self.run(tensor)) {
            Ok(result) => result.map_err(|error| FrontError::Refused { reason: reason(&error) }),
            Err(_) => Err(FrontError::GaveUp { output: self.output.clone() }),
        }
    }

    fn run(&self, tensor: ArrayD<f32>) -> TractResult<ArrayD<f32>> {
        let parsed = onnx().with_ignore_value_info(true).parse(&self.proto, self.folder.as_deref())?;
        let mut model = parsed.model;
        model.set_input_fact(0, InferenceFact::dt_shape(f32::datum_type(), tensor.shape()))?;
        let shape = tensor.shape().to_vec();
        let values: Vec<f32> = tensor.as_standard_layout().iter().copied().collect();
        let made =
            model.into_typed()?.into_runnable()?.run(tvec!(Tensor::from_shape(&shape, &values)?.into_tvalue()))?;
        let made = made.first().context("no output")?;
        let values = made.try_as_plain_ram()?.as_slice::<f32>()?.to_vec();
        Ok(ArrayD::from_shape_vec(IxDyn(made.shape()), values)?)
    }
}

/// Which nodes are needed for these tensors, if some are there already; and which tensors they in turn need.
fn needed<'a>(graph: &'a GraphProto, wanted: &[&'a str], given: &str) -> (Vec<bool>, HashSet<&'a str>) {
    let mut names: HashSet<&str> = wanted.iter().copied().filter(|name| *name != given).collect();
    let mut marks = vec![false; graph.node.len()];
    for (node, mark) in graph.node.iter().zip(&mut marks).rev() {
        if node.output.iter().any(|output| names.contains(output.as_str())) {
            *mark = true;
            names.extend(node.input.iter().map(String::as_str).filter(|input| *input != given));
        }
    }
    (marks, names)
}

/// Cuts a graph at a tensor: gives the front, and leaves the rest with that tensor as its input. The second result marks the
/// nodes that are left. None, and nothing happens, where the rest needs the input, too.
pub(super) fn split(
    proto: &mut ModelProto,
    input: &str,
    cut: &str,
    sides: [usize; 4],
) -> Option<(ModelProto, Vec<bool>)> {
    let graph = proto.graph.as_ref()?;
    let outputs: Vec<&str> = graph.output.iter().map(|output| output.name.as_str()).collect();
    let (rest, names) = needed(graph, &outputs, cut);
    if names.contains(input) {
        return None;
    }
    let (front, used) = needed(graph, &[cut], "");
    let info = |kind: DataType, sides: Option<[usize; 4]>| {
        let side = |side: usize| Dimension { value: Some(Side::DimValue(side as i64)), ..Dimension::default() };
        let shape = sides.map(|sides| TensorShapeProto { dim: sides.map(side).to_vec() });
        let tensor = TensorType { elem_type: kind as i32, shape };
        ValueInfoProto {
            name: cut.to_owned(),
            r#type: Some(TypeProto { value: Some(Type::TensorType(tensor)), ..TypeProto::default() }),
            ..ValueInfoProto::default()
        }
    };
    let mut first = GraphProto {
        name: graph.name.clone(),
        node: graph.node.iter().zip(&front).filter(|(_, is)| **is).map(|(node, _)| node.clone()).collect(),
        initializer: graph.initializer.iter().filter(|it| used.contains(it.name.as_str())).cloned().collect(),
        input: graph.input.iter().filter(|it| it.name == input).cloned().collect(),
        output: vec![info(DataType::Float, None)],
        ..GraphProto::default()
    };
    // Bytes are fed as floats.
    for input in &mut first.input {
        if let Some(Type::TensorType(tensor)) = input.r#type.as_mut().and_then(|kind| kind.value.as_mut()) {
            (tensor.elem_type, tensor.shape) = (DataType::Float as i32, None);
        }
    }
    let whole = ModelProto { graph: Some(first), ir_version: proto.ir_version, ..ModelProto::default() };
    let whole = ModelProto { opset_import: proto.opset_import.clone(), ..whole };
    let graph = proto.graph.as_mut()?;
    let mut marks = rest.iter();
    graph.node.retain(|_| marks.next().copied().unwrap_or(true));
    graph.input.retain(|it| it.name != input);
    graph.input.push(info(DataType::Float, Some(sides)));
    Some((whole, rest))
}
