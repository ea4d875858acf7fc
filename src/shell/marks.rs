//! Marks that another running program makes: the journal is read again whenever it has changed.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crossbeam_channel::Sender;

use super::News;
use crate::app::ImageId;
use crate::triage::{Entry, Journal, Marks, RealPaths};

/// Time between two looks at the journal.
const LOOK: Duration = Duration::from_millis(700);

/// The marks of the journal as they were read last, for whoever finds images and for whoever hears of changes.
#[derive(Debug, Clone, Default)]
pub(super) struct KnownMarks(Arc<Mutex<Marks>>);

impl KnownMarks {
    pub(super) fn new(marks: Marks) -> KnownMarks {
        KnownMarks(Arc::new(Mutex::new(marks)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Marks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a mark of our own: undone by somebody else before the journal is read, it has changed all the same.
    pub(super) fn note(&self, image: &Path, marked: bool) {
        self.lock().change(RealPaths::default().path(image), marked);
    }

    /// Takes in what the journal says now, and returns the images whose mark has changed since the last time.
    pub(super) fn take(&self, marks: Marks, entries: &[Entry]) -> Vec<(ImageId, bool)> {
        let before = std::mem::replace(&mut *self.lock(), marks);
        let now = self.lock();
        let changed: HashSet<_> = before.difference(&now).collect();
        let names: HashSet<OsString> =
            changed.iter().filter_map(|path| path.file_name().map(ToOwned::to_owned)).collect();
        let mut real = RealPaths::default();
        let mut found = Vec::new();
        for (image, entry) in entries.iter().enumerate() {
            // Looking up folders is for the few that may be meant.
            if !entry.path.file_name().is_some_and(|name| names.contains(name)) {
                continue;
            }
            let path = real.path(&entry.path);
            if changed.contains(path.as_path()) {
                found.push((image, now.has(&path)));
            }
        }
        found
    }
}

/// Looks at the journal as long as anybody listens.
pub(super) fn watch(journal: &Journal, news: &Sender<News>) -> std::io::Result<()> {
    let mut stamp = journal.stamp();
    let (journal, news) = (journal.another(), news.clone());
    let look = move || {
        loop {
            thread::sleep(LOOK);
            let now = journal.stamp();
            if now != stamp && news.send(News::Marked).is_err() {
                return;
            }
            stamp = now;
        }
    };
    thread::Builder::new().name("marks".to_owned()).spawn(look).map(|_| ())
}
