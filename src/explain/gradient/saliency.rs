//! Saliency: how strongly each value of the input moves the target (Simonyan et al., 2014).

use crate::explain::gradient;
use crate::explain::{Attribution, ExplainError, Family, Method, MethodInfo, Monitor, Needs, Request, Subject};

/// `|grad|`, for each channel; shown as the largest over the channels.
pub(in crate::explain) static SALIENCY: MethodInfo = MethodInfo {
    name: "saliency",
    family: Family::Gradient,
    help: "how strongly each pixel moves the score: the absolute gradient",
    reference: "Simonyan et al., Deep inside convolutional networks, 2014",
    needs: Needs { gradient: true, ..Needs::NOTHING },
    own_params: &[],
    caution: None,
    method: &Saliency,
};

struct Saliency;

impl Method for Saliency {
    fn explain(
        &self,
        subject: Subject<'_>,
        request: &Request,
        monitor: &Monitor<'_>,
    ) -> Result<Attribution, ExplainError> {
        monitor.check()?;
        let gradient = gradient::at_input(subject, request)?;
        Ok(gradient::positive(gradient::channels_first(gradient.mapv_into(f32::abs), subject)))
    }
}
