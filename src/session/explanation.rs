//! From a pass to a map, and what is laid under it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use image::RgbImage;

use super::{Ground, RunOptions, Session};
use crate::explain::{
    Attribution, BlockHeads, DecisionSum, ExplainError, LayerChannels, LayerChoice, MethodInfo, Monitor, Request,
    SampleCache, Subject, Values, WhatIf, attention_heads, decision_sum, layer_channels, what_if,
};
use crate::model::{Classifier, Target};
use crate::network::{Activation, Pass, Scores, with_threads};
use crate::raster::{Colormap, Composition, Heat, Superpixels, display_map};

/// How much of the picture the hottest heat hides in an exported overlay.
const OPACITY: f32 = 0.6;

/// What is asked about an image.
#[derive(Clone)]
pub struct Question {
    /// The method.
    pub method: &'static MethodInfo,
    /// The score explained.
    pub target: Target,
    /// The layer, for methods that need one.
    pub layer: LayerChoice,
    /// The method's parameters, where they differ from the defaults.
    pub values: Values,
}

/// The answer to a question, and what there is to say of it.
#[derive(Clone, Copy)]
pub struct Explanation<'a> {
    /// The image's file.
    pub image: &'a Path,
    /// What the network says of the image.
    pub scores: &'a Scores,
    /// What was asked.
    pub question: &'a Question,
    /// The map.
    pub attribution: &'a Attribution,
    /// What must be known about the image.
    pub warnings: &'a [String],
    /// Decoding, preprocessing, forward pass and method, without writing.
    pub elapsed: Duration,
    /// Whether the map before post-processing is written.
    pub raw: bool,
}

/// Makes a map with this seed; a sampling method stops at the tolerance, where there is one.
pub(super) fn explain(
    classifier: &Classifier,
    question: &Question,
    (seed, tolerance): (u64, Option<f64>),
    pass: &Pass,
    samples: &SampleCache,
    monitor: &Monitor<'_>,
) -> Result<Attribution, ExplainError> {
    let Question { method, target, layer, values } = question;
    let request = Request {
        target: *target,
        layer: if method.needs.layer { layer.clone() } else { LayerChoice::Auto },
        values: values.clone(),
        seed,
        tolerance,
    };
    method.method.explain(Subject::of(classifier, pass).keeping(samples), &request, monitor)
}

impl Session {
    /// Makes a map. Model calls are kept in `samples`, which must serve this model alone.
    ///
    /// # Errors
    /// [`ExplainError::Cancelled`], or what the method says.
    pub fn explain(
        &self,
        question: &Question,
        pass: &Pass,
        samples: &SampleCache,
        monitor: &Monitor<'_>,
    ) -> Result<Attribution, ExplainError> {
        let RunOptions { seed, tolerance, .. } = self.options;
        explain(&self.classifier, question, (seed, tolerance), pass, samples, monitor)
    }

    /// Hides superpixels of the image and asks the model, on `threads` threads, see [`what_if`]. Divisions are kept in
    /// `samples`, which must serve this model alone.
    ///
    /// # Errors
    /// [`ExplainError::Cancelled`], or what the network says; [`ExplainError::Unsuitable`] for too few or too many superpixels.
    pub fn what_if(
        &self,
        pass: &Pass,
        (values, hidden): (&Values, &[u32]),
        samples: &SampleCache,
        monitor: &Monitor<'_>,
        threads: usize,
    ) -> Result<WhatIf, ExplainError> {
        let subject = Subject::of(&self.classifier, pass).keeping(samples);
        with_threads(threads, || what_if(subject, values, hidden, monitor))
    }

    /// What a layer holds, `[C, h, w]`.
    ///
    /// # Errors
    /// What the network says.
    pub fn layer_output(&self, pass: &Pass, layer: usize) -> Result<Activation, ExplainError> {
        Ok(self.classifier.network().activation(pass, layer)?)
    }

    /// Reads the channels of a layer.
    ///
    /// # Errors
    /// [`ExplainError::Cancelled`], or what the network says.
    pub fn channels(
        &self,
        pass: &Pass,
        layer: usize,
        target: Target,
        monitor: &Monitor<'_>,
    ) -> Result<LayerChannels, ExplainError> {
        layer_channels(Subject::of(&self.classifier, pass), layer, target, monitor)
    }

    /// Reads what every head of every block attends to, from the input to the logits.
    ///
    /// # Errors
    /// [`ExplainError::Cancelled`], or what the network says; [`ExplainError::Unsuitable`] where it has no attention.
    pub fn attention(&self, pass: &Pass, monitor: &Monitor<'_>) -> Result<Vec<BlockHeads>, ExplainError> {
        attention_heads(Subject::of(&self.classifier, pass), monitor)
    }

    /// Takes a score apart: what each channel of the last layer with spatial extent adds to it.
    ///
    /// # Errors
    /// [`ExplainError::Cancelled`], or what the network says.
    pub fn decision_sum(
        &self,
        pass: &Pass,
        target: Target,
        monitor: &Monitor<'_>,
    ) -> Result<DecisionSum, ExplainError> {
        decision_sum(Subject::of(&self.classifier, pass), target, monitor)
    }
}

impl Ground {
    /// The picture with the heat over it.
    pub fn overlay(&self, attribution: &Attribution) -> RgbImage {
        let composition = Composition {
            base: Arc::clone(&self.picture),
            show_base: true,
            heat: Some(Heat {
                map: display_map(&attribution.map, attribution.sign).into(),
                sign: attribution.sign,
                region: self.region,
                colormap: Colormap::default(),
                opacity: OPACITY,
            }),
            superpixels: attribution.segments.as_ref().map(|segments| Superpixels {
                labels: Arc::clone(&segments.labels),
                region: self.region,
                outlined: false,
                marked: None,
                carry_heat: true,
            }),
            boxes: vec![],
        };
        let (width, height) = composition.written_size();
        composition.render(width, height)
    }
}
