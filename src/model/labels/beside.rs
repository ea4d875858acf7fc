//! Lists of names that lie beside a model without being named by anything.

use std::path::{Path, PathBuf};

use super::list::List;
use super::read;
use crate::model::source::Files;
use crate::text::Escaped;

/// What such a list is called.
const STEMS: [&str; 6] = ["labels", "classes", "names", "class_names", "class_indices", "id2label"];
const SUFFIXES: [&str; 6] = ["txt", "json", "csv", "yaml", "yml", "pbtxt"];

/// What was found beside a model.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// The list that fits, and its file.
    pub(super) found: Option<(PathBuf, List)>,
    /// What is to be said of the files.
    pub(super) notices: Vec<String>,
}

/// What such a list may be called, and whether that is the model's own name; those come first.
fn names(files: &Files) -> impl Iterator<Item = (String, bool)> {
    let own = files.onnx.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let usual = STEMS.into_iter().map(|stem| (stem.to_owned(), false));
    let stems = own.map(|stem| (stem, true)).into_iter().chain(usual);
    stems.flat_map(|(stem, own)| SUFFIXES.map(|suffix| (format!("{stem}.{suffix}"), own)))
}

/// Every file that would be taken for such a list if it were there.
pub(in crate::model) fn beside(files: &Files) -> impl Iterator<Item = PathBuf> {
    names(files).flat_map(|(name, _)| files.folders.iter().map(move |folder| folder.join(&name)))
}

/// Looks for a list of names with one for each class: called like the model, or by one of the usual names.
pub(super) fn find(files: &Files, classes: usize, offset: i64) -> Beside {
    let mut beside = Beside::default();
    let mut misfits = vec![];
    for (name, is_own) in names(files) {
        let Some(path) = files.beside(&name) else { continue };
        let wanted = usize::try_from((classes as i64).saturating_sub(offset)).unwrap_or(0);
        let shown = Escaped::from(path.as_path());
        match read(&path, wanted).map(|list| list.checked(classes, offset, "label")) {
            Ok(Ok(list)) => match &beside.found {
                None => beside.found = Some((path, list)),
                Some((taken, other)) if other.names != list.names => {
                    let taken = Escaped::from(taken.as_path());
                    beside.notices.push(format!("{shown} names the classes differently from {taken}, which is used"));
                }
                Some(_) => {}
            },
            Ok(Err(message)) => misfits.push(format!("{shown} is not used: {message}")),
            // What has the model's name may be anything; what is called `labels.txt` is not.
            Err(_) if is_own => {}
            Err(error) => misfits.push(format!("not taken: {error}")),
        }
    }
    match &beside.found {
        // Who has the right list does not care which others there are.
        Some((path, list)) => {
            let understood = list.notice.as_ref().map(|notice| format!("; {notice}")).unwrap_or_default();
            let name = Escaped::from(Path::new(path.file_name().unwrap_or_default()));
            beside.notices.insert(0, format!("the classes are named by {name} beside the model{understood}"));
        }
        None => beside.notices = misfits,
    }
    beside
}
