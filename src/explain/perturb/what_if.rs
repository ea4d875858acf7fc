//! What if that were not there: the model's answer to the image with some of its superpixels hidden.

use std::sync::Arc;

use image::RgbImage;
use ndarray::{Array2, ArrayD};

use super::division::Division;
use crate::explain::{ExplainError, LayerChoice, Monitor, Request, Subject, Values};
use crate::model::Target;
use crate::network::Scores;

/// An image with some of its superpixels hidden.
#[derive(Debug, Clone)]
pub struct WhatIf {
    /// The superpixel of each pixel, numbered from 0, `[H, W]`.
    pub labels: Arc<Array2<u32>>,
    /// The input with those hidden, as the network takes it.
    pub input: ArrayD<f32>,
    /// The same as 8-bit colours.
    pub seen: RgbImage,
    /// What the model says of it.
    pub scores: Scores,
}

/// Hides these superpixels and asks the model: one forward, none where nothing is hidden. How the image is divided and what
/// hides are said by the parameters of methods that need superpixels, as far as they are given: the superpixels are those of
/// such a method with the same values.
///
/// # Errors
/// [`ExplainError::Cancelled`]; [`ExplainError::Unsuitable`] when there are fewer than two superpixels or too many; what the
/// network says.
pub fn what_if(
    subject: Subject<'_>,
    values: &Values,
    hidden: &[u32],
    monitor: &Monitor<'_>,
) -> Result<WhatIf, ExplainError> {
    let (target, layer) = (Target::Top(0), LayerChoice::Auto);
    let request = Request { target, layer, values: values.clone(), seed: 0, tolerance: None };
    let division = Division::new(subject, &request, monitor)?;
    let mut shown = vec![true; division.count()];
    for segment in hidden {
        if let Some(is_shown) = shown.get_mut(*segment as usize) {
            *is_shown = false;
        }
    }
    let input = division.show(&shown);
    monitor.check()?;
    let scores =
        if shown.contains(&false) { subject.network.scores(input.view())? } else { subject.pass.logits.clone() };
    let seen = subject.settings.see(input.view());
    Ok(WhatIf { labels: Arc::clone(&division.labels.pixels), input, seen, scores })
}
