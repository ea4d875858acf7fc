//! Where in a map most of it lies: the smallest rectangle that holds a share of the whole.

use std::ops::Range;

use super::Map;

/// What a sum in double precision may be short of by rounding, as a share.
const ROUNDING: f64 = 1e-9;

/// The rows and columns of the smallest rectangle that holds `share` of the sum of a map without negative values; of several,
/// the topmost, then the leftmost. None where the sum is zero or not finite.
pub fn smallest_box(map: &Map, share: f64) -> Option<(Range<usize>, Range<usize>)> {
    let total: f64 = map.iter().map(|value| f64::from(*value)).sum();
    if !(total > 0.0 && total.is_finite()) {
        return None;
    }
    let wanted = share * total * (1.0 - ROUNDING);
    let (rows, columns) = map.dim();
    let mut best = (0..rows, 0..columns);
    let mut area = rows * columns + 1;
    for top in 0..rows {
        let mut sums = vec![0.0_f64; columns];
        let mut held = 0.0;
        for bottom in top..rows {
            for (sum, value) in sums.iter_mut().zip(map.row(bottom)) {
                *sum += f64::from(*value);
                held += f64::from(*value);
            }
            let height = bottom + 1 - top;
            if height >= area {
                break;
            }
            if held < wanted {
                continue;
            }
            if let Some(span) = narrowest(&sums, wanted)
                && span.len() * height < area
            {
                area = span.len() * height;
                best = (top..bottom + 1, span);
            }
        }
    }
    Some(best)
}

/// The fewest neighbours whose sum is enough.
fn narrowest(sums: &[f64], wanted: f64) -> Option<Range<usize>> {
    let mut best: Option<Range<usize>> = None;
    let (mut left, mut held) = (0, 0.0);
    for right in 0..sums.len() {
        held += sums[right];
        while left < right && held - sums[left] >= wanted {
            held -= sums[left];
            left += 1;
        }
        if held >= wanted && best.as_ref().is_none_or(|best| right + 1 - left < best.len()) {
            best = Some(left..right + 1);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    /// The smallest area of all rectangles that hold enough, by trying each.
    fn by_hand(map: &Map, share: f64) -> usize {
        let (rows, columns) = map.dim();
        let total: f64 = map.iter().map(|value| f64::from(*value)).sum();
        let mut least = rows * columns;
        for (top, left) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
            for (bottom, right) in (top + 1..=rows).flat_map(|y| (left + 1..=columns).map(move |x| (y, x))) {
                let places = (top..bottom).flat_map(|y| (left..right).map(move |x| [y, x]));
                let held: f64 = places.map(|at| f64::from(map[at])).sum();
                if held >= share * total * (1.0 - ROUNDING) {
                    least = least.min((bottom - top) * (right - left));
                }
            }
        }
        least
    }

    #[test]
    fn no_smaller_rectangle_holds_as_much() {
        for seed in 0..30_u32 {
            let noise =
                |y: usize, x: usize| (y as u32 * 31 + x as u32 * 17 + seed * 101).wrapping_mul(2_654_435_761) >> 16;
            let map = Map::from_shape_fn((7, 9), |(y, x)| (noise(y, x) % 100) as f32 * f32::from(noise(x, y) % 3 == 0));
            for share in [0.5, 0.9, 1.0] {
                let (rows, columns) = smallest_box(&map, share).unwrap();
                assert_eq!(rows.len() * columns.len(), by_hand(&map, share), "{share} of {map}");
            }
        }
    }

    #[test]
    fn one_point_is_a_box_of_one_and_nothing_has_none() {
        let mut map = Map::zeros((5, 6));
        assert_eq!(smallest_box(&map, 0.9), None);
        map[[3, 2]] = 0.5;
        assert_eq!(smallest_box(&map, 0.9), Some((3..4, 2..3)));
        assert_eq!(smallest_box(&array![[f32::NAN]], 0.9), None);
    }
}
