//! The images that a headless command works on.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::warn;
use crate::gallery::{self, Entry, Kind, PathList};
use crate::session::InputError;

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

/// What is said of an image that failed: the network's complaints do not name it.
pub(super) fn failed(entry: &Entry) -> impl Fn(InputError) -> anyhow::Error {
    |error| match error {
        InputError::Network(error) => {
            anyhow::Error::from(error).context(format!("the network refused {}", entry.shown()))
        }
        error => error.into(),
    }
}
