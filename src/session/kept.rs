//! What is kept of an image, so that another target or layer costs no forward.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{InputError, Looked, Opened, Session};
use crate::cache::Cache;
use crate::explain::{BlockHeads, ExplainError, Monitor, SampleCache};
use crate::network::{Pass, with_threads};

/// Memory for forward passes, in bytes. Those of a ResNet-50 or a VGG-16 at 224 x 224 pixels take 20 to 25 MB each.
const BUDGET: usize = 256 << 20;
/// The most forward passes. Those of a small network take no time, and more of them than there are images near the cursor
/// would come and go in a budget that is meant for large ones.
const MOST: usize = 32;
/// Memory for what the network said to changed inputs, in bytes. RISE's 4000 with 1000 classes take 16 MB.
const SAMPLES: usize = 128 << 20;

/// Forward passes and model calls of one model.
#[derive(Debug)]
pub struct Kept {
    passes: Mutex<Cache<PathBuf, Arc<Pass>>>,
    samples: SampleCache,
    /// The attention of the image that it was asked for last; that of a large network takes some 100 MB.
    attention: Mutex<Option<(PathBuf, Arc<[BlockHeads]>)>>,
}

impl Default for Kept {
    fn default() -> Self {
        Kept { passes: Mutex::new(Cache::new(BUDGET)), samples: SampleCache::new(SAMPLES), attention: Mutex::default() }
    }
}

impl Kept {
    /// The model calls that methods share.
    pub fn samples(&self) -> &SampleCache {
        &self.samples
    }

    /// Looks at an image that is open and keeps its pass.
    ///
    /// # Errors
    /// As [`Session::look`].
    pub fn look(&self, session: &Session, path: &Path, opened: &Opened, threads: usize) -> Result<Looked, InputError> {
        let looked = session.look(opened, threads)?;
        self.keep(path, &looked.pass);
        Ok(looked)
    }

    /// The file of an image has changed.
    pub fn forget(&self, path: &Path) {
        self.passes.lock().unwrap_or_else(PoisonError::into_inner).forget(|kept| kept == path);
        self.attention.lock().unwrap_or_else(PoisonError::into_inner).take_if(|(of, _)| of == path);
    }

    /// The pass of an image that was looked at, which may have been forgotten since.
    ///
    /// # Errors
    /// As [`Session::pass`].
    pub fn pass(&self, session: &Session, path: &Path, threads: usize) -> Result<Arc<Pass>, InputError> {
        if let Some(pass) = self.kept(path) {
            return Ok(pass);
        }
        let pass = Arc::new(session.pass(path, threads)?.0);
        self.keep(path, &pass);
        Ok(pass)
    }

    /// What every head attends to in an image.
    ///
    /// # Errors
    /// As [`Session::attention`].
    pub fn attention(
        &self,
        session: &Session,
        (path, pass): (&Path, &Pass),
        threads: usize,
        monitor: &Monitor<'_>,
    ) -> Result<Arc<[BlockHeads]>, ExplainError> {
        let mut kept = self.attention.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, blocks)) = kept.as_ref().filter(|(of, _)| of == path) {
            return Ok(Arc::clone(blocks));
        }
        let blocks: Arc<[BlockHeads]> = with_threads(threads, || session.attention(pass, monitor))?.into();
        *kept = Some((path.to_owned(), Arc::clone(&blocks)));
        Ok(blocks)
    }

    /// Whether the pass of an image is there.
    #[cfg(test)]
    pub(crate) fn has(&self, path: &Path) -> bool {
        self.kept(path).is_some()
    }

    fn kept(&self, path: &Path) -> Option<Arc<Pass>> {
        let mut passes = self.passes.lock().unwrap_or_else(PoisonError::into_inner);
        let key = path.to_path_buf();
        passes.touch(&key);
        passes.get(&key).cloned()
    }

    fn keep(&self, path: &Path, pass: &Arc<Pass>) {
        let mut passes = self.passes.lock().unwrap_or_else(PoisonError::into_inner);
        passes.insert(path.to_path_buf(), Arc::clone(pass), pass.bytes().max(BUDGET / MOST));
    }
}

#[cfg(test)]
mod tests {
    use image::DynamicImage;

    use super::*;
    use crate::gallery::{DecodeOptions, Decoded};
    use crate::model::{Classifier, ModelSource, Overrides};
    use crate::session::RunOptions;

    #[test]
    fn of_a_small_network_the_passes_of_the_last_few_images_are_kept() {
        let options = RunOptions { decoding: DecodeOptions::default(), seed: 0, tolerance: None, top: 1 };
        let session = Session::new(Classifier::load(&ModelSource::Builtin, &Overrides::default()).unwrap(), options);
        let opened = Opened::Picture(Decoded::of(DynamicImage::new_rgb8(32, 32), DecodeOptions::default()));
        let names: Vec<PathBuf> = (0..MOST + 2).map(|number| number.to_string().into()).collect();
        let kept = Kept::default();
        for name in &names {
            kept.look(&session, name, &opened, 1).unwrap();
        }
        let first = names.iter().position(|name| kept.has(name));
        assert_eq!(first, Some(2), "those that were looked at longest ago went first");
        assert!(names[2..].iter().all(|name| kept.has(name)));
    }
}
