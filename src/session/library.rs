//! What other programs need: a model is opened, and says what it sees in an image, and why.

use std::path::Path;
use std::thread::available_parallelism;

use image::{DynamicImage, RgbImage};
use thiserror::Error;

use super::explanation::{Question, explain};
use super::look::{Ground, Seen, see};
use super::record::{ScoredClass, TargetRecord};
use super::{InputError, Opened};
use crate::explain::{Attribution, ExplainError, LayerChoice, METHODS, Monitor, SampleCache, Values, find, refusal};
use crate::gallery::{DecodeOptions, Decoded};
use crate::model::{Classifier, ModelError, ModelSource, Overrides, Target};
use crate::network::with_threads;

/// The seed of methods that sample, unless a [`super::Session`] is asked.
const SEED: u64 = 0;

/// Bytes of model calls that a method may keep for itself.
const SAMPLES: usize = 16 << 20;

/// What a model says of an image, and why.
#[derive(Debug)]
pub struct Explained {
    /// The class that was explained.
    pub target: TargetRecord,
    /// All classes with their scores, the best first.
    pub classes: Vec<ScoredClass>,
    /// The map, and what is to be known of it.
    pub attribution: Attribution,
    /// What must be known about the image, a sentence each.
    pub warnings: Vec<String>,
    /// The picture, and which part of it the network saw: the map lies over that.
    pub ground: Ground,
}

impl Explained {
    /// The picture with the heat over it, as `seewhy explain` writes it, without the scale.
    pub fn overlay(&self) -> RgbImage {
        self.ground.overlay(&self.attribution)
    }
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum AskError {
    /// The network has nothing to say of the image.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The method failed.
    #[error(transparent)]
    Explain(#[from] ExplainError),
    /// No such method.
    #[error("no method is called {0:?}; there are {all}", all = names())]
    NoMethod(String),
    /// The method cannot explain this network.
    #[error("{method} cannot explain this model: {reason}")]
    Obstacle {
        /// The method.
        method: &'static str,
        /// Why, and where in the network.
        reason: String,
    },
}

/// The names of all methods.
fn names() -> String {
    METHODS.iter().map(|method| method.name).collect::<Vec<_>>().join(", ")
}

impl Question {
    /// Asks a method why the model said what it said, with the defaults of the program.
    ///
    /// # Errors
    /// When no method has that name.
    pub fn new(method: &str) -> Result<Question, AskError> {
        let method = find(method).ok_or_else(|| AskError::NoMethod(method.to_owned()))?;
        Ok(Question { method, target: Target::Top(0), layer: LayerChoice::Auto, values: Values::new() })
    }

    /// The same question about another class, or about one class against another.
    #[must_use]
    pub fn about(self, target: Target) -> Question {
        Question { target, ..self }
    }
}

impl Classifier {
    /// Opens a model: a `.onnx` file, or a folder that holds one with its configuration. Settings and class names come from
    /// the files beside it, as everywhere in the program; [`Classifier::load`] takes others.
    ///
    /// # Errors
    /// As [`Classifier::load`].
    pub fn open(path: impl AsRef<Path>) -> Result<Classifier, ModelError> {
        Classifier::load(&ModelSource::Path(path.as_ref().to_owned()), &Overrides::default())
    }

    /// The model that comes with the program: the ten classes of CIFAR-10.
    ///
    /// # Errors
    /// As [`Classifier::load`].
    pub fn builtin() -> Result<Classifier, ModelError> {
        Classifier::load(&ModelSource::Builtin, &Overrides::default())
    }

    /// The best `count` classes of an image, the best first.
    ///
    /// # Errors
    /// When the network takes no such image or fails.
    pub fn classify(&self, image: &DynamicImage, count: usize) -> Result<Vec<ScoredClass>, InputError> {
        let Decoded { image, .. } = plain(image);
        let tensor = self.preprocess(&image)?.tensor;
        let scores = with_threads(cores(), || self.network().scores(tensor.view()))?;
        Ok(ScoredClass::top(&scores, self.labels(), count))
    }

    /// Explains the best class of an image by the method of this name (see [`METHODS`]), with its default parameters.
    ///
    /// # Errors
    /// When there is no such method, it cannot explain this network, or the network takes no such image.
    pub fn explain(&self, image: &DynamicImage, method: &str) -> Result<Explained, AskError> {
        self.answer(image, &Question::new(method)?)
    }

    /// Answers a question about an image.
    ///
    /// # Errors
    /// When the method cannot explain this network, or the network takes no such image.
    pub fn answer(&self, image: &DynamicImage, question: &Question) -> Result<Explained, AskError> {
        let method = question.method.name;
        if let Some(reason) = refusal(question.method, self.network(), &question.layer) {
            return Err(AskError::Obstacle { method, reason });
        }
        let Seen { pass, ground, warnings } = see(self, Opened::Picture(plain(image)), cores())?;
        let samples = SampleCache::new(SAMPLES);
        let attribution =
            with_threads(cores(), || explain(self, question, (SEED, None), &pass, &samples, &Monitor::silent()))?;
        let (scores, labels) = (&pass.logits, self.labels());
        let target = TargetRecord::new(question.target, scores, labels);
        let classes = ScoredClass::top(scores, labels, scores.len());
        Ok(Explained { target, classes, attribution, warnings, ground })
    }
}

/// The pixels as a file's would be.
fn plain(image: &DynamicImage) -> Decoded {
    Decoded::of(image.clone(), DecodeOptions::default())
}

fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}
