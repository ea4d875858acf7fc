//! The description of a model for people, in lines that fit a small terminal.

use super::{Description, LayerRow};
use crate::cli::output::wrapped;
use crate::text::escape;

/// Cells of names in front of what they name.
const NAMES: usize = 14;
/// The longest list of classes that is shown, in characters.
const LONGEST: usize = 32;
/// What decides where nobody does and nothing is doubtful.
const NOBODY: &str = "nothing says otherwise";

/// The description. Long lists of layers are cut to those that matter, unless `all`.
pub(super) fn text(description: &Description, all: bool) -> String {
    let mut lines = vec![format!("model  {}", escape(&description.model))];
    lines.push(format!("id     {}", description.model_id));
    lines.push(format!("input  {:?}", description.input.shape));
    lines.push(String::new());
    let scores = scores(description);
    let settings = description.settings.iter().map(|row| (row.name, row.value.clone(), row.from.as_str()));
    let settings: Vec<_> = settings.collect();
    let width = scores.iter().chain(&settings).map(|(_, value, _)| value.chars().count()).max().unwrap_or(0);
    for (title, rows) in [("scores", scores), ("preprocessing", settings)] {
        lines.push(title.to_owned());
        for (name, value, from) in rows {
            // What comes from files is escaped already, or has no room for harm.
            lines.push(format!("  {name:<NAMES$} {value:<width$}  {from}"));
        }
        lines.push(String::new());
    }
    lines.extend(layers(description, all));
    lines.push(String::new());
    lines.extend(methods(description));
    if !description.notices.is_empty() {
        lines.push(String::new());
        lines.push("to know".into());
        for notice in &description.notices {
            lines.extend(wrapped("  - ", &escape(notice)));
        }
    }
    lines.join("\n") + "\n"
}

/// A setting, its value, and who decided it.
type Row<'a> = (&'static str, String, &'a str);

/// What the scores are and what their classes are called.
fn scores(description: &Description) -> Vec<Row<'_>> {
    let output = &description.output;
    let mut rows: Vec<Row<'_>> = vec![("output", escape(&output.name).into_owned(), &output.from)];
    if !output.others.is_empty() {
        rows.push(("other outputs", escape(&output.others.join(", ")).into_owned(), "ONNX graph"));
    }
    if output.logits != output.name {
        rows.push(("logits", escape(&output.logits).into_owned(), "ONNX graph"));
    }
    rows.push(("activation", output.activation.clone(), not_guessed(&output.activation_from)));
    if let Some((threshold, from)) = output.threshold.zip(output.threshold_from.as_deref()) {
        rows.push(("threshold", threshold.to_string(), not_guessed(from)));
    }
    rows.push(("classes", description.classes.to_string(), "ONNX graph"));
    let named = description.labels_from.as_deref();
    let names = if description.labels.is_empty() { "by their index".to_owned() } else { listed(&description.labels) };
    rows.push(("labels", names, named.unwrap_or("nobody names them")));
    rows.push(match &description.truth {
        Some(file) => ("truth", escape(file).into_owned(), "flag"),
        None => ("truth", "the folders of images".to_owned(), NOBODY),
    });
    rows
}

/// Who decided what is usual where nobody does: that is no guess at what the model is.
fn not_guessed(from: &str) -> &str {
    if from == "a guess" { NOBODY } else { from }
}

/// The first names, and a mark where there are more.
fn listed(names: &[String]) -> String {
    let mut text = String::new();
    for (index, name) in names.iter().enumerate() {
        let name = name.split(',').next().unwrap_or_default();
        if index > 0 && text.chars().count() + name.chars().count() > LONGEST {
            return text + ", …";
        }
        text.push_str(if index > 0 { ", " } else { "" });
        text.push_str(name);
    }
    text
}

fn layers(description: &Description, all: bool) -> Vec<String> {
    let shown: Vec<&LayerRow> = description.layers.iter().filter(|layer| all || layer.trunk || layer.auto).collect();
    let (count, few) = (description.layers.len(), shown.len());
    let mut lines = vec![format!("layers that a class activation map can use: {count} ({few} shown)")];
    let size = |layer: &LayerRow| format!("[{}, {}, {}]", layer.shape[0], layer.shape[1], layer.shape[2]);
    let widest = |length: fn(&LayerRow) -> usize| shown.iter().map(|layer| length(layer)).max().unwrap_or(0);
    let (names, operators) = (widest(|layer| layer.name.len()), widest(|layer| layer.operator.len()));
    for layer in &shown {
        let auto = if layer.auto { "*" } else { " " };
        let path = layer.path.as_deref().map(|path| format!("  {path}")).unwrap_or_default();
        let row = format!("{auto} {:<names$}  {:<operators$}  {:<15}{path}", layer.name, layer.operator, size(layer));
        lines.push(escape(row.trim_end()).into_owned());
    }
    lines.push("  * is what `auto` picks; --layer takes any name, tensor or PyTorch module".into());
    if few < count {
        lines.push("  -v lists them all".into());
    }
    lines
}

fn methods(description: &Description) -> Vec<String> {
    let (can, cannot): (Vec<_>, Vec<_>) = description.methods.iter().partition(|method| method.runs);
    let mut lines = vec!["methods that can explain it".to_owned()];
    for family in can.chunk_by(|a, b| a.family == b.family) {
        let names: Vec<_> = family.iter().map(|method| method.name).collect();
        lines.extend(wrapped(&format!("  {:<NAMES$} ", family[0].family), &names.join(", ")));
    }
    for method in cannot {
        let why = escape(method.stopped_by.as_deref().unwrap_or_default());
        lines.extend(wrapped(&format!("  not {}: ", method.name), &why));
    }
    for obstacle in &description.unsupported {
        let why = format!("{} at {}: {}", obstacle.operator, obstacle.node, obstacle.reason);
        lines.extend(wrapped("  no gradient through ", &escape(&why)));
    }
    lines
}
