//! Grad-CAM: each channel of a layer, weighted by its mean gradient (Selvaraju et al., ICCV 2017).

use super::{AUG_SMOOTH, Channels, EIGEN_SMOOTH, GradientCam, channel_sums, weighted};
use crate::explain::{Family, MethodInfo, Needs};

/// `sum_c mean_hw(G_c) * A_c`.
pub(in crate::explain) static GRAD_CAM: MethodInfo = MethodInfo {
    name: "grad-cam",
    family: Family::Cam,
    help: "a layer's channels, each weighted by its mean gradient",
    reference: "Selvaraju et al., Grad-CAM, ICCV 2017",
    needs: Needs { gradient: true, layer: true, ..Needs::NOTHING },
    own_params: &[EIGEN_SMOOTH, AUG_SMOOTH],
    caution: None,
    method: &GradientCam {
        contributions: |at| {
            let places = at.gradient.len() / at.gradient.dim().0.max(1);
            weighted(&(channel_sums(&at.gradient) / places as f32), &at.activation)
        },
        channels: Channels::Sum,
    },
};
