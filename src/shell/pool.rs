//! Workers that carry out the plan: the most wanted task first, stale ones dropped or cancelled.
//!
//! A plan replaces the one before. Tasks that run already and are still wanted go on; a result that is on its way to the
//! interface is not computed again because the interface has not seen it yet.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Instant;

use crossbeam_channel::Sender;
use image::DynamicImage;
use image::imageops::FilterType;

use super::crash::caught;
use super::engine::{Engine, EngineError};
use crate::app::{Channels, Decoded, Explained, Job, MapKey, Peaks, Plan, Priority, Report, Task};
use crate::explain::{Cancel, ExplainError, Monitor};
use crate::gallery::{DecodeOptions, Decoded as DecodedFile};
use crate::session::{InputError, Opened, open};

/// Longest side of a decoded picture that is kept, in pixels: as much as a screen shows.
const KEPT_SIDE: u32 = 2048;

/// The workers' side of the shell.
pub(super) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    /// Something was added to the queue, or the engine is there.
    wake: Condvar,
    engine: OnceLock<Arc<dyn Engine>>,
    decoding: DecodeOptions,
    reports: Sender<Report>,
}

#[derive(Default)]
struct Queue {
    generation: u64,
    /// What is wanted and not begun, best first.
    waiting: Vec<Task>,
    running: HashMap<Job, Cancel>,
    /// Done, and its report not yet seen by the interface.
    unseen: HashSet<Job>,
    closed: bool,
}

impl Pool {
    /// Starts `threads` workers, and one that keeps itself free for what the user waits for: superpixels, say, are cut
    /// without asking whether anybody still wants them.
    pub(super) fn start(threads: usize, decoding: DecodeOptions, reports: Sender<Report>) -> std::io::Result<Pool> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            wake: Condvar::new(),
            engine: OnceLock::new(),
            decoding,
            reports,
        });
        for number in 0..=threads.max(1) {
            let shared = Arc::clone(&shared);
            let furthest = match number {
                0 => Priority::Now,
                // What is made ahead does not wait for what is only wanted some day.
                1 if threads > 1 => Priority::Ahead,
                _ => Priority::Background,
            };
            thread::Builder::new().name(format!("worker {number}")).spawn(move || shared.work(furthest))?;
        }
        Ok(Pool { shared })
    }

    /// The model is loaded: predictions and maps can be made from now on.
    pub(super) fn set_engine(&self, engine: Arc<dyn Engine>) {
        let queue = self.shared.lock();
        let _ = self.shared.engine.set(engine);
        drop(queue);
        self.shared.wake.notify_all();
    }

    /// Replaces the plan.
    pub(super) fn set_plan(&self, plan: &Plan) {
        let mut queue = self.shared.lock();
        if plan.generation < queue.generation {
            return;
        }
        queue.generation = plan.generation;
        let wanted: HashSet<&Job> = plan.tasks.iter().map(|task| &task.job).collect();
        for (job, cancel) in &queue.running {
            if !wanted.contains(job) {
                cancel.cancel();
            }
        }
        let waiting = plan.tasks.iter().filter(|task| {
            let runs = queue.running.get(&task.job).is_some_and(|cancel| !cancel.is_cancelled());
            !runs && !queue.unseen.contains(&task.job)
        });
        queue.waiting = waiting.cloned().collect();
        drop(queue);
        self.shared.wake.notify_all();
    }

    /// The interface has seen the result of a job.
    pub(super) fn seen(&self, report: &Report) {
        let mut queue = self.shared.lock();
        match report {
            Report::Predicted(image, _) => {
                queue.unseen.remove(&Job::Open(*image));
                queue.unseen.remove(&Job::Classify(*image));
            }
            Report::Decoded(image, Err(_)) => {
                queue.unseen.remove(&Job::Open(*image));
            }
            Report::Explained(key, _) => {
                queue.unseen.remove(&Job::Explain(key.clone()));
            }
            Report::Channels(key, _) => {
                queue.unseen.remove(&Job::Channels(key.clone()));
            }
            Report::Surveyed(image, layer, _) => {
                queue.unseen.remove(&Job::Survey(*image, *layer));
            }
            Report::Decoded(..) | Report::Partial(..) | Report::Exported(_) => {}
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.closed = true;
        queue.waiting.clear();
        queue.running.values().for_each(Cancel::cancel);
        drop(queue);
        self.shared.wake.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, furthest: Priority) {
        while let Some((task, cancel)) = self.next(furthest) {
            let done = caught(|| self.carry_out(&task, &cancel));
            let mut queue = self.lock();
            // A cancelled job may have been begun again by another worker.
            if queue.running.get(&task.job).is_some_and(|now| now.is_cancelled() == cancel.is_cancelled()) {
                queue.running.remove(&task.job);
            }
            match done {
                Ok(Some(report)) => {
                    queue.unseen.insert(task.job.clone());
                    drop(queue);
                    let _ = self.reports.send(report);
                }
                Ok(None) => drop(queue),
                Err(reason) => {
                    queue.unseen.insert(task.job.clone());
                    drop(queue);
                    let _ = self.reports.send(failed(&task.job, reason));
                }
            }
        }
    }

    /// Waits for the most wanted task that is wanted no later than `furthest`.
    fn next(&self, furthest: Priority) -> Option<(Task, Cancel)> {
        let mut queue = self.lock();
        loop {
            if queue.closed {
                return None;
            }
            let has_engine = self.engine.get().is_some();
            let allowed = |task: &Task| {
                // Pixels can be had before the model is there.
                (has_engine || matches!(task.job, Job::Open(_))) && task.priority <= furthest
            };
            if let Some(at) = queue.waiting.iter().position(allowed) {
                let task = queue.waiting.remove(at);
                let cancel = Cancel::default();
                queue.running.insert(task.job.clone(), cancel.clone());
                return Some((task, cancel));
            }
            queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The model, once it is loaded; `None` when there is no hope of it any more.
    fn engine(&self) -> Option<&Arc<dyn Engine>> {
        let mut queue = self.lock();
        while self.engine.get().is_none() {
            if queue.closed {
                return None;
            }
            queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        self.engine.get()
    }

    fn carry_out(&self, task: &Task, cancel: &Cancel) -> Option<Report> {
        let urgent = task.priority == Priority::Now;
        match &task.job {
            Job::Open(id) => {
                let opened = match open(&task.path, self.decoding) {
                    Ok(opened) => opened,
                    Err(error) => return Some(Report::Decoded(*id, Err(error.to_string()))),
                };
                let Opened::Picture(DecodedFile { image, .. }) = &opened else {
                    return self.open_tensor(*id, task, &opened, urgent);
                };
                let size = (image.width(), image.height());
                let picture = Arc::new(reduced(image).into_rgb8());
                let _ = self.reports.send(Report::Decoded(*id, Ok(Arc::new(Decoded { picture, size }))));
                let engine = self.engine()?;
                if cancel.is_cancelled() {
                    return None;
                }
                Some(Report::Predicted(*id, engine.predict(&task.path, &opened, urgent).map(Arc::new).map_err(told)))
            }
            Job::Classify(id) => {
                let engine = self.engine()?;
                let opened = open(&task.path, self.decoding);
                if cancel.is_cancelled() {
                    return None;
                }
                let predicted = opened.map_err(|error| InputError::from(error).into());
                let predicted = predicted.and_then(|opened| engine.predict(&task.path, &opened, urgent));
                Some(Report::Predicted(*id, predicted.map(Arc::new).map_err(told)))
            }
            Job::Explain(key) => self.explain(task, key, cancel),
            Job::Channels(key) => {
                let begun = Instant::now();
                let monitor = Monitor::new(cancel.clone(), |_| {});
                let channels = match self.engine()?.channels(&task.path, key, &monitor) {
                    Err(EngineError::Explain(ExplainError::Cancelled)) => return None,
                    Ok(layer) => Ok(Arc::new(Channels::new(layer, begun.elapsed()))),
                    Err(error) => Err(error.to_string()),
                };
                Some(Report::Channels(key.clone(), channels))
            }
            Job::Survey(image, layer) => {
                let engine = self.engine()?;
                let opened = open(&task.path, self.decoding).map_err(|error| InputError::from(error).into());
                let surveyed = opened.and_then(|opened| engine.survey(&opened, *layer));
                // What it took to know is said, too: nobody has to find it out again.
                let peaks = surveyed.map(|(predicted, activation)| {
                    let peaks = Peaks::new(&activation, Arc::clone(&predicted.small));
                    let _ = self.reports.send(Report::Predicted(*image, Ok(Arc::new(predicted))));
                    Arc::new(peaks)
                });
                Some(Report::Surveyed(*image, *layer, peaks.map_err(told)))
            }
        }
    }

    /// A tensor has no picture but what the model sees.
    fn open_tensor(&self, id: usize, task: &Task, opened: &Opened, urgent: bool) -> Option<Report> {
        let predicted = match self.engine()?.predict(&task.path, opened, urgent) {
            Ok(predicted) => Arc::new(predicted),
            Err(error) => return Some(Report::Decoded(id, Err(told(error)))),
        };
        let decoded = Decoded { picture: Arc::clone(&predicted.seen), size: predicted.seen.dimensions() };
        let _ = self.reports.send(Report::Decoded(id, Ok(Arc::new(decoded))));
        Some(Report::Predicted(id, Ok(predicted)))
    }

    fn explain(&self, task: &Task, key: &MapKey, cancel: &Cancel) -> Option<Report> {
        let begun = Instant::now();
        let monitor = Monitor::new(cancel.clone(), |partial| {
            let progress = (partial.done, partial.total);
            let map = partial
                .attribution
                .map(|map| Arc::new(Explained::new(map.as_ref().clone(), begun.elapsed(), Some(progress))));
            let _ = self.reports.send(Report::Partial(key.clone(), progress, map));
        });
        let result = match self.engine()?.explain(&task.path, key, &monitor) {
            Err(EngineError::Explain(ExplainError::Cancelled)) => return None,
            Ok(attribution) => Ok(Arc::new(Explained::new(attribution, begun.elapsed(), None))),
            Err(error) => Err(error.to_string()),
        };
        Some(Report::Explained(key.clone(), result))
    }
}

/// An error as a message for people.
#[expect(clippy::needless_pass_by_value, reason = "it is the end of the error")]
fn told(error: EngineError) -> String {
    error.to_string()
}

/// The picture, small enough to keep many.
fn reduced(image: &DynamicImage) -> DynamicImage {
    if image.width().max(image.height()) <= KEPT_SIDE {
        return image.clone();
    }
    image.resize(KEPT_SIDE, KEPT_SIDE, FilterType::Triangle)
}

/// A worker's panic, as the error of one image.
fn failed(job: &Job, reason: String) -> Report {
    match job {
        Job::Open(id) | Job::Classify(id) => Report::Predicted(*id, Err(reason)),
        Job::Explain(key) => Report::Explained(key.clone(), Err(reason)),
        Job::Channels(key) => Report::Channels(key.clone(), Err(reason)),
        Job::Survey(image, layer) => Report::Surveyed(*image, *layer, Err(reason)),
    }
}
