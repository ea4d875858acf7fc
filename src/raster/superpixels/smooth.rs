//! Gaussian smoothing of colours before they are compared.

use super::Field;

/// Smooths by a Gaussian of `sigma` pixels, cut off at four of them; beyond the edge the image is mirrored, its last pixel
/// included. 0 leaves it alone.
pub(super) fn smooth(field: &Field, sigma: f64) -> Field {
    if sigma <= 0.0 {
        return field.clone();
    }
    let radius = (4.0 * sigma + 0.5) as isize;
    let weight = |offset: isize| (-0.5 * (offset as f64 / sigma).powi(2)).exp();
    let total: f64 = (-radius..=radius).map(weight).sum();
    let kernel: Vec<f64> = (-radius..=radius).map(|offset| weight(offset) / total).collect();
    let (height, width) = field.dim();
    let sum = |pixel: &dyn Fn(isize) -> [f64; 3]| {
        kernel.iter().zip(-radius..=radius).fold([0.0; 3], |sum, (weight, offset)| {
            let colour = pixel(offset);
            std::array::from_fn(|channel| sum[channel] + weight * colour[channel])
        })
    };
    let down =
        Field::from_shape_fn((height, width), |(y, x)| sum(&|offset| field[[mirror(y as isize + offset, height), x]]));
    Field::from_shape_fn((height, width), |(y, x)| sum(&|offset| down[[y, mirror(x as isize + offset, width)]]))
}

/// The pixel that a mirror at either edge shows at `position`.
fn mirror(position: isize, side: usize) -> usize {
    let period = 2 * side as isize;
    let within = position.rem_euclid(period);
    (if within < side as isize { within } else { period - 1 - within }) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_repeats_the_last_pixel() {
        let shown: Vec<usize> = (-4..7).map(|position| mirror(position, 3)).collect();
        assert_eq!(shown, [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0]);
    }

    #[test]
    fn smoothing_keeps_a_constant() {
        let field = Field::from_elem((3, 5), [1.0, 2.0, 3.0]);
        let smoothed = smooth(&field, 1.5);
        assert!(smoothed.iter().flatten().zip(field.iter().flatten()).all(|(a, b)| (a - b).abs() < 1e-12));
    }
}
