//! A convolution of any shape, by every kernel that does it, against the sum in f64.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use seewhy::kernels::{Activation, Algorithm, Geometry, InstructionSet, PackedConv, Scratch, Tail, Window};

/// What rounding may cost, of the sum of all magnitudes that go into an output.
const ROUNDING: f64 = 2e-6;

#[derive(Debug, Arbitrary)]
struct Shape {
    groups: u8,
    inputs: u8,
    outputs: u8,
    kernel: [u8; 2],
    stride: [u8; 2],
    dilation: [u8; 2],
    before: [u8; 2],
    after: [u8; 2],
    size: [u8; 2],
    seed: u32,
}

fn up_to(byte: u8, most: usize) -> usize {
    usize::from(byte) % most + 1
}

fn numbers(len: usize, seed: u32) -> Vec<f32> {
    let mut state = u64::from(seed).wrapping_mul(2) + 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

/// The exact sum of an output, and that of the magnitudes.
fn exact(geometry: Geometry, size: [usize; 2], weights: &[f32], input: &[f32], [y, x, o]: [usize; 3]) -> (f64, f64) {
    let Geometry { inputs, outputs, groups, window } = geometry;
    let each = inputs / groups;
    let (mut sum, mut magnitude) = (0.0, 0.0);
    for i in 0..window.kernel[0] {
        for j in 0..window.kernel[1] {
            let row = (y * window.stride[0] + i * window.dilation[0]).wrapping_sub(window.before[0]);
            let column = (x * window.stride[1] + j * window.dilation[1]).wrapping_sub(window.before[1]);
            if row >= size[0] || column >= size[1] {
                continue;
            }
            for c in 0..each {
                let weight = weights[((o * each + c) * window.kernel[0] + i) * window.kernel[1] + j];
                let channel = o / (outputs / groups) * each + c;
                let term = f64::from(weight) * f64::from(input[(row * size[1] + column) * inputs + channel]);
                sum += term;
                magnitude += term.abs();
            }
        }
    }
    (sum, magnitude)
}

fuzz_target!(|shape: Shape| {
    let pair = |bytes: [u8; 2], most| bytes.map(|byte| up_to(byte, most));
    let groups = up_to(shape.groups, 24);
    let window = Window {
        kernel: pair(shape.kernel, 7),
        stride: pair(shape.stride, 3),
        dilation: pair(shape.dilation, 3),
        before: pair(shape.before, 6).map(|n| n - 1),
        after: pair(shape.after, 6).map(|n| n - 1),
    };
    let most = 48 / groups;
    let (inputs, outputs) = (groups * up_to(shape.inputs, most), groups * up_to(shape.outputs, most));
    let geometry = Geometry { inputs, outputs, groups, window };
    let size = pair(shape.size, 13);
    let [height, width] = window.output(size);
    let weights = numbers(outputs * inputs / groups * window.kernel[0] * window.kernel[1], shape.seed);
    let input = numbers(size[0] * size[1] * inputs, !shape.seed);
    let places = (0..height * width * outputs).map(|at| [at / outputs / width, at / outputs % width, at % outputs]);
    let exact: Vec<(f64, f64)> = places.map(|place| exact(geometry, size, &weights, &input, place)).collect();
    // Outputs of a tile share the error of the largest.
    let shared = exact.iter().map(|(_, magnitude)| *magnitude).fold(0.0, f64::max);
    for set in InstructionSet::all() {
        for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| algorithm.does(&geometry, *set)) {
            let conv = PackedConv::new(geometry, &weights, &[], *set, algorithm);
            let mut output = vec![f32::NAN; exact.len()];
            let tail = Tail { residual: None, activation: Activation::Identity };
            conv.run(size, &input, &mut output, &mut Scratch::default(), tail);
            let has_tiles = matches!(algorithm, Algorithm::Winograd2 | Algorithm::Winograd4);
            for (found, (sum, magnitude)) in output.iter().zip(&exact) {
                let error = (f64::from(*found) - sum).abs();
                let magnitude = if has_tiles { shared } else { *magnitude };
                assert!(error <= ROUNDING * magnitude, "{set:?} {algorithm:?} {geometry:?} of {size:?}: {error}");
            }
        }
    }
});
