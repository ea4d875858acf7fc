//! The images that a headless command works on: found, decoded, prepared, sent through the network.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use image::{DynamicImage, RgbImage};
use ndarray::ArrayD;

use super::warn;
use crate::gallery::{self, DecodeOptions, Decoded, Entry, Kind, PathList};
use crate::model::Classifier;
use crate::network::{Pass, with_threads};
use crate::raster::Region;

/// The longest side of a picture under an exported heat map, in pixels.
const LONGEST_SIDE: u32 = 1024;

/// Every image under `paths`; `-` stands for the list on standard input. A file that cannot be opened is among them, so that
/// its failure is told like any other; a folder that cannot be looked through is said on standard error.
///
/// # Errors
/// When the list cannot be read, or nothing is found that can be opened.
pub(super) fn find(paths: &[PathBuf]) -> anyhow::Result<Vec<Entry>> {
    let mut named = vec![];
    for path in paths {
        if path == Path::new("-") {
            for listed in PathList::new(io::stdin().lock()) {
                named.push(listed.context("could not read the list on standard input")?);
            }
        } else {
            named.push(path.clone());
        }
    }
    let (mut entries, mut errors) = (vec![], vec![]);
    let mut finding = gallery::find(named);
    for found in finding.by_ref() {
        match found {
            Ok(entry) => entries.push(entry),
            Err(error) => {
                if error.path.is_dir() {
                    warn(&error.to_string());
                } else {
                    entries.push(Entry { path: error.path.clone(), kind: Kind::Unknown });
                    errors.push(error);
                }
            }
        }
    }
    if let Some(formats) = finding.left_out() {
        warn(&format!("left out: {formats}; not supported"));
    }
    if errors.len() == entries.len() {
        let Some(last) = errors.pop() else {
            bail!("no image found; give folders with images, image files, or .npy tensors");
        };
        errors.iter().for_each(|error| warn(&error.to_string()));
        return Err(last.into());
    }
    Ok(entries)
}

/// One image as the network takes it, and what must be known about it.
///
/// # Errors
/// What was attempted, on which file, and why it failed.
pub(super) fn tensor(
    classifier: &Classifier,
    entry: &Entry,
    options: DecodeOptions,
) -> anyhow::Result<(ArrayD<f32>, Vec<String>)> {
    if entry.kind == Kind::Tensor {
        return Ok((classifier.read_tensor(&entry.path)?, vec![]));
    }
    let Decoded { image, warnings } = gallery::decode(&entry.path, options)?;
    Ok((classifier.preprocess(&image)?.tensor, warnings))
}

/// The forward pass of one image on `threads` threads, and what to know of the image: no picture is made.
///
/// # Errors
/// What was attempted, on which file, and why it failed.
pub(super) fn pass(
    classifier: &Classifier,
    entry: &Entry,
    options: DecodeOptions,
    threads: usize,
) -> anyhow::Result<(Pass, Vec<String>)> {
    let (tensor, warnings) = tensor(classifier, entry, options)?;
    Ok((forward(classifier, entry, tensor, threads)?, warnings))
}

fn forward(classifier: &Classifier, entry: &Entry, tensor: ArrayD<f32>, threads: usize) -> anyhow::Result<Pass> {
    with_threads(threads, || classifier.network().forward(Arc::new(tensor)))
        .with_context(|| format!("the network refused {}", entry.shown()))
}

/// One image, gone through the network.
pub(super) struct Seen {
    /// The forward pass.
    pub(super) pass: Pass,
    /// The picture to lay heat over.
    pub(super) picture: Arc<RgbImage>,
    /// Where the network's input lies in `picture`.
    pub(super) region: Region,
    /// What must be known about the image before what is said of it is trusted, a sentence each.
    pub(super) warnings: Vec<String>,
}

/// Decodes, prepares and runs one image on `threads` threads.
///
/// # Errors
/// What was attempted, on which file, and why it failed.
pub(super) fn look(
    classifier: &Classifier,
    entry: &Entry,
    options: DecodeOptions,
    threads: usize,
) -> anyhow::Result<Seen> {
    let (prepared, picture, warnings) = if entry.kind == Kind::Tensor {
        let prepared = classifier.read_npy(&entry.path)?;
        let picture = prepared.seen.clone();
        (prepared, picture, vec![])
    } else {
        let Decoded { image, warnings } = gallery::decode(&entry.path, options)?;
        let prepared = classifier.preprocess(&image)?;
        (prepared, reduced(image), warnings)
    };
    let pass = forward(classifier, entry, prepared.tensor, threads)?;
    let scale = picture.width() as f32 / prepared.crop.image.0.max(1) as f32;
    let crop = prepared.crop;
    let region = Region { x: crop.x as f32, y: crop.y as f32, width: crop.width as f32, height: crop.height as f32 };
    Ok(Seen { pass, picture: Arc::new(picture), region: region.scaled(scale, scale), warnings })
}

/// The image at a size that a report needs.
fn reduced(image: DynamicImage) -> RgbImage {
    let longest = image.width().max(image.height());
    if longest <= LONGEST_SIDE {
        return image.into_rgb8();
    }
    image.resize(LONGEST_SIDE, LONGEST_SIDE, image::imageops::FilterType::Triangle).into_rgb8()
}
