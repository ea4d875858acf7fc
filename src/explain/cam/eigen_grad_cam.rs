//! Eigen-Grad-CAM: the first principal component of activation times gradient.

use super::{AUG_SMOOTH, Channels, GradientCam};
use crate::explain::{Family, MethodInfo, Needs};

/// `G * A`, centred, projected on its first right singular vector; the sign is chosen by [`super::projection`].
pub(in crate::explain) static EIGEN_GRAD_CAM: MethodInfo = MethodInfo {
    name: "eigen-grad-cam",
    family: Family::Cam,
    help: "the first principal component of activation times gradient",
    reference: "pytorch-grad-cam, EigenGradCAM",
    needs: Needs { gradient: true, layer: true, ..Needs::NOTHING },
    own_params: &[AUG_SMOOTH],
    caution: None,
    method: &GradientCam { contributions: |at| &at.gradient * &at.activation, channels: Channels::Project },
};
