//! What layers hold for an image: read, described, written.

use std::path::Path;
use std::time::Instant;

use ndarray::{ArrayD, Axis, Ix2, Ix3};
use serde::Serialize;

use super::arrays::{SheetFolder, Written, sheet};
use super::export::{ExportError, layer_word};
use super::identity::Identity;
use super::record::{Files, SCHEMA, Summary};
use super::{InputError, Session};
use crate::model::Fingerprint;
use crate::network::{NodeValue, with_threads};
use crate::raster::LayerHeat;

/// What one layer holds for one image.
#[derive(Debug, Clone)]
pub struct LayerReading {
    /// Which layer.
    pub node: NodeValue,
    /// `[C, h, w]` where the image's rows and columns are known in it, else as the tensor has it without the batch's side.
    pub values: ArrayD<f32>,
    /// What must be known about the image before this is trusted, a sentence each, safe to print.
    pub warnings: Vec<String>,
    /// Decoding, preprocessing and the run, in milliseconds; shared by all layers of the image.
    pub elapsed_ms: f64,
}

impl LayerReading {
    /// The share of the values that are zero.
    pub fn sparsity(&self) -> f64 {
        let zeros = self.values.iter().filter(|value| **value == 0.0).count();
        zeros as f64 / self.values.len().max(1) as f64
    }

    /// The channels that are zero all over; none where it is not known which axis they are.
    pub fn dead_channels(&self) -> Option<Vec<usize>> {
        self.node.layer?;
        let channels = self.values.axis_iter(Axis(0)).enumerate();
        let is_dead = |values: ndarray::ArrayViewD<'_, f32>| values.iter().all(|value| *value == 0.0);
        Some(channels.filter(|(_, values)| is_dead(values.view())).map(|(channel, _)| channel).collect())
    }

    /// The values as channels of one size: those that the layer has, or what a tensor without a grid has in the place.
    /// None of a single row of numbers.
    pub fn channels(&self) -> Option<ndarray::Array3<f32>> {
        match self.values.ndim() {
            0 | 1 => None,
            2 => self.values.clone().into_dimensionality::<Ix2>().ok().map(|matrix| matrix.insert_axis(Axis(0))),
            _ => {
                let [.., rows, columns] = *self.values.shape() else { return None };
                let count = self.values.len() / (rows * columns).max(1);
                let values = self.values.to_shape((count, rows, columns)).ok()?.into_owned();
                values.into_dimensionality::<Ix3>().ok()
            }
        }
    }

    /// What must be known about it, beside what must be about the image.
    fn remarks(&self) -> Vec<String> {
        let mut remarks = self.warnings.clone();
        if self.node.layer.is_none() {
            remarks.push(format!(
                "where the image's rows and columns are in it is not known: it is written as the tensor has it, {:?}",
                self.values.shape()
            ));
        }
        match self.node.dropped {
            0 => {}
            1 => remarks.push("the token before the patches (a class token) is left out".to_owned()),
            tokens => {
                remarks.push(format!("the {tokens} tokens before the patches (class token, registers) are left out"));
            }
        }
        let odd = self.values.iter().filter(|value| !value.is_finite()).count();
        if odd > 0 {
            remarks.push(format!("{odd} of its values are not finite"));
        }
        remarks
    }
}

/// What one layer holds for one image, as a line of JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActivationRecord {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The image, as it was named.
    pub image: String,
    /// The model, as it was named.
    pub model: String,
    /// Which model that is, wherever it lies.
    pub model_id: Fingerprint,
    /// The layer's node.
    pub layer: String,
    /// The tensor that it outputs.
    pub tensor: String,
    /// Its ONNX operator.
    pub operator: String,
    /// The values: `[C, h, w]` where the image's rows and columns are known in them.
    #[serde(flatten)]
    pub values: Summary,
    /// The share of the values that are zero.
    pub sparsity: f64,
    /// The channels that are zero all over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_channels: Option<Vec<usize>>,
    /// What was written.
    pub files: Files,
    /// What to know of the image and of these values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Decoding, preprocessing and the run, for all layers of the image together.
    pub elapsed_ms: f64,
}

impl Session {
    /// What layers hold for an image, on `threads` threads: one run for all of them, which ends where the last one is.
    ///
    /// # Errors
    /// When the image cannot be opened or the network fails.
    pub fn read_layers(
        &self,
        path: &Path,
        nodes: &[NodeValue],
        threads: usize,
    ) -> Result<Vec<LayerReading>, InputError> {
        let begun = Instant::now();
        let (tensor, warnings) = self.tensor(path)?;
        let values = with_threads(threads, || self.classifier.network().values(tensor.view(), nodes))?;
        let elapsed_ms = begun.elapsed().as_secs_f64() * 1e3;
        let reading = |(node, values): (&NodeValue, ArrayD<f32>)| LayerReading {
            node: node.clone(),
            values,
            warnings: warnings.clone(),
            elapsed_ms,
        };
        Ok(nodes.iter().zip(values).map(reading).collect())
    }

    /// Describes what a layer holds, and writes `<stem>.<layer>.npy` and the sheet where there is a folder.
    ///
    /// # Errors
    /// The file that cannot be written.
    pub fn record_layer(
        &self,
        image: &Path,
        stem: &str,
        reading: &LayerReading,
        to: Option<&SheetFolder>,
    ) -> Result<ActivationRecord, ExportError> {
        let NodeValue { name, tensor, operator, .. } = reading.node.clone();
        let model = self.classifier.source().to_string();
        let mut record = ActivationRecord {
            schema: SCHEMA,
            image: image.to_string_lossy().into_owned(),
            model_id: self.classifier.fingerprint(),
            model: model.clone(),
            layer: name,
            tensor,
            operator,
            values: Summary::of(reading.values.view()),
            sparsity: reading.sparsity(),
            dead_channels: reading.dead_channels(),
            files: Files::default(),
            warnings: reading.remarks(),
            elapsed_ms: reading.elapsed_ms,
        };
        let Some(to) = to else { return Ok(record) };
        let sheet = reading.channels().map(|channels| {
            let heat = LayerHeat::of(channels.view());
            let [count, rows, columns] = [0, 1, 2].map(|axis| channels.shape()[axis]);
            let size = if reading.node.layer.is_some() {
                format!(
                    "{count} channels of {rows}x{columns}, row after row; values {:.3} .. {:.3}",
                    record.values.min, record.values.max
                )
            } else {
                format!(
                    "a tensor without a grid, {:?}; values {:.3} .. {:.3}",
                    record.values.shape, record.values.min, record.values.max
                )
            };
            sheet(&heat, &[record.layer.clone(), size])
        });
        record.files = to.write(Written {
            stem,
            end: &layer_word(&record.layer),
            of: (image, &model),
            request: Identity::of_layer(self, image, &record.layer, "activations"),
            values: Some(reading.values.view()),
            sheet,
        })?;
        Ok(record)
    }
}
