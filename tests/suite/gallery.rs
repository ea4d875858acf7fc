//! Finding and decoding images as people have them: in nested folders, with wrong suffixes, turned, broken.

use std::fs;
use std::path::{Path, PathBuf};

use image::DynamicImage;
use seewhy::gallery::{
    Alpha, DecodeError, DecodeOptions, DecodeProblem, Decoded, Depth, Exif, Kind, Truths, decode, find,
};
use seewhy::raster::npy;

use crate::support::fixture;

const PIXEL: &[u8] = b"P6 1 1 255\n\x01\x02\x03";

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// What is found below a folder, as paths relative to it.
fn found(folder: &Path) -> Vec<String> {
    let entries = find([folder.to_owned()]).map(|entry| entry.unwrap().path);
    entries.map(|path| path.strip_prefix(folder).unwrap().to_string_lossy().replace('\\', "/")).collect()
}

#[test]
fn folders_are_walked_in_the_order_that_people_count() {
    let folder = tempfile::tempdir().unwrap();
    for name in
        ["img10.ppm", "img2.ppm", "Img1.ppm", "b/2.ppm", "b/10.ppm", "b/c/1.ppm", "a/x.ppm", ".hidden/x.ppm", ".x.ppm"]
    {
        write(folder.path(), name, PIXEL);
    }
    let expected = ["a/x.ppm", "b/2.ppm", "b/10.ppm", "b/c/1.ppm", "Img1.ppm", "img2.ppm", "img10.ppm"];
    assert_eq!(found(folder.path()), expected);
}

#[test]
fn files_are_known_by_their_content_not_by_their_suffix() {
    let folder = tempfile::tempdir().unwrap();
    let mut tensor = Vec::new();
    npy::write(&mut tensor, ndarray::ArrayD::zeros(vec![3, 2, 2]).view()).unwrap();
    write(folder.path(), "1", &fs::read(fixture("images/grey.png")).unwrap());
    write(folder.path(), "2.png", &fs::read(fixture("images/orientation-1.jpg")).unwrap());
    write(folder.path(), "3.dat", &tensor);
    write(folder.path(), "4.jpg", b"just text");
    write(folder.path(), "5.txt", b"P5 is where we meet");
    write(folder.path(), "6.txt", b"P50 is a road");
    write(folder.path(), "7.png", b"");
    let entries: Vec<_> = find([folder.path().to_owned()]).map(Result::unwrap).collect();
    let kinds: Vec<(String, Kind)> = entries.iter().map(|entry| (entry.name(), entry.kind)).collect();
    let expected = [
        ("1", Kind::Image),
        ("2.png", Kind::Image),
        ("3.dat", Kind::Tensor),
        // These are called images, and to pass over them would hide that they are none.
        ("4.jpg", Kind::Unknown),
        ("7.png", Kind::Unknown),
    ];
    assert_eq!(kinds, expected.map(|(name, kind)| (name.to_owned(), kind)));
}

#[test]
fn what_a_person_names_is_listed_even_if_it_is_no_image() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "notes.txt", b"hello");
    let named = folder.path().join("notes.txt");
    let missing = folder.path().join("missing.png");
    let results: Vec<_> = find([named, missing]).collect();
    assert_eq!(results[0].as_ref().unwrap().kind, Kind::Unknown);
    let error = results[1].as_ref().unwrap_err().to_string();
    assert!(error.contains("missing.png") && error.contains("No such file"), "{error}");
}

#[cfg(unix)]
#[test]
fn links_in_a_circle_end() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a/1.ppm", PIXEL);
    symlink(folder.path(), folder.path().join("a/loop")).unwrap();
    symlink("nowhere", folder.path().join("a/dangling")).unwrap();
    symlink(folder.path().join("a/1.ppm"), folder.path().join("link.ppm")).unwrap();
    assert_eq!(found(folder.path()), ["a/1.ppm", "link.ppm"]);
}

#[test]
fn the_first_of_thousands_comes_before_the_rest_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..2_000 {
        write(folder.path(), &format!("{n}.ppm"), PIXEL);
    }
    let mut entries = find([folder.path().to_owned()]);
    assert_eq!(entries.next().unwrap().unwrap().name(), "0.ppm");
    // Files that go away meanwhile were not looked at yet: they are no errors.
    for n in 1..1_999 {
        fs::remove_file(folder.path().join(format!("{n}.ppm"))).unwrap();
    }
    assert_eq!(entries.map(|entry| entry.unwrap().name()).collect::<Vec<_>>(), ["1999.ppm"]);
}

#[test]
fn a_class_is_read_off_the_folder() {
    let labels = ["tench".to_owned(), "indigo bunting".to_owned()];
    let labels = Truths::new(&labels, &[], 2);
    assert_eq!(labels.of(Path::new("/data/val/n01537544_indigo_bunting/x.JPEG")).map(|truth| truth.first()), Some(1));
    assert_eq!(labels.of(Path::new("/data/val/x.JPEG")), None);
}

fn plainly(path: &Path) -> Result<Decoded, DecodeError> {
    decode(path, DecodeOptions::default())
}

fn decoded(name: &str) -> DynamicImage {
    plainly(&fixture("images").join(name)).unwrap().image
}

/// The colours in the middle of the four quarters.
fn quarters(image: &DynamicImage) -> [[u8; 3]; 4] {
    assert_eq!((image.width(), image.height()), (32, 24));
    let image = image.to_rgb8();
    [(8, 6), (24, 6), (8, 18), (24, 18)].map(|(x, y)| image.get_pixel(x, y).0)
}

const QUARTERS: [[u8; 3]; 4] = [[200, 40, 40], [40, 180, 60], [50, 70, 210], [230, 220, 80]];

fn assert_quarters(name: &str, tolerance: u8) {
    let found = quarters(&decoded(name));
    let near = found.iter().flatten().zip(QUARTERS.iter().flatten()).all(|(a, b)| a.abs_diff(*b) <= tolerance);
    assert!(near, "{name}: {found:?}");
}

#[test]
fn photographs_are_upright_however_the_camera_was_held() {
    const JPEG: u8 = 4;
    for orientation in 1..=8 {
        assert_quarters(&format!("orientation-{orientation}.jpg"), JPEG);
    }
    for suffix in ["png", "webp", "tiff"] {
        assert_quarters(&format!("orientation-6.{suffix}"), 0);
    }
}

#[test]
fn every_common_format_is_read() {
    for (name, tolerance) in
        [("plain.bmp", 0), ("plain.ppm", 0), ("palette.gif", 0), ("animated.gif", 0), ("progressive.jpg", 4)]
    {
        assert_quarters(name, tolerance);
    }
    assert_quarters("cmyk.jpg", 8);
}

#[test]
fn grey_deep_and_transparent_images_become_plain_colour() {
    for name in ["grey.png", "grey16.png"] {
        assert_eq!(decoded(name).to_rgb8().get_pixel(0, 0).0, [100; 3], "{name}");
    }
    // 20 % of [200, 40, 40] on white.
    assert_eq!(decoded("alpha.png").to_rgb8().get_pixel(0, 0).0, [244, 212, 212]);
}

#[test]
fn a_bad_image_is_an_error_that_says_why() {
    let problem = |path: PathBuf| plainly(&path).unwrap_err();
    let fixture = |name: &str| problem(fixture("images").join(name));
    assert!(matches!(fixture("bomb.png").problem, DecodeProblem::TooLarge));
    assert!(matches!(fixture("cut-off.png").problem, DecodeProblem::Broken(_)));
    assert!(matches!(fixture("cut-off.jpg").problem, DecodeProblem::Broken(_)));
    assert!(matches!(fixture("make.py").problem, DecodeProblem::NotAnImage(_)));
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(problem(folder.path().to_owned()).problem, DecodeProblem::NotAFile));
    write(folder.path(), "empty.png", b"");
    assert!(matches!(problem(folder.path().join("empty.png")).problem, DecodeProblem::Empty));
    write(folder.path(), "x.avif", b"\0\0\0\x1cftypavif\0\0\0\0");
    let avif = problem(folder.path().join("x.avif")).problem.to_string();
    assert!(avif.starts_with("AVIF is not supported: convert it first, for instance with `avifdec"), "{avif}");
}

#[test]
fn a_name_cannot_speak_to_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let name = "evil\u{1b}[2J.png";
    write(folder.path(), name, b"no image");
    let path = folder.path().join(name);
    let entry = find([path.clone()]).next().unwrap().unwrap();
    assert_eq!(entry.name(), "evil\\u{1b}[2J.png");
    let message = plainly(&path).unwrap_err().to_string();
    assert!(!message.contains('\u{1b}'), "{message:?}");
}

fn warnings(path: &Path, options: DecodeOptions) -> String {
    decode(path, options).unwrap().warnings.join("; ")
}

#[test]
fn transparent_pixels_are_laid_on_white_and_said_or_as_a_person_says() {
    let path = fixture("images/alpha.png");
    let first = |alpha| {
        let options = DecodeOptions { alpha, ..DecodeOptions::default() };
        decode(&path, options).unwrap().image.to_rgb8().get_pixel(0, 0).0
    };
    assert!(warnings(&path, DecodeOptions::default()).contains("transparent"));
    assert_eq!(first(None), [244, 212, 212]);
    assert_eq!(first(Some(Alpha::White)), [244, 212, 212]);
    assert_eq!(first(Some(Alpha::Black)), [40, 8, 8]);
    assert_eq!(first(Some(Alpha::Drop)), [200, 40, 40]);
    assert_eq!(warnings(&path, DecodeOptions { alpha: Some(Alpha::White), ..DecodeOptions::default() }), "");
}

#[test]
fn opaque_pictures_of_all_depths_are_nothing_to_warn_of() {
    for name in ["grey.png", "grey16.png", "orientation-6.png", "palette.gif", "cmyk.jpg", "orientation-6.webp"] {
        let said = warnings(&fixture("images").join(name), DecodeOptions::default());
        assert_eq!(said, "", "{name}");
    }
}

#[test]
fn deep_values_are_brought_to_eight_bits_as_their_range_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep.png");
    let of = |values: [u16; 2], depth: Option<Depth>| {
        let pixels: Vec<u16> = values.to_vec();
        image::ImageBuffer::<image::Luma<u16>, _>::from_raw(2, 1, pixels).unwrap().save(&path).unwrap();
        let options = DecodeOptions { depth, ..DecodeOptions::default() };
        let decoded = decode(&path, options).unwrap();
        let image = decoded.image.to_rgb8();
        ([image.get_pixel(0, 0).0[0], image.get_pixel(1, 0).0[0]], decoded.warnings.join("; "))
    };
    let (values, said) = of([0, 65535], None);
    assert_eq!((values, said.as_str()), ([0, 255], ""));
    let (values, said) = of([2048, 4095], None);
    assert_eq!(values, [8, 16]);
    assert!(said.contains("6 % of the range of its 16 bits") && said.contains("--depth 12"), "{said}");
    assert_eq!(of([2048, 4095], Some(Depth::Bits(12))), ([128, 255], String::new()));
    for (largest, expected) in [(200, 8), (255, 8), (256, 10), (1023, 10), (4000, 12), (5000, 16)] {
        let (values, said) = of([0, largest], Some(Depth::Auto));
        let white = f32::from((1_u32 << expected).wrapping_sub(1) as u16);
        assert_eq!(values[1], (255.0 * f32::from(largest) / white).round() as u8, "{largest}");
        assert_eq!(said, "");
    }
    let (values, said) = of([300, 100], Some(Depth::Bits(8)));
    assert_eq!(values, [255, 100]);
    assert!(said.contains("300"), "{said}");
    assert_eq!(of([0, 0], None).1, "");
}

#[test]
fn what_a_camera_noted_can_be_ignored() {
    let options = DecodeOptions { exif: Exif::Ignore, ..DecodeOptions::default() };
    let image = decode(&fixture("images/orientation-6.jpg"), options).unwrap().image;
    assert_eq!((image.width(), image.height()), (24, 32));
}

/// Bytes of a little-endian TIFF of 3 by 2 pixels: how many bits, what samples mean, their format, their palette, the pixels.
fn tiff(big: bool, [bits, meaning, format]: [u16; 3], palette: &[u16], pixels: &[u8]) -> Vec<u8> {
    let short = |value: u16| value.to_le_bytes().to_vec();
    let shorts = |values: &[u16]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let mut tags = vec![
        (256, 3, 1, short(3)),
        (257, 3, 1, short(2)),
        (258, 3, 1, short(bits)),
        (259, 3, 1, short(1)),
        (262, 3, 1, short(meaning)),
        (273, 4, 1, vec![]),
        (277, 3, 1, short(1)),
        (278, 3, 1, short(2)),
        (279, 4, 1, (pixels.len() as u32).to_le_bytes().to_vec()),
        (339, 3, 1, short(format)),
    ];
    if !palette.is_empty() {
        tags.insert(9, (320, 3, palette.len() as u64, shorts(palette)));
    }
    let (header, counted, entry, inline) = if big { (16, 8, 20, 8) } else { (8, 2, 12, 4) };
    let start = header + counted + tags.len() * entry + inline;
    let (mut file, mut data) = (vec![], pixels.to_vec());
    let number = |value: u64, length: usize| value.to_le_bytes()[..length].to_vec();
    file.extend(if big { b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0".to_vec() } else { b"II*\0\x08\0\0\0".to_vec() });
    file.extend(number(tags.len() as u64, counted));
    for (tag, kind, count, mut value) in tags {
        if tag == 273 {
            value = number(start as u64, 4);
        }
        if value.len() > inline {
            let at = start + data.len();
            data.extend(value);
            value = number(at as u64, inline);
        }
        value.resize(inline, 0);
        file.extend([short(tag), short(kind), number(count, inline), value].concat());
    }
    file.extend(vec![0; inline]);
    file.extend(data);
    file
}

#[test]
fn tiffs_as_scientific_programs_write_them_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tif");
    let red = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let Decoded { image, warnings } = plainly(&path).unwrap();
        (image.to_rgb8().pixels().map(|pixel| pixel.0).collect::<Vec<_>>(), warnings.join("; "))
    };
    let grey = |values: [u8; 6]| values.map(|value| [value; 3]).to_vec();
    let floats = |values: [f32; 6]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    for big in [false, true] {
        let plain = tiff(big, [8, 1, 1], &[], &[0, 50, 100, 150, 200, 255]);
        assert_eq!(red(&plain), (grey([0, 50, 100, 150, 200, 255]), String::new()));
        // Three rows of a palette: reds, greens, blues.
        let mut palette = vec![0_u16; 48];
        (palette[1], palette[17], palette[33], palette[18]) = (0xffff, 0x8080, 0x0101, 0xffff);
        let (pixels, said) = red(&tiff(big, [4, 3, 1], &palette, &[0x01, 0x20, 0x21, 0x00]));
        let [black, orange, green] = [[0, 0, 0], [255, 128, 1], [0, 255, 0]];
        assert_eq!((pixels, said.as_str()), (vec![black, orange, green, green, orange, black], ""));
        assert_eq!(red(&tiff(big, [2, 1, 1], &[], &[0b0001_1011, 0b1110_0100])).0, grey([0, 85, 170, 255, 170, 85]));
        assert_eq!(red(&tiff(big, [2, 0, 1], &[], &[0b0001_1011, 0b1110_0100])).0, grey([255, 170, 85, 0, 85, 170]));
        let (pixels, said) = red(&tiff(big, [32, 1, 3], &[], &floats([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])));
        assert_eq!((pixels, said.as_str()), (grey([0, 51, 102, 153, 204, 255]), ""));
    }
    let (pixels, said) = red(&tiff(false, [32, 1, 3], &[], &floats([0.0, 51.0, 102.0, 153.0, 204.0, 250.0])));
    assert_eq!(pixels, grey([0, 51, 102, 153, 204, 250]));
    assert!(said.contains("range of 0 to 1") && said.contains("0 to 255"), "{said}");
    let (pixels, said) = red(&tiff(false, [32, 1, 3], &[], &floats([-3.0, 0.0, 0.2, 0.4, 1.0, f32::NAN])));
    assert_eq!(pixels, grey([0, 0, 51, 102, 255, 0]));
    assert!(said.contains("down to -3") && said.contains("not finite"), "{said}");
}

#[test]
fn other_tiffs_are_named_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tif");
    let mut zstandard = tiff(false, [8, 1, 1], &[], &[0; 6]);
    let at = zstandard.windows(2).position(|bytes| bytes == 259_u16.to_le_bytes()).unwrap();
    zstandard[at + 8..at + 10].copy_from_slice(&50_000_u16.to_le_bytes());
    for (bytes, expected) in [
        (tiff(false, [16, 1, 2], &[], &[0; 12]), "TIFF of grey in 16-bit signed integers is not supported"),
        (tiff(false, [32, 1, 1], &[], &[0; 24]), "TIFF of grey in 32-bit integers is not supported"),
        (tiff(false, [8, 9, 1], &[], &[0; 6]), "TIFF of Lab"),
        (zstandard, "TIFF compressed by Zstandard is not supported"),
    ] {
        fs::write(&path, bytes).unwrap();
        let error = plainly(&path).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("Unknown("), "{error}");
    }
}

#[test]
fn what_cannot_be_decoded_in_a_folder_is_listed_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic";
    write(folder.path(), "1.heic", heic);
    write(folder.path(), "2.jpg", heic);
    write(folder.path(), "3", &[&[0; 128][..], b"DICM"].concat());
    write(folder.path(), "4.jpg", b"<!DOCTYPE html><title>404</title>");
    write(folder.path(), "5.ppm", PIXEL);
    write(folder.path(), "paper.pdf", b"%PDF-1.7\n");
    for (name, bytes) in [
        ("labels.csv", &b"a,b\n"[..]),
        ("a.json", b"{}"),
        ("a.xml", b"<?xml version='1.0'?><annotation/>"),
        ("a.txt", b"x"),
    ] {
        write(folder.path(), name, bytes);
    }
    let mut finding = find([folder.path().to_owned()]);
    let names: Vec<String> = finding.by_ref().map(|entry| entry.unwrap().name()).collect();
    assert_eq!(names, ["1.heic", "2.jpg", "3", "4.jpg", "5.ppm"]);
    assert_eq!(finding.left_out().unwrap(), "2 HEIC, 1 DICOM, 1 PDF");
    let problem = |name: &str| plainly(&folder.path().join(name)).unwrap_err().problem.to_string();
    assert!(problem("2.jpg").starts_with("HEIC is not supported: convert it first"), "{}", problem("2.jpg"));
    assert!(problem("4.jpg").contains("a web page (HTML), not an image"), "{}", problem("4.jpg"));
    // What a person names is no surprise.
    let mut finding = find([folder.path().join("1.heic")]);
    assert_eq!((finding.by_ref().count(), finding.left_out()), (1, None));
}
