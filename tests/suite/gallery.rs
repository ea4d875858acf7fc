//! Finding and decoding images as people have them: in nested folders, with wrong suffixes, turned, broken.

use std::fs;
use std::path::{Path, PathBuf};

use image::DynamicImage;
use seewhy::gallery::{DecodeProblem, Kind, Truths, decode, find};
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

fn decoded(name: &str) -> DynamicImage {
    decode(&fixture("images").join(name)).unwrap()
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
    let problem = |path: PathBuf| decode(&path).unwrap_err();
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
    let message = decode(&path).unwrap_err().to_string();
    assert!(!message.contains('\u{1b}'), "{message:?}");
}
