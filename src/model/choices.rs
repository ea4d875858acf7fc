//! The values that the settings of the input take, as people write them.

use std::fmt;
use std::str::FromStr;

use crate::raster::resize::Filter;
use crate::text::words;

/// A width and a height in pixels, each from 1 to [`Size::LONGEST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Size {
    /// The longest side that an input may have.
    pub const LONGEST: u32 = 8192;

    /// A size, if it is within bounds.
    pub fn new(width: u32, height: u32) -> Option<Size> {
        let valid = |side| (1..=Size::LONGEST).contains(&side);
        (valid(width) && valid(height)).then_some(Size { width, height })
    }

    /// A square, if it is within bounds.
    pub fn square(side: u32) -> Option<Size> {
        Size::new(side, side)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (width, height) = text.split_once(['x', 'X']).unwrap_or((text, text));
        let side = |text: &str| text.trim().parse().ok();
        let size = side(width).zip(side(height)).and_then(|(width, height)| Size::new(width, height));
        size.ok_or_else(|| format!("{text:?} is not a size; write WIDTHxHEIGHT, each from 1 to {}", Size::LONGEST))
    }
}

/// How an image is brought near to the size of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resize {
    /// The shorter side becomes this long, the proportions stay.
    Shortest(u32),
    /// The image becomes this large, or as large as the input; its proportions change.
    Squash(Option<Size>),
    /// The image becomes as large as fits into the input; its proportions stay, and the rest is grey.
    Letterbox,
    /// The image becomes as large as fits into this size; its proportions stay, and the rest has the colour of the mean.
    Inside(Size),
    /// The image becomes as small as covers this size; its proportions stay.
    Cover(Size),
    /// The square in its middle, that share of its shorter side, is cut out and becomes as large as the input.
    Centre {
        /// So many parts are kept,
        kept: u32,
        /// of so many.
        of: u32,
    },
    /// It stays as it is.
    Keep,
}

impl fmt::Display for Resize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Resize::Shortest(side) => write!(f, "shortest:{side}"),
            Resize::Squash(Some(size)) => write!(f, "squash:{size}"),
            Resize::Squash(None) => write!(f, "squash"),
            Resize::Letterbox => write!(f, "letterbox"),
            Resize::Inside(size) => write!(f, "inside:{size}"),
            Resize::Cover(size) => write!(f, "cover:{size}"),
            Resize::Centre { kept, of } => write!(f, "centre:{kept}/{of}"),
            Resize::Keep => write!(f, "none"),
        }
    }
}

impl FromStr for Resize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, argument) = text.split_once(':').map_or((text, None), |(kind, argument)| (kind, Some(argument)));
        match (kind.trim(), argument) {
            ("shortest", Some(side)) => Ok(Resize::Shortest(Size::from_str(side).map(|size| size.width)?)),
            ("squash", argument) => Ok(Resize::Squash(argument.map(Size::from_str).transpose()?)),
            ("letterbox", None) => Ok(Resize::Letterbox),
            ("inside", Some(size)) => Size::from_str(size).map(Resize::Inside),
            ("cover", Some(size)) => Size::from_str(size).map(Resize::Cover),
            ("centre", Some(share)) => {
                let parts = share.split_once('/').and_then(|(kept, of)| kept.parse().ok().zip(of.parse().ok()));
                let parts = parts.filter(|(kept, of)| 0 < *kept && kept <= of);
                let (kept, of) =
                    parts.ok_or_else(|| format!("{share:?} is not a share; write KEPT/OF, such as 7/8"))?;
                Ok(Resize::Centre { kept, of })
            }
            ("none", None) => Ok(Resize::Keep),
            _ => Err(format!(
                "{text:?} is not a way to resize; write shortest:N, squash, letterbox, inside:WxH, cover:WxH, centre:KEPT/OF \
                 or none"
            )),
        }
    }
}

/// The interval to which the values of a pixel, 0 to 255, are brought before the mean is subtracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Range {
    /// `[0, 1]`: divided by 255.
    Unit,
    /// `[0, 255]`: as they are.
    Bytes,
    /// `[-1, 1]`: divided by 127.5, less 1.
    Signed,
}

impl Range {
    /// The value of a pixel.
    pub fn value(self, pixel: f32) -> f32 {
        match self {
            Range::Unit => pixel / 255.0,
            Range::Bytes => pixel,
            Range::Signed => pixel / 127.5 - 1.0,
        }
    }

    /// The pixel that has this value; the inverse of [`Range::value`].
    pub fn pixel(self, value: f32) -> f32 {
        match self {
            Range::Unit => value * 255.0,
            Range::Bytes => value,
            Range::Signed => (value + 1.0) * 127.5,
        }
    }
}

/// The order of the channels in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelOrder {
    /// Red first.
    Rgb,
    /// Blue first, as OpenCV has it.
    Bgr,
}

/// Whose arithmetic finds the middle where a margin is odd.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Middle {
    /// torchvision's: to an even number when cutting, down when padding.
    #[default]
    Torchvision,
    /// That of transformers: down when cutting, up when padding.
    Transformers,
}

words!(ChannelOrder, "channel order": "rgb" = ChannelOrder::Rgb, "bgr" = ChannelOrder::Bgr);
words!(Range, "range": "0..1" = Range::Unit, "0..255" = Range::Bytes, "-1..1" = Range::Signed);
words!(Filter, "interpolation": "nearest" = Filter::Nearest, "bilinear" = Filter::Bilinear,
    "bicubic" = Filter::Bicubic, "lanczos" = Filter::Lanczos);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_can_be_written() {
        for text in
            ["shortest:256", "squash", "squash:256x128", "letterbox", "inside:32x16", "cover:8x8", "centre:7/8", "none"]
        {
            assert_eq!(text.parse::<Resize>().unwrap().to_string(), text);
        }
        assert_eq!("224".parse::<Size>(), Ok(Size { width: 224, height: 224 }));
        assert_eq!("BGR".parse::<ChannelOrder>(), Ok(ChannelOrder::Bgr));
        for range in [Range::Unit, Range::Bytes, Range::Signed] {
            assert_eq!(range.to_string().parse(), Ok(range));
            assert_eq!(range.pixel(range.value(51.0)).round(), 51.0);
        }
        for text in ["shortest", "shortest:0", "crop", "squash:-1", "centre:9/8", "centre:1/0", "inside"] {
            assert!(text.parse::<Resize>().is_err(), "{text}");
        }
        for text in ["", "0x5", "224x", "99999", "224*224"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
