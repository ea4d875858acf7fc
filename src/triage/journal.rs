//! Marks on images, in a file that outlives the session: every change is a line at its end, written as soon as it is made.
//!
//! ```text
//! {"image":"/data/val/pelican/0007.jpg","marked":true}
//! ```
//!
//! A path that is no text is `bytes`, a list of numbers, in place of `image`.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs::{File, OpenOptions, create_dir_all};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use etcetera::BaseStrategy as _;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::text::Escaped;

/// A change of a mark.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<Vec<u8>>,
    marked: bool,
}

impl Line {
    fn new(path: PathBuf, marked: bool) -> Line {
        match path.into_os_string().into_string() {
            Ok(text) => Line { image: Some(text), bytes: None, marked },
            Err(path) => Line { image: None, bytes: Some(path.as_bytes().to_vec()), marked },
        }
    }

    fn path(self) -> Option<PathBuf> {
        self.image.map(PathBuf::from).or_else(|| Some(OsString::from_vec(self.bytes?).into()))
    }
}

/// The images that are marked, by the paths that they really have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks(BTreeSet<PathBuf>);

impl Marks {
    /// The marked images, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(PathBuf::as_path)
    }

    /// The paths that only one of the two has.
    pub fn difference<'a>(&'a self, other: &'a Marks) -> impl Iterator<Item = &'a Path> {
        self.0.symmetric_difference(&other.0).map(PathBuf::as_path)
    }

    /// The image that really has this path is marked from now on, or is not.
    pub fn change(&mut self, real: PathBuf, marked: bool) {
        if marked {
            self.0.insert(real);
        } else {
            self.0.remove(&real);
        }
    }

    /// Whether the image that really has this path is marked.
    pub fn has(&self, real: &Path) -> bool {
        self.0.contains(real)
    }

    /// Whether an image is marked; `real` knows its folder.
    pub fn contains(&self, path: &Path, real: &mut RealPaths) -> bool {
        // Most people have none, and ten thousand images.
        !self.0.is_empty() && self.0.contains(&real.path(path))
    }
}

/// Finds out which path a file really has, so that it is the same through `..` and links to its folder. What is a link
/// itself is an image of its own. Folders are looked up once.
#[derive(Debug, Default)]
pub struct RealPaths(HashMap<PathBuf, PathBuf>);

impl RealPaths {
    /// The real path of a file, or the absolute one of a file in a folder that cannot be looked up.
    pub fn path(&mut self, path: &Path) -> PathBuf {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let (Some(folder), Some(name)) = (absolute.parent(), absolute.file_name()) else { return absolute };
        if let Some(real) = self.0.get(folder) {
            return real.join(name);
        }
        let real = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
        let path = real.join(name);
        self.0.insert(folder.to_path_buf(), real);
        path
    }
}

/// Why marks cannot be read or kept.
#[derive(Debug, Error)]
pub enum JournalError {
    /// There is no home folder.
    #[error("cannot find a place for marks: {0}; --marks FILE chooses one")]
    NoHome(etcetera::HomeDirError),
    /// The file refused.
    #[error("cannot {verb} the marks in {path}: {problem}; --marks FILE chooses another file")]
    File {
        /// What was attempted.
        verb: &'static str,
        /// The file.
        path: Escaped,
        /// The reason.
        problem: io::Error,
    },
}

/// The file of marks.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    /// Open for appending, once something was.
    file: Option<File>,
}

impl Journal {
    /// The file that is meant where the user names none: `$XDG_STATE_HOME/seewhy/marks.jsonl`.
    ///
    /// # Errors
    /// When there is no home folder.
    pub fn usual() -> Result<Journal, JournalError> {
        let strategy = etcetera::choose_base_strategy().map_err(JournalError::NoHome)?;
        let folder = strategy.state_dir().unwrap_or_else(|| strategy.data_dir());
        Ok(Journal::at(folder.join("seewhy").join("marks.jsonl")))
    }

    /// The marks in this file, which need not exist yet.
    pub fn at(path: PathBuf) -> Journal {
        Journal { path, file: None }
    }

    /// The same file, for somebody else.
    #[must_use]
    pub fn another(&self) -> Journal {
        Journal::at(self.path.clone())
    }

    /// Length and time of the file: where they are the same, so are the marks. None where there is no file.
    pub fn stamp(&self) -> Option<(u64, SystemTime)> {
        let file = self.path.metadata().ok()?;
        Some((file.len(), file.modified().ok()?))
    }

    /// What is marked now. Lines that say nothing, such as the last one of a machine that lost power, are left out.
    ///
    /// # Errors
    /// When there is something that cannot be read, or is no file of marks: it is not to be written to.
    pub fn marks(&self) -> Result<Marks, JournalError> {
        self.read().map_err(|error| self.failed("read", error))
    }

    fn read(&self) -> io::Result<Marks> {
        match self.path.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Marks::default()),
            // A pipe would keep us waiting.
            Ok(there) if !there.is_file() => return Err(io::Error::other("it is not a file")),
            _ => {}
        }
        let bytes = std::fs::read(&self.path)?;
        let lines = || bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Line>(line).ok());
        // Half a first line is a mark that could not be kept.
        if !bytes.is_empty() && !bytes.starts_with(b"{\"") && lines().next().is_none() {
            return Err(io::Error::other("it holds no marks"));
        }
        let mut marks = BTreeSet::new();
        for line in lines() {
            let marked = line.marked;
            if let Some(path) = line.path() {
                if marked {
                    marks.insert(path)
                } else {
                    marks.remove(&path)
                };
            }
        }
        Ok(Marks(marks))
    }

    /// Marks an image, or takes its mark away. When this returns, the mark survives the end of the program.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set(&mut self, image: &Path, marked: bool) -> Result<(), JournalError> {
        let line = Line::new(RealPaths::default().path(image), marked);
        self.append(&line).map_err(|error| {
            // Half a line may be there: it is looked at again before the next one.
            self.file = None;
            self.failed("keep", error)
        })
    }

    /// Appends a line in one piece, so that two programs can share the file.
    fn append(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                if let Some(folder) = self.path.parent() {
                    create_dir_all(folder)?;
                }
                let mut file = OpenOptions::new().create(true).append(true).read(true).open(&self.path)?;
                if ends_within_a_line(&mut file)? {
                    text.insert(0, '\n');
                }
                self.file.insert(file)
            }
        };
        file.write_all(text.as_bytes())
    }

    fn failed(&self, verb: &'static str, problem: io::Error) -> JournalError {
        JournalError::File { verb, path: Escaped::from(self.path.as_path()), problem }
    }
}

/// Whether the last line of a file was cut off.
fn ends_within_a_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of the files that are marked.
    fn marked(journal: &Journal) -> Vec<String> {
        let marks = journal.marks().unwrap();
        marks.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn marks_are_there_for_whoever_opens_the_file_next() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state/seewhy/marks.jsonl");
        let mut journal = Journal::at(file.clone());
        assert!(marked(&journal).is_empty());
        for (image, is_marked) in [("/a/1.jpg", true), ("/a/2 ü\n.jpg", true), ("/a/1.jpg", false), ("/a/3.jpg", true)]
        {
            journal.set(Path::new(image), is_marked).unwrap();
        }
        // Nothing was closed or flushed: as after `kill -9`.
        assert_eq!(marked(&Journal::at(file)), ["2 ü\n.jpg", "3.jpg"]);
    }

    #[test]
    fn a_line_that_was_cut_off_costs_nothing_but_itself() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("marks.jsonl");
        let whole = "{\"image\":\"/a/1.jpg\",\"marked\":true}\n";
        std::fs::write(&file, format!("{whole}\u{fffd}\n{{\"image\":\"/a/2.j")).unwrap();
        let mut journal = Journal::at(file);
        journal.set(Path::new("/a/3.jpg"), true).unwrap();
        assert_eq!(marked(&journal), ["1.jpg", "3.jpg"]);
    }

    #[test]
    fn two_programs_can_share_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("marks.jsonl");
        let mut journals = [Journal::at(file.clone()), Journal::at(file.clone())];
        for number in 0..10 {
            journals[number % 2].set(Path::new(&format!("/{number}.jpg")), true).unwrap();
        }
        assert_eq!(marked(&journals[0]).len(), 10);
    }

    #[test]
    fn an_image_is_the_same_by_whatever_way_one_comes_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("val/cat")).unwrap();
        std::fs::create_dir(root.join("other")).unwrap();
        std::os::unix::fs::symlink(root.join("val"), root.join("link")).unwrap();
        let mut journal = Journal::at(root.join("marks.jsonl"));
        journal.set(&root.join("other/../link/cat/1.jpg"), true).unwrap();
        let (marks, mut real) = (journal.marks().unwrap(), RealPaths::default());
        for way in ["val/cat/1.jpg", "link/cat/1.jpg", "val/./cat/1.jpg", "other/../val/cat/1.jpg"] {
            assert!(marks.contains(&root.join(way), &mut real), "{way}");
        }
        assert!(!marks.contains(&root.join("val/cat/2.jpg"), &mut real));
    }

    #[test]
    fn names_that_are_no_text_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::at(folder.path().join("marks.jsonl"));
        let image = |byte: u8| folder.path().join(OsString::from_vec(vec![b'x', byte]));
        journal.set(&image(0xfe), true).unwrap();
        let (marks, mut real) = (journal.marks().unwrap(), RealPaths::default());
        assert!(marks.contains(&image(0xfe), &mut real) && !marks.contains(&image(0xff), &mut real));
        assert_eq!(marks.iter().next().unwrap().file_name(), image(0xfe).file_name());
    }

    #[test]
    fn what_cannot_be_written_is_named_with_a_way_out_and_half_a_line_is_seen_the_next_time() {
        let folder = tempfile::tempdir().unwrap();
        let error = Journal::at(folder.path().to_path_buf()).set(Path::new("/a.jpg"), true).unwrap_err().to_string();
        assert!(error.contains("cannot keep the marks in") && error.contains("--marks"), "{error}");
        let mut journal = Journal::at(folder.path().join("marks.jsonl"));
        journal.set(Path::new("/1.jpg"), true).unwrap();
        // A full disk: every write fails, and leaves half of what was to be written.
        journal.file = Some(File::open(&journal.path).unwrap());
        assert!(journal.set(Path::new("/2.jpg"), true).is_err());
        let mut file = OpenOptions::new().append(true).open(&journal.path).unwrap();
        file.write_all(b"{\"image\":\"/2.j").unwrap();
        journal.set(Path::new("/3.jpg"), true).unwrap();
        assert_eq!(marked(&journal), ["1.jpg", "3.jpg"]);
        std::fs::write(&journal.path, "{\"image\":\"/1.j").unwrap();
        assert!(marked(&Journal::at(journal.path)).is_empty(), "half of the first line is no other file");
    }

    #[test]
    fn a_file_of_something_else_is_refused_rather_than_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let photo = folder.path().join("photo.jpg");
        std::fs::write(&photo, "JFIF").unwrap();
        for path in [photo, folder.path().to_path_buf()] {
            let error = Journal::at(path).marks().unwrap_err().to_string();
            assert!(error.contains("cannot read the marks in"), "{error}");
        }
    }
}
