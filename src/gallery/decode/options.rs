//! What a person may decide about how a file becomes pixels.

use std::str::FromStr;

/// How files become pixels, where there is more than one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DecodeOptions {
    /// What becomes of transparent pixels; laid on white without a word, and said.
    pub alpha: Option<Alpha>,
    /// Which bits of deep values are used; all of them without a word, and said where they use few.
    pub depth: Option<Depth>,
    /// Whether pictures are turned upright.
    pub exif: Exif,
}

/// What becomes of transparent pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alpha {
    /// They are laid on white.
    White,
    /// They are laid on black.
    Black,
    /// Their transparency is forgotten and their colour kept, hidden or not, as Pillow's `convert("RGB")` does.
    Drop,
}

/// Which values of images with more than 8 bits a channel are white.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The largest that so many bits hold: 8, 10, 12, 14 or 16.
    Bits(u8),
    /// The largest that the fewest of 8, 10, 12 and 16 bits hold in which the image's largest value fits.
    Auto,
}

/// Whether the orientation that a camera noted is obeyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exif {
    /// Pictures are upright.
    #[default]
    Apply,
    /// Pictures are as they are stored.
    Ignore,
}

impl FromStr for Alpha {
    type Err = String;

    fn from_str(text: &str) -> Result<Alpha, String> {
        match text.trim().to_lowercase().as_str() {
            "white" => Ok(Alpha::White),
            "black" => Ok(Alpha::Black),
            "drop" => Ok(Alpha::Drop),
            _ => Err(format!("{text:?} is not what becomes of transparent pixels; write white, black or drop")),
        }
    }
}

impl FromStr for Depth {
    type Err = String;

    fn from_str(text: &str) -> Result<Depth, String> {
        match text.trim().to_lowercase().as_str() {
            "auto" => Ok(Depth::Auto),
            text => match text.parse() {
                Ok(bits @ (8 | 10 | 12 | 14 | 16)) => Ok(Depth::Bits(bits)),
                _ => Err(format!("{text:?} is no depth; write 8, 10, 12, 14, 16 or auto")),
            },
        }
    }
}

impl FromStr for Exif {
    type Err = String;

    fn from_str(text: &str) -> Result<Exif, String> {
        match text.trim().to_lowercase().as_str() {
            "apply" => Ok(Exif::Apply),
            "ignore" => Ok(Exif::Ignore),
            _ => Err(format!("{text:?} is no way to treat EXIF orientations; write apply or ignore")),
        }
    }
}
