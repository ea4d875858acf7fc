//! The way from the command line into the interface.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, anyhow, bail};
use clap::CommandFactory;

use super::args::{Cli, CommonArgs, ScreenArgs};
use super::{Ending, Output, marks, truth};
use crate::app::Selection;
use crate::explain;
use crate::gallery::{self, Arrivals, PathList};
use crate::model::{JointLabels, ModelSource};
use crate::session::{ModelId, Session, Watch};
use crate::shell::{self, Arrive, Engine, Find, Load, LoadSecond, Options, Renew, SecondEngine, SessionEngine, Source};
use crate::text::{escape, quoted};

/// What is opened where the bundled pictures are.
const DEMO: &str = "demo";
/// So many paths are named in a command that is printed; of more, all marks are asked for.
const FEW: usize = 4;
/// Paths are handed to the list in portions of this size.
const PORTION: usize = 64;

/// Opens the interface on paths; on the current directory when there are none.
pub(super) fn browse(paths: &[PathBuf], screen: &ScreenArgs, common: &CommonArgs) -> anyhow::Result<Ending> {
    let (root, base, named) = match paths {
        [] => (".".to_owned(), None, vec![PathBuf::from(".")]),
        [path] if path == Path::new("-") => {
            let listed: io::Result<Vec<PathBuf>> = PathList::new(io::stdin().lock()).collect();
            let listed = listed.context("could not read the list on standard input")?;
            (format!("{} files", listed.len()), None, listed)
        }
        [path] => (path.to_string_lossy().into_owned(), path.is_dir().then(|| path.clone()), vec![path.clone()]),
        paths => (format!("{} paths", paths.len()), None, paths.to_vec()),
    };
    for path in &named {
        if let Err(error) = path.symlink_metadata() {
            if named.len() == paths.len() && paths.first() == Some(path) {
                no_command(path)?;
            }
            return Err(error).with_context(|| format!("cannot open {}", path.display()));
        }
    }
    open(root, base, named, None, screen, common)
}

/// What is said of a path that does not exist and looks like a command.
///
/// # Errors
/// When it looks like one.
fn no_command(path: &Path) -> anyhow::Result<()> {
    let name = path.to_string_lossy();
    if name.contains(['/', '\\', '.']) {
        return Ok(());
    }
    let cli = Cli::command();
    let known = cli.get_subcommands().map(|command| (strsim::levenshtein(command.get_name(), &name), command));
    match known.min_by_key(|(distance, _)| *distance) {
        Some((1..=2, command)) => {
            bail!("no such file or command: {}; did you mean `{}`?", escape(&name), command.get_name())
        }
        _ => bail!("no such file or command: {}; `seewhy --help` lists the commands", escape(&name)),
    }
}

/// Opens the interface on the pictures that come with the program.
pub(super) fn demo(screen: &ScreenArgs, common: &CommonArgs) -> anyhow::Result<Ending> {
    let pictures = gallery::demo::unpack()?;
    open(DEMO.to_owned(), Some(pictures.clone()), vec![pictures], None, screen, common)
}

/// Opens the interface on frames.
pub(super) fn live(root: String, source: Source, screen: &ScreenArgs, common: &CommonArgs) -> anyhow::Result<Ending> {
    open(root, None, vec![], Some(source), screen, common)
}

/// Opens the interface on files and folders that exist, or on frames.
fn open(
    root: String,
    base: Option<PathBuf>,
    named: Vec<PathBuf>,
    feed: Option<Source>,
    screen: &ScreenArgs,
    common: &CommonArgs,
) -> anyhow::Result<Ending> {
    let (model, second) = common.one_or_two_models()?;
    if !io::stdout().is_terminal() {
        bail!("the interface needs a terminal; for files and scripts there are `seewhy classify` and `seewhy explain`");
    }
    let ScreenArgs { view, opacity: percent, colormap, .. } = *screen;
    let mut selection = Selection { view, percent, colormap, ..Selection::default() };
    if let Some(method) = screen.method.as_deref().and_then(explain::find) {
        selection.method = method.name;
    }
    // Of two models, the new one is the one that is still being trained.
    let watched = screen.watch.then(|| second.clone().unwrap_or_else(|| model.clone()));
    let watch = watched.as_ref().map(|source| Arc::new(Mutex::new(Watch::new(source))));
    let arrivals = Arc::new(Mutex::new(Arrivals::new(named.clone())));
    let (of_first, of_second) = if second.is_some() { (None, watch.clone()) } else { (watch.clone(), None) };
    let renew = |(source, watch)| renewer(source, watch, common, screen, named.clone());
    let is_live = feed.is_some();
    let command = marks_command(&root, &named, screen.marks.as_deref());
    let marked = shell::run(Options {
        root,
        base,
        feed,
        find: finder(named.clone(), screen.watch.then(|| Arc::clone(&arrivals))),
        watch: watched.zip(watch).map(renew).map(|renew| (renew, arriving(arrivals))),
        decoding: common.run_options(screen.tolerance).decoding,
        load: loader(model, second.is_some(), of_first, common, screen, named.clone()),
        second: second.map(|model| second_loader(model, of_second, common, screen, named.clone())),
        graphics: screen.wishes(),
        journal: marks::journal(screen.marks.as_deref()),
        selection,
        layer: screen.layer(),
        keymap: screen.keymap.clone(),
        light: screen.background.light,
        threads: common.threads(),
    })?;
    // Frames are gone by now.
    if let Some(marked @ 1..) = marked.filter(|_| !is_live) {
        Output::new().line(&format!("{marked} marked: {command}"))?;
    }
    Ok(Ending::Done)
}

/// The command that prints what is marked of what was opened.
fn marks_command(root: &str, named: &[PathBuf], marks: Option<&Path>) -> String {
    let mut words = vec!["seewhy".to_owned(), "marks".to_owned()];
    if root == DEMO && !Path::new(DEMO).exists() {
        words.push(DEMO.to_owned());
    } else if named.len() <= FEW {
        words.extend(named.iter().map(|path| quoted(path)));
    }
    if let Some(file) = marks {
        words.extend(["--marks".to_owned(), quoted(file)]);
    }
    words.join(" ")
}

/// Finds the images, and tells who looks out for more which are there.
fn finder(named: Vec<PathBuf>, arrivals: Option<Arc<Mutex<Arrivals>>>) -> Find {
    Box::new(move |hand_over| {
        let (mut portion, mut problems) = (vec![], vec![]);
        let mut finding = gallery::find(named);
        for found in finding.by_ref() {
            match found {
                Ok(entry) => {
                    if let Some(arrivals) = &arrivals {
                        locked(arrivals).know(entry.path.clone());
                    }
                    portion.push(Arc::from(entry.path));
                }
                Err(error) => problems.push(error.to_string()),
            }
            if portion.len() == PORTION {
                hand_over(std::mem::take(&mut portion));
            }
        }
        hand_over(portion);
        problems.extend(finding.left_out().map(|formats| format!("left out: {formats}; not supported")));
        problems
    })
}

/// Loads the model; where it is the first of two, a file of true classes may speak of classes that only the second has.
fn loader(
    source: ModelSource,
    is_first_of_two: bool,
    watch: Option<Arc<Mutex<Watch>>>,
    common: &CommonArgs,
    screen: &ScreenArgs,
    images: Vec<PathBuf>,
) -> Load {
    let (overrides, options, threads) = (common.overrides(), common.run_options(screen.tolerance), common.threads());
    let (truth, layer) = (common.truth().map(Path::to_path_buf), screen.layer());
    Box::new(move || {
        let session = Session::load(&source, &overrides, &images, options)?;
        if let Some(watch) = &watch {
            locked(watch).follow(&session);
        }
        let truths = match truth::truths(session.classifier(), truth.as_deref()) {
            Err(_) if is_first_of_two => truth::truths(session.classifier(), None)?,
            truths => truths?,
        };
        let engine = SessionEngine::new(ModelId::default(), session, truths, threads);
        Ok(Arc::new(engine.with_layer(layer.as_deref())) as Arc<dyn Engine>)
    })
}

/// Loads a model to be held against the first.
fn second_loader(
    source: ModelSource,
    watch: Option<Arc<Mutex<Watch>>>,
    common: &CommonArgs,
    screen: &ScreenArgs,
    images: Vec<PathBuf>,
) -> LoadSecond {
    let (overrides, options, threads) = (common.overrides(), common.run_options(screen.tolerance), common.threads());
    let (truth, layer) = (common.truth().map(Path::to_path_buf), screen.layer());
    Box::new(move |id, first| {
        let session = Session::load(&source, &overrides, &images, options)?;
        if let Some(watch) = &watch {
            locked(watch).follow(&session);
        }
        beside(first, id, session, (truth.as_deref(), layer.as_deref()), threads)
    })
}

/// Loads the model again whenever its files have changed.
fn renewer(
    source: ModelSource,
    watch: Arc<Mutex<Watch>>,
    common: &CommonArgs,
    screen: &ScreenArgs,
    images: Vec<PathBuf>,
) -> Renew {
    let (overrides, options, threads) = (common.overrides(), common.run_options(screen.tolerance), common.threads());
    let (truth, layer) = (common.truth().map(Path::to_path_buf), screen.layer());
    Box::new(move |id, first| {
        let renewed = locked(&watch).look(|| Session::load(&source, &overrides, &images, options))?;
        Some(match renewed {
            Ok(session) => beside(first, id, session, (truth.as_deref(), layer.as_deref()), threads),
            Err(error) => Err(anyhow!("the model has changed, and the old one is kept: {}", error.problem)),
        })
    })
}

/// Puts a session to work beside a first model, with a file of true classes and a layer where somebody named them.
fn beside(
    first: &dyn Engine,
    id: ModelId,
    session: Session,
    (truth, layer): (Option<&Path>, Option<&str>),
    threads: usize,
) -> anyhow::Result<SecondEngine> {
    let joint = Arc::new(JointLabels::new(first.labels(), session.classifier().labels()));
    let truths = truth::of_classes(joint.labels(), truth)?;
    let engine = SessionEngine::new(id, session, Arc::clone(&truths), threads).with_layer(layer);
    Ok(SecondEngine { engine: Arc::new(engine), joint, truths })
}

/// The images that have come or changed since the list was made.
fn arriving(arrivals: Arc<Mutex<Arrivals>>) -> Arrive {
    Box::new(move || locked(&arrivals).look())
}

fn locked<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
