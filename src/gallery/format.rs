//! What a file is, by its first bytes: an image that we decode, one that we do not, a tensor, or something else.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use image::ImageFormat;

use crate::raster::npy;

/// As many bytes of a file as tell what it is.
const START: u64 = 1024;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// An image in a format that we decode.
    Image(ImageFormat),
    /// An image in a format that we do not decode.
    Foreign(&'static Foreign),
    /// A tensor in NumPy's format.
    Tensor,
    /// No image, and what it is instead where that can be told.
    Other(Option<&'static str>),
}

/// A format of images that we do not decode.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Foreign {
    /// As people call it.
    pub(super) name: &'static str,
    /// A program that converts it, with `IN` and `OUT` as file names.
    pub(super) converter: &'static str,
    /// Bytes that it begins with, each after so many others; one of them is enough.
    starts: &'static [(usize, &'static [u8])],
    /// Suffixes that make a file one even where the bytes do not tell, in lower case.
    suffixes: &'static [&'static str],
    /// Whether it is a document rather than a picture: then it is passed over in folders.
    pub(super) is_document: bool,
}

const VIDEO: &str = "a video, not an image";
const MAGICK: &str = "magick IN OUT.png";
const RAW: &str = "darktable-cli IN OUT.png";

/// The formats of images that we do not decode.
static FOREIGN: &[Foreign] = &[
    picture("HEIC", "heif-convert IN OUT.png", &[], &["heic", "heif", "hif"]),
    picture("AVIF", "avifdec IN OUT.png", &[], &["avif"]),
    picture("JPEG XL", "djxl IN OUT.png", &[(0, b"\xff\x0a"), (0, b"\0\0\0\x0cJXL \r\n\x87\n")], &["jxl"]),
    picture(
        "JPEG 2000",
        "opj_decompress -i IN -o OUT.png",
        &[(0, b"\xff\x4f\xff\x51"), (0, b"\0\0\0\x0cjP  \r\n\x87\n")],
        &["jp2", "j2k", "jpx", "jpf", "j2c", "jpc", "jph", "jhc"],
    ),
    picture("JPEG XR", "JxrDecApp -i IN -o OUT.bmp", &[(0, b"II\xbc\x01")], &["jxr", "wdp", "hdp"]),
    picture("DICOM", "dcm2img IN OUT.png", &[(128, b"DICM")], &["dcm", "dicom"]),
    picture("OpenEXR", MAGICK, &[(0, b"\x76\x2f\x31\x01")], &["exr"]),
    picture("Radiance HDR", MAGICK, &[(0, b"#?RADIANCE"), (0, b"#?RGBE")], &[]),
    picture("Photoshop (PSD)", MAGICK, &[(0, b"8BPS")], &["psd", "psb"]),
    picture("GIMP (XCF)", MAGICK, &[(0, b"gimp xcf")], &["xcf"]),
    picture("QOI", MAGICK, &[(0, b"qoif")], &["qoi"]),
    picture("DDS", MAGICK, &[(0, b"DDS ")], &["dds"]),
    picture("farbfeld", MAGICK, &[(0, b"farbfeld")], &[]),
    picture("ICO", MAGICK, &[], &["ico", "cur"]),
    picture("ICNS", MAGICK, &[(0, b"icns")], &["icns"]),
    picture("PCX", MAGICK, &[(0, b"\x0a\x05\x01\x08"), (0, b"\x0a\x05\x01\x01")], &["pcx"]),
    picture("TGA", MAGICK, &[], &["tga"]),
    picture("SVG", "rsvg-convert IN -o OUT.png", &[], &["svg"]),
    picture("FITS", MAGICK, &[(0, b"SIMPLE  =")], &["fits"]),
    picture("NIfTI", "med2image -i IN -o OUT.png", &[(344, b"n+1\0"), (344, b"ni1\0")], &["nii"]),
    picture("BPG", "bpgdec -o OUT.png IN", &[(0, b"BPG\xfb")], &["bpg"]),
    picture("FLIF", "flif -d IN OUT.png", &[(0, b"FLIF")], &["flif"]),
    picture("DjVu", "ddjvu -format=tiff IN OUT.tif", &[(0, b"AT&TFORM")], &["djvu"]),
    picture("JNG or MNG", MAGICK, &[(0, b"\x8bJNG"), (0, b"\x8aMNG")], &["jng", "mng"]),
    picture(
        "camera RAW",
        RAW,
        &[
            (8, b"CR\x02"),
            (0, b"IIRO"),
            (0, b"IIRS"),
            (0, b"MMOR"),
            (0, b"IIU\0"),
            (0, b"FUJIFILMCCD-RAW"),
            (0, b"FOVb"),
            (0, b"\0MRM"),
            (6, b"HEAPCCDR"),
        ],
        &[
            "cr2", "cr3", "crw", "nef", "nrw", "arw", "srf", "sr2", "dng", "raf", "orf", "rw2", "pef", "srw", "x3f",
            "3fr",
        ],
    ),
    Foreign {
        name: "PDF",
        converter: "pdftoppm -png IN OUT",
        starts: &[(0, b"%PDF-")],
        suffixes: &[],
        is_document: true,
    },
];

const fn picture(
    name: &'static str,
    converter: &'static str,
    starts: &'static [(usize, &'static [u8])],
    suffixes: &'static [&'static str],
) -> Foreign {
    Foreign { name, converter, starts, suffixes, is_document: false }
}

fn foreign(name: &str) -> Option<Format> {
    FOREIGN.iter().find(|foreign| foreign.name == name).map(Format::Foreign)
}

/// Suffixes of files that are images in formats that we decode, in lower case, and of tensors.
const SUFFIXES: &[&str] = &[
    "jpg", "jpeg", "jpe", "jfif", "png", "apng", "gif", "webp", "bmp", "dib", "tif", "tiff", "btf", "pbm", "pgm",
    "ppm", "pnm", "pam", "npy",
];

fn suffix(path: &Path) -> String {
    path.extension().unwrap_or_else(|| OsStr::new("")).to_string_lossy().to_lowercase()
}

/// Whether a file is called as images are.
pub(super) fn is_named_as_image(path: &Path) -> bool {
    let suffix = suffix(path);
    let mut foreign = FOREIGN.iter().flat_map(|foreign| foreign.suffixes);
    SUFFIXES.contains(&suffix.as_str()) || foreign.any(|other| *other == suffix)
}

/// What a regular file is.
pub(super) fn format_of(path: &Path) -> io::Result<Format> {
    let mut start = Vec::new();
    File::open(path)?.take(START).read_to_end(&mut start)?;
    Ok(recognise(&start, path))
}

fn recognise(start: &[u8], path: &Path) -> Format {
    let suffix = suffix(path);
    let by_suffix = || FOREIGN.iter().find(|foreign| foreign.suffixes.contains(&suffix.as_str()));
    let has = |(after, bytes): &(usize, &[u8])| start.get(*after..).is_some_and(|rest| rest.starts_with(bytes));
    if start.starts_with(npy::MAGIC) {
        return Format::Tensor;
    }
    if let Some(format) = media(start).or_else(|| foreign("SVG").filter(|_| is_svg(start))) {
        return format;
    }
    if let Some(foreign) = FOREIGN.iter().find(|foreign| foreign.starts.iter().any(has)) {
        return Format::Foreign(foreign);
    }
    if is_icon(start) {
        return foreign("ICO").unwrap_or(Format::Other(None));
    }
    // A camera's file is a TIFF whose first image is a thumbnail.
    let is_tiff = [&b"II*\0"[..], b"MM\0*", b"II+\0", b"MM\0+"].iter().any(|magic| start.starts_with(magic));
    match (is_tiff, by_suffix()) {
        (true, Some(foreign)) => return Format::Foreign(foreign),
        (true, None) => return Format::Image(ImageFormat::Tiff),
        _ => {}
    }
    match image::guess_format(start) {
        Ok(format) if format.reading_enabled() && !is_prose(start) => return Format::Image(format),
        _ => {}
    }
    match (instead(start), by_suffix()) {
        // These have no magic number.
        (None, Some(foreign)) if matches!(foreign.name, "TGA" | "SVG") => Format::Foreign(foreign),
        (other, _) => Format::Other(other),
    }
}

/// Whether a file begins as icons and cursors do: with how many there are. A TGA of colours has zeros there.
fn is_icon(start: &[u8]) -> bool {
    matches!(start, [0, 0, 1 | 2, 0, few, many, ..] if (*few, *many) != (0, 0))
}

/// What a file of ISO's base media format holds: its brands say.
fn media(start: &[u8]) -> Option<Format> {
    if start.get(4..8)? != b"ftyp" {
        return None;
    }
    let length = u32::from_be_bytes(start[..4].try_into().ok()?) as usize;
    let mut brands: Vec<&[u8]> = start[8..length.clamp(8, start.len())].chunks_exact(4).collect();
    // The second is a version.
    if brands.len() > 1 {
        brands.remove(1);
    }
    let has = |names: &[&[u8; 4]]| brands.iter().any(|brand| names.iter().any(|name| brand == name));
    if has(&[b"avif", b"avis"]) {
        foreign("AVIF")
    } else if has(&[b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"]) {
        foreign("HEIC")
    } else if has(&[b"jxl "]) {
        foreign("JPEG XL")
    } else if has(&[b"jp2 ", b"jpx ", b"jph "]) {
        foreign("JPEG 2000")
    } else if has(&[b"crx "]) {
        foreign("camera RAW")
    } else {
        Some(Format::Other(Some(VIDEO)))
    }
}

/// The portable anymap's magic is two letters, with which prose may begin too; a size or a comment follows.
fn is_prose(start: &[u8]) -> bool {
    match start {
        [b'P', b'7', rest @ ..] => !rest.starts_with(b"\n"),
        [b'P', _, space, next, ..] => {
            !space.is_ascii_whitespace() || !(next.is_ascii_digit() || b"# \t\r\n".contains(next))
        }
        _ => false,
    }
}

/// The beginning as text in lower case, if it is text.
fn text(start: &[u8]) -> Option<String> {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let is_text = |byte: &u8| !byte.is_ascii_control() || byte.is_ascii_whitespace();
    if start.is_empty() || !start.iter().all(is_text) {
        return None;
    }
    let text = String::from_utf8_lossy(start);
    // The last letter may be cut.
    let broken = text.matches('\u{fffd}').count() > 1;
    (!broken).then(|| text.trim_start().to_lowercase())
}

fn is_svg(start: &[u8]) -> bool {
    text(start).is_some_and(|text| {
        let is_markup = text.starts_with("<?xml") || text.starts_with("<!--") || text.starts_with("<!doctype svg");
        text.starts_with("<svg") || is_markup && text.contains("<svg")
    })
}

/// What a file is that is no image.
fn instead(start: &[u8]) -> Option<&'static str> {
    let begins = |magic: &[u8]| start.starts_with(magic);
    if start.is_empty() {
        return None;
    }
    if let Some(text) = text(start) {
        let page = ["<!doctype html", "<html", "<head", "<body", "<!--"];
        return Some(if text.starts_with("version https://git-lfs.github.com/") {
            "a pointer of Git LFS, not the image itself: `git lfs pull` fetches it"
        } else if text.contains("/annex/objects/") {
            "a pointer of git-annex, not the image itself: `git annex get` fetches it"
        } else if page.iter().any(|page| text.starts_with(page)) {
            "a web page (HTML), not an image: the download went wrong"
        } else if text.starts_with("<?xml") || text.starts_with("<error") {
            "XML, not an image"
        } else if text.starts_with('{') || text.starts_with('[') {
            "JSON, not an image"
        } else {
            "text, not an image"
        });
    }
    Some(match start {
        _ if start.iter().all(|byte| *byte == 0) => {
            "nothing but zeros, not an image: a download or copy was not finished"
        }
        _ if begins(b"\x1a\x45\xdf\xa3") || start.get(8..12) == Some(b"AVI ") => VIDEO,
        _ if begins(b"PK\x03\x04") => "a ZIP archive, not an image",
        _ if begins(b"\x1f\x8b") => "a gzip archive, not an image",
        _ if begins(b"BZh")
            || begins(b"\xfd7zXZ\0")
            || begins(b"7z\xbc\xaf")
            || begins(b"Rar!")
            || begins(b"\x28\xb5\x2f\xfd") =>
        {
            "an archive, not an image"
        }
        _ if begins(b"\x89HDF") => "HDF5, not an image",
        _ if begins(b"\x7fELF") || begins(b"MZ") => "a program, not an image",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(start: &[u8], path: &str) -> String {
        match recognise(start, Path::new(path)) {
            Format::Image(format) => format!("{format:?}"),
            Format::Foreign(foreign) => foreign.name.to_owned(),
            Format::Tensor => "tensor".to_owned(),
            Format::Other(what) => what.unwrap_or("?").to_owned(),
        }
    }

    fn dicom() -> Vec<u8> {
        [&[0; 128][..], b"DICM\x02\0\0\0"].concat()
    }

    #[test]
    fn images_that_are_not_decoded_are_known_by_their_bytes() {
        let dicom = dicom();
        for (start, expected) in [
            (&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..], "HEIC"),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC"),
            (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "AVIF"),
            (b"\0\0\0\x1cftypavif\0\0\0\0", "AVIF"),
            (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", "camera RAW"),
            (b"\0\0\0\x18ftypisom\0\0\x02\0isommp42", "a video, not an image"),
            (b"\xff\x0a\x80\x52", "JPEG XL"),
            (b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl ", "JPEG XL"),
            (b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 ", "JPEG 2000"),
            (b"\xff\x4f\xff\x51\0\x2f", "JPEG 2000"),
            (&dicom, "DICOM"),
            (b"II*\0\x10\0\0\0CR\x02\0", "camera RAW"),
            (b"<?xml version=\"1.0\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\"/>", "SVG"),
            (b"<svg/>", "SVG"),
            (b"%PDF-1.7\n", "PDF"),
            (b"8BPS\0\x01", "Photoshop (PSD)"),
            (b"\0\0\x01\0\x01\0\x10\x10", "ICO"),
            (b"#?RADIANCE\n", "Radiance HDR"),
            (b"II+\0\x08\0\0\0", "Tiff"),
            (b"MM\0+\0\x08\0\0", "Tiff"),
            (b"\x93NUMPY\x01\0", "tensor"),
        ] {
            assert_eq!(name(start, "x.jpg"), expected, "{start:?}");
        }
        assert_eq!(name(b"II*\0\x08\0\0\0", "x.NEF"), "camera RAW");
        for start in [b"\0\0\x02\x10\0\0\0\0", b"\0\0\x02\0\0\0\0\0"] {
            assert_eq!(name(start, "x.tga"), "TGA");
        }
    }

    #[test]
    fn what_should_be_an_image_and_is_none_is_said_to_be_what_it_is() {
        for (start, expected) in [
            (&b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 1\n"[..], "Git LFS"),
            (b"../.git/annex/objects/xx/yy/MD5E-s1--aa.jpg", "git-annex"),
            (b"\n<!DOCTYPE html><html>", "web page"),
            (b"\xef\xbb\xbf<html lang=en>", "web page"),
            (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code>", "XML"),
            (b"{\"error\": 404}", "JSON"),
            (b"P5 is where we meet", "text"),
            (b"P50 is a road", "text"),
            (&[0; 600], "zeros"),
            (b"PK\x03\x04\x14\0", "ZIP"),
            (b"\x03\x7f\x11", "?"),
        ] {
            let name = name(start, "x.jpg");
            assert!(name.contains(expected), "{name}");
        }
    }
}
