//! Names in a label map of TensorFlow: `item { id: 1 name: 'cat' }`.

use super::list::{List, Row, arrange};
use crate::text::is_synset;

/// Whether a text is a label map.
pub(super) fn is_meant(text: &str) -> bool {
    let mut tokens = Tokens { rest: text };
    let first = tokens.next();
    let is_item = matches!(&first, Some(Token::Word(word)) if word == "item" || word == "entry");
    let mut opens = tokens.skip_while(|token| *token == Token::Sign(':'));
    is_item && opens.next() == Some(Token::Sign('{'))
}

/// Reads a label map; its ids are the indices, mostly from 1.
pub(super) fn read(text: &str) -> Result<List, String> {
    let (mut rows, mut depth, mut fields) = (vec![], 0_usize, Fields::default());
    let mut key: Option<String> = None;
    for token in (Tokens { rest: text }) {
        match token {
            Token::Sign('{') => {
                depth += 1;
                key = None;
            }
            Token::Sign('}') => {
                depth = depth.checked_sub(1).ok_or("a } too many")?;
                if depth == 0 {
                    rows.push(std::mem::take(&mut fields).row(rows.len())?);
                }
                key = None;
            }
            Token::Sign(':') => {}
            // What is nested deeper says nothing of the class.
            Token::Word(word) => match key.take().filter(|_| depth == 1) {
                Some(key) => fields.set(&key, word),
                None => key = Some(word),
            },
            Token::Text(text) => {
                if let Some(key) = key.take().filter(|_| depth == 1) {
                    fields.set(&key, text);
                }
            }
            Token::Sign(_) => {}
        }
    }
    if depth > 0 {
        return Err("it ends within an item".into());
    }
    let unnumbered = rows.iter().filter(|row: &&Row| row.index.is_none()).count();
    if unnumbered == 1 && rows.len() > 1 {
        // Zero, which Protocol Buffers leave out.
        rows.iter_mut().filter(|row| row.index.is_none()).for_each(|row| row.index = Some(0));
    }
    arrange(rows)
}

#[derive(Default)]
struct Fields {
    id: Option<usize>,
    name: Option<String>,
    display: Option<String>,
}

impl Fields {
    fn set(&mut self, key: &str, value: String) {
        match key {
            "id" => self.id = value.parse().ok(),
            "name" => self.name = Some(value),
            "display_name" => self.display = Some(value),
            _ => {}
        }
    }

    fn row(self, number: usize) -> Result<Row, String> {
        let synset = self.name.clone().filter(|name| is_synset(name));
        let name = self.display.or(self.name).ok_or_else(|| format!("item {} of it has no name", number + 1))?;
        Ok(Row { index: self.id, folder: synset.filter(|synset| *synset != name), name })
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Sign(char),
    Word(String),
    Text(String),
}

struct Tokens<'a> {
    rest: &'a str,
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            self.rest = self.rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ';'));
            match self.rest.strip_prefix('#') {
                Some(comment) => self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest),
                None => break,
            }
        }
        let first = self.rest.chars().next()?;
        if matches!(first, '"' | '\'') {
            let (mut text, mut is_escaped) = (String::new(), false);
            for (at, c) in self.rest.char_indices().skip(1) {
                match c {
                    _ if is_escaped => {
                        text.push(c);
                        is_escaped = false;
                    }
                    '\\' => is_escaped = true,
                    _ if c == first => {
                        self.rest = &self.rest[at + 1..];
                        return Some(Token::Text(text));
                    }
                    _ => text.push(c),
                }
            }
            self.rest = "";
            return Some(Token::Text(text));
        }
        if matches!(first, '{' | '}' | ':' | '<' | '>' | '[' | ']') {
            self.rest = &self.rest[1..];
            return Some(Token::Sign(first));
        }
        let ends = |c: char| c.is_whitespace() || "{}:<>[],;#\"'".contains(c);
        let (word, rest) = self.rest.split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
        self.rest = rest;
        Some(Token::Word(word.to_owned()))
    }
}
