//! Names in a table: with or without a heading, rows and columns in any order.

use super::list::{FOLDER_WORDS, INDEX_WORDS, List, NAME_WORDS, Row, arrange, is_heading, is_permutation};
use crate::text::{is_synset, rank, rows, separator};

/// Reads a table of which `wanted` rows should be classes.
pub(super) fn read(text: &str, wanted: usize) -> Result<List, String> {
    Table::of(text, separator(text).unwrap_or(','), wanted).list()
}

/// Reads a text that may be a table, if something in it says so: a heading, or a column of indices or synsets.
pub(super) fn read_if_clear(text: &str, wanted: usize) -> Option<Result<List, String>> {
    let table = Table::of(text, separator(text)?, wanted);
    let is_clear = table.headings.is_some()
        || table.columns().any(|column| table.is_synsets(column))
        || table.columns().any(|column| table.indices(column).is_some_and(|indices| is_permutation(&indices)));
    is_clear.then(|| table.list())
}

struct Table {
    headings: Option<Vec<String>>,
    rows: Vec<Vec<String>>,
    width: usize,
}

impl Table {
    fn of(text: &str, separator: char, wanted: usize) -> Table {
        let mut rows = rows(text, separator);
        let headings = has_headings(&rows, wanted).then(|| rows.remove(0));
        let shortest = || rows.iter().map(Vec::len).min().unwrap_or(0);
        let width = headings.as_ref().map_or_else(shortest, Vec::len);
        for row in &mut rows {
            // A name with a comma that nobody put in quotes.
            if row.len() > width && width > 0 {
                let rest = row.split_off(width - 1);
                let kept: Vec<String> = rest.into_iter().filter(|cell| !cell.is_empty()).collect();
                row.push(kept.join(if separator == ',' { ", " } else { "; " }));
            }
            row.resize(width, String::new());
        }
        Table { headings, rows, width }
    }

    fn columns(&self) -> std::ops::Range<usize> {
        0..self.width
    }

    fn cells(&self, column: usize) -> impl Iterator<Item = &str> {
        self.rows.iter().filter_map(move |row| row.get(column)).map(String::as_str)
    }

    fn indices(&self, column: usize) -> Option<Vec<usize>> {
        self.cells(column).map(whole_number).collect()
    }

    fn is_synsets(&self, column: usize) -> bool {
        !self.rows.is_empty() && self.cells(column).all(is_synset)
    }

    /// How telling the heading of a column is, the best first; none where there is none, or another.
    fn rank(&self, column: usize, words: &[&str]) -> Option<usize> {
        rank(words, self.headings.as_ref()?.get(column)?)
    }

    fn list(&self) -> Result<List, String> {
        let index = self.index_column();
        let folder = self.columns().find(|column| self.is_synsets(*column));
        let folder = folder.or_else(|| self.columns().find(|column| self.rank(*column, &FOLDER_WORDS).is_some()));
        let others = || self.columns().filter(|column| Some(*column) != index && Some(*column) != folder);
        let is_text = |column: &usize| self.indices(*column).is_none();
        let ranked = |column: &usize| self.rank(*column, &NAME_WORDS).unwrap_or(NAME_WORDS.len());
        let name = others().filter(is_text).min_by_key(ranked).or_else(|| others().min_by_key(ranked)).or(folder);
        let Some(name) = name else { return Err("no column of it holds names".into()) };
        let cell = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
        let row = |row: &Vec<String>| Row {
            index: index.and_then(|index| whole_number(row.get(index)?)),
            name: cell(row, name),
            folder: folder.filter(|folder| *folder != name).map(|folder| cell(row, folder)),
        };
        arrange(self.rows.iter().map(row).collect())
    }

    /// The column of the indices: one that runs from 0 or 1, or else one that should.
    fn index_column(&self) -> Option<usize> {
        let numbers = || self.columns().filter(|column| self.width > 1 && self.indices(*column).is_some());
        let ranked = |column: &usize| self.rank(*column, &INDEX_WORDS).unwrap_or(INDEX_WORDS.len());
        let runs = |column: &usize| self.indices(*column).is_some_and(|indices| is_permutation(&indices));
        let should = |column: &usize| self.headings.is_none() || ranked(column) < INDEX_WORDS.len();
        numbers().filter(runs).min_by_key(ranked).or_else(|| numbers().filter(should).min_by_key(ranked))
    }
}

/// Whether the first row says what the others hold.
fn has_headings(rows: &[Vec<String>], wanted: usize) -> bool {
    let Some((first, rest)) = rows.split_first().filter(|(_, rest)| !rest.is_empty()) else { return false };
    let differs = |is: fn(&str) -> bool| {
        let below = |column: usize| rest.iter().all(|row| row.get(column).is_some_and(|cell| is(cell)));
        first.iter().enumerate().any(|(column, cell)| !is(cell) && below(column))
    };
    let words = first.iter().filter(|cell| is_heading(cell)).count();
    differs(|cell| whole_number(cell).is_some())
        || differs(is_synset)
        || (words == first.len() && (words > 1 || rows.len() != wanted))
        || (words > 0 && rows.len() == wanted + 1)
}

fn whole_number(cell: &str) -> Option<usize> {
    cell.parse().ok().filter(|_| cell.bytes().all(|byte| byte.is_ascii_digit()))
}
