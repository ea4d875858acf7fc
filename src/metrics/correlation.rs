//! How alike two maps are.

use crate::raster::Map;
use crate::raster::resize::{Corners, resize_map};

/// How far two models agree about where something is seen: the rank correlation of their maps, in `[-1, 1]`, the second
/// brought to the first one's size. Each map is of what its own model sees of the image.
pub fn agreement(first: &Map, second: &Map) -> f64 {
    let (height, width) = first.dim();
    let second =
        if second.dim() == first.dim() { second.clone() } else { resize_map(second, height, width, Corners::Edges) };
    spearman(&first.iter().copied().collect::<Vec<_>>(), &second.iter().copied().collect::<Vec<_>>())
}

/// Spearman's rank correlation; equal values share the mean of their ranks. 0 where one of the two is flat.
pub(super) fn spearman(a: &[f32], b: &[f32]) -> f64 {
    let (a, b) = (mean_ranks(a), mean_ranks(b));
    let mean = (a.len() as f64 - 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>();
    let scale = (product(&a, &a) * product(&b, &b)).sqrt();
    if scale > 0.0 { product(&a, &b) / scale } else { 0.0 }
}

fn mean_ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for tied in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let rank = first as f64 + (tied.len() as f64 - 1.0) / 2.0;
        tied.iter().for_each(|pixel| ranks[*pixel] = rank);
        first += tied.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_map_at_another_size_agrees() {
        let map = |side: usize| Map::from_shape_fn((side, side), |(y, x)| (x as f32 + 0.5) / side as f32 + y as f32);
        assert!(agreement(&map(16), &map(16)) > 0.999_999);
        let wide = Map::from_shape_fn((8, 8), |(_, x)| x as f32);
        let large = Map::from_shape_fn((32, 32), |(_, x)| x as f32);
        assert!(agreement(&wide, &large) > 0.99 && agreement(&wide, &large.mapv(|value| -value)) < -0.99);
    }

    #[test]
    fn rank_correlation_sees_order_and_nothing_else() {
        assert!((spearman(&[1.0, 2.0, 3.0, 4.0], &[1.0, 4.0, 9.0, 16.0]) - 1.0).abs() < 1e-12);
        assert!((spearman(&[1.0, 2.0, 3.0, 4.0], &[4.0, 3.0, 2.0, 1.0]) + 1.0).abs() < 1e-12);
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[5.0, 5.0, 5.0]), 0.0);
        // One swap among four: 1 - 6 * 2 / (4 * 15).
        assert!((spearman(&[1.0, 2.0, 3.0, 4.0], &[2.0, 1.0, 3.0, 4.0]) - 0.8).abs() < 1e-12);
        assert_eq!(mean_ranks(&[2.0, 1.0, 2.0, 7.0]), [1.5, 0.0, 1.5, 3.0]);
    }
}
