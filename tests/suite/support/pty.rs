//! The real binary in a pseudo-terminal that answers its questions.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};

/// Asks the terminal whether it is well.
const WELL: &[u8] = b"\x1b[5n";
/// Far longer than anything takes; a test that waits for so long has failed.
const PATIENCE: Duration = Duration::from_mins(2);

/// A terminal, as it answers to what it is asked.
#[derive(Clone, Copy)]
pub(crate) struct Answers {
    /// Name and version, for `CSI > q`.
    pub(crate) version: &'static str,
    /// Device attributes, for `CSI c`; where they are empty, nothing is answered at all.
    pub(crate) attributes: &'static str,
    /// How long it thinks before it answers.
    pub(crate) delay: Duration,
    /// It answers nothing until the test says so.
    pub(crate) held: bool,
    /// It answers in pieces of so many bytes, with so long a pause between them.
    pub(crate) pieces: Option<(usize, Duration)>,
    /// It pauses for so long after the first byte of all.
    pub(crate) torn: Option<Duration>,
    /// It does not know APC, and prints what is in it.
    pub(crate) prints_apc: bool,
}

impl Answers {
    /// A terminal with colours and nothing more.
    pub(crate) const PLAIN: Answers = Answers {
        version: "XTerm(379)",
        attributes: "64;1;2;22",
        delay: Duration::ZERO,
        held: false,
        pieces: None,
        torn: None,
        prints_apc: false,
    };
    /// A terminal with kitty's graphics.
    pub(crate) const KITTY: Answers = Answers { version: "kitty(0.41.1)", attributes: "62", ..Answers::PLAIN };
    /// A terminal that says nothing, such as at the far end of a mosh connection.
    pub(crate) const SILENT: Answers = Answers { version: "", attributes: "", ..Answers::PLAIN };

    /// Sends what it has to say, one answer after another.
    fn send(self, answer: Vec<u8>, writer: &Arc<Mutex<Box<dyn Write + Send>>>, speech: &Arc<Speech>) {
        let (writer, speech) = (Arc::clone(writer), Arc::clone(speech));
        thread::spawn(move || {
            let may_speak = speech.may_speak.lock().unwrap();
            let _speaks = speech.allowed.wait_while(may_speak, |may_speak| !*may_speak).unwrap();
            thread::sleep(self.delay);
            let (size, pause) = self.pieces.unwrap_or((answer.len(), Duration::ZERO));
            let (first, answer) = answer.split_at(usize::from(self.torn.is_some()));
            let _ = writer.lock().unwrap().write_all(first);
            thread::sleep(self.torn.unwrap_or_default());
            for piece in answer.chunks(size) {
                if writer.lock().unwrap().write_all(piece).is_err() {
                    return;
                }
                thread::sleep(pause);
            }
        });
    }

    /// What its screen makes of what was written.
    fn shows(self, bytes: &[u8]) -> Vec<u8> {
        if !self.prints_apc {
            return bytes.to_vec();
        }
        let mut shown = bytes.to_vec();
        while let Some(at) = shown.windows(3).position(|window| window == b"\x1b_G") {
            shown.drain(at..at + 2);
        }
        shown
    }

    fn to(self, asked: &[u8]) -> Vec<u8> {
        let contains = |question: &[u8]| asked.windows(question.len()).any(|window| window == question);
        if self.attributes.is_empty() {
            return Vec::new();
        }
        let answers = [
            (contains(b"\x1b[>q"), format!("\x1bP>|{}\x1b\\", self.version)),
            (contains(b"\x1b[16t"), "\x1b[6;20;10t".to_owned()),
            (contains(b"\x1b[c"), format!("\x1b[?{}c", self.attributes)),
            (contains(WELL), "\x1b[0n".repeat(asked.windows(WELL.len()).filter(|window| *window == WELL).count())),
        ];
        answers.into_iter().filter_map(|(asked, answer)| asked.then_some(answer)).collect::<String>().into_bytes()
    }
}

/// How much a line carries.
#[derive(Clone, Copy)]
pub(crate) struct Line {
    /// So many bytes at once.
    pub(crate) piece: usize,
    /// So long between them.
    pub(crate) pause: Duration,
    /// Where nothing more is read until the test goes on: what was written then is known to the byte, however busy the
    /// machine is. It is asked about all that was read, until it says yes once.
    pub(crate) stands: fn(&[u8]) -> bool,
}

impl Line {
    /// As quick as it can be.
    pub(crate) const QUICK: Line = Line { piece: 1 << 16, pause: Duration::ZERO, stands: |_| false };
}

/// One answer at a time, and none before it is allowed.
struct Speech {
    may_speak: Mutex<bool>,
    allowed: Condvar,
}

/// What came out of the program.
struct Seen {
    screen: vt100::Parser,
    bytes: Vec<u8>,
}

/// A program at work in a terminal.
pub(crate) struct Pty {
    master: Box<dyn MasterPty + Send>,
    writer: Arc<Mutex<Box<dyn Write + Send>>>,
    child: Box<dyn Child + Send + Sync>,
    seen: Arc<Mutex<Seen>>,
    speech: Arc<Speech>,
    /// Where the line says that it stands.
    standing: mpsc::Receiver<()>,
    /// Has it go on.
    go_on: mpsc::Sender<()>,
    modes: String,
}

impl Pty {
    /// Runs a program with these arguments in `folder`.
    pub(crate) fn run<S: AsRef<OsStr>>(program: &str, arguments: &[S], folder: &Path, answers: Answers) -> Pty {
        Pty::run_over(program, arguments, folder, answers, (100, 30), Line::QUICK)
    }

    /// Runs a program on a screen of so many columns and rows, at the other end of a line.
    pub(crate) fn run_over<S: AsRef<OsStr>>(
        program: &str,
        arguments: &[S],
        folder: &Path,
        answers: Answers,
        (cols, rows): (u16, u16),
        line: Line,
    ) -> Pty {
        let size = PtySize { rows, cols, pixel_width: 10 * cols, pixel_height: 20 * rows };
        let pair = native_pty_system().openpty(size).unwrap();
        let modes = format!("{:?}", pair.master.get_termios());
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.cwd(folder);
        for name in [
            "TMUX",
            "NO_COLOR",
            "SSH_CONNECTION",
            "SSH_TTY",
            "TERM_PROGRAM",
            "LC_TERMINAL",
            "COLORTERM",
            "STY",
            "ZELLIJ",
            "WT_SESSION",
            "LC_ALL",
            "LC_CTYPE",
            "SEEWHY_MODEL",
            "RUST_BACKTRACE",
        ] {
            command.env_remove(name);
        }
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        // Nobody's marks but those of the test.
        command.env("XDG_STATE_HOME", folder.join("state"));
        command.env("XDG_CONFIG_HOME", folder.join("config"));
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let [rows, columns] = [size.rows, size.cols].map(|side| NonZeroU16::new(side).unwrap());
        let seen = Seen { screen: vt100::Parser::new(rows, columns, 0), bytes: Vec::new() };
        let seen = Arc::new(Mutex::new(seen));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let writer = Arc::new(Mutex::new(pair.master.take_writer().unwrap()));
        let speech = Arc::new(Speech { may_speak: Mutex::new(!answers.held), allowed: Condvar::new() });
        let (shared, answerer, speaking) = (Arc::clone(&seen), Arc::clone(&writer), Arc::clone(&speech));
        let ((stands, standing), (go_on, goes_on)) = (mpsc::channel(), mpsc::channel());
        thread::spawn(move || {
            let mut buffer = vec![0; line.piece];
            let mut has_stood = false;
            // Questions may be torn across reads: the tail of what was read is kept.
            let mut tail = Vec::new();
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                tail.extend_from_slice(&buffer[..count]);
                let answer = answers.to(&tail);
                let is_end = |end: &usize| [WELL, b"\x1b[c"].iter().any(|question| tail[..*end].ends_with(question));
                let answered =
                    if answer.is_empty() { 0 } else { (0..=tail.len()).rev().find(is_end).unwrap_or(tail.len()) };
                let rest = answered.max(tail.len().saturating_sub(64));
                tail.drain(..rest);
                if !answer.is_empty() {
                    answers.send(answer, &answerer, &speaking);
                }
                let mut seen = shared.lock().unwrap();
                seen.screen.process(&answers.shows(&buffer[..count]));
                seen.bytes.extend_from_slice(&buffer[..count]);
                let comes_to_a_stand = !has_stood && (line.stands)(&seen.bytes);
                drop(seen);
                if comes_to_a_stand {
                    has_stood = true;
                    let _ = stands.send(());
                    let _ = goes_on.recv();
                }
                thread::sleep(line.pause);
            }
        });
        Pty { master: pair.master, writer, child, seen, speech, standing, go_on, modes }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// The screen as text.
    pub(crate) fn text(&self) -> String {
        self.seen().screen.screen().contents()
    }

    /// Whether the mouse is heard as it moves, where its clicks are heard.
    pub(crate) fn hears_motion(&self) -> bool {
        match self.seen().screen.screen().mouse_protocol_mode() {
            vt100::MouseProtocolMode::AnyMotion => true,
            vt100::MouseProtocolMode::PressRelease => false,
            other => panic!("clicks are not heard: {other:?}"),
        }
    }

    /// All that was written so far.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.seen().bytes.clone()
    }

    /// Waits until the line stands, does something, and has the line go on.
    pub(crate) fn while_the_line_stands(&self, act: impl FnOnce()) {
        self.standing.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no stand; the screen shows:\n{}", self.text()));
        act();
        let _ = self.go_on.send(());
    }

    /// Has a terminal answer that held its answers back.
    pub(crate) fn answer(&self) {
        *self.speech.may_speak.lock().unwrap() = true;
        self.speech.allowed.notify_all();
    }

    /// Types.
    pub(crate) fn keys(&self, keys: &str) {
        self.writer.lock().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the screen shows what is wanted.
    pub(crate) fn wait_until(&self, what: &str, mut shown: impl FnMut(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !shown(&self.text()) {
            assert!(Instant::now() < deadline, "waited in vain for {what}; the screen shows:\n{}", self.text());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the screen shows a text.
    pub(crate) fn wait_for(&self, text: &str) {
        self.wait_until(text, |screen| screen.contains(text));
    }

    /// Sends a signal to the program.
    pub(crate) fn signal(&self, name: &str) {
        super::signal(name, self.child.process_id().unwrap());
    }

    /// Waits for the end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                // The last bytes are on their way through the terminal.
                thread::sleep(Duration::from_millis(200));
                return status;
            }
            assert!(Instant::now() < deadline, "the program does not end; the screen shows:\n{}", self.text());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Everything is as it was before the program ran.
    pub(crate) fn assert_restored(&self) {
        let seen = self.seen();
        let screen = seen.screen.screen();
        assert!(!screen.alternate_screen(), "the main screen is back");
        assert!(!screen.hide_cursor(), "the cursor is visible");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None, "the mouse is the terminal's own");
        assert!(!screen.bracketed_paste(), "pastes are plain");
        assert_eq!(format!("{:?}", self.master.get_termios()), self.modes, "input is cooked, with echo");
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}
