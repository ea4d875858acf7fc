//! Where a model is: one that comes with the program, a file, or a folder as Hugging Face and timm lay it out.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::ModelProblem;
use crate::text::Escaped;

/// A model, as a person names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelSource {
    /// The one that comes with the program.
    Builtin,
    /// A `.onnx` file, or a folder that holds one.
    Path(PathBuf),
}

impl From<&str> for ModelSource {
    fn from(text: &str) -> Self {
        if text == "builtin" { ModelSource::Builtin } else { ModelSource::Path(text.into()) }
    }
}

impl From<&Path> for ModelSource {
    fn from(path: &Path) -> Self {
        if path == Path::new("builtin") { ModelSource::Builtin } else { ModelSource::Path(path.to_owned()) }
    }
}

impl fmt::Display for ModelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ModelSource::Builtin => f.write_str("builtin"),
            ModelSource::Path(path) => Escaped::from(path.as_path()).fmt(f),
        }
    }
}

/// The files of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Files {
    /// The graph.
    pub(super) onnx: PathBuf,
    /// Folders where configuration may lie, the nearest first.
    pub(super) folders: Vec<PathBuf>,
}

impl Files {
    /// Finds the files of a model that a person named.
    pub(super) fn find(path: &Path) -> Result<Files, ModelProblem> {
        if !path.metadata()?.is_dir() {
            let folder = path.parent().unwrap_or(Path::new("")).to_owned();
            let mut folders = vec![folder];
            folders.extend(around(&folders[0]));
            return Ok(Files { onnx: path.to_owned(), folders });
        }
        if let Some(snapshot) = snapshot(path) {
            return Files::find(&snapshot);
        }
        let usual = ["model.onnx", "onnx/model.onnx"].map(|name| path.join(name));
        let onnx = usual.into_iter().find(|file| file.is_file()).map_or_else(|| only_model(path), Ok)?;
        let mut folders = vec![path.to_owned()];
        folders.extend(onnx.parent().filter(|parent| *parent != path).map(Path::to_owned));
        folders.extend(around(path));
        Ok(Files { onnx, folders })
    }

    /// The nearest file of this name.
    pub(super) fn beside(&self, name: &str) -> Option<PathBuf> {
        self.folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file())
    }
}

/// The folder of a model, of the folder in it that Optimum puts the graphs into.
fn around(folder: &Path) -> Option<PathBuf> {
    let here = folder.as_os_str().is_empty();
    let whole = std::path::absolute(if here { Path::new(".") } else { folder }).ok()?;
    whole.file_name().filter(|name| *name == "onnx")?;
    match folder.file_name() {
        Some(_) => folder.parent().map(Path::to_owned),
        None => Some(folder.join("..")),
    }
}

/// The snapshot that is in use, of a repository's folder in Hugging Face's cache.
fn snapshot(repository: &Path) -> Option<PathBuf> {
    let revision = fs::read_to_string(repository.join("refs/main")).ok()?;
    let snapshot = repository.join("snapshots").join(revision.trim());
    let is_name = !revision.trim().is_empty() && revision.trim().chars().all(char::is_alphanumeric);
    (is_name && snapshot.is_dir()).then_some(snapshot)
}

/// What is behind the name of a graph that was made smaller: quantised, or with half floats.
const VARIANTS: [&str; 10] =
    ["_quantized", "_fp16", "_float16", "_bf16", "_int8", "_uint8", "_q4", "_q4f16", "_q8", "_bnb4"];

/// What else a folder may hold, in place of a graph.
const CHECKPOINTS: [&str; 5] = ["safetensors", "bin", "pt", "pth", "h5"];

/// The one model of a folder, or of the folder that Optimum puts graphs into.
fn only_model(folder: &Path) -> Result<PathBuf, ModelProblem> {
    let mut models = files(folder, &["onnx"])?;
    if models.is_empty() && folder.join("onnx").is_dir() {
        models = files(&folder.join("onnx"), &["onnx"])?;
    }
    if let [only] = &models[..] {
        return Ok(only.clone());
    }
    let is_variant = |path: &Path| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
        VARIANTS.iter().any(|suffix| stem.ends_with(suffix) || stem.ends_with(&suffix.replace('_', "-")))
    };
    let whole: Vec<&PathBuf> = models.iter().filter(|path| !is_variant(path)).collect();
    let names = |paths: &[PathBuf]| {
        let name = |path: &PathBuf| Escaped::from(path.strip_prefix(folder).unwrap_or(path)).to_string();
        paths.iter().map(name).collect::<Vec<_>>().join(", ")
    };
    match whole[..] {
        [only] => Ok(only.clone()),
        [] if !models.is_empty() => Err(ModelProblem::Folder(format!(
            "the folder holds only quantised or half-precision variants of a model, {}: give the file of the one you mean",
            names(&models)
        ))),
        [] => {
            let checkpoints = files(folder, &CHECKPOINTS)?;
            if checkpoints.is_empty() {
                return Err(ModelProblem::EmptyFolder);
            }
            Err(ModelProblem::Folder(format!(
                "the folder holds no .onnx file, but weights without a graph, {}: export them to ONNX first, for instance \
                 with `optimum-cli export onnx`",
                names(&checkpoints)
            )))
        }
        _ => Err(ModelProblem::Folder(format!(
            "the folder holds several models, {}: give the file of the one you mean",
            names(&models)
        ))),
    }
}

/// The files of a folder with one of these suffixes, in the order of their names.
fn files(folder: &Path, suffixes: &[&str]) -> Result<Vec<PathBuf>, ModelProblem> {
    let fits = |path: &PathBuf| {
        path.extension().is_some_and(|found| suffixes.iter().any(|suffix| found.eq_ignore_ascii_case(suffix)))
    };
    let mut files: Vec<PathBuf> = folder.read_dir()?.flatten().map(|entry| entry.path()).filter(fits).collect();
    files.sort();
    Ok(files)
}
