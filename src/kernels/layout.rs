//! From planes to lanes and back: [channels, pixels] and [pixels, channels].

/// Channels last: `planes` is [channels, pixels], `lanes` becomes [pixels, channels].
///
/// # Panics
/// Where the lengths differ or are not a multiple of `channels`.
pub fn to_lanes(channels: usize, planes: &[f32], lanes: &mut [f32]) {
    if channels == 3 {
        return weave(planes, lanes);
    }
    transpose(channels, planes, lanes);
}

/// Channels first: `lanes` is [pixels, channels], `planes` becomes [channels, pixels].
///
/// # Panics
/// Where the lengths differ or are not a multiple of `channels`.
pub fn to_planes(channels: usize, lanes: &[f32], planes: &mut [f32]) {
    let pixels = lanes.len().checked_div(channels).unwrap_or(0);
    transpose(pixels, lanes, planes);
}

/// Three planes, as of a picture, pixel by pixel.
fn weave(planes: &[f32], lanes: &mut [f32]) {
    assert_eq!(planes.len(), lanes.len(), "as much comes out as goes in");
    assert_eq!(planes.len() % 3, 0, "a whole number of pixels");
    let (red, rest) = planes.split_at(planes.len() / 3);
    let (green, blue) = rest.split_at(red.len());
    let (pixels, _) = lanes.as_chunks_mut::<3>();
    for (pixel, ((r, g), b)) in pixels.iter_mut().zip(red.iter().zip(green).zip(blue)) {
        *pixel = [*r, *g, *b];
    }
}

/// Squares that stay in the first-level cache.
const SIDE: usize = 16;

/// [rows, columns] to [columns, rows].
fn transpose(rows: usize, from: &[f32], to: &mut [f32]) {
    assert_eq!(from.len(), to.len(), "as much comes out as goes in");
    let Some(columns) = from.len().checked_div(rows) else { return };
    assert_eq!(rows * columns, from.len(), "a whole number of pixels");
    for top in (0..rows).step_by(SIDE) {
        for left in (0..columns).step_by(SIDE) {
            for column in left..columns.min(left + SIDE) {
                for row in top..rows.min(top + SIDE) {
                    to[column * rows + row] = from[row * columns + column];
                }
            }
        }
    }
}
