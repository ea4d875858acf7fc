//! Text that came from outside: made safe to show, and read where it is Python's notation.

mod escape;
mod plain;
mod python;

pub use escape::{Escaped, escape};
pub use plain::plain;
pub use python::Literal;
