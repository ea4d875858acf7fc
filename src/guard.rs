//! Other people's code, run so that a panic in it is an answer.
//!
//! tract and the decoders check much, but not everything that a strange file may hold. Where they panic, the message and
//! the backtrace that Rust would write are of no use to the person who gave the file, and in the interface they would be
//! written over it.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    /// How many guarded sections this thread is in.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Does `work`. Where it panics nothing is written, and the error is what the panic said.
///
/// # Errors
/// When it panics. What the work has changed must not be looked at then, unless it is locked or counted.
pub fn quietly<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !is_quiet() {
                previous(info);
            }
        }));
    });
    DEPTH.set(DEPTH.get() + 1);
    let result = catch_unwind(AssertUnwindSafe(work));
    DEPTH.set(DEPTH.get() - 1);
    result.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        text.unwrap_or("for an unknown reason").to_owned()
    })
}

/// Whether a panic of this thread would be caught by [`quietly`]: a panic hook then has nothing to do.
pub fn is_quiet() -> bool {
    DEPTH.get() > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_answer() {
        assert_eq!(quietly(|| 7), Ok(7));
        assert_eq!(quietly(|| -> u8 { panic!("no such thing as {}", 7) }), Err("no such thing as 7".into()));
        assert_eq!(quietly(|| quietly(|| panic!("within")).unwrap_err()), Ok("within".into()));
        assert!(!is_quiet() && quietly(is_quiet) == Ok(true));
    }
}
