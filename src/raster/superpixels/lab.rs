//! CIE Lab, a space in which distances are nearly those that people see.

use image::RgbImage;

use super::{Field, unit_rgb};

/// From linear sRGB to XYZ, as scikit-image rounds it.
const XYZ: [[f64; 3]; 3] =
    [[0.412_453, 0.357_58, 0.180_423], [0.212_671, 0.715_16, 0.072_169], [0.019_334, 0.119_193, 0.950_227]];

/// XYZ of the white point D65 for the observer of 1931.
const WHITE: [f64; 3] = [0.950_47, 1.0, 1.088_83];

/// L in `[0, 100]`, a and b around 0, of an sRGB image.
pub fn lab(image: &RgbImage) -> Field {
    // 8-bit values repeat: 256 roots are enough.
    let linear: Vec<f64> = (0..=255_u8).map(|value| linear(f64::from(value) / 255.0)).collect();
    let (height, width) = (image.height() as usize, image.width() as usize);
    Field::from_shape_fn((height, width), |(y, x)| {
        from_linear(image.get_pixel(x as u32, y as u32).0.map(|value| linear[value as usize]))
    })
}

/// Lab of an image whose colours were first stretched, all channels alike, so that they fill `[0, 1]`.
pub(super) fn stretched_lab(image: &RgbImage) -> Field {
    let unit = unit_rgb(image);
    let low = unit.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    let high = unit.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
    let span = if high > low { high - low } else { 1.0 };
    unit.mapv(|colour| from_linear(colour.map(|value| linear((value - low) / span))))
}

/// The light behind a stored value, both in `[0, 1]`.
fn linear(value: f64) -> f64 {
    if value > 0.040_45 { ((value + 0.055) / 1.055).powf(2.4) } else { value / 12.92 }
}

fn from_linear(rgb: [f64; 3]) -> [f64; 3] {
    let [x, y, z]: [f64; 3] = std::array::from_fn(|row| {
        let value: f64 = (0..3).map(|column| XYZ[row][column] * rgb[column]).sum();
        let relative = value / WHITE[row];
        if relative > 0.008_856 { relative.cbrt() } else { 7.787 * relative + 16.0 / 116.0 }
    });
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}
