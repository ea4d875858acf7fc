//! Convolutions and pools on slices; dense layers, normalisation and attention for transformers; sums of bytes for resizing.
//!
//! **Layout.** An image is a slice of [height, width, channels], channels next to each other and not padded: NHWC with one
//! image. Channels are the lanes of vectors, so kernels run at full width at any height and width, a concatenation of
//! channels, a sum, or a mean over pixels is what it is for any dense tensor, and a caller needs no type of its own. Rows of
//! the output are contiguous, so a caller cuts one convolution into pieces for threads with `split_at_mut`. Rows of tokens are an
//! image that is one pixel high, and a dense layer is a convolution of 1x1.
//!
//! **Bits.** Every output is one fixed chain of multiply-adds that depends on the convolution and the instruction set alone,
//! not on the cut, the thread, or the scratch.
//!
//! **Alignment.** Any slice will do, but where inputs and outputs begin at a multiple of 64 bytes, and channels are a multiple of
//! 16, vectors do not straddle lines of the cache: depthwise convolutions take two thirds of the time.
//!
//! **Instructions.** `fearless_simd` has the vectors: its interface is safe, it finds out at run time what the processor has, it
//! depends on nothing and needs no C compiler.
//!
//! Nothing here knows of ONNX, of graphs, or of pictures.

// What is not inlined into a function with the instruction set's features is compiled without them; and tiles of registers are
// indexed by pixel and vector, as in the formulas.
#![allow(clippy::inline_always, clippy::needless_range_loop)]

mod aligned;
mod attention;
mod bytes;
mod channels;
mod conv;
mod dense;
mod depthwise;
mod direct;
mod geometry;
mod lanes;
mod layout;
mod level;
mod norm;
mod pool;
mod product;
mod rows;
mod tail;
mod transforms;
mod winograd;

pub use attention::{Head, Rows, attend};
pub use bytes::{Taps, WEIGHT_BITS, blend_pixels, blend_rows};
pub use channels::scale_channels;
pub use conv::{Algorithm, PackedConv, Scratch};
pub use dense::{dot_products, sum_of_rows};
pub use geometry::{Geometry, Window};
pub use layout::{to_lanes, to_planes};
pub use level::InstructionSet;
pub use norm::normalise_rows;
pub use pool::{Count, average_pool, global_average, max_pool};
pub use rows::PackedRows;
pub use tail::{Activation, Tail};
