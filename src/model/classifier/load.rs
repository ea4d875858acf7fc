//! From files to a classifier.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Classifier, Output};
use crate::guard;
use crate::model::activation::{self, Looks, Raw};
use crate::model::decide::{self, Source};
use crate::model::error::{ModelError, ModelProblem};
use crate::model::fingerprint::Contents;
use crate::model::front::Front;
use crate::model::onnx_file::OnnxFile;
use crate::model::settings::{LabelSource, Origin, Overrides, Resize, Setting, Size};
use crate::model::source::{Files, ModelSource};
use crate::model::{builtin, doubts, graph, hub, labels, properties, sidecar};
use crate::raster::npy;
use crate::text::{Escaped, escape};

/// No configuration file is longer, in bytes.
const LONGEST_CONFIG: u64 = 1 << 24;

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

    /// Loads a model to be asked about images in these paths: as [`Classifier::load`], [`Classifier::fitted`] to the first
    /// tensor, and the classes named after folders where nothing else names them.
    ///
    /// # Errors
    /// As [`Classifier::load`].
    pub fn load_for(source: &ModelSource, overrides: &Overrides, paths: &[PathBuf]) -> Result<Classifier, ModelError> {
        let mut classifier = Classifier::load(source, overrides)?.fitted(overrides, paths)?;
        classifier.guess_labels(paths);
        Ok(classifier)
    }

    /// The same classifier with an input as large as the first tensor among these paths, where the file leaves the size open
    /// and nobody says any; the model is read again then. Otherwise the classifier as it is.
    ///
    /// # Errors
    /// As [`Classifier::load`].
    pub fn fitted(self, overrides: &Overrides, paths: &[PathBuf]) -> Result<Classifier, ModelError> {
        let is_open = self.settings.input_size.origin == Origin::Guess && self.front.is_none();
        // To open a pipe is to wait for its other end.
        let mut tensors = paths.iter().filter(|path| path.is_file());
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
            let network =
                self.decision.network(graph.typed, graph.names, (graph.logits, graph.own), settings.layout.value)?;
            network.first_run()?;
            Ok(Classifier {
                source: self.source.clone(),
                files: self.files.clone(),
                companions: self.companions.clone(),
                contents: self.contents.clone(),
                name: self.name.clone(),
                network,
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
        let weights = std::mem::take(&mut file.weights);
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
        let (outlets, layout) = ((graph.logits, graph.own), settings.layout.value);
        let mut network = decision.network(graph.typed.clone(), graph.names.clone(), outlets, layout)?;
        let first = network.first_run()?;
        let looks = activation::looks_like(&first);
        if decision.origin == Origin::Guess {
            match (looks, graph.output.made_of) {
                (Looks::NotFinite, _) => {}
                (Looks::Probabilities, _) => decision.take_logarithms(),
                // Of a single score, the second of the two that are made of it is the score itself.
                (_, Some(made_of)) => decision.take_as_they_are(made_of, &first[usize::from(decision.single)..]),
                _ => {}
            }
            if decision.origin != Origin::Guess {
                network = decision.network(graph.typed, graph.names, outlets, layout)?;
            }
        }
        let (classes, output, others) = (network.classes(), graph.output, graph.others);
        let heads =
            (asked.is_none() && !graph.rivals.is_empty()).then(|| doubts::of_heads(&output.name, &graph.rivals));

        let misfit = sources.last_mut().and_then(|metadata| misfit(metadata, classes, decision.single));
        let named =
            if decision.single { labels::of_one(&sources, files)? } else { labels::decide(&sources, files, classes)? };
        let doubts = doubts::about(&network, &decision, looks, &output, named.labels.names());
        let prepared = settings
            .notices()
            .into_iter()
            .chain(contradiction)
            .chain(sources.iter().filter_map(Source::notice))
            .chain(misfit)
            .chain(heads);
        let notices = [prepared.collect(), named.notices, doubts].concat();
        let mut read = vec![];
        if let Some(files) = files {
            read.push(files.onnx.clone());
            read.extend(weights);
        }
        let companions = files.map(|files| companions(files, &source, &sources)).unwrap_or_default();
        let contents = if read.is_empty() { Contents::of_bytes(builtin::ONNX) } else { Contents::of_files(&read)? };
        Ok(Classifier {
            source,
            files: read,
            companions,
            contents,
            name,
            notices,
            network,
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

/// Where settings and names are read from, or would be if they were there.
fn companions(files: &Files, source: &ModelSource, sources: &[Source]) -> Vec<PathBuf> {
    let named = if let ModelSource::Path(path) = source { path } else { &files.onnx };
    let configs = CONFIGS.iter().flat_map(|(name, _)| files.folders.iter().map(move |folder| folder.join(name)));
    let lists = sources.iter().flat_map(|source| [&source.says.labels, &source.says.folders]);
    let lists = lists.filter_map(|list| match list {
        Some(LabelSource::File(path)) => Some(path.clone()),
        _ => None,
    });
    sidecar::candidates(&files.onnx, named)
        .into_iter()
        .chain(configs)
        .chain(lists)
        .chain(labels::beside(files))
        .collect()
}

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
