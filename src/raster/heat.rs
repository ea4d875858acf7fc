//! From a method's map to what is shown of it.

use super::Map;

/// The share of magnitudes that a signed map's scale covers; what lies beyond is clipped (captum's rule).
const SIGNED_PERCENTILE: f32 = 0.98;
/// The same for all channels of a layer together: a few that are ten times as strong as all others, as transformers have
/// them, must not leave the rest dark.
const LAYER_PERCENTILE: f32 = 0.998;

/// How a map's values are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Not negative: shown on a sequential colour map.
    Positive,
    /// For and against: shown on a diverging colour map centred at zero.
    Signed,
    /// 1 or 0, what belongs to a rule and what does not: the one is shown as it is, the other darkened.
    Membership,
}

/// The map as it is coloured: positive maps in `[0, 1]`, signed ones in `[-1, 1]` with zero kept at zero.
///
/// A positive map is divided by its maximum only if it exceeds 1, so that a map which is already in `[0, 1]` keeps its
/// values. A signed one is divided by the 98th percentile of its magnitudes and clipped.
pub fn display_map(map: &Map, sign: Sign) -> Map {
    let scale = display_scale(map, sign);
    if scale <= 0.0 {
        return Map::zeros(map.raw_dim());
    }
    let low = if sign == Sign::Signed { -1.0 } else { 0.0 };
    map.mapv(|value| (finite(value) / scale).clamp(low, 1.0))
}

/// The value that [`display_map`] divides by: where the strongest colour stands. 0 for a signed map of zeros.
pub fn display_scale(map: &Map, sign: Sign) -> f32 {
    let values = map.iter().map(|value| finite(*value));
    match sign {
        Sign::Signed => percentile(values.map(f32::abs).collect(), SIGNED_PERCENTILE),
        Sign::Positive | Sign::Membership => values.fold(1.0, f32::max),
    }
}

/// The value that the strongest colour stands for where the channels of a layer are shown side by side. 0 if all are 0.
pub fn layer_scale<'a>(values: impl Iterator<Item = &'a f32>) -> f32 {
    percentile(values.map(|value| finite(*value).abs()).collect(), LAYER_PERCENTILE)
}

fn finite(value: f32) -> f32 {
    if value.is_finite() { value } else { 0.0 }
}

/// Whether all values are the same: such a map says nothing, and stretching it would invent something.
pub fn is_flat(map: &Map) -> bool {
    let (low, high) = map.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)));
    high - low <= f32::EPSILON * high.abs().max(low.abs())
}

/// The value below which `share` of the values lie; the largest where nearly all are 0. 0 for no values.
pub fn percentile(mut values: Vec<f32>, share: f32) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    let position = ((values.len() - 1) as f32 * share).round() as usize;
    let (_, value, rest) = values.select_nth_unstable_by(position, f32::total_cmp);
    // Nearly all zero: the few that are not set the scale, or they would all be clipped to the ends.
    if *value > 0.0 { *value } else { rest.iter().copied().fold(0.0, f32::max) }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_signed_map_is_scaled_by_its_98th_percentile_and_clipped() {
        let map = Map::from_shape_fn((1, 101), |(_, x)| if x == 100 { -1000.0 } else { x as f32 });
        let shown = display_map(&map, Sign::Signed);
        assert_eq!(shown[[0, 0]], 0.0);
        assert!((shown[[0, 49]] - 0.5).abs() < 1e-6, "{}", shown[[0, 49]]);
        assert_eq!(shown[[0, 100]], -1.0);
    }

    #[test]
    fn a_map_in_the_unit_range_is_left_alone() {
        let map = array![[0.0, 0.25], [0.5, 0.75]];
        assert_eq!(display_map(&map, Sign::Positive), map);
    }

    #[test]
    fn nothing_becomes_infinite() {
        let odd = array![[f32::NAN, f32::INFINITY], [0.0, 0.0]];
        for sign in [Sign::Positive, Sign::Signed, Sign::Membership] {
            assert!(display_map(&odd, sign).iter().all(|value| *value == 0.0));
        }
    }

    #[test]
    fn flat_maps_are_recognised() {
        assert!(is_flat(&array![[0.3, 0.3]]));
        assert!(!is_flat(&array![[0.3, 0.300_1]]));
    }
}
