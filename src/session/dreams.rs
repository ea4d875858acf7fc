//! What a unit wants to see, described and written.

use std::path::Path;
use std::time::Duration;

use image::RgbImage;
use serde::Serialize;

use super::arrays::{SheetFolder, Written};
use super::export::ExportError;
use super::identity::Identity;
use super::naming::{layer_word, model_word, word};
use super::record::{Files, SCHEMA};
use super::{InputError, Session};
use crate::explain::{Aim, Dream, DreamOptions, ExplainError, Monitor, OverNoise, dream, over_noise};
use crate::gallery::{self, Decoded};
use crate::model::Fingerprint;

/// The line that describes a dream.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DreamRecord {
    /// Version of the layout.
    pub schema: u32,
    /// The model, as it was named.
    pub model: String,
    /// Which model it is, wherever it lies.
    pub model_id: Fingerprint,
    /// The layer, of a channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
    /// The channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<usize>,
    /// The class, by index and name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<DreamTarget>,
    /// What the unit says to the picture: the mean of the channel over its places, or the class's raw score.
    pub value: f32,
    /// What it says to noise with the same frequencies: 32 pictures.
    pub noise: Noise,
    /// Steps of ascent.
    pub steps: usize,
    /// The seed.
    pub seed: u64,
    /// What was written.
    pub files: Files,
    /// In all, in milliseconds.
    pub elapsed_ms: f64,
}

/// A class that was dreamt of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DreamTarget {
    /// Output index, from 0.
    pub index: usize,
    /// The model's name for it.
    pub label: String,
}

/// Mean and standard deviation over noise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Noise {
    /// The mean.
    pub mean: f32,
    /// The standard deviation.
    pub std: f32,
}

impl Session {
    /// Dreams, see [`crate::explain::dream`].
    ///
    /// # Errors
    /// As [`crate::explain::dream`].
    pub fn dream(
        &self,
        aim: Aim,
        options: &DreamOptions,
        monitor: &Monitor<'_>,
        report: impl FnMut(usize, &dyn Fn() -> RgbImage),
    ) -> Result<(Dream, OverNoise), ExplainError> {
        let dreamt = dream(&self.classifier, aim, options, monitor, report)?;
        let noise = over_noise(&self.classifier, aim, &dreamt.picture, options.seed, monitor)?;
        Ok((dreamt, noise))
    }

    /// What the network sees of a picture: for a dream to begin with.
    ///
    /// # Errors
    /// When it cannot be decoded, or the network takes no pictures.
    pub fn seen(&self, path: &Path) -> Result<RgbImage, InputError> {
        let Decoded { image, .. } = gallery::decode(path, self.options.decoding)?;
        Ok(self.classifier.preprocess(&image)?.seen)
    }

    /// Describes a dream, and writes `<model>.<unit>.dream.png` and `.npy` where there is a folder.
    ///
    /// # Errors
    /// The file that cannot be written.
    pub fn record_dream(
        &self,
        aim: Aim,
        (options, begun): (&DreamOptions, Option<&Path>),
        (dreamt, noise): (&Dream, OverNoise),
        elapsed: Duration,
        to: Option<&SheetFolder>,
    ) -> Result<DreamRecord, ExportError> {
        let model = self.classifier.source().to_string();
        let (layer, channel, target) = match aim {
            Aim::Channel { layer, channel } => {
                (Some(self.classifier.network().layers()[layer].name.clone()), Some(channel), None)
            }
            Aim::Class(index) => {
                let label = self.classifier.labels().get(index).into_owned();
                (None, None, Some(DreamTarget { index, label }))
            }
        };
        let unit = match (&layer, channel, &target) {
            (Some(layer), Some(channel), _) => format!("{}.{channel}", layer_word(layer)),
            (_, _, Some(target)) => word(&target.label),
            _ => String::new(),
        };
        let mut record = DreamRecord {
            schema: SCHEMA,
            model_id: self.classifier.fingerprint(),
            layer,
            channel,
            target,
            value: dreamt.value,
            noise: Noise { mean: noise.mean, std: noise.deviation },
            steps: options.steps,
            seed: options.seed,
            files: Files::default(),
            elapsed_ms: elapsed.as_secs_f64() * 1e3,
            model: model.clone(),
        };
        let Some(to) = to else { return Ok(record) };
        let image = begun.unwrap_or(Path::new(""));
        let what = format!("dream {unit} steps={} seed={}", options.steps, options.seed);
        record.files = to.write(Written {
            stem: &model_word(&model),
            end: &format!("{unit}.dream"),
            of: (image, &model),
            request: Identity::of_layer(self, image, record.layer.as_deref().unwrap_or_default(), &what),
            values: Some(dreamt.values.view()),
            sheet: Some(dreamt.picture.clone()),
        })?;
        Ok(record)
    }
}
