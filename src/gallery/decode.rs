//! Decodes an image as it is meant to be seen, and never more than memory allows.

use std::fs::File;
use std::io::{self, BufReader};
use std::panic::catch_unwind;
use std::path::Path;

use image::error::{LimitErrorKind, UnsupportedErrorKind};
use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits, Rgb, RgbImage};
use thiserror::Error;

use crate::raster::npy;
use crate::text::{Escaped, escape};

/// The most memory that decoding one image may take, in bytes: about 170 million pixels.
const MOST_MEMORY: u64 = 512 << 20;

/// The longest side, in pixels.
const LONGEST_SIDE: u32 = 1 << 16;

/// What shines through transparent pixels.
const BACKGROUND: u8 = 255;

/// An image that could not be decoded. The others go on.
#[derive(Debug, Error)]
#[error("cannot decode {path}: {problem}")]
pub struct DecodeError {
    /// The file.
    pub path: Escaped,
    /// Why.
    #[source]
    pub problem: DecodeProblem,
}

/// Why an image could not be decoded.
#[derive(Debug, Error)]
pub enum DecodeProblem {
    /// The file could not be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A folder, a pipe or a device.
    #[error("not a regular file")]
    NotAFile,
    /// No bytes.
    #[error("the file is empty (0 bytes)")]
    Empty,
    /// No format that we know.
    #[error("not an image: its first bytes are those of no image format")]
    NotAnImage,
    /// A tensor, which is an input by itself.
    #[error("a tensor, not an image")]
    Tensor,
    /// A format, or a variety of one, that we cannot decode.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// Too many pixels.
    #[error("the image is too large: decoding it would take more than {} MiB", MOST_MEMORY >> 20)]
    TooLarge,
    /// The file contradicts itself or ends early.
    #[error("the file is broken: {0}")]
    Broken(String),
}

/// Decodes an image: upright as its EXIF orientation says, the first frame of an animation, 8 bits a channel, transparent
/// pixels on white. The result is always RGB.
///
/// # Errors
/// When the file is no image, broken, too large, or in an unsupported format.
pub fn decode(path: &Path) -> Result<DynamicImage, DecodeError> {
    let decoded =
        catch_unwind(|| read(path)).unwrap_or_else(|_| Err(DecodeProblem::Broken("the decoder gave up".into())));
    decoded.map_err(|problem| DecodeError { path: Escaped::from(path), problem })
}

fn read(path: &Path) -> Result<DynamicImage, DecodeProblem> {
    // Asked before opening: to open a pipe is to wait for its other end.
    let status = path.metadata()?;
    if !status.is_file() {
        return Err(DecodeProblem::NotAFile);
    }
    if status.len() == 0 {
        return Err(DecodeProblem::Empty);
    }
    let mut reader = ImageReader::new(BufReader::new(File::open(path)?)).with_guessed_format()?;
    let Some(format) = reader.format() else {
        return Err(if is_tensor(path)? { DecodeProblem::Tensor } else { DecodeProblem::NotAnImage });
    };
    if !format.reading_enabled() {
        return Err(DecodeProblem::Unsupported(format!("{format:?}").to_uppercase()));
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_MEMORY);
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(problem)?;
    let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
    if decoder.total_bytes() > MOST_MEMORY {
        return Err(DecodeProblem::TooLarge);
    }
    let image = DynamicImage::from_decoder(decoder).map_err(problem)?;
    let mut image = DynamicImage::ImageRgb8(opaque(image));
    image.apply_orientation(orientation);
    Ok(image)
}

fn is_tensor(path: &Path) -> io::Result<bool> {
    let mut start = [0; npy::MAGIC.len()];
    let read = io::Read::read(&mut File::open(path)?, &mut start)?;
    Ok(start[..read] == npy::MAGIC[..])
}

/// 8-bit RGB, with what is transparent on a plain background.
fn opaque(image: DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.into_rgb8();
    }
    let image = image.into_rgba8();
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let [r, g, b, alpha] = image.get_pixel(x, y).0;
        let mix = |value: u8| {
            let sum = u32::from(value) * u32::from(alpha) + u32::from(BACKGROUND) * u32::from(255 - alpha);
            ((sum + 127) / 255) as u8
        };
        Rgb([mix(r), mix(g), mix(b)])
    })
}

fn problem(error: ImageError) -> DecodeProblem {
    let text = |error: &dyn std::fmt::Display| escape(error.to_string().trim()).into_owned();
    match error {
        ImageError::Limits(limit) => match limit.kind() {
            LimitErrorKind::DimensionError | LimitErrorKind::InsufficientMemory => DecodeProblem::TooLarge,
            _ => DecodeProblem::Broken(text(&limit)),
        },
        ImageError::Unsupported(error) => DecodeProblem::Unsupported(match error.kind() {
            UnsupportedErrorKind::Color(colour) => format!("the colour type {colour:?}"),
            UnsupportedErrorKind::Format(format) => text(&format),
            UnsupportedErrorKind::GenericFeature(feature) => text(&feature),
            _ => text(&error),
        }),
        ImageError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            DecodeProblem::Broken("it ends early".into())
        }
        ImageError::IoError(error) => DecodeProblem::Io(error),
        other => DecodeProblem::Broken(text(&other)),
    }
}
