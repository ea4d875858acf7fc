//! The kinds of TIFF that scientific programs write: palettes, few bits, floats, luma with alpha, YCbCr; the others in words.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Seek};
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageBuffer, LumaA, Rgb, RgbImage};
use tiff::decoder::{Decoder, DecodingResult};
use tiff::tags::{ByteOrder, Tag};
use tiff::{ColorType, TiffError, TiffUnsupportedError};

use super::words::broken;
use super::{DecodeProblem, MOST_MEMORY, whole};

/// A tag that only cameras' files have.
const DNG_VERSION: Tag = Tag::Unknown(50706);
/// Values of the tag that says what samples mean.
const WHITE_IS_ZERO: u16 = 0;
const BLACK_IS_ZERO: u16 = 1;
const RGB: u16 = 2;
const PALETTE: u16 = 3;
const CMYK: u16 = 5;
const YCBCR: u16 = 6;

/// What the tags say that matters here.
struct Header {
    size: (u32, u32),
    /// What samples mean.
    meaning: u16,
    bits: u16,
    samples: u16,
    is_float: bool,
    is_signed: bool,
    /// Whether the first sample beyond the colour is transparency.
    has_alpha: bool,
    is_planar: bool,
    compression: u16,
    orientation: Orientation,
}

/// Decodes a TIFF of a kind that the general decoder does not know; none where that decoder is to do it.
pub(super) fn decode(path: &Path) -> Result<Option<(DynamicImage, Orientation)>, DecodeProblem> {
    // A file may hold thousands of images, of which the first is read.
    let mut reader = Decoder::new(BufReader::new(File::open(path)?)).map_err(problem)?;
    let header = header(&mut reader).map_err(problem)?;
    if header.size.0 as u64 * header.size.1 as u64 * 12 > MOST_MEMORY && !header.is_usual() {
        return Err(DecodeProblem::TooLarge);
    }
    if !matches!(header.compression, 1 | 4 | 5 | 7 | 8 | 32773 | 32946) {
        return Err(DecodeProblem::Unsupported(format!("TIFF compressed by {}", compression(header.compression))));
    }
    let is_luma = matches!(header.meaning, WHITE_IS_ZERO | BLACK_IS_ZERO);
    let image = match &header {
        _ if reader.find_tag(DNG_VERSION).map_err(problem)?.is_some() => {
            return Err(DecodeProblem::Foreign("camera RAW", "darktable-cli IN OUT.png"));
        }
        header if header.is_usual() => return Ok(None),
        header if header.samples > 1 && header.is_planar => return Err(header.unsupported()),
        Header { meaning: PALETTE, samples: 1, bits: 1 | 2 | 4 | 8, .. } => palette(path, reader, &header)?,
        Header { samples: 1, is_float: true, .. } if is_luma => floats(reader, &header)?,
        Header { meaning: RGB, samples: 3, is_float: true, .. } => floats(reader, &header)?,
        Header { samples: 1, bits: 2 | 4, is_signed: false, .. } if is_luma => {
            let white = (1_u16 << header.bits) - 1;
            let value = |index: u8| (u16::from(index) * 255 / white) as u8;
            let pixels = indices(reader, &header)?.into_iter().map(value).collect();
            picture(image::GrayImage::from_raw(header.size.0, header.size.1, pixels).map(DynamicImage::ImageLuma8))?
        }
        Header { meaning: BLACK_IS_ZERO, samples: 2, has_alpha: true, is_float: false, is_signed: false, .. } => {
            luma_and_alpha(reader, &header)?
        }
        Header { meaning: YCBCR, samples: 3, bits: 8, .. } => luma_and_chroma(reader, &header)?,
        header => return Err(header.unsupported()),
    };
    Ok(Some((image, header.orientation)))
}

fn header(reader: &mut Decoder<impl BufRead + Seek>) -> Result<Header, TiffError> {
    let size = reader.dimensions()?;
    let mut number = |tag, default| reader.find_tag_unsigned::<u16>(tag).map(|value| value.unwrap_or(default));
    let meaning = number(Tag::PhotometricInterpretation, u16::MAX)?;
    let samples = number(Tag::SamplesPerPixel, 1)?;
    let is_planar = number(Tag::PlanarConfiguration, 1)? == 2;
    let compression = number(Tag::Compression, 1)?;
    let orientation = u8::try_from(number(Tag::Orientation, 1)?).ok().and_then(Orientation::from_exif);
    let mut first = |tag, default| {
        let values = reader.find_tag_unsigned_vec::<u16>(tag)?;
        Ok::<u16, TiffError>(values.and_then(|values| values.first().copied()).unwrap_or(default))
    };
    let format = first(Tag::SampleFormat, 1)?;
    Ok(Header {
        size,
        meaning,
        bits: first(Tag::BitsPerSample, 1)?,
        samples,
        is_float: format == 3,
        is_signed: format == 2,
        has_alpha: matches!(first(Tag::ExtraSamples, 0)?, 1 | 2),
        is_planar,
        compression,
        orientation: orientation.unwrap_or(Orientation::NoTransforms),
    })
}

impl Header {
    /// Whether the general decoder knows it.
    fn is_usual(&self) -> bool {
        match (self.meaning, self.bits) {
            _ if self.is_signed => false,
            (WHITE_IS_ZERO | BLACK_IS_ZERO, 1 | 8 | 16) => self.samples == 1 && !self.is_float,
            (RGB | CMYK, 8 | 16) => !self.is_float,
            (RGB, 32) => self.is_float,
            _ => false,
        }
    }

    /// What it is, in words.
    fn unsupported(&self) -> DecodeProblem {
        let numbers = match (self.is_float, self.is_signed) {
            (true, _) => "floats",
            (_, true) => "signed integers",
            _ => "integers",
        };
        let colours = match self.meaning {
            _ if self.samples > 4 => format!("{} bands", self.samples),
            WHITE_IS_ZERO | BLACK_IS_ZERO if self.samples > 1 => format!("{} bands", self.samples),
            WHITE_IS_ZERO | BLACK_IS_ZERO => "grey".to_owned(),
            RGB => "RGB".to_owned(),
            PALETTE => "a palette".to_owned(),
            4 => "a mask".to_owned(),
            CMYK => "CMYK".to_owned(),
            YCBCR => "YCbCr".to_owned(),
            8..=10 => "Lab".to_owned(),
            32803 | 34892 => "the raw values of a camera".to_owned(),
            _ => "colours of an unknown kind".to_owned(),
        };
        DecodeProblem::Unsupported(format!("TIFF of {colours} in {}-bit {numbers}", self.bits))
    }
}

/// Reads indices, or values of few bits, a byte each.
fn indices(mut reader: Decoder<impl BufRead + Seek>, header: &Header) -> Result<Vec<u8>, DecodeProblem> {
    let DecodingResult::U8(packed) = reader.read_image().map_err(problem)? else { return Err(header.unsupported()) };
    let (width, bits) = (header.size.0 as usize, usize::from(header.bits));
    if bits == 8 {
        return Ok(packed);
    }
    let row = (width * bits).div_ceil(8).max(1);
    let unpacked = packed.chunks_exact(row).flat_map(|row| {
        (0..width).map(move |x| {
            let bit = x * bits;
            row[bit / 8] >> (8 - bits - bit % 8) & ((1 << bits) - 1) as u8
        })
    });
    Ok(unpacked.collect())
}

/// Looks indices up in the file's palette.
fn palette(
    path: &Path,
    mut reader: Decoder<impl BufRead + Seek>,
    header: &Header,
) -> Result<DynamicImage, DecodeProblem> {
    let colours = reader.get_tag_u16_vec(Tag::ColorMap).map_err(problem)?;
    let count = 1 << header.bits;
    if colours.len() < 3 * count {
        return Err(DecodeProblem::Broken("its palette is too short".into()));
    }
    // Some programs write bytes.
    let shift = if colours.iter().all(|value| *value < 256) { 0 } else { 8 };
    // The decoder refuses palettes, and reads the same values as luma.
    let mut as_luma = whole(path)?;
    let at = entry(&as_luma, reader.byte_order(), Tag::PhotometricInterpretation.to_u16())
        .ok_or_else(|| DecodeProblem::Broken("its directory is malformed".into()))?;
    let value = match reader.byte_order() {
        ByteOrder::LittleEndian => BLACK_IS_ZERO.to_le_bytes(),
        ByteOrder::BigEndian => BLACK_IS_ZERO.to_be_bytes(),
    };
    as_luma[at..at + 2].copy_from_slice(&value);
    let reader = Decoder::new(Cursor::new(&as_luma[..])).map_err(problem)?;
    let colour = |index: u8| [0, 1, 2].map(|k| (colours[k * count + usize::from(index)] >> shift) as u8);
    let pixels = indices(reader, header)?.into_iter().flat_map(colour).collect();
    picture(RgbImage::from_raw(header.size.0, header.size.1, pixels).map(DynamicImage::ImageRgb8))
}

/// Where the value of a tag of the first directory lies.
fn entry(bytes: &[u8], order: ByteOrder, tag: u16) -> Option<usize> {
    let number = |at: usize, length: usize| {
        let bytes = bytes.get(at..at.checked_add(length)?)?;
        let digits = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        Some(match order {
            ByteOrder::LittleEndian => bytes.iter().rev().fold(0, digits),
            ByteOrder::BigEndian => bytes.iter().fold(0, digits),
        } as usize)
    };
    // BigTIFF has longer numbers.
    let is_big = number(2, 2)? == 43;
    let (directory, counted, size, value) = if is_big { (number(8, 8)?, 8, 20, 12) } else { (number(4, 4)?, 2, 12, 8) };
    let count = number(directory, counted)?;
    let entries = (0..count.min(1 << 16)).map(|k| directory + counted + k * size);
    entries.take_while(|at| *at < bytes.len()).find(|at| number(*at, 2) == Some(tag.into())).map(|at| at + value)
}

/// Reads luma or RGB in floats.
fn floats(mut reader: Decoder<impl BufRead + Seek>, header: &Header) -> Result<DynamicImage, DecodeProblem> {
    let values: Vec<f32> = match reader.read_image().map_err(problem)? {
        DecodingResult::F16(values) => values.into_iter().map(f32::from).collect(),
        DecodingResult::F32(values) => values,
        DecodingResult::F64(values) => values.into_iter().map(|value| value as f32).collect(),
        _ => return Err(header.unsupported()),
    };
    let values = if header.samples == 1 { values.into_iter().flat_map(|value| [value; 3]).collect() } else { values };
    picture(ImageBuffer::<Rgb<f32>, _>::from_raw(header.size.0, header.size.1, values).map(DynamicImage::ImageRgb32F))
}

fn luma_and_alpha(mut reader: Decoder<impl BufRead + Seek>, header: &Header) -> Result<DynamicImage, DecodeProblem> {
    let (width, height) = header.size;
    picture(match reader.read_image().map_err(problem)? {
        DecodingResult::U8(values) => {
            ImageBuffer::<LumaA<u8>, _>::from_raw(width, height, values).map(DynamicImage::ImageLumaA8)
        }
        DecodingResult::U16(values) => {
            ImageBuffer::<LumaA<u16>, _>::from_raw(width, height, values).map(DynamicImage::ImageLumaA16)
        }
        _ => return Err(header.unsupported()),
    })
}

/// Reads YCbCr and converts it, as JFIF does.
fn luma_and_chroma(mut reader: Decoder<impl BufRead + Seek>, header: &Header) -> Result<DynamicImage, DecodeProblem> {
    let DecodingResult::U8(values) = reader.read_image().map_err(problem)? else { return Err(header.unsupported()) };
    let convert = |pixel: &[u8]| {
        let [y, cb, cr] = [pixel[0], pixel[1], pixel[2]].map(f32::from);
        let (cb, cr) = (cb - 128.0, cr - 128.0);
        let colour = [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb];
        colour.map(|value| value.round().clamp(0.0, 255.0) as u8)
    };
    let pixels = values.chunks_exact(3).flat_map(convert).collect();
    picture(RgbImage::from_raw(header.size.0, header.size.1, pixels).map(DynamicImage::ImageRgb8))
}

fn picture(image: Option<DynamicImage>) -> Result<DynamicImage, DecodeProblem> {
    image.ok_or_else(|| DecodeProblem::Broken("it has fewer pixels than it says".into()))
}

fn problem(error: TiffError) -> DecodeProblem {
    let colours = |colours: ColorType| format!("TIFF of {} bits a sample", colours.bit_depth());
    match error {
        TiffError::LimitsExceeded | TiffError::IntSizeError => DecodeProblem::TooLarge,
        TiffError::IoError(error) => super::words::problem(image::ImageError::IoError(error)),
        TiffError::UnsupportedError(error) => DecodeProblem::Unsupported(match error {
            TiffUnsupportedError::UnsupportedCompressionMethod(method) => {
                format!("TIFF compressed by {}", compression(method.to_u16()))
            }
            TiffUnsupportedError::UnknownCompressionMethod => "TIFF compressed by an unknown method".to_owned(),
            TiffUnsupportedError::ChromaSubsampling => "TIFF of YCbCr with coarser chroma".to_owned(),
            TiffUnsupportedError::UnknownInterpretation => "TIFF of colours of an unknown kind".to_owned(),
            TiffUnsupportedError::InconsistentBitsPerSample(_) => "TIFF of samples of different bits".to_owned(),
            TiffUnsupportedError::UnsupportedSampleFormat(_) => {
                "TIFF of samples of different or unknown formats".to_owned()
            }
            TiffUnsupportedError::FloatingPointPredictor(colour)
            | TiffUnsupportedError::HorizontalPredictor(colour)
            | TiffUnsupportedError::UnsupportedColorType(colour) => colours(colour),
            TiffUnsupportedError::UnsupportedBitsPerChannel(bits) => format!("TIFF of {bits} bits a sample"),
            _ => "this kind of TIFF".to_owned(),
        }),
        other => broken(&other),
    }
}

/// A method of compression in words.
fn compression(method: u16) -> String {
    match method {
        2 => "CCITT's Huffman code".to_owned(),
        3 => "fax group 3".to_owned(),
        6 => "JPEG in its old form".to_owned(),
        34661 => "JBIG".to_owned(),
        34712 | 33003 | 33005 => "JPEG 2000".to_owned(),
        34887 => "LERC".to_owned(),
        34925 => "LZMA".to_owned(),
        50000 | 34926 => "Zstandard".to_owned(),
        50001 | 34927 => "WebP".to_owned(),
        50002 | 52546 => "JPEG XL".to_owned(),
        32809 => "ThunderScan".to_owned(),
        number => format!("method {number}"),
    }
}
