//! What each channel of a layer holds for an image, and what it contributes to a target: no map, but what maps are made of.

use ndarray::Axis;

use super::{ExplainError, Monitor, Subject};
use crate::model::Target;
use crate::network::{Activation, NetworkError};

/// The channels of a layer, for one image.
#[derive(Debug, Clone)]
pub struct LayerChannels {
    /// The layer's output, `[C, h, w]`.
    pub activation: Activation,
    /// For each channel, the sum over its grid of activation times gradient, in units of the target's score: its share of
    /// the score to first order, and exactly where what follows the layer is linear and the grid is all of it (a class
    /// token is left out). Where the network has no gradient there, why.
    pub contributions: Result<Vec<f32>, String>,
}

/// Reads the channels of `layer`, an index into [`Network::layers`](crate::network::Network::layers).
///
/// # Errors
/// When the target does not exist, the network cannot be run, or the monitor's user changed their mind.
pub fn layer_channels(
    subject: Subject<'_>,
    layer: usize,
    target: Target,
    monitor: &Monitor<'_>,
) -> Result<LayerChannels, ExplainError> {
    monitor.check()?;
    let cotangent = target.resolve(&subject.pass.logits)?.cotangent(&subject.pass.logits)?;
    match subject.network.layer_gradient(subject.pass, layer, &cotangent) {
        Ok(at) => {
            let products = &at.gradient * &at.activation;
            let contributions = products.axis_iter(Axis(0)).map(|channel| channel.sum()).collect();
            Ok(LayerChannels { activation: at.activation, contributions: Ok(contributions) })
        }
        Err(NetworkError::Gradient(obstacle)) => {
            let activation = subject.network.activation(subject.pass, layer)?;
            let reason = format!("what the channels contribute is not known: {obstacle}");
            Ok(LayerChannels { activation, contributions: Err(reason) })
        }
        Err(error) => Err(error.into()),
    }
}
