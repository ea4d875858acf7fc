//! Runs on an image with a changed region: the same numbers as full runs, for less.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{ArrayD, Slice};
use seewhy::explain::Windows;
use seewhy::model::Overrides;
use seewhy::network::{ChangedRegion, Layout, Network, NodeNames, Pass};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::array::{Pad, PadMode, TypedConcat};
use tract_onnx::tract_core::ops::change_axes::AxisOp;
use tract_onnx::tract_core::ops::cnn::{Conv, KernelFormat, MaxPool, PaddingSpec, PoolSpec, SumPool};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn::{DataFormat, Reduce, Reducer};

use crate::support::graphs::Graph;
use crate::support::{Manifest, load, miniature_pass};

/// Largest difference from a full run, relative to the largest logit.
const EXACT: f32 = 1e-5;

fn region(rows: Range<usize>, columns: Range<usize>) -> ChangedRegion {
    ChangedRegion { rows, columns }
}

/// The image with a region replaced by other numbers.
fn changed(image: &ArrayD<f32>, row: usize, region: &ChangedRegion) -> ArrayD<f32> {
    let mut changed = image.clone();
    let mut part = changed.view_mut();
    part.slice_axis_inplace(ndarray::Axis(row), Slice::from(region.rows.clone()));
    part.slice_axis_inplace(ndarray::Axis(row + 1), Slice::from(region.columns.clone()));
    for (index, value) in part.iter_mut().enumerate() {
        *value = ((index * 37 + 11) % 101) as f32 / 25.0 - 2.0;
    }
    changed
}

/// Regions in corners, at edges and inside: single pixels, small ones, strips, nearly the whole image and all of it.
fn all_kinds(height: usize, width: usize) -> [Vec<ChangedRegion>; 4] {
    let (y, x) = (height / 2, width / 3);
    [
        vec![region(0..1, 0..1), region(height - 1..height, width - 1..width), region(y..y + 1, x..x + 1)],
        vec![
            region(0..3, width - 4..width),
            region(y..y + 3, 0..2),
            region(height - 2..height, x..x + 5),
            region(y - 1..y + 3, x + 1..x + 4),
        ],
        vec![region(y..y + 1, 0..width), region(0..height, x..x + 2)],
        vec![region(1..height, 1..width), region(0..height, 0..width)],
    ]
}

/// Asserts that runs on each of `regions` give what full runs do, and returns their share of the multiplications.
fn assert_exact(network: &Network, pass: &Pass, row: usize, regions: &[ChangedRegion], what: &str) -> f64 {
    let runs = network.regional_runs(pass, regions.to_vec());
    for (index, region) in regions.iter().enumerate() {
        let input = changed(&pass.input, row, region);
        let (found, expected) = (runs.logits(index, input.view()).unwrap(), network.logits(input.view()).unwrap());
        let scale = expected.iter().fold(1e-3_f32, |scale, logit| scale.max(logit.abs()));
        for (found, expected) in found.iter().zip(&*expected) {
            let error = (found - expected).abs() / scale;
            assert!(error < EXACT, "{what}, {region:?}: {found} is not {expected}, off by {error:.1e}");
        }
    }
    runs.share().unwrap()
}

/// Sets of regions of all kinds, and last the places of a sliding window of an eighth of the image.
fn assert_exact_everywhere(network: &Network, pass: &Pass, row: usize, what: &str) -> f64 {
    let (height, width) = (pass.input.shape()[row], pass.input.shape()[row + 1]);
    for kind in all_kinds(height, width) {
        assert_exact(network, pass, row, &kind, what);
    }
    let window = (height / 8, width / 8);
    let windows = Windows::new((height, width), window, (window.0.div_ceil(2), window.1.div_ceil(2)));
    let places = (0..windows.count()).map(|place| windows.at(place));
    assert_exact(network, pass, row, &places.map(|(rows, columns)| region(rows, columns)).collect::<Vec<_>>(), what)
}

#[test]
fn every_architecture_gives_the_same_numbers() {
    let manifest = Manifest::read();
    let mut shares = vec![];
    for (name, network) in manifest.networks().filter(|(_, network)| network["onnx"].is_object()) {
        for exporter in network["onnx"].as_object().unwrap().keys() {
            let (classifier, input) = load(network, exporter, Overrides::default()).unwrap();
            let pass = classifier.network().forward(input).unwrap();
            let what = format!("{name} ({exporter})");
            let share = assert_exact_everywhere(classifier.network(), &pass, 2, &what);
            shares.push((name.as_str(), share));
        }
    }
    let saves =
        ["cnn", "resnet", "vgg", "mobilenet_v2", "densenet", "squeezenet", "inception", "shufflenet", "convnext"];
    for (name, share) in shares.iter().filter(|(name, _)| saves.contains(name)) {
        assert!(*share < 0.9, "{name} saves nothing: {share}");
    }
    assert!(shares.len() > saves.len());
}

/// A graph of one image of 4 channels: a convolution, the case, a convolution, and a matrix for 3 classes.
struct Case {
    graph: Graph,
    input: OutletId,
}

impl Case {
    fn new() -> Case {
        let mut graph = Graph::new(f32::datum_type());
        let input = graph.input(&[1, 4, 21, 26]);
        Case { graph, input }
    }

    fn shape(&self, outlet: OutletId) -> Vec<usize> {
        self.graph.model.outlet_fact(outlet).unwrap().shape.as_concrete().unwrap().to_vec()
    }

    fn conv(&mut self, from: OutletId, spec: PoolSpec, group: usize) -> OutletId {
        let kernel = [&[spec.output_channels, spec.input_channels / group], &*spec.kernel_shape].concat();
        let weights = self.graph.constant(&kernel, (-0.4, 0.4));
        let bias = self.graph.constant(&[spec.output_channels], (-0.2, 0.2));
        let op = Conv { pool_spec: spec, kernel_fmt: KernelFormat::OIHW, group, q_params: None };
        self.graph.op(op, &[from, weights, bias])
    }

    /// 3x3 with padding, from whatever number of channels to 8.
    fn plain(&mut self, from: OutletId) -> OutletId {
        let channels = self.shape(from)[1];
        let convolved = self.conv(from, spec([3, 3], explicit([1, 1], [1, 1]), channels, 8), 1);
        let zero = self.graph.number(0.0, 4);
        self.graph.op(math::max(), &[convolved, zero])
    }

    /// Adds the rest of the network, and compares.
    fn check(mut self, case: impl Fn(&mut Case, OutletId) -> OutletId, what: &str) {
        let first = self.plain(self.input);
        let middle = case(&mut self, first);
        let last = self.plain(middle);
        let [_, channels, rows, columns] = self.shape(last)[..] else { panic!("{what}") };
        let weights = self.graph.constant(&[channels, rows, columns, 3], (-0.1, 0.1));
        let product = EinSum::new("nchw,chwk->nk".parse().unwrap(), f32::datum_type());
        let logits = self.graph.op(product, &[last, weights]);
        let network = Network::new(self.graph.finish(logits), logits, NodeNames::default(), Layout::Nchw).unwrap();
        let shape = network.input_shape().to_vec();
        let wave = |at: ndarray::IxDyn| ((at[1] * 31 + at[2] * 7 + at[3] * 13) % 97) as f32 / 48.0 - 1.0;
        let pass = network.forward(Arc::new(ArrayD::from_shape_fn(shape, wave))).unwrap();
        let share = assert_exact_everywhere(&network, &pass, 2, what);
        assert!(share < 0.7, "{what} saves nothing: {share}");
    }
}

fn explicit(before: [usize; 2], after: [usize; 2]) -> PaddingSpec {
    PaddingSpec::Explicit(before[..].into(), after[..].into())
}

fn onnx(before: [usize; 2], after: [usize; 2], ceil: bool) -> PaddingSpec {
    PaddingSpec::ExplicitOnnxPool(before[..].into(), after[..].into(), ceil)
}

fn spec(kernel: [usize; 2], padding: PaddingSpec, inputs: usize, outputs: usize) -> PoolSpec {
    PoolSpec {
        data_format: DataFormat::NCHW,
        kernel_shape: kernel[..].into(),
        padding,
        dilations: None,
        strides: None,
        input_channels: inputs,
        output_channels: outputs,
    }
}

fn strided(spec: PoolSpec, strides: [usize; 2], dilations: [usize; 2]) -> PoolSpec {
    PoolSpec { strides: Some(strides[..].into()), dilations: Some(dilations[..].into()), ..spec }
}

#[test]
fn convolutions_of_all_kinds_are_exact() {
    // Kernel, strides, dilations, padding, groups.
    type Kind = ([usize; 2], [usize; 2], [usize; 2], PaddingSpec, usize);
    let cases: [Kind; 11] = [
        ([3, 3], [1, 1], [1, 1], PaddingSpec::Valid, 1),
        ([3, 3], [2, 2], [1, 1], explicit([1, 1], [1, 1]), 1),
        ([3, 3], [2, 2], [1, 1], explicit([0, 1], [2, 0]), 2),
        ([3, 3], [3, 3], [1, 1], PaddingSpec::Valid, 1),
        ([1, 1], [2, 2], [1, 1], PaddingSpec::Valid, 1),
        ([7, 1], [1, 1], [1, 1], explicit([3, 0], [3, 0]), 8),
        ([3, 2], [2, 1], [1, 1], explicit([1, 0], [0, 1]), 4),
        ([3, 3], [1, 1], [2, 2], explicit([2, 2], [2, 2]), 1),
        ([3, 3], [2, 1], [1, 3], explicit([2, 3], [2, 3]), 8),
        ([4, 4], [2, 2], [1, 1], PaddingSpec::SameUpper, 1),
        ([4, 4], [2, 3], [1, 1], PaddingSpec::SameLower, 2),
    ];
    for (kernel, strides, dilations, padding, group) in cases {
        let what = format!("{kernel:?} by {strides:?}, dilated {dilations:?}, {padding:?}, {group} groups");
        let spec = strided(spec(kernel, padding, 8, 8), strides, dilations);
        Case::new().check(|case, from| case.conv(from, spec.clone(), group), &what);
    }
}

#[test]
fn poolings_of_all_kinds_are_exact() {
    let cases: [([usize; 2], [usize; 2], PaddingSpec); 8] = [
        ([2, 2], [2, 2], PaddingSpec::Valid),
        ([3, 3], [2, 2], explicit([1, 1], [1, 1])),
        ([3, 3], [2, 2], onnx([0, 0], [0, 0], true)),
        ([3, 3], [2, 2], onnx([1, 1], [1, 1], true)),
        ([2, 3], [2, 3], onnx([0, 1], [1, 1], true)),
        ([3, 3], [1, 1], explicit([1, 1], [1, 1])),
        ([3, 2], [3, 1], PaddingSpec::SameUpper),
        ([1, 1], [2, 2], PaddingSpec::Valid),
    ];
    for (kernel, strides, padding) in cases {
        let pool_spec = strided(spec(kernel, padding, 8, 8), strides, [1, 1]);
        let what = format!("{pool_spec:?}");
        let max = MaxPool { pool_spec: pool_spec.clone(), with_index_outputs: None };
        Case::new().check(|case, from| case.graph.op(max.clone(), &[from]), &format!("maximum {what}"));
        for (count_include_pad, normalize) in [(true, true), (false, true), (false, false)] {
            let mean = SumPool { pool_spec: pool_spec.clone(), count_include_pad, normalize };
            let what = format!("mean {count_include_pad} {normalize} {what}");
            Case::new().check(|case, from| case.graph.op(mean.clone(), &[from]), &what);
        }
    }
}

#[test]
fn what_is_around_convolutions_is_exact() {
    type Build = fn(&mut Case, OutletId) -> OutletId;
    let cases: [(&str, Build); 8] = [
        ("padding", |case, from| {
            let mode = PadMode::Constant(Arc::new(tensor0(0.5_f32)));
            case.graph.op(Pad { pads: vec![(0, 0), (0, 0), (2, 1), (0, 3)], mode }, &[from])
        }),
        ("a skip over two convolutions", |case, from| {
            let branch = case.plain(from);
            let branch = case.plain(branch);
            case.graph.op(math::add(), &[from, branch])
        }),
        ("branches of different reach", |case, from| {
            let wide = case.conv(from, spec([1, 7], explicit([0, 3], [0, 3]), 8, 6), 1);
            let tall = case.conv(from, spec([5, 1], explicit([2, 0], [2, 0]), 8, 5), 1);
            case.graph.op(TypedConcat { axis: 1 }, &[wide, from, tall])
        }),
        ("a number for each position", |case, from| {
            let positions = case.graph.constant(&[1, 8, 21, 26], (-0.5, 0.5));
            case.graph.op(math::add(), &[positions, from])
        }),
        ("a number for each row", |case, from| {
            let rows = case.graph.constant(&[1, 1, 21, 1], (-0.5, 0.5));
            case.graph.op(math::mul(), &[rows, from])
        }),
        ("a shuffle of channels", |case, from| {
            let dims = |sides: &[usize]| sides.iter().map(ToDim::to_dim).collect::<TVec<_>>();
            let apart = AxisOp::Reshape(1, dims(&[8, 21, 26]), dims(&[2, 4, 21, 26]));
            let apart = case.graph.op(apart, &[from]);
            let swapped = case.graph.op(AxisOp::Move(1, 2), &[apart]);
            case.graph.op(AxisOp::Reshape(1, dims(&[4, 2]), dims(&[8])), &[swapped])
        }),
        ("channels last", |case, from| {
            let last = case.graph.op(AxisOp::Move(1, 3), &[from]);
            let mean = case.graph.op(Reduce { axes: tvec![3], reducer: Reducer::MeanOfSquares }, &[last]);
            let last = case.graph.op(math::add(), &[last, mean]);
            let weights = case.graph.constant(&[8, 6], (-0.4, 0.4));
            let product = EinSum::new("nhwc,ck->nhwk".parse().unwrap(), f32::datum_type());
            let product = case.graph.op(product, &[last, weights]);
            case.graph.op(AxisOp::Move(3, 1), &[product])
        }),
        ("what is read in part and as a whole", |case, from| {
            let branch = case.plain(from);
            let total = case.graph.op(Reduce { axes: tvec![2, 3], reducer: Reducer::Sum }, &[from]);
            let first = case.plain(branch);
            let small = case.graph.number(0.01, 4);
            let total = case.graph.op(math::mul(), &[total, small]);
            case.graph.op(math::add(), &[first, total])
        }),
    ];
    for (what, build) in cases {
        Case::new().check(build, what);
    }
}

#[test]
fn many_threads_get_the_same_bits() {
    let (classifier, pass) = miniature_pass("cnn");
    let network = classifier.network();
    let regions = [region(3..7, 2..6), region(0..2, 20..24)];
    let inputs = regions.each_ref().map(|region| changed(&pass.input, 2, region));
    let runs = network.regional_runs(&pass, regions.to_vec());
    let expected = [0, 1].map(|index| runs.logits(index, inputs[index].view()).unwrap());
    let afresh = network.regional_runs(&pass, regions.to_vec());
    std::thread::scope(|scope| {
        let run = |index: usize| afresh.logits(index, inputs[index].view()).unwrap();
        let workers: Vec<_> = (0..6).map(|number| (number % 2, scope.spawn(move || run(number % 2)))).collect();
        for (index, worker) in workers {
            assert_eq!(worker.join().unwrap(), expected[index]);
        }
    });
}
