//! `seewhy model`: what a model file holds, who decided each setting, which layers and methods there are.

mod text;

use serde::Serialize;

use super::Ending;
use super::args::{CommonArgs, ModelArgs};
use super::output::Output;
use super::truth;
use crate::explain::{self, LayerChoice, METHODS};
use crate::gallery::Truths;
use crate::model::{Classifier, Fingerprint, ModelSource, Origin};
use crate::network::OutputActivation;
use crate::session::SCHEMA;

/// The description, as `--json` prints it.
#[derive(Serialize)]
struct Description {
    schema: u32,
    model: String,
    model_id: Fingerprint,
    input: Input,
    output: OutputTensor,
    classes: usize,
    labels: Vec<String>,
    labels_from: Option<String>,
    /// The file that says the classes of images; without it folders do.
    truth: Option<String>,
    settings: Vec<SettingRow>,
    layers: Vec<LayerRow>,
    methods: Vec<MethodRow>,
    unsupported: Vec<Obstacle>,
    /// What was guessed or is doubtful.
    notices: Vec<String>,
}

#[derive(Serialize)]
struct Input {
    shape: Vec<usize>,
}

#[derive(Serialize)]
struct OutputTensor {
    name: String,
    logits: String,
    /// Whether the graph itself ends in a softmax.
    softmax: bool,
    activation: String,
    activation_from: String,
    /// Where several classes may be said, from which probability on.
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold_from: Option<String>,
    from: String,
    others: Vec<String>,
}

#[derive(Serialize)]
struct SettingRow {
    name: &'static str,
    value: String,
    from: String,
}

#[derive(Serialize)]
struct LayerRow {
    name: String,
    path: Option<String>,
    operator: String,
    /// `[C, h, w]`.
    shape: [usize; 3],
    /// Whether the interface steps through it.
    trunk: bool,
    auto: bool,
}

#[derive(Serialize)]
struct MethodRow {
    name: &'static str,
    family: &'static str,
    runs: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_by: Option<String>,
}

#[derive(Serialize)]
struct Obstacle {
    operator: String,
    node: String,
    reason: String,
}

pub(super) fn run(args: &ModelArgs, common: &CommonArgs) -> anyhow::Result<Ending> {
    let source = args.path.as_deref().map_or_else(|| common.model(), |path| Ok(ModelSource::from(path)))?;
    let classifier = Classifier::load(&source, &common.overrides())?;
    let truths = truth::truths(&classifier, common.truth())?;
    let description = describe(&classifier, &source, &truths);
    let mut output = Output::new();
    if args.json {
        output.json(&description)?;
    } else {
        output.bytes(text::text(&description, common.verbose > 0).as_bytes())?;
    }
    Ok(Ending::Done)
}

fn describe(classifier: &Classifier, source: &ModelSource, truths: &Truths) -> Description {
    let network = classifier.network();
    let output = classifier.output();
    let setting =
        |(name, value, origin): (_, _, &crate::model::Origin)| SettingRow { name, value, from: origin.to_string() };
    let layer = |(index, layer): (usize, &crate::network::Layer)| LayerRow {
        name: layer.name.clone(),
        path: layer.path.clone(),
        operator: layer.operator.clone(),
        shape: layer.shape,
        trunk: layer.trunk,
        auto: network.auto_layer() == Some(index),
    };
    let method = |method: &&explain::MethodInfo| {
        let stopped_by = explain::obstacle(method, network, &LayerChoice::Auto);
        MethodRow { name: method.name, family: method.family.name(), runs: stopped_by.is_none(), stopped_by }
    };
    Description {
        schema: SCHEMA,
        model: source.to_string(),
        model_id: classifier.fingerprint(),
        input: Input { shape: network.input_shape().to_vec() },
        output: OutputTensor {
            name: output.name.clone(),
            logits: output.logits.clone(),
            softmax: output.activation.value == OutputActivation::Softmax && output.activation.origin == Origin::Graph,
            activation: output.activation.value.to_string(),
            activation_from: output.activation.origin.to_string(),
            threshold: output.threshold.as_ref().map(|threshold| threshold.value),
            threshold_from: output.threshold.as_ref().map(|threshold| threshold.origin.to_string()),
            from: output.origin.to_string(),
            others: output.others.clone(),
        },
        classes: network.classes(),
        labels: classifier.labels().names().to_vec(),
        labels_from: classifier.labels_origin().map(ToString::to_string),
        truth: truths.file().map(|file| file.display().to_string()),
        settings: classifier.settings().rows().into_iter().map(setting).collect(),
        layers: network.layers().iter().enumerate().map(layer).collect(),
        methods: METHODS.iter().map(method).collect(),
        unsupported: network
            .unsupported()
            .iter()
            .map(|it| Obstacle { operator: it.operator.clone(), node: it.node.clone(), reason: it.reason.clone() })
            .collect(),
        notices: classifier.notices().iter().cloned().chain(truths.notices()).collect(),
    }
}
