//! Input times gradient: the first-order share of each input value in the score (Shrikumar et al., 2016).

use crate::explain::gradient;
use crate::explain::{Attribution, ExplainError, Family, Method, MethodInfo, Monitor, Needs, Request, Subject};

/// `x * grad`, in normalised input space.
pub(in crate::explain) static INPUT_X_GRADIENT: MethodInfo = MethodInfo {
    name: "input-x-gradient",
    family: Family::Gradient,
    help: "each pixel's value times its gradient: for and against",
    reference: "Shrikumar et al., Not just a black box, 2016",
    needs: Needs { gradient: true, ..Needs::NOTHING },
    own_params: &[],
    caution: None,
    method: &InputXGradient,
};

struct InputXGradient;

impl Method for InputXGradient {
    fn explain(
        &self,
        subject: Subject<'_>,
        request: &Request,
        monitor: &Monitor<'_>,
    ) -> Result<Attribution, ExplainError> {
        monitor.check()?;
        let product = gradient::at_input(subject, request)? * &*subject.pass.input;
        Ok(gradient::signed(gradient::channels_first(product, subject)))
    }
}
