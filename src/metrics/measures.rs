//! The table of measures. A new one is one file beside this one and one line here; the command line, its help and the
//! report all read this table.

use super::{
    Measure, completeness, deletion, grid_pointing, insertion, pointing, randomisation, relevance_mass, relevance_rank,
    road,
};

/// Every measure, in the order in which reports show them.
pub static MEASURES: &[&Measure] = &[
    &deletion::DELETION,
    &insertion::INSERTION,
    &road::ROAD,
    &grid_pointing::GRID_POINTING,
    &pointing::POINTING,
    &relevance_mass::RELEVANCE_MASS,
    &relevance_rank::RELEVANCE_RANK,
    &completeness::COMPLETENESS,
    &randomisation::RANDOMISATION,
];

/// The measure of that name.
pub fn find(name: &str) -> Option<&'static Measure> {
    MEASURES.iter().copied().find(|measure| measure.name == name)
}
