//! What the interface needs to know of a model.

use std::sync::Arc;

use crate::explain::{Family, Param};
use crate::gallery::Truths;
use crate::session::ModelId;

/// A layer that can be stepped to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerRow {
    /// Index in [`Network::layers`](crate::network::Network::layers).
    pub index: usize,
    /// As users know it: the module path where the file holds it, else the ONNX name.
    pub name: String,
    /// All names that it is found by: its node, its tensor, its module.
    pub known_as: Vec<String>,
    /// `[C, h, w]`.
    pub shape: [usize; 3],
}

/// A stage of the way from the input to the scores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageRow {
    /// As users know it.
    pub name: String,
    /// Its operators in words: `Conv, Relu`; empty for the input.
    pub operators: String,
    /// Of what it hands on, `[C, h, w]` where that has rows and columns.
    pub shape: Vec<usize>,
    /// What it hands on, an index into [`Network::layers`](crate::network::Network::layers), with its name.
    pub layer: Option<(usize, String)>,
    /// All that are layers in it.
    pub layers: Vec<usize>,
    /// The nodes in it that have weights, by their ONNX names.
    pub weighted: Vec<String>,
    /// Numbers that it has learnt.
    pub weights: u64,
    /// Its multiply-adds.
    pub work: u64,
    /// The stages that it reads, by their place in the list.
    pub from: Vec<usize>,
    /// Whether every way from the input to the scores goes through it.
    pub trunk: bool,
}

/// A method that can be chosen, or why not.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodRow {
    /// The registry's name.
    pub name: &'static str,
    /// What kind of question it asks.
    pub family: Family,
    /// One line.
    pub help: &'static str,
    /// What to know before trusting it.
    pub caution: Option<&'static str>,
    /// Whether it uses a layer.
    pub needs_layer: bool,
    /// Its parameters.
    pub params: Vec<Param>,
    /// Why this model cannot be explained by it.
    pub obstacle: Option<String>,
}

/// What the interface needs to know of a model.
#[derive(Debug, Clone)]
pub struct ModelSummary {
    /// Which of the models at work it is.
    pub id: ModelId,
    /// File name or `builtin`, safe to print.
    pub name: String,
    /// Width and height of the input.
    pub input: (usize, usize),
    /// Class names by index, safe to print; as many as the model has outputs.
    pub labels: Arc<[String]>,
    /// Whether exactly one class is right and what the model gives of it is a probability.
    pub is_probable: bool,
    /// Knows the true classes of images.
    pub truths: Arc<Truths>,
    /// The layers to step through, from input to logits.
    pub layers: Vec<LayerRow>,
    /// Position in `layers` of the one that `auto` means.
    pub auto: Option<usize>,
    /// Position in `layers` of the one that the user asked for by name, before the model was there.
    pub asked: Option<usize>,
    /// The blocks with attention, from input to logits, as users know them; safe to print.
    pub attention: Vec<String>,
    /// The way from the input to the scores; the first is the input.
    pub stages: Vec<StageRow>,
    /// The registry's methods.
    pub methods: Vec<MethodRow>,
    /// What was guessed or is doubtful, a sentence each, safe to print; to be shown.
    pub notices: Vec<String>,
}

impl ModelSummary {
    /// A class's name.
    pub fn label(&self, class: usize) -> &str {
        self.labels.get(class).map_or("?", String::as_str)
    }

    /// The name of a layer (an index into [`Network::layers`](crate::network::Network::layers)).
    pub fn layer_name(&self, index: usize) -> Option<&str> {
        let listed = self.layers.iter().find(|row| row.index == index).map(|row| row.name.as_str());
        let passed = || self.stages.iter().filter_map(|stage| stage.layer.as_ref()).find(|(layer, _)| *layer == index);
        listed.or_else(|| passed().map(|(_, name)| name.as_str()))
    }

    /// The stage that a layer (an index into [`Network::layers`](crate::network::Network::layers)) is in.
    pub fn stage_of(&self, layer: usize) -> Option<usize> {
        self.stages.iter().position(|stage| stage.layers.contains(&layer))
    }

    /// A class's name, the first where it has several (`tench, Tinca tinca`).
    pub fn short_label(&self, class: usize) -> &str {
        self.label(class).split(',').next().unwrap_or("?").trim_end()
    }
}
