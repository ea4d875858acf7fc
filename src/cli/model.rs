//! `seewhy model`: what a model file holds, who decided each setting, which layers and methods there are.

use serde::Serialize;

use super::Ending;
use super::args::{CommonArgs, ModelArgs};
use super::output::Output;
use crate::explain::{self, LayerChoice, METHODS};
use crate::model::{Classifier, ModelSource, Origin, OutputActivation};
use crate::text::escape;

/// The description, as `--json` prints it.
#[derive(Serialize)]
struct Description {
    schema: u32,
    model: String,
    input: Input,
    output: OutputTensor,
    classes: usize,
    labels: Vec<String>,
    labels_from: Option<String>,
    settings: Vec<Setting>,
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
    from: String,
    others: Vec<String>,
}

#[derive(Serialize)]
struct Setting {
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
    let source = ModelSource::from(args.path.as_deref().unwrap_or(&common.model));
    let classifier = Classifier::load(&source, &common.overrides())?;
    let description = describe(&classifier, &source);
    let mut output = Output::new();
    if args.json {
        output.json(&description)?;
    } else {
        output.bytes(text(&description, common.verbose > 0).as_bytes())?;
    }
    Ok(Ending::Done)
}

fn describe(classifier: &Classifier, source: &ModelSource) -> Description {
    let network = classifier.network();
    let (output, scoring) = (classifier.output(), network.scoring());
    let setting =
        |(name, value, origin): (_, _, &crate::model::Origin)| Setting { name, value, from: origin.to_string() };
    let layer = |(index, layer): (usize, &crate::model::Layer)| LayerRow {
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
        schema: explain::export::SCHEMA,
        model: source.to_string(),
        input: Input { shape: network.input_shape().to_vec() },
        output: OutputTensor {
            name: output.name.clone(),
            logits: output.logits.clone(),
            softmax: output.activation.value == OutputActivation::Softmax && output.activation.origin == Origin::Graph,
            activation: output.activation.value.to_string(),
            activation_from: output.activation.origin.to_string(),
            threshold: (!scoring.exclusive).then_some(scoring.threshold),
            from: output.origin.to_string(),
            others: output.others.clone(),
        },
        classes: network.classes(),
        labels: classifier.labels().names().to_vec(),
        labels_from: classifier.labels_origin().map(ToString::to_string),
        settings: classifier.settings().rows().into_iter().map(setting).collect(),
        layers: network.layers().iter().enumerate().map(layer).collect(),
        methods: METHODS.iter().map(method).collect(),
        unsupported: network
            .unsupported()
            .iter()
            .map(|it| Obstacle { operator: it.operator.clone(), node: it.node.clone(), reason: it.reason.clone() })
            .collect(),
        notices: classifier.notices().to_vec(),
    }
}

/// The description for people. Long lists of layers are cut to those that matter, unless `all`.
fn text(description: &Description, all: bool) -> String {
    let mut lines = vec![];
    lines.push(format!("model     {}", escape(&description.model)));
    lines.push(format!("input     {:?}", description.input.shape));
    let output = &description.output;
    lines.push(format!("logits    {} ({})", escape(&output.logits), output.from));
    let from =
        if output.activation_from.starts_with("a guess") { "nothing says otherwise" } else { &output.activation_from };
    let said = output.threshold.map(|least| format!(", any number of classes, those from {least} on"));
    let said = said.unwrap_or_default();
    lines.push(format!("shown as  {}{said} ({})", output.activation, from));
    if !description.output.others.is_empty() {
        lines.push(format!("          other outputs: {}", escape(&description.output.others.join(", "))));
    }
    let named = description.labels_from.as_deref().map(|from| format!("named by {from}"));
    let named = named.unwrap_or("without names: they are called by their index".into());
    lines.push(format!("classes   {}, {named}", description.classes));
    lines.push(String::new());
    lines.push("preprocessing".into());
    let width = description.settings.iter().map(|setting| setting.value.len()).max().unwrap_or(0);
    for Setting { name, value, from } in &description.settings {
        lines.push(format!("  {name:<14} {value:<width$}  {from}"));
    }
    lines.push(String::new());
    let shown: Vec<&LayerRow> = description.layers.iter().filter(|layer| all || layer.trunk || layer.auto).collect();
    lines.push(format!(
        "layers that a class activation map can use: {} ({} shown)",
        description.layers.len(),
        shown.len()
    ));
    let size = |layer: &LayerRow| format!("[{}, {}, {}]", layer.shape[0], layer.shape[1], layer.shape[2]);
    let width = shown.iter().map(|layer| layer.name.len()).max().unwrap_or(0);
    for layer in &shown {
        let auto = if layer.auto { "*" } else { " " };
        let path = layer.path.as_deref().map(|path| format!("  {path}")).unwrap_or_default();
        let row = format!("{auto} {:<width$}  {:<12} {:<16}{path}", layer.name, layer.operator, size(layer));
        lines.push(escape(row.trim_end()).into_owned());
    }
    lines.push("  * is what `auto` picks; any name, tensor or module path can be given to --layer".into());
    if shown.len() < description.layers.len() {
        lines.push("  -v lists them all".into());
    }
    lines.push(String::new());
    let (can, cannot): (Vec<_>, Vec<_>) = description.methods.iter().partition(|method| method.runs);
    lines.push("methods that can explain it".into());
    for family in can.chunk_by(|a, b| a.family == b.family) {
        let names: Vec<_> = family.iter().map(|method| method.name).collect();
        lines.push(format!("  {:<14} {}", family[0].family, names.join(", ")));
    }
    for method in cannot {
        lines.push(format!("  not {}: {}", method.name, escape(method.stopped_by.as_deref().unwrap_or_default())));
    }
    for obstacle in &description.unsupported {
        let row = format!("  no gradient through {} at {}: {}", obstacle.operator, obstacle.node, obstacle.reason);
        lines.push(escape(&row).into_owned());
    }
    if !description.notices.is_empty() {
        lines.push(String::new());
        lines.push("to know".into());
        lines.extend(description.notices.iter().map(|notice| format!("  {}", escape(notice))));
    }
    lines.join("\n") + "\n"
}
