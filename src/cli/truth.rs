//! The true classes of the images that a command is about, and what is to be said of where they come from.

use std::path::Path;
use std::sync::Arc;

use super::warn;
use crate::gallery::{Entry, TruthError, Truths};
use crate::model::{Classifier, Labels};
use crate::text::escape;

/// Knows the classes of images: by their folders, and by a file that says so.
///
/// # Errors
/// When that file cannot be used.
pub(super) fn truths(classifier: &Classifier, file: Option<&Path>) -> Result<Arc<Truths>, TruthError> {
    of_classes(classifier.labels(), file)
}

/// The same for classes that several models have together.
///
/// # Errors
/// When that file cannot be used.
pub(super) fn of_classes(labels: &Labels, file: Option<&Path>) -> Result<Arc<Truths>, TruthError> {
    let truths = Truths::new(labels.names(), labels.folders(), labels.len());
    Ok(Arc::new(match file {
        Some(file) => truths.with_file(file)?,
        None => truths,
    }))
}

/// Looks up the images, and says on standard error how their classes were read; also that none is known, where one is
/// needed.
pub(super) fn announce(truths: &Truths, entries: &[Entry], is_needed: bool) {
    for entry in entries {
        truths.of(&entry.path);
    }
    for notice in truths.notices() {
        warn(&escape(&notice));
    }
    if is_needed && !truths.knows_any() {
        warn(&escape(&truths.why_none()));
    }
}
