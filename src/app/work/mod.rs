//! Work: what is wanted now, and what becomes of its results.

mod agenda;
mod arrivals;
mod changes;
mod jobs;

pub(super) use agenda::QUICK;
pub(super) use arrivals::{KEPT_PREDICTIONS, folder_of};
pub use jobs::{
    Agenda, ChannelsKey, DreamKey, DreamStart, HeadsKey, ImageId, ImageKey, Job, MapKey, PlaceKey, Priority, Report,
    Task, WeightsKey, WhatIfKey,
};
