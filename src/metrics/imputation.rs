//! Filling in removed pixels from those around them, as ROAD does: each is the weighted mean of its eight neighbours, and
//! all of them are solved together, so that a hole is bridged smoothly and gives nothing away.

use crate::explain::Frame;

/// The neighbours of a pixel, down and across, and what each counts.
const NEIGHBOURS: [(isize, isize, f64); 8] = [
    (-1, -1, 1.0 / 12.0),
    (-1, 0, 1.0 / 6.0),
    (-1, 1, 1.0 / 12.0),
    (0, -1, 1.0 / 6.0),
    (0, 1, 1.0 / 6.0),
    (1, -1, 1.0 / 12.0),
    (1, 0, 1.0 / 6.0),
    (1, 1, 1.0 / 12.0),
];

/// How small the residual must become, relative to the right-hand side.
const TOLERANCE: f64 = 1e-6;

/// How many channels are solved for at once: they share the matrix, and looking up neighbours is most of the work.
const LANES: usize = 4;

/// A number for each of these channels.
type Lanes = [f64; LANES];

/// The values of the frame with those of the `removed` pixels (row after row) filled in. Where nothing is left to fill in
/// from, zeros.
pub fn imputed(frame: &Frame<'_>, removed: &[bool]) -> Vec<f32> {
    let system = System::new(frame.extent(), removed);
    let holes = system.pixels.len();
    let mut filled = frame.values().to_vec();
    for first in (0..frame.channels()).step_by(LANES) {
        let channels = first..(first + LANES).min(frame.channels());
        let known = |pixel: usize| {
            let mut lanes = [0.0; LANES];
            for (lane, channel) in lanes.iter_mut().zip(channels.clone()) {
                *lane = f64::from(frame.values()[frame.offset(pixel, channel)]);
            }
            lanes
        };
        let solution = if holes < removed.len() {
            system.solve(&system.right_hand_side(known))
        } else {
            vec![[0.0; LANES]; holes]
        };
        for (pixel, lanes) in system.pixels.iter().zip(solution) {
            for (channel, value) in channels.clone().zip(lanes) {
                filled[frame.offset(*pixel, channel)] = value as f32;
            }
        }
    }
    filled
}

/// One equation for each removed pixel: its value times the weights of its neighbours is their weighted sum.
struct System {
    /// The removed pixels.
    pixels: Vec<usize>,
    /// For each of them, the sum of the weights of the neighbours that lie in the image.
    diagonal: Vec<f64>,
    /// For each of them, the neighbours that were removed too, as equations.
    unknown: Neighbours,
    /// For each of them, the neighbours that are there, as pixels.
    known: Neighbours,
}

/// The neighbours of one pixel after the other, with what each counts.
#[derive(Default)]
struct Neighbours {
    all: Vec<(usize, f64)>,
    /// Where those of each pixel end.
    ends: Vec<usize>,
}

impl Neighbours {
    /// For each pixel, the weighted sum of what its neighbours have.
    fn sums(&self, value: impl Fn(usize) -> Lanes) -> Vec<Lanes> {
        let mut start = 0;
        let sum = |end: &usize| {
            let mut sum = [0.0; LANES];
            for (neighbour, weight) in &self.all[start..*end] {
                add(&mut sum, &[*weight; LANES], &value(*neighbour));
            }
            start = *end;
            sum
        };
        self.ends.iter().map(sum).collect()
    }
}

impl System {
    fn new((height, width): (usize, usize), removed: &[bool]) -> System {
        let pixels: Vec<usize> = (0..removed.len()).filter(|pixel| removed[*pixel]).collect();
        let mut equation = vec![0; removed.len()];
        for (number, pixel) in pixels.iter().enumerate() {
            equation[*pixel] = number;
        }
        let (mut diagonal, mut unknown, mut known) = (vec![], Neighbours::default(), Neighbours::default());
        for &pixel in &pixels {
            let (row, column) = (pixel / width, pixel % width);
            let mut sum = 0.0;
            for (down, across, weight) in NEIGHBOURS {
                let row = row.checked_add_signed(down).filter(|row| *row < height);
                let column = column.checked_add_signed(across).filter(|column| *column < width);
                let Some((row, column)) = row.zip(column) else { continue };
                let neighbour = row * width + column;
                sum += weight;
                if removed[neighbour] {
                    unknown.all.push((equation[neighbour], weight));
                } else {
                    known.all.push((neighbour, weight));
                }
            }
            diagonal.push(sum);
            unknown.ends.push(unknown.all.len());
            known.ends.push(known.all.len());
        }
        System { pixels, diagonal, unknown, known }
    }

    fn right_hand_side(&self, value: impl Fn(usize) -> Lanes) -> Vec<Lanes> {
        self.known.sums(value)
    }

    /// The matrix times a vector.
    fn times(&self, x: &[Lanes]) -> Vec<Lanes> {
        let mut image = self.unknown.sums(|other| x[other]);
        for ((image, x), diagonal) in image.iter_mut().zip(x).zip(&self.diagonal) {
            *image = each(|lane| diagonal * x[lane] - image[lane]);
        }
        image
    }

    /// The solution by conjugate gradients, scaled by the diagonal: the matrix is symmetric, and positive as long as every
    /// hole touches something that is left. Each lane goes its own way; all stop together.
    fn solve(&self, right: &[Lanes]) -> Vec<Lanes> {
        let scaled = |residual: &[Lanes]| -> Vec<Lanes> {
            residual.iter().zip(&self.diagonal).map(|(r, d)| each(|lane| r[lane] / d)).collect()
        };
        let goal = dot(right, right).map(|square| TOLERANCE * TOLERANCE * square);
        let mut x = vec![[0.0; LANES]; right.len()];
        let mut residual = right.to_vec();
        let mut direction = scaled(&residual);
        let mut slope = dot(&residual, &direction);
        for _ in 0..4 * right.len() {
            let left = dot(&residual, &residual);
            if left.iter().zip(&goal).all(|(left, goal)| left <= goal) {
                break;
            }
            let image = self.times(&direction);
            let curvature = dot(&direction, &image);
            let step = each(|lane| quotient(slope[lane], curvature[lane]));
            let back = step.map(|step| -step);
            for (x, direction) in x.iter_mut().zip(&direction) {
                add(x, &step, direction);
            }
            for (residual, image) in residual.iter_mut().zip(&image) {
                add(residual, &back, image);
            }
            let preconditioned = scaled(&residual);
            let next = dot(&residual, &preconditioned);
            let turn = each(|lane| quotient(next[lane], slope[lane]));
            for (direction, value) in direction.iter_mut().zip(&preconditioned) {
                *direction = each(|lane| value[lane] + turn[lane] * direction[lane]);
            }
            slope = next;
        }
        x
    }
}

fn each(lane: impl FnMut(usize) -> f64) -> Lanes {
    std::array::from_fn(lane)
}

/// `to += factor * values`, lane by lane.
fn add(to: &mut Lanes, factor: &Lanes, values: &Lanes) {
    for ((to, factor), value) in to.iter_mut().zip(factor).zip(values) {
        *to += factor * value;
    }
}

fn dot(a: &[Lanes], b: &[Lanes]) -> Lanes {
    let mut sum = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        add(&mut sum, a, b);
    }
    sum
}

/// `a / b`; 0 for a lane that is solved already, where both are 0.
fn quotient(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(extent: (usize, usize), values: &[f64], removed: &[bool]) -> Vec<f64> {
        let system = System::new(extent, removed);
        let solution = system.solve(&system.right_hand_side(|pixel| [values[pixel]; LANES]));
        let mut filled = values.to_vec();
        for (pixel, lanes) in system.pixels.iter().zip(solution) {
            filled[*pixel] = lanes[LANES - 1];
        }
        filled
    }

    #[test]
    fn a_single_pixel_is_the_weighted_mean_of_its_neighbours() {
        let values = [1.0, 2.0, 3.0, 4.0, 99.0, 6.0, 7.0, 8.0, 10.0];
        let removed: Vec<bool> = (0..9).map(|pixel| pixel == 4).collect();
        let expected = (2.0 + 4.0 + 6.0 + 8.0) / 6.0 + (1.0 + 3.0 + 7.0 + 10.0) / 12.0;
        assert!((fill((3, 3), &values, &removed)[4] - expected).abs() < 1e-12);
    }

    /// A plane solves every equation away from the edges of the image.
    #[test]
    fn a_hole_in_a_slope_is_closed_by_the_slope() {
        let (height, width) = (9, 12);
        let values: Vec<f64> =
            (0..height * width).map(|p| 0.3 * (p / width) as f64 - 0.2 * (p % width) as f64).collect();
        let removed: Vec<bool> =
            (0..height * width).map(|p| (2..7).contains(&(p / width)) && (3..10).contains(&(p % width))).collect();
        let filled = fill((height, width), &values, &removed);
        assert!(filled.iter().zip(&values).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn what_is_all_of_one_colour_stays_so_up_to_the_corners() {
        let removed: Vec<bool> = (0..36).map(|pixel| pixel != 14).collect();
        assert!(fill((6, 6), &[0.7; 36], &removed).iter().all(|value| (value - 0.7).abs() < 1e-5));
    }
}
