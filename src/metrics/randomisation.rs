//! The model-randomisation check: whether a map changes when the network forgets (Adebayo et al., NeurIPS 2018).

use super::{Better, Measure, Trial, relevance};
use crate::raster::Map;

/// How alike the magnitudes of two maps are, by the network as it was and with weights drawn anew.
pub(super) static RANDOMISATION: Measure = Measure {
    name: "randomisation",
    help: "rank correlation with the map after weights were drawn anew, layer by layer from the top",
    reference: "Adebayo et al., Sanity checks for saliency maps, NeurIPS 2018",
    unit: "rank correlation",
    better: Better::Lower,
    trial: Trial::Randomised,
    score: |case, attribution| {
        Ok(case.original.map(|original| spearman(&magnitudes(original), &magnitudes(&relevance(attribution)))))
    },
};

/// The signs are left out, as the authors do in one of their two variants: drawing the last layer anew may turn the sign of
/// a map that is otherwise the same picture.
fn magnitudes(map: &Map) -> Vec<f32> {
    map.iter().map(|value| value.abs()).collect()
}

/// Spearman's rank correlation; equal values share the mean of their ranks. 0 where one of the two is flat.
fn spearman(a: &[f32], b: &[f32]) -> f64 {
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
    fn rank_correlation_sees_order_and_nothing_else() {
        assert!((spearman(&[1.0, 2.0, 3.0, 4.0], &[1.0, 4.0, 9.0, 16.0]) - 1.0).abs() < 1e-12);
        assert!((spearman(&[1.0, 2.0, 3.0, 4.0], &[4.0, 3.0, 2.0, 1.0]) + 1.0).abs() < 1e-12);
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[5.0, 5.0, 5.0]), 0.0);
        // One swap among four: 1 - 6 * 2 / (4 * 15).
        assert!((spearman(&[1.0, 2.0, 3.0, 4.0], &[2.0, 1.0, 3.0, 4.0]) - 0.8).abs() < 1e-12);
        assert_eq!(mean_ranks(&[2.0, 1.0, 2.0, 7.0]), [1.5, 0.0, 1.5, 3.0]);
    }
}
