//! Small pictures, or maps, of one size as one: a contact sheet.

use image::RgbImage;

use super::Map;
use super::resize::{Corners, resize_map};

/// The share of a picture, one in so many of its pixels, that is left black beside it.
const GAP: u32 = 48;

/// Columns of a sheet of `count`: as many as rows, or one more.
pub fn sheet_columns(count: usize) -> usize {
    let side = count.isqrt();
    (side + usize::from(side * side < count)).max(1)
}

/// Pictures of `size` pixels each, in rows. The place of one that is missing is black.
pub fn picture_sheet(pictures: &[Option<&RgbImage>], (width, height): (u32, u32)) -> RgbImage {
    let columns = sheet_columns(pictures.len()) as u32;
    let rows = (pictures.len() as u32).div_ceil(columns).max(1);
    let mut sheet = RgbImage::new(columns * width, rows * height);
    let gap = (width.min(height) / GAP).max(1);
    for (number, picture) in (0..).zip(pictures) {
        let Some(picture) = picture else { continue };
        let (left, top) = (number % columns * width, number / columns * height);
        let across = 3 * width.saturating_sub(gap).min(picture.width()) as usize;
        for y in 0..height.saturating_sub(gap).min(picture.height()) {
            let from = (y * picture.width()) as usize * 3;
            let to = ((top + y) * columns * width + left) as usize * 3;
            sheet.as_mut()[to..to + across].copy_from_slice(&picture.as_raw()[from..from + across]);
        }
    }
    sheet
}

/// Maps in the same places, each stretched to `cells` x `cells`; NaN where there is none.
pub fn map_sheet(maps: &[&Map], cells: usize) -> Map {
    let columns = sheet_columns(maps.len());
    let rows = maps.len().div_ceil(columns).max(1);
    let mut sheet = Map::from_elem((rows * cells, columns * cells), f32::NAN);
    for (number, map) in maps.iter().enumerate() {
        let (top, left) = (number / columns * cells, number % columns * cells);
        for ((y, x), value) in resize_map(map, cells, cells, Corners::Edges).indexed_iter() {
            sheet[[top + y, left + x]] = *value;
        }
    }
    sheet
}

#[cfg(test)]
mod tests {
    use image::Rgb;
    use ndarray::array;

    use super::*;

    #[test]
    fn pictures_and_maps_stand_in_the_same_places() {
        let picture = RgbImage::from_pixel(8, 6, Rgb([200; 3]));
        let sheet = picture_sheet(&[Some(&picture), None, Some(&picture)], (8, 6));
        assert_eq!(sheet.dimensions(), (16, 12));
        let lit = |x, y| sheet.get_pixel(x, y).0 == [200; 3];
        assert!(lit(0, 0) && lit(6, 4) && !lit(7, 4) && !lit(6, 5), "a gap on the right and below");
        assert!(!lit(9, 1) && lit(1, 7) && !lit(9, 7));
        let map = array![[1.0, 1.0], [1.0, 1.0]];
        let maps = map_sheet(&[&map, &map, &map], 4);
        assert_eq!(maps.dim(), (8, 8));
        assert!(maps[[7, 7]].is_nan() && [maps[[0, 7]], maps[[7, 0]]] == [1.0, 1.0]);
    }

    #[test]
    fn a_sheet_is_as_square_as_it_can_be() {
        assert_eq!([0, 1, 2, 3, 4, 5, 9].map(sheet_columns), [1, 1, 2, 2, 2, 3, 3]);
        assert_eq!(picture_sheet(&[], (8, 6)).dimensions(), (8, 6));
    }
}
