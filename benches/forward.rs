//! What the plans cost on the bundled model: `cargo bench`. With `SEEWHY_MODEL=FILE.onnx`, on that model.

mod support;

use std::hint::black_box;
use std::sync::Arc;

use divan::Bencher;
use ndarray::ArrayD;
use seewhy::model::{Classifier, Target};
use seewhy::network::{Pass, with_threads};
use support::classifier_and_input;

fn main() {
    divan::main();
}

/// A model with a picture's worth of numbers, one forward pass of them, and a target.
struct Subject {
    classifier: Classifier,
    input: Arc<ArrayD<f32>>,
    pass: Pass,
    cotangent: Vec<f32>,
    layer: usize,
}

impl Subject {
    fn new() -> Subject {
        let (classifier, input) = classifier_and_input();
        let input = Arc::new(input);
        let network = classifier.network();
        let pass = network.forward(Arc::clone(&input)).expect("the model runs");
        let cotangent = Target::Top(0).cotangent(&pass.logits).expect("there is a best class");
        let layer = network.auto_layer().expect("the model has a layer with spatial extent");
        Subject { classifier, input, pass, cotangent, layer }
    }
}

#[divan::bench(args = [1, 2])]
fn forward(bencher: Bencher<'_, '_>, threads: usize) {
    let subject = Subject::new();
    let network = subject.classifier.network();
    bencher.bench_local(|| with_threads(threads, || network.forward(Arc::clone(&subject.input))));
}

#[divan::bench(args = [1, 2])]
fn scores(bencher: Bencher<'_, '_>, threads: usize) {
    let subject = Subject::new();
    let network = subject.classifier.network();
    bencher.bench_local(|| with_threads(threads, || network.scores(subject.input.view())));
}

#[divan::bench(args = [1, 2])]
fn grad_cam(bencher: Bencher<'_, '_>, threads: usize) {
    let subject = Subject::new();
    let network = subject.classifier.network();
    bencher.bench_local(|| {
        with_threads(threads, || {
            let pass = network.forward(Arc::clone(&subject.input)).expect("the model runs");
            network.layer_gradient(&pass, subject.layer, black_box(&subject.cotangent))
        })
    });
}

#[divan::bench(args = [1, 2])]
fn new_target(bencher: Bencher<'_, '_>, threads: usize) {
    let subject = Subject::new();
    let network = subject.classifier.network();
    let gradient = || network.layer_gradient(&subject.pass, subject.layer, black_box(&subject.cotangent));
    bencher.bench_local(|| with_threads(threads, gradient));
}

#[divan::bench(args = [1, 2])]
fn input_gradient(bencher: Bencher<'_, '_>, threads: usize) {
    let subject = Subject::new();
    let network = subject.classifier.network();
    bencher.bench_local(|| {
        with_threads(threads, || network.input_gradient(subject.input.view(), black_box(&subject.cotangent)))
    });
}
