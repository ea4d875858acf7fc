//! Images on disk: finding them, decoding them within limits, and knowing their class from the folder they are in.

mod decode;
pub mod demo;
mod find;
mod folders;
mod list;
pub mod masks;

pub use decode::{DecodeError, DecodeProblem, decode};
pub use find::{Entry, Find, FindError, Kind, find};
pub use folders::FolderLabels;
pub use list::PathList;
