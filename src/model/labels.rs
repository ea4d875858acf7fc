//! The names of the classes.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use super::error::ModelProblem;
use super::settings::{LabelSource, Origin, Setting};
use crate::text::escape;

/// No list of labels is longer, in bytes.
const LONGEST: u64 = 1 << 24;

/// What the classes of a model are called, by their index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    names: Vec<String>,
    folders: Vec<String>,
    classes: usize,
}

impl Labels {
    /// Names for `classes` classes; `names` and `folders` are empty or hold one for each.
    pub fn new(names: Vec<String>, folders: Vec<String>, classes: usize) -> Labels {
        Labels { names, folders, classes }
    }

    /// The name of a class, or `class 7` where it has none.
    pub fn get(&self, index: usize) -> Cow<'_, str> {
        self.names.get(index).map_or_else(|| Cow::Owned(format!("class {index}")), |name| Cow::Borrowed(name.as_str()))
    }

    /// Every name; empty where the model has none.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What the folders of the classes are called where that differs from the names; empty otherwise.
    pub fn folders(&self) -> &[String] {
        &self.folders
    }

    /// The number of classes.
    pub fn len(&self) -> usize {
        self.classes
    }

    /// Whether there is no class.
    pub fn is_empty(&self) -> bool {
        self.classes == 0
    }

    /// The class that a person means: by its name, whatever the case, by one of several names (`tench, Tinca tinca`), by the
    /// name of its folder, or by its index. None where nothing fits, or more than one class fits equally well.
    pub fn find(&self, text: &str) -> Option<usize> {
        let text = text.trim();
        let only = |fits: &dyn Fn(&str) -> bool| {
            let mut hits = self.names.iter().enumerate().filter(|(_, name)| fits(name)).map(|(index, _)| index);
            hits.next().filter(|_| hits.next().is_none())
        };
        let same = |a: &str, b: &str| a.trim().to_lowercase() == b.to_lowercase();
        only(&|name| name == text)
            .or_else(|| only(&|name| same(name, text)))
            .or_else(|| only(&|name| name.split(',').any(|synonym| same(synonym, text))))
            .or_else(|| self.folders.iter().position(|folder| folder == text))
            .or_else(|| text.parse().ok().filter(|index| *index < self.classes))
    }
}

/// Reads a list of names, and checks that there is one for each class. They are escaped: from here on they are safe to show.
pub(super) fn load(setting: &Setting<LabelSource>, classes: usize) -> Result<Vec<String>, ModelProblem> {
    let (names, origin) = match &setting.value {
        LabelSource::File(path) => {
            let wrong = |message| ModelProblem::Setting { origin: path.display().to_string(), message };
            (parse(&read_text(path, LONGEST)?).map_err(wrong)?, Origin::File(path.clone()).to_string())
        }
        LabelSource::Names(names) => (names.clone(), setting.origin.to_string()),
    };
    if names.len() == classes {
        return Ok(names.iter().map(|name| escape(name).into_owned()).collect());
    }
    let message = format!("{} labels, but the model has {classes} classes", names.len());
    Err(ModelProblem::Setting { origin, message })
}

/// Reads a text file that a person wrote, which is never long.
pub(super) fn read_text(path: &Path, longest: u64) -> Result<String, ModelProblem> {
    let wrong = |message: String| ModelProblem::Setting { origin: path.display().to_string(), message };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    file.take(longest + 1).read_to_end(&mut bytes).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > longest {
        return Err(wrong(format!("longer than {longest} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|_| wrong("not text in UTF-8".into()))?;
    Ok(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), ToOwned::to_owned))
}

/// A name a line; or in JSON a list, or an object by index, whose values may be lists that end in the name, as Keras'
/// `imagenet_class_index.json` has them.
fn parse(text: &str) -> Result<Vec<String>, String> {
    if !text.trim_start().starts_with(['[', '{']) {
        return Ok(text.trim_end().lines().map(|line| line.trim().to_owned()).collect());
    }
    let value: Value = serde_json::from_str(text).map_err(|error| format!("not valid JSON: {error}"))?;
    let names = match &value {
        Value::Array(names) => names.iter().map(name).collect(),
        value => by_index(value),
    };
    names.ok_or_else(|| "expected a list of names, or an object from 0, 1, 2, ... to names".into())
}

fn name(value: &Value) -> Option<String> {
    match value {
        Value::String(name) => Some(name.clone()),
        Value::Array(names) => names.last().and_then(name),
        _ => None,
    }
}

/// The names of an object whose keys are the indices 0, 1, 2, ... in any order, without a gap.
pub(super) fn by_index(value: &Value) -> Option<Vec<String>> {
    let entries = value.as_object()?;
    let named: Option<Vec<(usize, String)>> =
        entries.iter().map(|(index, value)| Some((index.parse().ok()?, name(value)?))).collect();
    in_order(named?)
}

/// Names by their index, which must be 0, 1, 2, ... without a gap.
pub(super) fn in_order(mut named: Vec<(usize, String)>) -> Option<Vec<String>> {
    named.sort();
    let complete = named.iter().enumerate().all(|(expected, (index, _))| expected == *index);
    complete.then(|| named.into_iter().map(|(_, name)| name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_as_lines_or_json() {
        let expected = ["tench", "goldfish"];
        for text in [
            "tench\r\ngoldfish\n\n",
            r#"["tench", "goldfish"]"#,
            r#"{"1": "goldfish", "0": "tench"}"#,
            r#"{"0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"]}"#,
        ] {
            assert_eq!(parse(text).unwrap(), expected, "{text}");
        }
        for text in [r#"{"0": "tench", "2": "goldfish"}"#, "[1, 2]", "{", r#"{"a": "tench"}"#] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_class_is_found_by_what_people_type() {
        let names = ["tench, Tinca tinca", "Cardigan", "cardigan", "crane", "crane"].map(String::from).to_vec();
        let labels = Labels::new(names, vec![], 5);
        assert_eq!(labels.find("Tinca Tinca"), Some(0));
        assert_eq!(labels.find("cardigan"), Some(2));
        assert_eq!(labels.find("CARDIGAN"), None, "two classes differ by case only");
        assert_eq!(labels.find("crane"), None, "two classes have this name");
        assert_eq!(labels.find("3"), Some(3));
        assert_eq!(labels.find("5"), None);
        assert_eq!(Labels::new(vec![], vec![], 3).get(2), "class 2");
    }
}
