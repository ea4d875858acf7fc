//! The marks of the interface, for scripts.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::args::MarksArgs;
use super::{Ending, Output, warn};
use crate::gallery::demo;
use crate::text::escape;
use crate::triage::{Journal, JournalError, RealPaths};

/// The file of marks that the user names, or the usual one.
///
/// # Errors
/// When none is named and there is no home folder.
pub(super) fn journal(file: Option<&Path>) -> Result<Journal, JournalError> {
    file.map_or_else(Journal::usual, |file| Ok(Journal::at(file.to_path_buf())))
}

/// A folder or image that is asked about.
struct Asked {
    /// As the journal names it: a link to a folder is that folder, one to an image is an image of its own.
    real: PathBuf,
    /// As the user named it.
    named: PathBuf,
}

impl Asked {
    fn new(path: &Path) -> anyhow::Result<Asked> {
        // A folder of that name is what is meant, where there is one.
        if path == Path::new("demo") && path.symlink_metadata().is_err() {
            let pictures = demo::unpack()?;
            return Ok(Asked { real: pictures.canonicalize()?, named: pictures });
        }
        path.symlink_metadata().with_context(|| format!("cannot open {}", path.display()))?;
        let real = if path.is_dir() { path.canonicalize()? } else { RealPaths::default().path(path) };
        Ok(Asked { real, named: path.to_path_buf() })
    }

    /// An image that is below it, as the user would name it.
    fn name(&self, image: &Path) -> Option<PathBuf> {
        let below = image.strip_prefix(&self.real).ok()?;
        Some(if below.as_os_str().is_empty() { self.named.clone() } else { self.named.join(below) })
    }
}

/// Prints the marked images, one per line.
pub(super) fn run(args: &MarksArgs) -> anyhow::Result<Ending> {
    if let Some(file) = &args.marks {
        file.metadata().with_context(|| format!("cannot open {}", file.display()))?;
    }
    let marks = journal(args.marks.as_deref())?.marks()?;
    let asked: Vec<Asked> = args.paths.iter().map(|path| Asked::new(path)).collect::<anyhow::Result<_>>()?;
    let here = std::env::current_dir().and_then(|folder| folder.canonicalize()).unwrap_or_default();
    let named = |image: &Path| match &asked[..] {
        [] => Some(image.strip_prefix(&here).unwrap_or(image).to_path_buf()),
        asked => asked.iter().find_map(|asked| asked.name(image)),
    };
    let meant = marks.iter().filter_map(|image| Some((image, named(image)?)));
    let (there, gone): (Vec<_>, Vec<_>) = meant.partition(|(image, _)| image.exists());
    let mut output = Output::new();
    let end = if args.null { b'\0' } else { b'\n' };
    for (image, named) in &there {
        output.path(if args.relative { named } else { image }, end)?;
    }
    if let Some((first, _)) = gone.first() {
        let name = first.to_string_lossy();
        warn(&format!("left out marked images that cannot be found ({}), such as {}", gone.len(), escape(&name)));
    }
    Ok(Ending::Done)
}
