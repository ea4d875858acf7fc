//! HiResCAM: activation times gradient, place by place (Draelos and Carin, 2020).

use super::{AUG_SMOOTH, Channels, EIGEN_SMOOTH, GradientCam};
use crate::explain::{Family, MethodInfo, Needs};

/// `sum_c G_c * A_c`.
pub(in crate::explain) static HIRES_CAM: MethodInfo = MethodInfo {
    name: "hires-cam",
    family: Family::Cam,
    help: "activation times gradient, place by place: exact for a linear head",
    reference: "Draelos and Carin, HiResCAM, 2020",
    needs: Needs { gradient: true, layer: true, ..Needs::NOTHING },
    own_params: &[EIGEN_SMOOTH, AUG_SMOOTH],
    caution: None,
    method: &GradientCam { contributions: |at| &at.gradient * &at.activation, channels: Channels::Sum },
};
