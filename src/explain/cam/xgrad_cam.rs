//! XGrad-CAM: weights that conserve the score as far as possible (Fu et al., BMVC 2020).

use super::{AUG_SMOOTH, Channels, EIGEN_SMOOTH, GradientCam, channel_sums, weighted};
use crate::explain::{Family, MethodInfo, Needs};

/// `w_c = sum_hw(G_c A_c) / (sum_hw(A_c) + 1e-7)`.
pub(in crate::explain) static XGRAD_CAM: MethodInfo = MethodInfo {
    name: "xgrad-cam",
    family: Family::Cam,
    help: "weights normalised by each channel's activation",
    reference: "Fu et al., XGrad-CAM, BMVC 2020",
    needs: Needs { gradient: true, layer: true, ..Needs::NOTHING },
    own_params: &[EIGEN_SMOOTH, AUG_SMOOTH],
    caution: None,
    method: &GradientCam {
        contributions: |at| {
            let weights = channel_sums(&(&at.gradient * &at.activation)) / (channel_sums(&at.activation) + 1e-7);
            weighted(&weights, &at.activation)
        },
        channels: Channels::Sum,
    },
};
