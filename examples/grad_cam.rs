//! A Grad-CAM of an image, and what the model took it for.
//!
//! ```sh
//! cargo run --release --example grad_cam -- cat.jpg net.onnx    # the bundled model without the second
//! ```

#![expect(clippy::print_stdout, reason = "examples print")]

use std::error::Error;
use std::path::PathBuf;

use seewhy::Classifier;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let image = arguments.next().unwrap_or("models/demo/pictures/frog/green-frog.jpg".into());
    let classifier = arguments.next().map_or_else(Classifier::builtin, Classifier::open)?;

    let explained = classifier.explain(&image::open(&image)?, "grad-cam")?;
    for class in explained.classes.iter().take(5) {
        println!("{:>5.1} %  {}", 100.0 * class.probability, class.label);
    }

    let overlay = image.with_extension("grad-cam.png");
    let overlay = overlay.file_name().ok_or("the image has no name")?;
    explained.overlay().save(overlay)?;
    println!("wrote {}", overlay.display());
    Ok(())
}
