//! Many small maps as one: tiles in rows.

use std::sync::Arc;

use ndarray::Array2;

use super::Map;

/// Cells of a tile for each cell of the gap around it.
const GAP_SHARE: usize = 12;
/// Where no tile lies.
const NO_TILE: u32 = u32::MAX;

/// Maps of the same size, laid out in rows, with a gap around each.
#[derive(Debug, Clone)]
pub struct Tiles {
    /// The values; NaN in the gaps.
    pub map: Arc<Map>,
    /// The tile that each cell belongs to, numbered from 0 in reading order.
    pub labels: Arc<Array2<u32>>,
}

impl Tiles {
    /// Lays out `maps` in as many columns as rows, or one more; each [`reduced`] to `longest` cells.
    pub fn new(maps: &[Arc<Map>], longest: usize) -> Tiles {
        let columns = maps.len().isqrt().max(1);
        let columns = if columns * columns < maps.len() { columns + 1 } else { columns };
        let reduced: Vec<Map> = maps.iter().map(|map| reduced(map, longest)).collect();
        let (height, width) = reduced.first().map_or((0, 0), Map::dim);
        let gap = height.max(width).div_ceil(GAP_SHARE);
        let shape = (gap + maps.len().div_ceil(columns) * (height + gap), gap + columns * (width + gap));
        let (mut map, mut labels) = (Map::from_elem(shape, f32::NAN), Array2::from_elem(shape, NO_TILE));
        for (number, tile) in reduced.iter().enumerate() {
            let (row, column) = (number / columns, number % columns);
            let (y, x) = (gap + row * (height + gap), gap + column * (width + gap));
            for ((dy, dx), value) in tile.indexed_iter() {
                map[[y + dy, x + dx]] = *value;
                labels[[y + dy, x + dx]] = number as u32;
            }
        }
        Tiles { map: Arc::new(map), labels: Arc::new(labels) }
    }
}

/// The map with at most `longest` cells along a side, each the mean of a square of its cells.
pub fn reduced(map: &Map, longest: usize) -> Map {
    let factor = map.nrows().max(map.ncols()).div_ceil(longest.max(1)).max(1);
    if factor == 1 {
        return map.clone();
    }
    let (height, width) = (map.nrows().div_ceil(factor), map.ncols().div_ceil(factor));
    let (mut sums, mut counts) = (Map::zeros((height, width)), Map::zeros((height, width)));
    for ((y, x), value) in map.indexed_iter() {
        sums[[y / factor, x / factor]] += value;
        counts[[y / factor, x / factor]] += 1.0;
    }
    sums / counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_stand_in_rows_with_gaps_all_around() {
        let maps: Vec<Arc<Map>> = [1.0, 2.0, 3.0].map(|value| Arc::new(Map::from_elem((2, 3), value))).to_vec();
        let tiles = Tiles::new(&maps, 48);
        assert_eq!(tiles.map.dim(), (7, 9));
        let cells = |number| tiles.labels.iter().filter(|label| **label == number).count();
        assert_eq!([0, 1, 2, 3, NO_TILE].map(cells), [6, 6, 6, 0, 7 * 9 - 18]);
        for (value, label) in tiles.map.iter().zip(tiles.labels.iter()) {
            assert_eq!(value.is_nan(), *label == NO_TILE);
            assert!(value.is_nan() || *value == *label as f32 + 1.0);
        }
        assert_eq!([tiles.labels[[1, 1]], tiles.labels[[1, 5]], tiles.labels[[4, 1]]], [0, 1, 2]);
    }

    #[test]
    fn large_maps_are_averaged_and_none_at_all_is_empty() {
        let map = Map::from_shape_fn((96, 64), |(y, _)| (y % 2) as f32);
        let tiles = Tiles::new(&[Arc::new(map)], 48);
        let values: Vec<f32> = tiles.map.iter().copied().filter(|value| !value.is_nan()).collect();
        assert_eq!(values, vec![0.5; 48 * 32]);
        assert!(Tiles::new(&[], 48).map.is_empty());
    }
}
