//! Gaussian smoothing of colours before they are compared.

use ndarray::Array2;

use super::Field;
use crate::raster::blur::{Beyond, blur, gaussian};

/// Smooths by a Gaussian of `sigma` pixels, cut off at four of them; beyond the edge the image is mirrored. 0 leaves it alone.
pub(super) fn smooth(field: &Field, sigma: f64) -> Field {
    if sigma <= 0.0 {
        return field.clone();
    }
    let kernel = gaussian(sigma, (4.0 * sigma + 0.5) as usize);
    let channels: [Array2<f64>; 3] =
        std::array::from_fn(|channel| blur(&field.mapv(|colour| colour[channel]), &kernel, Beyond::Mirror));
    Field::from_shape_fn(field.dim(), |place| std::array::from_fn(|channel| channels[channel][place]))
}
