//! What each channel of a layer holds for an image, and what it contributes to a target: no map, but what maps are made of.

use super::decision::{ScoreSum, score_sum, sums};
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
    /// What has to be added to the contributions until they are the score; none where they are not known.
    pub sum: Option<ScoreSum>,
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
    let target = target.resolve(&subject.pass.logits)?;
    let cotangent = target.cotangent(&subject.pass.logits)?;
    match subject.network.layer_gradient(subject.pass, layer, &cotangent) {
        Ok(at) => {
            let terms = sums(&(&at.gradient * &at.activation));
            let sum = score_sum(subject, (layer, &at), target, &terms)?;
            let contributions = Ok(terms.into_iter().map(|term| term as f32).collect());
            Ok(LayerChannels { activation: at.activation, contributions, sum: Some(sum) })
        }
        Err(NetworkError::Gradient(obstacle)) => {
            let activation = subject.network.activation(subject.pass, layer)?;
            let reason = format!("what the channels contribute is not known: {obstacle}");
            Ok(LayerChannels { activation, contributions: Err(reason), sum: None })
        }
        Err(error) => Err(error.into()),
    }
}
