//! Grad-CAM: each channel of a layer, weighted by its mean gradient (Selvaraju et al., ICCV 2017).

use super::cam::{GradientCam, channel_means, weighted_sum};
use super::{Family, MethodInfo, Needs, Sign};

/// `sum_c mean_hw(G_c) * A_c`.
pub(super) static GRAD_CAM: MethodInfo = MethodInfo {
    name: "grad-cam",
    family: Family::Cam,
    help: "a layer's channels, each weighted by its mean gradient",
    reference: "Selvaraju et al., Grad-CAM, ICCV 2017",
    needs: Needs { gradient: true, layer: true, superpixels: false, seed: false },
    sign: Sign::Positive,
    params: &[],
    caution: None,
    method: &GradientCam { name: "grad-cam", map: |at| weighted_sum(&channel_means(&at.gradient), &at.activation) },
};
