//! A panic on a thread beside the interface: one thing failed, and the user is told so, where and why.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::term::last_panic;

/// Does work that might panic; the error is one line for people.
///
/// What the work borrows must not be looked at again after a panic, unless it is locked or counted.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        let said = last_panic().or_else(|| text.map(ToOwned::to_owned));
        format!("{} (a defect in seewhy; please report it)", said.unwrap_or_else(|| "a thread crashed".to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_message() {
        assert_eq!(caught(|| 7), Ok(7));
        let message = caught(|| panic!("no such thing as {}", 7)).unwrap_err();
        assert!(message.contains("defect") && message.contains("no such thing as 7"), "{message}");
    }
}
