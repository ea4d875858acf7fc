//! Grad-CAM++: gradients weighted so that several objects of the class all count (Chattopadhay et al., WACV 2018).

use super::{AUG_SMOOTH, Channels, EIGEN_SMOOTH, GradientCam, channel_sums, weighted};
use crate::explain::{Family, MethodInfo, Needs};
use crate::network::LayerGradient;
use ndarray::{Array3, Axis, Zip};

fn contributions(at: &LayerGradient) -> Array3<f32> {
    let sums = channel_sums(&at.activation);
    let sums = sums.view().insert_axis(Axis(1)).insert_axis(Axis(2));
    let shares = Zip::from(&at.gradient).and_broadcast(&sums).map_collect(|&g, &sum| {
        let alpha = if g == 0.0 { 0.0 } else { g * g / (2.0 * g * g + sum * g * g * g + 1e-6) };
        alpha * g.max(0.0)
    });
    weighted(&channel_sums(&shares), &at.activation)
}

/// `w_c = sum_hw(alpha * relu(G_c))`, `alpha = G^2 / (2 G^2 + sum_hw(A_c) G^3 + 1e-6)`, 0 where `G` is 0.
pub(in crate::explain) static GRAD_CAM_PLUS_PLUS: MethodInfo = MethodInfo {
    name: "grad-cam++",
    family: Family::Cam,
    help: "like grad-cam, with weights that count every object of the class",
    reference: "Chattopadhay et al., Grad-CAM++, WACV 2018",
    needs: Needs { gradient: true, layer: true, ..Needs::NOTHING },
    own_params: &[EIGEN_SMOOTH, AUG_SMOOTH],
    caution: None,
    method: &GradientCam { contributions, channels: Channels::Sum },
};
