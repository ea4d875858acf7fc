//! Element-wise Grad-CAM: only what each channel adds at each place, nothing that it takes away.

use super::{AUG_SMOOTH, Channels, EIGEN_SMOOTH, GradientCam};
use crate::explain::{Family, MethodInfo, Needs};

/// `sum_c relu(G_c * A_c)`.
pub(in crate::explain) static ELEMENTWISE_GRAD_CAM: MethodInfo = MethodInfo {
    name: "elementwise-grad-cam",
    family: Family::Cam,
    help: "activation times gradient, positive parts only",
    reference: "pytorch-grad-cam, GradCAMElementWise",
    needs: Needs { gradient: true, layer: true, ..Needs::NOTHING },
    own_params: &[EIGEN_SMOOTH, AUG_SMOOTH],
    caution: None,
    method: &GradientCam {
        contributions: |at| (&at.gradient * &at.activation).mapv_into(|value| value.max(0.0)),
        channels: Channels::Sum,
    },
};
