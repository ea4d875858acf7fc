//! Python's literals, as they are found in the headers of `.npy` files, in Ultralytics' metadata and in PyTorch's; and JSON,
//! which is nearly the same.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::rank;

/// A value in Python's notation. Floats that are out of a double's range become infinite, integers that are out of range
/// floats; strings are unescaped.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// `224`.
    Integer(i64),
    /// `0.485`.
    Float(f64),
    /// `'goldfish'`.
    Text(String),
    /// `[1, 2]` or `(1, 2)`.
    List(Vec<Literal>),
    /// `{0: 'tench'}`.
    Dict(Vec<(Literal, Literal)>),
}

/// Nothing that we read nests deeper; a hostile file must not exhaust the stack.
const DEEPEST: usize = 16;

impl Literal {
    /// Reads a whole text as one literal. None where it is anything else.
    pub fn parse(text: &str) -> Option<Literal> {
        let mut parser = Parser { rest: text.trim() };
        let value = parser.value(DEEPEST)?;
        parser.skip();
        parser.rest.is_empty().then_some(value)
    }

    /// Reads a text that is JSON or one Python literal, which may be given a name: `classes = ['cat', 'dog']`.
    ///
    /// # Errors
    /// Why it is not JSON, where it is neither.
    pub fn read(text: &str) -> Result<Literal, String> {
        serde_json::from_str(text).or_else(|error| {
            let named =
                text.split_once('=').filter(|(name, _)| name.trim().chars().all(|c| c.is_alphanumeric() || c == '_'));
            Literal::parse(named.map_or(text, |(_, value)| value)).ok_or_else(|| format!("not valid JSON: {error}"))
        })
    }

    /// The value of a string key in a dictionary.
    pub fn get(&self, key: &str) -> Option<&Literal> {
        self.entries()?.iter().find(|(k, _)| k.text() == Some(key)).map(|(_, value)| value)
    }

    /// Of the values in a dictionary that fit, the one whose key is the most telling of these words, spelt in any way.
    pub fn best(&self, words: &[&str], fits: impl Fn(&Literal) -> bool) -> Option<&Literal> {
        let fitting = self.entries()?.iter().filter(|(_, value)| fits(value));
        let ranked = fitting.filter_map(|(key, value)| Some((rank(words, key.text()?)?, value)));
        ranked.min_by_key(|(rank, _)| *rank).map(|(_, value)| value)
    }

    /// The entries of a dictionary.
    pub fn entries(&self) -> Option<&[(Literal, Literal)]> {
        if let Literal::Dict(entries) = self { Some(entries) } else { None }
    }

    /// The items of a list or tuple.
    pub fn items(&self) -> Option<&[Literal]> {
        if let Literal::List(items) = self { Some(items) } else { None }
    }

    /// A string.
    pub fn text(&self) -> Option<&str> {
        if let Literal::Text(text) = self { Some(text) } else { None }
    }

    /// A whole number that is not negative.
    pub fn index(&self) -> Option<usize> {
        if let Literal::Integer(n) = self { usize::try_from(*n).ok() } else { None }
    }
}

/// JSON in the order of the file: what is given twice is there twice.
impl<'de> Deserialize<'de> for Literal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Json)
    }
}

struct Json;

impl<'de> Visitor<'de> for Json {
    type Value = Literal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Literal, E> {
        Ok(Literal::None)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Literal, E> {
        Ok(Literal::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Literal, E> {
        Ok(Literal::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Literal, E> {
        Ok(i64::try_from(value).map_or(Literal::Float(value as f64), Literal::Integer))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Literal, E> {
        Ok(Literal::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Literal, E> {
        Ok(Literal::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Literal, A::Error> {
        let mut list = vec![];
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Literal::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Literal, A::Error> {
        let mut dict = vec![];
        while let Some((key, value)) = entries.next_entry::<String, Literal>()? {
            dict.push((Literal::Text(key), value));
        }
        Ok(Literal::Dict(dict))
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    /// Passes over white space and comments.
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
        while self.rest.starts_with('#') {
            self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest).trim_start();
        }
    }

    fn value(&mut self, depth: usize) -> Option<Literal> {
        let depth = depth.checked_sub(1)?;
        self.skip();
        match self.rest.chars().next()? {
            '[' => self.list('[', ']', depth),
            '(' => self.list('(', ')', depth),
            '{' => self.dict(depth),
            quote @ ('\'' | '"') => self.string(quote).map(Literal::Text),
            _ => self.word(),
        }
    }

    /// Takes the character if it comes next, white space aside.
    fn take(&mut self, c: char) -> bool {
        self.skip();
        let taken = self.rest.strip_prefix(c);
        self.rest = taken.unwrap_or(self.rest);
        taken.is_some()
    }

    fn list(&mut self, open: char, close: char, depth: usize) -> Option<Literal> {
        self.take(open);
        let mut items = Vec::new();
        while !self.take(close) {
            items.push(self.value(depth)?);
            if !self.take(',') {
                // `(1)` is a number in brackets, not a tuple.
                let single = open == '(' && items.len() == 1;
                return self.take(close).then(|| if single { items.swap_remove(0) } else { Literal::List(items) });
            }
        }
        Some(Literal::List(items))
    }

    fn dict(&mut self, depth: usize) -> Option<Literal> {
        self.take('{');
        let mut entries = Vec::new();
        while !self.take('}') {
            let key = self.value(depth)?;
            if !self.take(':') {
                return None;
            }
            entries.push((key, self.value(depth)?));
            if !self.take(',') {
                return self.take('}').then_some(Literal::Dict(entries));
            }
        }
        Some(Literal::Dict(entries))
    }

    fn string(&mut self, quote: char) -> Option<String> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                _ if c == quote => {
                    self.rest = &self.rest[at + c.len_utf8()..];
                    return Some(text);
                }
                '\\' => {
                    let (_, escaped) = chars.next()?;
                    let digits = match escaped {
                        'x' => 2,
                        'u' => 4,
                        'U' => 8,
                        _ => 0,
                    };
                    let code =
                        (0..digits).try_fold(0_u32, |code, _| Some((code << 4) | chars.next()?.1.to_digit(16)?))?;
                    match escaped {
                        'n' => text.push('\n'),
                        't' => text.push('\t'),
                        'r' => text.push('\r'),
                        'x' | 'u' | 'U' => text.push(char::from_u32(code)?),
                        '\\' | '\'' | '"' => text.push(escaped),
                        other => text.extend(['\\', other]),
                    }
                }
                _ => text.push(c),
            }
        }
        None
    }

    fn word(&mut self) -> Option<Literal> {
        let end = self.rest.find(|c: char| !(c.is_alphanumeric() || "+-._".contains(c))).unwrap_or(self.rest.len());
        let (word, rest): (&'a str, &'a str) = self.rest.split_at(end);
        self.rest = rest;
        Some(match word {
            "None" => Literal::None,
            "True" => Literal::Bool(true),
            "False" => Literal::Bool(false),
            // Python 2 wrote long integers as 224L, and .npy headers of that age still exist.
            _ => match word.strip_suffix('L').unwrap_or(word).parse() {
                Ok(integer) => Literal::Integer(integer),
                Err(_) if word.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => {
                    Literal::Float(word.parse().ok()?)
                }
                Err(_) => return None,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_python_prints() {
        let names = Literal::parse(r#"{0: 'tench', 1: "potter's wheel", 2: 'caf\xe9', 3: 'a\\b\'c'}"#).unwrap();
        let texts: Vec<_> =
            names.entries().unwrap().iter().map(|(k, v)| (k.index().unwrap(), v.text().unwrap())).collect();
        assert_eq!(texts, [(0, "tench"), (1, "potter's wheel"), (2, "café"), (3, "a\\b'c")]);
        let header = Literal::parse("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }  \n").unwrap();
        assert_eq!(header.get("shape").unwrap().items(), Some([Literal::Integer(3)].as_slice()));
        assert_eq!(header.get("fortran_order"), Some(&Literal::Bool(false)));
        assert_eq!(Literal::parse("()"), Some(Literal::List(vec![])));
        assert_eq!(Literal::parse("[224, -1.5e-3, None]").unwrap().items().unwrap()[1], Literal::Float(-1.5e-3));
    }

    #[test]
    fn reads_json_and_python_with_names_and_comments() {
        let expected = Literal::parse("{'a': [1, None, True], 'b': 'x'}").unwrap();
        for text in [
            r#"{"a": [1, null, true], "b": "x"}"#,
            "names = {  # the classes\n    'a': [1, None, True],\n    # 'c': 1,\n    'b': 'x',\n}\n# end",
        ] {
            assert_eq!(Literal::read(text).as_ref(), Ok(&expected), "{text}");
        }
        assert_eq!(Literal::read(r#"{"a": 1, "a": 2}"#).unwrap().entries().unwrap().len(), 2);
        assert!(Literal::read("{").unwrap_err().contains("not valid JSON"));
    }

    #[test]
    fn refuses_the_rest() {
        for text in ["", "{", "{1}", "['a'", "'a", "[1 2]", "os.system('rm')", "'\\uD800'", "1 2", "nan", "'\\"] {
            assert_eq!(Literal::parse(text), None, "{text}");
        }
        assert_eq!(Literal::parse(&"[".repeat(100_000)), None);
    }
}
