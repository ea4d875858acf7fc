//! LayerCAM: positive gradients weigh the activation place by place; good at early layers (Jiang et al., TIP 2021).

use super::{AUG_SMOOTH, Channels, EIGEN_SMOOTH, GradientCam};
use crate::explain::{Family, MethodInfo, Needs};

/// `sum_c relu(G_c) * A_c`.
pub(in crate::explain) static LAYER_CAM: MethodInfo = MethodInfo {
    name: "layer-cam",
    family: Family::Cam,
    help: "positive gradients weigh each place: sharp at early layers too",
    reference: "Jiang et al., LayerCAM, TIP 2021",
    needs: Needs { gradient: true, layer: true, ..Needs::NOTHING },
    own_params: &[EIGEN_SMOOTH, AUG_SMOOTH],
    caution: None,
    method: &GradientCam {
        contributions: |at| at.gradient.mapv(|value| value.max(0.0)) * &at.activation,
        channels: Channels::Sum,
    },
};
