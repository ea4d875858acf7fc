//! JPEG: one decoder for most files, another for those that it gets wrong, and a look at whether all of the file is there.

mod bits;
mod coder;
mod follow;
mod frame;
mod skim;

use std::io::Cursor;

use image::codecs::jpeg::JpegDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, ImageDecoder as _, RgbImage};
use jpeg_decoder::PixelFormat;

use self::follow::{Followed, Trouble, follow};
use super::words::{broken, problem};
use super::{DecodeProblem, MOST_MEMORY, limits};

/// Decodes a JPEG: its pixels as they are stored, and how they are to be turned.
pub(super) fn decode(bytes: &[u8], warnings: &mut Vec<String>) -> Result<(DynamicImage, Orientation), DecodeProblem> {
    let followed = follow(bytes, false);
    let obstacle = followed.as_ref().and_then(|followed| followed.frame.process.obstacle(followed.frame.precision));
    if let Some(obstacle) = obstacle {
        return Err(DecodeProblem::Unsupported(obstacle.into()));
    }
    let trouble = followed.as_ref().and_then(|followed| followed.trouble);
    let decoded = match &followed {
        Some(followed) => {
            let is_unusual = followed.in_parts || followed.frame.is_oddly_sampled();
            let decode = |bytes: &[u8]| if is_unusual { unusual(bytes, followed) } else { usual(bytes) };
            decode(bytes).or_else(|problem| match (&problem, trouble) {
                // Of a progressive JPEG, the scans before the trouble are a picture.
                (DecodeProblem::Broken(_), Some(_)) if followed.sound > 0 => {
                    decode(&[&bytes[..followed.sound], &[0xff, 0xd9]].concat())
                }
                _ => Err(problem),
            })
        }
        None => usual(bytes),
    };
    let decoded = decoded.map_err(|problem| match (problem, trouble) {
        (DecodeProblem::Broken(_), Some(Trouble::Ended(_) | Trouble::Unfinished)) => {
            DecodeProblem::Broken("it ends early".into())
        }
        (DecodeProblem::Broken(_), Some(Trouble::Damaged(_))) => DecodeProblem::Broken("its data are malformed".into()),
        (problem, _) => problem,
    })?;
    warnings.extend(trouble.map(told));
    Ok(decoded)
}

/// Decodes what cameras and programs write.
fn usual(bytes: &[u8]) -> Result<(DynamicImage, Orientation), DecodeProblem> {
    let mut decoder = JpegDecoder::new(Cursor::new(bytes)).map_err(problem)?;
    decoder.set_limits(limits()).map_err(problem)?;
    if decoder.total_bytes() > MOST_MEMORY {
        return Err(DecodeProblem::TooLarge);
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((DynamicImage::from_decoder(decoder).map_err(problem)?, orientation))
}

/// Decodes what zune-jpeg, up to 0.5.15 at least, makes garbage of without a word: sequential JPEGs whose scans hold fewer
/// components than the frame, if one is sampled more than once down an MCU, and those whose luma is coarser than a chroma.
fn unusual(bytes: &[u8], followed: &Followed) -> Result<(DynamicImage, Orientation), DecodeProblem> {
    let broken = |error: jpeg_decoder::Error| broken(&error);
    // This decoder takes whole files only.
    let mended = followed.trouble.and_then(|_| follow(bytes, true)).and_then(|followed| followed.mended);
    let mut decoder = jpeg_decoder::Decoder::new(mended.as_deref().unwrap_or(bytes));
    let (width, height) = followed.frame.size;
    if 4 * width as u64 * height as u64 > MOST_MEMORY {
        return Err(DecodeProblem::TooLarge);
    }
    decoder.set_max_decoding_buffer_size(MOST_MEMORY as usize);
    let pixels = decoder.decode().map_err(broken)?;
    let info = decoder.info().ok_or_else(|| DecodeProblem::Broken("it has no header".into()))?;
    let (width, height) = (info.width.into(), info.height.into());
    let image = match info.pixel_format {
        PixelFormat::L8 => GrayImage::from_raw(width, height, pixels).map(DynamicImage::ImageLuma8),
        PixelFormat::RGB24 => RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8),
        PixelFormat::CMYK32 => RgbImage::from_raw(width, height, inks(&pixels)).map(DynamicImage::ImageRgb8),
        PixelFormat::L16 => return Err(DecodeProblem::Unsupported("JPEG of 12 bits a channel".into())),
    };
    let image = image.ok_or_else(|| DecodeProblem::Broken("it has fewer pixels than it says".into()))?;
    let orientation = decoder.exif_data().and_then(Orientation::from_exif_chunk);
    Ok((image, orientation.unwrap_or(Orientation::NoTransforms)))
}

/// RGB of pixels in four inks.
fn inks(pixels: &[u8]) -> Vec<u8> {
    let mixed = |ink: u8, black: u8| {
        let (ink, black) = (u16::from(255 - ink), u16::from(255 - black));
        ((ink * black + 127) / 255) as u8
    };
    pixels.chunks_exact(4).flat_map(|ink| [0, 1, 2].map(|k| mixed(ink[k], ink[3]))).collect()
}

fn told(trouble: Trouble) -> String {
    let percent = |share: f32| (100.0 * share).round();
    match trouble {
        Trouble::Ended(Some(share)) => {
            format!("the JPEG file ends early: the last {} % of the picture are missing", percent(1.0 - share).max(1.0))
        }
        Trouble::Ended(None) => "the JPEG file ends early: part of the picture is missing".to_owned(),
        Trouble::Damaged(Some(share)) => {
            format!("the JPEG file is damaged: the picture may be wrong below {} % of its height", percent(share))
        }
        Trouble::Damaged(None) => "the JPEG file is damaged: parts of the picture may be wrong".to_owned(),
        Trouble::Unfinished => "the JPEG file ends early, without its end mark: it may be incomplete".to_owned(),
    }
}
