//! What the benchmarks measure on: the bundled model, or that of `SEEWHY_MODEL`.

use std::path::PathBuf;

use ndarray::ArrayD;
use seewhy::model::{Classifier, ModelSource, Overrides};

/// The model and a picture's worth of numbers, of its input's shape.
pub(crate) fn classifier_and_input() -> (Classifier, ArrayD<f32>) {
    let source =
        std::env::var_os("SEEWHY_MODEL").map_or(ModelSource::Builtin, |path| ModelSource::Path(PathBuf::from(path)));
    let classifier = Classifier::load(&source, &Overrides::default()).expect("the model loads");
    let shape = classifier.network().input_shape().to_vec();
    let numbers = (0..shape.iter().product()).map(|i: usize| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
    (classifier, ArrayD::from_shape_vec(shape, numbers).expect("one number for each place"))
}
