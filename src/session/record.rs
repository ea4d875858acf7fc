//! The line of JSON that describes an explanation: of which image and class it is, how it was made, and what to know of it.

use std::path::PathBuf;

use serde::Serialize;

use super::identity::Identity;
use super::{Explanation, Session};
use crate::explain::{Attribution, Metric, Segments, Sign};
use crate::model::{Fingerprint, Labels, Target};
use crate::network::{Prediction, Scores};
use crate::raster::is_flat;

/// Version of the records' layout. It grows when a field changes its meaning, not when one is added.
pub const SCHEMA: u32 = 1;

/// A class with its scores, as records have it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScoredClass {
    /// Output index, from 0.
    pub index: usize,
    /// The model's name for it.
    pub label: String,
    /// Raw score.
    pub logit: f32,
    /// In `[0, 1]`.
    pub probability: f32,
}

impl ScoredClass {
    /// A prediction with its label; the index where the model has none.
    pub fn new(prediction: &Prediction, labels: &Labels) -> Self {
        let label = labels.get(prediction.index).into_owned();
        ScoredClass { index: prediction.index, label, logit: prediction.logit, probability: prediction.probability }
    }

    /// The cells of a row: index, label, logit, probability.
    pub fn cells(&self) -> [String; 4] {
        [self.index.to_string(), self.label.clone(), self.logit.to_string(), self.probability.to_string()]
    }

    /// The class of that index.
    fn at(index: usize, scores: &Scores, labels: &Labels) -> Self {
        let probability = scores.probabilities()[index];
        let prediction = Prediction { index, logit: scores[index], probability };
        ScoredClass::new(&prediction, labels)
    }

    /// The classes that are said to be there, where any number may be.
    pub fn said(scores: &Scores, labels: &Labels) -> Option<Vec<ScoredClass>> {
        let one = |class: usize| ScoredClass::at(class, scores, labels);
        (!scores.scoring().exclusive).then(|| scores.said().into_iter().map(one).collect())
    }

    /// The `count` best classes.
    pub fn top(scores: &Scores, labels: &Labels, count: usize) -> Vec<ScoredClass> {
        scores.top(count).iter().map(|prediction| ScoredClass::new(prediction, labels)).collect()
    }
}

/// The class explained, and which score of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TargetRecord {
    /// The class.
    #[serde(flatten)]
    pub class: ScoredClass,
    /// The class that it is held against, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<ScoredClass>,
    /// What is explained: its `logit`, its `probability`, or the `difference` of the two logits.
    pub of: &'static str,
    /// That score.
    pub value: f32,
}

impl TargetRecord {
    /// The record of a resolved target.
    pub fn new(target: Target, scores: &Scores, labels: &Labels) -> Self {
        let at = |index| ScoredClass::at(index, scores, labels);
        let (class, against, of) = match target {
            Target::Contrast(a, b) => (at(a), Some(at(b)), "difference"),
            Target::Class(index) => (at(index), None, "logit"),
            Target::Probability(index) => (at(index), None, "probability"),
            Target::Top(rank) => (at(scores.top(rank + 1)[rank].index), None, "logit"),
        };
        let value = match (&against, of) {
            (Some(other), _) => class.logit - other.logit,
            (None, "probability") => class.probability,
            (None, _) => class.logit,
        };
        TargetRecord { class, against, of, value }
    }

    /// `goose`, `goose against pelican`, or `the probability of goose`.
    pub fn title(&self) -> String {
        match &self.against {
            Some(other) => format!("{} against {}", self.class.label, other.label),
            None if self.of == "probability" => format!("the probability of {}", self.class.label),
            None => self.class.label.clone(),
        }
    }

    /// The same as a part of a file's name: `goose-pelican`.
    pub fn name(&self) -> String {
        let against = self.against.iter().map(|other| other.label.as_str());
        [self.class.label.as_str()].into_iter().chain(against).collect::<Vec<_>>().join(" - ")
    }

    /// Its scores, as they stand under a picture: `p 0.424  logit 3.00`.
    pub fn scores(&self) -> String {
        let ScoredClass { probability, logit, .. } = self.class;
        match &self.against {
            Some(other) => format!("logits {logit:.2} - {:.2} = {:.2}", other.logit, self.value),
            None => format!("p {probability:.3}  logit {logit:.2}"),
        }
    }
}

/// Smallest, largest and mean value of an array, and its shape.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Smallest value.
    pub min: f32,
    /// Largest value.
    pub max: f32,
    /// Mean.
    pub mean: f32,
    /// Extents.
    pub shape: Vec<usize>,
}

impl Summary {
    /// The summary of `values`; NaN where there are none.
    pub fn of(values: ndarray::ArrayViewD<'_, f32>) -> Self {
        let fold = |start: f32, pick: fn(f32, f32) -> f32| values.iter().copied().fold(start, pick);
        let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / values.len() as f64;
        Summary {
            min: fold(f32::NAN, f32::min),
            max: fold(f32::NAN, f32::max),
            mean: mean as f32,
            shape: values.shape().to_vec(),
        }
    }
}

/// The files written for one explanation.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Files {
    /// The overlay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub png: Option<PathBuf>,
    /// The values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub npy: Option<PathBuf>,
    /// The record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json: Option<PathBuf>,
}

/// One explanation, as a line of JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The image, as it was named.
    pub image: String,
    /// The model, as it was named.
    pub model: String,
    /// Which model that is, wherever it lies.
    pub model_id: Fingerprint,
    /// The best classes.
    pub top: Vec<ScoredClass>,
    /// The method.
    pub method: String,
    /// The class explained.
    pub target: TargetRecord,
    /// The layer; several are joined by commas; null for methods without one.
    pub layer: Option<String>,
    /// What was asked for, as a number: the same request has the same one.
    pub request: Identity,
    /// What was written.
    pub files: Files,
    /// The values as written to `.npy`.
    pub map: Summary,
    /// The map before post-processing.
    pub raw: Summary,
    /// What the method says in words, such as the rule of an anchor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    /// What was measured along the way: gaps, errors, fits.
    #[serde(rename = "evidence", skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricRecord>,
    /// Where two models explain the same: the rank correlation of the second one's map with the first one's, in `[-1, 1]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreement: Option<f64>,
    /// What to know before trusting this map.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What to know before trusting any map of the method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caution: Option<&'static str>,
    /// Decoding, preprocessing, forward pass and method, without writing.
    pub elapsed_ms: f64,
}

impl Record {
    /// Whether its files are called otherwise than `<stem>.<method>`, because something else is.
    pub fn is_called_otherwise(&self, stem: &str) -> bool {
        let Files { png, npy, json } = &self.files;
        let plain = format!("{stem}.{}", self.method);
        let file = png.as_ref().or(npy.as_ref()).or(json.as_ref());
        file.is_some_and(|file| file.file_stem().is_none_or(|stem| stem.to_string_lossy() != plain))
    }
}

impl Session {
    /// The record of a map, before anything is written. The target is resolved.
    pub fn record(&self, what: &Explanation<'_>) -> Record {
        let Explanation { scores, question, attribution, .. } = *what;
        let (labels, method) = (self.classifier.labels(), question.method);
        let layer = (!attribution.layers.is_empty()).then(|| attribution.layers.join(","));
        let values = if what.raw { &attribution.raw } else { &attribution.values };
        Record {
            schema: SCHEMA,
            image: what.image.to_string_lossy().into_owned(),
            model: self.classifier.source().to_string(),
            model_id: self.classifier.fingerprint(),
            top: ScoredClass::top(scores, labels, self.options.top),
            method: method.name.into(),
            target: TargetRecord::new(question.target, scores, labels),
            request: Identity::of_map(self, what, layer.as_deref()),
            layer,
            files: Files::default(),
            map: Summary::of(values.view()),
            raw: Summary::of(attribution.raw.view()),
            metrics: attribution.metrics.iter().map(Into::into).collect(),
            statement: attribution.statement.clone(),
            agreement: None,
            warnings: [what.warnings, &warnings(attribution)].concat(),
            caution: method.caution,
            elapsed_ms: what.elapsed.as_secs_f64() * 1e3,
        }
    }
}

/// What to know before trusting a map: what its method warns of, and that it is flat where the method does not say so.
/// A rule that needs nothing to be seen is an answer, not a flat map.
fn warnings(attribution: &Attribution) -> Vec<String> {
    let mut warnings: Vec<String> = attribution.remarks().map(str::to_owned).collect();
    if attribution.sign != Sign::Membership && is_flat(&attribution.map) && attribution.flatness.is_none() {
        warnings.push("the map is flat: all places look the same to it".into());
    }
    warnings
}

/// A measured property, as records have it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricRecord {
    name: &'static str,
    value: f64,
    #[serde(skip_serializing_if = "str::is_empty")]
    unit: &'static str,
}

impl From<&Metric> for MetricRecord {
    fn from(metric: &Metric) -> Self {
        MetricRecord { name: metric.name, value: metric.value, unit: metric.unit }
    }
}

/// A record as its file has it: with what is too long for a line.
#[derive(Serialize)]
pub(super) struct WholeRecord<'a> {
    #[serde(flatten)]
    pub(super) record: &'a Record,
    /// The superpixels that have a weight, the heaviest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) segments: Vec<SegmentRecord>,
}

/// A superpixel, as records have it.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct SegmentRecord {
    index: usize,
    weight: f32,
    /// Its centre `[x, y]`, in pixels of the network's input.
    centre: [f32; 2],
}

impl SegmentRecord {
    /// Those of `segments` whose weight is not zero: for a rule, those that it names.
    pub(super) fn all(segments: &Segments) -> Vec<SegmentRecord> {
        let mut sums = vec![(0.0, 0.0, 0.0); segments.weights.len()];
        for ((y, x), label) in segments.labels.indexed_iter() {
            let (count, across, down) = &mut sums[*label as usize];
            *count += 1.0;
            *across += x as f64 + 0.5;
            *down += y as f64 + 0.5;
        }
        let centre = |(count, across, down): &(f64, f64, f64)| [(across / count) as f32, (down / count) as f32];
        let record =
            |index: usize| SegmentRecord { index, weight: segments.weights[index], centre: centre(&sums[index]) };
        let records = segments.heaviest_first().into_iter().map(record);
        records.filter(|record| record.weight != 0.0).collect()
    }
}
