//! Classes that are named after folders, as torchvision's ImageFolder and Keras number them: by their sorted names.

use std::io;
use std::path::{Path, PathBuf};

use super::list::is_permutation;
use crate::text::plain;

/// What folders that hold a part of a data set are called, the one that training numbers first.
const SPLITS: [&str; 12] = [
    "train",
    "training",
    "val",
    "valid",
    "validation",
    "test",
    "testing",
    "dev",
    "eval",
    "images",
    "masks",
    "pictures",
];

/// The names of the folders in one, sorted as Python sorts text: by code points.
pub(super) fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = vec![];
    for entry in folder.read_dir()? {
        let path = entry?.path();
        if let Some(name) = path.file_name().filter(|_| path.is_dir()) {
            let name = name.to_string_lossy().into_owned();
            // Those of tools, such as `.ipynb_checkpoints`, are no classes.
            if !name.starts_with('.') {
                names.push(name);
            }
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// The folders that may be those of the classes, because there are as many of them: in the folder given, or in the part of
/// a data set that it holds. With where they are.
pub(super) fn of_classes(root: &Path, classes: usize) -> Option<(PathBuf, Vec<String>)> {
    let found = names(root).ok()?;
    let is_split = |name: &&'static str| found.iter().any(|folder| plain(folder) == **name);
    let splits: Vec<&str> = SPLITS.into_iter().filter(is_split).collect();
    if splits.is_empty() {
        return Some((root.to_owned(), found)).filter(|(_, names)| names.len() == classes);
    }
    let parts = found.iter().filter(|folder| splits.contains(&plain(folder).as_str()));
    let mut parts: Vec<&String> = parts.collect();
    parts.sort_by_key(|folder| SPLITS.iter().position(|split| *split == plain(folder)));
    let inner = parts.into_iter().map(|part| root.join(part));
    let mut inner = inner.filter_map(|part| Some((names(&part).ok()?, part)));
    inner.find(|(names, _)| names.len() == classes).map(|(names, part)| (part, names))
}

/// How folders that are all named by numbers are read when they are sorted as text; none where that is plain.
pub(super) fn numbered(names: &[String]) -> Option<String> {
    let numbers: Option<Vec<usize>> = names.iter().map(|name| name.parse().ok()).collect();
    let numbers = numbers.filter(|numbers| numbers.len() > 1)?;
    let (first, last) = (&names[0], names.len() - 1);
    numbers.iter().enumerate().find(|(index, number)| index != *number)?;
    let order = if numbers.is_sorted() { "sorted" } else { "sorted as text (1, 10, 2, ...)" };
    Some(format!(
        "its folders are named by numbers and {order}, as torchvision and Keras do it: folder {first} is class 0, folder {} \
         class 1, folder {} class {last}",
        names[1], names[last]
    ))
}

/// Whether all are numbers that run from 0.
pub(super) fn are_indices(names: &[String]) -> bool {
    let numbers: Option<Vec<usize>> = names.iter().map(|name| name.parse().ok()).collect();
    numbers.is_some_and(|numbers| numbers.contains(&0) && is_permutation(&numbers))
}
