//! Reverse-mode differentiation of a tract graph, as a graph transformation.
//!
//! From a `TypedModel`, one of its outlets and the outlets whose gradients are wanted, [`vjp`] builds a model that
//! computes all that the original did and, in addition, the vector-Jacobian products. Forward and backward share their
//! intermediate values and are optimised by tract as one graph.
//!
//! The module knows nothing of images, classes or explanations. It works on the graph as `into_typed()` leaves it, before
//! decluttering: there tensors are still in ONNX's layout and nodes carry their ONNX names.

mod adjoint;
mod error;
mod ops;
mod registry;
mod rule;
mod rules;
mod sweep;
mod twins;

pub use adjoint::Adjoint;
pub use error::{Error, Unsupported};
pub use ops::{Activation, Beyond, Detached, FakeQuantize, GridSample, Pull, Real, Resample, Sampling, Taps, pullback};
pub use registry::operators;
pub use rule::{Partials, Rule, RuleResult, Rules};
pub use sweep::{COTANGENT, unsupported, unsupported_with, vjp, vjp_between, vjp_with};
