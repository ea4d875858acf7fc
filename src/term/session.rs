//! The terminal while it is ours, and the promise that it is given back.
//!
//! However the program ends (quit, error, panic, signal), [`leave`] runs: main screen, cursor, mouse and paste modes, cooked
//! input, our pictures deleted from the terminal's memory. It does nothing the second time, so that a panic's message comes
//! after it, on the main screen, and the guard's own drop finds nothing left to do.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::thread;

use crossbeam_channel::{Receiver, Sender};
use crossterm::terminal;
use thiserror::Error;

use super::output::{self, Output};
use crate::guard;

/// Alternate screen, cursor hidden, clicks and wheel reported with decimal coordinates, pastes bracketed.
const ENTER: &str = "\x1b[?1049h\x1b[2J\x1b[H\x1b[?25l\x1b[?1000h\x1b[?1006h\x1b[?2004h";
/// The mouse is heard as it moves, too. It takes the place of clicks and wheel alone, so these are asked for again after it.
pub const HEAR_MOTION: &str = "\x1b[?1003h";
/// Clicks and wheel alone, as at first.
pub const HEAR_CLICKS: &str = "\x1b[?1003l\x1b[?1000h";
/// The reverse of [`ENTER`]. It begins with the end of any string sequence or synchronized update that was cut short.
const LEAVE: &str = "\x1b\\\x1b[?2026l\x1b[0m\x1b[?2004l\x1b[?1006l\x1b[?1003l\x1b[?1000l";
/// Last, after our pictures are gone.
const MAIN_SCREEN: &str = "\x1b[?25h\x1b[?1049l";

static ACTIVE: AtomicBool = AtomicBool::new(false);
static FAREWELL: Mutex<String> = Mutex::new(String::new());
static HOOK: Once = Once::new();

thread_local! {
    /// Whether this thread owns the session. A panic elsewhere is a worker's: caught there, and no reason to leave.
    static OWNER: Cell<bool> = const { Cell::new(false) };
    /// What this thread said when it panicked last, while it was not to be printed.
    static SAID: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// What this thread's last panic said and where it was, if the session kept it from the screen. Given once.
pub fn last_panic() -> Option<String> {
    SAID.take()
}

/// Why there is no full-screen interface.
#[derive(Debug, Error)]
pub enum SessionError {
    /// Output goes elsewhere.
    #[error(
        "the interface needs a terminal, and {0} is not one; `seewhy classify` and `seewhy explain` write to files"
    )]
    NotATerminal(&'static str),
    /// A terminal without cursor movement.
    #[error("TERM=dumb cannot show a full screen; `seewhy classify` and `seewhy explain` work everywhere")]
    Dumb,
    /// The operating system refused.
    #[error("cannot {attempt} the terminal: {problem}")]
    System {
        /// What was attempted.
        attempt: &'static str,
        /// Its account.
        problem: io::Error,
    },
}

/// The guard: while it lives, the terminal is in raw mode and shows the alternate screen.
#[derive(Debug)]
pub struct Session(());

impl Session {
    /// Takes the terminal.
    ///
    /// # Errors
    /// When standard output is not a terminal, or one that cannot show a full screen.
    pub fn enter() -> Result<(Session, Output), SessionError> {
        if !io::stdout().is_terminal() {
            return Err(SessionError::NotATerminal("standard output"));
        }
        if std::env::var("TERM").is_ok_and(|term| term == "dumb") {
            return Err(SessionError::Dumb);
        }
        let attempt = |attempt| move |problem| SessionError::System { attempt, problem };
        let file = io::stdout().as_fd().try_clone_to_owned().map(File::from).map_err(attempt("open"))?;
        let output = Output::start(file).map_err(attempt("write to"))?;
        HOOK.call_once(install_panic_hook);
        let session = Session(());
        take().map_err(attempt("take over"))?;
        Ok((session, output))
    }

    /// What to write before leaving, such as the deletion of pictures from the terminal's memory.
    pub fn set_farewell(&self, bytes: String) {
        *FAREWELL.lock().unwrap_or_else(PoisonError::into_inner) = bytes;
    }

    /// Gives the terminal back, calls `pause`, which returns when we are in the foreground again, and takes it once more.
    ///
    /// # Errors
    /// When the terminal cannot be taken again.
    pub fn suspend(&self, pause: impl FnOnce()) -> io::Result<()> {
        leave();
        pause();
        take()
    }

    /// After an involuntary stop (SIGSTOP), where the shell has changed the terminal's mode behind our back.
    ///
    /// # Errors
    /// When the terminal cannot be taken again.
    pub fn retake(&self) -> io::Result<()> {
        terminal::disable_raw_mode()?;
        take()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        leave();
    }
}

/// Raw mode and our screen modes; called with the guard in hand.
fn take() -> io::Result<()> {
    OWNER.set(true);
    ACTIVE.store(true, Ordering::SeqCst);
    terminal::enable_raw_mode()?;
    io::stdout().write_all(ENTER.as_bytes())?;
    io::stdout().flush()
}

/// Gives the terminal back; nothing where it was given back before. Failures have nowhere to be reported.
fn leave() {
    if !ACTIVE.swap(false, Ordering::SeqCst) {
        return;
    }
    output::drop_unwritten();
    let farewell = FAREWELL.try_lock().map(|text| text.clone()).unwrap_or_default();
    let mut stdout = io::stdout();
    let _ = stdout.write_all([LEAVE, &farewell, MAIN_SCREEN].concat().as_bytes());
    let _ = stdout.flush();
    let _ = terminal::disable_raw_mode();
}

fn install_panic_hook() {
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if guard::is_quiet() {
            return;
        }
        if OWNER.get() {
            leave();
        } else if ACTIVE.load(Ordering::SeqCst) {
            let said = info.payload_as_str().unwrap_or("a thread crashed");
            let place = info.location().map(|place| format!(", at {place}")).unwrap_or_default();
            SAID.set(Some(format!("{said}{place}")));
            return;
        }
        previous(info);
        if OWNER.get() {
            let _ = writeln!(io::stderr(), "This is a defect in seewhy; please report it with the lines above.");
        }
    }));
}

/// Starts the one thread that reads the terminal, for as long as the program lives. The channel closes when the terminal
/// has gone.
///
/// # Errors
/// When there is no terminal to read from.
pub fn read_input() -> Result<Receiver<Vec<u8>>, SessionError> {
    let attempt = |problem| SessionError::System { attempt: "read", problem };
    let stdin = io::stdin();
    let file = if stdin.is_terminal() {
        stdin.as_fd().try_clone_to_owned().map(File::from).map_err(attempt)?
    } else {
        File::open("/dev/tty").map_err(attempt)?
    };
    // Bounded, so that a flood of input waits in the terminal rather than in memory.
    let (sender, receiver) = crossbeam_channel::bounded(64);
    thread::Builder::new().name("input".to_owned()).spawn(move || forward(file, &sender)).map_err(attempt)?;
    Ok(receiver)
}

fn forward(mut file: File, sender: &Sender<Vec<u8>>) {
    let mut buffer = [0; 4096];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
