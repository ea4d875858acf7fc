//! Decodes an image as it is meant to be seen, and never more than memory allows.

mod jpeg;
mod options;
mod pixels;
mod tiff;
mod words;

use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use thiserror::Error;

pub use self::options::{Alpha, DecodeOptions, Depth, Exif};
use self::words::problem;
use super::format::{Format, format_of};
use crate::guard;
use crate::text::Escaped;

/// The most memory that decoding one image may take, in bytes: about 170 million pixels.
const MOST_MEMORY: u64 = 512 << 20;

/// The longest side, in pixels.
const LONGEST_SIDE: u32 = 1 << 16;

/// An image that could not be decoded. The others go on.
#[derive(Debug, Error)]
#[error("cannot decode {path}: {problem}")]
pub struct DecodeError {
    /// The file.
    pub path: Escaped,
    /// Why.
    pub problem: DecodeProblem,
}

/// Why an image could not be decoded.
#[derive(Debug, Error)]
pub enum DecodeProblem {
    /// The file could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A folder, a pipe or a device.
    #[error("not a regular file")]
    NotAFile,
    /// No bytes.
    #[error("the file is empty (0 bytes)")]
    Empty,
    /// No format that we know, and what it is instead, where that can be told.
    #[error("it is {}", .0.unwrap_or("not an image: its first bytes are those of no image format"))]
    NotAnImage(Option<&'static str>),
    /// A tensor, which is an input by itself.
    #[error("a tensor, not an image")]
    Tensor,
    /// A format that we cannot decode, and a program that converts it.
    #[error("{0} is not supported: convert it first, for instance with `{1}`")]
    Foreign(&'static str, &'static str),
    /// A variety of a format that we cannot decode.
    #[error("{0} is not supported: convert it first, for instance to a PNG of 8 bits a channel")]
    Unsupported(String),
    /// Too many pixels.
    #[error("the image is too large: decoding it would take more than {} MiB", MOST_MEMORY >> 20)]
    TooLarge,
    /// The file contradicts itself or ends early.
    #[error("the file is broken: {0}")]
    Broken(String),
}

/// A decoded image.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The pixels, always RGB of 8 bits a channel.
    pub image: DynamicImage,
    /// What must be known about them before what a model says of them is trusted, a sentence each, safe to print.
    pub warnings: Vec<String>,
}

impl Decoded {
    /// Pixels that come from elsewhere than a file, brought to the same form.
    pub fn of(image: DynamicImage, options: DecodeOptions) -> Decoded {
        let mut warnings = vec![];
        Decoded { image: DynamicImage::ImageRgb8(pixels::plain(image, options, &mut warnings)), warnings }
    }
}

/// Decodes an image: the first frame of an animation, 8 bits a channel, and for the rest as the options say: upright as its
/// EXIF orientation says, transparent pixels on white.
///
/// # Errors
/// When the file is no image, broken, too large, or in an unsupported format.
pub fn decode(path: &Path, options: DecodeOptions) -> Result<Decoded, DecodeError> {
    let decoded = guard::quietly(|| read(path, options))
        .unwrap_or_else(|_| Err(DecodeProblem::Broken("the decoder gave up".into())));
    decoded.map_err(|problem| DecodeError { path: Escaped::from(path), problem })
}

fn read(path: &Path, options: DecodeOptions) -> Result<Decoded, DecodeProblem> {
    // Asked before opening: to open a pipe is to wait for its other end.
    let status = path.metadata()?;
    if !status.is_file() {
        return Err(DecodeProblem::NotAFile);
    }
    if status.len() == 0 {
        return Err(DecodeProblem::Empty);
    }
    let format = match format_of(path)? {
        Format::Image(format) => format,
        Format::Foreign(foreign) => return Err(DecodeProblem::Foreign(foreign.name, foreign.converter)),
        Format::Tensor => return Err(DecodeProblem::Tensor),
        Format::Other(what) => return Err(DecodeProblem::NotAnImage(what)),
    };
    let mut warnings = vec![];
    let (image, orientation) = match format {
        ImageFormat::Jpeg => jpeg::decode(&whole(path)?, &mut warnings)?,
        ImageFormat::Tiff => match tiff::decode(path)? {
            Some(decoded) => decoded,
            None => general(path, format)?,
        },
        _ => general(path, format)?,
    };
    let mut decoded = Decoded::of(image, options);
    if options.exif == Exif::Apply {
        decoded.image.apply_orientation(orientation);
    }
    warnings.append(&mut decoded.warnings);
    Ok(Decoded { warnings, ..decoded })
}

/// Decodes what needs no care: the pixels as they are stored, and how they are to be turned.
fn general(path: &Path, format: ImageFormat) -> Result<(DynamicImage, Orientation), DecodeProblem> {
    let mut reader = ImageReader::with_format(BufReader::new(File::open(path)?), format);
    reader.limits(limits());
    let mut decoder = reader.into_decoder().map_err(problem)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    if decoder.total_bytes() > MOST_MEMORY {
        return Err(DecodeProblem::TooLarge);
    }
    Ok((DynamicImage::from_decoder(decoder).map_err(problem)?, orientation))
}

/// All bytes of a file, if they are no more than decoding may take.
fn whole(path: &Path) -> Result<Vec<u8>, DecodeProblem> {
    let file = File::open(path)?;
    // Room for all of it at once, and for the byte that is not there.
    let length = file.metadata()?.len().min(MOST_MEMORY) + 1;
    let mut bytes = Vec::with_capacity(length as usize);
    file.take(MOST_MEMORY + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_MEMORY { Err(DecodeProblem::TooLarge) } else { Ok(bytes) }
}

/// What decoding may take.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_MEMORY);
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits
}
