//! Blurring: one kernel along both sides of an image.

use ndarray::Array2;

/// What lies beyond the edges of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// The image in a mirror at the edge, its last pixel included.
    Mirror,
    /// The last pixel, again and again.
    Repeat,
    /// Zeros.
    Zero,
}

impl Beyond {
    /// The pixel that stands at `position` of a side; none where there is nothing.
    fn pixel(self, position: isize, side: usize) -> Option<usize> {
        let last = side as isize - 1;
        match self {
            Beyond::Mirror => Some(mirror(position, side)),
            Beyond::Repeat => Some(position.clamp(0, last) as usize),
            Beyond::Zero => (0..=last).contains(&position).then_some(position as usize),
        }
    }
}

/// The pixel that a mirror at either edge shows at `position`.
pub fn mirror(position: isize, side: usize) -> usize {
    let period = 2 * side as isize;
    let within = position.rem_euclid(period);
    (if within < side as isize { within } else { period - 1 - within }) as usize
}

/// The weights of a Gaussian of `sigma` pixels, from `-radius` to `radius`; they add up to 1.
pub fn gaussian(sigma: f64, radius: usize) -> Vec<f64> {
    let radius = radius as isize;
    let weight = |offset: isize| (-0.5 * (offset as f64 / sigma).powi(2)).exp();
    let total: f64 = (-radius..=radius).map(weight).sum();
    (-radius..=radius).map(|offset| weight(offset) / total).collect()
}

/// One channel, blurred down and then across by a kernel whose middle is at each pixel.
pub fn blur(channel: &Array2<f64>, kernel: &[f64], beyond: Beyond) -> Array2<f64> {
    let (height, width) = channel.dim();
    let radius = (kernel.len() / 2) as isize;
    let sum = |place: usize, side: usize, value: &dyn Fn(usize) -> f64| {
        let taps = kernel.iter().zip(place as isize - radius..);
        taps.filter_map(|(weight, position)| Some(weight * value(beyond.pixel(position, side)?)))
            .fold(0.0, |sum, tap| sum + tap)
    };
    let down = Array2::from_shape_fn((height, width), |(y, x)| sum(y, height, &|row| channel[[row, x]]));
    Array2::from_shape_fn((height, width), |(y, x)| sum(x, width, &|column| down[[y, column]]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_mirror_repeats_the_last_pixel() {
        let shown: Vec<usize> = (-4..7).map(|position| mirror(position, 3)).collect();
        assert_eq!(shown, [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0]);
    }

    #[test]
    fn a_constant_stays_and_only_zeros_beyond_the_edge_darken_it() {
        let grey = Array2::from_elem((3, 5), 2.0);
        let kernel = gaussian(1.5, 6);
        for beyond in [Beyond::Mirror, Beyond::Repeat] {
            assert!(blur(&grey, &kernel, beyond).iter().all(|value| (value - 2.0).abs() < 1e-12));
        }
        assert!(blur(&grey, &kernel, Beyond::Zero).iter().all(|value| *value < 2.0));
    }

    #[test]
    fn a_point_spreads_down_and_across() {
        let point = array![[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]];
        let spread = blur(&point, &[0.25, 0.5, 0.25], Beyond::Zero);
        assert_eq!(spread, array![[0.0625, 0.125, 0.0625], [0.125, 0.25, 0.125], [0.0625, 0.125, 0.0625]]);
    }
}
