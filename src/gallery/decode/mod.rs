//! Decodes an image as it is meant to be seen, and never more than memory allows.

mod jpeg;
mod options;
mod pixels;

use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::panic::catch_unwind;
use std::path::Path;

use image::error::{LimitErrorKind, UnsupportedErrorKind};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use thiserror::Error;

pub use self::options::{Alpha, DecodeOptions, Depth, Exif};
use crate::raster::npy;
use crate::text::{Escaped, escape};

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

/// A decoded image.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The pixels, always RGB of 8 bits a channel.
    pub image: DynamicImage,
    /// What must be known about them before what a model says of them is trusted, a sentence each, safe to print.
    pub warnings: Vec<String>,
}

/// Decodes an image: the first frame of an animation, 8 bits a channel, and for the rest as the options say: upright as its
/// EXIF orientation says, transparent pixels on white.
///
/// # Errors
/// When the file is no image, broken, too large, or in an unsupported format.
pub fn decode(path: &Path, options: &DecodeOptions) -> Result<Decoded, DecodeError> {
    let decoded = catch_unwind(|| read(path, options))
        .unwrap_or_else(|_| Err(DecodeProblem::Broken("the decoder gave up".into())));
    decoded.map_err(|problem| DecodeError { path: Escaped::from(path), problem })
}

/// Whether a file is a tensor in NumPy's format rather than an image.
pub fn is_tensor(path: &Path) -> bool {
    // A pipe would be waited for.
    path.is_file() && starts_as_tensor(path).unwrap_or(false)
}

fn read(path: &Path, options: &DecodeOptions) -> Result<Decoded, DecodeProblem> {
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
        return Err(if starts_as_tensor(path)? { DecodeProblem::Tensor } else { DecodeProblem::NotAnImage });
    };
    if !format.reading_enabled() {
        return Err(DecodeProblem::Unsupported(format!("{format:?}").to_uppercase()));
    }
    let mut warnings = vec![];
    let (image, orientation) = match format {
        ImageFormat::Jpeg => jpeg::decode(&whole(path)?, &mut warnings)?,
        _ => {
            reader.limits(limits());
            let mut decoder = reader.into_decoder().map_err(problem)?;
            let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
            if decoder.total_bytes() > MOST_MEMORY {
                return Err(DecodeProblem::TooLarge);
            }
            (DynamicImage::from_decoder(decoder).map_err(problem)?, orientation)
        }
    };
    let mut image = DynamicImage::ImageRgb8(pixels::plain(image, options, &mut warnings));
    if options.exif == Exif::Apply {
        image.apply_orientation(orientation);
    }
    Ok(Decoded { image, warnings })
}

/// All bytes of a file, if they are no more than decoding may take.
fn whole(path: &Path) -> Result<Vec<u8>, DecodeProblem> {
    let mut bytes = vec![];
    File::open(path)?.take(MOST_MEMORY + 1).read_to_end(&mut bytes)?;
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

fn starts_as_tensor(path: &Path) -> io::Result<bool> {
    let mut start = [0; npy::MAGIC.len()];
    let read = File::open(path)?.read(&mut start)?;
    Ok(start[..read] == npy::MAGIC[..])
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
