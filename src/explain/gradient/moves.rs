//! Operators that compute nothing: what they output is what they read, elsewhere, once or several times.

use tract_onnx::tract_core::internal::{AxisOp, TypedOp};
use tract_onnx::tract_core::ops::Downsample;
use tract_onnx::tract_core::ops::array::{
    FiniteReshape, Gather, MultiBroadcastTo, Pad, Slice, StridedSlice, Tile, Trilu, TypedConcat,
};
use tract_onnx::tract_core::ops::cast::Cast;
use tract_onnx::tract_core::ops::identity::Identity;

/// Whether each number that the operator outputs is one of those it reads, or a constant that fills a gap, and its place
/// says which. What arrives in a backward sweep then goes back to where its number came from, whether gradient, multiplier
/// or relevance. Where the values decide, as in max pooling, this is not so.
pub(super) fn only_moves_values(op: &dyn TypedOp) -> bool {
    op.is::<AxisOp>()
        || op.is::<FiniteReshape>()
        || op.is::<MultiBroadcastTo>()
        || op.is::<Tile>()
        || op.is::<TypedConcat>()
        || op.is::<Slice>()
        || op.is::<StridedSlice>()
        || op.is::<Downsample>()
        || op.is::<Gather>()
        || op.is::<Pad>()
        || op.is::<Trilu>()
        || op.is::<Identity>()
        || op.is::<Cast>()
}
