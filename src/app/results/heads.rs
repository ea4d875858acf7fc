//! What the heads of a block attend to: as they are coloured, and in numbers.

use std::sync::Arc;
use std::time::Duration;

use ndarray::{Array2, Array3, ArrayView2, Axis};

use crate::app::tiles::{LONGEST, TileLayout};
use crate::raster::{Colouring, Map, Tiles, layer_scale, reduced};

/// What each head of a block takes of the patches of an image.
#[derive(Debug, Clone)]
pub struct Heads {
    /// Each head as it is coloured: shares of its attention, all divided by the same scale, `[rows, columns]`.
    pub maps: Vec<Arc<Map>>,
    /// The share that the strongest colour stands for.
    pub scale: f32,
    /// In numbers.
    pub rows: Vec<HeadRow>,
    /// The number of the patch in each cell of the grid.
    pub patches: Arc<Array2<u32>>,
    /// Time that it took.
    pub elapsed: Duration,
    /// The maps, as small as tiles are.
    thumbnails: Vec<Arc<Map>>,
}

/// Shares that add up to all do so but for what rounding them has lost.
const ROUNDING: f32 = 1e-5;

/// A head in numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeadRow {
    /// The share of its attention that patches have; class tokens have the rest.
    pub on_patches: f32,
    /// Over how many patches that is spread: as many as would have it if each had the same (the exponential of the entropy).
    pub spread: f32,
    /// The share of the patch that has most.
    pub largest: f32,
}

impl HeadRow {
    fn of(map: ArrayView2<'_, f32>) -> HeadRow {
        let (sum, largest) = map.iter().fold((0.0, 0.0_f32), |(sum, most), share| (sum + share, most.max(*share)));
        let entropy = |share: &f32| if *share > 0.0 { -(share / sum) * (share / sum).ln() } else { 0.0 };
        let spread = if sum > 0.0 { map.iter().map(entropy).sum::<f32>().exp() } else { 0.0 };
        HeadRow { on_patches: if (1.0 - sum).abs() < ROUNDING { 1.0 } else { sum }, spread, largest }
    }
}

impl Heads {
    /// From the shares of each head, `[heads, rows, columns]`.
    pub fn new(shares: &Array3<f32>, elapsed: Duration) -> Heads {
        let scale = layer_scale(shares.iter());
        let shown = |share: &f32| if scale > 0.0 { (share / scale).clamp(0.0, 1.0) } else { 0.0 };
        let maps: Vec<Arc<Map>> = shares.axis_iter(Axis(0)).map(|map| Arc::new(map.map(shown))).collect();
        let (height, width) = (shares.len_of(Axis(1)), shares.len_of(Axis(2)));
        let patches = Array2::from_shape_fn((height, width), |(row, column)| (row * width + column) as u32);
        Heads {
            thumbnails: maps.iter().map(|map| Arc::new(reduced(map, LONGEST.0))).collect(),
            maps,
            scale,
            rows: shares.axis_iter(Axis(0)).map(HeadRow::of).collect(),
            patches: Arc::new(patches),
            elapsed,
        }
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        4 * (self.patches.len() + self.maps.iter().chain(&self.thumbnails).map(|map| map.len()).sum::<usize>())
    }

    /// The heads of a page, side by side, one of them marked.
    pub(in crate::app) fn tiles(&self, page: usize, layout: TileLayout, marked: u32, colouring: Colouring) -> Tiles {
        let maps = self.thumbnails.iter().skip(page * layout.per_page()).take(layout.per_page());
        Tiles { maps: maps.cloned().collect(), longest: layout.longest, marked: Some(marked), colouring }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_head_is_spread_over_as_many_patches_as_share_its_attention() {
        let shares = array![[[0.25, 0.25], [0.25, 0.25]], [[0.0, 0.5], [0.0, 0.0]]];
        let heads = Heads::new(&shares, Duration::ZERO);
        assert!((heads.rows[0].spread - 4.0).abs() < 1e-5 && (heads.rows[1].spread - 1.0).abs() < 1e-5);
        assert_eq!([0, 1].map(|head| heads.rows[head].on_patches), [1.0, 0.5]);
        assert_eq!(heads.maps[1][[0, 1]], 1.0, "all on one scale");
        assert_eq!(*heads.patches, array![[0, 1], [2, 3]]);
        assert_eq!(HeadRow::of(array![[0.0]].view()), HeadRow { on_patches: 0.0, spread: 0.0, largest: 0.0 });
    }
}
