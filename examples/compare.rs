//! Which methods agree about an image: the rank correlation of their maps with Grad-CAM's.
//!
//! ```sh
//! cargo run --release --example compare -- cat.jpg net.onnx    # the bundled model without the second
//! ```

#![expect(clippy::print_stdout, reason = "examples print")]

use std::error::Error;
use std::path::PathBuf;

use seewhy::explain::Family;
use seewhy::metrics::agreement;
use seewhy::{Classifier, METHODS};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let image = arguments.next().unwrap_or("models/demo/pictures/frog/green-frog.jpg".into());
    let classifier = arguments.next().map_or_else(Classifier::builtin, Classifier::open)?;
    let image = image::open(&image)?;

    let reference = classifier.explain(&image, "grad-cam")?;
    println!("{}", reference.target.class.label);
    for method in METHODS.iter().filter(|method| matches!(method.family, Family::Cam | Family::Gradient)) {
        match classifier.explain(&image, method.name) {
            Ok(explained) => {
                let agreement = agreement(&reference.attribution.map, &explained.attribution.map);
                println!("{agreement:>6.2}  {}", method.name);
            }
            Err(error) => println!("     -  {}: {error}", method.name),
        }
    }
    Ok(())
}
