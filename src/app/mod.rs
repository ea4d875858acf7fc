//! The interface without a terminal: its state, what can happen to it, and what it wants done.
//!
//! ```text
//! key --keymap--> Command --+
//! mouse --ui::click---------+--> Action --update(&mut State)--> Effects --shell--> workers --Report--> Action
//! ```
//!
//! [`State`] is plain data, [`update`] is the only thing that changes it, and drawing (`ui`) only reads it. Work is asked
//! for by [`Effect::Plan`], a list of all that is wanted *now*, best first: whoever executes it drops what is no longer
//! on the list. Results are stored by what they are ([`MapKey`]), so a late one is never wrong, only early.

mod action;
mod arrivals;
mod channels;
mod exemplars;
mod jobs;
pub mod keymap;
mod listing;
pub mod panel;
mod picture;
mod plan;
mod state;
mod summary;
mod update;

use crate::cache::Cache;
pub use action::{Action, Command};
pub use channels::{Channels, ChannelsKey, TileLayout};
pub use exemplars::{Exemplar, Exemplars, Peaks, small_picture};
pub use jobs::{
    ChannelExport, Decoded, Effect, Explained, Export, ImageId, Job, MapExport, MapKey, Plan, Predicted, Priority,
    Report, Task,
};
pub use panel::{Panel, PanelKind};
pub use picture::{HeatKey, LinesKey, Origin, Picture, PictureKey};
pub use state::{Mode, Notice, Selection, State, Terminal, View};
pub use summary::{LayerRow, MethodRow, ModelSummary};
pub use update::update;

// What is drawn is all in the state; these are the types of below that it holds.
pub use crate::explain::{Family, Param, Sign, Value};
pub use crate::model::Target;
pub use crate::triage::{Answer, CONDITIONS, Confusion, Entry, Order, Outcome};
