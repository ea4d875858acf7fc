//! Who names the classes: what a person said, what came with the model, what lies beside it, and last the folders of the
//! images.

use std::path::PathBuf;

use super::list::List;
use super::{Labels, beside, folders, load};
use crate::model::decide::{Source, first};
use crate::model::error::ModelProblem;
use crate::model::settings::{LabelSource, Origin, Setting};
use crate::model::source::Files;
use crate::text::Escaped;

/// The names of the classes, who gave them, and what is to be said of that.
#[derive(Debug, Default)]
pub(in crate::model) struct Named {
    pub(in crate::model) labels: Labels,
    pub(in crate::model) origin: Option<Origin>,
    pub(in crate::model) notices: Vec<String>,
}

/// Names the classes of a model; `files` are where it lies.
pub(in crate::model) fn decide(
    sources: &[Source],
    files: Option<&Files>,
    classes: usize,
) -> Result<Named, ModelProblem> {
    let offset = first(sources, |says| says.labels_offset).map_or(0, |offset| offset.value);
    let mut notices = vec![];
    let list = first(sources, |says| says.labels.clone());
    let (list, origin) = match (list, files) {
        (Some(setting), _) => {
            let list = load(&setting, classes, offset)?;
            if let LabelSource::File(path) = &setting.value {
                let shown = Escaped::from(path.as_path());
                let understood = if path.is_dir() { folders::numbered(&list.names) } else { list.notice.clone() };
                notices.extend(understood.map(|notice| format!("{shown}: {notice}")));
            }
            (list, Some(origin_of(setting)))
        }
        (None, Some(files)) => {
            let beside = beside::find(files, classes, offset);
            notices.extend(beside.notices);
            beside.found.map(|(path, list)| (list, Some(Origin::File(path)))).unwrap_or_default()
        }
        (None, None) => (List::default(), None),
    };
    let folders = match first(sources, |says| says.folders.clone()) {
        Some(setting) => load(&setting, classes, offset)?.names,
        None => list.folders,
    };
    Ok(Named { labels: Labels::new(list.names, folders, classes), origin, notices })
}

/// The names of the two classes of a network with a single score: as given, or `not NAME` and the one name.
pub(in crate::model) fn of_one(sources: &[Source], files: Option<&Files>) -> Result<Named, ModelProblem> {
    if let Ok(one) = decide(sources, files, 1)
        && let [name] = one.labels.names()
    {
        let labels = Labels::new(vec![format!("not {name}"), name.clone()], vec![], 2);
        return Ok(Named { labels, ..one });
    }
    let mut two = decide(sources, files, 2)?;
    if two.labels.names().is_empty() {
        two.labels = Labels::new(["negative", "positive"].map(Into::into).to_vec(), vec![], 2);
    }
    Ok(two)
}

/// A list in a file of its own is named by that file.
fn origin_of(list: Setting<LabelSource>) -> Origin {
    match (list.value, list.origin) {
        (_, Origin::Flag) => Origin::Flag,
        (LabelSource::File(path), _) => Origin::File(path),
        (_, origin) => origin,
    }
}

/// Names `classes` classes after the folders below one of these, where there are as many: a guess, which is announced.
pub(in crate::model) fn guess_from_folders(roots: &[PathBuf], classes: usize) -> Option<Named> {
    let [root] = roots else { return None };
    let (folder, names) = folders::of_classes(root, classes).filter(|_| classes > 1)?;
    // Numbers from 0 are indices already.
    let is_plain = folders::numbered(&names).is_none();
    if !is_plain && folders::are_indices(&names) {
        return None;
    }
    let shown = Escaped::from(folder.as_path());
    let numbered = folders::numbered(&names).map(|notice| format!("; {notice}")).unwrap_or_default();
    let notice = format!(
        "the classes are named after the {classes} folders of {shown}, sorted, a guess{numbered}: --labels-from {shown} \
         confirms it"
    );
    let list = List::from(names).checked(classes, 0, "folder").ok()?;
    let labels = Labels::new(list.names, list.folders, classes);
    Some(Named { labels, origin: Some(Origin::Folders(folder)), notices: vec![notice] })
}
