//! What the terminal sends: keys, and the answers that it owes us, however slowly they come.
//!
//! `ESC [` and, half a second later, `?62;c` are one answer, not three keys. So as long as an answer is owed, what may be the
//! beginning of one is held until the rest comes.

use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use crossterm::event::{Event, KeyCode, KeyModifiers};

use crate::term::input::{Decoder, Input};
use crate::term::{CellSize, Facts, Reply, Wishes};

/// How long the rest of a key's escape sequence may take after its ESC.
const ESCAPE: Duration = Duration::from_millis(40);
/// The same for a sequence that no two keys could be.
const SEQUENCE: Duration = Duration::from_secs(1);
/// An answer of which nothing has come for so long does not come any more.
const LIMIT: Duration = Duration::from_secs(4);
/// How long to wait, when leaving, for answers that are owed.
const LAST: Duration = Duration::from_secs(3);
/// After so long, the user is told what they wait for.
const PATIENCE: Duration = Duration::from_millis(200);

/// The decoder of all that the terminal sends, and what is owed.
pub(super) struct Answers {
    decoder: Decoder,
    /// When the terminal sent something last.
    heard: Instant,
    /// What it said so far, where it has not answered the last question of the probe.
    probe: Option<Facts>,
    /// It was asked for the size of a cell.
    cell: bool,
    wishes: Wishes,
    /// Until when an answer may come.
    until: Instant,
}

/// What follows from an answer.
pub(super) enum Answer {
    /// The last answer to the probe is there: all of them.
    Facts(Box<Facts>),
    /// A cell is as large as that.
    Cell(CellSize),
}

impl Answers {
    /// Goes on where the probe left off; `owed` is what it learnt, where the last answer is still to come.
    pub(super) fn new(decoder: Decoder, owed: Option<Facts>, wishes: Wishes) -> Answers {
        let now = Instant::now();
        Answers { decoder, heard: now, probe: owed, cell: false, wishes, until: now + LIMIT }
    }

    /// What the user insists on.
    pub(super) fn wishes(&self) -> Wishes {
        self.wishes
    }

    /// The terminal was asked for the size of a cell.
    pub(super) fn asked_for_cell(&mut self) {
        self.cell = true;
        self.until = Instant::now() + LIMIT;
    }

    fn is_owed(&self, now: Instant) -> bool {
        (self.probe.is_some() || self.cell) && now < self.until
    }

    /// What these bytes complete.
    pub(super) fn hear(&mut self, bytes: &[u8]) -> Vec<Input> {
        let now = Instant::now();
        let is_late = now > self.heard + ESCAPE;
        let inputs = if is_late { self.decoder.feed_late(bytes) } else { self.decoder.feed(bytes) };
        self.heard = now;
        let is_answering = self.decoder.is_sequence() || inputs.iter().any(|input| matches!(input, Input::Reply(_)));
        if is_answering && self.is_owed(now) {
            self.until = now + LIMIT;
        }
        inputs
    }

    /// When what has begun is over, for want of the rest.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if !self.decoder.is_pending() {
            return None;
        }
        let rest = if self.decoder.is_sequence() { SEQUENCE } else { ESCAPE };
        let alone = self.heard + rest;
        Some(if self.is_owed(self.heard) { alone.max(self.until) } else { alone })
    }

    /// What was held and is taken for what it is, if the rest has not come in time.
    pub(super) fn give_up(&mut self) -> Vec<Input> {
        let is_over = self.deadline().is_some_and(|deadline| Instant::now() >= deadline);
        if is_over { self.decoder.timeout() } else { Vec::new() }
    }

    /// Takes an answer.
    pub(super) fn take(&mut self, reply: Reply) -> Option<Answer> {
        if let Reply::CellPixels { width, height } = reply {
            self.cell = false;
            if self.probe.is_none() {
                return Some(Answer::Cell(CellSize { width, height })).filter(|_| self.wishes.cell.is_none());
            }
        }
        let is_last = matches!(reply, Reply::DeviceAttributes(_));
        self.probe.as_mut()?.replies.push(reply);
        if is_last { self.probe.take().map(|facts| Answer::Facts(Box::new(facts))) } else { None }
    }

    /// Before leaving: answers that are under way are read here, rather than by the shell. `tell` shows the user a word.
    pub(super) fn drain(mut self, input: &Receiver<Vec<u8>>, tell: impl FnOnce(&str)) {
        let now = Instant::now();
        let mut tell = Some(tell);
        while self.is_owed(now) && Instant::now() < now + LAST {
            let wake = if tell.is_some() { now + PATIENCE } else { now + LAST };
            match input.recv_deadline(wake) {
                Ok(bytes) => {
                    for input in self.hear(&bytes) {
                        match input {
                            Input::Reply(reply) => drop(self.take(reply)),
                            Input::Event(Event::Key(key))
                                if key.code == KeyCode::Char('c') && key.modifiers == KeyModifiers::CONTROL =>
                            {
                                return;
                            }
                            Input::Event(_) => {}
                        }
                    }
                }
                Err(error) if error.is_disconnected() => return,
                Err(_) => {
                    if let Some(tell) = tell.take() {
                        tell("waiting for the terminal's last answers, 3 s at most (^C: leave now)");
                    }
                }
            }
        }
    }
}
