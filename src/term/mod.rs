//! The terminal: taking and giving it back, asking what it can do, and drawing pictures in it.
//!
//! Bytes from the terminal go through one decoder ([`input`]), whether they are keys or answers ([`reply`]). [`probe`] asks,
//! [`decide`] concludes, [`session`] is the guard.

mod decide;
pub mod input;
mod probe;
mod reply;
mod session;
mod suspend;

pub use decide::{CellSize, Graphics, Protocol, Wishes, decide};
pub use probe::{Environment, Facts, Probe, Tmux, probe};
pub use reply::Reply;
pub use session::{Output, Session, SessionError, read_input};
pub use suspend::stop_job;
