//! Images on disk: finding them, decoding them within limits, and knowing their classes from the
//! folder they are in, or from a file.

mod animation;
mod arrivals;
mod decode;
pub mod demo;
mod find;
mod folders;
mod format;
mod list;
pub mod masks;
mod stream;
mod truth_file;
mod truth_lines;
mod truths;

pub use animation::{Still, animation};
pub use arrivals::{Arrivals, Arrived, Stamp};
pub use decode::{Alpha, DecodeError, DecodeOptions, DecodeProblem, Decoded, Depth, Exif, decode};
pub use find::{Entry, Find, FindError, Kind, find};
pub use folders::FolderLabels;
pub use list::PathList;
pub use stream::Splitter;
pub use truth_file::TruthError;
pub use truths::{Truth, Truths};
