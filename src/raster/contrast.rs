//! Two maps of one picture in colours that mean the same, or what one of them has more than the other.

use std::sync::Arc;

use image::RgbImage;

use super::{Colouring, Composition, Heat, Map, Region, Sign};

/// A map over its part of a picture.
#[derive(Debug, Clone)]
pub struct Placed {
    /// Values in `[-1, 1]`.
    pub map: Arc<Map>,
    /// What a value of one stands for.
    pub weight: f32,
    /// The part of the picture.
    pub region: Region,
}

/// A picture with one of two maps over it, or with their difference.
#[derive(Debug, Clone)]
pub struct Contrast {
    /// The picture.
    pub base: Arc<RgbImage>,
    /// The maps.
    pub maps: [Placed; 2],
    /// Which is shown; none for the second less the first, over the part of the first.
    pub which: Option<usize>,
    /// Its colours.
    pub colouring: Colouring,
}

impl Contrast {
    /// Width and height in pixels, at full size.
    pub fn size(&self) -> (u32, u32) {
        self.base.dimensions()
    }

    /// The value that the strongest colour stands for.
    pub fn scale(maps: &[Placed; 2]) -> f32 {
        maps[0].weight.max(maps[1].weight)
    }

    /// Makes the map that is shown. This is work for workers.
    pub fn compose(&self) -> Composition {
        let scale = Contrast::scale(&self.maps);
        let share = |which: usize| if scale > 0.0 { self.maps[which].weight / scale } else { 0.0 };
        let scaled = |which: usize| self.maps[which].map.mapv(|value| value * share(which));
        let Colouring { sign, colormap, opacity } = self.colouring;
        let (map, sign, region) = match self.which {
            Some(which) => (scaled(which), sign, self.maps[which].region),
            None => {
                let [first, second] = &self.maps;
                let difference = less(&scaled(1), second.region, &scaled(0), first.region);
                (difference.mapv(|value| value.clamp(-1.0, 1.0)), Sign::Signed, first.region)
            }
        };
        let heat = Some(Heat { map: Arc::new(map), sign, region, colormap, opacity });
        Composition { base: Arc::clone(&self.base), show_base: true, heat, superpixels: None, boxes: vec![] }
    }
}

/// `map` less `other`, each over its part of the same picture, on the grid of `other`; zero counts where `map` is not.
fn less(map: &Map, region: Region, other: &Map, other_region: Region) -> Map {
    let (rows, columns) = map.dim();
    let (other_rows, other_columns) = other.dim();
    Map::from_shape_fn(other.raw_dim(), |(y, x)| {
        let across = (x as f32 + 0.5) / other_columns as f32 * other_region.width + other_region.x;
        let down = (y as f32 + 0.5) / other_rows as f32 * other_region.height + other_region.y;
        let column = (across - region.x) / region.width * columns as f32 - 0.5;
        let row = (down - region.y) / region.height * rows as f32 - 0.5;
        sampled(map, row, column).unwrap_or(0.0) - other[[y, x]]
    })
}

/// The value between cells, bilinear; none off the map.
fn sampled(map: &Map, row: f32, column: f32) -> Option<f32> {
    let (rows, columns) = map.dim();
    let is_on = |at: f32, count: usize| (-0.5..=count as f32 - 0.5).contains(&at);
    if !is_on(row, rows) || !is_on(column, columns) {
        return None;
    }
    let cell = |at: f32, count: usize| {
        let at = at.clamp(0.0, count as f32 - 1.0);
        let low = at.floor() as usize;
        (low, (low + 1).min(count - 1), at - at.floor())
    };
    let (top, bottom, down) = cell(row, rows);
    let (left, right, across) = cell(column, columns);
    let along = |y: usize| map[[y, left]] * (1.0 - across) + map[[y, right]] * across;
    Some(along(top) * (1.0 - down) + along(bottom) * down)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_difference_is_taken_where_both_maps_lie_on_the_picture() {
        let whole = Region::whole(4, 2);
        let one = array![[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]];
        assert_eq!(less(&one, whole, &one, whole), Map::zeros((2, 4)));
        // The other saw the right half only, in as many cells as it has.
        let right = Region { x: 2.0, y: 0.0, width: 2.0, height: 2.0 };
        let half = array![[3.0, 4.0], [3.0, 4.0]];
        assert_eq!(less(&half, right, &one, whole), array![[-1.0, -2.0, 0.0, 0.0], [-1.0, -2.0, 0.0, 0.0]]);
        assert_eq!(less(&one, whole, &half, right), Map::zeros((2, 2)));
    }

    #[test]
    fn between_cells_values_are_between_theirs() {
        let map = array![[0.0, 2.0], [4.0, 6.0]];
        assert_eq!([sampled(&map, 0.5, 0.5), sampled(&map, 0.0, 0.25)], [Some(3.0), Some(0.5)]);
        assert_eq!([sampled(&map, -0.4, 0.0), sampled(&map, -0.6, 0.0)], [Some(0.0), None]);
    }
}
