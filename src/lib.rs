//! seewhy shows *why* an image classifier decided what it did.
//!
//! The folders are layers, and dependencies point one way:
//!
//! ```text
//! main, cli                 arguments; the headless commands
//! shell                     event loop, workers, effects
//! ui -> app                 drawing -> state, actions, keymap
//! term   triage   explain   terminal graphics | records, filters | one trait, one registry, a file per method
//! gallery   model           images on disk | ONNX, preprocessing, labels, plans
//! raster    autodiff        pixels in, pixels out | reverse mode over a tract graph
//! text                      strangers' text: made safe to show, read where it is Python's notation
//! ```

pub mod app;
pub mod autodiff;
pub mod cli;
pub mod explain;
pub mod gallery;
pub mod model;
pub mod raster;
pub mod shell;
pub mod term;
pub mod text;
pub mod ui;
