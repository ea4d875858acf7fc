//! Names in JSON, YAML and Python: lists, and dictionaries both ways round.

use super::list::{FOLDER_WORDS, INDEX_WORDS, List, NAME_WORDS, Row, arrange};
use crate::text::{Literal, is_synset};

/// What a file may call its names, the surest first.
const KEYS: [&str; 20] = [
    "id2label",
    "idx_to_class",
    "idx2class",
    "index_to_class",
    "id_to_class",
    "names",
    "class_names",
    "classnames",
    "label_names",
    "classes",
    "labels",
    "categories",
    "class_to_idx",
    "class2idx",
    "class_indices",
    "label2id",
    "class_to_index",
    "label_to_index",
    "class_labels",
    "items",
];
/// No file wraps them deeper.
const DEEPEST: usize = 4;

/// Reads the names of a tree.
pub(super) fn read(tree: &Literal) -> Result<List, String> {
    // What is listed by index is a class, whatever else it holds.
    let is_by_index = |(key, _): &(Literal, Literal)| index(key).is_some();
    let is_list = tree.entries().is_some_and(|entries| entries.iter().all(is_by_index));
    let inner = if is_list { None } else { wrapped(tree, DEEPEST) };
    match inner.unwrap_or(tree) {
        Literal::List(items) => {
            let rows: Option<Vec<Row>> = items.iter().map(item).collect();
            arrange(rows.filter(|rows| !rows.is_empty()).ok_or_else(expected)?)
        }
        Literal::Dict(entries) => dictionary(entries),
        _ => Err(expected()),
    }
}

/// A number, written as one or as text.
fn index(value: &Literal) -> Option<usize> {
    let number = |text: &str| text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    value.index().or_else(|| number(value.text()?))
}

fn expected() -> String {
    "expected a list of names, or an object from 0, 1, 2, ... to names, or from names to indices".into()
}

/// The list or dictionary under one of the keys that mean names.
fn wrapped(tree: &Literal, depth: usize) -> Option<&Literal> {
    let depth = depth.checked_sub(1)?;
    let is_tree = |value: &&Literal| matches!(value, Literal::List(_) | Literal::Dict(_));
    let found = KEYS.iter().find_map(|key| tree.get(key).filter(is_tree));
    match found {
        // `labels` may hold `names`.
        Some(found) => Some(wrapped(found, depth).unwrap_or(found)),
        None => tree.entries()?.iter().find_map(|(_, value)| wrapped(value, depth)),
    }
}

/// One class of a list: its name, a pair of synset or index and name, or a record.
fn item(value: &Literal) -> Option<Row> {
    match value {
        Literal::Text(name) => Some(Row::named(name)),
        Literal::List(parts) => {
            let name = parts.iter().rev().find_map(|part| match part {
                Literal::List(_) => item(part).map(|row| row.name),
                part => part.text().map(ToOwned::to_owned),
            })?;
            let folder = parts.iter().filter_map(Literal::text).find(|text| is_synset(text) && *text != name);
            Some(Row { index: parts.iter().find_map(Literal::index), folder: folder.map(Into::into), name })
        }
        Literal::Dict(_) => {
            let is_text = |value: &Literal| value.text().is_some();
            let index = value.best(&INDEX_WORDS, |value| value.index().is_some()).and_then(Literal::index);
            let name = value.best(&NAME_WORDS, is_text)?.text()?.to_owned();
            let folder = value.best(&FOLDER_WORDS, is_text).and_then(Literal::text);
            Some(Row { index, folder: folder.map(Into::into), name })
        }
        _ => None,
    }
}

fn dictionary(entries: &[(Literal, Literal)]) -> Result<List, String> {
    let word = |value: &Literal| match value {
        Literal::Text(text) => Some(text.clone()),
        Literal::Integer(number) => Some(number.to_string()),
        _ => None,
    };
    // `{"0": 0, "10": 1}` is from names to indices, `{0: 7}` is not: a key of JSON is always text.
    let from_index = |(key, value): &(Literal, Literal)| {
        let at = index(key)?;
        let row = match value {
            Literal::Integer(_) if key.index().is_some() => Row::named(word(value)?),
            value => item(value)?,
        };
        Some(Row { index: Some(at), ..row })
    };
    let from_name = |(key, value): &(Literal, Literal)| Some(Row::at(index(value)?, word(key)?));
    let from_synset = |(key, value): &(Literal, Literal)| {
        let synset = key.text().filter(|key| is_synset(key))?;
        Some(Row { folder: Some(synset.to_owned()), ..item(value)? })
    };
    let rows = |row: &dyn Fn(&(Literal, Literal)) -> Option<Row>| {
        entries.iter().map(row).collect::<Option<Vec<Row>>>().filter(|rows| !rows.is_empty())
    };
    if let Some(rows) = rows(&from_index).or_else(|| rows(&from_name)) {
        return arrange(rows);
    }
    let mut rows = rows(&from_synset).ok_or_else(expected)?;
    // Synsets without indices number the classes as the sorted folders do.
    rows.sort_by(|a, b| a.folder.cmp(&b.folder));
    arrange(rows)
}
