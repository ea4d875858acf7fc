//! The grid pointing game: a mosaic of images of different classes, and whether the map of a class finds its cell (Rao et
//! al., CVPR 2022).

use super::relevance::share_within;
use super::{Better, Measure, Trial, relevance};

/// The share of the positive relevance within the cell of the class; a map that does not look has the cell's share of the
/// mosaic, one in n x n.
pub(super) static GRID_POINTING: Measure = Measure {
    name: "grid",
    help: "share of the positive relevance in the class's own cell of a mosaic; 1/n\u{b2} by chance",
    reference: "Rao et al., Towards better understanding attribution methods, CVPR 2022",
    unit: "share",
    better: Better::Higher,
    trial: Trial::Mosaic,
    score: |case, attribution| Ok(case.mask.map(|cell| share_within(&relevance(attribution), cell))),
};
