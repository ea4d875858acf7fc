//! From a file to the input of a network: the only place that tells tensors from pictures.

use std::path::{Path, PathBuf};

use ndarray::ArrayD;
use thiserror::Error;

use super::Session;
use crate::gallery::{self, DecodeError, DecodeOptions, DecodeProblem, Decoded};
use crate::model::{Classifier, PictureError, Prepared, TensorError};
use crate::network::NetworkError;
use crate::text::Escaped;

/// A file, opened.
#[derive(Debug, Clone)]
pub enum Opened {
    /// A picture: upright pixels, and what must be known about them.
    Picture(Decoded),
    /// A tensor, which only the model that it is for can read. It has no picture but what that model sees.
    Tensor(PathBuf),
}

impl Opened {
    /// What must be known about the image before what is said of it is trusted, a sentence each, safe to print.
    pub fn warnings(&self) -> &[String] {
        match self {
            Opened::Picture(decoded) => &decoded.warnings,
            Opened::Tensor(_) => &[],
        }
    }
}

/// Opens a file. What it is, its first bytes say, whatever it is called.
///
/// # Errors
/// When it is neither a tensor nor a picture that can be decoded.
pub fn open(path: &Path, options: DecodeOptions) -> Result<Opened, DecodeError> {
    match gallery::decode(path, options) {
        Ok(decoded) => Ok(Opened::Picture(decoded)),
        Err(DecodeError { problem: DecodeProblem::Tensor, .. }) => Ok(Opened::Tensor(path.to_path_buf())),
        Err(error) => Err(error),
    }
}

/// Why the network has nothing to say of a file.
#[derive(Debug, Error)]
pub enum InputError {
    /// It cannot be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It is a tensor that the network does not take.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// It is a picture that cannot be prepared.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The network refused it.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// NaN or infinite scores, with which nothing can be said of the image.
    #[error("the scores of {0} are not finite")]
    NotFinite(Escaped),
}

impl InputError {
    /// Whether the message names the file.
    pub fn names_file(&self) -> bool {
        match self {
            InputError::Decode(_) | InputError::Tensor(_) | InputError::NotFinite(_) => true,
            InputError::Picture(_) | InputError::Network(_) => false,
        }
    }
}

/// The network's input, where it lies in the image, and what the network sees.
///
/// # Errors
/// When the network takes no such input.
pub(super) fn prepare(classifier: &Classifier, opened: &Opened) -> Result<Prepared, InputError> {
    Ok(match opened {
        Opened::Picture(decoded) => classifier.preprocess(&decoded.image)?,
        Opened::Tensor(path) => classifier.read_npy(path)?,
    })
}

impl Session {
    /// Opens a file as the options of the run say.
    ///
    /// # Errors
    /// As [`open`].
    pub fn open(&self, path: &Path) -> Result<Opened, DecodeError> {
        open(path, self.options.decoding)
    }

    /// The network's input alone.
    ///
    /// # Errors
    /// When the file cannot be opened, or the network takes no such input.
    pub fn tensor(&self, path: &Path) -> Result<(ArrayD<f32>, Vec<String>), InputError> {
        let opened = self.open(path)?;
        Ok((self.input(&opened)?, opened.warnings().to_vec()))
    }

    /// The network's input of a file that is open.
    pub(super) fn input(&self, opened: &Opened) -> Result<ArrayD<f32>, InputError> {
        Ok(match opened {
            Opened::Picture(decoded) => self.classifier.preprocess(&decoded.image)?.tensor,
            Opened::Tensor(path) => self.classifier.read_tensor(path)?,
        })
    }
}
