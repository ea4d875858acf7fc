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

/// The values of the frame with those of the `removed` pixels (row after row) filled in. Where nothing is left to fill in
/// from, zeros.
pub fn imputed(frame: &Frame<'_>, removed: &[bool]) -> Vec<f32> {
    let system = System::new(frame.extent(), removed);
    let holes = system.pixels.len();
    let mut filled = frame.values().to_vec();
    for channel in 0..frame.channels() {
        let known = |pixel: usize| f64::from(frame.values()[frame.offset(pixel, channel)]);
        let solution =
            if holes < removed.len() { system.solve(&system.right_hand_side(known)) } else { vec![0.0; holes] };
        for (pixel, value) in system.pixels.iter().zip(solution) {
            filled[frame.offset(*pixel, channel)] = value as f32;
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
    unknown: Vec<Vec<(usize, f64)>>,
    /// For each of them, the neighbours that are there, as pixels.
    known: Vec<Vec<(usize, f64)>>,
}

impl System {
    fn new((height, width): (usize, usize), removed: &[bool]) -> System {
        let pixels: Vec<usize> = (0..removed.len()).filter(|pixel| removed[*pixel]).collect();
        let mut equation = vec![0; removed.len()];
        for (number, pixel) in pixels.iter().enumerate() {
            equation[*pixel] = number;
        }
        let mut system = System { pixels: vec![], diagonal: vec![], unknown: vec![], known: vec![] };
        for &pixel in &pixels {
            let (row, column) = (pixel / width, pixel % width);
            let (mut unknown, mut known, mut sum) = (vec![], vec![], 0.0);
            for (down, across, weight) in NEIGHBOURS {
                let row = row.checked_add_signed(down).filter(|row| *row < height);
                let column = column.checked_add_signed(across).filter(|column| *column < width);
                let Some((row, column)) = row.zip(column) else { continue };
                let neighbour = row * width + column;
                sum += weight;
                if removed[neighbour] {
                    unknown.push((equation[neighbour], weight));
                } else {
                    known.push((neighbour, weight));
                }
            }
            system.diagonal.push(sum);
            system.unknown.push(unknown);
            system.known.push(known);
        }
        System { pixels, ..system }
    }

    fn right_hand_side(&self, value: impl Fn(usize) -> f64) -> Vec<f64> {
        self.known.iter().map(|known| known.iter().map(|(pixel, weight)| weight * value(*pixel)).sum()).collect()
    }

    /// The matrix times a vector.
    fn times(&self, x: &[f64]) -> Vec<f64> {
        let row = |number: usize| {
            let others: f64 = self.unknown[number].iter().map(|(other, weight)| weight * x[*other]).sum();
            self.diagonal[number] * x[number] - others
        };
        (0..x.len()).map(row).collect()
    }

    /// The solution by conjugate gradients, scaled by the diagonal: the matrix is symmetric, and positive as long as every
    /// hole touches something that is left.
    fn solve(&self, right: &[f64]) -> Vec<f64> {
        let scaled =
            |residual: &[f64]| -> Vec<f64> { residual.iter().zip(&self.diagonal).map(|(r, d)| r / d).collect() };
        let goal = TOLERANCE * dot(right, right).sqrt();
        let mut x = vec![0.0; right.len()];
        let mut residual = right.to_vec();
        let mut direction = scaled(&residual);
        let mut slope = dot(&residual, &direction);
        for _ in 0..4 * right.len() {
            if dot(&residual, &residual).sqrt() <= goal {
                break;
            }
            let image = self.times(&direction);
            let step = slope / dot(&direction, &image);
            add(&mut x, step, &direction);
            add(&mut residual, -step, &image);
            let preconditioned = scaled(&residual);
            let next = dot(&residual, &preconditioned);
            for (direction, value) in direction.iter_mut().zip(&preconditioned) {
                *direction = value + next / slope * *direction;
            }
            slope = next;
        }
        x
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(to: &mut [f64], factor: f64, values: &[f64]) {
    for (to, value) in to.iter_mut().zip(values) {
        *to += factor * value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(extent: (usize, usize), values: &[f64], removed: &[bool]) -> Vec<f64> {
        let system = System::new(extent, removed);
        let solution = system.solve(&system.right_hand_side(|pixel| values[pixel]));
        let mut filled = values.to_vec();
        for (pixel, value) in system.pixels.iter().zip(solution) {
            filled[*pixel] = value;
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
