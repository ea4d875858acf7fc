//! The interface without a terminal: its state, what can happen to it, and what it wants done.
//!
//! ```text
//! key --keymap--> Command --+
//! mouse --ui::click---------+--> Action --update(&mut State)--> Effects --shell--> workers --Report--> Action
//! ```
//!
//! [`State`] is plain data, `update` is the only thing that changes it, and drawing (`ui`) only reads it. Work is asked
//! for by [`Effect::Agenda`], a list of all that is wanted *now*, best first: whoever executes it drops what is no longer
//! on the list. Results are stored by what they are ([`MapKey`]), so a late one is never wrong, only early.
//!
//! | | |
//! | --- | --- |
//! | `state`, `selection`, `summary` | what is known: of images and terminal, of what is explained and how, of the model |
//! | `action`, `keymap`, `bindings`, `effect` | what can happen, which key asks for it, what is to be done outside |
//! | `update`, `listing`, `exemplars` | the changes: of everything, of the list, of the images that excite channels |
//! | `pair`, `compared`, `pin` | two models side by side, and their maps; two methods |
//! | `panel/` | what takes the keys beside the list, a file each |
//! | `leaps` | images in an order in which the first speak for all |
//! | `work/` | what is wanted, best first, and what becomes of its results |
//! | `results/` | what workers hand over |
//! | `picture`, `tiles` | what is on screen, as recipes |
//! | `zoom` | a closer look at a part of it, and what is held at a pixel |

mod action;
mod bindings;
mod compared;
mod effect;
mod exemplars;
pub mod keymap;
mod leaps;
mod listing;
mod live;
mod pair;
pub mod panel;
mod picture;
mod pin;
mod results;
mod selection;
mod state;
mod summary;
mod tiles;
mod update;
mod work;
mod zoom;

use crate::cache::Cache;
pub use action::{Action, Command};
pub use bindings::{KeyError, Keymap, Row, command_name, label};
pub use compared::Compared;
pub use effect::{ChannelExport, DreamExport, Effect, Export, MapExport};
pub use exemplars::{End, Exemplars};
pub use live::{FRAMES_KEPT, Live};
pub use pair::{Pair, Second, Tally};
pub use panel::{Panel, PanelKind};
pub use picture::{HeatKey, LinesKey, Origin, Picture, PictureKey};
pub use pin::Pin;
pub use results::{
    Activated, Channels, Decoded, DreamFrame, Dreamt, Explained, HeadRow, Heads, Peaks, Predicted, WeightRow,
    WeightRows, WeightTable, WhatIf, small_picture,
};
pub use selection::{Selection, View};
pub use state::{Mode, Notice, State, Terminal};
pub use summary::{LayerRow, MethodRow, ModelSummary, StageRow};
pub use tiles::TileLayout;
pub use update::update;
pub use work::{
    Agenda, ChannelsKey, DreamKey, DreamStart, HeadsKey, ImageId, ImageKey, Job, MapKey, PlaceKey, Priority, Report,
    Task, WeightsKey, WhatIfKey,
};
pub use zoom::Reading;

// What is drawn is all in the state; these are the types of below that it holds.
pub use crate::explain::{Aim, Asking, DREAM_STEPS, Family, Param, ScoreSum, Sign, Value};
pub use crate::model::Target;
pub use crate::network::{StageTime, StageTimes};
pub use crate::session::{Exemplar, ModelId};
pub use crate::triage::Tally as Reliability;
pub use crate::triage::{Answer, Bin, CONDITIONS, Change, Confusion, Entry, Order, Outcome, PAIR_CONDITIONS};
