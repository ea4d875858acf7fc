//! Asks the terminal what it is and what it can draw, once, before the event loop reads its first key.
//!
//! All questions go out in one write and end in one that every terminal answers, so that a terminal which ignores the
//! others costs no waiting. Answers that come later than the limit are still recognised as answers by the event loop's
//! decoder, which is this one, and dropped.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use crossterm::event::Event;

use super::input::{Decoder, Input};
use super::reply::Reply;
use super::suspend::has_ancestor;

/// The image id that the graphics question uses; never a picture of ours.
const QUESTION: u32 = 31;

/// All that was learnt: the terminal's answers and what the environment says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// What the terminal answered, in order.
    pub replies: Vec<Reply>,
    /// The environment variables that matter.
    pub environment: Environment,
    /// Where tmux runs between us and the terminal, what it says of itself.
    pub tmux: Option<Tmux>,
    /// The window as the operating system has it: columns, rows, width and height in pixels; zero where unknown.
    pub window: [u16; 4],
}

/// The environment variables that matter; empty where not set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// `TERM`.
    pub term: String,
    /// `TERM_PROGRAM`; lost over SSH.
    pub term_program: String,
    /// `TERM_PROGRAM_VERSION`.
    pub term_program_version: String,
    /// `COLORTERM`; lost over SSH.
    pub colorterm: String,
    /// `WT_SESSION` is set: Windows Terminal.
    pub windows_terminal: bool,
    /// `LC_TERMINAL`, which iTerm2 sets because SSH passes it on.
    pub lc_terminal: String,
    /// `NO_COLOR` is set and not empty.
    pub no_color: bool,
    /// `TMUX` is set: its socket.
    pub tmux: bool,
    /// We are at the far end of an SSH connection.
    pub ssh: bool,
    /// `STY` is set: GNU screen.
    pub screen: bool,
    /// `ZELLIJ` is set.
    pub zellij: bool,
    /// We are at the far end of a mosh connection.
    pub mosh: bool,
    /// The variable that names the locale's characters, with its value: `LANG=C.UTF-8`.
    pub locale: String,
}

impl Environment {
    /// Reads the variables through `variable`.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let text = |name: &str| variable(name).unwrap_or_default();
        let set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find(|name| set(name));
        Environment {
            term: text("TERM"),
            term_program: text("TERM_PROGRAM"),
            term_program_version: text("TERM_PROGRAM_VERSION"),
            colorterm: text("COLORTERM"),
            windows_terminal: set("WT_SESSION"),
            lc_terminal: text("LC_TERMINAL"),
            no_color: set("NO_COLOR"),
            tmux: set("TMUX"),
            ssh: set("SSH_CONNECTION") || set("SSH_TTY"),
            screen: set("STY"),
            zellij: set("ZELLIJ"),
            mosh: false,
            locale: locale.map(|name| format!("{name}={}", text(name))).unwrap_or_default(),
        }
    }

    /// The variables of this process, and whether mosh is among its ancestors.
    pub fn current() -> Self {
        let environment = Environment::read(|name| std::env::var(name).ok());
        // A server of tmux goes on when the connection that it was started from is gone.
        let mosh = !environment.tmux && has_ancestor("mosh-server");
        Environment { mosh, ..environment }
    }

    /// GNU screen is between us and the terminal.
    pub(super) fn in_screen(&self) -> bool {
        !self.tmux && (self.screen || self.term.starts_with("screen"))
    }
}

/// What tmux says about itself and the terminal that it runs in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tmux {
    /// `allow-passthrough` of our pane is on: sequences in its wrapper reach the terminal.
    pub passthrough: bool,
    /// The terminal's own name and version, as tmux learnt them: `kitty(0.41.1)`.
    pub outer: String,
    /// `TERM` as tmux has it from the terminal.
    pub term: String,
    /// What tmux thinks that the terminal can do beyond that, separated by commas.
    pub features: String,
    /// It is driven by a terminal in control mode (`tmux -CC`).
    pub control: bool,
    /// It shows no UTF-8.
    pub no_utf8: bool,
    /// The window that it is in: columns, rows, width and height of a cell in pixels; zero where unknown.
    pub window: [u16; 4],
}

/// What tmux is asked for, in tmux's own words; it leaves empty what it does not know.
const FORMAT: &str = "#{client_termtype}\t#{client_termname}\t#{client_termfeatures}\t#{client_control_mode}\t#{client_utf8}\t\
                      #{client_width}\t#{client_height}\t#{client_cell_width}\t#{client_cell_height}";

impl Tmux {
    /// Asks tmux; `None` when it cannot be asked.
    fn ask() -> Option<Tmux> {
        let pane = std::env::var("TMUX_PANE").unwrap_or_default();
        let tmux = |arguments: &[&str]| {
            let output =
                Command::new("tmux").args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
            output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let target: &[&str] = if pane.is_empty() { &[] } else { &["-t", &pane] };
        let said = tmux(&[&["display-message", "-p"], target, &[FORMAT]].concat())?;
        let mut said = said.split('\t');
        let mut next = || said.next().unwrap_or_default().to_owned();
        let (outer, term, features, control, utf8) = (next(), next(), next(), next(), next());
        let window = std::array::from_fn(|_| next().parse().unwrap_or(0));
        // Older than 3.3 there is no such option, and everything passes.
        let passthrough = tmux(&[&["show-options", "-Apv"], target, &["allow-passthrough"]].concat());
        Some(Tmux {
            passthrough: passthrough.is_none_or(|value| matches!(&*value, "" | "on" | "all" | "1")),
            outer,
            term,
            features,
            control: control == "1",
            no_utf8: utf8 == "0",
            window,
        })
    }
}

/// The questions, as bytes: a kitty graphics query, name and version, cell and window size in pixels, sixel colours, the
/// background, where the locale says nothing how far a character of two bytes moves the cursor, and last the device attributes.
fn questions(environment: &Environment) -> String {
    let mut text = String::new();
    // The Linux console prints such strings instead of ignoring them, and GNU screen shows them to the user.
    if environment.term != "linux" && !environment.tmux && !environment.in_screen() {
        let _ = write!(text, "\x1b_Gi={QUESTION},s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\");
    }
    if environment.term != "linux" && !environment.in_screen() {
        text += "\x1b]11;?\x1b\\";
    }
    if environment.locale.is_empty() {
        text += "\x1b[2;1H\u{e9}\x1b[6n";
    }
    text += "\x1b[>q\x1b[16t\x1b[14t\x1b[?1;1;0S\x1b[c";
    text
}

/// What the probe brings home.
#[derive(Debug, Default)]
pub struct Probe {
    /// What was learnt.
    pub facts: Facts,
    /// What the user typed meanwhile.
    pub typed: Vec<Event>,
    /// Whether the last answer came within the limit; if not, answers may still be on their way.
    pub complete: bool,
}

/// Asks and waits for the last answer, at most `limit`, and clears the screen. The terminal must be in raw mode.
///
/// # Errors
/// When the terminal cannot be written to.
pub fn probe(
    output: &mut impl Write,
    input: &Receiver<Vec<u8>>,
    decoder: &mut Decoder,
    limit: Duration,
) -> io::Result<Probe> {
    let environment = Environment::current();
    output.write_all(questions(&environment).as_bytes())?;
    output.flush()?;
    let deadline = Instant::now() + limit;
    let tmux = if environment.tmux { Tmux::ask() } else { None };
    let window =
        crossterm::terminal::window_size().map_or([0; 4], |size| [size.columns, size.rows, size.width, size.height]);
    let mut probe = Probe { facts: Facts { environment, tmux, window, replies: Vec::new() }, ..Probe::default() };
    while !probe.complete {
        let Ok(bytes) = input.recv_deadline(deadline) else { break };
        for input in decoder.feed(&bytes) {
            match input {
                Input::Event(event) => probe.typed.push(event),
                Input::Reply(reply) => {
                    probe.complete |= matches!(reply, Reply::DeviceAttributes(_));
                    probe.facts.replies.push(reply);
                }
            }
        }
    }
    // Whatever the questions left on the screen goes: some terminals print those that they do not know.
    output.write_all(b"\x1b[2J\x1b[H")?;
    output.flush()?;
    Ok(probe)
}
