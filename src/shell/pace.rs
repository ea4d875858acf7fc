//! How much may be under way to the terminal: so much that a line is never idle, and so little that what a key changes is seen
//! at once.
//!
//! What is written goes into buffers, and over a network those are large. So the terminal is asked now and then whether it is
//! well (DSR), which it answers when all before the question has been drawn; more than a little without an answer is not
//! written. A terminal that has never answered is not waited for.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The question.
pub(super) const QUESTION: &str = "\x1b[5n";
/// Bytes without an answer, at most: a third of a second at 50 kB/s, which goes on while an answer takes its way.
const WINDOW: usize = 16 << 10;
/// Bytes after which it is worth asking.
const WORTH_ASKING: usize = 2 << 10;
/// After so long an answer does not come any more.
const LIMIT: Duration = Duration::from_secs(3);
/// Answers within this time, while there is much to do, tell of a line that carries anything.
const FAST: Duration = Duration::from_millis(80);

/// A question that was not answered yet.
#[derive(Debug)]
struct Asked {
    bytes: usize,
    at: Instant,
}

/// Keeps count.
#[derive(Debug, Default)]
pub(super) struct Pace {
    asked: VecDeque<Asked>,
    /// Bytes since the last question.
    since: usize,
    answers: bool,
    /// What the last answers took, the newer ones the more.
    took: Option<Duration>,
}

impl Pace {
    /// So many bytes were written.
    pub(super) fn wrote(&mut self, bytes: usize) {
        self.since += bytes;
    }

    /// Whether to ask now.
    pub(super) fn asks(&mut self, now: Instant) -> bool {
        let asks = self.since >= WORTH_ASKING;
        if asks {
            self.asked.push_back(Asked { bytes: self.since, at: now });
            self.since = 0;
        }
        asks
    }

    /// The terminal has answered.
    pub(super) fn answered(&mut self, now: Instant) {
        let Some(Asked { at, .. }) = self.asked.pop_front() else { return };
        self.answers = true;
        let took = now.saturating_duration_since(at);
        self.took = Some(self.took.map_or(took, |before| (3 * before + took) / 4));
    }

    /// Whether more may be written.
    pub(super) fn is_open(&self) -> bool {
        !self.answers || self.asked.iter().map(|asked| asked.bytes).sum::<usize>() < WINDOW
    }

    /// When to [give up](Self::look) on answers.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.asked.front().filter(|_| !self.is_open()).map(|oldest| oldest.at + LIMIT)
    }

    /// Gives up on answers that do not come.
    pub(super) fn look(&mut self, now: Instant) {
        if self.deadline().is_some_and(|deadline| now >= deadline) {
            self.forget();
        }
    }

    /// Whatever was under way does not arrive any more.
    pub(super) fn forget(&mut self) {
        *self = Pace { took: self.took, ..Pace::default() };
    }

    /// Whether answers are still to come.
    pub(super) fn is_owed(&self) -> bool {
        self.answers && !self.asked.is_empty()
    }

    /// Whether the line carries anything at once, if that is known.
    pub(super) fn is_fast(&self) -> Option<bool> {
        self.took.filter(|_| self.answers).map(|took| took < FAST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes so many pieces of 4 KiB, each with a question after it.
    fn write(pace: &mut Pace, pieces: usize, now: Instant) {
        for _ in 0..pieces {
            pace.wrote(4 << 10);
            assert!(pace.asks(now));
        }
    }

    #[test]
    fn no_more_is_under_way_than_the_window_once_the_terminal_has_answered() {
        let now = Instant::now();
        let mut pace = Pace::default();
        write(&mut pace, 100, now);
        assert!(pace.is_open(), "nobody waits for the silent");
        (0..96).for_each(|_| pace.answered(now));
        assert!(!pace.is_open() && pace.is_owed(), "four are not answered");
        pace.answered(now);
        assert!(pace.is_open());
        pace.wrote(100);
        assert!(!pace.asks(now), "a few bytes are not worth a question");
    }

    #[test]
    fn answers_that_stay_away_are_not_waited_for_for_ever() {
        let now = Instant::now();
        let mut pace = Pace::default();
        write(&mut pace, 9, now);
        pace.answered(now);
        pace.look(now + LIMIT / 2);
        assert!(!pace.is_open());
        pace.look(now + LIMIT);
        assert!(!pace.is_owed() && pace.is_open());
    }

    #[test]
    fn the_line_is_as_fast_as_its_answers() {
        let now = Instant::now();
        let mut pace = Pace::default();
        assert_eq!(pace.is_fast(), None);
        for (took, fast) in [(5, true), (2000, false)] {
            write(&mut pace, 1, now);
            pace.answered(now + Duration::from_millis(took));
            assert_eq!(pace.is_fast(), Some(fast));
        }
    }
}
