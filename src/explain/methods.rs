//! The registry of methods. A new method is one file in its room and one line here; the command line, the interface,
//! the help and the documentation all read this table.

use super::attention::{relevance, rollout};
use super::cam::{
    ablation_cam, eigen_cam, eigen_grad_cam, elementwise_grad_cam, grad_cam, grad_cam_plus_plus, hires_cam, layer_cam,
    score_cam, xgrad_cam,
};
use super::gradient::{deep_lift, guided_backprop, input_x_gradient, integrated_gradients, lrp, saliency, smoothgrad};
use super::perturb::{anchors, flip, kernel_shap, lime, occlusion, rise};
use super::{LayerChoice, MethodInfo};
use crate::network::{Network, Unsupported};

/// Every method, in the order in which menus show them.
pub static METHODS: &[&MethodInfo] = &[
    &grad_cam::GRAD_CAM,
    &grad_cam_plus_plus::GRAD_CAM_PLUS_PLUS,
    &hires_cam::HIRES_CAM,
    &elementwise_grad_cam::ELEMENTWISE_GRAD_CAM,
    &layer_cam::LAYER_CAM,
    &xgrad_cam::XGRAD_CAM,
    &eigen_cam::EIGEN_CAM,
    &eigen_grad_cam::EIGEN_GRAD_CAM,
    &score_cam::SCORE_CAM,
    &ablation_cam::ABLATION_CAM,
    &saliency::SALIENCY,
    &input_x_gradient::INPUT_X_GRADIENT,
    &integrated_gradients::INTEGRATED_GRADIENTS,
    &deep_lift::DEEP_LIFT,
    &lrp::LRP,
    &smoothgrad::SMOOTHGRAD,
    &smoothgrad::VARGRAD,
    &guided_backprop::GUIDED_BACKPROP,
    &guided_backprop::GUIDED_GRAD_CAM,
    &rollout::ATTENTION_ROLLOUT,
    &relevance::ATTENTION_RELEVANCE,
    &occlusion::OCCLUSION,
    &lime::LIME,
    &kernel_shap::KERNEL_SHAP,
    &rise::RISE,
    &anchors::ANCHORS,
    &flip::FLIP,
];

/// The method of that name.
pub fn find(name: &str) -> Option<&'static MethodInfo> {
    METHODS.iter().copied().find(|method| method.name == name)
}

/// The method used when none is named.
pub fn default_method() -> &'static MethodInfo {
    &grad_cam::GRAD_CAM
}

/// What keeps `method` from explaining `network`, in words; none where it can.
pub fn obstacle(method: &MethodInfo, network: &Network, layer: &LayerChoice) -> Option<String> {
    if let Some(reason) = method.method.obstacle(network) {
        return Some(reason);
    }
    let stopped = |operators: &[Unsupported]| {
        operators.first().map(|it| format!("no gradient through {} at {}: {}", it.operator, it.node, it.reason))
    };
    if !method.needs.layer {
        return if method.needs.gradient { stopped(network.unsupported()) } else { None };
    }
    let layers = match layer {
        LayerChoice::These(layers) => layers.clone(),
        LayerChoice::Auto => match network.auto_layer() {
            Some(layer) => vec![layer],
            None => return Some("no layer between input and logits has spatial extent".into()),
        },
    };
    if !method.needs.gradient {
        return None;
    }
    layers.iter().find_map(|&layer| stopped(&network.unsupported_from(layer)))
}

/// What keeps `method` from explaining `network`, and the methods that can; none where it can itself.
pub fn refusal(method: &MethodInfo, network: &Network, layer: &LayerChoice) -> Option<String> {
    let reason = obstacle(method, network, layer)?;
    let can = |other: &&&MethodInfo| obstacle(other, network, layer).is_none();
    let others: Vec<&str> = METHODS.iter().filter(can).map(|other| other.name).collect();
    Some(if others.is_empty() { reason } else { format!("{reason}; these can: {}", others.join(", ")) })
}
