//! Names with their indices, brought into the order of the outputs.

use std::collections::HashSet;

use crate::text::{rank, split_synset};

/// The names that a file gives, in the order of the outputs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::model) struct List {
    pub(in crate::model) names: Vec<String>,
    /// What the folders of the classes are called, where the file says so; else empty.
    pub(in crate::model) folders: Vec<String>,
    /// How the file was understood, where that is not plain.
    pub(in crate::model) notice: Option<String>,
}

/// A class as a file has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) index: Option<usize>,
    pub(super) name: String,
    pub(super) folder: Option<String>,
}

impl Row {
    pub(super) fn named(name: impl Into<String>) -> Row {
        Row { name: name.into(), ..Row::default() }
    }

    pub(super) fn at(index: usize, name: impl Into<String>) -> Row {
        Row { index: Some(index), name: name.into(), ..Row::default() }
    }
}

impl From<Vec<Row>> for List {
    /// Takes the rows in their order.
    fn from(rows: Vec<Row>) -> Self {
        let folders: Option<Vec<String>> = rows.iter().map(|row| row.folder.clone()).collect();
        let mut names: Vec<String> = rows.into_iter().map(|row| row.name).collect();
        let mut folders = folders.unwrap_or_default();
        // `n01440764 tench, Tinca tinca`, as the list files of ImageNet have it.
        let split = |name: &String| match split_synset(name) {
            (Some(synset), rest) if rest != name => Some((synset.to_owned(), rest.to_owned())),
            _ => None,
        };
        let halves: Option<Vec<(String, String)>> = names.iter().map(split).collect();
        if let Some(halves) = halves.filter(|_| folders.is_empty()) {
            (folders, names) = halves.into_iter().unzip();
        }
        List { names, folders, notice: None }
    }
}

impl From<Vec<String>> for List {
    fn from(names: Vec<String>) -> Self {
        names.into_iter().map(Row::named).collect::<Vec<_>>().into()
    }
}

/// Rows in the order of their indices, which run from 0 or from 1; in the order of the file where they have none.
///
/// # Errors
/// Which index is missing, or given twice.
pub(super) fn arrange(mut rows: Vec<Row>) -> Result<List, String> {
    let Some(indices) = rows.iter().map(|row| row.index).collect::<Option<Vec<usize>>>() else {
        return match rows.iter().find(|row| row.index.is_none() && rows.iter().any(|row| row.index.is_some())) {
            Some(row) => Err(format!("{:?} has no index, others have one", row.name)),
            None => Ok(rows.into()),
        };
    };
    let first = indices.iter().min().copied().unwrap_or(0);
    if first > 1 {
        return Err(format!("its indices begin at {first}; they must be 0, 1, 2, ... or 1, 2, 3, ..."));
    }
    rows.sort_by_key(|row| row.index);
    for pair in rows.windows(2) {
        let (Some(one), Some(next)) = (pair[0].index, pair[1].index) else { continue };
        if one == next {
            return Err(format!("the index {one} is given twice, to {:?} and to {:?}", pair[0].name, pair[1].name));
        }
        if one + 1 != next {
            let (last, gap) = (next - 1, one + 1);
            let gap = if gap == last { format!("index {gap}") } else { format!("indices {gap} to {last}") };
            return Err(format!("no name has the {gap}"));
        }
    }
    let notice = (first == 1).then(|| "its indices begin at 1: the name of index 1 is that of output 0".to_owned());
    Ok(List { notice, ..rows.into() })
}

/// Whether the indices are 0, 1, 2, ... or 1, 2, 3, ... in some order.
pub(super) fn is_permutation(indices: &[usize]) -> bool {
    let Some(first) = indices.iter().min().filter(|first| **first <= 1) else { return false };
    let different: HashSet<&usize> = indices.iter().collect();
    different.len() == indices.len() && indices.iter().all(|index| *index < first + indices.len())
}

/// Words for the columns of a table and the fields of a record, the most telling first: of the index, of the name, and of
/// the folder.
pub(super) const INDEX_WORDS: [&str; 20] = [
    "index",
    "idx",
    "class index",
    "class idx",
    "class id",
    "classid",
    "label index",
    "label idx",
    "label id",
    "labelid",
    "category id",
    "output",
    "id",
    "target",
    "number",
    "no",
    "nr",
    "class",
    "label",
    "",
];
pub(super) const NAME_WORDS: [&str; 18] = [
    "name",
    "class name",
    "classname",
    "label name",
    "labelname",
    "display name",
    "label",
    "class",
    "category",
    "words",
    "title",
    "text",
    "description",
    "names",
    "labels",
    "classes",
    "species",
    "word",
];
pub(super) const FOLDER_WORDS: [&str; 9] =
    ["synset", "wnid", "synset id", "wordnet id", "wnids", "folder", "folder name", "directory", "dir"];

/// Whether a word is one of a header.
pub(super) fn is_heading(word: &str) -> bool {
    !word.is_empty() && [&INDEX_WORDS[..], &NAME_WORDS, &FOLDER_WORDS].iter().any(|words| rank(words, word).is_some())
}
