//! A classifier, whole: the network, what it expects, and what its classes are called.

mod load;
mod tensors;

use std::path::PathBuf;

use image::DynamicImage;

use super::activation::Decision;
use super::fingerprint::{Contents, Fingerprint};
use super::front::Front;
use super::labels::{self, Labels};
use super::preprocess::{CropGeometry, PictureError, Prepared};
use super::settings::{Origin, Setting, Settings};
use super::source::ModelSource;
use crate::network::{Network, OutputActivation};

pub use tensors::{TensorError, TensorProblem};

/// An image classifier that is ready to be asked.
#[derive(Debug)]
pub struct Classifier {
    source: ModelSource,
    /// The graph and the weights beside it; none of a model in memory.
    files: Vec<PathBuf>,
    /// Where what it expects and what its classes are called is or may be said, beside the files.
    companions: Vec<PathBuf>,
    contents: Contents,
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

impl Classifier {
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
    fn guess_labels(&mut self, roots: &[PathBuf]) {
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

    /// The files that it was read from: the graph, and those that hold weights of it. The bundled model has none.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Where files may lie that say what it expects and what its classes are called, whether or not they are there: the
    /// sidecar, configurations, lists of names.
    pub fn companions(&self) -> &[PathBuf] {
        &self.companions
    }

    /// Which model it is, wherever it lies.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::new(&self.contents, &self.settings, &self.output, &self.labels)
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
}
