//! Finds images in files and folders, one at a time, so that a folder of ten thousand is on screen at once.
//!
//! A folder is listed, sorted as people sort, and then looked through lazily: files are recognised by their first bytes,
//! since data sets are full of PNGs called `.jpg` and files without a suffix. Hidden files and folders are passed over,
//! links are followed, and no folder is entered twice.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::format::{Format, format_of, is_named_as_image};
use crate::text::{Escaped, escape};

/// What a file holds, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An image, in a format that we may or may not be able to decode.
    Image,
    /// A tensor in NumPy's format.
    Tensor,
    /// Something else, which a person named all the same, or which is called as images are; decoding it says what is wrong.
    Unknown,
}

/// A file that was found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Where it is: what was named, and below that the names of folders and file.
    pub path: PathBuf,
    /// What it holds.
    pub kind: Kind,
}

impl Entry {
    /// The whole path, safe to show.
    pub fn shown(&self) -> String {
        escape(&self.path.to_string_lossy()).into_owned()
    }

    /// The name of the file, safe to show.
    pub fn name(&self) -> String {
        escape(&self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy()).into_owned()
    }
}

/// A path that could not be looked at. The rest goes on.
#[derive(Debug, Error)]
#[error("cannot look at {}: {problem}", Escaped::from(path.as_path()))]
pub struct FindError {
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    pub problem: io::Error,
}

/// Looks for images in these files and folders, in their order; in folders by natural order (`img2` before `img10`), files
/// and folders mixed, depth first. Files that are named themselves are always among the results; so is what is called as
/// images are and is none.
pub fn find(paths: impl IntoIterator<Item = PathBuf>) -> Find {
    let mut pending: Vec<Pending> = paths.into_iter().map(|path| Pending { path, named: true }).collect();
    pending.reverse();
    Find { pending, entered: HashSet::new(), left_out: BTreeMap::new(), passed: None }
}

/// The images that [`find`] finds.
#[derive(Debug)]
pub struct Find {
    /// What is still to be looked at, the next one last.
    pending: Vec<Pending>,
    /// The folders that were entered, links resolved.
    entered: HashSet<PathBuf>,
    /// How many images of each format that is not decoded were found in folders.
    left_out: BTreeMap<&'static str, usize>,
    /// Files that are passed over without a look, to which those are added that turn out to be no images; none where every
    /// file is looked at.
    passed: Option<HashSet<PathBuf>>,
}

#[derive(Debug)]
struct Pending {
    path: PathBuf,
    /// Whether a person named it, rather than it being in a folder.
    named: bool,
}

impl Iterator for Find {
    type Item = Result<Entry, FindError>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(Pending { path, named }) = self.pending.pop() {
            if self.passed.as_ref().is_some_and(|passed| passed.contains(&path)) {
                continue;
            }
            match self.look(&path, named) {
                Ok(Some(kind)) => return Some(Ok(Entry { path, kind })),
                Ok(None) => {}
                // A link into the void inside a folder is nobody's wish.
                Err(error) if !named && error.kind() == io::ErrorKind::NotFound => {}
                Err(problem) => return Some(Err(FindError { path, problem })),
            }
        }
        None
    }
}

impl Find {
    /// What was found in folders so far and cannot be decoded, by format: `11 HEIC, 1 DICOM`; none where that is nothing.
    pub fn left_out(&self) -> Option<String> {
        let mut formats: Vec<(&str, usize)> = self.left_out.iter().map(|(name, count)| (*name, *count)).collect();
        formats.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let formats: Vec<String> = formats.iter().map(|(name, count)| format!("{count} {name}")).collect();
        (!formats.is_empty()).then(|| formats.join(", "))
    }

    /// The same without these files, at which nobody looks.
    pub(super) fn passing_over(self, files: HashSet<PathBuf>) -> Find {
        Find { passed: Some(files), ..self }
    }

    /// The files that are not worth another look: those that were passed over, and those that are no images.
    pub(super) fn into_passed(self) -> HashSet<PathBuf> {
        self.passed.unwrap_or_default()
    }

    /// The kind of a file, if it is one to show. A folder's contents are put in line instead.
    fn look(&mut self, path: &Path, named: bool) -> io::Result<Option<Kind>> {
        let status = path.metadata()?;
        if status.is_dir() {
            let first_time = self.entered.insert(path.canonicalize()?);
            if named || first_time {
                self.enter(path)?;
            }
            return Ok(None);
        }
        // Opening a pipe or a device could wait forever.
        let format = if status.is_file() { format_of(path)? } else { Format::Other(None) };
        if let (Format::Foreign(foreign), false) = (format, named) {
            *self.left_out.entry(foreign.name).or_default() += 1;
        }
        let kind = match format {
            Format::Image(_) => Some(Kind::Image),
            Format::Tensor => Some(Kind::Tensor),
            Format::Foreign(foreign) => (named || !foreign.is_document).then_some(Kind::Image),
            Format::Other(_) => (named || status.is_file() && is_named_as_image(path)).then_some(Kind::Unknown),
        };
        if let (None, Some(passed)) = (kind, &mut self.passed) {
            passed.insert(path.to_owned());
        }
        Ok(kind)
    }

    fn enter(&mut self, folder: &Path) -> io::Result<()> {
        let mut names = Vec::new();
        for entry in folder.read_dir()? {
            let name = entry?.file_name();
            if !name.as_encoded_bytes().starts_with(b".") {
                names.push(name);
            }
        }
        let key = |name: &OsStr| name.to_string_lossy().into_owned();
        let mut keyed: Vec<(String, std::ffi::OsString)> = names.into_iter().map(|name| (key(&name), name)).collect();
        keyed.sort_by(|(a, raw_a), (b, raw_b)| natord::compare_ignore_case(a, b).then_with(|| raw_a.cmp(raw_b)));
        let pending = keyed.into_iter().rev().map(|(_, name)| Pending { path: folder.join(name), named: false });
        self.pending.extend(pending);
        Ok(())
    }
}
