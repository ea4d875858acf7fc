//! `Resize` and `Upsample`: from their attributes to weighted sums along axes.

use tract_onnx::model::{ParsingContext, optional_inputs};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::interpolation::{Along, Coordinates, Interpolation, Kernel, Nearest};
use crate::autodiff::{Resample, Taps};

type Built = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

/// How sizes are made to fit an aspect ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aspect {
    Stretch,
    NotLarger,
    NotSmaller,
}

/// Where a node has its list of scales.
#[derive(Debug, Clone)]
enum Scales {
    None,
    Input(usize),
    Attribute(Vec<f32>),
}

/// A `Resize` node. Inputs are counted without those that are left out.
#[derive(Debug, Clone)]
struct Resize {
    interpolation: Interpolation,
    fill: f32,
    aspect: Aspect,
    axes: Option<Vec<i64>>,
    region: Option<usize>,
    scales: Scales,
    sizes: Option<usize>,
}

/// What a node says about one axis.
struct Requested {
    axis: usize,
    scale: f32,
    after: usize,
    region: (f32, f32),
}

pub(super) fn resize(context: &ParsingContext, node: &NodeProto) -> Built {
    let version = context.onnx_operator_set_version;
    let mut op = common(node)?;
    let mut inputs = optional_inputs(node).skip(1);
    if version <= 10 {
        op.interpolation.coordinates = Coordinates::Asymmetric;
        op.interpolation.nearest = Nearest::Simple;
    } else {
        op.region = inputs.next().flatten();
    }
    op.scales = inputs.next().flatten().map_or(Scales::None, Scales::Input);
    if version > 10 {
        op.sizes = inputs.next().flatten();
    }
    Ok((expand(op), vec![]))
}

/// What `Resize` was called until opset 9.
pub(super) fn upsample(_context: &ParsingContext, node: &NodeProto) -> Built {
    let mut op = common(node)?;
    op.interpolation.coordinates = Coordinates::Asymmetric;
    op.interpolation.nearest = Nearest::Simple;
    op.scales = match node.get_attr_opt_vec("scales")? {
        Some(scales) => Scales::Attribute(scales),
        None if node.input.len() > 1 => Scales::Input(1),
        None => Scales::Attribute(vec![1.0, 1.0, node.get_attr("height_scale")?, node.get_attr("width_scale")?]),
    };
    Ok((expand(op), vec![]))
}

fn common(node: &NodeProto) -> TractResult<Resize> {
    let text = |name, default| Ok::<_, TractError>(node.get_attr_opt::<&str>(name)?.unwrap_or(default));
    let flag = |name| Ok::<_, TractError>(node.get_attr_opt::<i64>(name)?.unwrap_or(0) != 0);
    let coefficient = node.get_attr_opt("cubic_coeff_a")?.unwrap_or(-0.75);
    let interpolation = Interpolation {
        kernel: match text("mode", "nearest")? {
            "nearest" => Kernel::Nearest,
            "linear" | "bilinear" => Kernel::Linear,
            "cubic" => Kernel::Cubic(coefficient),
            other => bail!("the mode {other:?} is not known"),
        },
        coordinates: Coordinates::parse(text("coordinate_transformation_mode", "half_pixel")?)?,
        nearest: Nearest::parse(text("nearest_mode", "round_prefer_floor")?)?,
        antialias: flag("antialias")?,
        exclude_outside: flag("exclude_outside")?,
    };
    Ok(Resize {
        interpolation,
        fill: node.get_attr_opt("extrapolation_value")?.unwrap_or(0.0),
        aspect: match text("keep_aspect_ratio_policy", "stretch")? {
            "stretch" => Aspect::Stretch,
            "not_larger" => Aspect::NotLarger,
            "not_smaller" => Aspect::NotSmaller,
            other => bail!("the policy {other:?} is not known"),
        },
        axes: node.get_attr_opt_vec("axes")?,
        region: None,
        scales: Scales::None,
        sizes: None,
    })
}

impl Resize {
    /// The axes that scales, sizes and regions are about.
    fn axes(&self, rank: usize) -> TractResult<Vec<usize>> {
        let Some(axes) = &self.axes else { return Ok((0..rank).collect()) };
        let resolve = |&axis: &i64| {
            let axis = if axis < 0 { axis + rank as i64 } else { axis };
            ensure!((0..rank as i64).contains(&axis), "axis {axis} is not one of {rank}");
            Ok(axis as usize)
        };
        axes.iter().map(resolve).collect()
    }

    /// The inputs besides the tensor.
    fn read(&self) -> Vec<usize> {
        let scales = if let Scales::Input(slot) = self.scales { Some(slot) } else { None };
        [self.region, scales, self.sizes].into_iter().flatten().collect()
    }

    /// What becomes of each axis. `value` has the constant value of an input.
    fn requested<'a>(
        &self,
        before: &[usize],
        value: impl Fn(usize) -> Option<&'a Tensor>,
    ) -> TractResult<Vec<Requested>> {
        let axes = self.axes(before.len())?;
        let given = |slot: Option<usize>| slot.and_then(&value).filter(|list| list.len() > 0);
        let scales = match &self.scales {
            Scales::None => None,
            Scales::Input(slot) => given(Some(*slot)).map(numbers).transpose()?,
            Scales::Attribute(scales) => Some(scales.clone()),
        };
        let (scales, after) = match (scales, given(self.sizes)) {
            (Some(scales), _) => {
                ensure!(scales.len() == axes.len(), "{} scales for {} axes", scales.len(), axes.len());
                let after = axes.iter().zip(&scales).map(|(&axis, scale)| (before[axis] as f32 * scale) as usize);
                let after = after.collect();
                (scales, after)
            }
            (None, Some(sizes)) => self.fitted(before, &axes, &integers(sizes)?)?,
            (None, None) => bail!("its scales or sizes are not constant"),
        };
        let region = match given(self.region) {
            Some(region) if self.interpolation.coordinates == Coordinates::CropAndResize => numbers(region)?,
            None if self.interpolation.coordinates == Coordinates::CropAndResize => bail!("its region is not constant"),
            _ => [vec![0.0; axes.len()], vec![1.0; axes.len()]].concat(),
        };
        ensure!(region.len() == 2 * axes.len(), "a region of {} numbers for {} axes", region.len(), axes.len());
        let request = |(position, axis)| Requested {
            axis,
            scale: scales[position],
            after: after[position],
            region: (region[position], region[position + axes.len()]),
        };
        Ok(axes.iter().copied().enumerate().map(request).collect())
    }

    /// The scales that sizes ask for, and the sizes that they lead to.
    fn fitted(&self, before: &[usize], axes: &[usize], sizes: &[usize]) -> TractResult<(Vec<f32>, Vec<usize>)> {
        ensure!(sizes.len() == axes.len(), "{} sizes for {} axes", sizes.len(), axes.len());
        let ratios: Vec<f32> = axes.iter().zip(sizes).map(|(&axis, &size)| size as f32 / before[axis] as f32).collect();
        let common = match self.aspect {
            Aspect::Stretch => return Ok((ratios, sizes.to_vec())),
            Aspect::NotLarger => ratios.into_iter().reduce(f32::min),
            Aspect::NotSmaller => ratios.into_iter().reduce(f32::max),
        };
        let scale = common.context("it has no axes")?;
        let after = axes.iter().map(|&axis| (before[axis] as f32 * scale).round() as usize).collect();
        Ok((vec![scale; axes.len()], after))
    }

    fn resample<'a>(&self, before: &[usize], value: impl Fn(usize) -> Option<&'a Tensor>) -> TractResult<Resample> {
        let mut taps = tvec![];
        for request in self.requested(before, value)? {
            let length = before[request.axis];
            let along = Along { scale: request.scale, before: length, after: request.after, region: request.region };
            if !along.is_kept() {
                taps.push(Taps { axis: request.axis, length, rows: self.interpolation.rows(&along)? });
            }
        }
        Ok(Resample { taps, fill: self.fill })
    }
}

fn numbers(list: &Tensor) -> TractResult<Vec<f32>> {
    let list = list.cast_to::<f32>()?;
    Ok(list.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
}

fn integers(list: &Tensor) -> TractResult<Vec<usize>> {
    let list = list.cast_to::<i64>()?;
    let convert = |&size: &i64| usize::try_from(size).with_context(|| format!("{size} is not a size"));
    list.try_as_plain_ram()?.as_slice::<i64>()?.iter().map(convert).collect()
}

impl Expansion for Resize {
    fn name(&self) -> StaticName {
        "Resize".into()
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
        solver.given(&inputs[0].shape, move |solver, shape| {
            let before: Option<Vec<usize>> = shape.iter().map(|side| side.to_usize().ok()).collect();
            let Some(before) = before else { return Ok(()) };
            let read = self.read();
            let values: Vec<_> = read.iter().map(|&slot| &inputs[slot].value).collect();
            solver.given_all(values, move |solver, values| {
                let value = |slot| read.iter().position(|&it| it == slot).map(|place| &*values[place]);
                let after = self.resample(&before, value)?.shape(&before)?;
                let after: TVec<TDim> = after.iter().map(ToDim::to_dim).collect();
                solver.equals(&outputs[0].shape, after)
            })
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let facts = inputs.iter().map(|input| model.outlet_fact(*input).cloned()).collect::<TractResult<TVec<_>>>()?;
        let before = facts[0].shape.as_concrete().context("the shape of its input is not known")?;
        let resample = self.resample(before, |slot| facts[slot].konst.as_deref())?;
        model.wire_node(prefix, resample, &inputs[..1])
    }
}
