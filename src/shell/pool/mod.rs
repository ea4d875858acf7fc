//! Workers that carry out the agenda: the most wanted task first, stale ones dropped or cancelled.
//!
//! An agenda replaces the one before. Tasks that run already and are still wanted go on; a result that is on its way to the
//! interface is not computed again because the interface has not seen it yet.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use image::DynamicImage;
use image::imageops::FilterType;

use super::crash::caught;
use super::engine::{Engine, EngineError, MakeFrame};
use crate::app::{
    Activated, Agenda, Channels, Decoded, DreamKey, Explained, Heads, ImageKey, Job, MapKey, ModelId, Peaks, Priority,
    Report, Task, WhatIf,
};
use crate::explain::{Cancel, ExplainError, Monitor};
use crate::gallery::{DecodeOptions, Decoded as DecodedFile};
use crate::network::Activation;
use crate::session::{InputError, Opened, open};

/// Longest side of a decoded picture that is kept, in pixels: as much as a screen shows.
const KEPT_SIDE: u32 = 2048;

/// A dream is seen every so often.
const FRAME: Duration = Duration::from_millis(200);

/// Which tasks a worker takes.
#[derive(Debug, Clone, Copy)]
enum Lane {
    /// Those that are wanted no later than that.
    Until(Priority),
    /// Dreams, which take seconds: nothing else is to wait for them.
    Dreams,
}

impl Lane {
    fn takes(self, task: &Task) -> bool {
        match (self, &task.job) {
            (Lane::Dreams, Job::Dream(_)) => true,
            (Lane::Dreams, _) | (Lane::Until(_), Job::Dream(_)) => false,
            (Lane::Until(furthest), _) => task.priority <= furthest,
        }
    }
}

/// The workers' side of the shell.
pub(super) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    /// Something was added to the queue, or an engine is there.
    wake: Condvar,
    decoding: DecodeOptions,
    reports: Sender<Report>,
}

#[derive(Default)]
struct Queue {
    /// The models that are loaded.
    engines: HashMap<ModelId, Arc<dyn Engine>>,
    /// The models that were loaded and are not any more.
    gone: HashSet<ModelId>,
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
    /// without asking whether anybody still wants them. Another one dreams.
    pub(super) fn start(threads: usize, decoding: DecodeOptions, reports: Sender<Report>) -> std::io::Result<Pool> {
        let shared = Arc::new(Shared { queue: Mutex::default(), wake: Condvar::new(), decoding, reports });
        let lane = |number: usize| match number {
            0 => Lane::Until(Priority::Now),
            // What is made ahead does not wait for what is only wanted some day.
            1 if threads > 1 => Lane::Until(Priority::Ahead),
            _ => Lane::Until(Priority::Background),
        };
        for (number, lane) in (0..=threads.max(1)).map(lane).chain([Lane::Dreams]).enumerate() {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name(format!("worker {number}")).spawn(move || shared.work(lane))?;
        }
        Ok(Pool { shared })
    }

    /// A model is loaded: its predictions and maps can be made from now on.
    pub(super) fn set_engine(&self, model: ModelId, engine: Arc<dyn Engine>) {
        self.shared.lock().engines.insert(model, engine);
        self.shared.wake.notify_all();
    }

    /// Lets go of all models but these; what is still asked of the others comes to nothing.
    pub(super) fn keep_engines(&self, models: &[ModelId]) {
        let mut queue = self.shared.lock();
        let gone: Vec<ModelId> = queue.engines.keys().copied().filter(|model| !models.contains(model)).collect();
        queue.engines.retain(|model, _| models.contains(model));
        queue.gone.extend(gone);
        drop(queue);
        self.shared.wake.notify_all();
    }

    /// Replaces the agenda.
    pub(super) fn set_agenda(&self, agenda: &Agenda) {
        let mut queue = self.shared.lock();
        if agenda.generation < queue.generation {
            return;
        }
        queue.generation = agenda.generation;
        let wanted: HashSet<&Job> = agenda.tasks.iter().map(|task| &task.job).collect();
        for (job, cancel) in &queue.running {
            if !wanted.contains(job) {
                cancel.cancel();
            }
        }
        let waiting = agenda.tasks.iter().filter(|task| {
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
            Report::Attended(key, _) => {
                queue.unseen.remove(&Job::Attend(key.clone()));
            }
            Report::Surveyed(image, layer, _) => {
                queue.unseen.remove(&Job::Survey(*image, *layer));
            }
            Report::WhatIf(key, _) => {
                queue.unseen.remove(&Job::WhatIf(key.clone()));
            }
            Report::Weights(key, _) => {
                queue.unseen.remove(&Job::Weights(key.clone()));
            }
            Report::Timed(model, _) => {
                queue.unseen.remove(&Job::Time(*model));
            }
            Report::Placed(key, _) => {
                queue.unseen.remove(&Job::Place(*key));
            }
            Report::Dreamt(key, _) => {
                queue.unseen.remove(&Job::Dream(*key));
            }
            Report::Decoded(..)
            | Report::Partial(..)
            | Report::Activated(..)
            | Report::Dreaming(..)
            | Report::Exported(_) => {}
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

    fn work(&self, lane: Lane) {
        while let Some((task, cancel)) = self.next(lane) {
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

    /// Waits for the most wanted task of a lane.
    fn next(&self, lane: Lane) -> Option<(Task, Cancel)> {
        let mut queue = self.lock();
        loop {
            if queue.closed {
                return None;
            }
            let engines = &queue.engines;
            let allowed = |task: &Task| {
                // Pixels can be had before the model is there.
                let can_begin = matches!(task.job, Job::Open(_)) || engines.contains_key(&task.job.model());
                can_begin && lane.takes(task)
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

    /// A model, once it is loaded; `None` when there is no hope of it any more.
    fn engine(&self, model: ModelId) -> Option<Arc<dyn Engine>> {
        let mut queue = self.lock();
        loop {
            match queue.engines.get(&model) {
                Some(engine) => return Some(Arc::clone(engine)),
                None if queue.closed || queue.gone.contains(&model) => return None,
                None => queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn carry_out(&self, task: &Task, cancel: &Cancel) -> Option<Report> {
        let engine = || self.engine(task.job.model());
        match &task.job {
            Job::Open(id) => {
                let opened = match open(&task.path, self.decoding) {
                    Ok(opened) => opened,
                    Err(error) => return Some(Report::Decoded(*id, Err(error.to_string()))),
                };
                let Opened::Picture(DecodedFile { image, .. }) = &opened else {
                    return self.open_tensor(*id, task, &opened);
                };
                let size = (image.width(), image.height());
                let picture = Arc::new(reduced(image).into_rgb8());
                let _ = self.reports.send(Report::Decoded(*id, Ok(Arc::new(Decoded { picture, size }))));
                let engine = engine()?;
                if cancel.is_cancelled() {
                    return None;
                }
                let predicted = engine.predict(&task.path, &opened, task.priority);
                Some(Report::Predicted(*id, predicted.map(Arc::new).map_err(told)))
            }
            Job::Classify(id) => {
                let engine = engine()?;
                let opened = open(&task.path, self.decoding);
                if cancel.is_cancelled() {
                    return None;
                }
                let predicted = opened.map_err(|error| InputError::from(error).into());
                let predicted = predicted.and_then(|opened| engine.predict(&task.path, &opened, task.priority));
                Some(Report::Predicted(*id, predicted.map(Arc::new).map_err(told)))
            }
            Job::Explain(key) => self.explain(task, key, cancel),
            Job::Dream(key) => self.dream(task, key, cancel),
            Job::Channels(key) => {
                let begun = Instant::now();
                let monitor = Monitor::new(cancel.clone(), |_| {});
                let mut activated = |activation: &Activation| {
                    let activated = Arc::new(Activated::new(activation, begun.elapsed()));
                    let _ = self.reports.send(Report::Activated(key.clone(), activated));
                };
                let channels = match engine()?.channels(&task.path, key, &monitor, &mut activated) {
                    Err(EngineError::Explain(ExplainError::Cancelled)) => return None,
                    Ok(layer) => Ok(Arc::new(Channels::new(layer, begun.elapsed()))),
                    Err(error) => Err(error.to_string()),
                };
                Some(Report::Channels(key.clone(), channels))
            }
            Job::Attend(key) => {
                let begun = Instant::now();
                let monitor = Monitor::new(cancel.clone(), |_| {});
                let heads = match engine()?.heads(&task.path, key, &monitor) {
                    Err(EngineError::Explain(ExplainError::Cancelled)) => return None,
                    Ok(shares) => Ok(Arc::new(Heads::new(&shares, begun.elapsed()))),
                    Err(error) => Err(error.to_string()),
                };
                Some(Report::Attended(key.clone(), heads))
            }
            Job::WhatIf(key) => {
                let monitor = Monitor::new(cancel.clone(), |_| {});
                let answer = match engine()?.what_if(&task.path, key, &monitor) {
                    Err(EngineError::Explain(ExplainError::Cancelled)) => return None,
                    answer => answer.map(|answer| Arc::new(WhatIf::new(answer))),
                };
                Some(Report::WhatIf(key.clone(), answer.map_err(told)))
            }
            Job::Weights(key) => Some(Report::Weights(key.clone(), engine()?.weights(key).map(Arc::new).map_err(told))),
            Job::Time(model) => {
                let monitor = Monitor::new(cancel.clone(), |_| {});
                let times = match engine()?.stage_times(&monitor) {
                    Err(EngineError::Explain(ExplainError::Cancelled)) => return None,
                    times => times.map(Arc::new).map_err(told),
                };
                Some(Report::Timed(*model, times))
            }
            Job::Place(key) => {
                let engine = engine()?;
                let opened = open(&task.path, self.decoding).map_err(|error| InputError::from(error).into());
                Some(Report::Placed(*key, opened.and_then(|opened| engine.place(&opened, key)).map_err(told)))
            }
            Job::Survey(image, layer) => {
                let engine = engine()?;
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
    fn open_tensor(&self, id: ImageKey, task: &Task, opened: &Opened) -> Option<Report> {
        let predicted = match self.engine(id.model)?.predict(&task.path, opened, task.priority) {
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
        let result = match self.engine(key.image.model)?.explain(&task.path, key, &monitor) {
            Err(EngineError::Explain(ExplainError::Cancelled)) => return None,
            Ok(attribution) => Ok(Arc::new(Explained::new(attribution, begun.elapsed(), None))),
            Err(error) => Err(error.to_string()),
        };
        Some(Report::Explained(key.clone(), result))
    }

    fn dream(&self, task: &Task, key: &DreamKey, cancel: &Cancel) -> Option<Report> {
        let monitor = Monitor::new(cancel.clone(), |_| {});
        let mut last: Option<Instant> = None;
        let mut report = |frame: &MakeFrame<'_>| {
            if last.is_none_or(|at| at.elapsed() >= FRAME)
                && let Some(frame) = frame()
            {
                let _ = self.reports.send(Report::Dreaming(*key, Arc::new(frame)));
                last = Some(Instant::now());
            }
        };
        let dreamt = match self.engine(key.model)?.dream(&task.path, key, &monitor, &mut report) {
            Err(EngineError::Explain(ExplainError::Cancelled)) => return None,
            dreamt => dreamt.map(Arc::new).map_err(told),
        };
        Some(Report::Dreamt(*key, dreamt))
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
        Job::Attend(key) => Report::Attended(key.clone(), Err(reason)),
        Job::Survey(image, layer) => Report::Surveyed(*image, *layer, Err(reason)),
        Job::WhatIf(key) => Report::WhatIf(key.clone(), Err(reason)),
        Job::Weights(key) => Report::Weights(key.clone(), Err(reason)),
        Job::Time(model) => Report::Timed(*model, Err(reason)),
        Job::Place(key) => Report::Placed(*key, Err(reason)),
        Job::Dream(key) => Report::Dreamt(*key, Err(reason)),
    }
}

#[cfg(test)]
mod tests;
