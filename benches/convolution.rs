//! Layers of common networks, forward, on one thread: `cargo bench --bench convolution`. With `SEEWHY_BENCH_SET` = `avx2` or
//! `plain`, on narrower instructions than this processor's best.

use divan::Bencher;
use divan::counter::ItemsCount;
use seewhy::kernels::{Activation, Algorithm, Geometry, InstructionSet, PackedConv, Scratch, Tail, Window};

fn main() {
    divan::main();
}

/// Name, [inputs, outputs, groups], kernel, stride, side of the input.
type Layer = (&'static str, [usize; 3], usize, usize, usize);

const LAYERS: &[Layer] = &[
    ("resnet stem", [3, 64, 1], 7, 2, 224),
    ("resnet 3x3 64", [64, 64, 1], 3, 1, 56),
    ("resnet 3x3 128", [128, 128, 1], 3, 1, 28),
    ("resnet 3x3 256", [256, 256, 1], 3, 1, 14),
    ("resnet 3x3 512", [512, 512, 1], 3, 1, 7),
    ("resnet 3x3 128-256 stride 2", [128, 256, 1], 3, 2, 28),
    ("resnet50 1x1 64-256", [64, 256, 1], 1, 1, 56),
    ("resnet50 1x1 512-128", [512, 128, 1], 1, 1, 28),
    ("resnet50 1x1 1024-256", [1024, 256, 1], 1, 1, 14),
    ("resnet50 1x1 512-2048", [512, 2048, 1], 1, 1, 7),
    ("resnext50 32 groups", [128, 128, 32], 3, 1, 56),
    ("vgg16 3x3 64", [64, 64, 1], 3, 1, 224),
    ("vgg16 3x3 512", [512, 512, 1], 3, 1, 28),
    ("mobilenet stem", [3, 32, 1], 3, 2, 224),
    ("mobilenet 1x1 24-144", [24, 144, 1], 1, 1, 56),
    ("mobilenet 1x1 576-96", [576, 96, 1], 1, 1, 14),
    ("mobilenet depthwise 144", [144, 144, 144], 3, 1, 56),
    ("mobilenet depthwise 96 stride 2", [96, 96, 96], 3, 2, 112),
    ("mobilenet depthwise 960", [960, 960, 960], 3, 1, 7),
    ("efficientnet depthwise 672", [672, 672, 672], 5, 1, 14),
    ("convnext depthwise 96", [96, 96, 96], 7, 1, 56),
];

fn names() -> impl Iterator<Item = String> {
    let ways = |layer: &Layer| {
        let geometry = geometry(layer);
        Algorithm::ALL.into_iter().filter(move |algorithm| algorithm.does(&geometry, set()))
    };
    LAYERS.iter().flat_map(move |layer| ways(layer).map(|algorithm| format!("{}, {algorithm:?}", layer.0)))
}

fn set() -> InstructionSet {
    let wanted = std::env::var("SEEWHY_BENCH_SET").unwrap_or_default();
    let found = InstructionSet::all().iter().copied().find(|set| format!("{set:?}").eq_ignore_ascii_case(&wanted));
    found.unwrap_or_else(InstructionSet::best)
}

fn geometry((_, [inputs, outputs, groups], kernel, stride, _): &Layer) -> Geometry {
    let window = Window::of([*kernel; 2]).stride([*stride; 2]).padding([kernel / 2; 2]);
    Geometry { inputs: *inputs, outputs: *outputs, groups: *groups, window }
}

/// Items are multiplications and additions of the plain sum.
#[divan::bench(args = names())]
fn layer(bencher: Bencher<'_, '_>, name: &str) {
    let (layer, algorithm) = name.rsplit_once(", ").expect("a layer and an algorithm");
    let layer = LAYERS.iter().find(|(name, ..)| *name == layer).expect("a layer");
    let algorithm = Algorithm::ALL.into_iter().find(|a| format!("{a:?}") == algorithm).expect("an algorithm");
    let geometry = geometry(layer);
    let size = [layer.4; 2];
    let numbers = |len: usize| (0..len).map(|i| (i * 7919 % 1013) as f32 / 506.0 - 1.0).collect::<Vec<f32>>();
    let taps = geometry.window.kernel[0] * geometry.window.kernel[1];
    let weights = numbers(geometry.outputs * geometry.inputs / geometry.groups * taps);
    let conv = PackedConv::new(geometry, &weights, &[], set(), algorithm);
    // From the start of a line of the cache, as tensors are.
    let len = size[0] * size[1] * geometry.inputs;
    let input = numbers(len + 16);
    let input = &input[input.as_ptr().align_offset(64)..][..len];
    let [height, width] = geometry.window.output(size);
    let len = height * width * geometry.outputs;
    let mut output = vec![0.0; len + 16];
    let first = output.as_ptr().align_offset(64);
    let output = &mut output[first..first + len];
    let mut scratch = Scratch::default();
    let tail = Tail { residual: None, activation: Activation::RELU };
    bencher
        .counter(ItemsCount::new(2 * geometry.multiply_adds(size)))
        .bench_local(|| conv.run(size, input, output, &mut scratch, tail));
}
