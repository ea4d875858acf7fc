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

/// What a look at files and folders has found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Arrived {
    /// Images that were not there before, in the order of [`find`].
    pub new: Vec<PathBuf>,
    /// Images that were written anew, or are gone.
    pub changed: Vec<PathBuf>,
}

/// The file of an image that is known.
#[derive(Debug)]
struct Image {
    path: PathBuf,
    /// As it was when it was last told of.
    told: Option<Stamp>,
    /// As it was at the last look.
    seen: Option<Stamp>,
}

/// Looks out for images in files and folders.
#[derive(Debug)]
pub struct Arrivals {
    roots: Vec<PathBuf>,
    /// Files that were found before, or are no images.
    known: HashSet<PathBuf>,
    /// Files that were not there before, as they were at the last look: somebody may still be writing them.
    fresh: HashMap<PathBuf, Stamp>,
    /// The images among those that are known.
    images: Vec<Image>,
}

impl Arrivals {
    /// Nothing is known yet of what is in these files and folders.
    pub fn new(roots: Vec<PathBuf>) -> Arrivals {
        Arrivals { roots, known: HashSet::new(), fresh: HashMap::new(), images: vec![] }
    }

    /// An image is not new any more.
    pub fn know(&mut self, image: PathBuf) {
        let stamp = Stamp::of(&image);
        self.images.push(Image { path: image.clone(), told: stamp, seen: stamp });
        self.known.insert(image);
    }

    /// The images that have arrived or changed and are as they were at the last look.
    pub fn look(&mut self) -> Arrived {
        let changed = self.changed();
        Arrived { new: self.arrived(), changed }
    }

    fn changed(&mut self) -> Vec<PathBuf> {
        let mut changed = vec![];
        for image in &mut self.images {
            let now = Stamp::of(&image.path);
            // Who writes a file anew removes or empties it first.
            let is_begun = now.is_some_and(|stamp| stamp.length == 0);
            if now == image.seen && now != image.told && !is_begun {
                image.told = now;
                changed.push(image.path.clone());
            }
            image.seen = now;
        }
        changed
    }

    fn arrived(&mut self) -> Vec<PathBuf> {
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
        arrived.iter().for_each(|image: &PathBuf| self.know(image.clone()));
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
        let nothing = Arrived::default();
        assert!(arrivals.look() == nothing && arrivals.look() == nothing);

        fs::create_dir(path("inner")).unwrap();
        let new = path("inner").join("new.png");
        fs::write(path("notes.txt"), "no image").unwrap();
        for end in [0, bytes.len() / 2, bytes.len()] {
            fs::write(&new, &bytes[..end]).unwrap();
            assert_eq!(arrivals.look(), nothing, "{end} bytes are there since this look");
        }
        assert_eq!(arrivals.look(), Arrived { new: vec![new.clone()], changed: vec![] });
        assert_eq!(arrivals.look(), nothing, "nothing arrives twice");

        for path in [&new, &path("old.png")] {
            fs::write(path, &bytes[..bytes.len() / 3]).unwrap();
            assert_eq!(arrivals.look(), nothing, "somebody has begun to write it anew");
            fs::write(path, [&bytes[..], b"more"].concat()).unwrap();
            assert_eq!(arrivals.look(), nothing, "it is longer than at the last look");
            assert_eq!(arrivals.look(), Arrived { changed: vec![path.clone()], new: vec![] });
            assert_eq!(arrivals.look(), nothing, "nothing changes twice");
        }
        fs::remove_file(&new).unwrap();
        assert_eq!(arrivals.look(), nothing, "it may be on its way back");
        assert_eq!(arrivals.look(), Arrived { changed: vec![new.clone()], new: vec![] });
        assert_eq!(arrivals.look(), nothing);
    }
}
