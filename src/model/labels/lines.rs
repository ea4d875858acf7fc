//! Names a line, with or without a number or a synset.

use std::collections::HashSet;

use super::list::{List, Row, arrange, is_heading, is_permutation};
use super::table;
use crate::text::{rows, split_synset};

/// Reads a name a line; `wanted` is how many there should be.
pub(super) fn read(text: &str, wanted: usize) -> Result<List, String> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    // A heading above numbered lines.
    let headed = lines.split_first().filter(|(first, rest)| {
        !rest.is_empty() && first.split_whitespace().all(is_heading) && rest.iter().all(|line| numbered(line).is_some())
    });
    let numbered_lines = headed.map_or(&lines[..], |(_, rest)| rest);
    if let Some(rows) = all(numbered_lines, numbered).filter(|rows| is_meant(rows) || headed.is_some()) {
        return arrange(rows);
    }
    if let Some(list) = table::read_if_clear(text, wanted) {
        return list;
    }
    for row in [after_synset, number_last] {
        let rows = all(&lines, row).filter(|rows| is_permutation(&indices(rows)) && are_different(rows));
        if let Some(rows) = rows {
            return arrange(rows);
        }
    }
    let notice = all(&lines, numbered).map(|_| {
        "its lines begin with numbers that are not the indices 0, 1, 2, ...: they are taken for parts of the names"
            .to_owned()
    });
    Ok(List { notice, ..List::from(plain(text, &lines, wanted)) })
}

/// The lines as they are. What may be a name or not, such as an empty line, is one where the count is right then.
fn plain(text: &str, lines: &[&str], wanted: usize) -> Vec<Row> {
    let whole = || text.trim_end().lines().map(str::trim).collect::<Vec<_>>();
    let uncommented = || lines.iter().copied().filter(|line| !line.starts_with('#')).collect::<Vec<_>>();
    let headless = || lines.iter().copied().skip(usize::from(lines.first().is_some_and(|line| is_heading(line))));
    let found = [lines.to_vec(), whole(), uncommented(), headless().collect()];
    let chosen = found.iter().find(|lines| lines.len() == wanted).unwrap_or(&found[0]);
    let quoted = |line: &&str| unquoted(line.trim_end_matches(',')).map(ToOwned::to_owned);
    let bulleted = |line: &&str| line.strip_prefix("- ").or(line.strip_prefix("* ")).map(|name| name.trim().to_owned());
    let quoted: Option<Vec<String>> = chosen.iter().map(quoted).collect();
    match quoted.or_else(|| chosen.iter().map(bulleted).collect()) {
        Some(names) => names.into_iter().map(Row::named).collect(),
        None => chosen.iter().map(|line| Row::named(*line)).collect(),
    }
}

fn unquoted(text: &str) -> Option<&str> {
    let within = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    within('"').or_else(|| within('\'')).filter(|inner| !inner.contains(['"', '\'']))
}

fn all(lines: &[&str], row: fn(&str) -> Option<Row>) -> Option<Vec<Row>> {
    lines.iter().map(|line| row(line)).collect()
}

fn indices(rows: &[Row]) -> Vec<usize> {
    rows.iter().filter_map(|row| row.index).collect()
}

/// Whether the numbers before names are meant as indices, be they right or not. `3 seater` and `7 seater` are names.
fn is_meant(rows: &[Row]) -> bool {
    let indices = indices(rows);
    let near: HashSet<&usize> = indices.iter().filter(|index| **index <= rows.len()).collect();
    let begins_well = indices.iter().min().is_some_and(|first| *first <= 1);
    // `1 seater` and `4 seater` differ by nothing else, and are no list with a gap.
    let has_gap = || 2 * near.len() > rows.len() && 10 * count_different(rows) >= 9 * rows.len();
    begins_well && are_different(rows) && (is_permutation(&indices) || has_gap())
}

/// Whether most names differ without their numbers; those of ImageNet do, but for two pairs.
fn are_different(rows: &[Row]) -> bool {
    2 * count_different(rows) > rows.len()
}

fn count_different(rows: &[Row]) -> usize {
    rows.iter().map(|row| row.name.as_str()).collect::<HashSet<_>>().len()
}

/// `0 cat`, `0: cat`, `0, cat`, `0. cat`, `0 - cat` and the like.
fn numbered(line: &str) -> Option<Row> {
    let end = line.find(|c: char| !c.is_ascii_digit()).filter(|end| *end > 0)?;
    let index = line[..end].parse().ok()?;
    let rest = line[end..].trim_start();
    let is_spaced = rest.len() < line.len() - end;
    let name = match rest.strip_prefix([':', ',', ';', '=', '|']) {
        Some(name) => name,
        // `0.5 mm` and `3-toed sloth` are names.
        None => match rest.strip_prefix(['.', ')', '-']) {
            Some(name) if name.starts_with(char::is_whitespace) => name,
            _ if is_spaced => rest,
            _ => return None,
        },
    };
    let name = name.trim();
    let cells = rows(name, ',');
    let name = match &cells[..] {
        [row] if name.starts_with('"') && row.len() == 1 => &row[0],
        _ => unquoted(name).unwrap_or(name),
    };
    (!name.is_empty()).then(|| Row::at(index, name))
}

/// `n02119789 1 kit_fox`, as the list of ImageNet's development kit has it.
fn after_synset(line: &str) -> Option<Row> {
    let (synset, rest) = split_synset(line);
    Some(Row { folder: Some(synset?.to_owned()), ..numbered(rest)? })
}

/// `/a/airfield 0`, as the list of Places365 has it.
fn number_last(line: &str) -> Option<Row> {
    let (name, digits) = line.rsplit_once([' ', '\t', ',', ':', ';', '='])?;
    let name = name.trim_end_matches([' ', '\t', ',', ':', ';', '=']);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let index = digits.parse().ok().filter(|_| is_number && !name.is_empty())?;
    Some(Row::at(index, unquoted(name).unwrap_or(name)))
}
