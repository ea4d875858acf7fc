//! A classifier, whole: the network, what it expects, and what its classes are called.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use image::DynamicImage;
use ndarray::{ArrayD, Axis, Dimension as _};
use serde_json::Value;
use thiserror::Error;

use super::activation::{self, Decision, Looks, Raw};
use super::decide::{self, Source};
use super::error::{ModelError, ModelProblem};
use super::front::Front;
use super::graph;
use super::labels::{self, Labels};
use super::onnx_file::OnnxFile;
use super::preprocess::{CropGeometry, PictureError, Prepared};
use super::scores::OutputActivation;
use super::settings::{LabelSource, Layout, Origin, Overrides, Resize, Setting, Settings, Size};
use super::source::{Files, ModelSource};
use super::{Network, builtin, doubts, hub, properties, sidecar};
use crate::guard;
use crate::raster::npy::{self, NpyError};
use crate::text::{Escaped, escape};

/// No configuration file is longer, in bytes.
const LONGEST_CONFIG: u64 = 1 << 24;

/// An image classifier that is ready to be asked.
#[derive(Debug)]
pub struct Classifier {
    source: ModelSource,
    name: String,
    network: Network,
    settings: Settings,
    labels: Labels,
    labels_origin: Option<Origin>,
    output: Output,
    decision: Decision,
    notices: Vec<String>,
    /// What brings pictures and tensors of any size to that of the network.
    front: Option<Front>,
    /// Whether the file's input holds bytes.
    bytes: bool,
}

/// The output that holds the scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// The name of the tensor, safe to show.
    pub name: String,
    /// The tensor with the raw scores: another one where the graph itself makes probabilities of them.
    pub logits: String,
    /// What makes probabilities of them, and who says so.
    pub activation: Setting<OutputActivation>,
    /// From which probability on a class is said, and who says so; none where one class excludes the others.
    pub threshold: Option<Setting<f32>>,
    /// Who chose it: a flag, the sidecar, or the graph.
    pub origin: Origin,
    /// The other outputs, with their shapes.
    pub others: Vec<String>,
}

/// Why a `.npy` file cannot be the input of a network.
#[derive(Debug, Error)]
#[error("cannot use {path} as input: {problem}")]
pub struct TensorError {
    /// The file.
    pub path: Escaped,
    /// What is wrong with it.
    #[source]
    pub problem: TensorProblem,
}

/// What is wrong with a tensor.
#[derive(Debug, Error)]
pub enum TensorProblem {
    /// The file.
    #[error(transparent)]
    Npy(#[from] NpyError),
    /// The shape.
    #[error("its shape is {found:?}, the model takes {expected:?}{}", if *.open { "; its height and width are open: --input-size WIDTHxHEIGHT" } else { "" })]
    Shape {
        /// What the file holds.
        found: Vec<usize>,
        /// What the network takes.
        expected: Vec<usize>,
        /// Whether it could take another height and width.
        open: bool,
    },
    /// The part of the graph that resizes it failed.
    #[error("the graph cannot bring it to its own size: {0}")]
    Front(String),
    /// Values with which no network can reckon.
    #[error(
        "its value at {index:?} is {value}{}: find out where that comes from, or replace it as `numpy.nan_to_num` does",
        and_more(*.others)
    )]
    NotFinite {
        /// Where the first of them is.
        index: Vec<usize>,
        /// NaN or an infinity.
        value: f32,
        /// How many more there are.
        others: usize,
    },
}

fn and_more(count: usize) -> String {
    if count == 0 { String::new() } else { format!(" ({count} more values are not finite)") }
}

impl Classifier {
    /// Loads a model. `overrides` are the flags; they win over everything else.
    ///
    /// # Errors
    /// When the file is missing, broken or no image classifier, when tract lacks an operator, or when a setting is wrong.
    pub fn load(source: &ModelSource, overrides: &Overrides) -> Result<Classifier, ModelError> {
        guarded(source, || match source {
            ModelSource::Builtin => Self::load_builtin(overrides),
            ModelSource::Path(path) => Self::load_path(path, overrides, None),
        })
    }

    /// The same classifier with an input as large as the first tensor among these paths, where the file leaves the size open
    /// and nobody says any; the model is read again then. Otherwise the classifier as it is.
    ///
    /// # Errors
    /// As [`Classifier::load`].
    pub fn fitted(self, overrides: &Overrides, paths: &[PathBuf]) -> Result<Classifier, ModelError> {
        let is_open = self.settings.input_size.origin == Origin::Guess && self.front.is_none();
        let mut tensors = paths.iter().filter(|path| path.extension().is_some_and(|suffix| suffix == "npy"));
        let size = |path: &PathBuf| {
            let shape = npy::read_shape(BufReader::new(File::open(path).ok()?)).ok()?;
            let [height, width] = self.settings.sides_of(&shape)?.map(|side| u32::try_from(side).unwrap_or(0));
            Some((Size::new(width, height)?, path.clone()))
        };
        let (size, tensor) = match tensors.find_map(size) {
            Some((size, tensor)) if is_open && size != self.settings.input_size.value => (size, tensor),
            _ => return Ok(self),
        };
        let ModelSource::Path(path) = &self.source else { return Ok(self) };
        let says = Overrides { input_size: Some(size), ..Overrides::default() };
        let source = Source { origin: Origin::File(tensor), says };
        guarded(&self.source, || Self::load_path(path, overrides, Some(source)))
    }

    /// The same classifier for an input that is `factor` times as high and as wide, whatever size the file fixes; images
    /// are squashed to it. The model is read again.
    ///
    /// # Errors
    /// As [`Classifier::load`], and when something in the graph counts on the size that it was made for.
    pub fn enlarged(&self, factor: u32) -> Result<Classifier, ModelError> {
        guarded(&self.source, || {
            let file = match &self.source {
                ModelSource::Builtin => OnnxFile::from_bytes(builtin::ONNX)?,
                ModelSource::Path(path) => OnnxFile::open(&Files::find(path)?.onnx)?,
            };
            let mut file = file;
            let mut settings = self.settings.clone();
            let Size { width, height } = settings.input_size.value;
            settings.input_size.value = Size { width: width * factor, height: height * factor };
            settings.resize.value = Resize::Squash(None);
            settings.crop.value = None;
            let asked = (self.output.origin != Origin::Graph).then_some(self.output.name.as_str());
            let batch = file.input()?.sides[0];
            if let Some(front) = &self.front {
                file.split(front.output(), settings.shape());
            }
            let graph = graph::build(file, settings.shape(), asked, batch)?;
            let network = self.decision.network(graph.typed, graph.names, (graph.logits, graph.own))?;
            network.first_run()?;
            Ok(Classifier {
                source: self.source.clone(),
                name: self.name.clone(),
                network: network.laid_out(settings.layout.value),
                settings,
                labels: self.labels.clone(),
                labels_origin: self.labels_origin.clone(),
                output: self.output.clone(),
                decision: self.decision.clone(),
                notices: self.notices.clone(),
                front: None,
                bytes: self.bytes,
            })
        })
    }

    fn load_builtin(overrides: &Overrides) -> Result<Classifier, ModelProblem> {
        let origin = Origin::File(PathBuf::from(builtin::SIDECAR_PATH));
        let says = sidecar::parse(builtin::SIDECAR, Path::new(""))
            .map_err(|message| ModelProblem::Setting { origin: origin.to_string(), message })?;
        let sources = vec![flags(overrides), Source { origin, says }];
        Self::assemble(
            ModelSource::Builtin,
            builtin::NAME.to_owned(),
            OnnxFile::from_bytes(builtin::ONNX)?,
            sources,
            None,
        )
    }

    fn load_path(path: &Path, overrides: &Overrides, last: Option<Source>) -> Result<Classifier, ModelProblem> {
        let files = Files::find(path)?;
        let file = OnnxFile::open(&files.onnx)?;
        let mut sources = vec![flags(overrides)];
        if let Some(path) = sidecar::candidates(&files.onnx, path).into_iter().find(|path| path.is_file()) {
            sources.push(Source { says: sidecar::read(&path)?, origin: Origin::File(path) });
        }
        for (name, read) in CONFIGS {
            if let Some(path) = files.beside(name) {
                sources.push(Source { says: read(&json(&path)?), origin: Origin::File(path) });
            }
        }
        let name = path.file_name().unwrap_or(files.onnx.as_os_str()).to_string_lossy();
        let name = escape(&name).into_owned();
        sources.extend(last);
        Self::assemble(ModelSource::Path(path.to_owned()), name, file, sources, Some(&files))
    }

    fn assemble(
        source: ModelSource,
        name: String,
        mut file: OnnxFile,
        mut sources: Vec<Source>,
        files: Option<&Files>,
    ) -> Result<Classifier, ModelProblem> {
        sources.push(Source { origin: Origin::Metadata, says: properties::metadata(&file)? });
        let input = file.input()?;
        let opening = file.opening(&input);
        let mut settings = decide::decide(&input, &opening, &sources)?;
        let contradiction = decide::contradiction(&settings, &opening);
        let mut front = None;
        let nobody = |origin: &Origin| matches!(origin, Origin::Guess | Origin::Graph);
        let is_free = settings.input_size.origin == Origin::Guess && nobody(&settings.resize.origin);
        if let Some(cut) = opening.cut.as_ref().filter(|_| is_free)
            && let Some((proto, folder)) = file.split(&cut.tensor, cut.shape(settings.channels.value))
        {
            let (made, behind) = Front::new(proto, folder, cut, settings);
            (front, settings) = (Some(made), behind);
        }
        let asked = decide::first(&sources, |says| says.output.clone());
        let asked_name = asked.as_ref().map(|asked| asked.value.as_str());
        let graph = graph::build(file, settings.shape(), asked_name, input.sides[0])?;
        let mut decision = activation::decide(&graph, &sources)?;
        let mut network = decision.network(graph.typed.clone(), graph.names.clone(), (graph.logits, graph.own))?;
        let looks = activation::looks_like(&network.first_run()?);
        if decision.origin == Origin::Guess && looks == Looks::Probabilities {
            decision.take_logarithms();
            network = decision.network(graph.typed, graph.names, (graph.logits, graph.own))?;
        }
        let (classes, output, others) = (network.classes(), graph.output, graph.others);

        let misfit = sources.last_mut().and_then(|metadata| misfit(metadata, classes, decision.single));
        let named =
            if decision.single { labels::of_one(&sources, files)? } else { labels::decide(&sources, files, classes)? };
        let doubts = doubts::about(&network, &decision, looks, &output, named.labels.names());
        let prepared = settings
            .notices()
            .into_iter()
            .chain(contradiction)
            .chain(sources.iter().filter_map(Source::notice))
            .chain(misfit);
        let notices = [prepared.collect(), named.notices, doubts].concat();
        Ok(Classifier {
            source,
            name,
            notices,
            network: network.laid_out(settings.layout.value),
            settings,
            front,
            bytes: input.bytes,
            labels: named.labels,
            labels_origin: named.origin,
            output: Output {
                logits: escape(if decision.raw == Raw::Output { &output.name } else { &output.logits }).into_owned(),
                name: escape(&output.name).into_owned(),
                activation: Setting { value: decision.scoring.activation, origin: decision.origin.clone() },
                threshold: (!decision.scoring.exclusive)
                    .then(|| Setting { value: decision.scoring.threshold, origin: decision.threshold.clone() }),
                origin: asked.map_or(Origin::Graph, |asked| asked.origin),
                others,
            },
            decision,
        })
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// What the input must look like, and who says so.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What the classes are called.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Who named the classes; nobody may have.
    pub fn labels_origin(&self) -> Option<&Origin> {
        self.labels_origin.as_ref()
    }

    /// Names the classes after the folders in one of these, where nothing else names them and there are as many: a guess.
    pub fn guess_labels(&mut self, roots: &[PathBuf]) {
        let named = labels::guess_from_folders(roots, self.labels.len()).filter(|_| self.labels_origin.is_none());
        if let Some(named) = named {
            (self.labels, self.labels_origin) = (named.labels, named.origin);
            self.notices.extend(named.notices);
        }
    }

    /// The output that holds the scores.
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// What was guessed or is doubtful about the model, a sentence each; for whoever is about to trust it. May hold text from
    /// files.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// The name of the file or folder, safe to show.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the model came from.
    pub fn source(&self) -> &ModelSource {
        &self.source
    }

    /// Prepares an image that is already upright.
    ///
    /// # Errors
    /// When the input has another number of channels than pictures have.
    pub fn preprocess(&self, image: &DynamicImage) -> Result<Prepared, PictureError> {
        let Some(front) = &self.front else { return self.settings.prepare(image) };
        let tensor = front.picture(image)?;
        let seen = self.settings.see(tensor.view());
        Ok(Prepared { tensor, crop: CropGeometry::whole((image.width(), image.height())), seen })
    }

    /// Reads a tensor that is already prepared: float32, `[C, H, W]` or with a batch of 1; for a network that wants the
    /// channels last also `[H, W, C]`.
    ///
    /// # Errors
    /// When the file is no such tensor.
    pub fn read_npy(&self, path: &Path) -> Result<Prepared, TensorError> {
        let tensor = self.read_tensor(path)?;
        let seen = self.settings.see(tensor.view());
        Ok(Prepared { crop: CropGeometry::whole(seen.dimensions()), tensor, seen })
    }

    /// The same without a picture of what the network sees.
    ///
    /// # Errors
    /// As [`Classifier::read_npy`].
    pub fn read_tensor(&self, path: &Path) -> Result<ArrayD<f32>, TensorError> {
        let failed = |problem| TensorError { path: Escaped::from(path), problem };
        let file = File::open(path).map_err(|error| failed(NpyError::from(error).into()))?;
        let read = if self.bytes { npy::read_bytes_too } else { npy::read };
        let tensor = read(BufReader::new(file)).map_err(|error| failed(error.into()))?;
        self.adopt(tensor).map_err(failed)
    }

    fn adopt(&self, tensor: ArrayD<f32>) -> Result<ArrayD<f32>, TensorProblem> {
        let expected = self.settings.shape();
        let found = tensor.shape().to_vec();
        // Looking through a slice is quick, unlike an iterator that knows where it is.
        if !tensor.as_slice().is_some_and(|values| values.iter().all(|value| value.is_finite())) {
            let mut strange = tensor.indexed_iter().filter(|(_, value)| !value.is_finite());
            if let Some((index, value)) = strange.next() {
                let index = index.slice().to_vec();
                return Err(TensorProblem::NotFinite { index, value: *value, others: strange.count() });
            }
        }
        let mut tensor = if tensor.ndim() == 3 { tensor.insert_axis(Axis(0)) } else { tensor };
        if let Some(front) = self.front.as_ref().filter(|front| front.takes(tensor.shape())) {
            tensor = front.tensor(tensor).map_err(TensorProblem::Front)?;
        }
        let [batch, height, width, channels] = expected;
        let transposed =
            self.settings.layout.value == Layout::Nhwc && tensor.shape() == [batch, channels, height, width];
        if transposed {
            tensor = tensor.permuted_axes(vec![0, 2, 3, 1]).as_standard_layout().into_owned();
        }
        if tensor.shape() != expected {
            let open = self.settings.input_size.origin != Origin::Graph;
            return Err(TensorProblem::Shape { found, expected: expected.to_vec(), open });
        }
        Ok(tensor)
    }
}

/// Does `load`. A strange file must never take the program down.
fn guarded(
    source: &ModelSource,
    load: impl FnOnce() -> Result<Classifier, ModelProblem>,
) -> Result<Classifier, ModelError> {
    let loaded = guard::quietly(load).unwrap_or_else(|panic| {
        let reason = escape(&panic).into_owned();
        Err(ModelProblem::Tract { attempt: "tract gave up on the graph", reason })
    });
    loaded.map_err(|problem| ModelError { path: Escaped::from(source.to_string().as_str()), problem })
}

/// Reads one of the files that come with a model.
type ReadConfig = fn(&Value) -> Overrides;

/// The files that Hugging Face and timm write, the one that is closer to the input first.
const CONFIGS: [(&str, ReadConfig); 3] = [
    ("preprocessor_config.json", hub::preprocessor),
    ("processor_config.json", hub::processors),
    ("config.json", hub::config),
];

fn json(path: &Path) -> Result<Value, ModelProblem> {
    let text = labels::read_text(path, LONGEST_CONFIG)?;
    serde_json::from_str(&text).map_err(|error| ModelProblem::Setting {
        origin: path.display().to_string(),
        message: format!("not valid JSON: {error}"),
    })
}

/// Drops names in the metadata that are not as many as the classes, and says so: whoever wrote them may have meant
/// something else.
fn misfit(metadata: &mut Source, classes: usize, single: bool) -> Option<String> {
    let misfits = |names: &mut LabelSource| match names {
        LabelSource::Names(names) => names.len() != classes && !(single && names.len() == 1),
        LabelSource::File(_) => false,
    };
    match metadata.says.labels.take_if(misfits)? {
        LabelSource::Names(names) => Some(format!(
            "the ONNX metadata has {} names, but the model has {classes} classes: they are not used",
            names.len()
        )),
        LabelSource::File(_) => None,
    }
}

fn flags(overrides: &Overrides) -> Source {
    Source { origin: Origin::Flag, says: overrides.clone() }
}
