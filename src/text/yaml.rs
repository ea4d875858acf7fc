//! The part of YAML in which data sets are described: mappings, lists, quoted and plain words. Anchors, tags and the like
//! stay text.

use super::Literal;

/// Nothing that we read nests deeper.
const DEEPEST: usize = 16;

/// Reads a document. Plain words stay as they are written (`no` is a word, not a truth value), whole numbers become numbers.
///
/// # Errors
/// Which line cannot be understood.
pub fn parse(text: &str) -> Result<Literal, String> {
    let mut reader = Reader { lines: lines(text)?, at: 0 };
    let indent = reader.lines.first().map_or(0, |line| line.indent);
    let value = reader.block(indent, DEEPEST)?;
    match reader.lines.get(reader.at) {
        Some(line) => Err(line.refused()),
        None => Ok(value),
    }
}

#[derive(Debug, Clone)]
struct Line<'a> {
    number: usize,
    indent: usize,
    text: &'a str,
}

impl Line<'_> {
    fn refused(&self) -> String {
        format!("line {} is not the YAML that we understand", self.number)
    }

    fn is_item(&self) -> bool {
        self.text == "-" || self.text.starts_with("- ")
    }
}

/// The lines of the first document, without comments.
fn lines(text: &str) -> Result<Vec<Line<'_>>, String> {
    let mut found: Vec<Line<'_>> = vec![];
    for (number, line) in (1..).zip(text.lines()) {
        let content = uncommented(line).trim_end();
        let text = content.trim_start_matches(' ');
        let line = Line { number, indent: content.len() - text.len(), text };
        match text {
            "" => {}
            "---" | "..." if line.indent == 0 && !found.is_empty() => break,
            "---" | "..." => {}
            _ if text.starts_with('%') && found.is_empty() => {}
            _ if text.starts_with('\t') => return Err(format!("line {number} is indented by a tab")),
            _ => found.push(line),
        }
    }
    Ok(found)
}

/// The line up to a comment.
fn uncommented(line: &str) -> &str {
    Brackets::default().pass(line)
}

/// How deep in brackets a place is, quotes aside.
#[derive(Default)]
struct Brackets {
    depth: usize,
    quote: Option<char>,
}

impl Brackets {
    /// Goes through a line; returns it up to a comment.
    fn pass<'a>(&mut self, line: &'a str) -> &'a str {
        let mut before = ' ';
        for (at, c) in line.char_indices() {
            match (self.quote, c) {
                (None, '#') if before.is_whitespace() => return &line[..at],
                (None, '[' | '{') => self.depth += 1,
                (None, ']' | '}') => self.depth = self.depth.saturating_sub(1),
                // An apostrophe within a word opens nothing.
                (None, '"' | '\'') if !before.is_alphanumeric() => self.quote = Some(c),
                (Some(open), _) if c == open && before != '\\' => self.quote = None,
                _ => {}
            }
            before = c;
        }
        line
    }
}

struct Reader<'a> {
    lines: Vec<Line<'a>>,
    at: usize,
}

impl<'a> Reader<'a> {
    fn next(&self) -> Option<Line<'a>> {
        self.lines.get(self.at).cloned()
    }

    /// The list, mapping or scalar whose lines are indented by `indent`.
    fn block(&mut self, indent: usize, depth: usize) -> Result<Literal, String> {
        let Some(first) = self.next() else { return Ok(Literal::None) };
        let depth = depth.checked_sub(1).ok_or_else(|| first.refused())?;
        if first.is_item() {
            return self.list(indent, depth);
        }
        if key(first.text).is_some() {
            return self.mapping(indent, depth);
        }
        self.at += 1;
        self.value(first.text, indent, &first)
    }

    fn list(&mut self, indent: usize, depth: usize) -> Result<Literal, String> {
        let mut items = vec![];
        while let Some(line) = self.next().filter(|line| line.indent == indent && line.is_item()) {
            let rest = line.text[1..].trim_start();
            if rest.is_empty() {
                self.at += 1;
                items.push(self.nested(indent + 1, depth)?);
            } else if key(rest).is_some() || rest == "-" || rest.starts_with("- ") {
                // What stands behind the dash is the first line of a block of its own.
                let inner = indent + line.text.len() - rest.len();
                self.lines[self.at] = Line { indent: inner, text: rest, ..line };
                items.push(self.block(inner, depth)?);
            } else {
                self.at += 1;
                items.push(self.value(rest, indent + 1, &line)?);
            }
        }
        Ok(Literal::List(items))
    }

    fn mapping(&mut self, indent: usize, depth: usize) -> Result<Literal, String> {
        let mut entries = vec![];
        while let Some(line) = self.next().filter(|line| line.indent == indent && !line.is_item()) {
            let (key, rest) = key(line.text).ok_or_else(|| line.refused())?;
            self.at += 1;
            let value = if rest.is_empty() {
                let list_follows = self.next().is_some_and(|next| next.indent == indent && next.is_item());
                if list_follows { self.list(indent, depth)? } else { self.nested(indent + 1, depth)? }
            } else if rest.starts_with(['|', '>']) {
                Literal::Text(self.deeper(indent).join("\n"))
            } else {
                self.value(rest, indent + 1, &line)?
            };
            entries.push((key, value));
        }
        Ok(Literal::Dict(entries))
    }

    /// The block that is indented by `least` or more, if one follows.
    fn nested(&mut self, least: usize, depth: usize) -> Result<Literal, String> {
        match self.next().filter(|line| line.indent >= least) {
            Some(line) => self.block(line.indent, depth),
            None => Ok(Literal::None),
        }
    }

    /// Takes all lines that are indented more than `indent`.
    fn deeper(&mut self, indent: usize) -> Vec<&'a str> {
        let mut texts = vec![];
        while let Some(line) = self.next().filter(|line| line.indent > indent) {
            texts.push(line.text);
            self.at += 1;
        }
        texts
    }

    /// A value that begins on a line, and may go on in those that follow, indented by `least` or, within brackets, by less.
    fn value(&mut self, begins: &str, least: usize, line: &Line<'a>) -> Result<Literal, String> {
        let mut text = begins.to_owned();
        if begins.starts_with(['[', '{']) {
            let mut open = Brackets::default();
            open.pass(begins);
            while open.depth > 0 {
                let Some(next) = self.next() else { return Err(line.refused()) };
                text.push(' ');
                text.push_str(next.text);
                open.pass(next.text);
                self.at += 1;
            }
            let mut flow = Flow { rest: &text };
            let value = flow.value(DEEPEST).filter(|_| flow.rest.trim().is_empty());
            return value.ok_or_else(|| line.refused());
        }
        for more in self.deeper(least.saturating_sub(1)) {
            text.push(' ');
            text.push_str(more);
        }
        let mut flow = Flow { rest: &text };
        match flow.quoted() {
            Some(quoted) if flow.rest.trim().is_empty() => Ok(Literal::Text(quoted)),
            Some(_) => Err(line.refused()),
            None => Ok(plain(&text)),
        }
    }
}

/// The key that a line begins with, and what follows it.
fn key(text: &str) -> Option<(Literal, &str)> {
    let mut flow = Flow { rest: text };
    if let Some(quoted) = flow.quoted() {
        let rest = flow.rest.trim_start().strip_prefix(':')?;
        return Some((Literal::Text(quoted), rest.trim_start()));
    }
    if text.starts_with(['[', '{']) {
        return None;
    }
    let (key, rest) = text.split_once(": ").or_else(|| Some((text.strip_suffix(':')?, "")))?;
    Some((plain(key.trim_end()), rest.trim_start()))
}

/// A word without quotes.
fn plain(text: &str) -> Literal {
    match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => Literal::Integer(number),
        _ => Literal::Text(text.to_owned()),
    }
}

/// What stands in brackets.
struct Flow<'a> {
    rest: &'a str,
}

impl Flow<'_> {
    fn take(&mut self, c: char) -> bool {
        let rest = self.rest.trim_start();
        let taken = rest.strip_prefix(c);
        self.rest = taken.unwrap_or(rest);
        taken.is_some()
    }

    fn value(&mut self, depth: usize) -> Option<Literal> {
        let depth = depth.checked_sub(1)?;
        if self.take('[') {
            let mut items = vec![];
            while !self.take(']') {
                items.push(self.value(depth)?);
                if !self.take(',') {
                    return self.take(']').then_some(Literal::List(items));
                }
            }
            return Some(Literal::List(items));
        }
        if self.take('{') {
            let mut entries = vec![];
            while !self.take('}') {
                let key = self.word(&[':', ',', '}'])?;
                let value = if self.take(':') { self.value(depth)? } else { Literal::None };
                entries.push((key, value));
                if !self.take(',') {
                    return self.take('}').then_some(Literal::Dict(entries));
                }
            }
            return Some(Literal::Dict(entries));
        }
        self.word(&[',', ']', '}'])
    }

    fn word(&mut self, ends: &[char]) -> Option<Literal> {
        self.rest = self.rest.trim_start();
        if let Some(quoted) = self.quoted() {
            return Some(Literal::Text(quoted));
        }
        let end = self.rest.find(ends).filter(|end| *end > 0)?;
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(plain(word.trim_end()))
    }

    /// A text in single or double quotes; nothing is taken where there is none.
    fn quoted(&mut self) -> Option<String> {
        let quote = self.rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1).peekable();
        while let Some((at, c)) = chars.next() {
            let doubled = quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == '\'');
            match c {
                '\'' if c == quote && doubled => {
                    chars.next();
                    text.push('\'');
                }
                _ if c == quote => {
                    self.rest = &self.rest[at + 1..];
                    return Some(text);
                }
                '\\' if quote == '"' => {
                    let (_, escaped) = chars.next()?;
                    let digits = match escaped {
                        'x' => 2,
                        'u' => 4,
                        'U' => 8,
                        _ => 0,
                    };
                    let mut code = 0;
                    for _ in 0..digits {
                        code = (code << 4) | chars.next()?.1.to_digit(16)?;
                    }
                    text.push(match escaped {
                        'n' => '\n',
                        't' => '\t',
                        'x' | 'u' | 'U' => char::from_u32(code)?,
                        other => other,
                    });
                }
                _ => text.push(c),
            }
        }
        None
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
    fn what_is_not_understood_is_an_error_that_names_the_line() {
        for (text, says) in
            [("a: 1\n\tb: 2", "line 2"), ("names: [a, b", "line 1"), ("a: 1\nb", "line 2"), ("a: 'x' y", "line 1")]
        {
            assert!(parse(text).unwrap_err().contains(says), "{text}");
        }
        assert!(parse(&"- ".repeat(50_000)).is_err());
        assert!(parse(&format!("a: {}", "[".repeat(100_000))).is_err());
    }
}
