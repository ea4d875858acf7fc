//! Pools over images with channels last.

use super::Window;

/// What an average is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Taps inside the image.
    Inside,
    /// All taps; padding counts as zeros.
    All,
}

/// The largest number under the window, channel by channel; padding is never chosen, and NaN wins.
///
/// `input` is [height, width, channels] with `size` = [height, width]; `output` is [height, width, channels] of
/// `window.output(size)`, or whole rows of it from `first_row` on.
///
/// # Panics
/// Where the lengths do not fit.
pub fn max_pool(
    window: &Window,
    size: [usize; 2],
    channels: usize,
    first_row: usize,
    input: &[f32],
    output: &mut [f32],
) {
    pool(
        window,
        size,
        channels,
        first_row,
        input,
        output,
        f32::NEG_INFINITY,
        |a, b| if b > a || b.is_nan() { b } else { a },
        |v, _| v,
    );
}

/// The mean under the window, channel by channel; slices as in `max_pool`.
///
/// # Panics
/// Where the lengths do not fit.
pub fn average_pool(
    window: &Window,
    size: [usize; 2],
    channels: usize,
    count: Count,
    first_row: usize,
    input: &[f32],
    output: &mut [f32],
) {
    let all = window.kernel[0] * window.kernel[1];
    pool(
        window,
        size,
        channels,
        first_row,
        input,
        output,
        0.0,
        |a, b| a + b,
        |v, inside| v / if count == Count::All { all as f32 } else { inside as f32 },
    );
}

/// The mean of each channel over all pixels: `input` is [pixels, channels], `output` [channels].
///
/// # Panics
/// Where the lengths do not fit.
pub fn global_average(input: &[f32], output: &mut [f32]) {
    let channels = output.len();
    if channels == 0 {
        return;
    }
    assert_eq!(input.len() % channels, 0, "a whole number of pixels");
    output.fill(0.0);
    for pixel in input.chunks_exact(channels) {
        for (sum, value) in output.iter_mut().zip(pixel) {
            *sum += value;
        }
    }
    let scale = 1.0 / (input.len() / channels) as f32;
    output.iter_mut().for_each(|sum| *sum *= scale);
}

#[allow(clippy::too_many_arguments)]
fn pool(
    window: &Window,
    size: [usize; 2],
    channels: usize,
    first_row: usize,
    input: &[f32],
    output: &mut [f32],
    start: f32,
    with: impl Fn(f32, f32) -> f32,
    finish: impl Fn(f32, usize) -> f32,
) {
    let [height, width] = window.output(size);
    assert_eq!(input.len(), size[0] * size[1] * channels, "the input");
    let row_len = width * channels;
    if row_len == 0 {
        return;
    }
    assert!(
        output.len().is_multiple_of(row_len) && first_row + output.len() / row_len <= height,
        "whole rows of the output"
    );
    for (y, row) in output.chunks_exact_mut(row_len).enumerate() {
        let down = window.inside(0, first_row + y, size[0]);
        for (x, pixel) in row.chunks_exact_mut(channels).enumerate() {
            let across = window.inside(1, x, size[1]);
            pixel.fill(start);
            for i in down.clone() {
                for j in across.clone() {
                    let at = window.pixel(0, first_row + y, i) * size[1] + window.pixel(1, x, j);
                    for (value, seen) in pixel.iter_mut().zip(&input[at * channels..(at + 1) * channels]) {
                        *value = with(*value, *seen);
                    }
                }
            }
            pixel.iter_mut().for_each(|value| *value = finish(*value, down.len() * across.len()));
        }
    }
}
