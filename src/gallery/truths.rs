//! The true classes of images: from a file that lists them, or else from the nearest folder that is named after a class
//! (`train/n01443537/images/7.jpg`).
//!
//! Folders named by numbers are indices only where they look like it. Data sets number their folders from 0 or from 1, and
//! those who train on them often number the folders once more, sorted as text; so how they are read is always said.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::FolderLabels;
use super::truth_file::{Found, TruthError, TruthFile};
use crate::text::Escaped;

/// The classes that an image is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    indices: Vec<usize>,
}

impl Truth {
    /// An image of these classes; none where there is none.
    pub fn new(mut indices: Vec<usize>) -> Option<Truth> {
        indices.sort_unstable();
        indices.dedup();
        (!indices.is_empty()).then_some(Truth { indices })
    }

    /// The class, the first where there are several.
    pub fn first(&self) -> usize {
        self.indices.first().copied().unwrap_or_default()
    }

    /// All classes, sorted; at least one.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }

    /// Whether the image is of this class.
    pub fn contains(&self, class: usize) -> bool {
        self.indices.binary_search(&class).is_ok()
    }
}

impl From<usize> for Truth {
    fn from(class: usize) -> Truth {
        Truth { indices: vec![class] }
    }
}

/// Knows the true classes of images.
#[derive(Debug, Default)]
pub struct Truths {
    labels: FolderLabels,
    file: Option<TruthFile>,
    asked: Mutex<Asked>,
}

/// What was found out so far.
#[derive(Debug, Default)]
struct Asked {
    /// The class of the images in a folder.
    folders: HashMap<PathBuf, Option<usize>>,
    /// How the folders in one are read that are named by numbers.
    numbered: HashMap<PathBuf, Numbered>,
    images: usize,
    known: usize,
    in_file: usize,
    by_name: usize,
}

/// How folders are read that are named by numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Numbered {
    are_indices: bool,
    /// Whether there is one for each class.
    are_all: bool,
    says: String,
}

impl Truths {
    /// Prepares for `classes` classes. `labels` are their names, `folders` the names of their folders where those differ;
    /// either may be empty.
    pub fn new(labels: &[String], folders: &[String], classes: usize) -> Truths {
        Truths { labels: FolderLabels::new(labels, folders, classes), ..Truths::default() }
    }

    /// The same, with a file that says the classes of images: what it does not list is up to folders.
    ///
    /// # Errors
    /// When the file cannot be read, or says nothing of this model's classes.
    pub fn with_file(self, path: &Path) -> Result<Truths, TruthError> {
        let file = Some(TruthFile::read(path, &self.labels)?);
        Ok(Truths { file, ..self })
    }

    /// The classes of the image at this path, where they are known.
    pub fn of(&self, path: &Path) -> Option<Truth> {
        let path = straight(path);
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.images += 1;
        let listed = self.file.as_ref().and_then(|file| file.find(&path));
        let truth = match listed {
            Some(Found { classes, by_name }) => {
                asked.in_file += 1;
                asked.by_name += usize::from(by_name);
                Truth::new(classes)
            }
            None => path
                .parent()
                .and_then(|folder| self.folder(folder, &mut asked))
                .and_then(|class| Truth::new(vec![class])),
        };
        asked.known += usize::from(truth.is_some());
        truth
    }

    /// The class that the nearest folder from this one upwards is named after. Neither the user's home nor the folders above
    /// it count.
    fn folder(&self, folder: &Path, asked: &mut Asked) -> Option<usize> {
        if let Some(known) = asked.folders.get(folder) {
            return *known;
        }
        let home = std::env::home_dir();
        let is_below =
            |above: &&Path| Some(*above) != home.as_deref() && above.parent().is_some_and(|top| top.parent().is_some());
        let mut found = None;
        for (height, above) in folder.ancestors().take_while(is_below).enumerate() {
            let Some(name) = above.file_name().map(|name| name.to_string_lossy()) else { continue };
            found = self.labels.class(&name).or_else(|| {
                let number = self.labels.number(&name)?;
                let numbered = self.numbered(above.parent()?, &name, asked);
                // Further up, a number is rarely a class: `2024/holidays/7.jpg`.
                let counts = numbered.are_indices && (height == 0 || numbered.are_all);
                Some(number).filter(|number| counts && *number < self.labels.classes())
            });
            if found.is_some() {
                break;
            }
        }
        asked.folders.insert(folder.to_path_buf(), found);
        found
    }

    fn numbered(&self, parent: &Path, name: &str, asked: &mut Asked) -> Numbered {
        let read = || {
            let folders = parent.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
            let folders = folders.filter(|path| path.is_dir());
            let names = folders.filter_map(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()));
            let mut names: Vec<String> = names.filter(|name| self.labels.number(name).is_some()).collect();
            if names.is_empty() {
                names.push(name.to_owned());
            }
            names.sort_unstable();
            read_numbers(&names, self.labels.classes(), parent)
        };
        asked.numbered.entry(parent.to_path_buf()).or_insert_with(read).clone()
    }

    /// The file that says the classes of images, where there is one.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_ref().map(TruthFile::path)
    }

    /// Whether any image that was asked about is of a known class.
    pub fn knows_any(&self) -> bool {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).known > 0
    }

    /// What is to be said of where the classes of the images come from that were asked about so far, a sentence each.
    pub fn notices(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let mut notices = vec![];
        if let Some(file) = &self.file {
            let (shown, of) = (Escaped::from(file.path()), asked.images);
            notices.extend(file.notices().iter().map(|notice| format!("{shown}: {notice}")));
            if asked.in_file < of {
                notices.push(format!(
                    "{shown} lists {} of {of} images; its first line is of {}",
                    asked.in_file,
                    file.example()
                ));
            }
            if asked.by_name > 0 {
                notices.push(format!("{shown}: {} of {of} images are found by their file name alone", asked.by_name));
            }
        }
        let mut numbered: Vec<&String> = asked.numbered.values().map(|numbered| &numbered.says).collect();
        numbered.sort_unstable();
        notices.extend(numbered.into_iter().cloned());
        notices
    }

    /// Why no image is of a known class, in a sentence.
    pub fn why_none(&self) -> String {
        let way_out = "--truth FILE lists the classes of images, --labels FILE names those of the model";
        match &self.file {
            Some(file) => format!(
                "right and wrong are not known: {} lists none of the images, and no folder is named after a class",
                Escaped::from(file.path())
            ),
            None => {
                format!("right and wrong are not known: no image is in a folder that is named after a class; {way_out}")
            }
        }
    }
}

/// Reads the names of folders, sorted as text, that are all numbers.
fn read_numbers(names: &[String], classes: usize, parent: &Path) -> Numbered {
    let numbers: Vec<usize> = names.iter().filter_map(|name| name.parse().ok()).collect();
    let mut sorted = numbers.clone();
    sorted.sort_unstable();
    sorted.dedup();
    let (first, last) = (sorted.first().copied().unwrap_or(0), sorted.last().copied().unwrap_or(0));
    let runs_from_1 = first == 1 && last > 1 && last == sorted.len();
    let are_indices = first == 0 || !(runs_from_1 || last >= classes);
    let are_all = first == 0 && sorted.len() == classes && last + 1 == classes;
    let shown = Escaped::from(parent);
    let which = if names.len() == 1 { format!("folder {}", names[0]) } else { format!("folders {first} to {last}") };
    let says = if !are_indices {
        format!(
            "{which} of {shown} are not taken for classes: indices run from 0 to {}; --labels-from or --labels says what they \
             are called",
            classes.saturating_sub(1)
        )
    } else if numbers.is_sorted() {
        let verb = if names.len() == 1 { "is" } else { "are" };
        format!("{which} of {shown} {verb} taken for the index of a class")
    } else {
        let (at, number) = numbers.iter().enumerate().find(|(at, number)| at != *number).unwrap_or((0, &0));
        format!(
            "{which} of {shown} are taken for the indices of classes: folder {number} is class {number}. Sorted as text, as in \
             torchvision and Keras, folder {number} is class {at}: --labels-from DIR says so"
        )
    };
    Numbered { are_indices, are_all, says }
}

/// The absolute path, without `..`.
fn straight(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut straight = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::ParentDir => {
                straight.pop();
            }
            part => straight.push(part),
        }
    }
    straight
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truths(names: &[&str]) -> Truths {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        Truths::new(&names, &[], names.len())
    }

    fn first(truths: &Truths, path: &Path) -> Option<usize> {
        truths.of(path).map(|truth| truth.first())
    }

    #[test]
    fn the_nearest_folder_that_names_a_class_counts() {
        let truths = truths(&["cat", "dog", "house, home"]);
        for (path, class) in [
            ("/data/val/cat/1.png", Some(0)),
            ("/data/val/cat/images/left/1.png", Some(0)),
            ("/data/val/cat/dog/1.png", Some(1)),
            ("/data/dog/../x/1.png", None),
            ("/data/x/../dog/./1.png", Some(1)),
            ("/home/somebody/1.png", None),
            ("dog/1.png", Some(1)),
        ] {
            assert_eq!(first(&truths, Path::new(path)), class, "{path}");
        }
        assert!(truths.knows_any() && truths.notices().is_empty());
    }

    /// What is known of `folders` of a model with so many classes, and what is said of it.
    fn numbered(folders: &[&str], classes: usize) -> (Vec<Option<usize>>, String) {
        let root = tempfile::tempdir().unwrap();
        let truths = Truths::new(&[], &[], classes);
        let image = |folder: &&str| {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
            root.path().join(folder).join("1.png")
        };
        let images: Vec<PathBuf> = folders.iter().map(image).collect();
        let found = images.iter().map(|image| first(&truths, image)).collect();
        (found, truths.notices().join("\n"))
    }

    #[test]
    fn folders_named_by_numbers_are_indices_from_0_and_it_is_said() {
        let (found, says) = numbered(&["0", "1", "2"], 3);
        assert_eq!(found, [Some(0), Some(1), Some(2)]);
        assert!(says.contains("are taken for the index"), "{says}");
        let (found, says) = numbered(&["00", "07", "11"], 12);
        assert_eq!(found, [Some(0), Some(7), Some(11)]);
        assert!(says.contains("are taken for the index"), "{says}");
        let (found, _) = numbered(&["0/images", "1/images", "2/images"], 3);
        assert_eq!(found, [Some(0), Some(1), Some(2)]);
        let (found, _) = numbered(&["3/images", "0/images"], 100);
        assert_eq!(found, [None, None], "a number further up");
        let (found, says) = numbered(&["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"], 11);
        assert_eq!(found[10], Some(10));
        assert!(says.contains("folder 10 is class 10") && says.contains("Keras, folder 10 is class 2"), "{says}");
    }

    #[test]
    fn folders_numbered_from_1_are_no_indices_and_it_is_said() {
        for folders in [&["1", "2", "3"][..], &["1", "2"], &["2", "3"]] {
            let (found, says) = numbered(folders, 3);
            assert!(found.iter().all(Option::is_none), "{folders:?}: {found:?}");
            assert!(says.contains("not taken for classes") && says.contains("--labels-from"), "{says}");
        }
        assert_eq!(numbered(&["1"], 3).0, [Some(1)], "nothing speaks against a single folder");
    }

    #[test]
    fn without_a_class_anywhere_it_is_said_why() {
        let truths = truths(&["cat"]);
        assert_eq!(truths.of(Path::new("/data/val/images/1.png")), None);
        assert!(!truths.knows_any() && truths.why_none().contains("no image is in a folder"));
    }
}
