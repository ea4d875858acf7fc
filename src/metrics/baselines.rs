//! Maps that know nothing of the network. A method that does not beat them has not shown that it does.

use rand::RngExt as _;

use super::Explainer;
use crate::explain::{Attribution, ExplainError, Frame, Method, Monitor, Request, Sign, Subject};
use crate::random::random;
use crate::raster::Map;

/// Every baseline: chance, the habit of photographers, and an edge detector.
pub static BASELINES: [Explainer; 3] = [
    Explainer::baseline("random", &Random),
    Explainer::baseline("centre", &Centre),
    Explainer::baseline("edge", &Edge),
];

/// Every pixel is as relevant as a number drawn from `[0, 1)`.
struct Random;

impl Method for Random {
    fn explain(&self, subject: Subject<'_>, request: &Request, _: &Monitor<'_>) -> Result<Attribution, ExplainError> {
        let mut random = random(request.seed, 0);
        let map = Map::from_shape_fn(subject.network.input_extent(), |_| random.random());
        Ok(Attribution::new(map, Sign::Positive))
    }
}

/// The nearer to the middle, the more relevant: a Gaussian whose standard deviation is a quarter of each side.
struct Centre;

impl Method for Centre {
    fn explain(&self, subject: Subject<'_>, _: &Request, _: &Monitor<'_>) -> Result<Attribution, ExplainError> {
        let (height, width) = subject.network.input_extent();
        let squared = |place: usize, side: usize| ((place as f32 + 0.5) / side as f32 - 0.5).powi(2);
        let distance = |(y, x): (usize, usize)| squared(y, height) + squared(x, width);
        let map = Map::from_shape_fn((height, width), |place| (-8.0 * distance(place)).exp());
        Ok(Attribution::new(map, Sign::Positive))
    }
}

/// The magnitude of Sobel's gradient of the brightness, in 8-bit steps.
struct Edge;

impl Method for Edge {
    fn explain(&self, subject: Subject<'_>, _: &Request, _: &Monitor<'_>) -> Result<Attribution, ExplainError> {
        let seen = image::DynamicImage::ImageRgb8(Frame::of(subject).seen()).into_luma8();
        let (height, width) = subject.network.input_extent();
        let at = |y: usize, x: usize, down: isize, across: isize| {
            let clamp = |place: usize, by: isize, side: usize| place.saturating_add_signed(by).min(side - 1) as u32;
            f32::from(seen.get_pixel(clamp(x, across, width), clamp(y, down, height)).0[0])
        };
        let map = Map::from_shape_fn((height, width), |(y, x)| {
            let side = |side: isize| at(y, x, -1, side) + 2.0 * at(y, x, 0, side) + at(y, x, 1, side);
            let level = |level: isize| at(y, x, level, -1) + 2.0 * at(y, x, level, 0) + at(y, x, level, 1);
            (side(1) - side(-1)).hypot(level(1) - level(-1))
        });
        Ok(Attribution::new(map, Sign::Positive))
    }
}
