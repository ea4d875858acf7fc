//! Relevance rank: whether the most relevant pixels are those of the object (Arras et al., Information Fusion 2022).

use super::ranking::order;
use super::{Better, Mask, Measure, Trial, relevance};
use crate::raster::Map;

/// Of as many of the most relevant pixels as the object has, the share that is on it.
pub(super) static RELEVANCE_RANK: Measure = Measure {
    name: "rank",
    help: "of as many of the most relevant pixels as the object has, the share that is on it",
    reference: "Arras et al., CLEVR-XAI, Information Fusion 2022",
    unit: "share",
    better: Better::Higher,
    trial: Trial::Object,
    score: |case, attribution| Ok(case.mask.and_then(|mask| accuracy(&relevance(attribution), mask, case.seed))),
};

/// None for an empty mask.
fn accuracy(relevance: &Map, mask: &Mask, seed: u64) -> Option<f64> {
    let inside: Vec<bool> = mask.iter().copied().collect();
    let size = inside.iter().filter(|inside| **inside).count();
    let hits = order(relevance, seed).into_iter().take(size).filter(|pixel| inside[*pixel]).count();
    (size > 0).then(|| hits as f64 / size as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn as_many_pixels_are_looked_at_as_the_object_has() {
        let mask = array![[true, true], [false, false]];
        assert_eq!(accuracy(&array![[5.0, 4.0], [3.0, 2.0]], &mask, 0), Some(1.0));
        assert_eq!(accuracy(&array![[5.0, 2.0], [3.0, 4.0]], &mask, 0), Some(0.5));
        assert_eq!(accuracy(&Map::zeros((2, 2)), &Mask::from_elem((2, 2), false), 0), None);
    }
}
