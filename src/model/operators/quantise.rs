//! `QuantizeLinear` and `DequantizeLinear` as arithmetic on float32, which holds the whole numbers in between exactly: tract's
//! own quantised operators compute something else than ONNX, and have no gradient.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_hir::internal::*;

use crate::autodiff::FakeQuantize;

/// `clamp(round(x / scale) + zero_point)`.
#[derive(Debug, Clone)]
struct Quantize {
    axis: i64,
    /// The integer type asked for, where the zero point does not say.
    output: Option<DatumType>,
}

/// `(q - zero_point) * scale`.
#[derive(Debug, Clone)]
struct Dequantize {
    axis: i64,
}

pub(super) fn quantize(
    _context: &ParsingContext,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let output = match node.get_attr_opt::<i64>("output_dtype")?.unwrap_or(0) {
        0 => None,
        kind => Some(DataType::try_from(i32::try_from(kind)?)?.try_into()?),
    };
    Ok((expand(Quantize { axis: axis(node)?, output }), vec![]))
}

pub(super) fn dequantize(
    _context: &ParsingContext,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    Ok((expand(Dequantize { axis: axis(node)? }), vec![]))
}

fn axis(node: &NodeProto) -> TractResult<i64> {
    let block = node.get_attr_opt::<i64>("block_size")?.unwrap_or(0);
    ensure!(block == 0, "its scales are in blocks; quantise per tensor or per channel");
    Ok(node.get_attr_opt("axis")?.unwrap_or(1))
}

fn rules(solver: &mut Solver<'_>, inputs: &[TensorProxy], outputs: &[TensorProxy]) -> InferenceResult {
    ensure!((2..=3).contains(&inputs.len()), "it has {} inputs", inputs.len());
    check_output_arity(outputs, 1)?;
    solver.equals(&outputs[0].datum_type, f32::datum_type())?;
    solver.equals(&inputs[0].shape, &outputs[0].shape)
}

/// A scale or zero point as a float32 that broadcasts to a tensor of `rank`: one number, or one for each position along the
/// axis.
fn parameter(prefix: &str, model: &mut TypedModel, outlet: OutletId, axis: i64, rank: usize) -> TractResult<OutletId> {
    let mut wire = model.wire_node(prefix, cast(f32::datum_type()), &[outlet])?[0];
    let fact = model.outlet_fact(outlet)?;
    ensure!(fact.rank() <= 1, "its scales are of rank {}", fact.rank());
    let is_one = fact.rank() == 0 || fact.shape[0].is_one();
    let axis = usize::try_from(if axis < 0 { axis + rank as i64 } else { axis })?;
    let before = if is_one { 0 } else { axis };
    ensure!(is_one || axis < rank, "it has no axis {axis}");
    for number in 0..rank.saturating_sub(fact.rank()) {
        let at = if number < before { 0 } else { number + usize::from(!is_one) };
        wire = model.wire_node(format!("{prefix}.axis{number}"), AxisOp::Add(at), &[wire])?[0];
    }
    if rank == 0 && model.outlet_fact(wire)?.rank() == 1 {
        wire = model.wire_node(format!("{prefix}.scalar"), AxisOp::Rm(0), &[wire])?[0];
    }
    Ok(wire)
}

impl Expansion for Quantize {
    fn name(&self) -> StaticName {
        "QuantizeLinear".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        rules(solver, inputs, outputs)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let rank = model.outlet_fact(inputs[0])?.rank();
        let given = inputs.get(2).map(|zero| model.outlet_fact(*zero).map(|fact| fact.datum_type)).transpose()?;
        let kind = given.filter(|kind| !kind.is_float()).or(self.output).unwrap_or(u8::datum_type());
        let (low, high) = match kind.unquantized() {
            DatumType::U8 => (0.0, 255.0),
            DatumType::I8 => (-128.0, 127.0),
            DatumType::U16 => (0.0, 65535.0),
            DatumType::I16 => (-32768.0, 32767.0),
            other => bail!("it quantises to {other:?}; int8, uint8, int16 and uint16 are supported"),
        };
        let value = model.wire_node(format!("{prefix}.float"), cast(f32::datum_type()), &[inputs[0]])?[0];
        let scale = parameter(&format!("{prefix}.scale"), model, inputs[1], self.axis, rank)?;
        let mut wire = model.wire_node(format!("{prefix}.steps"), math::div(), &[value, scale])?[0];
        let zero = inputs.get(2).map(|zero| parameter(&format!("{prefix}.zero"), model, *zero, self.axis, rank));
        let zero = zero.transpose()?;
        let nothing = || FakeQuantize { scale: tvec![1.0], zero_point: tvec![0.0], low, high, axis: 0 };
        let Some(zero) = zero else { return model.wire_node(prefix, nothing(), &[wire]) };
        match &model.outlet_fact(inputs[2])?.konst {
            Some(numbers) => {
                let numbers = numbers.cast_to::<f32>()?;
                let zero_point: TVec<f32> = numbers.try_as_plain_ram()?.as_slice::<f32>()?.into();
                let axis = usize::try_from(if self.axis < 0 { self.axis + rank as i64 } else { self.axis })?;
                let (scale, axis) = (tvec![1.0; zero_point.len()], if zero_point.len() == 1 { 0 } else { axis });
                let rounded = FakeQuantize { scale, zero_point, low, high, axis };
                wire = model.wire_node(format!("{prefix}.rounded"), rounded, &[wire])?[0];
                model.wire_node(prefix, math::add(), &[wire, zero])
            }
            // A zero point that depends on the image.
            None => {
                wire = model.wire_node(format!("{prefix}.shifted"), math::add(), &[wire, zero])?[0];
                model.wire_node(prefix, nothing(), &[wire])
            }
        }
    }
}

impl Expansion for Dequantize {
    fn name(&self) -> StaticName {
        "DequantizeLinear".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        rules(solver, inputs, outputs)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let rank = model.outlet_fact(inputs[0])?.rank();
        let mut wire = model.wire_node(format!("{prefix}.float"), cast(f32::datum_type()), &[inputs[0]])?[0];
        if let Some(zero) = inputs.get(2) {
            let zero = parameter(&format!("{prefix}.zero"), model, *zero, self.axis, rank)?;
            wire = model.wire_node(format!("{prefix}.centred"), math::sub(), &[wire, zero])?[0];
        }
        let scale = parameter(&format!("{prefix}.scale"), model, inputs[1], self.axis, rank)?;
        model.wire_node(prefix, math::mul(), &[wire, scale])
    }
}
