//! Files that say of which classes images are.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use thiserror::Error;

use super::FolderLabels;
use super::truth_lines::{Said, read};
use crate::text::{Escaped, decode, escape};

/// No file of truth is longer, in bytes.
const LONGEST: u64 = 1 << 28;

/// A file of truth that cannot be used.
#[derive(Debug, Error)]
#[error("cannot take the classes of images from {path}: {message}")]
pub struct TruthError {
    path: Escaped,
    message: String,
}

/// What a file says of images.
#[derive(Debug)]
pub(super) struct TruthFile {
    path: PathBuf,
    /// What is said of images whose file is called so, or called so without its suffix.
    by_name: HashMap<String, Vec<Line>>,
    /// Whether no two of its images have the same file name.
    is_unique: bool,
    example: String,
    notices: Vec<String>,
}

#[derive(Debug)]
struct Line {
    number: usize,
    /// The path as it is written, its last part first.
    parts: Vec<String>,
    classes: Vec<usize>,
}

/// What was found of an image.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) classes: Vec<usize>,
    /// Whether nothing but the name of the file is the same.
    pub(super) by_name: bool,
}

impl TruthFile {
    pub(super) fn read(path: &Path, labels: &FolderLabels) -> Result<TruthFile, TruthError> {
        let wrong = |message: String| TruthError { path: path.into(), message };
        let size = path.metadata().map_err(|error| wrong(error.to_string()))?;
        if !size.is_file() || size.len() > LONGEST {
            return Err(wrong("it is not a text file".into()));
        }
        let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        let text = decode(&bytes).ok_or_else(|| wrong("it is not text in UTF-8 or UTF-16".into()))?;
        TruthFile::parse(path, &text, labels).map_err(wrong)
    }

    fn parse(path: &Path, text: &str, labels: &FolderLabels) -> Result<TruthFile, String> {
        let said = read(text, labels)?;
        let mut reading = Reading { labels, unknown: vec![], numbers: vec![] };
        let mut by_name: HashMap<String, Vec<Line>> = HashMap::new();
        let example = said.first().map(|line| escape(&line.path).into_owned());
        let example = example.ok_or("it lists no image with its class")?;
        for Said { number, path, classes } in said {
            let classes = reading.classes(number, &classes);
            let parts: Vec<String> = parts(&path);
            let Some(name) = parts.first().filter(|_| !classes.is_empty()).cloned() else { continue };
            let same = by_name.entry(name).or_default();
            match same.iter().find(|line| line.parts == parts && line.classes != classes) {
                Some(other) => {
                    let path = escape(&path).into_owned();
                    return Err(format!("lines {} and {number} say different classes of {path}", other.number));
                }
                None if same.iter().any(|line| line.parts == parts) => {}
                None => same.push(Line { number, parts, classes }),
            }
        }
        let is_unique = by_name.values().all(|lines| lines.len() == 1);
        let notices = reading.finish(by_name.is_empty())?;
        Ok(TruthFile { path: path.to_path_buf(), by_name, is_unique, example, notices })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn notices(&self) -> &[String] {
        &self.notices
    }

    /// The first path that it lists, safe to show.
    pub(super) fn example(&self) -> &str {
        &self.example
    }

    /// What it says of the image at an absolute path: by as much of the path as it has, at least the name of the file.
    pub(super) fn find(&self, path: &Path) -> Option<Found> {
        let image = parts(&path.to_string_lossy());
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let lines = self.by_name.get(image.first()?).or_else(|| self.by_name.get(&stem?))?;
        let common = |line: &Line| 1 + line.parts.iter().zip(&image).skip(1).take_while(|(a, b)| a == b).count();
        let most = lines.iter().map(common).max()?;
        let mut best = lines.iter().filter(|line| common(line) == most);
        let line = best.next()?;
        // Several that fit equally well say nothing, unless they say the same.
        if best.any(|other| other.classes != line.classes) {
            return None;
        }
        let by_name = most == 1 && line.parts.len() > 1;
        (!by_name || self.is_unique).then(|| Found { classes: line.classes.clone(), by_name })
    }
}

/// The parts of a path, the last first, in either system's notation.
fn parts(path: &str) -> Vec<String> {
    let path = path.trim().replace('\\', "/");
    let normal = |part: Component<'_>| match part {
        Component::Normal(part) => Some(part.to_string_lossy().into_owned()),
        _ => None,
    };
    let mut parts: Vec<String> = Path::new(&path).components().filter_map(normal).collect();
    parts.reverse();
    parts
}

/// Finds classes by what is written of them, and keeps account of what is odd.
struct Reading<'a> {
    labels: &'a FolderLabels,
    unknown: Vec<(usize, String)>,
    /// Numbers that are no names, with their lines.
    numbers: Vec<(usize, usize)>,
}

impl Reading<'_> {
    fn classes(&mut self, number: usize, written: &[String]) -> Vec<usize> {
        let mut classes = vec![];
        for text in written {
            // A name may hold a plus itself.
            let whole = self.class(number, text).map(|class| vec![class]);
            let several = || text.split('+').map(|part| self.labels.find(part.trim())).collect::<Option<Vec<_>>>();
            match whole.or_else(|| several().filter(|_| text.contains('+'))) {
                Some(found) => classes.extend(found),
                None if text.is_empty() => {}
                None => self.unknown.push((number, text.clone())),
            }
        }
        classes.sort_unstable();
        classes.dedup();
        classes
    }

    fn class(&mut self, number: usize, text: &str) -> Option<usize> {
        self.labels.class(text).or_else(|| {
            let index = self.labels.number(text)?;
            self.numbers.push((number, index));
            Some(index)
        })
    }

    /// What is to be said of the file.
    fn finish(self, is_empty: bool) -> Result<Vec<String>, String> {
        let classes = self.labels.classes();
        let (first, last) =
            (self.numbers.iter().map(|(_, index)| *index).min(), self.numbers.iter().max_by_key(|it| it.1));
        if let Some((line, index)) = last.filter(|(_, index)| *index >= classes) {
            let from_1 =
                if first == Some(1) && *index == classes { "; they seem to run from 1: subtract 1" } else { "" };
            return Err(format!(
                "line {line} says class {index}, but those of the model are 0 to {}{from_1}",
                classes.max(1) - 1
            ));
        }
        let mut notices = vec![];
        if let Some((line, text)) = self.unknown.first() {
            let text = escape(text).into_owned();
            if is_empty {
                return Err(format!("none of its names is a class of the model; line {line} says {text:?}"));
            }
            let count = self.unknown.len();
            notices
                .push(format!("{count} of its names are not classes of the model, the first in line {line}: {text:?}"));
        }
        if first.is_some_and(|first| first > 0) {
            notices.push("its numbers are taken for the indices of classes, from 0".to_owned());
        }
        Ok(notices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> FolderLabels {
        let names = ["cat", "indigo bunting", "C++", "dog"].map(String::from);
        let folders = ["n01", "n02", "n03", "n04"].map(|start| format!("{start}000000"));
        FolderLabels::new(&names, &folders, 4)
    }

    fn file(text: &str) -> Result<TruthFile, String> {
        TruthFile::parse(Path::new("truth.csv"), text, &labels())
    }

    fn found(text: &str, image: &str) -> Option<Vec<usize>> {
        let file = file(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        file.find(Path::new(image)).map(|found| found.classes)
    }

    #[test]
    fn every_usual_form_says_the_same() {
        for text in [
            "file,label\nval/a.jpg,cat\nval/b.jpg,indigo bunting\n",
            "label;path\ncat;val/a.jpg\nindigo bunting;val/b.jpg\n",
            "val/a.jpg,0\nval/b.jpg,1\n",
            "id,breed\na,Cat\nb,Indigo_Bunting\n",
            "photo,kind\na.jpg,cat\nb.jpg,indigo bunting\n",
            "a.jpg\tn01000000\t0\t32\t44\t62\nb.jpg\tn02000000\t3\t1\t2\t3\n",
            "ImageId,PredictionString\na,n01000000 85 1 499 272\nb,n02000000 1 2 3 4 n02000000 5 6 7 8\n",
            "val/a.jpg 0\nval/b.jpg 1\n",
            "a.jpg cat\nb.jpg indigo bunting\n",
            "/mnt/else/val/a.jpg n01000000\n/mnt/else/val/b.jpg n02000000\n",
            "{\"image\":\"val/a.jpg\",\"truth\":{\"index\":0,\"label\":\"cat\",\"right\":true}}\n{\"image\":\"val/c.jpg\",\"top\":[]}\n\
             {\"image\":\"val/b.jpg\",\"truth\":{\"indices\":[1],\"labels\":[\"indigo bunting\"]}}\n",
            "[{\"file_name\": \"a.jpg\", \"label\": 0},\n {\"file_name\": \"b.jpg\", \"label\": \"indigo bunting\"}]",
            "{\"a.jpg\": \"cat\", \"b.jpg\": 1}",
            "image,truth,right,index_1,label_1\nval/a.jpg,cat,true,0,cat\nval/c.jpg,,,0,cat\nval/b.jpg,indigo bunting,false,0,cat\n",
        ] {
            assert_eq!(found(text, "/data/val/a.jpg"), Some(vec![0]), "{text}");
            assert_eq!(found(text, "/data/val/b.jpg"), Some(vec![1]), "{text}");
            assert_eq!(found(text, "/data/val/c.jpg"), None, "{text}");
        }
    }

    #[test]
    fn several_classes_are_joined_by_a_plus_or_listed() {
        for text in ["a.jpg,dog+cat", "a.jpg,3+0", "{\"image\":\"a.jpg\",\"labels\":[\"dog\",\"cat\"]}"] {
            assert_eq!(found(text, "/x/a.jpg"), Some(vec![0, 3]), "{text}");
        }
        assert_eq!(found("a.jpg,C++", "/x/a.jpg"), Some(vec![2]));
    }

    #[test]
    fn as_much_of_the_path_counts_as_is_there() {
        let text = "cat/1.jpg,cat\ndog/1.jpg,dog\n";
        assert_eq!(found(text, "/data/dog/1.jpg"), Some(vec![3]));
        assert_eq!(found(text, "/data/hen/1.jpg"), None, "two files are called so");
        let alone = file("x/2.jpg,cat\n").unwrap().find(Path::new("/data/hen/2.jpg")).unwrap();
        assert!(alone.by_name);
        assert_eq!(found("1.jpg,cat\nval\\1.jpg,dog", "/val/1.jpg"), Some(vec![3]));
    }

    #[test]
    fn what_cannot_be_right_is_refused_or_said() {
        for (text, says) in [
            ("a.jpg,1\nb.jpg,4\n", "line 2 says class 4, but those of the model are 0 to 3; they seem to run from 1"),
            ("a.jpg,9\n", "line 1 says class 9"),
            ("a.jpg,hen\n", "none of its names is a class of the model; line 1 says \"hen\""),
            ("a.jpg,cat\na.jpg,dog\n", "lines 1 and 2 say different classes of a.jpg"),
            ("", "lists no image"),
            ("cat\n", "line 1 is not a path with a class"),
            ("[1]", "lists no image"),
        ] {
            let error = file(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
        let notices = |text| file(text).unwrap().notices.join("\n");
        assert!(notices("a.jpg,cat\nb.jpg,hen\n").contains("1 of its names are not classes"));
        assert!(notices("a.jpg,1\nb.jpg,2\n").contains("from 0"));
        assert_eq!(notices("a.jpg,0\nb.jpg,2\n"), "");
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..proptest::prelude::ProptestConfig::default() })]

        /// Whatever a file holds, it is a list or an error.
        #[test]
        fn no_text_is_too_strange(text in "[\\[\\]{}:,;+./'\"0-3a-cé \n\t\\\\-]{0,48}") {
            for before in ["", "image,label\n", "{\"image\":", "[{\"a.jpg\": ["] {
                let found = file(&format!("{before}{text}"));
                let _ = found.map(|file| file.find(Path::new("/x/a.jpg")));
            }
        }
    }
}
