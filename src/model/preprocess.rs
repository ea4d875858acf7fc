//! From an image to the tensor that the network takes, as torchvision, timm and transformers do it: resize, crop, scale to
//! `[0, 1]`, normalise.

use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};
use ndarray::{Array4, ArrayD, ArrayViewD, Axis};

use super::settings::{ChannelOrder, Layout, Resize, Settings, Size};
use crate::raster::resize::{Window, resize_grey_window, resize_window};

/// Where the input lies in the image, in pixels of the image. It may reach beyond the edges, where the input was padded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CropGeometry {
    /// The left edge.
    pub x: f64,
    /// The top edge.
    pub y: f64,
    /// The width.
    pub width: f64,
    /// The height.
    pub height: f64,
    /// The size of the image.
    pub image: (u32, u32),
}

/// An image as the network takes it.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// `[1, C, H, W]`, or `[1, H, W, C]` where the network wants it, normalised.
    pub tensor: ArrayD<f32>,
    /// Where it lies in the image.
    pub crop: CropGeometry,
    /// What the network sees, before normalisation, at the size of its input.
    pub seen: RgbImage,
}

/// The grey of the bars beside an image that was letterboxed, as in YOLO's training.
const BARS: u8 = 114;

/// The luma of a colour as Pillow's mode `L` has it: ITU-R 601, rounded.
fn luma(Rgb([r, g, b]): Rgb<u8>) -> u8 {
    let sum = u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471;
    ((sum + 0x8000) >> 16) as u8
}

impl Settings {
    /// Prepares an image that is already upright.
    pub fn prepare(&self, image: &DynamicImage) -> Prepared {
        let rgb = match image {
            DynamicImage::ImageRgb8(rgb) => std::borrow::Cow::Borrowed(rgb),
            other => std::borrow::Cow::Owned(other.to_rgb8()),
        };
        let plan = self.plan(rgb.dimensions());
        let seen = self.render(&rgb, &plan);
        Prepared { tensor: self.tensor(&seen), crop: plan.geometry(rgb.dimensions()), seen }
    }

    /// The image cut and resized, still with 8 bits; grey for a network with one channel.
    fn render(&self, image: &RgbImage, plan: &Plan) -> RgbImage {
        let filter = self.interpolation.value;
        let Plan { resized, window, at, canvas, fill } = *plan;
        let part = if self.channels.value == 1 {
            let grey = GrayImage::from_fn(image.width(), image.height(), |x, y| Luma([luma(*image.get_pixel(x, y))]));
            let part = resize_grey_window(&grey, resized.0, resized.1, window, filter);
            RgbImage::from_fn(part.width(), part.height(), |x, y| Rgb([part.get_pixel(x, y).0[0]; 3]))
        } else {
            resize_window(image, resized.0, resized.1, window, filter)
        };
        let mut seen = if part.dimensions() == canvas {
            part
        } else {
            let mut seen = RgbImage::from_pixel(canvas.0, canvas.1, Rgb([fill; 3]));
            image::imageops::replace(&mut seen, &part, i64::from(at.0), i64::from(at.1));
            seen
        };
        let Size { width, height } = self.input_size.value;
        if canvas != (width, height) {
            seen = crate::raster::resize::resize(&seen, width, height, filter);
        }
        seen
    }

    /// Normalises what the network sees.
    fn tensor(&self, seen: &RgbImage) -> ArrayD<f32> {
        let (height, width, channels) = (seen.height() as usize, seen.width() as usize, self.channels.value);
        let mut tensor = Array4::<f32>::zeros(self.shape());
        let mut planes = self.channels_first(tensor.view_mut().into_dyn());
        for plane in 0..channels {
            let channel = self.channel(plane);
            let (mean, std) = (self.mean.value[channel], self.std.value[channel]);
            let normalised: Vec<f32> = (0..=255_u8).map(|value| (f32::from(value) / 255.0 - mean) / std).collect();
            let mut plane = planes.index_axis_mut(Axis(1), plane);
            let pixels = seen.as_raw().as_chunks::<3>().0;
            for (value, pixel) in plane.iter_mut().zip(pixels) {
                *value = normalised[pixel[channel] as usize];
            }
            debug_assert_eq!(plane.len(), height * width);
        }
        tensor.into_dyn()
    }

    /// The colour, red first, that a plane of the tensor holds.
    fn channel(&self, plane: usize) -> usize {
        match self.channel_order.value {
            ChannelOrder::Bgr if self.channels.value == 3 => 2 - plane,
            _ => plane,
        }
    }

    /// The tensor's axes in the order batch, channels, height, width.
    fn channels_first<'a>(&self, tensor: ndarray::ArrayViewMutD<'a, f32>) -> ndarray::ArrayViewMutD<'a, f32> {
        match self.layout.value {
            Layout::Nchw => tensor,
            Layout::Nhwc => tensor.permuted_axes(vec![0, 3, 1, 2]),
        }
    }

    /// The value that a colour has in each plane of the tensor.
    pub fn normalised(&self, rgb: [u8; 3]) -> Vec<f32> {
        let rgb = if self.channels.value == 1 { [luma(Rgb(rgb)); 3] } else { rgb };
        let value = |channel: usize| f32::from(rgb[channel]) / 255.0;
        let planes = (0..self.channels.value).map(|plane| self.channel(plane));
        planes.map(|channel| (value(channel) - self.mean.value[channel]) / self.std.value[channel]).collect()
    }

    /// What the network sees in a tensor: the inverse of the normalisation, clipped to what a screen can show.
    ///
    /// # Panics
    /// Never, for a tensor of the shape of the input.
    pub fn see(&self, tensor: ArrayViewD<f32>) -> RgbImage {
        let Size { width, height } = self.input_size.value;
        let planes = match self.layout.value {
            Layout::Nchw => tensor,
            Layout::Nhwc => tensor.permuted_axes(vec![0, 3, 1, 2]),
        };
        let mut seen = RgbImage::new(width, height);
        for plane in 0..self.channels.value {
            let channel = self.channel(plane);
            let (mean, std) = (self.mean.value[channel], self.std.value[channel]);
            for (value, pixel) in planes.index_axis(Axis(1), plane).iter().zip(seen.pixels_mut()) {
                let value = ((value * std + mean) * 255.0).round().clamp(0.0, 255.0) as u8;
                if self.channels.value == 1 { pixel.0 = [value; 3] } else { pixel.0[channel] = value }
            }
        }
        seen
    }

    /// How an image of this size is resized and cut.
    fn plan(&self, (width, height): (u32, u32)) -> Plan {
        let input = self.input_size.value;
        let (width, height) = (width.max(1), height.max(1));
        let resized = match self.resize.value {
            Resize::Keep => (width, height),
            Resize::Squash(size) => size.map_or((input.width, input.height), |size| (size.width, size.height)),
            Resize::Shortest(side) => {
                let long = |long: u32, short: u32| {
                    u32::try_from(u64::from(side) * u64::from(long) / u64::from(short)).unwrap_or(u32::MAX)
                };
                if width <= height { (side, long(height, width)) } else { (long(width, height), side) }
            }
            Resize::Letterbox => {
                let scale =
                    (f64::from(input.width) / f64::from(width)).min(f64::from(input.height) / f64::from(height));
                let side = |side: u32, most: u32| ((f64::from(side) * scale).round() as u32).clamp(1, most);
                (side(width, input.width), side(height, input.height))
            }
        };
        let letterbox = self.resize.value == Resize::Letterbox;
        let canvas = match self.crop.value {
            Some(crop) => (crop.width, crop.height),
            None if letterbox => (input.width, input.height),
            None => resized,
        };
        let (x, left, columns) = centre(resized.0, canvas.0);
        let (y, top, rows) = centre(resized.1, canvas.1);
        Plan {
            resized,
            window: Window { x, y, width: columns, height: rows },
            at: (left, top),
            canvas,
            fill: if letterbox { BARS } else { 0 },
        }
    }
}

/// How an image becomes an input: resized, a window of it put on a canvas, which becomes the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Plan {
    /// The size to which the whole image is resized.
    resized: (u32, u32),
    /// The part of the resized image that is kept.
    window: Window,
    /// Where that part lies on the canvas.
    at: (u32, u32),
    /// The size of the canvas.
    canvas: (u32, u32),
    /// What the canvas shows elsewhere.
    fill: u8,
}

impl Plan {
    fn geometry(&self, (width, height): (u32, u32)) -> CropGeometry {
        let scale = (f64::from(width) / f64::from(self.resized.0), f64::from(height) / f64::from(self.resized.1));
        let offset = |window: u32, at: u32| f64::from(window) - f64::from(at);
        CropGeometry {
            x: offset(self.window.x, self.at.0) * scale.0,
            y: offset(self.window.y, self.at.1) * scale.1,
            width: f64::from(self.canvas.0) * scale.0,
            height: f64::from(self.canvas.1) * scale.1,
            image: (width, height),
        }
    }
}

/// Cuts the centre out of a side, or pads it: the first pixel that is kept, where it lies on the canvas, and how many are
/// kept. Halves as torchvision rounds them: to even when cutting, down when padding.
fn centre(side: u32, canvas: u32) -> (u32, u32, u32) {
    if side >= canvas {
        let offset = (f64::from(side - canvas) / 2.0).round_ties_even();
        (offset as u32, 0, canvas)
    } else {
        (0, (canvas - side) / 2, side)
    }
}
