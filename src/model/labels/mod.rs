//! The names of the classes.

mod beside;
mod decide;
mod folders;
mod joint;
mod lines;
mod list;
mod pbtxt;
mod table;
#[cfg(test)]
mod tests;
mod tree;

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

pub(super) use self::beside::beside;
pub(super) use self::decide::{decide, guess_from_folders, of_one};
pub use self::joint::JointLabels;
use self::list::List;
use super::error::ModelProblem;
use super::settings::{LabelSource, Origin, Setting};
use crate::text::{Literal, decode, escape, yaml};

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
        self.names.get(index).map_or_else(|| Cow::Owned(unnamed(index)), |name| Cow::Borrowed(name.as_str()))
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
/// With an offset, name i is that of class i + offset.
fn load(setting: &Setting<LabelSource>, classes: usize, offset: i64) -> Result<List, ModelProblem> {
    let wanted = usize::try_from((classes as i64).saturating_sub(offset)).unwrap_or(0);
    let (list, origin) = match &setting.value {
        LabelSource::File(path) => (read(path, wanted)?, Origin::File(path.clone()).to_string()),
        LabelSource::Names(names) => (names.clone().into(), setting.origin.to_string()),
    };
    let of = if matches!(&setting.value, LabelSource::File(path) if path.is_dir()) { "folder" } else { "label" };
    list.checked(classes, offset, of).map_err(|message| ModelProblem::Setting { origin, message })
}

/// Reads the names in a file; those of its folders, where it is one. `wanted` is how many there should be.
fn read(path: &Path, wanted: usize) -> Result<List, ModelProblem> {
    let wrong = |message| ModelProblem::Setting { origin: path.display().to_string(), message };
    if path.is_dir() {
        let own = || folders::names(path).map_err(|error| wrong(format!("cannot be read: {error}")));
        let of_classes = folders::of_classes(path, wanted).map(|(_, names)| names);
        return of_classes.map_or_else(own, Ok).map(List::from);
    }
    let suffix = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    parse(&read_text(path, LONGEST)?, &suffix, wanted).map_err(wrong)
}

impl List {
    /// The list with a name for each class, escaped; they are names `of` what a message is to call them.
    ///
    /// # Errors
    /// When there are more names or fewer.
    fn checked(self, classes: usize, offset: i64, of: &str) -> Result<List, String> {
        let count = self.names.len();
        if (count as i64).saturating_add(offset) != classes as i64 {
            let shifted = if offset == 0 { String::new() } else { format!(" and an offset of {offset}") };
            let hint = match classes as i64 - count as i64 {
                1 if offset == 0 => {
                    ": class 0 may be a background without a name, as in TensorFlow's networks; --labels-offset 1 gives \
                     name 0 to output 1, and so on"
                }
                -1 if offset == 0 => {
                    ": the first name may be a background that this model lacks; --labels-offset -1 leaves it out"
                }
                _ => "",
            };
            let plural = if count == 1 { "" } else { "s" };
            return Err(format!("{count} {of}{plural}{shifted}, but the model has {classes} classes{hint}"));
        }
        let moved = |names: Vec<String>, blank: fn(usize) -> String| -> Vec<String> {
            let names = names.into_iter().skip(usize::try_from(offset.saturating_neg()).unwrap_or(0));
            let before = (0..usize::try_from(offset).unwrap_or(0)).map(blank);
            before.chain(names.map(|name| escape(&name).into_owned())).collect()
        };
        let folders = if self.folders.is_empty() { vec![] } else { moved(self.folders, |_| String::new()) };
        Ok(List { names: moved(self.names, unnamed), folders, notice: self.notice })
    }
}

/// What a class without a name is called.
fn unnamed(index: usize) -> String {
    format!("class {index}")
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
    decode(&bytes).ok_or_else(|| wrong("not text in UTF-8 or UTF-16; save it as UTF-8".into()))
}

/// Names in any of the usual forms, told apart by the file's suffix and by what it begins with.
fn parse(text: &str, suffix: &str, wanted: usize) -> Result<List, String> {
    let begins_as_tree = || {
        let value = text.split_once('=').filter(|(name, _)| !name.trim().is_empty() && !name.contains(['\n', ',']));
        let values = [Some(text), value.map(|(_, value)| value)];
        values.into_iter().flatten().any(|text| text.trim_start().starts_with(['[', '{', '(']))
    };
    match suffix {
        "yaml" | "yml" => yaml::parse(text).and_then(|tree| tree::read(&tree)),
        "csv" | "tsv" => table::read(text, wanted),
        _ if pbtxt::is_meant(text) => pbtxt::read(text),
        _ if suffix == "json" || begins_as_tree() => match Literal::read(text) {
            Ok(tree) => tree::read(&tree),
            // A name may begin with a bracket.
            Err(error) => lines::read(text, wanted).ok().filter(|list| list.names.len() == wanted).ok_or(error),
        },
        _ => lines::read(text, wanted),
    }
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
