//! Eigen-CAM: the first principal component of a layer, whatever the class (Muhammad and Yeasin, IJCNN 2020).

use super::{AUG_SMOOTH, Channels, GradientCam};
use crate::explain::{Family, MethodInfo, Needs};

/// The activation, centred, projected on its first right singular vector; the sign is chosen by [`super::projection`].
pub(in crate::explain) static EIGEN_CAM: MethodInfo = MethodInfo {
    name: "eigen-cam",
    family: Family::Cam,
    help: "the layer's first principal component, the same for every class",
    reference: "Muhammad and Yeasin, Eigen-CAM, IJCNN 2020",
    needs: Needs { gradient: true, layer: true, ..Needs::NOTHING },
    own_params: &[AUG_SMOOTH],
    caution: Some("does not depend on the target: it shows what the layer sees, not why this class"),
    method: &GradientCam { contributions: |at| at.activation.clone(), channels: Channels::Project },
};
