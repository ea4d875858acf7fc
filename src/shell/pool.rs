//! Workers that carry out the agenda: the most wanted task first, stale ones dropped or cancelled.
//!
//! An agenda replaces the one before. Tasks that run already and are still wanted go on; a result that is on its way to the
//! interface is not computed again because the interface has not seen it yet.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use crossbeam_channel::Sender;
use image::DynamicImage;
use image::imageops::FilterType;

use super::crash::caught;
use super::engine::{Engine, EngineError};
use crate::app::{
    Agenda, Channels, Decoded, Explained, Heads, ImageKey, Job, MapKey, ModelId, Peaks, Priority, Report, Task, WhatIf,
};
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
    /// without asking whether anybody still wants them.
    pub(super) fn start(threads: usize, decoding: DecodeOptions, reports: Sender<Report>) -> std::io::Result<Pool> {
        let shared = Arc::new(Shared { queue: Mutex::default(), wake: Condvar::new(), decoding, reports });
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
            Report::Placed(key, _) => {
                queue.unseen.remove(&Job::Place(*key));
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
            let engines = &queue.engines;
            let allowed = |task: &Task| {
                // Pixels can be had before the model is there.
                let can_begin = matches!(task.job, Job::Open(_)) || engines.contains_key(&task.job.model());
                can_begin && task.priority <= furthest
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
            Job::Channels(key) => {
                let begun = Instant::now();
                let monitor = Monitor::new(cancel.clone(), |_| {});
                let channels = match engine()?.channels(&task.path, key, &monitor) {
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
        Job::Place(key) => Report::Placed(*key, Err(reason)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use crossbeam_channel::Receiver;

    use super::*;
    use crate::app::{Action, Change, Effect, Second, State, update};
    use crate::gallery::{Truths, demo, find};
    use crate::model::{Classifier, JointLabels, ModelSource, Overrides, Size};
    use crate::session::{Kept, RunOptions, Session};
    use crate::shell::session_engine::{SessionEngine, question};

    /// Far longer than anything takes.
    const PATIENCE: Duration = Duration::from_mins(2);

    fn options() -> RunOptions {
        RunOptions { decoding: DecodeOptions::default(), seed: 0, tolerance: None, top: 5 }
    }

    /// The bundled network, and a small one that knows other classes.
    fn classifiers() -> [Classifier; 2] {
        let small = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cnn/torchscript.onnx");
        let sized = Overrides { input_size: Size::new(28, 24), ..Overrides::default() };
        let load = |source, overrides: &Overrides| Classifier::load(&source, overrides).unwrap();
        [load(ModelSource::Builtin, &Overrides::default()), load(ModelSource::Path(small), &sized)]
    }

    fn act(state: &mut State, pool: &Pool, action: Action) {
        for effect in update(state, action) {
            if let Effect::Agenda(agenda) = effect {
                pool.set_agenda(&agenda);
            }
        }
    }

    /// Takes reports until nothing is wanted any more.
    fn work(state: &mut State, pool: &Pool, reports: &Receiver<Report>) {
        while !state.agenda.tasks.is_empty() {
            let report = reports.recv_timeout(PATIENCE).unwrap();
            pool.seen(&report);
            act(state, pool, Action::Report(report));
        }
    }

    #[test]
    fn two_models_are_asked_about_the_same_images_and_their_answers_are_kept_apart() {
        let folder = tempfile::tempdir().unwrap();
        let pictures = demo::unpack_into(folder.path()).unwrap();
        let images: Vec<PathBuf> = find([pictures]).take(2).map(|found| found.unwrap().path).collect();
        let [one, other] = [0, 1].map(ModelId::new);
        let engine = |id: ModelId, classifier| -> Arc<dyn Engine> {
            Arc::new(SessionEngine::new(id, Session::new(classifier, options()), Arc::new(Truths::default()), 1))
        };
        let [bundled, small] = classifiers();
        let engines = [engine(one, bundled), engine(other, small)];
        let (sender, reports) = crossbeam_channel::unbounded();
        let pool = Pool::start(2, DecodeOptions::default(), sender).unwrap();
        engines.iter().for_each(|engine| pool.set_engine(engine.summary().id, Arc::clone(engine)));

        let mut state = State::new("demo".to_owned(), None);
        act(&mut state, &pool, Action::Found(images.iter().map(|path| Arc::from(path.as_path())).collect()));
        act(&mut state, &pool, Action::FoundAll(vec![]));
        let mut keys = vec![];
        for engine in &engines {
            act(&mut state, &pool, Action::ModelReady(Arc::new(engine.summary())));
            assert!(state.entries.iter().all(|entry| entry.answer().is_none()), "nobody asked this model yet");
            work(&mut state, &pool, &reports);
            keys.extend([0, 1].map(|image| state.map_key(image).unwrap()));
        }
        for (classifier, keys) in classifiers().into_iter().zip(keys.chunks(2)) {
            let session = Session::new(classifier, options());
            for (key, path) in keys.iter().zip(&images) {
                let (pass, _) = session.pass(path, 1).unwrap();
                let predicted = state.predictions.get(&key.image).unwrap();
                assert_eq!(predicted.logits.to_vec(), pass.logits.to_vec());
                let question = question(key).unwrap();
                let kept = Kept::default();
                let monitor = Monitor::new(Cancel::default(), |_| {});
                let map = session.explain(&question, &pass, kept.samples(), &monitor).unwrap().map;
                assert_eq!(state.maps.get(key).unwrap().attribution.map, map);
            }
        }
        let of = |key: usize| &state.maps.get(&keys[key]).unwrap().attribution.map;
        assert_ne!(of(0).dim(), of(2).dim(), "the two networks see the same image at different sizes");
    }

    #[test]
    fn what_a_second_model_changes_is_what_each_says_alone() {
        let folder = tempfile::tempdir().unwrap();
        let pictures = demo::unpack_into(folder.path()).unwrap();
        let images: Vec<PathBuf> = find([pictures]).take(6).map(|found| found.unwrap().path).collect();
        let joint = {
            let [first, second] = classifiers();
            Arc::new(JointLabels::new(first.labels(), second.labels()))
        };
        let truths = Arc::new(Truths::new(joint.labels().names(), joint.labels().folders(), joint.labels().len()));
        let mut number = 0;
        let engines = classifiers().map(|classifier| -> Arc<dyn Engine> {
            number += 1;
            let session = Session::new(classifier, options());
            Arc::new(SessionEngine::new(ModelId::new(number - 1), session, Arc::clone(&truths), 1))
        });
        let (sender, reports) = crossbeam_channel::unbounded();
        let pool = Pool::start(2, DecodeOptions::default(), sender).unwrap();
        engines.iter().for_each(|engine| pool.set_engine(engine.summary().id, Arc::clone(engine)));
        let mut state = State::new("demo".to_owned(), None);
        act(&mut state, &pool, Action::Found(images.iter().map(|path| Arc::from(path.as_path())).collect()));
        act(&mut state, &pool, Action::FoundAll(vec![]));
        act(&mut state, &pool, Action::ModelReady(Arc::new(engines[0].summary())));
        let model = Arc::new(engines[1].summary());
        let (shared, truths) = (Arc::clone(&joint), Arc::clone(&truths));
        act(&mut state, &pool, Action::SecondReady(Second { model, joint: shared, truths: Arc::clone(&truths) }));
        work(&mut state, &pool, &reports);

        let sessions = classifiers().map(|classifier| Session::new(classifier, options()));
        for (entry, path) in state.entries.iter().zip(&images) {
            let names = sessions.each_ref().map(|session| {
                let (pass, _) = session.pass(path, 1).unwrap();
                session.classifier().labels().get(pass.logits.top(1)[0].index).to_lowercase()
            });
            let folder = path.parent().unwrap().file_name().unwrap().to_string_lossy().to_lowercase();
            let expected = match names.each_ref().map(|name| *name == folder) {
                [true, true] => Change::BothRight,
                [true, false] => Change::Broken,
                [false, true] => Change::Fixed,
                [false, false] => Change::BothWrong,
            };
            assert_eq!(entry.change(), Some(expected), "{}: {names:?}", path.display());
        }
    }
}
