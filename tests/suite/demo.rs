//! The pictures and the classifier that come with the program, and whether Grad-CAM finds the objects in them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use image::GrayImage;
use seewhy::explain::{self, LayerChoice, Monitor, Request, Subject, Values};
use seewhy::gallery::demo::{self, PICTURES, Picture};
use seewhy::gallery::masks::mask_of;
use seewhy::model::{Classifier, CropGeometry, ModelSource, Overrides, Prepared, Target};
use seewhy::network::Pass;

fn builtin() -> Classifier {
    Classifier::load(&ModelSource::Builtin, &Overrides::default()).unwrap()
}

fn look(model: &Classifier, picture: &Picture) -> (Prepared, Pass) {
    let prepared = model.preprocess(&image::load_from_memory(picture.jpeg).unwrap()).unwrap();
    let pass = model.network().forward(Arc::new(prepared.tensor.clone())).unwrap();
    (prepared, pass)
}

/// The index and the name of the best class.
fn said(model: &Classifier, pass: &Pass) -> (usize, String) {
    let index = Target::Top(0).class(&pass.logits).unwrap();
    (index, model.labels().get(index).into_owned())
}

fn mask(picture: &Picture, class: &str) -> GrayImage {
    let (_, png) = picture.masks.iter().find(|(object, _)| *object == class).unwrap();
    image::load_from_memory(png).unwrap().to_luma8()
}

fn inside(mask: &GrayImage, x: f64, y: f64) -> bool {
    mask.get_pixel(x as u32, y as u32).0[0] > 127
}

/// The share of the crop that the object covers: how often a random point hits it.
fn share(mask: &GrayImage, crop: &CropGeometry) -> f64 {
    let (x0, y0, x1, y1) = (crop.x, crop.y, crop.x + crop.width, crop.y + crop.height);
    let cells = || (y0 as u32..y1 as u32).flat_map(|y| (x0 as u32..x1 as u32).map(move |x| (x, y)));
    let hits = cells().filter(|&(x, y)| inside(mask, f64::from(x), f64::from(y))).count();
    hits as f64 / cells().count() as f64
}

#[test]
fn every_file_of_the_demo_is_embedded() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo");
    let files = |folder: &str| {
        let classes = fs::read_dir(root.join(folder)).unwrap();
        let files = classes.flat_map(|class| fs::read_dir(class.unwrap().path()).unwrap());
        files.map(|file| file.unwrap().path()).collect::<BTreeSet<_>>()
    };
    let picture = |p: &Picture| root.join("pictures").join(p.class).join(format!("{}.jpg", p.name));
    assert_eq!(files("pictures"), PICTURES.iter().map(picture).collect());
    let masks = |p: &Picture| {
        let path = |object: &str| root.join("masks").join(p.class).join(format!("{}.{object}.png", p.name));
        p.masks.iter().map(|(object, _)| path(object)).collect::<Vec<_>>()
    };
    assert_eq!(files("masks"), PICTURES.iter().flat_map(masks).collect());
}

#[test]
fn pictures_are_large_enough_and_their_masks_fit() {
    for picture in PICTURES {
        let image = image::load_from_memory(picture.jpeg).unwrap();
        assert!(image.width().min(image.height()) >= 256, "{}", picture.name);
        assert_eq!(picture.masks[0].0, picture.class, "the first mask of {} is not that of its folder", picture.name);
        for (object, _) in picture.masks {
            let mask = mask(picture, object);
            assert_eq!(mask.dimensions(), (image.width(), image.height()), "{} {object}", picture.name);
            assert!(mask.pixels().all(|p| p.0[0] == 0 || p.0[0] == 255), "{} {object} is not one bit", picture.name);
            assert!(mask.pixels().any(|p| p.0[0] == 255), "{} {object} is empty", picture.name);
        }
    }
    let bytes = |p: &Picture| p.jpeg.len() + p.masks.iter().map(|(_, png)| png.len()).sum::<usize>();
    let total: usize = PICTURES.iter().map(bytes).sum();
    assert!(total < 1_500_000, "the pictures take {total} bytes");
}

#[test]
fn unpacking_repairs_what_changed_and_leaves_the_rest() {
    let cache = tempfile::tempdir().unwrap();
    let pictures = demo::unpack_into(cache.path()).unwrap();
    let first = pictures.join("dog/dog-and-cat.jpg");
    let second = pictures.join("frog/green-frog.jpg");
    assert!(mask_of(&first, "cat").is_some() && mask_of(&first, "dog").is_some());
    assert_eq!(mask_of(&first, "frog"), None);

    let written = fs::metadata(&second).unwrap().modified().unwrap();
    fs::write(&first, b"half a pic").unwrap();
    fs::remove_file(mask_of(&first, "cat").unwrap()).unwrap();
    demo::unpack_into(cache.path()).unwrap();
    let whole = PICTURES.iter().find(|p| p.name == "dog-and-cat").unwrap();
    assert_eq!(fs::read(&first).unwrap(), whole.jpeg);
    assert!(mask_of(&first, "cat").is_some());
    assert_eq!(fs::metadata(&second).unwrap().modified().unwrap(), written, "an intact picture was written again");
    let leftover = |entry: &fs::DirEntry| !entry.file_name().to_string_lossy().ends_with(".jpg");
    assert!(!fs::read_dir(pictures.join("dog")).unwrap().any(|entry| leftover(&entry.unwrap())));
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let cache = tempfile::tempdir().unwrap();
    let file = cache.path().join("taken");
    fs::write(&file, b"").unwrap();
    let message = demo::unpack_into(&file).unwrap_err().to_string();
    assert!(message.contains("taken") && message.contains("XDG_CACHE_HOME"), "{message}");
}

/// The bar that the model card states: three quarters of the pictures with one object.
#[test]
fn most_pictures_of_one_object_are_classified_right() {
    let model = builtin();
    let single: Vec<_> = PICTURES.iter().filter(|p| p.masks.len() == 1).collect();
    let wrong: Vec<_> =
        single.iter().filter(|p| said(&model, &look(&model, p).1).1 != p.class).map(|p| p.name).collect();
    println!("{} of {} right; wrong: {wrong:?}", single.len() - wrong.len(), single.len());
    assert!(4 * wrong.len() <= single.len(), "wrong: {wrong:?}");
}

/// The pointing game (Zhang et al. 2018): does the maximum of the map lie on the object of the class that it explains?
#[test]
fn grad_cam_points_at_the_object() {
    let model = builtin();
    let cam = explain::find("grad-cam").unwrap();
    let (mut right, mut hits, mut centre_hits, mut random_hits) = (0, 0, 0, 0.0);
    for picture in PICTURES {
        let (prepared, pass) = look(&model, picture);
        let (index, class) = said(&model, &pass);
        if class != picture.class {
            continue;
        }
        let request = Request {
            target: Target::Class(index),
            layer: LayerChoice::Auto,
            values: Values::new(),
            seed: 0,
            tolerance: None,
        };
        let subject = Subject::of(&model, &pass);
        let map = cam.method.explain(subject, &request, &Monitor::silent()).unwrap().map;
        let ((row, column), _) = map.indexed_iter().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
        let (height, width) = map.dim();
        let crop = prepared.crop;
        let at = |column: f64, row: f64| {
            (crop.x + crop.width * column / width as f64, crop.y + crop.height * row / height as f64)
        };
        let mask = mask(picture, picture.class);
        let (x, y) = at(column as f64 + 0.5, row as f64 + 0.5);
        let (cx, cy) = at(width as f64 / 2.0, height as f64 / 2.0);
        let hit = inside(&mask, x, y);
        println!("{} {}: ({x:.0}, {y:.0})", if hit { "on " } else { "OFF" }, picture.name);
        right += 1;
        hits += usize::from(hit);
        centre_hits += usize::from(inside(&mask, cx, cy));
        random_hits += share(&mask, &crop);
    }
    let rate = |hits: f64| hits / f64::from(right);
    let (cam, centre, random) = (rate(hits as f64), rate(centre_hits as f64), rate(random_hits));
    println!("of {right} pictures: grad-cam {cam:.2}, centre {centre:.2}, random {random:.2}");
    assert!(cam >= 0.8, "grad-cam points at the object in {cam:.2} of the pictures");
    assert!(cam > centre + 0.2 && cam > random + 0.2, "grad-cam {cam:.2}, centre {centre:.2}, random {random:.2}");
}
