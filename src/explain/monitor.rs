//! How a running method speaks to whoever waits for it, and how it is told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Attribution, ExplainError};

/// A shared flag: set once, and every holder stops at its next model call.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl From<Arc<AtomicBool>> for Cancel {
    /// Whoever holds the flag can cancel: a signal handler, say.
    fn from(flag: Arc<AtomicBool>) -> Self {
        Cancel(flag)
    }
}

impl Cancel {
    /// Asks for the work to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether someone asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A report from a running method.
#[derive(Debug, Clone)]
pub struct Partial {
    /// Model calls done.
    pub done: usize,
    /// Model calls planned.
    pub total: usize,
    /// The map so far, where it is already worth a look.
    pub attribution: Option<Arc<Attribution>>,
}

/// The other end of a running method.
pub struct Monitor<'a> {
    cancel: Cancel,
    report: Box<dyn Fn(Partial) + Sync + 'a>,
}

impl<'a> Monitor<'a> {
    /// A monitor that hands each report to `report`.
    pub fn new(cancel: Cancel, report: impl Fn(Partial) + Sync + 'a) -> Self {
        Monitor { cancel, report: Box::new(report) }
    }

    /// A monitor that nobody watches.
    pub fn silent() -> Self {
        Monitor::new(Cancel::default(), |_| {})
    }

    /// Hands over a report.
    pub fn report(&self, partial: Partial) {
        (self.report)(partial);
    }

    /// To be called before each model call.
    ///
    /// # Errors
    /// [`ExplainError::Cancelled`] once cancelled.
    pub fn check(&self) -> Result<(), ExplainError> {
        if self.cancel.is_cancelled() { Err(ExplainError::Cancelled) } else { Ok(()) }
    }
}
