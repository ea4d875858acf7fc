//! The network's input as a picture: its colours, and the same picture with parts of it hidden.

use image::RgbImage;
use ndarray::{Array2, ArrayD, IxDyn};

use super::Subject;
use crate::model::Settings;
use crate::network::Layout;
use crate::raster::Map;
use crate::raster::blur::{Beyond, blur, gaussian};
use crate::raster::superpixels::Labels;

/// An input tensor whose pixels can be hidden, whatever the order of its axes.
pub struct Frame<'a> {
    settings: &'a Settings,
    shape: Vec<usize>,
    values: Vec<f32>,
    /// Height and width in pixels, and channels.
    height: usize,
    width: usize,
    channels: usize,
}

impl<'a> Frame<'a> {
    /// The input of a subject's pass.
    pub fn of(subject: Subject<'a>) -> Frame<'a> {
        let shape = subject.pass.input.shape().to_vec();
        let (height, width) = subject.network.input_extent();
        let values: Vec<f32> = subject.pass.input.iter().copied().collect();
        let channels = values.len() / (height * width).max(1);
        Frame { settings: subject.settings, shape, values, height, width, channels }
    }

    /// Height and width in pixels.
    pub fn extent(&self) -> (usize, usize) {
        (self.height, self.width)
    }

    /// How many numbers a pixel has.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The input's values, in the order of its axes.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// What the network sees, as 8-bit colours.
    pub fn seen(&self) -> RgbImage {
        self.settings.see(self.tensor(self.values.clone()).view())
    }

    /// The whole picture in one colour.
    pub(super) fn plain(&self, rgb: [u8; 3]) -> Vec<f32> {
        let colour = self.settings.normalised(rgb);
        self.fill(|_, channel| colour.get(channel).copied().unwrap_or_default())
    }

    /// The whole picture at zero after normalisation: the mean colour of the training images.
    pub fn zeros(&self) -> Vec<f32> {
        vec![0.0; self.values.len()]
    }

    /// The whole picture in its mean colour.
    pub(super) fn mean(&self) -> Vec<f32> {
        let pixels = self.height * self.width;
        let mean = |channel| (0..pixels).map(|pixel| f64::from(self.values[self.offset(pixel, channel)])).sum::<f64>();
        let means: Vec<f32> = (0..self.channels).map(|channel| (mean(channel) / pixels as f64) as f32).collect();
        self.fill(|_, channel| means[channel])
    }

    /// Each superpixel in its mean colour.
    pub(super) fn means(&self, labels: &Labels) -> Vec<f32> {
        let mut sums = vec![0.0_f64; labels.count * self.channels];
        for (pixel, label) in labels.pixels.iter().enumerate() {
            for channel in 0..self.channels {
                sums[*label as usize * self.channels + channel] += f64::from(self.values[self.offset(pixel, channel)]);
            }
        }
        let sizes = labels.sizes();
        let label_of: Vec<u32> = labels.pixels.iter().copied().collect();
        self.fill(|pixel, channel| {
            let label = label_of[pixel] as usize;
            (sums[label * self.channels + channel] / sizes[label] as f64) as f32
        })
    }

    /// The picture out of focus: a Gaussian of `sigma` pixels, the edge repeated.
    pub(super) fn out_of_focus(&self, sigma: f64) -> Vec<f32> {
        self.blurred(&gaussian(sigma, (3.0 * sigma).ceil().max(1.0) as usize), Beyond::Repeat)
    }

    /// The picture, each channel blurred by a kernel along both sides.
    pub fn blurred(&self, kernel: &[f64], beyond: Beyond) -> Vec<f32> {
        let place = |(y, x): (usize, usize)| y * self.width + x;
        let channel = |channel| {
            let at = |pixel| f64::from(self.values[self.offset(place(pixel), channel)]);
            blur(&Array2::from_shape_fn(self.extent(), at), kernel, beyond)
        };
        let channels: Vec<Array2<f64>> = (0..self.channels).map(channel).collect();
        self.fill(|pixel, channel| channels[channel][[pixel / self.width, pixel % self.width]] as f32)
    }

    /// The picture with the pixels that `shown` refuses replaced by those of `hidden`.
    pub(super) fn hide(&self, hidden: &[f32], shown: impl Fn(usize) -> bool) -> ArrayD<f32> {
        self.mix(&self.values, hidden, |pixel| !shown(pixel))
    }

    /// The values of `from`, with the pixels that `replaced` names taken from `to`.
    pub fn mix(&self, from: &[f32], to: &[f32], replaced: impl Fn(usize) -> bool) -> ArrayD<f32> {
        let pixels = 0..self.height * self.width;
        let mut values;
        match self.settings.layout.value {
            Layout::Nchw => {
                values = Vec::with_capacity(from.len());
                let side = pixels.len().max(1);
                // All bits or none: so that several numbers are chosen at a time.
                let chosen: Vec<u32> = pixels.map(|pixel| if replaced(pixel) { u32::MAX } else { 0 }).collect();
                for (plane, other) in from.chunks_exact(side).zip(to.chunks_exact(side)) {
                    let both = plane.iter().zip(other).zip(&chosen);
                    values.extend(both.map(|((value, other), chosen)| {
                        f32::from_bits(value.to_bits() & !chosen | other.to_bits() & chosen)
                    }));
                }
            }
            Layout::Nhwc => {
                values = from.to_vec();
                let places = values.chunks_exact_mut(self.channels).zip(to.chunks_exact(self.channels));
                for ((place, other), _) in places.zip(pixels).filter(|(_, pixel)| replaced(*pixel)) {
                    place.copy_from_slice(other);
                }
            }
        }
        self.tensor(values)
    }

    /// The picture times a mask `[H, W]`, in normalised values.
    pub(super) fn times(&self, mask: &Map) -> ArrayD<f32> {
        let mask = mask.as_standard_layout();
        let mask = mask.as_slice().unwrap_or_default();
        let mut values = self.values.clone();
        match self.settings.layout.value {
            Layout::Nchw => {
                for plane in self.planes(&mut values) {
                    plane.iter_mut().zip(mask).for_each(|(value, factor)| *value *= factor);
                }
            }
            Layout::Nhwc => {
                for (pixel, factor) in values.chunks_exact_mut(self.channels).zip(mask) {
                    pixel.iter_mut().for_each(|value| *value *= factor);
                }
            }
        }
        self.tensor(values)
    }

    /// The channels of values that lie one after the other.
    fn planes<'v>(&self, values: &'v mut [f32]) -> impl Iterator<Item = &'v mut [f32]> {
        values.chunks_exact_mut((self.height * self.width).max(1))
    }

    /// Where the number of a pixel (row after row) and a channel is among the values.
    pub fn offset(&self, pixel: usize, channel: usize) -> usize {
        match self.settings.layout.value {
            Layout::Nchw => channel * self.height * self.width + pixel,
            Layout::Nhwc => pixel * self.channels + channel,
        }
    }

    /// A tensor's values from a function of pixel and channel.
    pub fn fill(&self, mut value: impl FnMut(usize, usize) -> f32) -> Vec<f32> {
        let mut values = vec![0.0; self.values.len()];
        for pixel in 0..self.height * self.width {
            for channel in 0..self.channels {
                values[self.offset(pixel, channel)] = value(pixel, channel);
            }
        }
        values
    }

    /// These values as a tensor of the input's shape.
    pub fn tensor(&self, values: Vec<f32>) -> ArrayD<f32> {
        ArrayD::from_shape_vec(IxDyn(&self.shape), values).unwrap_or_else(|_| ArrayD::zeros(IxDyn(&self.shape)))
    }
}
