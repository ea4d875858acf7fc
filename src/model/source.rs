//! Where a model is: one that comes with the program, a file, or a folder as Hugging Face and timm lay it out.

use std::fmt;
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
            // Optimum puts the graphs into a folder of their own.
            if folders[0].file_name().is_some_and(|name| name == "onnx") {
                folders.extend(folders[0].parent().map(Path::to_owned));
            }
            return Ok(Files { onnx: path.to_owned(), folders });
        }
        let usual = ["model.onnx", "onnx/model.onnx"].map(|name| path.join(name));
        let onnx = usual.into_iter().find(|file| file.is_file()).map_or_else(|| only_model(path), Ok)?;
        let mut folders = vec![path.to_owned()];
        folders.extend(onnx.parent().filter(|parent| *parent != path).map(Path::to_owned));
        Ok(Files { onnx, folders })
    }

    /// The nearest file of this name.
    pub(super) fn beside(&self, name: &str) -> Option<PathBuf> {
        self.folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file())
    }
}

/// The one model of a folder.
fn only_model(folder: &Path) -> Result<PathBuf, ModelProblem> {
    let is_model = |path: &PathBuf| path.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("onnx"));
    let mut models: Vec<PathBuf> = folder.read_dir()?.flatten().map(|entry| entry.path()).filter(is_model).collect();
    match models.len() {
        1 => Ok(models.swap_remove(0)),
        _ => Err(ModelProblem::EmptyFolder),
    }
}
