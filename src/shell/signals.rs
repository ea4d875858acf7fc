//! Signals, as messages to the event loop.

use std::io;
use std::thread;

use crossbeam_channel::Receiver;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::iterator::Signals;

/// What a signal means to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// Leave, and then die of it.
    End(i32),
    /// Give the terminal back and stop.
    Stop,
    /// We were stopped and go on.
    Continue,
    /// The window has another size.
    Resize,
}

/// Starts listening. A second signal to end ends the program on the spot, in case the first finds us stuck.
///
/// # Errors
/// When the handlers cannot be set.
pub(super) fn listen() -> io::Result<Receiver<Signal>> {
    let armed = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
        signal_hook::flag::register_conditional_default(signal, armed.clone())?;
        signal_hook::flag::register(signal, armed.clone())?;
    }
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGCONT, SIGWINCH])?;
    let (sender, receiver) = crossbeam_channel::unbounded();
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for number in signals.forever() {
            let signal = match number {
                SIGTSTP => Signal::Stop,
                SIGCONT => Signal::Continue,
                SIGWINCH => Signal::Resize,
                end => Signal::End(end),
            };
            if sender.send(signal).is_err() {
                return;
            }
        }
    })?;
    Ok(receiver)
}
