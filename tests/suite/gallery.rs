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
    let expected = [("1", Kind::Image), ("2.png", Kind::Image), ("3.dat", Kind::Tensor)];
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
    decode(path, &DecodeOptions::default())
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
    assert!(matches!(fixture("make.py").problem, DecodeProblem::NotAnImage));
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(problem(folder.path().to_owned()).problem, DecodeProblem::NotAFile));
    write(folder.path(), "empty.png", b"");
    assert!(matches!(problem(folder.path().join("empty.png")).problem, DecodeProblem::Empty));
    write(folder.path(), "x.avif", b"\0\0\0\x1cftypavif\0\0\0\0");
    assert_eq!(problem(folder.path().join("x.avif")).problem.to_string(), "AVIF is not supported");
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
    decode(path, &options).unwrap().warnings.join("; ")
}

#[test]
fn transparent_pixels_are_laid_on_white_and_said_or_as_a_person_says() {
    let path = fixture("images/alpha.png");
    let first = |alpha| {
        let options = DecodeOptions { alpha, ..DecodeOptions::default() };
        decode(&path, &options).unwrap().image.to_rgb8().get_pixel(0, 0).0
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
        let decoded = decode(&path, &options).unwrap();
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
    let image = decode(&fixture("images/orientation-6.jpg"), &options).unwrap().image;
    assert_eq!((image.width(), image.height()), (24, 32));
}
