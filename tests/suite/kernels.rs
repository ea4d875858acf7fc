//! Kernels against sums in f64, on every instruction set of this machine.

use seewhy::kernels::{
    Activation, Algorithm, Count, Geometry, InstructionSet, PackedConv, Scratch, Tail, Taps, WEIGHT_BITS, Window,
    average_pool, blend_pixels, blend_rows, global_average, max_pool, to_lanes, to_planes,
};

/// What rounding may cost, of the sum of all magnitudes that go into an output.
const ROUNDING: f64 = 2e-6;

const RELU6: Activation = Activation::Clip { low: 0.0, high: 6.0 };

/// Numbers between -1 and 1 that repeat late.
fn numbers(len: usize, seed: usize) -> Vec<f32> {
    (0..len).map(|i| (((i + seed) * 7919 + seed * 104_729) % 2003) as f32 / 1001.0 - 1.0).collect()
}

/// A convolution with its numbers.
struct Case {
    geometry: Geometry,
    size: [usize; 2],
    weights: Vec<f32>,
    bias: Vec<f32>,
    input: Vec<f32>,
    residual: Vec<f32>,
}

impl Case {
    fn new([inputs, outputs, groups]: [usize; 3], window: Window, size: [usize; 2]) -> Case {
        let geometry = Geometry { inputs, outputs, groups, window };
        let [height, width] = window.output(size);
        Case {
            geometry,
            size,
            weights: numbers(outputs * inputs / groups * window.kernel[0] * window.kernel[1], 1),
            bias: numbers(outputs, 2),
            input: numbers(size[0] * size[1] * inputs, 3),
            residual: numbers(height * width * outputs, 4),
        }
    }

    /// What comes out before the activation, in f64, and the sum of the magnitudes.
    fn exact(&self, residual: bool) -> Vec<(f64, f64)> {
        let Geometry { inputs, outputs, groups, window } = self.geometry;
        let [height, width] = window.output(self.size);
        let mut found = vec![];
        for (y, x, o) in (0..height).flat_map(|y| (0..width).flat_map(move |x| (0..outputs).map(move |o| (y, x, o)))) {
            let mut terms = vec![f64::from(self.bias[o])];
            if residual {
                terms.push(f64::from(self.residual[(y * width + x) * outputs + o]));
            }
            for (i, j) in (0..window.kernel[0]).flat_map(|i| (0..window.kernel[1]).map(move |j| (i, j))) {
                let row = (y * window.stride[0] + i * window.dilation[0]).wrapping_sub(window.before[0]);
                let column = (x * window.stride[1] + j * window.dilation[1]).wrapping_sub(window.before[1]);
                if row >= self.size[0] || column >= self.size[1] {
                    continue;
                }
                for c in 0..inputs / groups {
                    let weight =
                        self.weights[((o * (inputs / groups) + c) * window.kernel[0] + i) * window.kernel[1] + j];
                    let channel = o / (outputs / groups) * (inputs / groups) + c;
                    terms.push(
                        f64::from(weight) * f64::from(self.input[(row * self.size[1] + column) * inputs + channel]),
                    );
                }
            }
            found.push((terms.iter().sum(), terms.iter().map(|term| term.abs()).sum()));
        }
        found
    }

    fn tail(&self, residual: bool, activation: Activation) -> Tail<'_> {
        Tail { residual: residual.then_some(&self.residual), activation }
    }

    fn run(&self, conv: &PackedConv, tail: Tail<'_>) -> Vec<f32> {
        let mut output = vec![f32::NAN; self.residual.len()];
        conv.run(self.size, &self.input, &mut output, &mut Scratch::default(), tail);
        output
    }

    /// Packed for every instruction set and algorithm that can do it.
    fn packed(&self) -> Vec<(String, PackedConv)> {
        let geometry = self.geometry;
        let sets = InstructionSet::all().iter();
        let ways = sets.flat_map(|set| Algorithm::ALL.map(|algorithm| (*set, algorithm)));
        let ways = ways.filter(|(set, algorithm)| algorithm.does(&geometry, *set));
        ways.map(|(set, algorithm)| {
            let conv = PackedConv::new(geometry, &self.weights, &self.bias, set, algorithm);
            (format!("{set:?} {algorithm:?} {geometry:?} of {:?}", self.size), conv)
        })
        .collect()
    }
}

/// Kernels, strides, dilations, paddings, groups, channels that no vector divides, sides of 1 to 7 and some that take several
/// tiles.
fn grid() -> Vec<Case> {
    let mut cases = vec![];
    let three = Window::of([3, 3]).padding([1, 1]);
    let channels =
        [[1, 1, 1], [3, 10, 1], [10, 24, 1], [24, 3, 1], [16, 16, 1], [17, 33, 1], [40, 100, 1], [64, 48, 1]];
    for side in 1..=7 {
        for channels in channels {
            cases.push(Case::new(channels, three, [side, side]));
        }
        cases.push(Case::new([24, 40, 1], Window::of([1, 1]), [side, 8 - side]));
        cases.push(Case::new([5, 18, 1], Window::of([1, 1]).stride([2, 2]), [side, side]));
        cases.push(Case::new([3, 20, 1], Window::of([7, 7]).stride([2, 2]).padding([3, 3]), [side, side]));
        for kernel in [3, 5, 7] {
            for (stride, channels) in [(1, 3), (1, 16), (2, 24), (2, 100)] {
                let window = Window::of([kernel, kernel]).stride([stride, stride]).padding([kernel / 2, kernel / 2]);
                cases.push(Case::new([channels; 3], window, [side, side + 1]));
            }
        }
    }
    for groups in [2, 4, 8] {
        cases.push(Case::new([32, 64, groups], three, [5, 6]));
        cases.push(Case::new([24, 40, groups], three.stride([2, 2]), [5, 6]));
    }
    let uneven = Window { kernel: [3, 2], stride: [1, 2], dilation: [2, 1], before: [0, 1], after: [2, 0] };
    for channels in [[3, 10, 1], [20, 36, 2], [36, 36, 36], [8, 8, 8]] {
        cases.push(Case::new(channels, uneven, [9, 13]));
        cases.push(Case::new(channels, three.dilation([2, 3]).padding([2, 3]), [9, 13]));
    }
    cases.push(Case::new([16, 20, 1], Window { before: [0, 2], after: [3, 1], ..three }, [6, 5]));
    cases.push(Case::new([20, 1001, 1], Window::of([1, 1]), [1, 1]));
    cases.push(Case::new([32, 24, 1], three, [23, 30]));
    cases.push(Case::new([2100, 20, 1], Window::of([1, 1]), [6, 7]));
    cases
}

#[test]
fn a_convolution_is_the_sum_of_its_products() {
    for case in grid() {
        let exact = [case.exact(false), case.exact(true)];
        for (way, conv) in case.packed() {
            for (residual, activation) in [(false, Activation::Identity), (true, Activation::RELU), (true, RELU6)] {
                let output = case.run(&conv, case.tail(residual, activation));
                let exact = &exact[usize::from(residual)];
                // Outputs of a large tile share the error of the largest.
                let shared = exact.iter().map(|(_, size)| *size).fold(0.0, f64::max);
                for (at, (got, (want, size))) in output.iter().zip(exact).enumerate() {
                    let size = if conv.algorithm() == Algorithm::Winograd4 { shared } else { *size };
                    let want = f64::from(activation.of(*want as f32));
                    assert!((f64::from(*got) - want).abs() <= ROUNDING * size, "{way}, {at}: {got}, not {want}");
                }
            }
        }
    }
}

#[test]
fn a_larger_tile_has_three_times_the_error() {
    let case = Case::new([64, 48, 1], Window::of([3, 3]).padding([1, 1]), [14, 14]);
    let exact = case.exact(false);
    for &set in InstructionSet::all() {
        let error = |algorithm| {
            let conv = PackedConv::new(case.geometry, &case.weights, &case.bias, set, algorithm);
            let output = case.run(&conv, Tail::default());
            let squares = output.iter().zip(&exact).map(|(got, (want, _))| (f64::from(*got) - want).powi(2));
            squares.sum::<f64>().sqrt()
        };
        let [small, large] = [Algorithm::Winograd2, Algorithm::Winograd4].map(error);
        assert!(large < 4.0 * small, "{set:?}: {large} is much more than {small}");
    }
}

#[test]
fn every_activation_is_applied_after_the_sum() {
    let window = Window::of([3, 3]).padding([1, 1]);
    for channels in [[20, 40, 1], [40, 40, 40], [6, 10, 1]] {
        let case = Case::new(channels, window, [6, 7]);
        let exact = case.exact(true);
        for (way, conv) in case.packed() {
            for activation in [Activation::RELU, RELU6, Activation::HardSwish, Activation::Silu, Activation::Sigmoid] {
                let output = case.run(&conv, case.tail(true, activation));
                for (got, (want, size)) in output.iter().zip(&exact) {
                    let want = f64::from(activation.of(*want as f32));
                    assert!(
                        (f64::from(*got) - want).abs() <= 2.0 * ROUNDING * size,
                        "{way}, {activation:?}: {got}, not {want}"
                    );
                }
            }
        }
    }
}

#[test]
fn activations_hold_at_the_ends() {
    let special = [0.0, -0.0, 1e-30, -1e-30, 20.0, -20.0, 87.5, -87.5, 90.0, -90.0, 104.0, -104.0, 1e30, -1e30];
    let channels = special.len();
    let geometry = Geometry { inputs: 1, outputs: 1, groups: 1, window: Window::of([1, 1]) };
    for &set in InstructionSet::all() {
        let conv = PackedConv::new(geometry, &[1.0], &[], set, Algorithm::Direct);
        for activation in [Activation::Identity, Activation::RELU, RELU6, Activation::HardSwish, Activation::Silu] {
            let run = |input: &[f32]| {
                let mut output = vec![7.0; input.len()];
                let tail = Tail { residual: None, activation };
                conv.run([1, input.len()], input, &mut output, &mut Scratch::default(), tail);
                output
            };
            for (x, got) in special.iter().zip(run(&special)) {
                let want = activation.of(*x);
                let near = (got - want).abs() <= 1e-6 * want.abs().max(1e-30);
                assert!(near, "{set:?} {activation:?} of {x}: {got}, not {want}");
            }
            assert!(run(&vec![f32::NAN; channels]).iter().all(|y| y.is_nan()), "{set:?} {activation:?} of NaN");
            assert_eq!(run(&[f32::INFINITY; 1])[0], activation.of(f32::INFINITY), "{set:?} {activation:?}");
        }
    }
}

#[test]
fn what_is_not_finite_passes_through() {
    let window = Window::of([3, 3]).padding([1, 1]);
    for channels in [[20, 24, 1], [36, 36, 36], [36, 36, 2], [3, 3, 3]] {
        for odd in [f32::NAN, f32::INFINITY] {
            let mut case = Case::new(channels, window, [11, 11]);
            // All channels of the pixel in the middle, so that every output of its neighbours sees it.
            let inputs = channels[0];
            case.input[60 * inputs..61 * inputs].fill(odd);
            case.weights.iter_mut().for_each(|weight| *weight = weight.abs() + 0.1);
            for (way, conv) in case.packed() {
                let output = case.run(&conv, case.tail(true, Activation::RELU));
                // Outputs of a tile are mixed.
                let tile = match conv.algorithm() {
                    Algorithm::Winograd2 => Some(2),
                    Algorithm::Winograd4 => Some(4),
                    _ => None,
                };
                for (pixel, values) in output.chunks(channels[1]).enumerate() {
                    let apart = (pixel / 11).abs_diff(5).max((pixel % 11).abs_diff(5));
                    if apart <= 1 {
                        // Both take differences with, or multiples by zero of, what is not theirs.
                        let mixed = tile.is_some() || conv.algorithm() == Algorithm::Direct && channels[2] > 1;
                        let kept = |v: &f32| if odd.is_nan() || mixed { !v.is_finite() } else { *v == odd };
                        assert!(values.iter().all(kept), "{way}: {odd} is lost at {pixel}: {values:?}");
                    } else if tile.is_none_or(|side| apart > side) {
                        assert!(values.iter().all(|v| v.is_finite()), "{way}: {odd} strays to {pixel}");
                    }
                }
            }
        }
    }
}

#[test]
fn pieces_have_the_same_bits_as_the_whole() {
    for case in grid() {
        for (way, conv) in case.packed() {
            let tail = case.tail(true, Activation::Silu);
            let whole = case.run(&conv, tail);
            for parts in [2, 3, 16] {
                let outputs = case.geometry.outputs;
                let mut joined = vec![];
                let mut scratch = Scratch::default();
                for pixels in conv.cuts(case.size, parts) {
                    assert_eq!(pixels.start * outputs, joined.len(), "{way}: cuts follow each other");
                    let range = pixels.start * outputs..pixels.end * outputs;
                    let tail = Tail { residual: Some(&case.residual[range.clone()]), ..tail };
                    let mut piece = vec![f32::NAN; range.len()];
                    conv.run_part(case.size, pixels, &case.input, &mut piece, &mut scratch, tail);
                    joined.extend(piece);
                }
                assert!(
                    joined.iter().map(|v| v.to_bits()).eq(whole.iter().map(|v| v.to_bits())),
                    "{way} in {parts} parts"
                );
            }
        }
    }
}

#[test]
fn the_quickest_algorithm_can_do_it() {
    for case in grid() {
        for &set in InstructionSet::all() {
            let algorithm = Algorithm::quickest(&case.geometry, case.size, set);
            assert!(algorithm.does(&case.geometry, set));
            let conv = PackedConv::new(case.geometry, &case.weights, &[], set, algorithm);
            assert!(conv.algorithm() == algorithm && conv.bytes() >= 4 * case.weights.len());
        }
    }
}

#[test]
fn lanes_and_planes_are_each_others_transpose() {
    for (channels, pixels) in [(1, 1), (3, 7), (16, 16), (17, 33), (100, 49), (5, 300)] {
        let planes = numbers(channels * pixels, 5);
        let mut lanes = vec![0.0; planes.len()];
        to_lanes(channels, &planes, &mut lanes);
        for (at, value) in lanes.iter().enumerate() {
            assert_eq!(*value, planes[at % channels * pixels + at / channels]);
        }
        let mut back = vec![0.0; planes.len()];
        to_planes(channels, &lanes, &mut back);
        assert_eq!(back, planes);
    }
}

/// The numbers under the window, output by output, and how many taps the window has.
fn under(window: &Window, size: [usize; 2], channels: usize, input: &[f32]) -> Vec<Vec<f32>> {
    let [height, width] = window.output(size);
    let mut all = vec![];
    for (y, x, c) in (0..height).flat_map(|y| (0..width).flat_map(move |x| (0..channels).map(move |c| (y, x, c)))) {
        let mut seen = vec![];
        for (i, j) in (0..window.kernel[0]).flat_map(|i| (0..window.kernel[1]).map(move |j| (i, j))) {
            let row = (y * window.stride[0] + i * window.dilation[0]).wrapping_sub(window.before[0]);
            let column = (x * window.stride[1] + j * window.dilation[1]).wrapping_sub(window.before[1]);
            if row < size[0] && column < size[1] {
                seen.push(input[(row * size[1] + column) * channels + c]);
            }
        }
        all.push(seen);
    }
    all
}

#[test]
fn pools_take_the_largest_and_the_mean_of_what_lies_inside() {
    let uneven = Window { kernel: [2, 3], stride: [1, 2], dilation: [2, 1], before: [0, 1], after: [1, 0] };
    let windows = [Window::of([2, 2]).stride([2, 2]), Window::of([3, 3]).stride([2, 2]).padding([1, 1]), uneven];
    for (window, channels, size) in windows.into_iter().flat_map(|w| [3, 16, 40].map(|c| (w, c, [7, 9]))) {
        let input = numbers(size[0] * size[1] * channels, 6);
        let seen = under(&window, size, channels, &input);
        let [_, width] = window.output(size);
        let taps = window.kernel[0] * window.kernel[1];
        let mut output = vec![f32::NAN; seen.len()];
        // In two pieces.
        let (top, bottom) = output.split_at_mut(2 * width * channels);
        max_pool(&window, size, channels, 0, &input, top);
        max_pool(&window, size, channels, 2, &input, bottom);
        let largest = |seen: &Vec<f32>| seen.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        assert_eq!(output, seen.iter().map(largest).collect::<Vec<_>>(), "{window:?}");
        for count in [Count::Inside, Count::All] {
            average_pool(&window, size, channels, count, 0, &input, &mut output);
            for (got, seen) in output.iter().zip(&seen) {
                let want = seen.iter().sum::<f32>() / if count == Count::All { taps } else { seen.len() } as f32;
                assert!((got - want).abs() < 1e-6, "{window:?} {count:?}: {got}, not {want}");
            }
        }
    }
}

#[test]
fn a_pool_lets_nan_and_infinity_through() {
    let window = Window::of([2, 2]).stride([2, 2]);
    for channels in [1, 20] {
        for odd in 0..4 {
            let mut input = vec![1.0; 4 * channels];
            input[odd * channels..(odd + 1) * channels].fill(f32::NAN);
            let mut output = vec![0.0; channels];
            max_pool(&window, [2, 2], channels, 0, &input, &mut output);
            assert!(output.iter().all(|v| v.is_nan()), "{output:?}");
            input[odd * channels..(odd + 1) * channels].fill(f32::INFINITY);
            max_pool(&window, [2, 2], channels, 0, &input, &mut output);
            assert!(output.iter().all(|v| *v == f32::INFINITY), "{output:?}");
        }
    }
}

#[test]
fn the_mean_over_all_pixels() {
    for channels in [1, 10, 40] {
        let input = numbers(49 * channels, 8);
        let mut output = vec![f32::NAN; channels];
        global_average(&input, &mut output);
        for (c, got) in output.iter().enumerate() {
            let want = input.iter().skip(c).step_by(channels).sum::<f32>() / 49.0;
            assert!((got - want).abs() < 1e-6, "{got}, not {want}");
        }
    }
}

/// The sum of bytes times weights, to the nearest, within 0 to 255.
fn blended(terms: impl Iterator<Item = (u8, i32)>) -> u8 {
    let sum: i64 = terms.map(|(value, weight)| i64::from(value) * i64::from(weight)).sum();
    ((sum + (1 << (WEIGHT_BITS - 1))) >> WEIGHT_BITS).clamp(0, 255) as u8
}

#[test]
fn bytes_are_blended_to_the_nearest_at_every_width() {
    let one = f64::from(1 << WEIGHT_BITS);
    let weights: Vec<i32> = [-0.25, 0.7, 0.65, -0.1].map(|weight| (weight * one) as i32).to_vec();
    for width in [1, 3, 63, 64, 65, 130] {
        let rows: Vec<u8> = (0..4 * width).map(|i| (i * 7919 % 256) as u8).collect();
        let mut found = vec![0; width];
        blend_rows(&rows, &weights, &mut found);
        for (column, found) in found.iter().enumerate() {
            let terms = weights.iter().enumerate().map(|(row, weight)| (rows[row * width + column], *weight));
            assert_eq!(*found, blended(terms), "{width} {column}");
        }
    }
    blend_all_pixels::<1>(&weights);
    blend_all_pixels::<3>(&weights);
    blend_all_pixels::<4>(&weights);
}

/// Up to the last pixel of the last row, which has nothing behind it; a few rows at a time, and what is left.
fn blend_all_pixels<const N: usize>(weights: &[i32]) {
    let taps: Vec<Taps> = (0..=20 - weights.len()).map(|first| Taps { first, weights: weights.to_vec() }).collect();
    for rows in [1, 4, 7] {
        let from: Vec<u8> = (0..rows * 20 * N).map(|i| (i * 7919 % 256) as u8).collect();
        let mut found = vec![0; rows * taps.len() * N];
        blend_pixels(&from, 20 * N, N, &taps, &mut found);
        for (at, found) in found.iter().enumerate() {
            let (row, pixel, channel) = (at / N / taps.len(), at / N % taps.len(), at % N);
            let place = |tap: usize| ((row * 20 + pixel + tap) * N) + channel;
            let terms = weights.iter().enumerate().map(|(tap, weight)| (from[place(tap)], *weight));
            assert_eq!(*found, blended(terms), "{N} channels, row {row}, pixel {pixel}");
        }
    }
}
