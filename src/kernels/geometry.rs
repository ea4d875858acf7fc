//! What a convolution or a pool looks at: kernel, stride, dilation, padding.

use std::ops::Range;

/// Where a window of taps lies over an image. Pairs are [down, across].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Taps.
    pub kernel: [usize; 2],
    /// Pixels of the input from one output to the next.
    pub stride: [usize; 2],
    /// Pixels of the input from one tap to the next.
    pub dilation: [usize; 2],
    /// Pixels that are not there, before the first row and column.
    pub before: [usize; 2],
    /// Pixels that are not there, after the last row and column.
    pub after: [usize; 2],
}

impl Window {
    /// A window of `kernel` taps that moves by one pixel and sees no padding.
    pub const fn of(kernel: [usize; 2]) -> Window {
        Window { kernel, stride: [1, 1], dilation: [1, 1], before: [0, 0], after: [0, 0] }
    }

    /// The same window, moving by `stride`.
    #[must_use]
    pub const fn stride(self, stride: [usize; 2]) -> Window {
        Window { stride, ..self }
    }

    /// The same window with as much padding after as before.
    #[must_use]
    pub const fn padding(self, padding: [usize; 2]) -> Window {
        Window { before: padding, after: padding, ..self }
    }

    /// The same window with its taps `dilation` pixels apart.
    #[must_use]
    pub const fn dilation(self, dilation: [usize; 2]) -> Window {
        Window { dilation, ..self }
    }

    /// Height and width of what comes out of an image of `size`; zero where the window does not fit.
    pub fn output(&self, size: [usize; 2]) -> [usize; 2] {
        [0, 1].map(|axis| {
            let padded = size[axis] + self.before[axis] + self.after[axis];
            let reach = (self.kernel[axis] - 1) * self.dilation[axis] + 1;
            if padded < reach { 0 } else { (padded - reach) / self.stride[axis] + 1 }
        })
    }

    /// The taps along `axis` that lie inside an image of `side` pixels, for output `at`.
    pub(crate) fn inside(&self, axis: usize, at: usize, side: usize) -> Range<usize> {
        let (first, step) = (at * self.stride[axis], self.dilation[axis]);
        // Most windows are not dilated, and divisions are slow.
        let taps = |pixels: usize| if step == 1 { pixels } else { pixels.div_ceil(step) };
        let from = taps(self.before[axis].saturating_sub(first));
        let to = taps((side + self.before[axis]).saturating_sub(first)).min(self.kernel[axis]);
        from.min(to)..to
    }

    /// The pixel along `axis` under tap `tap` of output `at`, which must lie inside.
    pub(crate) fn pixel(&self, axis: usize, at: usize, tap: usize) -> usize {
        at * self.stride[axis] + tap * self.dilation[axis] - self.before[axis]
    }
}

/// A two-dimensional convolution, whatever the size of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// Channels that go in.
    pub inputs: usize,
    /// Channels that come out.
    pub outputs: usize,
    /// Groups that channels are divided into, each seeing its own only; as many as channels is depthwise.
    pub groups: usize,
    /// Kernel, stride, dilation, padding.
    pub window: Window,
}

impl Geometry {
    /// Multiply-adds of one image of `size`.
    pub fn multiply_adds(&self, size: [usize; 2]) -> usize {
        let [height, width] = self.window.output(size);
        let [down, across] = self.window.kernel;
        height * width * self.outputs * (self.inputs / self.groups) * down * across
    }

    /// One weight an output and tap: every channel by itself.
    pub fn is_depthwise(&self) -> bool {
        self.groups == self.inputs && self.groups == self.outputs && self.groups > 1
    }
}
