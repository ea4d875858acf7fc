//! What is written for an explanation: the overlay, the values, and the line of JSON that describes them. The command
//! line and the interface write the same.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use image::RgbImage;
use serde::Serialize;
use thiserror::Error;

pub use super::naming::{Circumstances, Identity};
use super::naming::{Name, Names, Owner, owner, png};
use super::{Attribution, Evidence, Segments, Sign};
use crate::model::{Labels, Prediction, Scores, Target};
use crate::raster::caption::{Bar, caption};
use crate::raster::{Colormap, is_flat, npy};

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

/// The class explained; with `against`, the logit is the difference of the two.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TargetRecord {
    /// The class.
    #[serde(flatten)]
    pub class: ScoredClass,
    /// The class that it is held against, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<ScoredClass>,
}

impl TargetRecord {
    /// The record of a resolved target.
    pub fn new(target: Target, scores: &Scores, labels: &Labels) -> Self {
        let at = |index| ScoredClass::at(index, scores, labels);
        match target {
            Target::Contrast(a, b) => TargetRecord { class: at(a), against: Some(at(b)) },
            Target::Class(index) | Target::Probability(index) => TargetRecord { class: at(index), against: None },
            Target::Top(rank) => TargetRecord { class: at(scores.top(rank + 1)[rank].index), against: None },
        }
    }

    /// `goose`, or `goose - pelican`.
    pub fn title(&self) -> String {
        match &self.against {
            Some(other) => format!("{} - {}", self.class.label, other.label),
            None => self.class.label.clone(),
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<EvidenceRecord>,
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

/// What to know before trusting a map: what its method warns of, and that it is flat where the method does not say so.
/// A rule that needs nothing to be seen is an answer, not a flat map.
pub fn warnings(attribution: &Attribution) -> Vec<String> {
    let mut warnings: Vec<String> = attribution.remarks().map(str::to_owned).collect();
    if attribution.sign != Sign::Membership && is_flat(&attribution.map) && attribution.flatness.is_none() {
        warnings.push("the map is flat: it tells no place from another".into());
    }
    warnings
}

/// A measured property, as records have it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvidenceRecord {
    name: &'static str,
    value: f64,
    #[serde(skip_serializing_if = "str::is_empty")]
    unit: &'static str,
}

impl From<&Evidence> for EvidenceRecord {
    fn from(evidence: &Evidence) -> Self {
        EvidenceRecord { name: evidence.name, value: evidence.value, unit: evidence.unit }
    }
}

/// A record as its file has it: with what is too long for a line.
#[derive(Serialize)]
struct WholeRecord<'a> {
    #[serde(flatten)]
    record: &'a Record,
    /// The superpixels that have a weight, the heaviest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    segments: Vec<SegmentRecord>,
}

/// A superpixel, as records have it.
#[derive(Debug, PartialEq, Serialize)]
struct SegmentRecord {
    index: usize,
    weight: f32,
    /// Its centre `[x, y]`, in pixels of the network's input.
    centre: [f32; 2],
}

impl SegmentRecord {
    /// Those of `segments` whose weight is not zero: for a rule, those that it names.
    fn all(segments: &Segments) -> Vec<SegmentRecord> {
        let mut sums = vec![(0.0, 0.0, 0.0); segments.weights.len()];
        for ((y, x), label) in segments.labels.indexed_iter() {
            let (count, across, down) = &mut sums[*label as usize];
            *count += 1.0;
            *across += x as f64 + 0.5;
            *down += y as f64 + 0.5;
        }
        let centre = |(count, across, down): &(f64, f64, f64)| [(across / count) as f32, (down / count) as f32];
        let weighted = segments.weights.iter().zip(&sums).enumerate().filter(|(_, (weight, _))| **weight != 0.0);
        let mut records: Vec<SegmentRecord> = weighted
            .map(|(index, (weight, sum))| SegmentRecord { index, weight: *weight, centre: centre(sum) })
            .collect();
        records.sort_by(|a, b| b.weight.abs().total_cmp(&a.weight.abs()));
        records
    }
}

/// Which files to write, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The folder; made when it is missing.
    pub folder: PathBuf,
    /// What the names start with: `<stem>.<method>.npy`.
    pub stem: String,
    /// Write the overlay.
    pub png: bool,
    /// Write the values.
    pub npy: bool,
    /// Write the record.
    pub json: bool,
    /// Write the map before post-processing in place of the values.
    pub raw: bool,
    /// Whether a file of the same request is replaced, and others get a longer name; else what is there is an error.
    pub clobber: bool,
}

/// A file that could not be written.
#[derive(Debug, Error)]
#[error("could not write {path:?}: {source}")]
pub struct ExportError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    source: io::Error,
}

/// Makes a folder for files where it is missing, and sees whether files can be written there.
///
/// # Errors
/// When it is no folder, or cannot be written.
pub fn prepare(folder: &Path) -> Result<(), ExportError> {
    let attempt = || fs::create_dir_all(folder).and_then(|()| tempfile::tempfile_in(folder).map(drop));
    attempt().map_err(|source| ExportError { path: folder.into(), source })
}

/// Writes what `to` asks for and notes the files in `record`. `overlay` is the picture with its heat, at any size.
/// Each file appears whole or not at all. Files that another request wrote are not replaced: the name gets longer.
///
/// # Errors
/// The first file that cannot be written.
pub fn export(
    to: &Destination,
    attribution: &Attribution,
    overlay: &RgbImage,
    colormap: Colormap,
    record: &mut Record,
) -> Result<(), ExportError> {
    let values = if to.raw { &attribution.raw } else { &attribution.values };
    let mut npy = vec![];
    npy::write(&mut npy, values.view()).map_err(|source| ExportError { path: to.folder.clone(), source })?;
    let name = Name {
        target: record.target.title(),
        layer: record.layer.clone().unwrap_or_default(),
        ..Name::of(&to.stem, &record.method, &record.image, &record.model)
    };
    let request = record.request;
    place(&to.folder, name, &request, Some(&npy), to.clobber, |path, replace| {
        let wanted = |is_wanted: bool, suffix: &str| is_wanted.then(|| path(suffix));
        record.files = Files { png: wanted(to.png, "png"), npy: wanted(to.npy, "npy"), json: wanted(to.json, "json") };
        // The picture first: it says whose the name is now.
        if let Some(path) = &record.files.png {
            write_png(path, replace, &annotate(overlay, attribution.sign, colormap, record), &request)?;
        }
        if let Some(path) = &record.files.npy {
            write_whole(path, replace, |file| file.write_all(&npy))?;
        }
        if let Some(path) = &record.files.json {
            write_whole(path, replace, |mut file| {
                let segments = attribution.segments.as_ref().map(SegmentRecord::all).unwrap_or_default();
                let whole = WholeRecord { record, segments };
                serde_json::to_writer_pretty(&mut file, &whole).map_err(io::Error::other)?;
                file.write_all(b"\n")
            })?;
        }
        Ok(())
    })
}

/// Writes a picture with lines of text under it, called `<stem>.<what>.png` where that is not taken; returns the file. It
/// appears whole or not at all. `record` says of which image it is, and what was asked for.
///
/// # Errors
/// When it cannot be written.
pub fn picture(
    folder: &Path,
    (stem, what): (&str, &str),
    picture: &RgbImage,
    lines: &[String],
    (image, model, request): (&Path, &str, &Identity),
) -> Result<PathBuf, ExportError> {
    let page = caption(picture, lines, None);
    let name = Name::of(stem, what, &image.to_string_lossy(), model);
    let mut written = PathBuf::new();
    place(folder, name, request, None, true, |path, replace| {
        written = path("png");
        write_png(&written, replace, &page, request)
    })?;
    Ok(written)
}

/// Refuses where one of the files to be written is there already.
///
/// # Errors
/// The file.
pub fn refuse_existing(to: &Destination, method: &str) -> Result<(), ExportError> {
    for (is_wanted, suffix) in [(to.npy, "npy"), (to.png, "png"), (to.json, "json")] {
        let path = to.folder.join(format!("{}.{method}.{suffix}", to.stem));
        if is_wanted && path.symlink_metadata().is_ok() {
            return Err(exists(path));
        }
    }
    Ok(())
}

fn exists(path: PathBuf) -> ExportError {
    let source = io::Error::new(io::ErrorKind::AlreadyExists, "it is there already, and --no-clobber keeps it");
    ExportError { path, source }
}

/// Finds the name that a request's files may have and has them written: `write` gets the path for a suffix, and whether a
/// file that is there may be replaced.
fn place(
    folder: &Path,
    name: Name,
    request: &Identity,
    npy: Option<&[u8]>,
    clobber: bool,
    mut write: impl FnMut(&dyn Fn(&str) -> PathBuf, bool) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    fs::create_dir_all(folder).map_err(|source| ExportError { path: folder.into(), source })?;
    let mut names = Names::new(name);
    let mut name = names.current();
    loop {
        let path = |suffix: &str| folder.join(format!("{name}.{suffix}"));
        let other = match owner(folder, &name, request, npy) {
            Owner::Nobody => match write(&path, false) {
                // Somebody was quicker.
                Err(error) if clobber && error.source.kind() == io::ErrorKind::AlreadyExists => None,
                result => return result,
            },
            Owner::Same if clobber => return write(&path, true),
            Owner::Same => return Err(exists(path("*"))),
            Owner::Other(other) => other,
        };
        match names.lengthen(request, other).filter(|_| clobber) {
            Some(longer) => name = longer,
            None => return Err(exists(path("*"))),
        }
    }
}

fn write_png(path: &Path, replace: bool, page: &RgbImage, request: &Identity) -> Result<(), ExportError> {
    write_whole(path, replace, |file| file.write_all(&png(page, request).map_err(io::Error::other)?))
}

/// The overlay with the method, the target, what the method says and the labelled scale under it.
fn annotate(overlay: &RgbImage, sign: Sign, colormap: Colormap, record: &Record) -> RgbImage {
    let mut lines = vec![
        format!("{} of {}", record.method, record.target.title()),
        format!("p {:.3}  logit {:.2}", record.target.class.probability, record.target.class.logit),
        format!("raw {:.3} .. {:.3}", record.raw.min, record.raw.max),
    ];
    lines.extend(record.statement.clone());
    let colour = |share: f32| match sign {
        Sign::Positive => colormap.colour(share),
        Sign::Signed => Colormap::diverging(2.0 * share - 1.0),
        Sign::Membership => Colormap::Grey.colour(share),
    };
    let (low, high) = match sign {
        Sign::Positive => ("low", "high"),
        Sign::Signed => ("against", "for"),
        Sign::Membership => ("outside", "in the rule"),
    };
    caption(overlay, &lines, Some(&Bar { low, high, colour: &colour }))
}

/// Writes to a temporary name in the same folder and renames when all is there. Only with `replace` may that be another file's
/// name.
fn write_whole(
    path: &Path,
    replace: bool,
    write: impl FnOnce(&mut fs::File) -> io::Result<()>,
) -> Result<(), ExportError> {
    let attempt = || -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        // Temporary files are private by default; this one becomes an ordinary file, as the umask has it.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.prefix(".seewhy-").tempfile_in(folder)?;
        write(file.as_file_mut())?;
        let kept = if replace { file.persist(path) } else { file.persist_noclobber(path) };
        kept.map_err(|error| error.error)?;
        Ok(())
    };
    attempt().map_err(|source| ExportError { path: path.into(), source })
}

/// A name for each path's files: its stem where that is unique, else as much of the path as makes it so.
pub fn unique_stems(paths: &[PathBuf]) -> Vec<String> {
    let name = |path: &Path, parts: usize| -> String {
        let components: Vec<_> =
            path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
        let kept = &components[components.len().saturating_sub(parts)..];
        kept.join("_").replace(['/', '\\'], "_")
    };
    let stem =
        |path: &Path| path.file_stem().map_or_else(|| "image".into(), |stem| stem.to_string_lossy().into_owned());
    let mut names: Vec<String> = paths.iter().map(|path| stem(path)).collect();
    for parts in 1..64 {
        let mut seen = std::collections::HashMap::<String, usize>::new();
        for name in &names {
            *seen.entry(name.clone()).or_default() += 1;
        }
        if seen.values().all(|&count| count == 1) {
            break;
        }
        for (chosen, path) in names.iter_mut().zip(paths) {
            if seen[chosen.as_str()] > 1 {
                *chosen = name(path, parts);
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_images_with_the_same_name_do_not_overwrite_each_other() {
        let paths = ["val/cat/1.jpg", "val/dog/1.jpg", "val/dog/2.jpg", "val/dog/2.png", "a.jpg"].map(PathBuf::from);
        assert_eq!(unique_stems(&paths), ["cat_1.jpg", "dog_1.jpg", "2.jpg", "2.png", "a"]);
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let result = write_whole(&folder.path().join("map.npy"), false, |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("disk full"))
        });
        assert!(result.unwrap_err().to_string().contains("map.npy"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
