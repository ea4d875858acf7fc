//! Occlusion: a window slides over the image, and where the score falls there was evidence (Zeiler and Fergus, ECCV 2014),
//! as captum's `Occlusion` computes it.

use std::ops::Range;
use std::sync::Arc;

use crate::explain::frame::Frame;
use crate::explain::params::words;
use crate::explain::samples::SampleKey;
use crate::explain::sampling::{Estimate, Fit, Run, score};
use crate::explain::{
    Attribution, ExplainError, Family, Method, MethodInfo, Metric, Monitor, Needs, Param, ParamKind, Request, Sign,
    Subject,
};
use crate::model::Target;
use crate::network::{ChangedRegion, Scores};
use crate::raster::Map;

const WINDOW: Param = Param {
    name: "window",
    kind: ParamKind::Integer { default: 0, min: 0, max: 4096 },
    help: "side of the window in pixels; 0 for 1/8 of the image's sides",
};

const STRIDE: Param = Param {
    name: "stride",
    kind: ParamKind::Integer { default: 0, min: 0, max: 4096 },
    help: "step of the window in pixels, at most its side; 0 for half of it",
};

#[derive(Clone, Copy)]
enum Baseline {
    Zero,
    Plain([u8; 3]),
    Blur,
}

const BASELINES: [(&str, Baseline); 5] = [
    ("zero", Baseline::Zero),
    ("black", Baseline::Plain([0; 3])),
    ("grey", Baseline::Plain([128; 3])),
    ("white", Baseline::Plain([255; 3])),
    ("blur", Baseline::Blur),
];

const BASELINE: Param = Param {
    name: "baseline",
    kind: ParamKind::Choice { default: BASELINES[0].0, options: &words(&BASELINES) },
    help: "what the window shows: zero after normalisation, a colour, or the image out of focus",
};

/// The registry's entry.
pub(in crate::explain) static OCCLUSION: MethodInfo = MethodInfo {
    name: "occlusion",
    family: Family::Perturbation,
    help: "how far the score falls when a sliding window hides a place",
    reference: "Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014",
    needs: Needs::NOTHING,
    own_params: &[WINDOW, STRIDE, BASELINE],
    caution: None,
    method: &Occlusion,
};

struct Occlusion;

impl Method for Occlusion {
    fn explain(
        &self,
        subject: Subject<'_>,
        request: &Request,
        monitor: &Monitor<'_>,
    ) -> Result<Attribution, ExplainError> {
        let target = request.target.resolve(&subject.pass.logits)?;
        monitor.check()?;
        let frame = Frame::of(subject);
        let (extent, window, stride) = sizes(&frame, request);
        let windows = Windows::new(extent, window, stride);
        let baseline = match request.choice(&BASELINE, &BASELINES) {
            Baseline::Zero => frame.zeros(),
            Baseline::Plain(colour) => frame.plain(colour),
            Baseline::Blur => frame.out_of_focus((extent.0.min(extent.1) as f64 / 16.0).max(1.0)),
        };
        let order = windows.scattered();
        let parameters = format!("{window:?} {stride:?} {:?}", request.value(&BASELINE));
        let key = SampleKey::new("occlusion", subject, 0, parameters);
        let runs = subject.network.regional_runs(subject.pass, windows.regions());
        let ask = |index: usize| {
            let (rows, columns) = windows.at(order[index]);
            let covers = |pixel: usize| rows.contains(&(pixel / extent.1)) && columns.contains(&(pixel % extent.1));
            Ok(runs.logits(order[index], frame.hide(&baseline, |pixel| !covers(pixel)).view())?)
        };
        let mut fit = OcclusionFit {
            windows: &windows,
            order: &order,
            target,
            score: score(target, &subject.pass.logits),
            drops: vec![None; windows.count()],
        };
        Run::new(subject, request, monitor, key, windows.count()).explain(&ask, &mut fit)
    }
}

/// Height and width of the image, of the window, and of its step.
fn sizes(frame: &Frame<'_>, request: &Request) -> ((usize, usize), (usize, usize), (usize, usize)) {
    let (height, width) = frame.extent();
    let window = |side: usize| match request.count(&WINDOW) {
        0 => (side / 8).max(1),
        asked => asked.min(side),
    };
    let window = (window(height), window(width));
    let stride = |window: usize| match request.count(&STRIDE) {
        0 => (window / 2).max(1),
        asked => asked.clamp(1, window),
    };
    ((height, width), window, (stride(window.0), stride(window.1)))
}

/// Where the window stands: `ceil((side - window) / stride) + 1` places each way, the last ones cut off by the edge.
pub struct Windows {
    extent: (usize, usize),
    window: (usize, usize),
    stride: (usize, usize),
    places: (usize, usize),
}

impl Windows {
    /// The places of a window `[h, w]` that slides by `stride` over an image of `extent`.
    pub fn new(extent: (usize, usize), window: (usize, usize), stride: (usize, usize)) -> Windows {
        let places =
            |side: usize, window: usize, stride: usize| side.saturating_sub(window).div_ceil(stride.max(1)) + 1;
        let places = (places(extent.0, window.0, stride.0), places(extent.1, window.1, stride.1));
        Windows { extent, window, stride, places }
    }

    /// How many places there are.
    pub fn count(&self) -> usize {
        self.places.0 * self.places.1
    }

    /// The rows and columns that the window covers at a place; places are numbered row by row.
    pub fn at(&self, place: usize) -> (Range<usize>, Range<usize>) {
        let (top, left) = (place / self.places.1 * self.stride.0, place % self.places.1 * self.stride.1);
        let end = |start: usize, window: usize, side: usize| (start + window).min(side);
        (top..end(top, self.window.0, self.extent.0), left..end(left, self.window.1, self.extent.1))
    }

    /// All places, as regions of the input.
    fn regions(&self) -> Vec<ChangedRegion> {
        let region = |(rows, columns)| ChangedRegion { rows, columns };
        (0..self.count()).map(|place| region(self.at(place))).collect()
    }

    /// The map `[H, W]`: at each pixel the mean fall of the score over the windows that cover it and were tried; 0 where
    /// none was.
    pub fn map(&self, falls: &[Option<f64>]) -> Map {
        let mut sums = ndarray::Array2::<(f64, f64)>::from_elem(self.extent, (0.0, 0.0));
        for (place, fall) in falls.iter().enumerate().filter_map(|(place, fall)| Some((place, (*fall)?))) {
            let (rows, columns) = self.at(place);
            for y in rows {
                for x in columns.clone() {
                    let (sum, count) = sums[[y, x]];
                    sums[[y, x]] = (sum + fall, count + 1.0);
                }
            }
        }
        sums.mapv(|(sum, count)| if count > 0.0 { (sum / count) as f32 } else { 0.0 })
    }

    /// All places in an order that visits every part of the image early: steps of the golden section.
    fn scattered(&self) -> Vec<usize> {
        let count = self.count();
        let mut step = ((count as f64 * 0.618_034) as usize).max(1);
        while gcd(step, count) > 1 {
            step += 1;
        }
        (0..count).map(|index| index * step % count).collect()
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

struct OcclusionFit<'a> {
    windows: &'a Windows,
    order: &'a [usize],
    target: Target,
    score: f64,
    drops: Vec<Option<f64>>,
}

impl Fit for OcclusionFit<'_> {
    fn add(&mut self, first: usize, rows: &[Arc<Scores>]) {
        for (index, logits) in (first..).zip(rows) {
            self.drops[self.order[index]] = Some(self.score - score(self.target, logits));
        }
    }

    fn estimate(&self) -> Result<Estimate, ExplainError> {
        let map = self.windows.map(&self.drops);
        let largest = self.drops.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
        let metrics = vec![Metric { name: "largest fall of the score", value: largest, unit: "" }];
        let attribution = Attribution { metrics, ..Attribution::new(map, Sign::Signed) };
        Ok(Estimate { attribution, uncertainty: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_window_is_cut_off_by_the_edge() {
        let windows = Windows::new((24, 28), (5, 4), (3, 3));
        assert_eq!(windows.count(), 8 * 9);
        assert_eq!(windows.at(0), (0..5, 0..4));
        assert_eq!(windows.at(71), (21..24, 24..28));
        assert_eq!(Windows::new((4, 4), (9, 9), (1, 1)).count(), 1);
    }

    #[test]
    fn every_window_is_visited_once() {
        for side in [1, 2, 7, 16, 30] {
            let mut order = Windows::new((side, side), (2, 2), (1, 1)).scattered();
            order.sort_unstable();
            assert!(order.iter().copied().eq(0..order.len()), "{side}");
        }
    }
}
