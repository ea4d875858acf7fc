//! Renders the demo pictures of seewhy and the mask of every object in them.
//!
//! ```text
//! cargo run --release --manifest-path models/scenes/Cargo.toml -- models/demo [SIDE [SAMPLES [NAME...]]]
//! ```
//!
//! Writes `pictures/<class>/<name>.jpg` and `masks/<class>/<name>.<object's class>.png` (white is the object). SIDE scales
//! the shorter side, for quick looks.

mod animals;
mod machines;
mod render;
mod scenes;
mod shape;
mod vector;

use std::error::Error;
use std::fs;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::{GrayImage, Luma, Rgb, RgbImage};

const JPEG_QUALITY: u8 = 90;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let out = Path::new(arguments.get(1).map_or("demo", String::as_str));
    let side: Option<u32> = arguments.get(2).and_then(|s| s.parse().ok());
    let samples: u32 = arguments.get(3).and_then(|s| s.parse().ok()).unwrap_or(4);
    let wanted = arguments.get(4..).unwrap_or_default();
    for (class, name, make) in scenes::ALL {
        if !wanted.is_empty() && !wanted.iter().any(|w| name.contains(w.as_str())) {
            continue;
        }
        let mut scene = make();
        if let Some(side) = side.filter(|s| *s > 0) {
            let shorter = scene.width.min(scene.height);
            scene.width = scene.width * side / shorter;
            scene.height = scene.height * side / shorter;
        }
        let (picture, masks) = scene.render(samples);
        let byte = |x: f32| (x.clamp(0.0, 1.0) * 255.0).round() as u8;
        let picture = RgbImage::from_fn(scene.width, scene.height, |x, y| {
            let c = picture[(y * scene.width + x) as usize];
            Rgb([byte(c.x), byte(c.y), byte(c.z)])
        });
        fs::create_dir_all(out.join("pictures").join(class))?;
        fs::create_dir_all(out.join("masks").join(class))?;
        let mut file = fs::File::create(out.join("pictures").join(class).join(format!("{name}.jpg")))?;
        JpegEncoder::new_with_quality(&mut file, JPEG_QUALITY).encode_image(&picture)?;
        for (object, mask) in scene.objects.iter().zip(&masks) {
            if object.class.is_empty() {
                continue;
            }
            let mask = GrayImage::from_fn(scene.width, scene.height, |x, y| {
                Luma([if mask[(y * scene.width + x) as usize] >= 0.5 { 255 } else { 0 }])
            });
            mask.save(out.join("masks").join(class).join(format!("{name}.{}.png", object.class)))?;
        }
        eprintln!("{class}/{name}");
    }
    Ok(())
}
