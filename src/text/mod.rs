//! Text that came from outside: made safe to show, and read where it is Python's notation.

mod escape;
mod python;

pub use escape::{Escaped, escape};
pub use python::Literal;
