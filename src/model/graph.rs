//! From the ONNX message to tract's typed graph with one image as its input, remembering which node became what.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Range;

use anyhow::Context as _;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::{InferenceFact, InferenceModel, InferenceModelExt, InferenceOp};
use tract_onnx::tract_hir::internal::translator::Translate;
use tract_onnx::tract_hir::internal::{EvalContext, Factoid, InferenceNode, SpecialOps};

use super::error::ModelProblem;
use super::onnx_file::OnnxFile;
use super::operators::onnx;
use super::output::OutputSpec;
use crate::network::{NodeNames, OnnxNode, reason};

/// A graph that is ready for plans.
pub(super) struct Graph {
    /// Typed, not decluttered: tensors are laid out as in the file.
    pub(super) typed: TypedModel,
    /// Where the raw scores are: one axis of classes, any other sides are 1.
    pub(super) logits: OutletId,
    /// How many raw scores there are.
    pub(super) classes: usize,
    /// Where the output itself is.
    pub(super) own: OutletId,
    /// How many values the output has.
    pub(super) outputs: usize,
    /// What the file calls things.
    pub(super) names: NodeNames,
    /// The output that was chosen.
    pub(super) output: OutputSpec,
    /// The other outputs, with their shapes.
    pub(super) others: Vec<String>,
    /// The names of those that may hold scores of classes of their own: other heads.
    pub(super) rivals: Vec<String>,
}

/// Types the graph for an input of one image of this shape. `output` is the name that the user gave, if any; `batch` the
/// batch size that the file fixes, if any.
pub(super) fn build(
    mut file: OnnxFile,
    shape: [usize; 4],
    output: Option<&str>,
    batch: Option<usize>,
) -> Result<Graph, ModelProblem> {
    file.fold_branches(shape)?;
    let outputs = wanted(&file, output)?;
    let nodes = file.nodes();
    let reshape = batch.and_then(|batch| file.reshape_to(batch));
    let result = translate(file, shape, nodes, &outputs).and_then(|Translated { typed, names, tensors }| {
        let (classes, index) = choose(&typed, &outputs, &tensors)?;
        let chosen = tensors[&outputs[index].logits];
        let is_rival = |other: &&OutputSpec| {
            let own = tensors[&other.logits];
            let is_apart = own != chosen && !reaches(&typed, own, chosen) && !reaches(&typed, chosen, own);
            is_apart && other.no_scores.is_none() && values(&typed, own).is_some_and(|count| count > 1)
        };
        let rivals = outputs.iter().filter(is_rival).map(|output| output.name.clone()).collect();
        let others = outputs.iter().enumerate().filter(|(other, _)| *other != index);
        let others = others.map(|(_, output)| format!("{:?} {}", output.name, shape_of(&typed, tensors[&output.name])));
        Ok(Graph {
            logits: tensors[&outputs[index].logits],
            classes,
            own: tensors[&outputs[index].name],
            outputs: values(&typed, tensors[&outputs[index].name]).unwrap_or(classes),
            others: others.collect(),
            rivals,
            output: outputs[index].clone(),
            typed,
            names,
        })
    });
    let others = outputs.len() > 1 || output.is_some();
    match (result, batch) {
        // The graph was made for a batch, and something in it counts on that.
        (Err(ModelProblem::Tract { .. } | ModelProblem::NotClassifier(_)), Some(batch)) if batch > 1 => {
            Err(ModelProblem::FixedBatch { batch, reshape })
        }
        (Err(ModelProblem::NotClassifier(what)), _) if others => Err(ModelProblem::WrongOutput(what)),
        (result, _) => result,
    }
}

/// The outputs that come into question.
fn wanted(file: &OnnxFile, asked: Option<&str>) -> Result<Vec<OutputSpec>, ModelProblem> {
    let outputs = file.outputs();
    match asked {
        None if outputs.is_empty() => Err(ModelProblem::NotClassifier("it has no output".into())),
        None => Ok(outputs),
        Some(name) if file.has_tensor(name) => Ok(vec![file.output(name)]),
        Some(name) => Err(ModelProblem::NoSuchOutput {
            asked: name.to_owned(),
            available: outputs.into_iter().map(|output| output.name).collect(),
        }),
    }
}

struct Translated {
    typed: TypedModel,
    names: NodeNames,
    /// Where the tensors of the outputs and their logits are.
    tensors: HashMap<String, OutletId>,
}

fn translate(
    file: OnnxFile,
    shape: [usize; 4],
    nodes: Vec<OnnxNode>,
    outputs: &[OutputSpec],
) -> Result<Translated, ModelProblem> {
    let failed = |attempt| move |error: TractError| ModelProblem::Tract { attempt, reason: reason(&error) };
    let input = file.input()?.name;
    let folder = file.folder.as_ref().map(|folder| folder.to_string_lossy().into_owned());
    // Shapes that the exporter noted down may hold its batch size and its symbols; tract finds its own.
    let onnx = onnx().with_ignore_value_info(true);
    let parsed = onnx.parse(&file.proto, folder.as_deref()).map_err(failed("tract cannot read the graph"))?;
    // The weights are in tract's tensors now: up to gigabytes less to hold while the graph is typed.
    drop(file);

    let (mut model, by_name) = (parsed.model, parsed.outlets_by_name);
    tell_apart(&mut model, nodes.len());
    let mut ends: Vec<&String> = outputs.iter().flat_map(|output| [&output.name, &output.logits]).collect();
    ends.dedup();
    let typed = (|| {
        let outlet = |name: &str| by_name.get(name).copied().with_context(|| format!("no tensor {name:?}"));
        let fact = InferenceFact::dt_shape(f32::datum_type(), shape);
        model.set_outlet_fact(outlet(&input)?, fact)?;
        model.set_input_outlets(&[outlet(&input)?])?;
        model.select_output_outlets(&ends.iter().map(|name| outlet(name)).collect::<TractResult<Vec<_>>>()?)?;
        type_graph(model)
    })();
    let Typed { model: typed, made, labels } = typed.map_err(failed("tract cannot make sense of the graph"))?;

    let tensors = ends.into_iter().cloned().zip(typed.outputs.iter().copied()).collect();
    let mut by_tensor: HashMap<&str, (Range<usize>, &[OutletId])> = HashMap::new();
    for (label, (range, outlets)) in labels.iter().zip(&made) {
        if let Some(label) = label {
            by_tensor.insert(label, (range.clone(), outlets));
        }
    }
    let mut names = NodeNames::default();
    for node in nodes {
        let found = node.outputs.first().and_then(|tensor| by_tensor.get(tensor.as_str()));
        if let Some((range, outlets)) = found {
            names.add(node.clone().escaped(), range.clone(), outlets);
        }
    }
    Ok(Translated { typed, names, tensors })
}

/// Gives every node a name of its own. ONNX lets a node be called like a weight, and two nodes like each other; tract does
/// not. The operators, which are the last `operators` nodes, have the first claim.
fn tell_apart(model: &mut InferenceModel, operators: usize) {
    let mut taken = HashSet::new();
    let first = model.nodes().len().saturating_sub(operators);
    let nodes = model.nodes_mut();
    let (weights, operators) = nodes.split_at_mut(first);
    for node in operators.iter_mut().chain(weights) {
        let mut name = node.name.clone();
        for number in 2.. {
            if taken.insert(name.clone()) {
                break;
            }
            name = format!("{}#{number}", node.name);
        }
        node.name = name;
    }
}

struct Typed {
    model: TypedModel,
    /// For each node that was translated, the typed nodes made for it, and where its outputs are.
    made: Vec<(Range<usize>, TVec<OutletId>)>,
    /// For each of them, the ONNX name of its first output.
    labels: Vec<Option<String>>,
}

/// What `into_typed` does, and a record of it.
fn type_graph(mut model: InferenceModel) -> TractResult<Typed> {
    model.analyse(false)?;
    let model = model.incorporate()?;
    let recorder = Recorder::default();
    let typed = recorder.translate_model(&model)?;
    let record = recorder.record.into_inner();
    let labels = record.iter().map(|(node, ..)| model.outlet_label(OutletId::new(*node, 0)).map(Into::into)).collect();
    let made = record.into_iter().map(|(_, range, outlets)| (range, outlets)).collect();
    Ok(Typed { model: typed, made, labels })
}

type Translation = (usize, Range<usize>, TVec<OutletId>);

/// Translates node by node, and writes down which typed nodes each became.
#[derive(Default)]
struct Recorder {
    /// The node, the typed nodes made for it, and where its outputs are.
    record: RefCell<Vec<Translation>>,
}

/// tract puts this into its messages.
impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("to a typed one")
    }
}

impl Translate<InferenceFact, Box<dyn InferenceOp>, TypedFact, Box<dyn TypedOp>> for Recorder {
    fn translate_node(
        &self,
        source: &InferenceModel,
        node: &InferenceNode,
        target: &mut TypedModel,
        mapping: &HashMap<OutletId, OutletId>,
    ) -> TractResult<TVec<OutletId>> {
        let before = target.nodes().len();
        let values: Option<Vec<_>> = node.outputs.iter().map(|output| output.fact.value.concretize()).collect();
        let stateless = || Ok::<_, TractError>(node.op.state(&EvalContext::out_of_plan())?.is_none());
        let outlets: TVec<OutletId> = match values {
            Some(values) if !InferenceModel::is_source(&node.op) && stateless()? => {
                let named = values.into_iter().enumerate();
                named
                    .map(|(slot, value)| target.add_const(format!("{}.{slot}", node.name), value))
                    .collect::<TractResult<_>>()?
            }
            _ => node.op.to_typed(source, node, target, mapping)?,
        };
        for outlet in &outlets {
            target.outlet_fact(*outlet)?.consistent()?;
        }
        self.record.borrow_mut().push((node.id, before..target.nodes().len(), outlets.clone()));
        Ok(outlets)
    }
}

/// The number of raw scores, and which of the outputs holds those of the classes: named like logits, else one that no other
/// is computed from, as scores are from features; of those the one with the most classes, else the first.
fn choose(
    typed: &TypedModel,
    outputs: &[OutputSpec],
    tensors: &HashMap<String, OutletId>,
) -> Result<(usize, usize), ModelProblem> {
    let outlet = |name: &String| tensors.get(name).copied();
    let feeds_another = |from: &OutputSpec| {
        let others = outputs.iter().filter(|other| other.logits != from.logits && other.no_scores.is_none());
        let scores = others.filter_map(|other| outlet(&other.logits));
        let start = outlet(&from.logits);
        start.is_some_and(|start| {
            scores
                .into_iter()
                .any(|end| values(typed, end).is_some_and(|count| count > 1) && reaches(typed, start, end))
        })
    };
    let candidate = |(index, output): (usize, &OutputSpec)| {
        let count = values(typed, outlet(&output.logits)?).zip(values(typed, outlet(&output.name)?));
        let (classes, _) = count.filter(|_| output.no_scores.is_none())?;
        let named = output.name.to_lowercase().contains("logit");
        Some((named, !feeds_another(output), classes, std::cmp::Reverse(index)))
    };
    let best = outputs.iter().enumerate().filter_map(candidate).max();
    if let Some((.., classes, std::cmp::Reverse(index))) = best {
        return Ok((classes, index));
    }
    if let Some((output, operator)) = outputs.iter().find_map(|output| Some((output, output.no_scores?))) {
        return Err(ModelProblem::NoScores { output: output.name.clone(), operator });
    }
    let shape = |output: &OutputSpec| format!("{:?} {}", output.name, shape_of(typed, tensors[&output.name]));
    let shapes = outputs.iter().map(shape).collect::<Vec<_>>().join(", ");
    let message = format!("for one image its output is {shapes}; scores of classes have the shape [1, K]");
    Err(ModelProblem::NotClassifier(message))
}

/// Whether a tensor takes part in another one that is not made by the same node.
fn reaches(typed: &TypedModel, start: OutletId, end: OutletId) -> bool {
    let (mut seen, mut open) = (HashSet::new(), vec![end.node]);
    while let Some(node) = open.pop() {
        let inputs = &typed.node(node).inputs;
        if inputs.contains(&start) {
            return true;
        }
        open.extend(inputs.iter().map(|input| input.node).filter(|input| seen.insert(*input)));
    }
    false
}

/// How many values the outlet has, where it has the shape of scores: one side, all others 1, the batch first if it is there.
fn values(typed: &TypedModel, outlet: OutletId) -> Option<usize> {
    let fact = typed.outlet_fact(outlet).ok().filter(|fact| fact.datum_type == f32::datum_type())?;
    let shape = fact.shape.as_concrete()?;
    let long = shape.iter().filter(|side| **side != 1).count();
    let is_batched = shape.len() <= 1 || shape[0] == 1;
    (is_batched && long <= 1).then(|| shape.iter().product())
}

/// The shape of an outlet, for people.
fn shape_of(typed: &TypedModel, outlet: OutletId) -> String {
    let Ok(fact) = typed.outlet_fact(outlet) else { return "of unknown shape".into() };
    let sides: Vec<String> = fact.shape.iter().map(ToString::to_string).collect();
    format!("[{}]", sides.join(", "))
}
