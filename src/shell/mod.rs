//! The interface in motion: the event loop, the workers, and the effects on the world outside.
//!
//! ```text
//! input thread --bytes--+                                     +--Agenda--> pool (decode, predict, explain)
//! signal thread --------+--> event loop: update, draw --------+--------> encoder (composite, encode)
//! workers --Report------+    (owns the state and the terminal)+--------> files, clipboard, job control
//! ```
//!
//! Here are the threads and the clock. The loop sleeps until something happens, takes all that has happened, and draws once, when
//! the line to the terminal has room; pictures follow in pieces, and keys are read in between.

mod answers;
mod crash;
mod doctor;
mod encoder;
mod engine;
mod event_loop;
mod feed;
mod hold;
mod marks;
mod pace;
mod pictures;
mod pool;
mod screen;
mod session_engine;
mod signals;
mod written;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Sender, unbounded};
use tempfile::TempDir;

use crate::app::{Keymap, ModelId, ModelSummary, Notice, Selection, State};
use crate::gallery::{Arrived, DecodeOptions};
use crate::term::{Session, Wishes, decide, input::Decoder, probe, read_input};
use crate::triage::{Journal, JournalError, Marks, RealPaths};
use marks::KnownMarks;

pub use doctor::{Findings, doctor};
pub use engine::{Engine, EngineError, MakeFrame, SecondEngine};
pub use feed::Source;
pub use session_engine::SessionEngine;

/// How long the first frame waits for the terminal to say what it is. What it says later still counts.
const PROBE_LIMIT: Duration = Duration::from_millis(400);
/// How long the model's files rest between two looks, at least: what is the same in both is taken to be whole.
const LOOK_AT_MODEL: Duration = Duration::from_millis(1200);
/// The same for folders, which take longer to look through.
const LOOK_AT_FOLDERS: Duration = Duration::from_secs(2);

/// Loads the model, on a thread of its own.
pub type Load = Box<dyn FnOnce() -> anyhow::Result<Arc<dyn Engine>> + Send>;
/// Loads a model to be held against the first, which is there already, under the number that is given; on a thread of its own.
pub type LoadSecond = Box<dyn Fn(ModelId, &dyn Engine) -> anyhow::Result<SecondEngine> + Send>;
/// Looks whether there is a new version of the model; loads it to be held against the first, under the number that is given.
pub type Renew = Box<dyn FnMut(ModelId, &dyn Engine) -> Option<anyhow::Result<SecondEngine>> + Send>;
/// Looks whether more images have arrived, or some have changed.
pub type Arrive = Box<dyn FnMut() -> Arrived + Send>;
/// Finds the images: hands them over in portions, in the order of the list, and returns what could not be read.
pub type Find = Box<dyn FnOnce(&mut dyn FnMut(Vec<Arc<Path>>)) -> Vec<String> + Send>;

/// What the interface is opened with.
pub struct Options {
    /// What was opened, for the title: a directory, `60 files`, `demo`.
    pub root: String,
    /// The directory that names in the list are relative to.
    pub base: Option<PathBuf>,
    /// Finds the images.
    pub find: Find,
    /// Where frames come from, in place of images that are found.
    pub feed: Option<Source>,
    /// How files become pixels.
    pub decoding: DecodeOptions,
    /// Loads the model.
    pub load: Load,
    /// Loads a second model, where there are two.
    pub second: Option<LoadSecond>,
    /// What looks out for new versions of the model and for more images, again and again.
    pub watch: Option<(Renew, Arrive)>,
    /// Graphics protocol and cell size, where the user insists.
    pub graphics: Wishes,
    /// Where marks are kept, or why nowhere.
    pub journal: Result<Journal, JournalError>,
    /// What to explain, and how, to begin with.
    pub selection: Selection,
    /// The layer to begin with, by name; none for the automatic one.
    pub layer: Option<String>,
    /// The keys.
    pub keymap: Keymap,
    /// Whether the background is light; none where the terminal is asked.
    pub light: Option<bool>,
    /// Worker threads.
    pub threads: usize,
}

/// What comes from the threads that are started once.
enum News {
    Found {
        /// In the order of the list.
        paths: Vec<Arc<Path>>,
        /// Those of them that were marked before.
        marked: Vec<Arc<Path>>,
    },
    FoundAll(Vec<String>),
    /// Files of images in the list that were written anew, or are gone.
    Changed(Vec<Arc<Path>>),
    /// A frame, or why no more come.
    Frame(Result<Arc<Path>, String>),
    Model(anyhow::Result<Arc<dyn Engine>>),
    /// A second model, or another in its place.
    Second(anyhow::Result<SecondEngine>),
    /// A new version of the model, or why there is none.
    Renewed(anyhow::Result<SecondEngine>),
    /// The journal has changed.
    Marked,
}

/// How many images that are in the list are marked when the user leaves; none where somebody else ended the program.
pub type Marked = Option<usize>;

/// Opens the interface; returns when the user leaves. The terminal is as it was before, whatever happens.
///
/// # Errors
/// When there is no terminal, or the model cannot be loaded.
pub fn run(options: Options) -> anyhow::Result<Marked> {
    let Options { root, base, find, decoding, load, second, watch, .. } = options;
    let Options { graphics: wishes, journal, selection, layer, keymap, light, threads, feed, .. } = options;
    let is_live = feed.is_some();
    let awaits_second = second.is_some();
    let (renew, arrive) = watch.unzip();
    // The slow things begin first.
    let (news_sender, news) = unbounded();
    let (reports_sender, reports) = unbounded();
    let sender = news_sender.clone();
    thread::Builder::new().name("load".to_owned()).spawn(move || {
        let loaded = crash::caught(load).unwrap_or_else(|reason| Err(anyhow::Error::msg(reason)));
        let first = loaded.as_ref().ok().cloned();
        let _ = sender.send(News::Model(loaded));
        let Some(first) = first else { return };
        if let Some(load) = second {
            let second = crash::caught(|| load(ModelId::new(1), first.as_ref()));
            let _ = sender.send(News::Second(second.unwrap_or_else(|reason| Err(anyhow::Error::msg(reason)))));
        }
        if let Some(renew) = renew {
            watch_model(renew, first.as_ref(), &sender);
        }
    })?;
    let (journal, marks, trouble) = read_marks(journal);
    let known_marks = KnownMarks::new(marks);
    if let Ok(journal) = &journal {
        marks::watch(journal, &news_sender)?;
    }
    let known = known_marks.clone();
    let workers = pool::Pool::start(threads, decoding, reports_sender.clone())?;

    let signals = signals::listen()?;
    let input = read_input()?;
    let (session, mut output) = Session::enter()?;
    // Frames are files as long as they are in the list; the folder goes when we leave.
    let frames = feed.is_some().then(tempfile::tempdir).transpose()?;
    let frames_of =
        |(source, folder): (Source, &TempDir)| feed::start(source, folder.path().into(), news_sender.clone());
    let ask = feed.zip(frames.as_ref()).map(frames_of).transpose()?;
    thread::Builder::new().name("find".to_owned()).spawn(move || {
        if is_live {
            return;
        }
        let mut real_paths = RealPaths::default();
        let mut hand_over = |paths: Vec<Arc<Path>>| {
            let marks = known.lock();
            let marked = paths.iter().filter(|path| marks.contains(path, &mut real_paths)).cloned().collect();
            drop(marks);
            let _ = news_sender.send(News::Found { paths, marked });
        };
        let problems = crash::caught(|| find(&mut hand_over)).unwrap_or_else(|reason| vec![reason]);
        let _ = news_sender.send(News::FoundAll(problems));
        let Some(mut arrive) = arrive else { return };
        loop {
            thread::sleep(LOOK_AT_FOLDERS);
            match crash::caught(&mut arrive) {
                Ok(Arrived { new, changed }) => {
                    let shared = |paths: Vec<PathBuf>| -> Vec<Arc<Path>> { paths.into_iter().map(Arc::from).collect() };
                    if !new.is_empty() {
                        hand_over(shared(new));
                    }
                    if !changed.is_empty() {
                        let _ = news_sender.send(News::Changed(shared(changed)));
                    }
                }
                Err(_) => return,
            }
        }
    })?;
    let mut decoder = Decoder::default();
    let probe = probe(&mut output, &input, &mut decoder, PROBE_LIMIT)?;
    let graphics = decide(&probe.facts, wishes);

    let mut screen = screen::Screen::new(session, output, graphics, &probe.facts)?;
    screen.set_background(light, &probe.facts);
    let sources = event_loop::Sources { input, signals, news, reports };
    let sinks = event_loop::Sinks { pool: workers, reports: reports_sender, journal, known_marks, ask };
    let base = base.or_else(|| frames.as_ref().map(|folder| folder.path().to_path_buf()));
    let mut state = State::new(root, base);
    (state.selection, state.wanted_layer, state.keymap) = (selection, layer, keymap);
    state.awaits_second = awaits_second;
    if is_live {
        state.go_live();
    }
    state.notice = trouble.map(Notice::Failed);
    let owed = (!probe.complete).then_some(probe.facts);
    let answers = answers::Answers::new(decoder, owed, wishes);
    let mut event_loop = event_loop::EventLoop::new(state, screen, sources, answers, sinks);
    let end = event_loop.run(probe.typed);
    let marked = event_loop.marked();
    event_loop.finish();
    match end? {
        event_loop::End::Quit => Ok(Some(marked)),
        event_loop::End::Failed(error) => Err(error),
        event_loop::End::Signal(number) => {
            // Whoever started us sees what we died of; the terminal is given back already.
            signal_hook::low_level::emulate_default_handler(number)?;
            Ok(None)
        }
    }
}

/// Looks out for new versions of the model as long as anybody listens.
fn watch_model(mut renew: Renew, first: &dyn Engine, news: &Sender<News>) {
    // The first model and the second may have come with the command line.
    let mut number = 2;
    loop {
        thread::sleep(LOOK_AT_MODEL);
        let looked = crash::caught(|| renew(ModelId::new(number), first));
        let Some(renewed) = looked.unwrap_or_else(|reason| Some(Err(anyhow::Error::msg(reason)))) else { continue };
        number = number.saturating_add(u16::from(renewed.is_ok()));
        if news.send(News::Renewed(renewed)).is_err() {
            return;
        }
    }
}

/// What was marked before, and where marks are kept from now on; a file that cannot be read is not written to.
fn read_marks(journal: Result<Journal, JournalError>) -> (Result<Journal, JournalError>, Marks, Option<String>) {
    match journal.as_ref().ok().map(Journal::marks) {
        None => (journal, Marks::default(), None),
        Some(Ok(marks)) => (journal, marks, None),
        Some(Err(error)) => {
            let told = error.to_string();
            (Err(error), Marks::default(), Some(told))
        }
    }
}

/// The summary with the engine that it came from.
fn summary(engine: &Arc<dyn Engine>) -> Arc<ModelSummary> {
    Arc::new(engine.summary())
}
