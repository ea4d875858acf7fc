//! How windows lie over an image: what convolutions and poolings share.

use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::cnn::PoolSpec;
use tract_onnx::tract_core::ops::nn::DataFormat;

/// The windows of a convolution or pooling over one image.
///
/// Arrays run over the spatial axes, always three of them: leading axes of length 1 stand in for those that are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) input: [usize; 3],
    pub(crate) output: [usize; 3],
    pub(crate) kernel: [usize; 3],
    pub(crate) stride: [usize; 3],
    pub(crate) dilation: [usize; 3],
    /// Rows of padding before the first row of the input.
    pub(crate) pad: [usize; 3],
    /// How many images without channels there are: N·C where channels lie apart, N where they are interleaved.
    pub(crate) planes: usize,
    /// How many values one pixel of such an image has: 1, or C.
    pub(crate) pixel: usize,
}

/// One kernel tap over one row of windows: output pixel `output + j` sees input pixel `input + j * step`, for `j` in
/// `0..count`. Offsets are in pixels, within a plane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TapRow {
    /// The tap, counted in scan order.
    pub(crate) tap: usize,
    pub(crate) output: usize,
    pub(crate) input: usize,
    pub(crate) step: usize,
    pub(crate) count: usize,
}

impl Geometry {
    /// The windows of `spec` over an input of the full shape `input_shape`.
    pub(crate) fn new(spec: &PoolSpec, input_shape: &[usize]) -> TractResult<Geometry> {
        let shape = spec.data_format.shape(input_shape)?;
        ensure!(spec.rank() <= 3, "more than three spatial axes");
        ensure!(shape.hw_rank() == spec.rank());
        let skip = 3 - spec.rank();
        let mut geometry = Geometry {
            input: [1; 3],
            output: [1; 3],
            kernel: [1; 3],
            stride: [1; 3],
            dilation: [1; 3],
            pad: [0; 3],
            planes: *shape.n().unwrap_or(&1),
            pixel: *shape.c(),
        };
        if !spec.data_format.c_is_last() {
            geometry.planes *= geometry.pixel;
            geometry.pixel = 1;
        }
        for (axis, padded) in spec.computed_padding(shape.hw_dims()).iter().enumerate() {
            geometry.input[axis + skip] = shape.hw_dims()[axis];
            geometry.output[axis + skip] = padded.convoluted;
            geometry.kernel[axis + skip] = spec.kernel_shape[axis];
            geometry.stride[axis + skip] = spec.stride(axis);
            geometry.dilation[axis + skip] = spec.dilation(axis);
            geometry.pad[axis + skip] = padded.pad_before;
        }
        Ok(geometry)
    }

    /// Values in one plane of the input.
    pub(crate) fn input_plane(&self) -> usize {
        self.input.iter().product::<usize>() * self.pixel
    }

    /// Values in one plane of the output.
    pub(crate) fn output_plane(&self) -> usize {
        self.output.iter().product::<usize>() * self.pixel
    }

    /// The windows of `axis` whose tap `k` falls within the input.
    fn windows_of_tap(&self, axis: usize, k: usize) -> std::ops::Range<usize> {
        let (stride, offset) = (self.stride[axis], k * self.dilation[axis]);
        let first = self.pad[axis].saturating_sub(offset).div_ceil(stride);
        let past = (self.input[axis] + self.pad[axis]).saturating_sub(offset).div_ceil(stride);
        first..past.min(self.output[axis]).max(first)
    }

    /// Visits each row of windows with each kernel tap that reaches into the image, the taps of a row in scan order.
    pub(crate) fn for_each_row(&self, mut visit: impl FnMut(TapRow)) {
        for z in 0..self.output[0] {
            for y in 0..self.output[1] {
                let row = (z * self.output[1] + y) * self.output[2];
                for kz in (0..self.kernel[0]).filter(|&k| self.windows_of_tap(0, k).contains(&z)) {
                    let input_z = z * self.stride[0] + kz * self.dilation[0] - self.pad[0];
                    for ky in (0..self.kernel[1]).filter(|&k| self.windows_of_tap(1, k).contains(&y)) {
                        let input_y = y * self.stride[1] + ky * self.dilation[1] - self.pad[1];
                        for kx in 0..self.kernel[2] {
                            let windows = self.windows_of_tap(2, kx);
                            if windows.is_empty() {
                                continue;
                            }
                            let input_x = windows.start * self.stride[2] + kx * self.dilation[2] - self.pad[2];
                            visit(TapRow {
                                tap: (kz * self.kernel[1] + ky) * self.kernel[2] + kx,
                                output: row + windows.start,
                                input: (input_z * self.input[1] + input_y) * self.input[2] + input_x,
                                step: self.stride[2],
                                count: windows.len(),
                            });
                        }
                    }
                }
            }
        }
    }

    /// Assembles one plane of values per input pixel from values per window, each row of the plane at once.
    ///
    /// `add(tap, output, row)` adds to `row` what its pixels get through kernel tap `tap` (in scan order) from as many
    /// windows in a row, the first of them output pixel `output`. Pixels that a stride sets apart are gathered apart, so
    /// that `row` is always contiguous, and interleaved in the end.
    pub(crate) fn pull_rows<T: Copy + tract_num_traits::Zero>(
        &self,
        result: &mut [T],
        mut add: impl FnMut(usize, usize, &mut [T]),
    ) {
        let (width, stride, pixel) = (self.input[2], self.stride[2], self.pixel);
        let columns: Vec<_> = (0..self.kernel[2]).map(|k| (k, self.windows_of_tap(2, k))).collect();
        let length = width.div_ceil(stride) * pixel;
        let mut phases = vec![T::zero(); if stride == 1 { 0 } else { length * stride }];
        for (index, row) in result.chunks_exact_mut(width * pixel).enumerate() {
            let gathered = if stride == 1 { &mut *row } else { &mut *phases };
            gathered.fill(T::zero());
            for (kz, z) in self.windows_on(0, index / self.input[1]) {
                for (ky, y) in self.windows_on(1, index % self.input[1]) {
                    for (kx, windows) in columns.iter().filter(|(_, windows)| !windows.is_empty()) {
                        let tap = (kz * self.kernel[1] + ky) * self.kernel[2] + kx;
                        let output = (z * self.output[1] + y) * self.output[2] + windows.start;
                        let x = windows.start * stride + kx * self.dilation[2] - self.pad[2];
                        let start = x % stride * length + x / stride * pixel;
                        add(tap, output, &mut gathered[start..][..windows.len() * pixel]);
                    }
                }
            }
            if stride > 1 {
                interleave(&phases, length, pixel, row);
            }
        }
    }

    /// The pairs of a kernel tap and a window along `axis` that see pixel `input`.
    fn windows_on(&self, axis: usize, input: usize) -> impl Iterator<Item = (usize, usize)> {
        let (position, stride, dilation) = (input + self.pad[axis], self.stride[axis], self.dilation[axis]);
        let output = self.output[axis];
        (0..self.kernel[axis]).filter_map(move |k| {
            let start = position.checked_sub(k * dilation)?;
            (start % stride == 0 && start / stride < output).then_some((k, start / stride))
        })
    }
}

/// Takes one pixel from each phase in turn.
fn interleave<T: Copy>(phases: &[T], length: usize, pixel: usize, row: &mut [T]) {
    let stride = phases.len() / length;
    if pixel == 1 && stride == 2 {
        let (even, odd) = phases.split_at(length);
        for ((pair, &even), &odd) in row.chunks_mut(2).zip(even).zip(odd) {
            pair[0] = even;
            if let Some(last) = pair.get_mut(1) {
                *last = odd;
            }
        }
        return;
    }
    for (index, target) in row.chunks_exact_mut(pixel).enumerate() {
        target.copy_from_slice(&phases[index % stride * length + index / stride * pixel..][..pixel]);
    }
}

/// The format of the data, and the change of axes, when tract asks a spatial operator to accept `change` on a tensor of
/// `rank` axes; `None` when it is not one that [`DataFormat`] can express.
pub(crate) fn changed_format(format: DataFormat, rank: usize, change: &AxisOp) -> Option<DataFormat> {
    use DataFormat::{CHW, HWC, NCHW, NHWC};
    match (format, change) {
        (NCHW, AxisOp::Rm(0)) => Some(CHW),
        (NHWC, AxisOp::Rm(0)) => Some(HWC),
        (CHW, AxisOp::Add(0)) => Some(NCHW),
        (HWC, AxisOp::Add(0)) => Some(NHWC),
        (NCHW, change) if *change == AxisOp::Move(1, rank - 1) => Some(NHWC),
        (CHW, change) if *change == AxisOp::Move(0, rank - 1) => Some(HWC),
        (NHWC, change) if *change == AxisOp::Move(rank - 1, 1) => Some(NCHW),
        (HWC, change) if *change == AxisOp::Move(rank - 1, 0) => Some(CHW),
        _ => None,
    }
}

/// The consequence of `change` for an operator all of whose inputs and whose output are data of one format.
pub(crate) fn change_everywhere(op: impl TypedOp, inputs: usize, change: &AxisOp) -> AxisChangeConsequence {
    let wires = (0..inputs).map(InOut::In).chain([InOut::Out(0)]);
    AxisChangeConsequence {
        substitute_op: Some(Box::new(op)),
        wire_changes: wires.map(|wire| (wire, change.clone())).collect(),
    }
}
