//! Text that came from outside: made safe to show, and read where it is a table, JSON, YAML or Python's notation.

mod decode;
mod escape;
mod percent;
mod plain;
mod python;
mod quote;
mod synset;
mod table;
mod words;
pub mod yaml;

pub use decode::decode;
pub use escape::{Escaped, escape};
pub use percent::{percent, percent_to, whole_percent};
pub use plain::{plain, rank};
pub use python::Literal;
pub use quote::{json_for_terminal, quoted};
pub use synset::{is_synset, split_synset};
pub use table::{rows, separator};
pub(crate) use words::{one_of, words};
