//! How the channels of a layer are laid out as tiles.

use super::{State, Terminal};

/// The longest side of a tile, in cells: where dots are many, and where they are as few as half-blocks.
pub(super) const LONGEST: (usize, usize) = (48, 8);
/// Dots along a tile, with its gap, from which on there are many.
const MANY: usize = 24;
/// Dots along a tile, with its gap, below which nothing can be told.
const FEWEST: usize = 10;
/// Columns of tiles, at least and at most.
const COLUMNS: (usize, usize) = (2, 8);
/// The share of the screen's width that the tiles have, in percent: half of what the list leaves.
const SHARE: usize = 35;

/// How many tiles are on screen at a time, and how fine: what there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TileLayout {
    columns: usize,
    pub(super) longest: usize,
}

impl TileLayout {
    /// Tiles on a page.
    pub fn per_page(self) -> usize {
        self.columns * self.columns
    }
}

impl State {
    /// Whether tiles are made of so many dots that lines can be drawn in them.
    pub(super) fn has_fine_dots(&self) -> bool {
        self.tile_layout().longest == LONGEST.0
    }

    /// How tiles are laid out on this screen.
    pub(super) fn tile_layout(&self) -> TileLayout {
        let Terminal { size: (width, height), dots, .. } = self.terminal;
        let across = usize::from(width) * usize::from(dots.0) * SHARE / 100;
        let side = across.min(usize::from(height) * usize::from(dots.1));
        let columns = (side / FEWEST).clamp(COLUMNS.0, COLUMNS.1);
        TileLayout { columns, longest: if side / columns < MANY { LONGEST.1 } else { LONGEST.0 } }
    }
}
