//! What a person may decide about how a file becomes pixels.

use std::fmt;
use std::str::FromStr;

use crate::text::words;

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

/// The same for the same pixels, whether somebody says what is the default or nobody does.
impl fmt::Display for DecodeOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (alpha, exif) = (self.alpha.unwrap_or(Alpha::White), self.exif);
        let depth = depth_of(self.depth);
        write!(f, "alpha={alpha} depth={depth} exif={exif}")
    }
}

words!(Alpha, "treatment of transparent pixels": "white" = Alpha::White, "black" = Alpha::Black, "drop" = Alpha::Drop);
words!(Exif, "treatment of orientations": "apply" = Exif::Apply, "ignore" = Exif::Ignore);

/// As it is written; `all` where nobody says any.
fn depth_of(depth: Option<Depth>) -> String {
    match depth {
        None => "all".to_owned(),
        Some(Depth::Bits(bits)) => bits.to_string(),
        Some(Depth::Auto) => "auto".to_owned(),
    }
}

impl FromStr for Depth {
    type Err = String;

    fn from_str(text: &str) -> Result<Depth, String> {
        match text.trim().to_lowercase().as_str() {
            "auto" => Ok(Depth::Auto),
            text => match text.parse() {
                Ok(bits @ (8 | 10 | 12 | 14 | 16)) => Ok(Depth::Bits(bits)),
                _ => Err(format!("{text:?} is not a depth; write 8, 10, 12, 14, 16 or auto")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_that_is_said_changes_nothing() {
        let said = DecodeOptions { alpha: Some(Alpha::White), depth: None, exif: Exif::Apply };
        assert_eq!(said.to_string(), DecodeOptions::default().to_string());
        let others = [
            DecodeOptions { alpha: Some(Alpha::Drop), ..said },
            DecodeOptions { depth: Some(Depth::Bits(12)), ..said },
            DecodeOptions { depth: Some(Depth::Auto), ..said },
            DecodeOptions { exif: Exif::Ignore, ..said },
        ];
        for other in others {
            assert_ne!(other.to_string(), said.to_string());
        }
    }
}
