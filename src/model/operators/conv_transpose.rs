//! `ConvTranspose`: what is padded, and what is added at the end, where an output shape or a rule is given instead.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::cnn::{Deconv, KernelFormat, PaddingSpec, PoolSpec};
use tract_onnx::tract_core::ops::nn::DataFormat;
use tract_onnx::tract_hir::internal::*;

/// How padding is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Automatic {
    /// As `pads` says; where an output shape is given instead, an odd rest goes to the start.
    No,
    None,
    /// So much that the output is `stride` times as long; an odd rest goes to the end.
    Upper,
    /// The same, with an odd rest at the start.
    Lower,
}

#[derive(Debug, Clone)]
struct ConvTranspose {
    automatic: Automatic,
    pads: Option<TVec<usize>>,
    strides: Option<TVec<usize>>,
    dilations: Option<TVec<usize>>,
    extra: Option<TVec<usize>>,
    output: Option<TVec<usize>>,
    group: usize,
}

pub(super) fn conv_transpose(
    _context: &ParsingContext,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let automatic = match node.get_attr_opt("auto_pad")?.unwrap_or("NOTSET") {
        "NOTSET" => Automatic::No,
        "VALID" => Automatic::None,
        "SAME_UPPER" => Automatic::Upper,
        "SAME_LOWER" => Automatic::Lower,
        other => bail!("the padding {other:?} is not known"),
    };
    let op = ConvTranspose {
        automatic,
        pads: node.get_attr_opt_tvec("pads")?,
        strides: node.get_attr_opt_tvec("strides")?,
        dilations: node.get_attr_opt_tvec("dilations")?,
        extra: node.get_attr_opt_tvec("output_padding")?,
        output: node.get_attr_opt_tvec("output_shape")?,
        group: node.get_attr_opt("group")?.unwrap_or(1),
    };
    Ok((expand(op), vec![]))
}

/// One axis of the image, in pixels.
struct Padding {
    before: usize,
    after: usize,
    /// What is added to the output's end.
    extra: usize,
    output: usize,
}

impl ConvTranspose {
    /// `image` and `kernel` are spatial shapes.
    fn paddings(&self, image: &[usize], kernel: &[usize]) -> TractResult<TVec<Padding>> {
        let rank = image.len();
        ensure!(rank > 0 && kernel.len() == rank, "a kernel of {} axes for an image of {rank}", kernel.len());
        let fits = |list: &Option<TVec<usize>>, length| list.as_ref().is_none_or(|list| list.len() == length);
        let attributes = [&self.strides, &self.dilations, &self.extra];
        ensure!(
            attributes.iter().all(|list| fits(list, rank)) && fits(&self.pads, 2 * rank),
            "its attributes do not fit"
        );
        // An output shape may be given with the axes of images and channels, or without.
        let given = self.output.as_deref().map(|list| list.get(list.len().saturating_sub(rank)..).unwrap_or_default());
        ensure!(given.is_none_or(|list| list.len() == rank), "its output shape does not fit");
        let at = |list: &Option<TVec<usize>>, axis: usize, default| list.as_ref().map_or(default, |list| list[axis]);
        let padding = |axis: usize| {
            let (stride, extra) = (at(&self.strides, axis, 1), at(&self.extra, axis, 0));
            ensure!(image[axis] > 0 && kernel[axis] > 0 && stride > 0, "an image or a kernel without pixels");
            let reach = (kernel[axis] - 1) * at(&self.dilations, axis, 1) + 1;
            let full = (image[axis] - 1) * stride + extra + reach;
            let same = matches!(self.automatic, Automatic::Upper | Automatic::Lower);
            let wanted = given.map(|given| given[axis]).or_else(|| same.then(|| image[axis] * stride));
            let (before, after) = match wanted {
                Some(wanted) => {
                    let total = full.saturating_sub(wanted);
                    let less = total / 2;
                    if self.automatic == Automatic::Upper { (less, total - less) } else { (total - less, less) }
                }
                None if self.automatic == Automatic::None => (0, 0),
                None => (at(&self.pads, axis, 0), at(&self.pads, axis + rank, 0)),
            };
            let left =
                full.checked_sub(before + after).filter(|left| *left > 0).context("its padding leaves nothing")?;
            let output = given.map_or(left, |given| given[axis]);
            Ok(Padding { before, after, extra: extra + (output - left), output })
        };
        (0..rank).map(padding).collect()
    }
}

impl Expansion for ConvTranspose {
    fn name(&self) -> StaticName {
        "ConvTranspose".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        ensure!((2..=3).contains(&inputs.len()), "it has {} inputs", inputs.len());
        check_output_arity(outputs, 1)?;
        for input in inputs {
            solver.equals(&input.datum_type, &outputs[0].datum_type)?;
        }
        solver.equals(&inputs[0].rank, &inputs[1].rank)?;
        solver.equals(&inputs[0].rank, &outputs[0].rank)?;
        solver.equals(&inputs[0].shape[1], &inputs[1].shape[0])?;
        solver.given_2(&inputs[0].shape, &inputs[1].shape, move |solver, image, kernel| {
            let concrete = |shape: &[TDim]| shape.iter().map(|side| side.to_usize().ok()).collect::<Option<TVec<_>>>();
            let (Some(image), Some(kernel)) = (concrete(&image), concrete(&kernel)) else { return Ok(()) };
            ensure!(image.len() > 2 && kernel.len() > 2, "an image of rank {}", image.len());
            let mut shape: TVec<TDim> = tvec![image[0].to_dim(), (kernel[1] * self.group).to_dim()];
            shape.extend(self.paddings(&image[2..], &kernel[2..])?.iter().map(|padding| padding.output.to_dim()));
            solver.equals(&outputs[0].shape, shape)
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let concrete = |outlet| {
            let shape = model.outlet_fact(outlet)?.shape.as_concrete().map(TVec::from);
            shape.context("the shape of its input is not known")
        };
        let (image, shape): (TVec<usize>, TVec<usize>) = (concrete(inputs[0])?, concrete(inputs[1])?);
        let paddings = self.paddings(&image[2..], &shape[2..])?;
        // ONNX has the kernel as `[G * I, O, taps...]`, tract as `[G * O, I, taps...]`.
        let split = AxisOp::wire_split_axis(model, format!("{prefix}.kernel_groups"), inputs[1], 0, self.group)?;
        let swapped = model.wire_node(format!("{prefix}.kernel_swapped"), AxisOp::Move(1, 2), &split)?;
        let kernel = AxisOp::wire_collapse_axis(model, format!("{prefix}.kernel"), swapped[0], 0)?[0];
        let bias = if let Some(&bias) = inputs.get(2) {
            bias
        } else {
            let zero = Tensor::zero_scalar_dt(model.outlet_fact(inputs[0])?.datum_type)?;
            model.add_const(format!("{prefix}.bias"), zero)?
        };
        let each = |side: fn(&Padding) -> usize| paddings.iter().map(side).collect::<TVec<usize>>();
        let spec = PoolSpec::new(
            DataFormat::NCHW,
            shape[2..].into(),
            PaddingSpec::Explicit(each(|padding| padding.before), each(|padding| padding.after)),
            self.dilations.clone(),
            self.strides.clone(),
            shape[0],
            shape[1] * self.group,
        );
        let op = Deconv::new(spec, KernelFormat::OIHW, each(|padding| padding.extra), self.group);
        model.wire_node(prefix, op, &[inputs[0], kernel, bias])
    }
}
