//! JPEGs as encoders really write them, and as disks and downloads leave them.

use std::fs;
use std::path::{Path, PathBuf};

use image::RgbImage;
use seewhy::gallery::{DecodeError, DecodeOptions, Decoded, decode};

use crate::support::fixture;

/// As far as the encoder may be from the picture, in the mean: what is decoded to garbage is 50 or more from it.
const NEAR: f64 = 6.0;

fn plainly(path: &Path) -> Result<Decoded, DecodeError> {
    decode(path, DecodeOptions::default())
}

fn picture() -> RgbImage {
    plainly(&fixture("images/jpeg/picture.png")).unwrap().image.into_rgb8()
}

/// Mean difference of all values in the first rows.
fn distance(a: &RgbImage, b: &RgbImage, rows: u32) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let count = (rows * a.width() * 3) as usize;
    let pairs = a.as_raw().iter().zip(b.as_raw()).take(count);
    pairs.map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / count as f64
}

/// Every JPEG of the folder that holds the picture.
fn files() -> Vec<PathBuf> {
    let files = fs::read_dir(fixture("images/jpeg")).unwrap().map(|file| file.unwrap().path());
    let is_jpeg = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "jpg");
    let mut files: Vec<_> = files.filter(is_jpeg).filter(|path| !path.ends_with("arithmetic.jpg")).collect();
    files.sort();
    assert!(files.len() > 30, "{files:?}");
    files
}

#[test]
fn every_sampling_and_order_of_scans_holds_the_same_picture() {
    let picture = picture();
    for file in files() {
        let Decoded { image, warnings } = plainly(&file).unwrap();
        let distance = distance(&image.into_rgb8(), &picture, picture.height());
        assert!(distance < NEAR, "{}: {distance}", file.display());
        assert!(warnings.is_empty(), "{}: {warnings:?}", file.display());
    }
}

#[test]
fn a_jpeg_that_ends_early_is_shown_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.jpg");
    let picture = picture();
    for file in files() {
        let bytes = fs::read(&file).unwrap();
        let name = file.file_stem().unwrap().to_str().unwrap();
        for percent in [50, 70, 90, 99] {
            fs::write(&path, &bytes[..bytes.len() * percent / 100]).unwrap();
            match plainly(&path) {
                Ok(Decoded { image, warnings }) => {
                    assert!(warnings.join(" ").contains("ends early"), "{name} at {percent} %: {warnings:?}");
                    if percent >= 90 && name.ends_with("together") {
                        assert!(distance(&image.into_rgb8(), &picture, 8) < NEAR, "{name} at {percent} %");
                    }
                }
                // There the picture has hardly begun.
                Err(error) => {
                    assert!(percent == 50, "{name} at {percent} %: {error}");
                    assert!(error.to_string().contains("ends early"), "{error}");
                }
            }
        }
        fs::write(&path, &bytes[..bytes.len() - 2]).unwrap();
        assert!(plainly(&path).unwrap().warnings.join(" ").contains("end mark"), "{name}");
    }
}

#[test]
fn what_is_missing_of_a_jpeg_is_filled_in_and_the_rest_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.jpg");
    let bytes = fs::read(fixture("images/jpeg/2x2_apart.jpg")).unwrap();
    // Luma is whole, and one chroma is missing.
    let scans: Vec<usize> = (0..bytes.len() - 1).filter(|at| bytes[*at..*at + 2] == [0xff, 0xda]).collect();
    fs::write(&path, &bytes[..scans[2]]).unwrap();
    let Decoded { image, warnings } = plainly(&path).unwrap();
    assert!(warnings[0].contains("ends early"), "{warnings:?}");
    let (ours, picture) = (image.into_rgb8(), picture());
    let pairs = ours.pixels().zip(picture.pixels());
    let far =
        pairs.map(|(a, b)| (luma(a.0) - luma(b.0)).abs()).sum::<f64>() / f64::from(picture.width() * picture.height());
    assert!(far < 20.0, "{far}");
}

fn luma([r, g, b]: [u8; 3]) -> f64 {
    0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b)
}

#[test]
fn a_damaged_jpeg_is_shown_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.jpg");
    for name in ["2x2_together", "2x2_apart", "2x2_progressive", "2x2_together-restarts", "inks"] {
        let bytes = fs::read(fixture(&format!("images/jpeg/{name}.jpg"))).unwrap();
        let middle = bytes.len() * 7 / 10;
        let mut zeros = bytes.clone();
        zeros[middle..].fill(0);
        let mut marker = bytes.clone();
        marker.splice(middle..middle + 2, [0xff, 0xd9]);
        let mut noise = bytes.clone();
        noise[middle..middle + 60].fill(0xfe);
        for (kind, damaged) in [("zeros", zeros), ("marker", marker), ("noise", noise)] {
            fs::write(&path, damaged).unwrap();
            let warnings = plainly(&path).unwrap().warnings.join(" ");
            assert!(warnings.contains("damaged") || warnings.contains("ends early"), "{name}, {kind}: {warnings}");
        }
    }
}

#[test]
fn jpegs_of_other_processes_are_named() {
    let error = plainly(&fixture("images/jpeg/arithmetic.jpg")).unwrap_err().to_string();
    assert!(error.contains("arithmetic-coded JPEG is not supported"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.jpg");
    for (marker, precision, expected) in
        [(0xc3, 8, "lossless JPEG"), (0xf7, 8, "JPEG-LS"), (0xc1, 12, "JPEG of 12 bits")]
    {
        let header = [0xff, 0xd8, 0xff, marker, 0, 11, precision, 0, 8, 0, 8, 1, 1, 0x11, 0];
        fs::write(&path, header).unwrap();
        let error = plainly(&path).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
