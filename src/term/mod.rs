//! The terminal: taking and giving it back, asking what it can do, and drawing pictures in it.
//!
//! Bytes from the terminal go through one decoder ([`input`]), whether they are keys or answers (`reply`). `probe` asks,
//! `decide` concludes, the session is the guard. [`Graphics::encode`] makes pictures ready to send, [`Canvas`] knows which are on
//! the screen and in the terminal's memory, and hands out the rest in pieces; a protocol is a file of its own behind them.

mod backend;
mod background;
mod between;
mod blocks;
mod canvas;
mod cell;
mod charset;
mod colour;
mod decide;
mod encode;
mod fit;
pub mod input;
mod iterm2;
mod kitty;
mod layers;
mod light;
mod output;
mod pen;
mod png;
mod probe;
mod reply;
mod rows;
mod session;
mod shade;
mod sixel;
mod suspend;

pub use backend::{Cells, Codes};
pub use background::is_light;
pub use blocks::Blocks;
pub use canvas::Canvas;
pub use cell::{CellSize, CellSource, cell_size};
pub use charset::{Charset, charset};
pub use colour::{Colours, Depth};
pub use decide::{Graphics, Protocol, Wishes, candidates, decide, draws_blocks, terminal_name};
pub use encode::{EncodeError, Encoded, Part, Quality};
pub use output::Output;
pub use probe::{Environment, Facts, Probe, Tmux, probe};
pub use reply::Reply;
pub use session::{HEAR_CLICKS, HEAR_MOTION, Session, SessionError, last_panic, read_input};
pub use suspend::stop_job;
