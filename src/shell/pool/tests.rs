use std::path::{Path, PathBuf};
use std::time::Duration;

use crossbeam_channel::Receiver;

use super::*;
use crate::app::{Action, Change, DreamStart, Effect, Second, State, update};
use crate::explain::Aim;
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

#[test]
fn a_dream_keeps_nothing_waiting_and_stops_when_it_is_not_wanted_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = demo::unpack_into(folder.path()).unwrap();
    let images: Vec<PathBuf> = find([pictures]).take(1).map(|found| found.unwrap().path).collect();
    let [bundled, _] = classifiers();
    let session = Session::new(bundled, options());
    let engine = Arc::new(SessionEngine::new(ModelId::default(), session, Arc::new(Truths::default()), 1));
    let (sender, reports) = crossbeam_channel::unbounded();
    let pool = Pool::start(1, DecodeOptions::default(), sender).unwrap();
    pool.set_engine(ModelId::default(), engine);
    let key = DreamKey { model: ModelId::default(), aim: Aim::Class(6), start: DreamStart::Noise(0) };
    let task = |job| Task { job, path: Arc::from(images[0].as_path()), priority: Priority::Now };
    let id = ImageKey { model: ModelId::default(), id: 0 };
    let dream = task(Job::Dream(key));
    pool.set_agenda(&Agenda { generation: 1, tasks: vec![dream.clone()] });
    let Report::Dreaming(of, first) = reports.recv_timeout(PATIENCE).unwrap() else { panic!("no frame") };
    assert_eq!((of, first.step), (key, 1));
    pool.set_agenda(&Agenda { generation: 2, tasks: vec![dream, task(Job::Classify(id))] });
    let mut last = first;
    loop {
        match reports.recv_timeout(PATIENCE).unwrap() {
            Report::Dreaming(_, frame) => {
                assert!(frame.step > last.step);
                last = frame;
            }
            Report::Predicted(image, answer) => {
                assert_eq!(image, id);
                assert!(answer.is_ok());
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    pool.set_agenda(&Agenda { generation: 3, tasks: vec![] });
    // The worker that dreamt has let go of the model, and said nothing of an end.
    while pool.shared.lock().running.contains_key(&Job::Dream(key)) {
        std::thread::yield_now();
    }
    assert!(reports.try_iter().all(|report| matches!(report, Report::Dreaming(..))));
}
