//! What a map says of each pixel, as one number, before anything is clipped for the eye.

use ndarray::{Axis, Ix3};

use super::Mask;
use crate::explain::{Attribution, Sign};
use crate::raster::Map;

/// How much each pixel speaks for the class, `[H, W]`: the values of the channels added up where they have signs, the
/// largest of them where they have none. What is not finite says nothing.
pub fn relevance(attribution: &Attribution) -> Map {
    let of_channels = attribution.values.view().into_dimensionality::<Ix3>().ok();
    let map = match (of_channels, attribution.sign) {
        (Some(values), Sign::Signed) => values.sum_axis(Axis(0)),
        (Some(values), Sign::Positive | Sign::Membership) => {
            values.fold_axis(Axis(0), f32::NEG_INFINITY, |a, b| a.max(*b))
        }
        (None, _) => attribution.map.clone(),
    };
    map.mapv_into(|value| if value.is_finite() { value } else { 0.0 })
}

/// The share of all positive relevance that lies in the mask; 0 where there is none to share.
pub(super) fn share_within(relevance: &Map, mask: &Mask) -> f64 {
    let (mut within, mut all) = (0.0, 0.0);
    for (value, inside) in relevance.iter().zip(mask) {
        let positive = f64::from(value.max(0.0));
        all += positive;
        within += if *inside { positive } else { 0.0 };
    }
    if all > 0.0 { within / all } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn only_what_speaks_for_the_class_is_shared_out() {
        let mask = array![[true, false], [true, false]];
        assert_eq!(share_within(&array![[3.0, 1.0], [-5.0, -1.0]], &mask), 0.75);
        assert_eq!(share_within(&array![[2.0, 0.0], [1.0, 0.0]], &mask), 1.0);
        assert_eq!(share_within(&array![[-1.0, 0.0], [-1.0, -2.0]], &mask), 0.0);
    }
}
