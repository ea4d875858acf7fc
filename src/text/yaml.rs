//! Reads YAML, in which data sets are described, into a tree.

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::Literal;

/// Nothing that we read nests deeper; a hostile file must not exhaust the stack.
const DEEPEST: usize = 16;

/// Reads the first document. Plain words stay as they are written (`no` is a word, not a truth value), whole numbers become
/// numbers.
///
/// # Errors
/// Which line cannot be understood, and why.
pub fn parse(text: &str) -> Result<Literal, String> {
    let mut parser = Parser::new_from_str(text);
    // Lists and mappings that are not closed yet, the outermost first. A mapping's keys and values come in turns.
    let mut open: Vec<(bool, Vec<Literal>)> = vec![];
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| format!("line {}: {}", error.marker().line(), error.info()))?;
        let refused = |why: &str| format!("line {}: {why}", span.start.line());
        let value = match event {
            Event::SequenceStart(..) | Event::MappingStart(..) if open.len() == DEEPEST => {
                return Err(refused("it nests too deep"));
            }
            Event::SequenceStart(..) => {
                open.push((false, vec![]));
                continue;
            }
            Event::MappingStart(..) => {
                open.push((true, vec![]));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some((true, values)) => Literal::Dict(in_pairs(values)),
                Some((false, values)) => Literal::List(values),
                None => continue,
            },
            Event::Scalar(word, ScalarStyle::Plain, ..) => plain(&word),
            Event::Scalar(text, ..) => Literal::Text(text.into_owned()),
            Event::Alias(_) => return Err(refused("an alias (*) stands for something else; write it out")),
            Event::DocumentEnd | Event::StreamEnd => break,
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => continue,
        };
        match open.last_mut() {
            Some((_, values)) => values.push(value),
            None => return Ok(value),
        }
    }
    Ok(Literal::None)
}

/// Keys with their values.
fn in_pairs(values: Vec<Literal>) -> Vec<(Literal, Literal)> {
    let mut values = values.into_iter();
    std::iter::from_fn(|| Some((values.next()?, values.next()?))).collect()
}

/// A word without quotes, or nothing at all.
fn plain(word: &str) -> Literal {
    match word.parse::<i64>() {
        Ok(number) if number.to_string() == word => Literal::Integer(number),
        _ if word.is_empty() || word == "~" => Literal::None,
        _ => Literal::Text(word.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        let document = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let show = |value: &Literal| match value {
            Literal::Text(text) => text.clone(),
            Literal::Integer(number) => number.to_string(),
            other => format!("{other:?}"),
        };
        match document.get("names").unwrap() {
            Literal::List(items) => items.iter().map(show).collect(),
            Literal::Dict(entries) => entries.iter().map(|(k, v)| format!("{}={}", show(k), show(v))).collect(),
            other => vec![show(other)],
        }
    }

    #[test]
    fn lists_come_in_blocks_and_brackets() {
        let expected = ["cat", "it's", "no", "a: b, c", "x # y"];
        for text in [
            "nc: 5\nnames:\n- cat\n- it's # a comment\n- no\n- 'a: b, c'\n- \"x # y\"\n",
            "# top\n---\nnames:\n  - cat\n\n  - 'it''s'\n  - no\n  - \"a: b, c\"\n  - 'x # y'\nnc: 5",
            "names: ['cat', \"it's\", no, 'a: b, c', 'x # y']  # five\nval: x/y",
            "names: [cat, it's, no,\n  'a: b, c',\n  'x # y',\n]\nnc: 5",
        ] {
            assert_eq!(names(text), expected, "{text}");
        }
    }

    #[test]
    fn mappings_keep_their_keys() {
        let expected = ["0=cat", "1=dog", "10=7"];
        for text in [
            "path: ../x # root\nnames:\n  0: cat\n  1: dog\n  10: 7\ndownload: |\n  from x import y\n  a = {'b': [\n\nnc: 3\n",
            "names: {0: cat, 1: 'dog', 10: 7}",
            "download: >-\n    one\n    two\nnames:\n    0:   cat\n    1: \"dog\"\n    10: 7",
        ] {
            assert_eq!(names(text), expected, "{text}");
        }
        assert_eq!(names("names:\n  - id: 0\n    name: cat\n  - id: 1\n    name: dog\n").len(), 2);
        assert_eq!(names("names:\n"), ["None"]);
        assert_eq!(names("names: a long\n  name\nnc: 1"), ["a long name"]);
    }

    #[test]
    fn what_is_not_understood_is_an_error_that_says_where_and_why() {
        for (text, says) in [
            ("a: 1\n\tb: 2", "found a tab"),
            ("names: [a, b", "expected ',' or ']'"),
            ("a: 1\nb", "key expected"),
            ("a: 'x' y", "line 1: "),
            ("a: &all [x]\nb: *all", "line 2: an alias"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with("line ") && error.contains(says), "{text}: {error}");
        }
        assert!(parse(&"- ".repeat(50_000)).is_err());
        assert!(parse(&format!("a: {}", "[".repeat(100_000))).is_err());
    }
}
