//! The command line: arguments, the commands that need no screen, and the way into the interface.

mod activations;
mod args;
mod batch;
mod classify;
mod compare;
mod config;
mod doctor;
mod dream;
mod evaluate;
mod explain;
mod inputs;
mod interface;
mod live;
mod marks;
mod model;
mod output;
mod printer;
mod summary;
mod truth;
mod units;
mod wanted;
mod weights;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Context, bail};
use clap::CommandFactory;

use self::args::{Cli, Command};
use self::output::{Output, ReaderGone};
use crate::model::{ModelError, ModelSource};
use crate::session::{RunOptions, Session};
use crate::text::{Escaped, escape};

/// Exit codes are a contract: all done, some images failed, nothing could be done, a gate was not passed, interrupted.
const SOME_FAILED: u8 = 1;
const USAGE: u8 = 2;
const BELOW: u8 = 3;
const INTERRUPTED: u8 = 130;

/// How a command ended, short of an error that stops everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Done,
    SomeFailed,
    /// The model is worse than it was asked to be.
    Below,
    Interrupted,
}

impl Ending {
    /// After all images, or before the last of them where somebody asked to stop.
    fn of_images(is_interrupted: bool, some_failed: bool) -> Ending {
        match (is_interrupted, some_failed) {
            (true, _) => Ending::Interrupted,
            (false, false) => Ending::Done,
            (false, true) => Ending::SomeFailed,
        }
    }
}

/// Runs the program with the arguments of the process.
pub fn run() -> ExitCode {
    match Cli::from_process().and_then(|cli| cli.map_or(Ok(Ending::Done), dispatch)) {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::SomeFailed) => SOME_FAILED.into(),
        Ok(Ending::Below) => BELOW.into(),
        Ok(Ending::Interrupted) => INTERRUPTED.into(),
        Err(error) if error.is::<ReaderGone>() => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            USAGE.into()
        }
    }
}

fn dispatch(cli: Cli) -> anyhow::Result<Ending> {
    let Cli { command, paths, screen, common, has_method } = cli;
    if let Some(path) = &common.log {
        let file = File::options().create(true).append(true).open(path);
        let _ = LOG.set(Mutex::new(file.with_context(|| format!("could not open {}", path.display()))?));
    }
    // Methods that ask the model many times share this pool.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(common.threads()).build_global();
    if command.is_some() {
        // Before a command these would be the interface's, and lost.
        let marks = screen.marks.as_deref().map(|file| format!("--marks {}", file.display()));
        if let Some(option) =
            screen.method.as_ref().filter(|_| has_method).map(|method| format!("--method {method}")).or(marks)
        {
            bail!("{option} belongs after the command");
        }
    }
    match command {
        Some(Command::Classify(args)) => classify::run(&args, &common),
        Some(Command::Compare(args)) => compare::run(&args, &common),
        Some(Command::Explain(args)) => explain::run(&args, &common),
        Some(Command::Activations(args)) => activations::run(&args, &common),
        Some(Command::Dream(args)) => dream::run(&args, &common),
        Some(Command::Weights(args)) => weights::run(&args, &common),
        Some(Command::Units(args)) => units::run(&args, &common),
        Some(Command::Evaluate(args)) => evaluate::run(&args, &common),
        Some(Command::Model(args)) => model::run(&args, &common),
        Some(Command::Doctor(args)) => doctor::run(&args),
        Some(Command::Marks(args)) => marks::run(&args),
        Some(Command::Config) => config::print(),
        Some(Command::Completions { shell }) => {
            let mut script = vec![];
            clap_complete::generate(shell, &mut Cli::command(), "seewhy", &mut script);
            Output::new().bytes(&script).map(|()| Ending::Done)
        }
        Some(Command::Man { out: Some(folder) }) => {
            fs::create_dir_all(&folder).and_then(|()| clap_mangen::generate_to(Cli::command(), &folder)).with_context(
                || format!("could not write the manual pages into {}", Escaped::from(folder.as_path())),
            )?;
            Ok(Ending::Done)
        }
        Some(Command::Man { out: None }) => {
            let mut page = vec![];
            clap_mangen::Man::new(Cli::command()).render(&mut page).context("could not write the manual page")?;
            Output::new().bytes(&page).map(|()| Ending::Done)
        }
        Some(Command::Live(args)) => live::run(&args, &common),
        Some(Command::Demo(args)) => interface::demo(&args.screen, &common),
        None => interface::browse(&paths, &screen, &common),
    }
}

/// Loads the model that the options name, and says on standard error what was guessed or is doubtful.
fn load_model(
    common: &args::CommonArgs,
    source: &ModelSource,
    images: &[PathBuf],
    options: RunOptions,
) -> Result<Session, ModelError> {
    let session = Session::load(source, &common.overrides(), images, options)?;
    for notice in session.classifier().notices() {
        warn(&format!("{source}: {}", escape(notice)));
    }
    Ok(session)
}

/// Where messages go besides standard error.
static LOG: OnceLock<Mutex<File>> = OnceLock::new();

/// A line on standard error, and in the log if there is one.
#[expect(clippy::print_stderr, reason = "this is the one place for messages of headless commands")]
fn warn(message: &str) {
    eprintln!("seewhy: {message}");
    if let Some(log) = LOG.get() {
        // A log that cannot be written is no reason to stop.
        let _ = writeln!(log.lock().unwrap_or_else(PoisonError::into_inner), "seewhy: {message}");
    }
}

/// What went wrong and why, joined. No error tells its sources itself.
fn told(error: &anyhow::Error, because: &str) -> String {
    error.chain().map(ToString::to_string).collect::<Vec<_>>().join(because)
}

/// Says what went wrong, why, and what to do, each on a line of its own.
fn complain(error: &anyhow::Error) {
    let mut message = told(error, "\n  because ");
    if let Some(hint) = error.chain().find_map(|cause| cause.downcast_ref::<ModelError>()?.hint()) {
        message.push_str("\n  hint: ");
        message.push_str(hint);
    }
    warn(&message);
}
