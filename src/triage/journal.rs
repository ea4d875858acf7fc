//! Marks on images, in a file that outlives the session: every change is a line at its end, written as soon as it is made.
//!
//! ```text
//! {"image":"/data/val/pelican/0007.jpg","marked":true}
//! ```

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, create_dir_all};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::text::Escaped;

/// A change of a mark.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    image: String,
    marked: bool,
}

/// The images that are marked, by their absolute paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks(BTreeSet<String>);

impl Marks {
    /// Whether this image is marked.
    pub fn contains(&self, path: &Path) -> bool {
        // Most people have none, and ten thousand images.
        !self.0.is_empty() && self.0.contains(&absolute(path))
    }

    /// The marked images, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    fn set(&mut self, image: String, marked: bool) {
        if marked {
            self.0.insert(image);
        } else {
            self.0.remove(&image);
        }
    }
}

/// Why marks cannot be read or kept.
#[derive(Debug, Error)]
pub enum JournalError {
    /// There is no home folder.
    #[error("cannot find a place for marks: {0}; --marks FILE chooses one")]
    NoHome(etcetera::HomeDirError),
    /// The file refused.
    #[error("cannot {verb} the marks in {path}: {source}; --marks FILE chooses another file")]
    File {
        /// What was attempted.
        verb: &'static str,
        /// The file.
        path: Escaped,
        /// The reason.
        source: io::Error,
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

    /// What is marked now. Lines that say nothing, such as the last one of a machine that lost power, are left out.
    ///
    /// # Errors
    /// When there is a file that cannot be read.
    pub fn marks(&self) -> Result<Marks, JournalError> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Marks::default()),
            Err(error) => return Err(self.failed("read", error)),
        };
        let mut marks = Marks::default();
        for line in bytes.split(|byte| *byte == b'\n') {
            if let Ok(Line { image, marked }) = serde_json::from_slice(line) {
                marks.set(image, marked);
            }
        }
        Ok(marks)
    }

    /// Marks an image, or takes its mark away. When this returns, the mark survives the end of the program.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set(&mut self, image: &Path, marked: bool) -> Result<(), JournalError> {
        self.append(&Line { image: absolute(image), marked }).map_err(|error| self.failed("keep", error))
    }

    /// Appends a line in one piece, so that two programs can share the file.
    fn append(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        if self.file.is_none() {
            if let Some(folder) = self.path.parent() {
                create_dir_all(folder)?;
            }
            if ends_within_a_line(&self.path)? {
                text.insert(0, '\n');
            }
            self.file = Some(OpenOptions::new().create(true).append(true).open(&self.path)?);
        }
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(text.as_bytes()))
    }

    fn failed(&self, verb: &'static str, source: io::Error) -> JournalError {
        JournalError::File { verb, path: Escaped::from(self.path.as_path()), source }
    }
}

/// Whether the last line of a file was cut off.
fn ends_within_a_line(path: &Path) -> io::Result<bool> {
    use std::io::{Seek as _, SeekFrom};
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// The same file has the same name, from whatever folder it is looked at.
fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(journal: &Journal) -> Vec<String> {
        journal.marks().unwrap().iter().map(ToOwned::to_owned).collect()
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
        assert_eq!(marked(&Journal::at(file)), ["/a/2 ü\n.jpg", "/a/3.jpg"]);
    }

    #[test]
    fn a_line_that_was_cut_off_costs_nothing_but_itself() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("marks.jsonl");
        let whole = "{\"image\":\"/a/1.jpg\",\"marked\":true}\n";
        std::fs::write(&file, format!("{whole}\u{fffd}\n{{\"image\":\"/a/2.j")).unwrap();
        let mut journal = Journal::at(file);
        journal.set(Path::new("/a/3.jpg"), true).unwrap();
        assert_eq!(marked(&journal), ["/a/1.jpg", "/a/3.jpg"]);
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
    fn an_image_is_the_same_from_any_folder() {
        let here = std::env::current_dir().unwrap();
        let mut marks = Marks::default();
        marks.set(absolute(Path::new("val/1.jpg")), true);
        assert!(marks.contains(&here.join("val/1.jpg")) && marks.contains(Path::new("./val/1.jpg")));
        assert!(!marks.contains(Path::new("val/2.jpg")));
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named_with_a_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let error = Journal::at(folder.path().to_path_buf()).set(Path::new("/a.jpg"), true).unwrap_err().to_string();
        assert!(error.contains("cannot keep the marks in") && error.contains("--marks"), "{error}");
    }
}
