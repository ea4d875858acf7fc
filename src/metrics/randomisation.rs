//! The model-randomisation check: whether a map changes when the network forgets (Adebayo et al., NeurIPS 2018).

use super::correlation::spearman;
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
