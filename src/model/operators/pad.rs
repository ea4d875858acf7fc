//! `Pad`, in the modes and with the negative numbers that tract lacks.

use tract_onnx::model::{ParsingContext, optional_inputs};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::array::{Gather, Pad as TractPad, PadMode, Slice};
use tract_onnx::tract_hir::internal::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Constant,
    Edge,
    Reflect,
    Wrap,
}

/// A list that old graphs have as an attribute and new ones as an input.
#[derive(Debug, Clone)]
enum Pads {
    Attribute(Vec<i64>),
    Input(usize),
}

#[derive(Debug, Clone)]
struct Pad {
    mode: Mode,
    pads: Pads,
    /// The constant, where it is an attribute.
    fill: f32,
    /// The input with the constant.
    value: Option<usize>,
    axes: Option<usize>,
}

pub(super) fn pad(context: &ParsingContext, node: &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let mode = match node.get_attr_opt("mode")?.unwrap_or("constant") {
        "constant" => Mode::Constant,
        "edge" => Mode::Edge,
        "reflect" => Mode::Reflect,
        "wrap" => Mode::Wrap,
        other => bail!("the mode {other:?} is not known"),
    };
    let fill = node.get_attr_opt("value")?.unwrap_or(0.0);
    if (1..11).contains(&context.onnx_operator_set_version) {
        let pads = Pads::Attribute(node.get_attr_vec("pads")?);
        return Ok((expand(Pad { mode, pads, fill, value: None, axes: None }), vec![]));
    }
    let mut inputs = optional_inputs(node).skip(2);
    let (value, axes) = (inputs.next().flatten(), inputs.next().flatten());
    Ok((expand(Pad { mode, pads: Pads::Input(1), fill, value, axes }), vec![]))
}

impl Pad {
    /// For each axis, what is added before and after, or taken away.
    fn amounts<'a>(&self, rank: usize, value: impl Fn(usize) -> Option<&'a Tensor>) -> TractResult<Vec<(i64, i64)>> {
        let list = |slot: usize| {
            let list = value(slot).context("what it pads is not constant")?.cast_to::<i64>()?;
            Ok::<_, TractError>(list.try_as_plain_ram()?.as_slice::<i64>()?.to_vec())
        };
        let pads = match &self.pads {
            Pads::Attribute(pads) => pads.clone(),
            Pads::Input(slot) => list(*slot)?,
        };
        let axes = self.axes.map_or_else(|| Ok((0..rank as i64).collect()), list)?;
        ensure!(pads.len() == 2 * axes.len(), "{} numbers for {} axes", pads.len(), axes.len());
        let mut amounts = vec![(0, 0); rank];
        for (index, axis) in axes.iter().enumerate() {
            let axis = if *axis < 0 { axis + rank as i64 } else { *axis };
            let amount = usize::try_from(axis).ok().and_then(|axis| amounts.get_mut(axis));
            *amount.with_context(|| format!("axis {axis} is not one of {rank}"))? =
                (pads[index], pads[index + axes.len()]);
        }
        Ok(amounts)
    }

    /// The inputs that say what is padded.
    fn read(&self) -> Vec<usize> {
        let pads = if let Pads::Input(slot) = self.pads { Some(slot) } else { None };
        [pads, self.axes].into_iter().flatten().collect()
    }
}

impl Expansion for Pad {
    fn name(&self) -> StaticName {
        "Pad".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_output_arity(outputs, 1)?;
        solver.equals(&inputs[0].datum_type, &outputs[0].datum_type)?;
        solver.equals(&inputs[0].rank, &outputs[0].rank)?;
        solver.given(&inputs[0].rank, move |solver, rank| {
            let read = self.read();
            let values: Vec<_> = read.iter().map(|&slot| &inputs[slot].value).collect();
            solver.given_all(values, move |solver, values| {
                let value = |slot| read.iter().position(|&it| it == slot).map(|place| &*values[place]);
                for (axis, (before, after)) in self.amounts(rank as usize, value)?.into_iter().enumerate() {
                    solver.equals(&outputs[0].shape[axis], inputs[0].shape[axis].bex() + (before + after).to_dim())?;
                }
                Ok(())
            })
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let facts = inputs.iter().map(|input| model.outlet_fact(*input).cloned()).collect::<TractResult<TVec<_>>>()?;
        let amounts = self.amounts(facts[0].rank(), |slot| facts[slot].konst.as_deref())?;
        let mut wire = inputs[0];
        for (axis, &(before, after)) in amounts.iter().enumerate().filter(|(_, pads)| pads.0 < 0 || pads.1 < 0) {
            let length = facts[0].shape[axis].to_i64()?;
            let (from, to) = (-before.min(0), length + after.min(0));
            ensure!(from <= to, "nothing is left of axis {axis}");
            wire = model.wire_node(format!("{prefix}.cut{axis}"), Slice::new(axis, from, to), &[wire])?[0];
        }
        if self.mode == Mode::Wrap {
            for (axis, &(before, after)) in amounts.iter().enumerate().filter(|(_, pads)| pads.0 > 0 || pads.1 > 0) {
                let length = model.outlet_fact(wire)?.shape[axis].to_i64()?;
                ensure!(length > 0, "axis {axis} is empty");
                let indices: Vec<i64> =
                    (-before.max(0)..length + after.max(0)).map(|position| position.rem_euclid(length)).collect();
                let indices = model.add_const(format!("{prefix}.indices{axis}"), tensor1(&indices))?;
                wire = model.wire_node(format!("{prefix}.wrap{axis}"), Gather::new(axis), &[wire, indices])?[0];
            }
            return Ok(tvec![wire]);
        }
        let pads: Vec<(usize, usize)> =
            amounts.iter().map(|&(before, after)| (before.max(0) as usize, after.max(0) as usize)).collect();
        if self.mode != Mode::Constant && pads.iter().all(|pads| *pads == (0, 0)) {
            return Ok(tvec![wire]);
        }
        let mode = match self.mode {
            Mode::Edge => PadMode::Edge,
            Mode::Reflect => PadMode::Reflect,
            Mode::Constant | Mode::Wrap => {
                let value = match self.value {
                    Some(slot) => {
                        facts[slot].konst.clone().context("the constant that it pads with is not constant")?
                    }
                    None => tensor0(self.fill).into_arc_tensor(),
                };
                let value = value.cast_to_dt(facts[0].datum_type)?.into_owned();
                PadMode::Constant(value.into_shape(&[])?.into_arc_tensor())
            }
        };
        model.wire_node(prefix, TractPad { pads, mode }, &[wire])
    }
}
