//! HiResCAM: activation times gradient, place by place (Draelos and Carin, 2020).

use super::cam::{AUG_SMOOTH, Channels, EIGEN_SMOOTH, GradientCam};
use super::{Family, MethodInfo, Needs, Sign};

/// `sum_c G_c * A_c`.
pub(super) static HIRES_CAM: MethodInfo = MethodInfo {
    name: "hires-cam",
    family: Family::Cam,
    help: "activation times gradient, place by place: exact for a linear head",
    reference: "Draelos and Carin, HiResCAM, 2020",
    needs: Needs { gradient: true, layer: true, superpixels: false, seed: false },
    sign: Sign::Positive,
    own_params: &[EIGEN_SMOOTH, AUG_SMOOTH],
    caution: None,
    method: &GradientCam { name: "hires-cam", evidence: |at| &at.gradient * &at.activation, channels: Channels::Sum },
};
