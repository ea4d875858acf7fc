//! Tensors in files as inputs of a network.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use ndarray::{ArrayD, Axis, Dimension as _};
use thiserror::Error;

use super::Classifier;
use crate::model::front::FrontError;
use crate::model::preprocess::{CropGeometry, Prepared};
use crate::model::settings::Origin;
use crate::network::Layout;
use crate::raster::npy::{self, NpyError};
use crate::text::Escaped;

/// Why a `.npy` file cannot be the input of a network.
#[derive(Debug, Error)]
#[error("cannot use {path} as input: {problem}")]
pub struct TensorError {
    /// The file.
    pub path: Escaped,
    /// What is wrong with it.
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
    #[error("the graph cannot resize it: {0}")]
    Front(#[from] FrontError),
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
            tensor = front.tensor(tensor)?;
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
