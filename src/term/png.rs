//! Pictures as PNG files, as small as they get: few levels of colour that repeat, a palette where there are few colours.

use std::collections::{BTreeSet, HashMap};

use image::{RgbImage, Rgba, RgbaImage};
use png::{BitDepth, ColorType, Compression, Encoder, EncodingError, Filter};

/// Colours that a palette holds.
const PALETTE: usize = 256;

/// How much time a file is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// Next to none.
    Quick,
    /// All that it takes to be small.
    All,
}

/// A file of three channels.
pub(super) fn rgb(image: &RgbImage, effort: Effort) -> Result<Vec<u8>, EncodingError> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, image.width(), image.height());
    encoder.set_color(ColorType::Rgb);
    encoder.set_compression(if effort == Effort::Quick { Compression::Fast } else { Compression::High });
    encoder.set_filter(Filter::Adaptive);
    encoder.write_header()?.write_image_data(image.as_raw())?;
    Ok(file)
}

/// The colours of an image; of more than a palette holds, not all.
fn colours(image: &RgbaImage) -> BTreeSet<[u8; 4]> {
    let (mut colours, mut last) = (BTreeSet::new(), None);
    for Rgba(colour) in image.pixels() {
        // Most pixels are as the one before.
        if last != Some(colour) {
            colours.insert(*colour);
            last = Some(colour);
        }
        if colours.len() > PALETTE {
            break;
        }
    }
    colours
}

/// A file of an overlay: with a palette where its colours fit into one, which halves it.
pub(super) fn rgba(image: &RgbaImage) -> Result<Vec<u8>, EncodingError> {
    let colours = colours(image);
    if colours.len() > PALETTE {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, image.width(), image.height());
        encoder.set_color(ColorType::Rgba);
        encoder.set_compression(Compression::High);
        encoder.set_filter(Filter::Adaptive);
        encoder.write_header()?.write_image_data(image.as_raw())?;
        return Ok(file);
    }
    // From dark to bright, so that the numbers of neighbours are near to each other where their colours are.
    let mut colours: Vec<[u8; 4]> = colours.into_iter().collect();
    colours.sort_by_key(|[r, g, b, alpha]| (3 * u32::from(*r) + 6 * u32::from(*g) + u32::from(*b), *alpha));
    let numbers: HashMap<[u8; 4], u8> = colours.iter().zip(0..=255).map(|(colour, number)| (*colour, number)).collect();
    let mut last = None;
    let mut number = |Rgba(colour): &Rgba<u8>| match last {
        Some((before, number)) if before == *colour => number,
        _ => {
            let number = numbers.get(colour).copied().unwrap_or_default();
            last = Some((*colour, number));
            number
        }
    };
    let indices: Vec<u8> = image.pixels().map(&mut number).collect();
    let depth = match colours.len() {
        0..=2 => BitDepth::One,
        3..=4 => BitDepth::Two,
        5..=16 => BitDepth::Four,
        _ => BitDepth::Eight,
    };
    let data = packed(&indices, image.width(), depth);
    let mut best: Option<Vec<u8>> = None;
    for filter in [Filter::NoFilter, Filter::Up, Filter::Paeth] {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, image.width(), image.height());
        encoder.set_color(ColorType::Indexed);
        encoder.set_depth(depth);
        encoder.set_compression(Compression::High);
        encoder.set_filter(filter);
        encoder.set_palette(colours.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect::<Vec<u8>>());
        if colours.iter().any(|[.., alpha]| *alpha < 255) {
            encoder.set_trns(colours.iter().map(|[.., alpha]| *alpha).collect::<Vec<u8>>());
        }
        encoder.write_header()?.write_image_data(&data)?;
        if best.as_ref().is_none_or(|best| file.len() < best.len()) {
            best = Some(file);
        }
    }
    Ok(best.unwrap_or_default())
}

/// Rows of numbers with as many bits as they need, each row in whole bytes.
fn packed(indices: &[u8], width: u32, depth: BitDepth) -> Vec<u8> {
    let bits = depth as usize;
    let each = 8 / bits;
    indices
        .chunks(width.max(1) as usize)
        .flat_map(|row| row.chunks(each))
        .map(|numbers| {
            let byte = numbers.iter().fold(0, |byte: usize, number| byte << bits | usize::from(*number));
            (byte << (bits * (each - numbers.len()))) as u8
        })
        .collect()
}

/// The picture with `bits` for each channel, spread over the whole range.
pub(super) fn posterized(mut image: RgbImage, bits: u32) -> RgbImage {
    let most = f32::from((1_u16 << bits.min(8)) - 1);
    let levels: [u8; 256] =
        std::array::from_fn(|level| ((level as f32 / 255.0 * most).round() / most * 255.0).round() as u8);
    image.iter_mut().for_each(|level| *level = levels[usize::from(*level)]);
    image
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn any_number_of_colours_comes_back_as_it_was() {
        for count in [1_u32, 2, 3, 4, 5, 16, 17, 256, 300] {
            let image = RgbaImage::from_fn(37, 23, |x, y| {
                let number = (x + 37 * y) % count;
                Rgba([number as u8, (number / 256) as u8, 7, 255 - (number % 3) as u8])
            });
            let read = image::load_from_memory(&rgba(&image).unwrap()).unwrap().to_rgba8();
            assert!(read == image, "{count} colours");
        }
    }

    #[test]
    fn few_levels_keep_black_and_white_and_are_smaller() {
        // Slopes with a camera's noise on them.
        let noise = |x: u32, y: u32, channel: u32| {
            (x * 7919 + y * 104_729 + channel * 1_299_709).wrapping_mul(2_654_435_761) >> 29
        };
        let image = RgbImage::from_fn(64, 64, |x, y| {
            Rgb([2 * x, x * y / 32, x + y]
                .map(|slope| slope as u8)
                .map(|slope| slope.saturating_add(noise(x, y, slope.into()) as u8)))
        });
        let few = posterized(image.clone(), 5);
        let file = |image| rgb(image, Effort::All).unwrap();
        assert!(file(&few).len() < file(&image).len());
        let quick = rgb(&image, Effort::Quick).unwrap();
        assert!(image::load_from_memory(&quick).unwrap().to_rgb8() == image);
        assert_eq!(posterized(RgbImage::from_pixel(1, 1, Rgb([0, 255, 130])), 5).get_pixel(0, 0).0, [0, 255, 132]);
    }
}
