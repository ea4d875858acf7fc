//! The parts of the screen, a file each.

pub(super) mod classes;
pub(super) mod empty;
pub(super) mod header;
pub(super) mod help;
pub(super) mod list;
pub(super) mod methods;
pub(super) mod parameters;
pub(super) mod picture;
pub(super) mod segments;
pub(super) mod status;
pub(super) mod strip;
pub(super) mod tiny;
pub(super) mod why;

/// The first visible row of a list of `count` rows, of which `rows` fit, such that `marked` is among them.
pub(super) fn first_row(marked: usize, count: usize, rows: usize) -> usize {
    marked.saturating_sub(rows / 2).min(count.saturating_sub(rows))
}
