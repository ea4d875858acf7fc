//! What the image is compared with, and whether a map adds up to the difference of the scores.

use ndarray::ArrayD;

use crate::explain::frame::Frame;
use crate::explain::params::words;
use crate::explain::{Attribution, Metric, Param, ParamKind, Request, Subject};
use crate::text::whole_percent;

/// The baseline, for the methods that take one.
pub(super) const BASELINE: Param = Param {
    name: "baseline",
    kind: ParamKind::Choice { default: BASELINES[0].0, options: &words(&BASELINES) },
    help: "where the way begins: zero after normalisation, a plain picture, the mean colour, or the image blurred",
};

#[derive(Clone, Copy)]
enum Baseline {
    Zero,
    Plain([u8; 3]),
    Mean,
    Blur,
}

const BASELINES: [(&str, Baseline); 5] = [
    ("zero", Baseline::Zero),
    ("black", Baseline::Plain([0; 3])),
    ("white", Baseline::Plain([255; 3])),
    ("mean", Baseline::Mean),
    ("blur", Baseline::Blur),
];

/// How much of the image's width the `blur` baseline's Gaussian covers.
const BLUR: f64 = 0.05;

/// The input that [`BASELINE`] names.
pub(super) fn baseline(subject: Subject<'_>, request: &Request) -> ArrayD<f32> {
    let frame = Frame::of(subject);
    let values = match request.choice(&BASELINE, &BASELINES) {
        Baseline::Zero => frame.zeros(),
        Baseline::Plain(colour) => frame.plain(colour),
        Baseline::Mean => frame.mean(),
        Baseline::Blur => frame.out_of_focus(BLUR * frame.extent().1 as f64),
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
        let share = whole_percent(gap.abs() / difference.abs().max(1e-12));
        attribution.warnings.push(format!("the map misses the score's difference by {share}: {remedy}"));
    }
}
