//! What the terminal sends: keys, and the answers that it owes us, however slowly they come.
//!
//! `ESC [` and, half a second later, `?62;c` are one answer, not three keys. So as long as an answer is owed, what may be the
//! beginning of one is held until the rest comes. From a terminal that has not said a word, though, a lone ESC is most likely the
//! key, and whoever pressed it does not want to wait: it is taken for the key after a moment, and should the rest of an answer
//! follow all the same, that is one still.

use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use crossterm::event::{Event, KeyCode, KeyModifiers};

use super::screen::Screen;
use crate::term::input::{Decoder, Input};
use crate::term::{CellSize, Facts, Reply, Wishes};

/// How long the rest of a key's escape sequence may take after its ESC.
const ESCAPE: Duration = Duration::from_millis(40);
/// The same for a sequence that no two keys could be.
const SEQUENCE: Duration = Duration::from_secs(1);
/// The same for a lone ESC from a terminal that owes all its answers.
const FROM_SILENCE: Duration = Duration::from_millis(120);
/// An answer of which nothing has come for so long does not come any more.
const LIMIT: Duration = Duration::from_secs(4);
/// How long to wait, when leaving, for answers that are owed.
const LAST: Duration = Duration::from_secs(3);
/// How long to wait, when leaving, for the terminal's word that it has drawn what it was sent.
const LAST_STATUS: Duration = Duration::from_secs(1);
/// After so long, the user is told what they wait for.
const PATIENCE: Duration = Duration::from_millis(200);

/// The decoder of all that the terminal sends, and what is owed.
pub(super) struct Answers {
    decoder: Decoder,
    /// When the terminal sent something last.
    heard: Instant,
    /// It has answered something.
    speaks: bool,
    /// The last that came was ESC, and was taken for the key though an answer was owed.
    is_taken: bool,
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
        let speaks = owed.as_ref().is_none_or(|facts| !facts.replies.is_empty());
        Answers { decoder, heard: now, speaks, is_taken: false, probe: owed, cell: false, wishes, until: now + LIMIT }
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
        let goes_on = std::mem::take(&mut self.is_taken) && self.is_owed(now) && Decoder::is_rest_of_answer(bytes);
        let inputs = match (goes_on, is_late) {
            (true, _) => self.decoder.feed(&[&[0x1b], bytes].concat()),
            (false, true) => self.decoder.feed_late(bytes),
            (false, false) => self.decoder.feed(bytes),
        };
        self.heard = now;
        let is_answering = self.decoder.is_sequence() || inputs.iter().any(|input| matches!(input, Input::Reply(_)));
        self.speaks |= is_answering;
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
        Some(match self.is_owed(self.heard) {
            true if self.decoder.is_escape() && !self.speaks => self.heard + FROM_SILENCE,
            true => alone.max(self.until),
            false => alone,
        })
    }

    /// What was held and is taken for what it is, if the rest has not come in time.
    pub(super) fn give_up(&mut self) -> Vec<Input> {
        if self.deadline().is_none_or(|deadline| Instant::now() < deadline) {
            return Vec::new();
        }
        self.is_taken = self.decoder.is_escape() && self.is_owed(self.heard);
        self.decoder.timeout()
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

    /// Leaves the terminal quiet: answers that are still under way are read here, rather than by the shell. What follows from
    /// them.
    pub(super) fn quieten(&mut self, screen: &mut Screen, input: &Receiver<Vec<u8>>) -> Vec<Answer> {
        let deadline = Instant::now() + LAST_STATUS;
        let mut learnt = Vec::new();
        while screen.is_owed() {
            let Ok(bytes) = input.recv_deadline(deadline) else { break };
            for input in self.hear(&bytes) {
                match input {
                    Input::Reply(Reply::Status) => screen.answered(),
                    Input::Reply(reply) => learnt.extend(self.take(reply)),
                    Input::Event(_) => {}
                }
            }
        }
        // Where the terminal cannot be written to, nobody waits either.
        learnt.extend(self.drain(input, |word| drop(screen.say(word))));
        learnt
    }

    /// Before leaving, for good or for a while: answers that are under way are read here, rather than by the shell, and what
    /// follows from them is returned. `tell` shows the user a word.
    pub(super) fn drain(&mut self, input: &Receiver<Vec<u8>>, tell: impl FnOnce(&str)) -> Vec<Answer> {
        let now = Instant::now();
        let mut tell = Some(tell);
        let mut learnt = Vec::new();
        while self.is_owed(now) && Instant::now() < now + LAST {
            let wake = if tell.is_some() { now + PATIENCE } else { now + LAST };
            match input.recv_deadline(wake) {
                Ok(bytes) => {
                    for input in self.hear(&bytes) {
                        match input {
                            Input::Reply(reply) => learnt.extend(self.take(reply)),
                            Input::Event(Event::Key(key))
                                if key.code == KeyCode::Char('c') && key.modifiers == KeyModifiers::CONTROL =>
                            {
                                return learnt;
                            }
                            Input::Event(_) => {}
                        }
                    }
                }
                Err(error) if error.is_disconnected() => return learnt,
                Err(_) => {
                    if let Some(tell) = tell.take() {
                        tell("waiting for the terminal's last answers, 3 s at most (^C: leave now)");
                    }
                }
            }
        }
        learnt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From a terminal that owes all its answers, and one that owes the last.
    fn owed(replies: Vec<Reply>) -> Answers {
        Answers::new(Decoder::default(), Some(Facts { replies, ..Facts::default() }), Wishes::default())
    }

    /// What is taken for granted of what was heard last, after as long as that takes.
    fn given_up(answers: &mut Answers) -> Vec<Input> {
        let wait = answers.deadline().map_or(Duration::ZERO, |deadline| deadline - answers.heard);
        answers.heard -= wait;
        answers.until -= wait;
        answers.give_up()
    }

    fn is_key(inputs: &[Input], code: KeyCode) -> bool {
        matches!(inputs, [Input::Event(Event::Key(key))] if key.code == code)
    }

    #[test]
    fn the_escape_key_does_not_wait_for_a_terminal_that_has_not_said_a_word() {
        let mut answers = owed(Vec::new());
        assert!(answers.hear(b"\x1b").is_empty());
        assert_eq!(answers.deadline(), Some(answers.heard + FROM_SILENCE));
        assert!(is_key(&given_up(&mut answers), KeyCode::Esc));
        for (typed, code) in [("[", KeyCode::Char('[')), ("P", KeyCode::Char('P')), ("j", KeyCode::Char('j'))] {
            assert!(answers.hear(b"\x1b").is_empty());
            assert!(is_key(&given_up(&mut answers), KeyCode::Esc));
            assert!(is_key(&answers.hear(typed.as_bytes()), code), "{typed} is a key after it");
        }
    }

    #[test]
    fn an_answer_is_one_though_its_beginning_was_taken_for_the_escape_key() {
        for rest in ["[?62;c", "P>|qterm(q)\x1b\\", "_Gi=31;OK\x1b\\", "]11;rgb:0000/0000/0000\x1b\\", "[6;20;10t"] {
            let mut answers = owed(Vec::new());
            answers.hear(b"\x1b");
            assert!(is_key(&given_up(&mut answers), KeyCode::Esc));
            let (first, last) = rest.split_at(rest.len() / 2);
            assert!(answers.hear(first.as_bytes()).is_empty(), "{first}");
            assert!(matches!(answers.hear(last.as_bytes())[..], [Input::Reply(_)]), "{rest}");
            answers.hear(b"\x1b");
            assert!(
                answers.deadline() > Some(answers.heard + FROM_SILENCE),
                "it speaks: what it owes may come in pieces"
            );
        }
    }

    #[test]
    fn from_a_terminal_that_speaks_an_escape_is_held_as_long_as_it_owes_an_answer() {
        let mut answers = owed(vec![Reply::Version("kitty(0.41.1)".to_owned())]);
        answers.hear(b"\x1b");
        assert_eq!(answers.deadline(), Some(answers.until));
        assert!(matches!(answers.hear(b"[?62;c")[..], [Input::Reply(Reply::DeviceAttributes(_))]));
        answers.take(Reply::DeviceAttributes(vec![62]));
        answers.hear(b"\x1b");
        assert_eq!(answers.deadline(), Some(answers.heard + ESCAPE), "it owes none");
    }
}
