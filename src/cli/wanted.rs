//! `--where`: which images a headless command is about, by the conditions of the interface's filter.

use std::sync::Arc;

use anyhow::bail;

use super::marks::journal;
use crate::gallery::{self, Truths};
use crate::model::Labels;
use crate::triage::{Answer, CONDITIONS, Entry, Filter, Marks, Outcome, RealPaths};

/// Conditions on an image and on what the model says about it.
pub(super) struct Wanted {
    filter: Filter,
    truths: Arc<Truths>,
    marks: Marks,
}

impl Wanted {
    /// Understands conditions on what so many models say, whose classes have these labels; none where there are none.
    ///
    /// # Errors
    /// When one of them can never hold, or is none.
    pub(super) fn new(
        conditions: Option<&str>,
        labels: &Labels,
        truths: &Arc<Truths>,
        models: usize,
    ) -> anyhow::Result<Option<Wanted>> {
        let Some(text) = conditions else { return Ok(None) };
        let names: Vec<String> = (0..labels.len()).map(|class| labels.get(class).into_owned()).collect();
        let filter = Filter::parse(text, &names);
        if let Some(problem) = filter.problem() {
            bail!("--where {text:?}: {problem}");
        }
        if filter.has_words() || !filter.has_conditions() {
            bail!("--where {text:?}: conditions are {}, and the like", CONDITIONS.join(", "));
        }
        if models < 2 && filter.asks_for_two_models() {
            bail!("--where {text:?}: that takes a second --model, and `seewhy compare`");
        }
        let marks = if filter.asks_for_marks() { journal(None)?.marks()? } else { Marks::default() };
        Ok(Some(Wanted { filter, truths: Arc::clone(truths), marks }))
    }

    /// Whether it depends on the classes that images are of.
    pub(super) fn asks_for_truth(&self) -> bool {
        self.filter.asks_for_truth()
    }

    /// Whether an image is meant of which the model says this, and a second one that.
    pub(super) fn holds(&self, image: &gallery::Entry, answer: &Answer, second: Option<&Answer>) -> bool {
        let entry = Entry {
            truth: self.truths.of(&image.path),
            outcome: Outcome::Classified(answer.clone()),
            second: second.cloned(),
            is_marked: self.marks.contains(&image.path, &mut RealPaths::default()),
            ..Entry::new(image.path.as_path().into(), image.path.to_string_lossy().into_owned())
        };
        self.filter.score(&entry).is_some()
    }
}
