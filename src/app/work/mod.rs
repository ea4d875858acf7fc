//! Work: what is wanted now, and what becomes of its results.

mod arrivals;
mod jobs;
mod plan;

pub(super) use arrivals::{KEPT_PREDICTIONS, folder_of};
pub use jobs::{ChannelsKey, ImageId, ImageKey, Job, MapKey, Plan, Priority, Report, Task};
