//! The lines of a file of truth, however they are written: CSV, JSON, JSON lines, or a path and a class in each line.

use super::FolderLabels;
use crate::text::{Literal, rank, rows, separator};

/// Words for the columns and fields that hold the path and the class, the most telling first.
const PATH_WORDS: [&str; 14] = [
    "image",
    "path",
    "file",
    "filename",
    "file name",
    "filepath",
    "file path",
    "image path",
    "image name",
    "img",
    "image id",
    "imageid",
    "id",
    "name",
];
const CLASS_WORDS: [&str; 22] = [
    "truth",
    "true",
    "label",
    "class",
    "class name",
    "classname",
    "label name",
    "category",
    "target",
    "synset",
    "wnid",
    "ground truth",
    "y",
    "labels",
    "classes",
    "class id",
    "class index",
    "class idx",
    "label id",
    "index",
    "indices",
    "predictionstring",
];
/// The suffixes by which a cell is known to be a path.
const SUFFIXES: [&str; 13] =
    ["jpg", "jpeg", "png", "bmp", "gif", "webp", "tif", "tiff", "npy", "ppm", "pgm", "heic", "jp2"];

/// A line as it is written: its number, the path, and the classes.
pub(super) struct Said {
    pub(super) number: usize,
    pub(super) path: String,
    pub(super) classes: Vec<String>,
}

/// What the lines of a file say, however they are written.
pub(super) fn read(text: &str, labels: &FolderLabels) -> Result<Vec<Said>, String> {
    let lines = || text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    if lines().next().is_some_and(|(line, _)| line.trim_start().starts_with(['{', '['])) {
        let by_line: Result<Vec<(usize, Literal)>, String> = lines()
            .map(|(line, number)| {
                Ok((number, serde_json::from_str(line).map_err(|error| format!("line {number}: {error}"))?))
            })
            .collect();
        return match (by_line, Literal::read(text)) {
            (Ok(records), _) if records.iter().all(|(_, record)| path_of(record).is_some()) => {
                Ok(records.iter().filter_map(|(number, record)| record_said(*number, record, labels)).collect())
            }
            (_, Ok(Literal::List(records))) => {
                Ok(records.iter().zip(1..).filter_map(|(record, number)| record_said(number, record, labels)).collect())
            }
            (_, Ok(Literal::Dict(entries))) => {
                let said = entries.iter().zip(1..).map(|((path, value), number)| {
                    Some(Said { number, path: path.text()?.to_owned(), classes: values(value, labels) })
                });
                said.collect::<Option<_>>().ok_or_else(|| "expected an object from paths to classes".into())
            }
            (Err(error), _) => Err(error),
            (Ok(_), _) => Err("expected objects with an image and its truth".into()),
        };
    }
    match separator(text) {
        Some(separator) => table(&rows(text, separator), labels),
        None => lines().map(|(line, number)| words(line, number)).collect(),
    }
}

/// `val/7.jpg 3`: the class is what follows the path.
fn words(line: &str, number: usize) -> Result<Said, String> {
    let ends = |(at, c): (usize, char)| c.is_whitespace() && is_path(&line[..at]);
    let split = line.char_indices().find(|it| ends(*it)).map(|(at, _)| line.split_at(at));
    let (path, class) = split.or_else(|| line.trim().rsplit_once(char::is_whitespace)).ok_or_else(|| {
        format!(
            "line {number} is not a path with a class: expected CSV, JSON lines, or a path and a class in each line"
        )
    })?;
    Ok(Said { number, path: path.trim().to_owned(), classes: vec![class.trim().to_owned()] })
}

fn is_path(text: &str) -> bool {
    let suffix = text.trim().rsplit_once('.').map(|(_, suffix)| suffix.to_lowercase());
    suffix.is_some_and(|suffix| SUFFIXES.contains(&suffix.as_str()))
}

fn table(rows: &[Vec<String>], labels: &FolderLabels) -> Result<Vec<Said>, String> {
    let Some(first) = rows.first() else { return Ok(vec![]) };
    let has_paths_below = rows.get(1).is_some_and(|second| second.iter().any(|cell| is_path(cell)));
    let has_headings = !first.iter().any(|cell| is_path(cell))
        && (has_paths_below || first.iter().any(|cell| rank(&PATH_WORDS, cell).is_some()));
    let body = &rows[usize::from(has_headings)..];
    let columns = || 0..first.len();
    let cells = |column: usize| body.iter().filter_map(move |row| row.get(column));
    let ranked = |words: &[&str]| {
        let columns = columns().filter(|_| has_headings);
        let mut ranked: Vec<_> = columns.filter_map(|column| Some((rank(words, &first[column])?, column))).collect();
        ranked.sort_unstable();
        ranked.into_iter().map(|(_, column)| column).collect::<Vec<_>>()
    };
    let holds_paths = |column: &usize| cells(*column).next().is_some() && cells(*column).all(|cell| is_path(cell));
    let path = columns().find(holds_paths).or_else(|| ranked(&PATH_WORDS).first().copied()).unwrap_or(0);
    let others: Vec<usize> = columns().filter(|column| *column != path).collect();
    let by_words: Vec<usize> = ranked(&CLASS_WORDS).into_iter().filter(|column| *column != path).collect();
    let names = |column: &usize| cells(*column).any(|cell| labels.class(cell).is_some());
    // A name is surer than a number, which may count otherwise; without a heading, the class follows the path.
    let named = by_words.iter().find(|column| names(column)).or(by_words.first()).copied();
    let guessed =
        if has_headings { others.iter().find(|column| names(column)).or(others.first()) } else { others.first() };
    let class = named.or(guessed.copied()).ok_or("it has one column: expected paths and classes")?;
    let say = |(row, number): (&Vec<String>, usize)| {
        let class = row.get(class).filter(|class| !class.is_empty())?;
        // Kaggle's lists say the place of the object, too: `n03995372 85 1 499 272`.
        let short = class
            .split_whitespace()
            .next()
            .filter(|short| labels.find(class).is_none() && labels.class(short).is_some());
        let class = short.unwrap_or(class).to_owned();
        Some(Said { number, path: row.get(path)?.clone(), classes: vec![class] })
    };
    Ok(body.iter().zip(1 + usize::from(has_headings)..).filter_map(say).collect())
}

/// The path of a record.
fn path_of(record: &Literal) -> Option<&str> {
    record.best(&PATH_WORDS, |_| true)?.text()
}

/// What a record says, such as a line of `seewhy classify`; none where it says no class.
fn record_said(number: usize, record: &Literal, labels: &FolderLabels) -> Option<Said> {
    let classes = values(record.best(&CLASS_WORDS, |_| true)?, labels);
    Some(Said { number, path: path_of(record)?.to_owned(), classes }).filter(|said| !said.classes.is_empty())
}

/// The classes that a value names: one, a list of them, or an object with indices and labels.
fn values(value: &Literal, labels: &FolderLabels) -> Vec<String> {
    match value {
        Literal::Text(text) => vec![text.trim().to_owned()],
        Literal::Integer(number) => vec![number.to_string()],
        Literal::List(items) => items.iter().flat_map(|item| values(item, labels)).collect(),
        Literal::Dict(_) => {
            let field = |keys: [&str; 2]| keys.iter().find_map(|key| value.get(key)).map(|value| values(value, labels));
            let (indices, names) = (field(["indices", "index"]), field(["labels", "label"]));
            let is_known = |names: &Vec<String>| names.iter().all(|name| labels.class(name).is_some());
            names.clone().filter(is_known).or(indices).or(names).unwrap_or_default()
        }
        _ => vec![],
    }
}
