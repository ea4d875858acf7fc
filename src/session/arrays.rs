//! An array and the sheet that shows it, as files: what activations and weights have in common.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use image::RgbImage;
use ndarray::ArrayViewD;

use super::export::{ExportError, place, write_png, write_whole};
use super::identity::Identity;
use super::naming::Name;
use super::record::Files;
use crate::raster::caption::{Bar, caption};
use crate::raster::{Colormap, LayerHeat, Sign, npy};

/// Where arrays and sheets are written, and what becomes of files that are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetFolder {
    /// The folder; made when it is missing.
    pub folder: PathBuf,
    /// Whether a file of the same request is replaced, and others get a longer name; else what is there is an error.
    pub clobber: bool,
}

/// What is written under one name.
pub(super) struct Written<'a> {
    /// What the name starts with.
    pub(super) stem: &'a str,
    /// What it ends with.
    pub(super) end: &'a str,
    /// The image, where there is one, and the model: what a longer name may say.
    pub(super) of: (&'a Path, &'a str),
    /// What was asked for.
    pub(super) request: Identity,
    /// The values.
    pub(super) values: Option<ArrayViewD<'a, f32>>,
    /// The picture.
    pub(super) sheet: Option<RgbImage>,
}

impl SheetFolder {
    /// Writes `<stem>.<end>.npy` and `.png`, or longer names where those are taken by something else; each appears whole or
    /// not at all.
    pub(super) fn write(&self, what: Written<'_>) -> Result<Files, ExportError> {
        let bytes = what.values.map(|values| {
            let mut bytes = vec![];
            npy::write(&mut bytes, values).map(|()| bytes)
        });
        let bytes = bytes.transpose().map_err(|problem| ExportError::new(&self.folder, problem))?;
        let (image, model) = what.of;
        let name = Name::of(what.stem, what.end, &image.to_string_lossy(), model);
        let mut files = Files::default();
        place(&self.folder, name, &what.request, bytes.as_deref(), self.clobber, |path, replace| {
            // The picture first: it says whose the name is now.
            files.png = what.sheet.is_some().then(|| path("png"));
            if let Some((path, sheet)) = files.png.as_ref().zip(what.sheet.as_ref()) {
                write_png(path, replace, sheet, &what.request)?;
            }
            files.npy = bytes.is_some().then(|| path("npy"));
            if let Some((path, bytes)) = files.npy.as_ref().zip(bytes.as_ref()) {
                write_whole(path, replace, |file| file.write_all(bytes))?;
            }
            Ok(())
        })?;
        Ok(files)
    }
}

/// The channels side by side on one scale, which is said under them with the lines.
pub(super) fn sheet(heat: &LayerHeat, lines: &[String]) -> RgbImage {
    captioned(&heat.mosaic(), lines, heat.sign, heat.scale)
}

/// A picture with lines and its scale under it.
pub(super) fn captioned(page: &RgbImage, lines: &[String], sign: Sign, scale: f32) -> RgbImage {
    let (low, high) = (if sign == Sign::Signed { number(-scale) } else { "0".to_owned() }, number(scale));
    let colour = |share: f32| match sign {
        Sign::Signed => Colormap::diverging(2.0 * share - 1.0),
        Sign::Positive | Sign::Membership => Colormap::default().colour(share),
    };
    caption(page, lines, Some(&Bar { low: &low, high: &high, colour: &colour }))
}

/// A number with three digits that count.
pub(super) fn number(value: f32) -> String {
    let magnitude = value.abs();
    match magnitude {
        _ if magnitude == 0.0 || !magnitude.is_finite() => format!("{value}"),
        _ if !(1e-3..1e5).contains(&magnitude) => format!("{value:.2e}"),
        _ => format!("{value:.*}", (2 - magnitude.log10().floor() as i32).max(0) as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [0.0, 1.0, -0.123_4, 12.345, 4321.0, 1e-7].map(number),
            ["0", "1.00", "-0.123", "12.3", "4321", "1.00e-7"]
        );
    }
}
