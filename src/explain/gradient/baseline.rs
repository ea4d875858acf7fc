//! What the image is compared with, and whether a map adds up to the difference of the scores.

use ndarray::ArrayD;

use crate::explain::frame::Frame;
use crate::explain::{Attribution, Metric, Param, ParamKind, Request, Subject};

/// The baseline, for the methods that take one.
pub(super) const BASELINE: Param = Param {
    name: "baseline",
    kind: ParamKind::Choice { default: "zero", options: &["zero", "black", "white", "mean", "blur"] },
    help: "where the way begins: zero after normalisation, a plain picture, the mean colour, or the image blurred",
};

/// How much of the image's width the `blur` baseline's Gaussian covers.
const BLUR: f64 = 0.05;

/// The input that [`BASELINE`] names.
pub(super) fn baseline(subject: Subject<'_>, request: &Request) -> ArrayD<f32> {
    let frame = Frame::of(subject);
    let values = match request.choice(&BASELINE).as_str() {
        "black" => frame.plain([0; 3]),
        "white" => frame.plain([255; 3]),
        "mean" => frame.mean(),
        "blur" => frame.blurred(BLUR * frame.extent().1 as f64),
        _ => frame.zeros(),
    };
    frame.tensor(values)
}

/// Notes by how much a map that adds up to `total` misses the `difference` of the scores; where it is much, warns, with
/// what may help.
pub(super) fn report_gap(attribution: &mut Attribution, total: f64, difference: f64, remedy: &str) {
    let gap = total - difference;
    attribution.metrics.push(Metric { name: "completeness gap", value: gap, unit: "logit" });
    attribution.metrics.push(Metric { name: "score difference", value: difference, unit: "logit" });
    if gap.abs() > 0.05 * difference.abs().max(1e-3) {
        let share = 100.0 * gap.abs() / difference.abs().max(1e-12);
        attribution.warnings.push(format!("the map misses the score's difference by {share:.0} %: {remedy}"));
    }
}
