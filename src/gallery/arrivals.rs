//! Images that arrive while others are looked at. Folders are listed again, which works where nobody notifies of changes (NFS).

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::find::find;

/// What tells one state of a file from the next, without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// In bytes.
    pub length: u64,
    /// When it was written last, where the file system knows.
    pub modified: Option<SystemTime>,
}

impl Stamp {
    /// The stamp of a file as it is now; none where there is no such file.
    pub fn of(path: &Path) -> Option<Stamp> {
        let status = path.metadata().ok()?;
        Some(Stamp { length: status.len(), modified: status.modified().ok() })
    }
}

/// Looks out for images in files and folders.
#[derive(Debug)]
pub struct Arrivals {
    roots: Vec<PathBuf>,
    /// Files that were found before, or are no images.
    known: HashSet<PathBuf>,
    /// Files that were not there before, as they were at the last look: somebody may still be writing them.
    fresh: HashMap<PathBuf, Stamp>,
}

impl Arrivals {
    /// Nothing is known yet of what is in these files and folders.
    pub fn new(roots: Vec<PathBuf>) -> Arrivals {
        Arrivals { roots, known: HashSet::new(), fresh: HashMap::new() }
    }

    /// An image is not new any more.
    pub fn know(&mut self, image: PathBuf) {
        self.known.insert(image);
    }

    /// The images that have arrived and are as they were at the last look, in the order of [`find`].
    pub fn look(&mut self) -> Vec<PathBuf> {
        let mut finding = find(self.roots.clone()).passing_over(std::mem::take(&mut self.known));
        let before = std::mem::take(&mut self.fresh);
        let mut arrived = vec![];
        for entry in finding.by_ref().flatten() {
            let Some(stamp) = Stamp::of(&entry.path) else { continue };
            if before.get(&entry.path) == Some(&stamp) {
                arrived.push(entry.path);
            } else {
                self.fresh.insert(entry.path, stamp);
            }
        }
        self.known = finding.into_passed();
        self.known.extend(arrived.iter().cloned());
        arrived
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_image_arrives_once_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mut bytes = std::io::Cursor::new(vec![]);
        image::RgbImage::new(8, 8).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        let bytes = bytes.into_inner();
        fs::write(path("old.png"), &bytes).unwrap();
        let mut arrivals = Arrivals::new(vec![folder.path().to_path_buf()]);
        arrivals.know(path("old.png"));
        assert!(arrivals.look().is_empty() && arrivals.look().is_empty());

        fs::create_dir(path("inner")).unwrap();
        let new = path("inner").join("new.png");
        fs::write(path("notes.txt"), "no image").unwrap();
        for end in [0, bytes.len() / 2, bytes.len()] {
            fs::write(&new, &bytes[..end]).unwrap();
            assert!(arrivals.look().is_empty(), "{end} bytes are there since this look");
        }
        assert_eq!(arrivals.look(), [new]);
        assert!(arrivals.look().is_empty(), "nothing arrives twice");
    }
}
