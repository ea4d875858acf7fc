//! One function for each operator's gradient, grouped by family.

mod axes;
mod binary;
mod broadcast;
mod conv;
mod deconv;
mod einsum;
mod element_wise;
mod gather;
mod linear;
mod pad;
mod pool;
mod quantise;
mod reduce;
mod sample;
mod select;
mod slice_concat;
mod softmax;

use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::{math, nn};

use super::Adjoint;
use super::ops::Activation;
use super::rule::{Binary, ElementWise, For, Rule};

/// Every rule. The order does not matter: each operator type has one.
pub(super) static ALL: &[&dyn Rule] = &[
    // Products and arithmetic
    &For("EinSum", einsum::einsum),
    &For("Conv", conv::conv),
    &For("Deconv", deconv::deconv),
    &Binary("Add", binary::add),
    &Binary("Sub", binary::sub),
    &Binary("Mul", binary::mul),
    &Binary("Div", binary::div),
    &Binary("Pow", binary::pow),
    &Binary("Rem", binary::rem),
    &Binary("Max", binary::max),
    &Binary("Min", binary::min),
    // Functions of one number
    &ElementWise::<math::Abs>("Abs", element_wise::smooth),
    &ElementWise::<math::Acos>("Acos", element_wise::smooth),
    &ElementWise::<math::Acosh>("Acosh", element_wise::smooth),
    &ElementWise::<math::Asin>("Asin", element_wise::smooth),
    &ElementWise::<math::Asinh>("Asinh", element_wise::smooth),
    &ElementWise::<math::Atan>("Atan", element_wise::smooth),
    &ElementWise::<math::Atanh>("Atanh", element_wise::smooth),
    &ElementWise::<math::Cos>("Cos", element_wise::smooth),
    &ElementWise::<math::Cosh>("Cosh", element_wise::smooth),
    &ElementWise::<math::Exp>("Exp", element_wise::smooth),
    &ElementWise::<math::Ln>("Ln", element_wise::smooth),
    &ElementWise::<math::Neg>("Neg", element_wise::smooth),
    &ElementWise::<math::PowConst>("PowConst", element_wise::smooth),
    &ElementWise::<math::Recip>("Recip", element_wise::smooth),
    &ElementWise::<math::Rsqrt>("Rsqrt", element_wise::smooth),
    &ElementWise::<math::Sin>("Sin", element_wise::smooth),
    &ElementWise::<math::Sinh>("Sinh", element_wise::smooth),
    &ElementWise::<math::Sqrt>("Sqrt", element_wise::smooth),
    &ElementWise::<math::Square>("Square", element_wise::smooth),
    &ElementWise::<math::Tan>("Tan", element_wise::smooth),
    &ElementWise::<math::Tanh>("Tanh", element_wise::smooth),
    &ElementWise::<nn::GeluApproximate>("GeluApproximate", element_wise::smooth),
    &ElementWise::<nn::HardSwish>("HardSwish", element_wise::smooth),
    &ElementWise::<nn::LeakyRelu>("LeakyRelu", element_wise::smooth),
    &ElementWise::<nn::Sigmoid>("Sigmoid", element_wise::smooth),
    &ElementWise::<nn::Silu>("Silu", element_wise::smooth),
    &ElementWise::<Activation>("Activation", element_wise::smooth),
    &ElementWise("Erf", element_wise::erf),
    &ElementWise("GeluExact", element_wise::gelu_exact),
    &ElementWise::<math::Ceil>("Ceil", element_wise::flat),
    &ElementWise::<math::Floor>("Floor", element_wise::flat),
    &ElementWise::<math::Round>("Round", element_wise::flat),
    &ElementWise::<math::RoundHalfToEven>("RoundHalfToEven", element_wise::flat),
    &ElementWise::<math::Sign>("Sign", element_wise::flat),
    // Along axes and in windows
    &For("MaxPool", pool::max_pool),
    &For("SumPool", pool::sum_pool),
    &For("Resample", sample::resample),
    &For("GridSample", sample::grid_sample),
    &For("Reduce", reduce::reduce),
    &For("RmsNorm", reduce::rms_norm),
    &For("Softmax", softmax::softmax),
    &For("CumSum", linear::cum_sum),
    &For("Fft", linear::fft),
    // Shape
    &For("AxisOp", axes::axis_op),
    &For("FiniteReshape", axes::reshape),
    &For("MultiBroadcastTo", broadcast::multi_broadcast_to),
    &For("Tile", broadcast::tile),
    // Parts
    &For("TypedConcat", slice_concat::concat),
    &For("Slice", slice_concat::slice),
    &For("StridedSlice", slice_concat::strided_slice),
    &For("Downsample", slice_concat::downsample),
    &For("Gather", gather::gather),
    &For("GatherElements", gather::gather_elements),
    &For("GatherNd", gather::gather_nd),
    &For("ScatterElements", gather::scatter_elements),
    &For("ScatterNd", gather::scatter_nd),
    &For("Topk", gather::top_k),
    &For("OneHot", gather::one_hot),
    &For("Pad", pad::pad),
    &For("Trilu", linear::trilu),
    // Values passed on
    &For("Identity", select::identity),
    &For("Cast", select::cast),
    &For("Detached", select::detached),
    &For("Iff", select::iff),
    // Quantisation
    &For("FakeQuantize", quantise::fake_quantize),
];

/// A constant with one element, of the type and rank of `like`, to compute with.
fn scalar(node: &mut Adjoint<'_>, value: f64, like: OutletId) -> TractResult<OutletId> {
    let fact = node.fact(like)?;
    let (dt, rank) = (fact.datum_type, fact.rank());
    let value = tensor0(value).cast_to_dt(dt)?.into_owned().broadcast_into_rank(rank)?;
    node.constant("constant", value)
}
