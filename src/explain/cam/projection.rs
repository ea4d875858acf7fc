//! The first principal component of a layer's channels, which the eigen methods share.

use ndarray::{Array1, Array2, Array3, Axis};

/// Rounds of the power iteration at most: enough for two singular values that differ by one part in a thousand.
const ROUNDS: usize = 10_000;
/// The direction has settled when the cosine of a round's turn is this close to 1.
const SETTLED: f64 = 1e-16;

/// `[C, h, w]` as `h * w` points in C dimensions, each channel centred, projected on the first right singular vector.
///
/// The sign of a singular vector is arbitrary; here it is chosen so that the positive values of the map outweigh the negative
/// ones, by their third powers. What is not finite counts as zero. The result is `[h, w]`.
pub(super) fn first_component(values: &Array3<f32>) -> Array2<f32> {
    let (channels, height, width) = values.dim();
    let finite = values.mapv(|value| if value.is_finite() { f64::from(value) } else { 0.0 });
    let Ok(points) = finite.into_shape_with_order((channels, height * width)) else {
        return Array2::zeros((height, width));
    };
    let Some(means) = points.mean_axis(Axis(1)) else { return Array2::zeros((height, width)) };
    let centred = &points - &means.insert_axis(Axis(1));
    // The largest column is a start that cannot be orthogonal to the answer by accident of the data's symmetry alone.
    let longest = (0..centred.ncols()).max_by(|&a, &b| {
        let length = |column| centred.column(column).dot(&centred.column(column));
        length(a).total_cmp(&length(b))
    });
    let Some(mut direction) = longest.and_then(|column| unit(centred.column(column).to_owned())) else {
        return Array2::zeros((height, width));
    };
    for _ in 0..ROUNDS {
        let Some(next) = unit(centred.dot(&centred.t().dot(&direction))) else { break };
        let turn = 1.0 - next.dot(&direction).abs();
        direction = next;
        if turn < SETTLED {
            break;
        }
    }
    let projected = centred.t().dot(&direction);
    // Centred values add up to zero, so the third power decides: a few strong places outweigh many weak ones.
    let skew: f64 = projected.iter().map(|value| value.powi(3)).sum();
    let sign = if skew < 0.0 { -1.0 } else { 1.0 };
    let map = projected.mapv(|value| (sign * value) as f32);
    map.into_shape_with_order((height, width)).unwrap_or_else(|_| Array2::zeros((height, width)))
}

/// The vector at length 1, unless it has none.
fn unit(vector: Array1<f64>) -> Option<Array1<f64>> {
    let length = vector.dot(&vector).sqrt();
    (length > 0.0 && length.is_finite()).then(|| vector / length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rank_one_layer_gives_back_its_own_pattern_with_the_peak_positive() {
        let pattern = [0.0_f32, 1.0, 0.0, 0.0, 5.0, 0.0];
        let weights = [-2.0_f32, 0.5, 1.0];
        let layer = Array3::from_shape_fn((3, 2, 3), |(c, y, x)| weights[c] * pattern[y * 3 + x] + c as f32);
        let map = first_component(&layer);
        let length = weights.iter().map(|w| w * w).sum::<f32>().sqrt();
        for (value, expected) in map.iter().zip(pattern.map(|p| (p - 1.0) * length)) {
            assert!((value - expected).abs() < 1e-5, "{map}");
        }
    }

    #[test]
    fn the_projection_has_the_largest_variance_of_all_directions() {
        let layer = Array3::from_shape_fn((4, 3, 3), |(c, y, x)| (((c * 31 + y * 17 + x * 7) % 11) as f32).sin());
        let variance = |map: &Array2<f32>| map.iter().map(|v| v * v).sum::<f32>();
        let best = variance(&first_component(&layer));
        let means = layer.mean_axis(Axis(2)).unwrap().mean_axis(Axis(1)).unwrap();
        for angle in 0..60 {
            let direction: Vec<f32> = (0..4).map(|c| (angle as f32 * 0.7 + c as f32 * 1.9).sin()).collect();
            let length = direction.iter().map(|v| v * v).sum::<f32>().sqrt();
            let map = Array2::from_shape_fn((3, 3), |(y, x)| {
                (0..4).map(|c| (layer[[c, y, x]] - means[c]) * direction[c] / length).sum()
            });
            assert!(variance(&map) <= best * (1.0 + 1e-5));
        }
    }

    #[test]
    fn constant_channels_have_no_component() {
        assert!(first_component(&Array3::from_elem((2, 3, 3), 4.0)).iter().all(|value| *value == 0.0));
    }
}
