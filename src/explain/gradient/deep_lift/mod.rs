//! DeepLIFT with the rescale rule: each value's difference from a baseline, by what it contributes to the difference of the
//! score (Shrikumar et al., ICML 2017).

mod rescale;

use super::baseline::{self, BASELINE, baseline};
use crate::explain::gradient;
use crate::explain::{Attribution, ExplainError, Family, Method, MethodInfo, Monitor, Needs, Request, Subject};
pub use rescale::{Multipliers, multipliers, rescale_exceptions};

/// The input's difference from the baseline, times its multipliers; the completeness gap is always reported.
///
/// It equals captum's on networks of the modules that captum has rules for. Where captum silently takes the gradient
/// (SiLU, GELU, gates), ours still adds up.
pub(in crate::explain) static DEEP_LIFT: MethodInfo = MethodInfo {
    name: "deep-lift",
    family: Family::Gradient,
    help: "differences from a baseline, carried through the network by what each value contributes",
    reference: "Shrikumar et al., Learning important features through propagating activation differences, ICML 2017",
    needs: Needs { gradient: true, ..Needs::NOTHING },
    own_params: &[BASELINE],
    caution: None,
    method: &DeepLift,
};

struct DeepLift;

impl Method for DeepLift {
    fn explain(
        &self,
        subject: Subject<'_>,
        request: &Request,
        monitor: &Monitor<'_>,
    ) -> Result<Attribution, ExplainError> {
        monitor.check()?;
        let target = request.target.resolve(&subject.pass.logits)?;
        let input = &*subject.pass.input;
        let baseline = baseline(subject, request);
        let cotangent = target.cotangent(&subject.pass.logits)?;
        let multipliers = multipliers(subject.network, input.view(), baseline.view(), &cotangent)?;
        let values = (input - &baseline) * multipliers.values;
        let total: f64 = values.iter().map(|value| f64::from(*value)).sum();
        let difference = target.score(&subject.pass.logits)? - target.score(&multipliers.baseline_logits)?;
        let mut attribution = gradient::signed(gradient::channels_first(values, subject));
        baseline::report_gap(&mut attribution, total, f64::from(difference), "another baseline may help");
        if let Some(exception) = rescale_exceptions(subject.network).first() {
            let (operator, node) = (&exception.operator, &exception.node);
            attribution.warnings.push(format!("no rule for {operator} at {node}: its gradient was used"));
        }
        Ok(attribution)
    }
}
