//! seewhy shows *why* an image classifier decided what it did.
//!
//! The folders are layers, and dependencies point one way:
//!
//! ```text
//! main, cli                 arguments; the headless commands
//! shell                     event loop, workers, effects
//! ui -> app                 drawing -> state, actions, keymap
//! session                   a model and an image -> decoded, predicted, explained, a record; what is kept of it
//! metrics                   whether the maps are any good: one table, a file a measure
//! term   triage   explain   terminal graphics | filters, marks | one trait, one registry, a file a method:
//!                           cam, gradient, perturb
//! gallery   model           images on disk | files -> settings, labels, a typed graph, targets
//! network                   plans, layers, gradients: runs the graph, and tract stays inside
//! raster    autodiff        pixels in, pixels out | reverse mode over a tract graph
//! text   random   guard     strangers' text, made safe to show | random numbers, the same on any number of threads |
//!                           strangers' code, whose panics are answers
//! cache                     what is kept for coming back, bounded in bytes
//! kernels                   convolutions, dense layers, attention and pools on slices
//! ```

pub mod app;
pub mod autodiff;
pub mod cache;
pub mod cli;
pub mod explain;
pub mod gallery;
pub mod guard;
pub mod metrics;
pub mod model;
pub mod network;
pub mod random;
pub mod raster;
pub mod session;
pub mod shell;
pub mod term;
pub mod text;
pub mod triage;
pub mod ui;

pub use seewhy_kernels as kernels;
