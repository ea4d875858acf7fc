//! Gradients of convolution and pooling, against finite differences in f64.
//!
//! Each case is differentiated once and run three times: as built, decluttered, and optimised. All must agree.

use proptest::prelude::*;
use seewhy::autodiff::vjp;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::cnn::{Conv, KernelFormat, MaxPool, PaddingSpec, PoolSpec, SumPool};
use tract_onnx::tract_core::ops::nn::DataFormat;

/// Convolution and sums are linear: finite differences are exact but for rounding.
const LINEAR: f64 = 1e-9;
/// Max pooling is linear as long as no window's maximum changes, and the steps are small enough for that.
const STEP: f64 = 1e-6;
const PIECEWISE_LINEAR: f64 = 1e-7;
/// f32 through tract's own kernels, on values of order one.
const SINGLE: f64 = 1e-4;

/// Evenly spread, irregular numbers in -1..1, all different.
fn values(count: usize, seed: u64) -> Vec<f64> {
    let golden = 0.618_033_988_749_895;
    (0..count).map(|i| (((i + 1) as f64 * golden + seed as f64 * 0.377).fract() - 0.5) * 2.0).collect()
}

fn tensor(shape: &[usize], seed: u64) -> Tensor {
    Tensor::from_shape(shape, &values(shape.iter().product(), seed)).unwrap()
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    let tensor = tensor.cast_to::<f64>().unwrap();
    tensor.try_as_plain_ram().unwrap().as_slice::<f64>().unwrap().to_vec()
}

fn explicit(before: &[usize], after: &[usize]) -> PaddingSpec {
    PaddingSpec::Explicit(before.into(), after.into())
}

fn onnx(before: &[usize], after: &[usize], ceil: bool) -> PaddingSpec {
    PaddingSpec::ExplicitOnnxPool(before.into(), after.into(), ceil)
}

/// A convolution or a pooling window over images of `channels` and the spatial shape `image`.
#[derive(Clone, Debug)]
struct Window {
    batch: usize,
    channels: usize,
    filters: usize,
    group: usize,
    image: Vec<usize>,
    kernel: Vec<usize>,
    stride: Vec<usize>,
    dilation: Vec<usize>,
    padding: PaddingSpec,
    format: DataFormat,
}

fn window(image: &[usize], kernel: &[usize]) -> Window {
    Window {
        batch: 1,
        channels: 3,
        filters: 4,
        group: 1,
        image: image.to_vec(),
        kernel: kernel.to_vec(),
        stride: vec![1; image.len()],
        dilation: vec![1; image.len()],
        padding: PaddingSpec::Valid,
        format: DataFormat::NCHW,
    }
}

impl Window {
    fn stride(self, stride: &[usize]) -> Self {
        Self { stride: stride.to_vec(), ..self }
    }

    fn dilation(self, dilation: &[usize]) -> Self {
        Self { dilation: dilation.to_vec(), ..self }
    }

    fn padding(self, padding: PaddingSpec) -> Self {
        Self { padding, ..self }
    }

    fn channels(self, channels: usize, filters: usize, group: usize) -> Self {
        Self { channels, filters, group, ..self }
    }

    fn batch(self, batch: usize) -> Self {
        Self { batch, ..self }
    }

    /// With the channels innermost.
    fn channels_last(self) -> Self {
        Self { format: DataFormat::NHWC, ..self }
    }

    /// As many channels as there were filters, and the reverse.
    fn swapped(self) -> Self {
        Self { channels: self.filters, filters: self.channels, ..self }
    }

    fn shape(&self) -> Vec<usize> {
        self.format.from_n_c_hw(self.batch, self.channels, &self.image).unwrap().shape.to_vec()
    }

    fn spec(&self) -> PoolSpec {
        PoolSpec {
            data_format: self.format,
            kernel_shape: self.kernel.iter().copied().collect(),
            padding: self.padding.clone(),
            dilations: Some(self.dilation.iter().copied().collect()),
            strides: Some(self.stride.iter().copied().collect()),
            input_channels: self.channels,
            output_channels: self.filters,
        }
    }

    fn conv(&self, dt: DatumType) -> TypedModel {
        let mut model = TypedModel::default();
        let x = model.add_source("x", dt.fact(self.shape())).unwrap();
        let kernel = [&[self.filters, self.channels / self.group], &*self.kernel].concat();
        let constant = |t: Tensor| t.cast_to_dt(dt).unwrap().into_owned();
        let kernel = model.add_const("kernel", constant(tensor(&kernel, 7))).unwrap();
        let bias = model.add_const("bias", constant(tensor(&[self.filters], 8))).unwrap();
        let op = Conv { pool_spec: self.spec(), kernel_fmt: KernelFormat::OIHW, group: self.group, q_params: None };
        let y = model.wire_node("conv", op, &[x, kernel, bias]).unwrap();
        model.select_output_outlets(&y).unwrap();
        model
    }

    fn pool(&self, op: impl Into<Box<dyn TypedOp>>) -> TypedModel {
        let mut model = TypedModel::default();
        let x = model.add_source("x", f64::fact(self.shape())).unwrap();
        let y = model.wire_node("pool", op, &[x]).unwrap();
        model.select_output_outlets(&y).unwrap();
        model
    }

    fn max_pool(&self) -> TypedModel {
        let pool_spec = PoolSpec { output_channels: self.channels, ..self.spec() };
        self.pool(MaxPool { pool_spec, with_index_outputs: None })
    }

    fn sum_pool(&self, count_include_pad: bool, normalize: bool) -> TypedModel {
        let pool_spec = PoolSpec { output_channels: self.channels, ..self.spec() };
        self.pool(SumPool { pool_spec, count_include_pad, normalize })
    }
}

/// The gradients of `<cotangent, model(x)>` with respect to x: of the plain, the decluttered and the optimised graph.
fn gradients(model: &TypedModel, x: &Tensor, cotangent: &Tensor) -> [Tensor; 3] {
    let input = model.input_outlets().unwrap()[0];
    let output = model.output_outlets().unwrap()[0];
    let typed = vjp(model, output, &[input]).unwrap();
    let decluttered = typed.clone().into_decluttered().unwrap();
    let optimised = typed.clone().into_optimized().unwrap();
    [typed, decluttered, optimised].map(|graph| {
        let run = graph.into_runnable().unwrap().run(tvec!(x.clone().into(), cotangent.clone().into()));
        let gradient = run.unwrap()[1].clone().into_tensor();
        assert_eq!(gradient.shape(), x.shape());
        gradient
    })
}

/// Central differences of `<cotangent, model(x)>`.
fn finite_differences(model: &TypedModel, x: &Tensor, cotangent: &Tensor, step: f64) -> Vec<f64> {
    let plan = model.clone().into_runnable().unwrap();
    let weights = numbers(cotangent);
    let loss = |x: &[f64], shape: &[usize]| -> f64 {
        let x = Tensor::from_shape(shape, x).unwrap();
        let y = numbers(&plan.run(tvec!(x.into())).unwrap()[0]);
        y.iter().zip(&weights).map(|(y, w)| y * w).sum()
    };
    let mut point = numbers(x);
    (0..point.len())
        .map(|i| {
            let centre = point[i];
            point[i] = centre + step;
            let above = loss(&point, x.shape());
            point[i] = centre - step;
            let below = loss(&point, x.shape());
            point[i] = centre;
            (above - below) / (2.0 * step)
        })
        .collect()
}

fn assert_close(what: &str, actual: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    for (i, (a, e)) in actual.iter().zip(expected).enumerate() {
        assert!((a - e).abs() <= tolerance, "{what}: element {i} is {a}, not {e}");
    }
}

fn cotangent_of(model: &TypedModel) -> Tensor {
    let shape = model.output_fact(0).unwrap().shape.as_concrete().unwrap().to_vec();
    tensor(&shape, 3)
}

fn check(what: &str, model: &TypedModel, step: f64, tolerance: f64) {
    let x = tensor(model.input_fact(0).unwrap().shape.as_concrete().unwrap(), 1);
    let cotangent = cotangent_of(model);
    let expected = finite_differences(model, &x, &cotangent, step);
    for (gradient, stage) in gradients(model, &x, &cotangent).iter().zip(["typed", "decluttered", "optimised"]) {
        assert_close(&format!("{what}, {stage}"), &numbers(gradient), &expected, tolerance);
    }
}

fn convolutions() -> Vec<(&'static str, Window)> {
    vec![
        ("3x3", window(&[6, 5], &[3, 3])),
        ("3x3 padded", window(&[6, 5], &[3, 3]).padding(explicit(&[1, 1], &[1, 1]))),
        ("1x1", window(&[4, 5], &[1, 1])),
        ("1x1 strided, a row left over", window(&[6, 5], &[1, 1]).stride(&[2, 2])),
        ("1x1 padded", window(&[3, 4], &[1, 1]).padding(explicit(&[1, 2], &[2, 1]))),
        ("3x3 stride 2", window(&[7, 9], &[3, 3]).stride(&[2, 2])),
        ("3x3 stride 2, rows left over", window(&[8, 10], &[3, 3]).stride(&[2, 2])),
        ("3x3 stride 2 padded", window(&[8, 7], &[3, 3]).stride(&[2, 2]).padding(explicit(&[1, 1], &[1, 1]))),
        ("7x7 stride 2, a stem", window(&[12, 11], &[7, 7]).stride(&[2, 2]).padding(explicit(&[3, 3], &[3, 3]))),
        ("4x4 stride 4, patches", window(&[11, 8], &[4, 4]).stride(&[4, 4])),
        ("2x2 stride 3, pixels unseen", window(&[10, 11], &[2, 2]).stride(&[3, 3])),
        (
            "3x2, stride 2x1, uneven padding",
            window(&[7, 6], &[3, 2]).stride(&[2, 1]).padding(explicit(&[0, 1], &[2, 0])),
        ),
        ("1x5", window(&[3, 9], &[1, 5]).padding(explicit(&[0, 2], &[0, 2]))),
        ("padding beyond the kernel", window(&[4, 4], &[2, 2]).padding(explicit(&[3, 2], &[2, 4]))),
        ("kernel larger than the image", window(&[2, 3], &[5, 5]).padding(explicit(&[2, 2], &[2, 2]))),
        ("dilation 2", window(&[8, 7], &[3, 3]).dilation(&[2, 2]).padding(explicit(&[2, 2], &[2, 2]))),
        ("dilation 2, stride 2", window(&[9, 8], &[3, 3]).dilation(&[2, 2]).stride(&[2, 2])),
        ("dilation 3, stride 2", window(&[11, 12], &[3, 3]).dilation(&[3, 3]).stride(&[2, 2])),
        ("dilation 2x4, stride 4x6", window(&[12, 15], &[3, 3]).dilation(&[2, 4]).stride(&[4, 6])),
        ("two groups", window(&[5, 6], &[3, 3]).channels(4, 6, 2).padding(explicit(&[1, 1], &[1, 1]))),
        ("two groups, stride 2", window(&[6, 7], &[3, 3]).channels(4, 6, 2).stride(&[2, 2])),
        ("depthwise", window(&[6, 5], &[3, 3]).channels(4, 4, 4).padding(explicit(&[1, 1], &[1, 1]))),
        (
            "depthwise stride 2",
            window(&[8, 7], &[3, 3]).channels(4, 4, 4).stride(&[2, 2]).padding(explicit(&[1, 1], &[1, 1])),
        ),
        (
            "depthwise 5x5 stride 2",
            window(&[9, 8], &[5, 5]).channels(18, 18, 18).stride(&[2, 2]).padding(explicit(&[2, 2], &[2, 2])),
        ),
        ("depthwise dilated, stride 2", window(&[9, 8], &[3, 3]).channels(4, 4, 4).stride(&[2, 2]).dilation(&[2, 3])),
        ("depthwise with a multiplier", window(&[5, 6], &[3, 3]).channels(3, 6, 3).stride(&[2, 1])),
        ("same, upper", window(&[7, 8], &[3, 3]).stride(&[2, 2]).padding(PaddingSpec::SameUpper)),
        ("same, lower", window(&[7, 8], &[4, 2]).stride(&[2, 3]).padding(PaddingSpec::SameLower)),
        ("a batch of two", window(&[5, 6], &[3, 3]).batch(2).stride(&[2, 1])),
        ("one axis", window(&[11], &[3]).stride(&[2]).padding(explicit(&[1], &[0]))),
        ("three axes", window(&[4, 5, 3], &[2, 3, 2]).stride(&[1, 2, 2]).channels(2, 2, 1)),
    ]
}

/// Which way a gradient is computed depends on whether the channels or the filters are more.
#[test]
fn convolution_gradients_are_finite_differences() {
    for (what, case) in convolutions() {
        check(what, &case.conv(DatumType::F64), 1.0, LINEAR);
        if case.channels != case.filters {
            check(&format!("{what}, more channels than filters"), &case.swapped().conv(DatumType::F64), 1.0, LINEAR);
        }
    }
}

/// tract's optimiser moves the channels where it sees fit.
#[test]
fn gradients_with_the_channels_innermost_are_finite_differences() {
    for (what, case) in convolutions() {
        check(what, &case.channels_last().conv(DatumType::F64), 1.0, LINEAR);
    }
    for (what, case) in pools() {
        let case = case.channels_last();
        check(what, &case.max_pool(), STEP, PIECEWISE_LINEAR);
        check(what, &case.sum_pool(false, true), 1.0, LINEAR);
    }
}

/// Networks run in f32, where tract chooses other kernels.
#[test]
fn convolution_gradients_in_single_precision_agree() {
    for (what, case) in convolutions() {
        let [double, single] = [DatumType::F64, DatumType::F32].map(|dt| case.conv(dt));
        let (x, cotangent) = (tensor(&case.shape(), 1), cotangent_of(&double));
        let expected = numbers(&gradients(&double, &x, &cotangent)[0]);
        let [x, cotangent] = [x, cotangent].map(|t| t.cast_to::<f32>().unwrap().into_owned());
        for gradient in gradients(&single, &x, &cotangent) {
            assert_close(what, &numbers(&gradient), &expected, SINGLE);
        }
    }
}

#[test]
fn a_quantised_or_wanted_kernel_is_refused_by_name() {
    let mut model = TypedModel::default();
    let x = model.add_const("x", tensor(&[1, 3, 4, 4], 1)).unwrap();
    let kernel = model.add_source("kernel", f64::fact([2, 3, 3, 3])).unwrap();
    let bias = model.add_const("bias", tensor(&[2], 1)).unwrap();
    let pool_spec = window(&[4, 4], &[3, 3]).channels(3, 2, 1).spec();
    let op = Conv { pool_spec, kernel_fmt: KernelFormat::OIHW, group: 1, q_params: None };
    let y = model.wire_node("layer1.conv", op, &[x, kernel, bias]).unwrap();
    model.select_output_outlets(&y).unwrap();
    let error = vjp(&model, y[0], &[kernel]).unwrap_err().to_string();
    assert!(error.contains("layer1.conv") && error.contains("kernel"), "{error}");
}

fn pools() -> Vec<(&'static str, Window)> {
    vec![
        ("2x2 stride 2", window(&[6, 8], &[2, 2]).stride(&[2, 2])),
        (
            "2x2 stride 2, rows left over",
            window(&[7, 9], &[2, 2]).stride(&[2, 2]).padding(onnx(&[0, 0], &[0, 0], false)),
        ),
        ("3x3 stride 2 padded", window(&[7, 8], &[3, 3]).stride(&[2, 2]).padding(onnx(&[1, 1], &[1, 1], false))),
        ("3x3 stride 2, ceil mode", window(&[6, 7], &[3, 3]).stride(&[2, 2]).padding(onnx(&[0, 0], &[0, 0], true))),
        (
            "3x3 stride 2 padded, ceil mode",
            window(&[6, 7], &[3, 3]).stride(&[2, 2]).padding(onnx(&[1, 1], &[1, 1], true)),
        ),
        ("2x2 stride 3, ceil mode", window(&[7, 8], &[2, 2]).stride(&[3, 3]).padding(onnx(&[0, 1], &[0, 0], true))),
        ("3x3 stride 1 padded", window(&[5, 4], &[3, 3]).padding(onnx(&[1, 1], &[1, 1], false))),
        ("3x2, uneven padding", window(&[7, 6], &[3, 2]).stride(&[2, 1]).padding(explicit(&[0, 1], &[2, 0]))),
        ("dilated", window(&[9, 8], &[2, 3]).dilation(&[3, 2]).stride(&[2, 1]).padding(onnx(&[1, 1], &[1, 1], false))),
        ("same, upper", window(&[7, 8], &[3, 3]).stride(&[2, 2]).padding(PaddingSpec::SameUpper)),
        ("same, lower", window(&[7, 8], &[2, 3]).stride(&[1, 2]).padding(PaddingSpec::SameLower)),
        ("a batch of two", window(&[4, 4], &[2, 2]).batch(2).stride(&[2, 1])),
        ("one axis", window(&[9], &[3]).stride(&[2])),
        ("three axes", window(&[4, 3, 5], &[2, 2, 3]).stride(&[2, 1, 1]).channels(2, 2, 1)),
    ]
}

#[test]
fn max_pool_gradients_are_finite_differences() {
    for (what, case) in pools() {
        check(what, &case.max_pool(), STEP, PIECEWISE_LINEAR);
    }
}

#[test]
fn sum_and_average_pool_gradients_are_finite_differences() {
    for (what, case) in pools() {
        for (count_include_pad, normalize) in [(false, true), (true, true), (false, false)] {
            let what = format!("{what}, count_include_pad {count_include_pad}, normalize {normalize}");
            check(&what, &case.sum_pool(count_include_pad, normalize), 1.0, LINEAR);
        }
    }
}

/// As torch does, and as tract's own arg-max does: not shared, not given to each.
#[test]
fn the_first_of_several_maxima_gets_the_gradient() {
    let model = window(&[3, 3], &[2, 2]).channels(1, 1, 1).max_pool();
    let x = Tensor::from_shape(&[1, 1, 3, 3], &[1.0, 1.0, 0.0, 1.0, 1.0, 2.0, 0.0, 1.0, 2.0]).unwrap();
    let cotangent = Tensor::from_shape(&[1, 1, 2, 2], &[1.0, 10.0, 100.0, 1000.0]).unwrap();
    for gradient in gradients(&model, &x, &cotangent) {
        assert_eq!(numbers(&gradient), [1.0, 0.0, 0.0, 100.0, 0.0, 1010.0, 0.0, 0.0, 0.0]);
    }
}

#[test]
fn a_window_that_is_all_zero_sends_its_gradient_to_its_first_pixel_inside_the_image() {
    let model = window(&[2, 2], &[2, 2]).channels(1, 1, 1).padding(explicit(&[1, 1], &[0, 0])).max_pool();
    let x = Tensor::from_shape(&[1, 1, 2, 2], &[0.0; 4]).unwrap();
    let cotangent = Tensor::from_shape(&[1, 1, 2, 2], &[1.0, 10.0, 100.0, 1000.0]).unwrap();
    for gradient in gradients(&model, &x, &cotangent) {
        assert_eq!(numbers(&gradient), [1111.0, 0.0, 0.0, 0.0]);
    }
}

#[test]
fn max_pool_survives_values_that_are_not_numbers() {
    let model = window(&[2, 4], &[2, 2]).channels(1, 1, 1).stride(&[2, 2]).max_pool();
    let nan = f64::NAN;
    let x = Tensor::from_shape(&[1, 1, 2, 4], &[nan, 1.0, nan, nan, 3.0, 2.0, nan, nan]).unwrap();
    let cotangent = Tensor::from_shape(&[1, 1, 1, 2], &[5.0, 7.0]).unwrap();
    for gradient in gradients(&model, &x, &cotangent) {
        assert_eq!(numbers(&gradient), [0.0, 0.0, 0.0, 0.0, 5.0, 0.0, 0.0, 0.0]);
    }
}

fn any_axis() -> impl Strategy<Value = (usize, usize, usize, usize, usize, usize)> {
    (1..10_usize, 1..5_usize, 1..5_usize, 1..4_usize, 0..4_usize, 0..4_usize)
        .prop_filter("the kernel must fit", |(image, kernel, _, dilation, before, after)| {
            image + before + after > (kernel - 1) * dilation
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any geometry at all.
    #[test]
    fn any_convolution_gradient_is_a_finite_difference(h in any_axis(), w in any_axis(), grouped in 0..3_usize) {
        let (channels, filters, group) = [(2, 3, 1), (4, 2, 2), (2, 2, 2)][grouped];
        let case = window(&[h.0, w.0], &[h.1, w.1])
            .channels(channels, filters, group)
            .stride(&[h.2, w.2])
            .dilation(&[h.3, w.3])
            .padding(explicit(&[h.4, w.4], &[h.5, w.5]));
        check(&format!("{case:?}"), &case.conv(DatumType::F64), 1.0, LINEAR);
    }
}
