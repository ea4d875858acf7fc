//! A picture by its frequencies, each scaled to the energy that it has in photographs, and its colours by what varies most in
//! them: steps along these coordinates make pictures rather than noise. After Olah et al., Feature Visualization, Distill 2017, and
//! its code (Lucid), whose constants these are.

use std::sync::Arc;

use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

use crate::random::{normal, random};

/// Square root of the correlation of colours in ImageNet: rows red, green, blue.
const COLOURS: [[f32; 3]; 3] = [[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]];

/// The length of the longest column of [`COLOURS`].
const LONGEST: f32 = 0.461_9;

/// Standard deviation of the frequencies that a picture begins with: near grey.
const BEGINNING: f32 = 0.01;

/// Coordinates of pictures of one size.
pub(super) struct Coordinates {
    height: usize,
    width: usize,
    /// What each frequency is scaled by, `[H, W]`.
    scale: Vec<f32>,
    /// Forward and inverse transforms along rows and columns.
    transforms: [[Arc<dyn Fft<f32>>; 2]; 2],
}

/// The frequencies of three colours, `[3, H, W]`.
pub(super) type Spectrum = Vec<Complex32>;

impl Coordinates {
    pub(super) fn new(height: usize, width: usize) -> Coordinates {
        let frequency = |k: usize, side: usize| k.min(side - k) as f32 / side as f32;
        let lowest = 1.0 / height.max(width) as f32;
        let size = ((height * width) as f32).sqrt();
        let scale = |at: usize| {
            let (y, x) = (frequency(at / width, height), frequency(at % width, width));
            size / y.hypot(x).max(lowest)
        };
        let mut planner = FftPlanner::new();
        let forward = [planner.plan_fft_forward(width), planner.plan_fft_forward(height)];
        let inverse = [planner.plan_fft_inverse(width), planner.plan_fft_inverse(height)];
        let scale = (0..height * width).map(scale).collect();
        Coordinates { height, width, scale, transforms: [forward, inverse] }
    }

    /// Near grey, with all frequencies a little.
    pub(super) fn beginning(&self, seed: u64) -> Spectrum {
        let noise = (0..3 * self.scale.len()).map(|index| normal(&mut random(seed, index)));
        // The frequencies of a real picture, so that what follows stays one.
        let mut spectrum: Spectrum = noise.map(|value| Complex32::new(value * BEGINNING, 0.0)).collect();
        let norm = (self.scale.len() as f32).sqrt().recip();
        for plane in spectrum.chunks_exact_mut(self.scale.len()) {
            self.transform(plane, 0);
            plane.iter_mut().for_each(|value| *value *= norm);
        }
        spectrum
    }

    /// The coordinates of a picture, `[3, H, W]` with values in `(0, 1)`: the inverse of [`Coordinates::picture`].
    pub(super) fn of(&self, picture: &[f32]) -> Spectrum {
        let pixels = self.scale.len();
        let logit = |value: f32| {
            let value = value.clamp(0.02, 0.98);
            (value / (1.0 - value)).ln()
        };
        let mixing = inverse(mixing());
        let mut spectrum = vec![Complex32::default(); 3 * pixels];
        for pixel in 0..pixels {
            let rgb = [0, 1, 2].map(|channel| logit(picture[channel * pixels + pixel]));
            for (channel, row) in mixing.iter().enumerate() {
                spectrum[channel * pixels + pixel].re = row.iter().zip(rgb).map(|(a, b)| a * b).sum();
            }
        }
        for plane in spectrum.chunks_exact_mut(pixels) {
            self.transform(plane, 0);
            plane.iter_mut().zip(&self.scale).for_each(|(value, scale)| *value *= 4.0 / scale);
        }
        spectrum
    }

    /// The picture, `[3, H, W]` with values in `(0, 1)`.
    pub(super) fn picture(&self, spectrum: &[Complex32]) -> Vec<f32> {
        let pixels = self.scale.len();
        let mut planes = spectrum.to_vec();
        for plane in planes.chunks_exact_mut(pixels) {
            plane.iter_mut().zip(&self.scale).for_each(|(value, scale)| *value *= *scale);
            self.transform(plane, 1);
        }
        let mut picture = vec![0.0; 3 * pixels];
        let mixing = mixing();
        for pixel in 0..pixels {
            let decorrelated = [0, 1, 2].map(|channel| planes[channel * pixels + pixel].re / (4 * pixels) as f32);
            for (channel, row) in mixing.iter().enumerate() {
                let value: f32 = row.iter().zip(decorrelated).map(|(a, b)| a * b).sum();
                picture[channel * pixels + pixel] = sigmoid(value);
            }
        }
        picture
    }

    /// The gradient with respect to the coordinates, of one with respect to the picture that they make.
    pub(super) fn pull_back(&self, picture: &[f32], gradient: &[f32]) -> Spectrum {
        let pixels = self.scale.len();
        let mixing = mixing();
        let mut planes = vec![Complex32::default(); 3 * pixels];
        for pixel in 0..pixels {
            let slope = [0, 1, 2].map(|channel| {
                let (value, gradient) = (picture[channel * pixels + pixel], gradient[channel * pixels + pixel]);
                gradient * value * (1.0 - value)
            });
            for channel in 0..3 {
                let value: f32 = (0..3).map(|row| mixing[row][channel] * slope[row]).sum();
                planes[channel * pixels + pixel].re = value;
            }
        }
        for plane in planes.chunks_exact_mut(pixels) {
            self.transform(plane, 0);
            let norm = ((4 * pixels) as f32).recip();
            plane.iter_mut().zip(&self.scale).for_each(|(value, scale)| *value *= norm * scale);
        }
        planes
    }

    /// The phases of a plane's frequencies, as numbers of length 1.
    pub(super) fn phases(&self, plane: Vec<f32>) -> Spectrum {
        let mut spectrum: Spectrum = plane.into_iter().map(|value| Complex32::new(value, 0.0)).collect();
        self.transform(&mut spectrum, 0);
        let mut phases: Spectrum = spectrum.iter().map(|value| value / value.norm().max(f32::MIN_POSITIVE)).collect();
        // The mean stays what it is.
        phases.iter_mut().take(1).for_each(|mean| *mean = Complex32::new(1.0, 0.0));
        phases
    }

    /// The discrete Fourier transform of a plane, forward (0) or inverse (1), neither of them scaled.
    fn transform(&self, plane: &mut [Complex32], direction: usize) {
        let [rows, columns] = &self.transforms[direction];
        rows.process(plane);
        let mut turned = transposed(plane, self.width);
        columns.process(&mut turned);
        plane.copy_from_slice(&transposed(&turned, self.height));
    }
}

/// Columns as rows, of a plane with rows of that width.
fn transposed(plane: &[Complex32], width: usize) -> Vec<Complex32> {
    let height = plane.len() / width;
    (0..plane.len()).map(|at| plane[at % height * width + at / height]).collect()
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// From decorrelated coordinates to red, green and blue.
fn mixing() -> [[f32; 3]; 3] {
    COLOURS.map(|row| row.map(|value| value / LONGEST))
}

/// By Cramer's rule.
fn inverse(m: [[f32; 3]; 3]) -> [[f32; 3]; 3] {
    let minor = |row: usize, column: usize| {
        let [a, b] = [(row + 1) % 3, (row + 2) % 3];
        let [c, d] = [(column + 1) % 3, (column + 2) % 3];
        m[a][c] * m[b][d] - m[a][d] * m[b][c]
    };
    let determinant: f32 = (0..3).map(|column| m[0][column] * minor(0, column)).sum();
    [0, 1, 2].map(|row| [0, 1, 2].map(|column| minor(column, row) / determinant))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of odd sides, with values well inside (0, 1).
    fn picture(pixels: usize) -> Vec<f32> {
        (0..3 * pixels).map(|i| 0.5 + 0.4 * ((i * 7919 % 997) as f32 / 997.0 - 0.5)).collect()
    }

    #[test]
    fn a_picture_comes_back_from_its_coordinates() {
        for (height, width) in [(12, 9), (8, 8), (7, 16)] {
            let coordinates = Coordinates::new(height, width);
            let picture = picture(height * width);
            let back = coordinates.picture(&coordinates.of(&picture));
            let largest = picture.iter().zip(&back).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(largest < 1e-5, "{height}x{width}: {largest}");
        }
    }

    #[test]
    fn the_way_back_is_the_gradient() {
        let coordinates = Coordinates::new(6, 5);
        let spectrum = coordinates.of(&picture(30));
        let weights: Vec<f32> = (0..90).map(|i| (i as f32 * 0.7).sin()).collect();
        let score = |spectrum: &[Complex32]| -> f64 {
            let picture = coordinates.picture(spectrum);
            picture.iter().zip(&weights).map(|(a, b)| f64::from(a * b)).sum()
        };
        let gradient = coordinates.pull_back(&coordinates.picture(&spectrum), &weights);
        for at in [0, 7, 33, 61, 89] {
            let step = 1e-2_f32;
            let moved = |by: Complex32| {
                let mut moved = spectrum.clone();
                moved[at] += by;
                score(&moved)
            };
            for (by, found) in
                [(Complex32::new(step, 0.0), gradient[at].re), (Complex32::new(0.0, step), gradient[at].im)]
            {
                let expected = (moved(by) - moved(-by)) / f64::from(2.0 * step);
                assert!(
                    (expected - f64::from(found)).abs() < 2e-3 * expected.abs().max(1.0),
                    "{at}: {found} {expected}"
                );
            }
        }
    }

    #[test]
    fn it_begins_near_grey_and_repeats_for_a_seed() {
        let coordinates = Coordinates::new(32, 32);
        let picture = coordinates.picture(&coordinates.beginning(3));
        let mean = picture.iter().sum::<f32>() / picture.len() as f32;
        assert!((mean - 0.5).abs() < 0.1, "{mean}");
        assert_eq!(coordinates.beginning(3), coordinates.beginning(3));
        assert_ne!(coordinates.beginning(3), coordinates.beginning(4));
    }
}
