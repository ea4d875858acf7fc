//! Pictures on their way to the screen: a cache of encoded parts, and the threads that fill it.
//!
//! They are threads of their own, so that a picture whose pixels are there never waits for a model.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crossbeam_channel::Sender;
use ratatui::layout::Size;

use super::crash::caught;
use crate::app::{Picture, PictureKey};
use crate::cache::Cache;
use crate::raster::Recipe;
use crate::term::{Encoded, Graphics, Part, Quality};

/// Memory for encoded pictures, in bytes.
const BUDGET: usize = 64 << 20;
const THREADS: usize = 2;
/// Parts of unfinished maps that are remembered: those of two pictures side by side.
const PARTIAL: usize = 4;

/// What is encoded how. The same key means the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct PartKey {
    picture: PictureKey,
    part: Part,
    size: (u16, u16),
    quality: Quality,
}

impl PartKey {
    /// The same for a map of so many model calls.
    fn with_calls(&self, calls: Option<usize>) -> PartKey {
        let mut key = self.clone();
        if let Some(heat) = &mut key.picture.heat {
            heat.calls = calls;
        }
        key
    }

    /// Whether it shows an unfinished map.
    fn is_partial(&self) -> bool {
        self.picture.heat.as_ref().is_some_and(|heat| heat.calls.is_some())
    }
}

/// A picture to be encoded.
struct Wanted {
    key: PartKey,
    recipe: Recipe,
}

/// An encoded picture, or why there is none.
pub(super) struct Finished {
    /// Which one.
    pub(super) key: PartKey,
    /// Its bytes.
    pub(super) result: Result<Arc<Encoded>, String>,
    /// Of what generation of settings; see [`Encoder::reset`].
    pub(super) epoch: u64,
}

#[derive(Default)]
struct Queue {
    /// Best last.
    wanted: Vec<Wanted>,
    running: HashSet<PartKey>,
    graphics: Option<Arc<Graphics>>,
    epoch: u64,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
}

/// Encodes pictures in the background and remembers them.
pub(super) struct Encoder {
    shared: Arc<Shared>,
    cache: Cache<PartKey, Result<Arc<Encoded>, String>>,
    graphics: Arc<Graphics>,
    epoch: u64,
    wanted: Vec<Wanted>,
    /// The newest ones of unfinished maps. They are shown for their successors, which may come faster than they can be
    /// encoded.
    partial: VecDeque<PartKey>,
}

impl Encoder {
    /// Starts the threads; what they finish goes to `finished`.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub(super) fn start(graphics: Arc<Graphics>, finished: &Sender<Finished>) -> io::Result<Encoder> {
        let shared = Arc::new(Shared::default());
        shared.lock().graphics = Some(Arc::clone(&graphics));
        for number in 0..THREADS {
            let (shared, finished) = (Arc::clone(&shared), finished.clone());
            thread::Builder::new().name(format!("encoder {number}")).spawn(move || shared.work(&finished))?;
        }
        Ok(Encoder {
            shared,
            cache: Cache::new(BUDGET),
            graphics,
            epoch: 0,
            wanted: Vec::new(),
            partial: VecDeque::new(),
        })
    }

    /// Other graphics settings: everything is encoded anew.
    pub(super) fn reset(&mut self, graphics: Arc<Graphics>) {
        self.graphics = Arc::clone(&graphics);
        self.cache = Cache::new(BUDGET);
        self.epoch += 1;
        let mut queue = self.shared.lock();
        queue.wanted.clear();
        queue.running.clear();
        queue.epoch = self.epoch;
        queue.graphics = Some(graphics);
    }

    /// A part of a picture, of an unfinished map perhaps as it was before; what is missing is noted as wanted. Wanted first is
    /// encoded first.
    pub(super) fn want(&mut self, picture: &Picture, part: Part, size: Size, quality: Quality) -> Option<Arc<Encoded>> {
        let key = self.key(picture, part, size, quality);
        match self.cache.get(&key) {
            Some(encoded) => {
                let encoded = encoded.as_ref().ok().cloned();
                self.cache.touch(&key);
                encoded
            }
            None => {
                let before = self.partial.iter().rev().find(|old| old.with_calls(None) == key.with_calls(None));
                let before = before.and_then(|old| self.cache.get(old)?.as_ref().ok().cloned());
                self.wanted.push(Wanted { key, recipe: picture.recipe.clone() });
                before
            }
        }
    }

    /// A part of a picture, if it is there already.
    pub(super) fn have(&self, picture: &Picture, part: Part, size: Size, quality: Quality) -> Option<Arc<Encoded>> {
        self.cache.get(&self.key(picture, part, size, quality))?.as_ref().ok().cloned()
    }

    fn key(&self, picture: &Picture, part: Part, size: Size, quality: Quality) -> PartKey {
        let picture = if part == Part::Base { picture.key.base() } else { picture.key.clone() };
        let quality = if self.graphics.has_qualities(part) { quality } else { Quality::Sharp };
        let size = if self.graphics.is_stretched(part) { Size::ZERO } else { size };
        PartKey { picture, part, size: (size.width, size.height), quality }
    }

    /// Hands what was noted as wanted since the last call to the threads, in place of what they have not begun.
    pub(super) fn commit(&mut self) {
        let mut wanted = std::mem::take(&mut self.wanted);
        wanted.reverse();
        let mut queue = self.shared.lock();
        let running = std::mem::take(&mut queue.running);
        wanted.retain(|wanted| !running.contains(&wanted.key));
        queue.running = running;
        let idle = wanted.is_empty();
        queue.wanted = wanted;
        drop(queue);
        if !idle {
            self.shared.wake.notify_all();
        }
    }

    /// Takes a finished part into the cache; false when it came too late to be of use.
    pub(super) fn take(&mut self, finished: Finished) -> bool {
        if finished.epoch != self.epoch {
            return false;
        }
        self.shared.lock().running.remove(&finished.key);
        let bytes = finished.result.as_ref().map_or(0, |encoded| encoded.bytes());
        if finished.key.is_partial() {
            if self.partial.len() == PARTIAL {
                self.partial.pop_front();
            }
            self.partial.push_back(finished.key.clone());
        }
        self.cache.insert(finished.key, finished.result, bytes);
        true
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, finished: &Sender<Finished>) {
        loop {
            let mut queue = self.lock();
            let (wanted, graphics, epoch) = loop {
                if queue.closed {
                    return;
                }
                if let (Some(wanted), Some(graphics)) = (queue.wanted.pop(), queue.graphics.clone()) {
                    // It stays on this list until the loop has the result in its cache.
                    queue.running.insert(wanted.key.clone());
                    break (wanted, graphics, queue.epoch);
                }
                queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
            };
            drop(queue);
            let PartKey { part, size, quality, .. } = wanted.key;
            let encode = || graphics.encode(&wanted.recipe.compose(), part, size.into(), quality);
            let result = caught(encode).and_then(|result| result.map(Arc::new).map_err(|error| error.to_string()));
            if finished.send(Finished { key: wanted.key, result, epoch }).is_err() {
                return;
            }
        }
    }
}
