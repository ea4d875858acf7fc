//! Guided backpropagation, alone and with Grad-CAM (Springenberg et al., 2015; Selvaraju et al., 2017).
//!
//! It draws sharp edges, whatever the weights of the upper layers are: it fails the model-randomisation check of Adebayo et
//! al. (NeurIPS 2018), and says so wherever it is offered.

use ndarray::{Array2, ArrayD, Axis};
use tract_onnx::tract_core::internal::TypedOp;
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::math::{self, Max};

use crate::autodiff::{Adjoint, Rule, RuleResult, Rules};
use crate::explain::cam;
use crate::explain::gradient;
use crate::explain::params::words;
use crate::explain::{
    Attribution, ExplainError, Family, Method, MethodInfo, Monitor, Needs, Param, ParamKind, Request, Subject,
};
use crate::network::{Backward, BackwardKind, LayerGradient, NetworkError};
use crate::raster::resize::{Corners, resize_map};

const CAUTION: Option<&str> =
    Some("stays nearly the same when the upper layers' weights are random: it shows edges more than reasons");

#[derive(Clone, Copy)]
enum Upsampling {
    Bilinear,
    Nearest,
}

const UPSAMPLINGS: [(&str, Upsampling); 2] = [("bilinear", Upsampling::Bilinear), ("nearest", Upsampling::Nearest)];

const UPSAMPLING: Param = Param {
    name: "upsampling",
    kind: ParamKind::Choice { default: UPSAMPLINGS[0].0, options: &words(&UPSAMPLINGS) },
    help: "how the layer's map is enlarged; captum's default is nearest",
};

/// The gradient with only positive parts passed on at each ReLU.
pub(in crate::explain) static GUIDED_BACKPROP: MethodInfo = MethodInfo {
    name: "guided-backprop",
    family: Family::Gradient,
    help: "the gradient with only positive parts passed on at each ReLU",
    reference: "Springenberg et al., Striving for simplicity, 2015",
    needs: Needs { gradient: true, ..Needs::NOTHING },
    own_params: &[],
    caution: CAUTION,
    method: &GuidedBackprop,
};

/// Guided backpropagation times the rectified Grad-CAM, enlarged.
pub(in crate::explain) static GUIDED_GRAD_CAM: MethodInfo = MethodInfo {
    name: "guided-grad-cam",
    family: Family::Gradient,
    help: "guided-backprop where grad-cam is warm",
    reference: "Selvaraju et al., Grad-CAM, ICCV 2017",
    needs: Needs { gradient: true, layer: true, ..Needs::NOTHING },
    own_params: &[UPSAMPLING],
    caution: CAUTION,
    method: &GuidedGradCam,
};

struct GuidedBackprop;

impl Method for GuidedBackprop {
    fn explain(
        &self,
        subject: Subject<'_>,
        request: &Request,
        monitor: &Monitor<'_>,
    ) -> Result<Attribution, ExplainError> {
        monitor.check()?;
        let cotangent = request.target.cotangent(&subject.pass.logits)?;
        let gradient = guided_gradient(subject, &cotangent)?;
        Ok(gradient::signed(gradient::channels_first(gradient, subject)))
    }
}

struct GuidedGradCam;

impl Method for GuidedGradCam {
    fn explain(
        &self,
        subject: Subject<'_>,
        request: &Request,
        monitor: &Monitor<'_>,
    ) -> Result<Attribution, ExplainError> {
        monitor.check()?;
        let layers = cam::layers(subject, &request.layer)?;
        let layer = layers[0];
        let cotangent = request.target.cotangent(&subject.pass.logits)?;
        let at_layer = subject.network.layer_gradient(subject.pass, layer, &cotangent)?;
        let map = enlarged(&rectified_cam(&at_layer), subject, request);
        monitor.check()?;
        let gradient = guided_gradient(subject, &cotangent)?;
        let values = gradient::channels_first(gradient, subject) * &map.insert_axis(Axis(0));
        let mut attribution = gradient::signed(values);
        attribution.layers = vec![subject.network.layers()[layer].name.clone()];
        Ok(attribution)
    }
}

/// `relu(sum_c mean_hw(G_c) * A_c)`.
fn rectified_cam(at: &LayerGradient) -> Array2<f32> {
    let (_, height, width) = at.gradient.dim();
    let weights = cam::channel_sums(&at.gradient) / (height * width) as f32;
    cam::weighted(&weights, &at.activation).sum_axis(Axis(0)).mapv_into(|value| value.max(0.0))
}

fn enlarged(map: &Array2<f32>, subject: Subject<'_>, request: &Request) -> Array2<f32> {
    let (height, width) = subject.network.input_extent();
    match request.choice(&UPSAMPLING, &UPSAMPLINGS) {
        Upsampling::Bilinear => resize_map(map, height, width, Corners::Edges),
        Upsampling::Nearest => {
            let (rows, columns) = map.dim();
            Array2::from_shape_fn((height, width), |(y, x)| map[[y * rows / height, x * columns / width]])
        }
    }
}

/// The gradient at the input where each ReLU passes on only what is positive.
fn guided_gradient(subject: Subject<'_>, cotangent: &[f32]) -> Result<ArrayD<f32>, NetworkError> {
    let backward = Backward::new(BackwardKind::Guided, Rules { overrides: &[&GuidedRelu] });
    Ok(subject.network.backward(&backward, subject.pass.input.view(), cotangent)?.1)
}

/// Of the gradient that arrives at a ReLU, only the positive part goes on.
struct GuidedRelu;

impl Rule for GuidedRelu {
    fn operator(&self) -> &'static str {
        "Max"
    }

    /// Clips the arriving gradient and leaves the rest to the true rule.
    fn apply(&self, op: &dyn TypedOp, node: &mut Adjoint<'_>) -> Option<RuleResult> {
        op.downcast_ref::<TypedBinOp>()?.0.downcast_ref::<Max>()?;
        let bound = (0..node.input_count()).find_map(|slot| node.constant_value(node.input(slot)).ok()?)?;
        let is_zero = bound.cast_to::<f32>().is_ok_and(|bound| {
            bound
                .try_as_plain_ram()
                .is_ok_and(|bound| bound.as_slice::<f32>().is_ok_and(|all| all.iter().all(|v| *v == 0.0)))
        });
        if !is_zero {
            return None;
        }
        let clip = || {
            let zero = node.constant("zero", bound)?;
            let gradient = node.output_gradient()?;
            let positive = node.wire("positive", math::max(), &[gradient, zero])?;
            node.set_gradient(0, positive);
            Ok(())
        };
        clip().err().map(Err)
    }
}
