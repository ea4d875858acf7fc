//! Superpixels held against scikit-image's of the same picture.

use std::collections::HashMap;

use image::RgbImage;
use ndarray::{Array2, Axis};
use seewhy::raster::superpixels::{Felzenszwalb, Labels, Quickshift, Slic, lab};
use serde_json::Value as Json;

use crate::support::{fixture, fixture_array, fixture_bytes};

/// Agreement that is demanded: 1 is the same division, 0 what chance would give.
const AGREEMENT: f64 = 0.95;

fn manifest() -> Json {
    let manifest: Json = serde_json::from_str(&std::fs::read_to_string(fixture("manifest.json")).unwrap()).unwrap();
    manifest["superpixels"].clone()
}

fn picture() -> RgbImage {
    let (shape, bytes) = fixture_bytes("superpixels/image.npy");
    RgbImage::from_raw(shape[1] as u32, shape[0] as u32, bytes).unwrap()
}

/// The adjusted Rand index of two divisions of the same pixels (Hubert and Arabie, 1985).
fn adjusted_rand_index(a: &Array2<u32>, b: &Array2<u32>) -> f64 {
    let pairs = |count: &u64| (count * (count - 1) / 2) as f64;
    let mut cells = HashMap::<(u32, u32), u64>::new();
    let (mut rows, mut columns) = (HashMap::<u32, u64>::new(), HashMap::<u32, u64>::new());
    for (a, b) in a.iter().zip(b) {
        *cells.entry((*a, *b)).or_default() += 1;
        *rows.entry(*a).or_default() += 1;
        *columns.entry(*b).or_default() += 1;
    }
    let (together, rows, columns): (f64, f64, f64) =
        (cells.values().map(pairs).sum(), rows.values().map(pairs).sum(), columns.values().map(pairs).sum());
    let by_chance = rows * columns / pairs(&(a.len() as u64));
    (together - by_chance) / (f64::midpoint(rows, columns) - by_chance)
}

fn segment(about: &Json, image: &RgbImage, noise: &Array2<f64>) -> Labels {
    let number = |name: &str| about["parameters"][name].as_f64().unwrap();
    match about["method"].as_str().unwrap() {
        "quickshift" => {
            let (kernel_size, max_dist, ratio) = (number("kernel-size"), number("max-dist"), number("ratio"));
            Quickshift { kernel_size, max_dist, ratio }.segment_with(image, noise, &|| false).unwrap()
        }
        "slic" => {
            let (segments, compactness, sigma) = (number("segments") as usize, number("compactness"), number("sigma"));
            Slic { segments, compactness, sigma }.segment(image, &|| false).unwrap()
        }
        _ => {
            let (scale, sigma, min_size) = (number("scale"), number("sigma"), number("min-size") as usize);
            Felzenszwalb { scale, sigma, min_size }.segment(image)
        }
    }
}

#[test]
fn lab_is_scikit_images() {
    let about = manifest();
    let every = usize::try_from(about["lab_every"].as_u64().unwrap()).unwrap();
    let (ours, theirs) = (lab(&picture()), fixture_array("superpixels/lab.npy"));
    for ((place, expected), n) in theirs.indexed_iter().zip(0..) {
        let found = ours[[place[0] * every, place[1] * every]][place[2]];
        assert!((found - f64::from(*expected)).abs() < 1e-4, "value {n} at {place:?}: {found} is not {expected}");
    }
}

#[test]
fn superpixels_agree_with_scikit_image() {
    let (about, image) = (manifest(), picture());
    let scale = about["noise_scale"].as_f64().unwrap();
    let noise = fixture_array("superpixels/quickshift-noise.npy").mapv(|value| f64::from(value) * scale);
    let noise = noise.into_dimensionality().unwrap();
    let (shape, bytes) = fixture_bytes("superpixels/labels.npy");
    let goldens = ndarray::ArrayD::from_shape_vec(shape, bytes).unwrap();
    let segmentations = about["segmentations"].as_array().unwrap();
    assert!(segmentations.len() >= 6);
    for (golden, about) in goldens.axis_iter(Axis(0)).zip(segmentations) {
        let golden = golden.into_dimensionality().unwrap().mapv(u32::from);
        let labels = segment(about, &image, &noise);
        let agreement = adjusted_rand_index(&labels.pixels, &golden);
        println!("{about}: {} regions, adjusted Rand index {agreement:.4}", labels.count);
        assert!(agreement >= AGREEMENT, "{about}: {agreement}, {} regions", labels.count);
    }
}

/// The tie noise must not decide what the regions are.
#[test]
fn other_noise_gives_nearly_the_same_regions() {
    let image = picture();
    let quickshift = Quickshift { kernel_size: 2.0, ..Quickshift::default() };
    let none = Array2::zeros((image.height() as usize, image.width() as usize));
    let [usual, other] =
        [quickshift.segment(&image, &|| false), quickshift.segment_with(&image, &none, &|| false)].map(Option::unwrap);
    let agreement = adjusted_rand_index(&usual.pixels, &other.pixels);
    assert!(agreement > AGREEMENT, "{agreement}");
}
