//! Many small maps as one: tiles in rows.

use std::sync::Arc;

use image::RgbImage;
use ndarray::Array2;

use super::{Colouring, Composition, Heat, Map, Region, Superpixels};

/// Cells of a tile for each cell of the gap around it.
const GAP_SHARE: usize = 12;
/// Where no tile lies.
const NO_TILE: u32 = u32::MAX;

/// Maps of the same size, to be laid out in rows, with a gap around each; a pixel for each of their cells.
#[derive(Debug, Clone)]
pub struct Tiles {
    /// The maps, `[h, w]` each, in reading order: in as many columns as rows, or one more.
    pub maps: Vec<Arc<Map>>,
    /// Cells along a side of a tile, at most: larger maps are [`reduced`].
    pub longest: usize,
    /// The one with a frame, by its place in the order.
    pub marked: Option<u32>,
    /// How values become colours.
    pub colouring: Colouring,
}

/// Where tiles lie, in cells.
struct Grid {
    columns: usize,
    /// Rows and columns of a tile.
    tile: (usize, usize),
    gap: usize,
    /// Rows and columns of all.
    shape: (usize, usize),
}

impl Tiles {
    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        let (rows, columns) = self.grid().shape;
        (columns as u32, rows as u32)
    }

    /// The tile at a place, in shares of width and height in `[0, 1)`.
    pub fn at(&self, across: f32, down: f32) -> Option<u32> {
        let Grid { columns, tile: (height, width), gap, shape } = self.grid();
        let number = |share: f32, all: usize, side: usize| {
            let cell = ((share * all as f32) as usize).checked_sub(gap)?;
            (cell.checked_rem(side + gap)? < side).then_some(cell / (side + gap))
        };
        let (row, column) = number(down, shape.0, height).zip(number(across, shape.1, width))?;
        let number = row * columns + column;
        (number < self.maps.len()).then_some(number as u32)
    }

    fn grid(&self) -> Grid {
        let columns = self.maps.len().isqrt().max(1);
        let columns = if columns * columns < self.maps.len() { columns + 1 } else { columns };
        let tile = self.maps.first().map_or((0, 0), |map| reduced_dim(map, self.longest));
        let gap = tile.0.max(tile.1).div_ceil(GAP_SHARE);
        let rows = self.maps.len().div_ceil(columns);
        Grid { columns, tile, gap, shape: (gap + rows * (tile.0 + gap), gap + columns * (tile.1 + gap)) }
    }

    /// Lays them out.
    pub(super) fn compose(&self) -> Composition {
        let (map, labels) = self.lay_out();
        let (width, height) = self.size();
        let region = Region::whole(width, height);
        let Colouring { sign, colormap, opacity } = self.colouring;
        Composition {
            base: Arc::new(RgbImage::new(width, height)),
            show_base: false,
            heat: Some(Heat { map: Arc::new(map), sign, region, colormap, opacity }),
            superpixels: Some(Superpixels {
                labels: Arc::new(labels),
                region,
                outlined: false,
                marked: self.marked,
                carry_heat: true,
            }),
            boxes: vec![],
        }
    }

    /// The values, NaN in the gaps; and the tile that each cell belongs to, numbered from 0 in reading order.
    fn lay_out(&self) -> (Map, Array2<u32>) {
        let Grid { columns, tile: (height, width), gap, shape } = self.grid();
        let (mut map, mut labels) = (Map::from_elem(shape, f32::NAN), Array2::from_elem(shape, NO_TILE));
        for (number, tile) in self.maps.iter().enumerate() {
            let (row, column) = (number / columns, number % columns);
            let (y, x) = (gap + row * (height + gap), gap + column * (width + gap));
            for ((dy, dx), value) in reduced(tile, self.longest).indexed_iter() {
                map[[y + dy, x + dx]] = *value;
                labels[[y + dy, x + dx]] = number as u32;
            }
        }
        (map, labels)
    }
}

/// How many cells make one of a map that is to have at most `longest` along a side.
fn factor(map: &Map, longest: usize) -> usize {
    map.nrows().max(map.ncols()).div_ceil(longest.max(1)).max(1)
}

/// Rows and columns of a map once it is reduced.
fn reduced_dim(map: &Map, longest: usize) -> (usize, usize) {
    let factor = factor(map, longest);
    (map.nrows().div_ceil(factor), map.ncols().div_ceil(factor))
}

/// The map with at most `longest` cells along a side, each the mean of a square of its cells.
pub fn reduced(map: &Map, longest: usize) -> Map {
    let factor = factor(map, longest);
    if factor == 1 {
        return map.clone();
    }
    let shape = reduced_dim(map, longest);
    let (mut sums, mut counts) = (Map::zeros(shape), Map::zeros(shape));
    for ((y, x), value) in map.indexed_iter() {
        sums[[y / factor, x / factor]] += value;
        counts[[y / factor, x / factor]] += 1.0;
    }
    sums / counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raster::{Colormap, Sign};

    fn tiles(maps: Vec<Map>) -> Tiles {
        let colouring = Colouring { sign: Sign::Positive, colormap: Colormap::default(), opacity: 0.6 };
        Tiles { maps: maps.into_iter().map(Arc::new).collect(), longest: 48, marked: None, colouring }
    }

    #[test]
    fn tiles_stand_in_rows_with_gaps_all_around() {
        let tiles = tiles([1.0, 2.0, 3.0].map(|value| Map::from_elem((2, 3), value)).to_vec());
        let (map, labels) = tiles.lay_out();
        assert_eq!((map.dim(), tiles.size()), ((7, 9), (9, 7)));
        let cells = |number| labels.iter().filter(|label| **label == number).count();
        assert_eq!([0, 1, 2, 3, NO_TILE].map(cells), [6, 6, 6, 0, 7 * 9 - 18]);
        for (value, label) in map.iter().zip(labels.iter()) {
            assert_eq!(value.is_nan(), *label == NO_TILE);
            assert!(value.is_nan() || *value == *label as f32 + 1.0);
        }
        assert_eq!([labels[[1, 1]], labels[[1, 5]], labels[[4, 1]]], [0, 1, 2]);
    }

    #[test]
    fn a_place_belongs_to_the_tile_that_is_drawn_there() {
        let tiles = tiles(vec![Map::zeros((4, 5)); 7]);
        let (_, labels) = tiles.lay_out();
        let (height, width) = labels.dim();
        for ((y, x), label) in labels.indexed_iter() {
            let at = tiles.at((x as f32 + 0.5) / width as f32, (y as f32 + 0.5) / height as f32);
            assert_eq!(at, Some(*label).filter(|label| *label != NO_TILE), "{x}, {y}");
        }
    }

    #[test]
    fn large_maps_are_averaged_and_none_at_all_is_empty() {
        let (map, _) = tiles(vec![Map::from_shape_fn((96, 64), |(y, _)| (y % 2) as f32)]).lay_out();
        let values: Vec<f32> = map.iter().copied().filter(|value| !value.is_nan()).collect();
        assert_eq!(values, vec![0.5; 48 * 32]);
        assert_eq!((tiles(vec![]).size(), tiles(vec![]).at(0.5, 0.5)), ((0, 0), None));
        assert!(tiles(vec![]).lay_out().0.is_empty());
    }
}
