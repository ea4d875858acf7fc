//! A model whose files are written anew, by a training script that goes on or by somebody who mends its sidecar or the names
//! of its classes: loaded again when they have changed, and rest.
//!
//! Files are looked at again and again, which works where nobody notifies of changes (NFS). Whoever looks decides how often;
//! files that are the same in two looks are taken to be whole.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::Session;
use crate::gallery::Stamp;
use crate::model::{Fingerprint, Labels, ModelError, ModelSource};

/// A file of the model.
#[derive(Debug)]
struct Watched {
    path: PathBuf,
    /// As it was when the model was last loaded, or somebody tried.
    loaded: Option<Stamp>,
    /// As it was at the last look.
    seen: Option<Stamp>,
}

impl Watched {
    fn new(path: PathBuf) -> Watched {
        let stamp = Stamp::of(&path);
        Watched { path, loaded: stamp, seen: stamp }
    }
}

/// Looks out for changes of a model.
#[derive(Debug, Default)]
pub struct Watch {
    /// The graph first.
    files: Vec<Watched>,
    /// The model that was loaded last, with the names of its classes and of their folders.
    current: Option<(Fingerprint, Labels)>,
}

impl Watch {
    /// Looks out for changes of a model that is about to be loaded.
    pub fn new(source: &ModelSource) -> Watch {
        let files = match source {
            ModelSource::Path(path) if path.is_file() => vec![Watched::new(path.clone())],
            _ => vec![],
        };
        Watch { files, current: None }
    }

    /// A model is in use: its files are those to look at from now on.
    pub fn follow(&mut self, session: &Session) {
        let classifier = session.classifier();
        self.current = Some((classifier.fingerprint(), classifier.labels().clone()));
        let mut before = std::mem::take(&mut self.files);
        let mut paths = classifier.files().to_vec();
        // The next version may keep its weights where exporters put them.
        paths.extend(paths.first().map(|graph| beside(graph)));
        paths.extend(classifier.companions().iter().cloned());
        let mut known = HashSet::new();
        for path in paths.into_iter().filter(|path| known.insert(path.clone())) {
            let at = before.iter().position(|file| file.path == path);
            self.files.push(at.map_or_else(|| Watched::new(path), |at| before.swap_remove(at)));
        }
    }

    /// Looks at the files. When they have changed since the model was last loaded and are as they were at the last look,
    /// does `load`; returns another model, or why it cannot be loaded. A broken one is not tried again until it changes.
    pub fn look(&mut self, load: impl FnOnce() -> Result<Session, ModelError>) -> Option<Result<Session, ModelError>> {
        if !self.rests_changed(Stamp::of) {
            return None;
        }
        let loaded = load();
        if let Ok(session) = &loaded {
            let before = self.current.take();
            self.follow(session);
            // Written again, or copied over itself.
            if self.current == before {
                return None;
            }
        }
        Some(loaded)
    }

    fn rests_changed(&mut self, stamp: impl Fn(&Path) -> Option<Stamp>) -> bool {
        let (mut rests, mut changed) = (true, false);
        for file in &mut self.files {
            let now = stamp(&file.path);
            rests &= now == file.seen;
            changed |= now != file.loaded;
            file.seen = now;
        }
        // Who writes a file anew removes or empties it first.
        let is_there = self.files.first().and_then(|graph| graph.seen).is_some_and(|graph| graph.length > 0);
        let ready = rests && changed && is_there;
        if ready {
            self.files.iter_mut().for_each(|file| file.loaded = file.seen);
        }
        ready
    }
}

/// Where exporters put the weights of a large graph: `net.onnx.data`.
fn beside(graph: &Path) -> PathBuf {
    let mut name = graph.as_os_str().to_owned();
    name.push(".data");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(paths: &[&str]) -> Watch {
        let file = |path: &&str| Watched { path: path.into(), loaded: Some(at(1)), seen: Some(at(1)) };
        Watch { files: paths.iter().map(file).collect(), current: None }
    }

    fn at(length: u64) -> Stamp {
        Stamp { length, modified: None }
    }

    #[test]
    fn files_that_rest_are_loaded_once() {
        let mut watch = watched(&["graph", "weights"]);
        let mut look = |graph: Option<u64>, weights: u64| {
            watch.rests_changed(|path| if path == Path::new("graph") { graph.map(at) } else { Some(at(weights)) })
        };
        assert!(!look(Some(1), 1), "nothing has changed");
        assert!(!look(Some(2), 1), "the graph is written");
        assert!(!look(Some(2), 3), "the weights still are");
        assert!(look(Some(2), 3));
        assert!(!look(Some(2), 3), "it is loaded");
        assert!(!look(None, 3) && !look(None, 3), "there is nothing to load");
        assert!(!look(Some(0), 3) && !look(Some(0), 3), "who writes it has only begun");
        assert!(!look(Some(5), 3) && look(Some(5), 3));
    }
}
