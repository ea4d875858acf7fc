//! What a window of occlusion costs, where only what it can reach is computed anew, and in full: `cargo bench --bench
//! occlusion`, on the bundled model; with `SEEWHY_MODEL=FILE.onnx`, on that one. Both give the same logits.

mod support;

use std::sync::Arc;

use divan::Bencher;
use ndarray::{ArrayD, Axis, Slice};
use seewhy::explain::Windows;
use seewhy::model::Classifier;
use seewhy::network::{ChangedRegion, Layout, Pass};
use support::classifier_and_input;

fn main() {
    divan::main();
}

/// A model, a picture's worth of numbers, and the same with each window of the default size at zero.
struct Subject {
    classifier: Classifier,
    pass: Pass,
    regions: Vec<ChangedRegion>,
    hidden: Vec<ArrayD<f32>>,
}

impl Subject {
    fn new() -> Subject {
        let (classifier, input) = classifier_and_input();
        let network = classifier.network();
        let (height, width) = network.input_extent();
        let (window, stride) = ((height / 8, width / 8), (height / 16, width / 16));
        let windows = Windows::new((height, width), window, stride);
        let places = (0..windows.count()).map(|place| windows.at(place));
        let regions: Vec<_> = places.map(|(rows, columns)| ChangedRegion { rows, columns }).collect();
        let rows = if classifier.settings().layout.value == Layout::Nchw { 2 } else { 1 };
        let hide = |region: &ChangedRegion| {
            let mut hidden = input.clone();
            let mut place = hidden.view_mut();
            place.slice_axis_inplace(Axis(rows), Slice::from(region.rows.clone()));
            place.slice_axis_inplace(Axis(rows + 1), Slice::from(region.columns.clone()));
            place.fill(0.0);
            hidden
        };
        let hidden = regions.iter().map(hide).collect();
        let pass = network.forward(Arc::new(input)).expect("the model runs");
        Subject { classifier, pass, regions, hidden }
    }
}

#[divan::bench]
fn what_it_can_reach(bencher: Bencher<'_, '_>) {
    let subject = Subject::new();
    let runs = subject.classifier.network().regional_runs(&subject.pass, subject.regions.clone());
    let mut places = (0..subject.regions.len()).cycle();
    bencher.bench_local(move || places.next().map(|place| runs.logits(place, subject.hidden[place].view())));
}

#[divan::bench]
fn in_full(bencher: Bencher<'_, '_>) {
    let subject = Subject::new();
    let mut places = (0..subject.regions.len()).cycle();
    let network = subject.classifier.network();
    bencher.bench_local(|| places.next().map(|place| network.logits(subject.hidden[place].view())));
}
