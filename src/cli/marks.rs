//! The marks of the interface, for scripts.

use std::path::{Path, PathBuf, absolute};

use anyhow::Context;

use super::args::MarksArgs;
use super::{Ending, Output, warn};
use crate::triage::Journal;

/// The file of marks that the user names, or the usual one.
///
/// # Errors
/// When none is named and there is no home folder.
pub(super) fn journal(file: Option<&Path>) -> anyhow::Result<Journal> {
    file.map_or_else(|| Ok(Journal::usual()?), |file| Ok(Journal::at(file.to_path_buf())))
}

/// Prints the marked images, one per line.
pub(super) fn run(args: &MarksArgs) -> anyhow::Result<Ending> {
    let marks = journal(args.marks.as_deref())?.marks()?;
    let within: Vec<PathBuf> = args
        .paths
        .iter()
        .map(|path| absolute(path).with_context(|| format!("cannot open {}", path.display())))
        .collect::<Result<_, _>>()?;
    let is_meant = |image: &&str| within.is_empty() || within.iter().any(|folder| Path::new(image).starts_with(folder));
    let (there, gone): (Vec<&str>, Vec<&str>) =
        marks.iter().filter(is_meant).partition(|image| Path::new(image).exists());
    let mut output = Output::new();
    for image in there {
        output.bytes(image.as_bytes())?;
        output.bytes(if args.null { b"\0" } else { b"\n" })?;
    }
    if !gone.is_empty() {
        warn(&format!("left out {} marked images that are not there any more, such as {}", gone.len(), gone[0]));
    }
    Ok(Ending::Done)
}
