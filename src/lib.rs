//! seewhy shows *why* an image classifier decided what it did: any ONNX classifier, with true gradients, in pure Rust.
//!
//! ```no_run
//! let classifier = seewhy::Classifier::open("net.onnx")?;
//! let picture = image::open("goose.jpg")?;
//! let explained = classifier.explain(&picture, "grad-cam")?;
//!
//! println!("{} {:.1} %", explained.target.class.label, 100.0 * explained.target.class.probability);
//! explained.overlay().save("goose.grad-cam.png")?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Pictures are those of the [`image`] crate, 0.25, which belongs beside seewhy in `Cargo.toml`.
//!
//! [`Classifier::classify`] gives the best classes alone, [`Classifier::answer`] takes a [`Question`]: another class, one
//! class against another, a layer, a method's parameters. [`METHODS`] lists the methods, [`Explained::attribution`] has the
//! map as numbers. A [`session::Session`] does the same for many images, with everything that the program can be told.
//!
//! The same runs here, on the model and a picture that come with the source:
//!
//! ```
//! let classifier = seewhy::Classifier::builtin()?;
//! let frog = image::open("models/demo/pictures/frog/green-frog.jpg")?;
//! let explained = classifier.explain(&frog, "grad-cam")?;
//!
//! assert_eq!(explained.target.class.label, "frog");
//! assert_eq!(explained.attribution.map.dim(), (32, 32));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The house
//!
//! Rooms that only the program needs (app, cli, shell, term, ui) are not on this page. The folders are layers, and
//! dependencies point one way:
//!
//! ```text
//! main, cli                 arguments; the headless commands
//! shell                     event loop, workers, effects
//! ui -> app                 drawing -> state, actions, keymap
//! session                   a model and an image -> decoded, predicted, explained, a record; what is kept of it
//! metrics                   whether the maps are any good: one table, a file a measure
//! term   triage   explain   terminal graphics | filters, marks | one trait, one registry, a file a method:
//!                           cam, gradient, attention, perturb
//! gallery   model           images on disk | files -> settings, labels, a typed graph, targets
//! network                   plans, layers, gradients: runs the graph, and tract stays inside
//! raster    autodiff        pixels in, pixels out | reverse mode over a tract graph
//! text   random   guard     strangers' text, made safe to show | random numbers, the same on any number of threads |
//!                           strangers' code, whose panics are answers
//! cache                     what is kept for coming back, bounded in bytes
//! kernels                   convolutions, dense layers, attention, pools and sums of bytes on slices
//! ```

#[doc(hidden)]
pub mod app;
pub mod autodiff;
pub mod cache;
#[doc(hidden)]
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
#[doc(hidden)]
pub mod shell;
#[doc(hidden)]
pub mod term;
pub mod text;
pub mod triage;
#[doc(hidden)]
pub mod ui;

pub use seewhy_kernels as kernels;

#[doc(inline)]
pub use explain::{Attribution, METHODS};
#[doc(inline)]
pub use model::{Classifier, Target};
#[doc(inline)]
pub use session::{AskError, Explained, Question, ScoredClass};
