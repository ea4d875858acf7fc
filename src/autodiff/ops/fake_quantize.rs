//! Quantisation that stays in floating point, and its gradient.

use tract_onnx::tract_core::internal::*;

/// What `QuantizeLinear` followed by `DequantizeLinear` makes of a tensor, in its own type: each number is rounded to a
/// multiple of the scale (half to even) and clipped to what the integer type holds.
///
/// The gradient goes straight through where nothing was clipped and is zero elsewhere, as in torch's fake quantisation.
#[derive(Debug, Clone, PartialEq)]
pub struct FakeQuantize {
    /// The size of one step: one number, or one for each position along `axis`.
    pub scale: TVec<f32>,
    /// The integer that stands for zero: as many numbers.
    pub zero_point: TVec<f32>,
    /// The smallest integer.
    pub low: f32,
    /// The largest integer.
    pub high: f32,
    /// The axis of the scales; of no meaning where there is only one.
    pub axis: usize,
}

impl Eq for FakeQuantize {}

/// One channel's numbers.
#[derive(Clone, Copy)]
struct Steps {
    scale: f32,
    zero_point: f32,
    low: f32,
    high: f32,
}

impl Steps {
    /// The integer for `value`, before it is clipped.
    fn level(self, value: f32) -> f32 {
        (value / self.scale).round_ties_even() + self.zero_point
    }

    fn quantise(self, value: f32) -> f32 {
        (self.level(value).clamp(self.low, self.high) - self.zero_point) * self.scale
    }

    fn holds(self, value: f32) -> bool {
        (self.low..=self.high).contains(&self.level(value))
    }
}

impl FakeQuantize {
    fn fits(&self, fact: &TypedFact) -> TractResult<()> {
        ensure!(fact.datum_type.is_float(), "{:?} is not a floating-point type", fact.datum_type);
        ensure!(!self.scale.is_empty() && self.scale.len() == self.zero_point.len(), "one zero point for each scale");
        let along = self.scale.len();
        ensure!(
            along == 1 || fact.shape.get(self.axis) == Some(&along.to_dim()),
            "{along} scales do not fit the tensor"
        );
        Ok(())
    }

    fn steps(&self, channel: usize) -> Steps {
        let (scale, zero_point) = (self.scale[channel], self.zero_point[channel]);
        Steps { scale, zero_point, low: self.low, high: self.high }
    }

    /// Changes each run of `values` of one channel.
    fn each_channel(&self, shape: &[usize], values: &mut [f32], change: impl Fn(Steps, usize, &mut [f32])) {
        let run = if self.scale.len() == 1 { values.len() } else { shape[self.axis + 1..].iter().product() };
        if run == 0 {
            return;
        }
        for (index, values) in values.chunks_mut(run).enumerate() {
            change(self.steps(index % self.scale.len()), index * run, values);
        }
    }

    /// The operator after a change of axes, if it can follow.
    fn moved(&self, change: &AxisOp) -> Option<FakeQuantize> {
        let axis = if self.scale.len() == 1 { self.axis } else { change.transform_axis(self.axis)? };
        Some(FakeQuantize { axis, ..self.clone() })
    }
}

impl Op for FakeQuantize {
    fn name(&self) -> StaticName {
        "FakeQuantize".into()
    }

    op_as_typed_op!();
}

impl EvalOp for FakeQuantize {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let dt = input.datum_type();
        let mut result = input.cast_to::<f32>()?.into_owned();
        let shape: TVec<usize> = result.shape().into();
        let mut view = result.try_as_plain_ram_mut()?;
        self.each_channel(&shape, view.as_slice_mut::<f32>()?, |steps, _, values| {
            values.iter_mut().for_each(|value| *value = steps.quantise(*value));
        });
        Ok(tvec!(result.cast_to_dt(dt)?.into_owned().into_tvalue()))
    }
}

impl TypedOp for FakeQuantize {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.fits(inputs[0])?;
        Ok(tvec!(inputs[0].without_value()))
    }

    fn axes_mapping(&self, inputs: &[&TypedFact], outputs: &[&TypedFact]) -> TractResult<AxesMapping> {
        // What is cut along the axis of the scales no longer fits them.
        if self.scale.len() > 1 {
            return AxesMapping::disconnected(inputs, outputs);
        }
        AxesMapping::natural(inputs, outputs)
    }

    fn change_axes(
        &self,
        model: &TypedModel,
        node: &TypedNode,
        _io: InOut,
        change: &AxisOp,
    ) -> TractResult<Option<AxisChangeConsequence>> {
        let op = self.moved(change);
        Ok(op.map(|op| AxisChangeConsequence::new(model, node, Some(Box::new(op)), change)))
    }

    as_op!();
}

/// The gradient of [`FakeQuantize`], from the gradient of its output and its input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::autodiff) struct StraightThrough(pub(in crate::autodiff) FakeQuantize);

impl Op for StraightThrough {
    fn name(&self) -> StaticName {
        "StraightThrough".into()
    }

    op_as_typed_op!();
}

impl EvalOp for StraightThrough {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (gradient, input) = args_2!(inputs);
        let dt = gradient.datum_type();
        let mut result = gradient.cast_to::<f32>()?.into_owned();
        let shape: TVec<usize> = result.shape().into();
        let input = input.cast_to::<f32>()?;
        let input = input.try_as_plain_ram()?;
        let input = input.as_slice::<f32>()?;
        let mut view = result.try_as_plain_ram_mut()?;
        self.0.each_channel(&shape, view.as_slice_mut::<f32>()?, |steps, start, gradient| {
            for (gradient, &value) in gradient.iter_mut().zip(&input[start..]) {
                *gradient = if steps.holds(value) { *gradient } else { 0.0 };
            }
        });
        Ok(tvec!(result.cast_to_dt(dt)?.into_owned().into_tvalue()))
    }
}

impl TypedOp for StraightThrough {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.0.fits(inputs[0])?;
        ensure!(inputs.len() == 2 && inputs[0].shape == inputs[1].shape, "a gradient has the shape of its value");
        Ok(tvec!(inputs[0].without_value()))
    }

    fn change_axes(
        &self,
        model: &TypedModel,
        node: &TypedNode,
        _io: InOut,
        change: &AxisOp,
    ) -> TractResult<Option<AxisChangeConsequence>> {
        let op = self.0.moved(change).map(StraightThrough);
        Ok(op.map(|op| AxisChangeConsequence::new(model, node, Some(Box::new(op)), change)))
    }

    as_op!();
}
