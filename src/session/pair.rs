//! Two models asked about the same images, with their answers in one list of classes.

use std::path::Path;

use super::{InputError, Session};
use crate::model::JointLabels;
use crate::network::Scores;

/// Two models side by side; the first is the one that was there before.
#[derive(Debug)]
pub struct Pair {
    sessions: [Session; 2],
    joint: JointLabels,
}

/// What both say of an image, each in its own classes.
#[derive(Debug)]
pub struct Both {
    /// The scores of the first and of the second.
    pub scores: [Scores; 2],
    /// What must be known about the image, a sentence each.
    pub warnings: Vec<String>,
}

impl Pair {
    /// Puts two models side by side. They may differ in everything.
    pub fn new(first: Session, second: Session) -> Pair {
        let joint = JointLabels::new(first.classifier().labels(), second.classifier().labels());
        Pair { sessions: [first, second], joint }
    }

    /// The two models.
    pub fn sessions(&self) -> &[Session; 2] {
        &self.sessions
    }

    /// The classes of both.
    pub fn joint(&self) -> &JointLabels {
        &self.joint
    }

    /// Asks both about an image, which is decoded once, on `threads` threads.
    ///
    /// # Errors
    /// When the image cannot be opened, or one of them fails; the error does not say which.
    pub fn ask(&self, path: &Path, threads: usize) -> Result<Both, InputError> {
        let [first, second] = &self.sessions;
        let opened = first.open(path)?;
        let scores = |session: &Session| session.scores_of(&opened, threads);
        Ok(Both { scores: [scores(first)?, scores(second)?], warnings: opened.warnings().to_vec() })
    }
}
