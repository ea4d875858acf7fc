//! The pointing game: whether the most relevant place lies on the object (Zhang et al., IJCV 2018).

use super::{Better, Mask, Measure, Trial, relevance};
use crate::raster::Map;

/// A hit or a miss, without the tolerance of 15 pixels that the authors allow.
pub(super) static POINTING: Measure = Measure {
    name: "pointing",
    help: "how often the most relevant pixel lies on the object",
    reference: "Zhang et al., Top-down neural attention by excitation backprop, IJCV 2018",
    unit: "share",
    better: Better::Higher,
    trial: Trial::Object,
    score: |case, attribution| Ok(case.mask.map(|mask| hit(&relevance(attribution), mask))),
};

/// 1 where the maximum lies in the mask; where several pixels share it, the share of them that do.
fn hit(relevance: &Map, mask: &Mask) -> f64 {
    let largest = relevance.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let best = relevance.iter().zip(mask).filter(|(value, _)| **value == largest);
    let (hits, all) =
        best.fold((0.0, 0.0), |(hits, all), (_, inside)| (hits + f64::from(u8::from(*inside)), all + 1.0));
    if all > 0.0 { hits / all } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_maximum_hits_or_misses_and_ties_share() {
        let mask = array![[true, false], [false, false]];
        assert_eq!(hit(&array![[2.0, 1.0], [0.0, -9.0]], &mask), 1.0);
        assert_eq!(hit(&array![[1.0, 2.0], [0.0, 0.0]], &mask), 0.0);
        assert_eq!(hit(&array![[2.0, 2.0], [0.0, 0.0]], &mask), 0.5);
        assert_eq!(hit(&Map::zeros((2, 2)), &mask), 0.25);
    }
}
