//! The marks of the interface, for scripts.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::args::MarksArgs;
use super::{Ending, Output, warn};
use crate::text::escape;
use crate::triage::{Journal, JournalError, RealPaths};

/// The file of marks that the user names, or the usual one.
///
/// # Errors
/// When none is named and there is no home folder.
pub(super) fn journal(file: Option<&Path>) -> Result<Journal, JournalError> {
    file.map_or_else(Journal::usual, |file| Ok(Journal::at(file.to_path_buf())))
}

/// Prints the marked images, one per line.
pub(super) fn run(args: &MarksArgs) -> anyhow::Result<Ending> {
    if let Some(file) = &args.marks {
        file.metadata().with_context(|| format!("cannot open {}", file.display()))?;
    }
    let marks = journal(args.marks.as_deref())?.marks()?;
    // As the journal names them: a link to a folder is that folder, one to an image is an image of its own.
    let real = |path: &PathBuf| {
        path.symlink_metadata().with_context(|| format!("cannot open {}", path.display()))?;
        if path.is_dir() { Ok(path.canonicalize()?) } else { Ok(RealPaths::default().path(path)) }
    };
    let within: Vec<PathBuf> = args.paths.iter().map(real).collect::<anyhow::Result<_>>()?;
    let is_meant = |image: &&Path| within.is_empty() || within.iter().any(|folder| image.starts_with(folder));
    let (there, gone): (Vec<&Path>, Vec<&Path>) = marks.iter().filter(is_meant).partition(|image| image.exists());
    let mut output = Output::new();
    let end = if args.null { b'\0' } else { b'\n' };
    for image in there {
        output.bytes(&[image.as_os_str().as_bytes(), &[end]].concat())?;
    }
    if let Some(first) = gone.first() {
        let name = first.to_string_lossy();
        warn(&format!("left out marked images that cannot be found ({}), such as {}", gone.len(), escape(&name)));
    }
    Ok(Ending::Done)
}
