//! Text that came from outside: made safe to show, and read where it is a table, JSON, YAML or Python's notation.

mod decode;
mod escape;
mod plain;
mod python;
mod synset;
mod table;
pub mod yaml;

pub use decode::decode;
pub use escape::{Escaped, escape};
pub use plain::plain;
pub use python::Literal;
pub use synset::{is_synset, split_synset};
pub use table::{rows, separator};
