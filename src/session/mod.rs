//! A model and an image: decoded, predicted, explained, described. The commands and the interface both come this way.
//!
//! ```text
//! file --open--> Opened --prepare--> input --forward--> Pass --explain--> Attribution --record, export--> files
//! ```
//!
//! [`open`] needs no model, so that pixels can be shown before one is loaded. [`Session`] is a model with what holds for all
//! that it is asked; [`Kept`] remembers passes for whoever comes back to an image; [`Watch`] looks out for its next version.

mod activations;
mod arrays;
mod dreams;
mod explanation;
pub mod export;
mod identity;
mod image;
mod kept;
mod library;
mod look;
mod mask;
mod model_id;
mod naming;
mod pair;
mod record;
mod unit_sheet;
mod units;
mod watch;
mod weights;

use std::path::PathBuf;

use crate::gallery::DecodeOptions;
use crate::model::{Classifier, ModelError, ModelSource, Overrides};

pub use activations::{ActivationRecord, LayerReading};
pub use arrays::SheetFolder;
pub use dreams::DreamRecord;
pub use explanation::{Explanation, Question};
pub use identity::Identity;
pub use image::{InputError, Opened, open};
pub use kept::Kept;
pub use library::{AskError, Explained};
pub use look::{Ground, Looked, Seen, forward};
pub use mask::MaskError;
pub use model_id::ModelId;
pub use pair::{Both, Pair};
pub use record::{Files, Record, SCHEMA, ScoredClass, TargetRecord};
pub use unit_sheet::{ExemplarRecord, PlacedExemplar, UnitRecord, UnitSheet};
pub use units::{Exemplar, Peak, Strongest, UnitPlace};
pub use watch::Watch;
pub use weights::{WeightRecord, filter_pictures};

/// What holds for all predictions and maps of a run.
#[derive(Debug, Clone, Copy)]
pub struct RunOptions {
    /// How files become pixels.
    pub decoding: DecodeOptions,
    /// Seed of the random numbers.
    pub seed: u64,
    /// Sampling methods stop at this relative standard error.
    pub tolerance: Option<f64>,
    /// How many of the best classes are listed.
    pub top: usize,
}

/// A model at work.
#[derive(Debug)]
pub struct Session {
    classifier: Classifier,
    options: RunOptions,
}

impl Session {
    /// Puts a classifier to work.
    pub fn new(classifier: Classifier, options: RunOptions) -> Session {
        Session { classifier, options }
    }

    /// Loads a model to be asked about images in these paths, see [`Classifier::load_for`].
    ///
    /// # Errors
    /// As [`Classifier::load`].
    pub fn load(
        source: &ModelSource,
        overrides: &Overrides,
        paths: &[PathBuf],
        options: RunOptions,
    ) -> Result<Session, ModelError> {
        Ok(Session::new(Classifier::load_for(source, overrides, paths)?, options))
    }

    /// The same for an input that is `factor` times as high and as wide, see [`Classifier::enlarged`].
    ///
    /// # Errors
    /// As [`Classifier::enlarged`].
    pub fn enlarged(&self, factor: u32) -> Result<Session, ModelError> {
        Ok(Session::new(self.classifier.enlarged(factor)?, self.options))
    }

    /// The model.
    pub fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    /// What holds for all that it is asked.
    pub fn options(&self) -> &RunOptions {
        &self.options
    }
}
