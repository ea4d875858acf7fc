//! RISE: the mean of random soft masks, each weighted by the target's probability under it (Petsiuk et al., BMVC 2018).
//!
//! A mask is a grid of s x s cells, each shown with probability p, enlarged to (s + 1) cells and cut at a random place. The
//! enlargement mirrors the grid at its border, about the centres of the outermost cells, as the authors' own code does
//! through scikit-image; ports to torch and OpenCV repeat the edge instead, which leaves a rim without variation.

use std::sync::Arc;

use ndarray::{Array2, Axis, Zip};
use rand::RngExt as _;

use super::linear::PARTS;
use crate::explain::frame::Frame;
use crate::explain::samples::SampleKey;
use crate::explain::sampling::{Estimate, Fit, Run, probability, random};
use crate::explain::{
    Attribution, ExplainError, Family, Method, MethodInfo, Monitor, Needs, Param, ParamKind, Request, Sign, Subject,
};
use crate::model::Target;
use crate::network::Scores;
use crate::raster::Map;
use crate::text::whole_percent;

const SAMPLES: Param = Param {
    name: "samples",
    kind: ParamKind::Integer { default: 4000, min: 16, max: 100_000 },
    help: "model calls, one a mask",
};

const CELLS: Param = Param {
    name: "cells",
    kind: ParamKind::Integer { default: 8, min: 2, max: 64 },
    help: "cells of a mask, across and down",
};

const KEEP: Param = Param {
    name: "keep",
    kind: ParamKind::Real { default: 0.5, min: 0.01, max: 0.99 },
    help: "probability that a cell is shown",
};

/// A map whose standard error is more than this share of its range shows the masks' pattern as much as the model.
const NOISY: f64 = 0.1;

/// The registry's entry.
pub(in crate::explain) static RISE: MethodInfo = MethodInfo {
    name: "rise",
    family: Family::Perturbation,
    help: "the mean of random soft masks, weighted by the probability that the model gives under each",
    reference: "Petsiuk et al., RISE: Randomized Input Sampling for Explanation, BMVC 2018",
    needs: Needs::NOTHING,
    own_params: &[SAMPLES, CELLS, KEEP],
    caution: None,
    method: &Rise,
};

struct Rise;

impl Method for Rise {
    fn explain(
        &self,
        subject: Subject<'_>,
        request: &Request,
        monitor: &Monitor<'_>,
    ) -> Result<Attribution, ExplainError> {
        let (keep, cells, count) = (request.real(&KEEP), request.count(&CELLS), request.count(&SAMPLES));
        let drawn = Drawn { extent: Frame::of(subject).extent(), cells, keep, seed: request.seed };
        let key = SampleKey::new("rise", subject, request.seed, format!("{cells} {keep}"));
        run(subject, request, monitor, Masks { count, keep, mask: &|index| drawn.get(index) }, key)
    }
}

/// RISE with masks that somebody else drew; their answers are not kept.
///
/// # Errors
/// As the method itself.
pub fn rise_with_masks(
    subject: Subject<'_>,
    request: &Request,
    monitor: &Monitor<'_>,
    masks: Masks<'_>,
) -> Result<Attribution, ExplainError> {
    let subject = Subject { samples: None, ..subject };
    run(subject, request, monitor, masks, SampleKey::new("rise", subject, 0, String::new()))
}

fn run(
    subject: Subject<'_>,
    request: &Request,
    monitor: &Monitor<'_>,
    masks: Masks<'_>,
    key: SampleKey,
) -> Result<Attribution, ExplainError> {
    let target = request.target.resolve(&subject.pass.logits)?;
    monitor.check()?;
    let frame = Frame::of(subject);
    let ask = |index: usize| Ok(subject.network.logits(frame.times(&(masks.mask)(index).whole()).view())?);
    let mut fit = RiseFit { masks, target, sums: vec![(0.0, Array2::zeros(frame.extent())); PARTS] };
    Run::new(subject, request, monitor, key, masks.count).explain(&ask, &mut fit)
}

/// The masks of a run.
#[derive(Clone, Copy)]
pub struct Masks<'a> {
    /// How many there are.
    pub count: usize,
    /// The share of the image that they show, on average.
    pub keep: f64,
    /// The mask of a number.
    pub mask: &'a (dyn Fn(usize) -> SoftMask + Sync),
}

/// How masks are drawn.
struct Drawn {
    extent: (usize, usize),
    cells: usize,
    keep: f64,
    seed: u64,
}

impl Drawn {
    fn get(&self, index: usize) -> SoftMask {
        let mut random = random(self.seed, index);
        let grid =
            Map::from_shape_fn(
                (self.cells, self.cells),
                |_| {
                    if random.random::<f64>() < self.keep { 1.0 } else { 0.0 }
                },
            );
        let (down, across) = (self.extent.0.div_ceil(self.cells), self.extent.1.div_ceil(self.cells));
        let crop = (random.random_range(0..down), random.random_range(0..across));
        SoftMask::new(&grid, crop, self.extent)
    }
}

/// A mask that is enlarged along its rows already, and row by row when asked.
pub struct SoftMask {
    /// `[s, W]`.
    wide: Map,
    /// For each row of the image the two rows of `wide` that it lies between, and the share of the second.
    down: Vec<(usize, usize, f32)>,
}

impl SoftMask {
    /// The mask of an image of `extent` from a grid `[s, s]`, enlarged to s + 1 cells and cut at `crop`, in pixels down and
    /// across.
    pub fn new(grid: &Map, crop: (usize, usize), extent: (usize, usize)) -> SoftMask {
        let down = between(grid.nrows(), crop.0, extent.0);
        let across = between(grid.ncols(), crop.1, extent.1);
        let wide = Map::from_shape_fn((grid.nrows(), extent.1), |(row, x)| {
            let (left, right, share) = across[x];
            grid[[row, left]] * (1.0 - share) + grid[[row, right]] * share
        });
        SoftMask { wide, down }
    }

    /// Writes a row of the mask.
    fn row(&self, y: usize, line: &mut [f32]) {
        let (top, bottom, share) = self.down[y];
        let width = self.wide.ncols();
        let wide = self.wide.as_slice().unwrap_or_default();
        let (top, bottom) = (&wide[top * width..][..width], &wide[bottom * width..][..width]);
        for ((value, top), bottom) in line.iter_mut().zip(top).zip(bottom) {
            *value = top * (1.0 - share) + bottom * share;
        }
    }

    /// The mask, `[H, W]`, in `[0, 1]`.
    pub fn whole(&self) -> Map {
        let width = self.wide.ncols();
        let mut values = vec![0.0; self.down.len() * width];
        for (y, line) in values.chunks_exact_mut(width.max(1)).enumerate() {
            self.row(y, line);
        }
        Map::from_shape_vec((self.down.len(), width), values).unwrap_or_default()
    }
}

/// For each pixel along a side the two cells that it lies between, and the share of the second: `cells` cells are enlarged
/// to `cells + 1` times their size in pixels, and the image begins at `offset`. Beyond the outermost centres the cells are
/// mirrored about them.
fn between(cells: usize, offset: usize, side: usize) -> Vec<(usize, usize, f32)> {
    let large = (cells + 1) * side.div_ceil(cells);
    let last = cells.saturating_sub(1);
    let mirror = |cell: isize| {
        let cell = cell.unsigned_abs();
        if cell > last { (2 * last).saturating_sub(cell) } else { cell }
    };
    (0..side)
        .map(|pixel| {
            let position = ((pixel + offset) as f64 + 0.5) * cells as f64 / large as f64 - 0.5;
            let first = position.floor();
            (mirror(first as isize), mirror(first as isize + 1), (position - first) as f32)
        })
        .collect()
}

struct RiseFit<'a> {
    masks: Masks<'a>,
    target: Target,
    /// The number of masks and the weighted sum of them, in [`PARTS`] parts, in turn.
    sums: Vec<(f64, Array2<f64>)>,
}

impl Fit for RiseFit<'_> {
    fn add(&mut self, first: usize, rows: &[Arc<Scores>]) {
        for (part, (count, sum)) in self.sums.iter_mut().enumerate() {
            let members: Vec<(SoftMask, f64)> = (first..)
                .zip(rows)
                .filter(|(index, _)| index % PARTS == part)
                .map(|(index, logits)| ((self.masks.mask)(index), probability(self.target, logits)))
                .collect();
            *count += members.len() as f64;
            // Rows of the image are independent: all cores, and each adds the masks in their order.
            Zip::indexed(sum.axis_iter_mut(Axis(0))).par_for_each(|y, mut line| {
                let mut row = vec![0.0; line.len()];
                for (mask, probability) in &members {
                    mask.row(y, &mut row);
                    for (sum, value) in line.iter_mut().zip(&row) {
                        *sum += probability * f64::from(*value);
                    }
                }
            });
        }
    }

    fn estimate(&self) -> Result<Estimate, ExplainError> {
        let (keep, extent) = (self.masks.keep, self.sums[0].1.dim());
        let count: f64 = self.sums.iter().map(|(count, _)| count).sum();
        let sum = self.sums.iter().fold(Array2::zeros(extent), |all, (_, sum)| all + sum);
        let mean = sum / (count * keep);
        // The spread of the parts' means tells the standard error of the whole.
        let mut squares = Array2::<f64>::zeros(extent);
        for (count, sum) in &self.sums {
            let part = sum / (count.max(1.0) * keep) - &mean;
            squares += &(&part * &part);
        }
        let parts = PARTS as f64;
        let error = (squares.mean().unwrap_or_default() / (parts * (parts - 1.0))).sqrt();
        let low = mean.iter().copied().fold(f64::INFINITY, f64::min);
        let high = mean.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let range = high - low;
        let raw = mean.mapv(|value| value as f32).into_dyn();
        let flatness = (range <= 0.0).then(|| "the map is flat: no mask changes the probability".to_owned());
        let stretch = |value: &f64| if range > 0.0 { ((value - low) / range) as f32 } else { 0.0 };
        let mut attribution =
            Attribution { values: raw.clone(), raw, flatness, ..Attribution::new(mean.map(stretch), Sign::Positive) };
        let uncertainty = if range > 0.0 { error / range } else { 0.0 };
        attribution.warnings.extend((uncertainty > NOISY).then(|| {
            let share = whole_percent(uncertainty);
            format!("the masks' own pattern shows: the map is uncertain by {share} of its range; take more samples")
        }));
        Ok(Estimate { attribution, uncertainty: Some(uncertainty) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_show_the_share_that_is_asked_for_everywhere() {
        let masks = Drawn { extent: (20, 30), cells: 4, keep: 0.3, seed: 5 };
        let mut mean = Map::zeros((20, 30));
        for index in 0..2000 {
            mean += &(masks.get(index).whole() / 2000.0);
        }
        assert!(mean.iter().all(|share| (share - 0.3).abs() < 0.05), "{mean}");
    }

    #[test]
    fn the_grid_is_mirrored_about_its_outermost_cells() {
        let (first, second, share) = between(4, 0, 20)[0];
        assert_eq!((first, second), (1, 0));
        assert!((share - (0.5 * 4.0 / 25.0 - 0.5 + 1.0) as f32).abs() < 1e-6);
        assert!(
            between(4, 4, 20)
                .iter()
                .all(|(first, second, share)| *first < 4 && *second < 4 && (0.0..=1.0).contains(share))
        );
    }
}
