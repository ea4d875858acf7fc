//! From an image to the tensor that the network takes, as torchvision, timm and transformers do it: resize, crop, scale to
//! a range, normalise.

use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};
use ndarray::{Array4, ArrayD, ArrayViewD, Axis};
use thiserror::Error;

use super::front::FrontError;
use super::settings::{ChannelOrder, Middle, Origin, Resize, Settings, Size};
use crate::network::Layout;
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

/// Why a picture cannot be prepared.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PictureError {
    /// The input has so many channels.
    #[error("the model's input has {0} channels, a picture has 1, 3 or 4: give it tensors, as .npy files")]
    Channels(usize),
    /// The part of the graph that resizes pictures failed.
    #[error("the graph cannot resize it: {0}")]
    Front(#[from] FrontError),
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
    ///
    /// # Errors
    /// When the input has another number of channels than pictures have.
    pub fn prepare(&self, image: &DynamicImage) -> Result<Prepared, PictureError> {
        let channels = self.channels.value;
        if !matches!(channels, 1 | 3 | 4) {
            return Err(PictureError::Channels(channels));
        }
        let rgb = match image {
            DynamicImage::ImageRgb8(rgb) => std::borrow::Cow::Borrowed(rgb),
            other => std::borrow::Cow::Owned(other.to_rgb8()),
        };
        let framing = self.framing(rgb.dimensions());
        let seen = self.render(&rgb, &framing);
        let alpha = (channels == 4 && image.color().has_alpha()).then(|| self.alpha(image, &framing));
        let tensor = self.tensor(&seen, alpha.as_ref());
        Ok(Prepared { tensor, crop: framing.geometry(rgb.dimensions()), seen })
    }

    /// The image cut and resized, still with 8 bits; grey for a network with one channel.
    fn render(&self, image: &RgbImage, framing: &Framing) -> RgbImage {
        if self.channels.value == 1 {
            let grey = GrayImage::from_fn(image.width(), image.height(), |x, y| Luma([luma(*image.get_pixel(x, y))]));
            return coloured(&self.render_grey(&grey, framing, luma(Rgb(framing.fill))));
        }
        let filter = self.interpolation.value;
        let Framing { cut, resized, window, at, canvas, fill } = *framing;
        let cut =
            cut.map(|Window { x, y, width, height }| image::imageops::crop_imm(image, x, y, width, height).to_image());
        let part = resize_window(cut.as_ref().unwrap_or(image), resized.0, resized.1, window, filter);
        let seen = if part.dimensions() == canvas {
            part
        } else {
            let mut seen = RgbImage::from_pixel(canvas.0, canvas.1, Rgb(fill));
            image::imageops::replace(&mut seen, &part, i64::from(at.0), i64::from(at.1));
            seen
        };
        let Size { width, height } = self.input_size.value;
        if canvas == (width, height) { seen } else { crate::raster::resize::resize(&seen, width, height, filter) }
    }

    /// The same for an image of one channel, on a ground of this grey.
    fn render_grey(&self, image: &GrayImage, framing: &Framing, ground: u8) -> GrayImage {
        let filter = self.interpolation.value;
        let Framing { cut, resized, window, at, canvas, .. } = *framing;
        let cut =
            cut.map(|Window { x, y, width, height }| image::imageops::crop_imm(image, x, y, width, height).to_image());
        let part = resize_grey_window(cut.as_ref().unwrap_or(image), resized.0, resized.1, window, filter);
        let seen = if part.dimensions() == canvas {
            part
        } else {
            let mut seen = GrayImage::from_pixel(canvas.0, canvas.1, Luma([ground]));
            image::imageops::replace(&mut seen, &part, i64::from(at.0), i64::from(at.1));
            seen
        };
        let Size { width, height } = self.input_size.value;
        let whole = Window { x: 0, y: 0, width, height };
        if canvas == (width, height) { seen } else { resize_grey_window(&seen, width, height, whole, filter) }
    }

    /// How opaque the image is, cut and resized like its colours.
    fn alpha(&self, image: &DynamicImage, framing: &Framing) -> GrayImage {
        let rgba = image.to_rgba8();
        let alpha = GrayImage::from_fn(rgba.width(), rgba.height(), |x, y| Luma([rgba.get_pixel(x, y).0[3]]));
        self.render_grey(&alpha, framing, u8::MAX)
    }

    /// Normalises what the network sees; without `alpha`, all of it is opaque.
    fn tensor(&self, seen: &RgbImage, alpha: Option<&GrayImage>) -> ArrayD<f32> {
        let (channels, pixels) = (self.channels.value, seen.as_raw().as_chunks::<3>().0);
        let mut values = Vec::with_capacity(channels * pixels.len());
        for channel in (0..channels).map(|plane| self.channel(plane)) {
            let normalised: [f32; 256] = std::array::from_fn(|value| self.value(channel, value as u8));
            let normalised = |value: u8| normalised[usize::from(value)];
            match (channel, alpha) {
                (0..3, _) => values.extend(pixels.iter().map(|pixel| normalised(pixel[channel]))),
                (_, Some(alpha)) => values.extend(alpha.as_raw().iter().map(|value| normalised(*value))),
                (_, None) => values.extend(std::iter::repeat_n(normalised(u8::MAX), pixels.len())),
            }
        }
        let (height, width) = (seen.height() as usize, seen.width() as usize);
        let planes = Array4::from_shape_vec((1, channels, height, width), values);
        let planes = planes.unwrap_or_else(|_| Array4::zeros((1, channels, height, width)));
        match self.layout.value {
            Layout::Nchw => planes.into_dyn(),
            Layout::Nhwc => planes.permuted_axes([0, 2, 3, 1]).as_standard_layout().into_owned().into_dyn(),
        }
    }

    /// What a value from 0 to 255 of a channel, red first, becomes.
    fn value(&self, channel: usize, value: u8) -> f32 {
        (self.range.value.value(f32::from(value)) - self.mean.value[channel]) / self.std.value[channel]
    }

    /// The colour, red first, that a plane of the tensor holds.
    pub(super) fn channel(&self, plane: usize) -> usize {
        match self.channel_order.value {
            ChannelOrder::Bgr if self.channels.value >= 3 && plane < 3 => 2 - plane,
            _ => plane,
        }
    }

    /// The value that a colour has in each plane of the tensor; opaque, where there is a plane for that.
    pub fn normalised(&self, rgb: [u8; 3]) -> Vec<f32> {
        let rgb = if self.channels.value == 1 { [luma(Rgb(rgb)); 3] } else { rgb };
        let planes = (0..self.channels.value).map(|plane| self.channel(plane));
        planes.map(|channel| self.value(channel, rgb.get(channel).copied().unwrap_or(u8::MAX))).collect()
    }

    /// What the network sees in a tensor: the inverse of the normalisation, clipped to what a screen can show. Of a tensor
    /// that is no picture, the first channel as grey.
    ///
    /// # Panics
    /// Never, for a tensor of the shape of the input.
    pub fn see(&self, tensor: ArrayViewD<f32>) -> RgbImage {
        let Size { width, height } = self.input_size.value;
        let planes = match self.layout.value {
            Layout::Nchw => tensor,
            Layout::Nhwc => tensor.permuted_axes(vec![0, 3, 1, 2]),
        };
        let coloured = matches!(self.channels.value, 3 | 4);
        let mut seen = RgbImage::new(width, height);
        for plane in 0..if coloured { 3 } else { 1 } {
            let channel = self.channel(plane);
            let (mean, std) = (self.mean.value[channel], self.std.value[channel]);
            for (value, pixel) in planes.index_axis(Axis(1), plane).iter().zip(seen.pixels_mut()) {
                // To the nearest, without a call for each value; a cast stays between 0 and 255.
                let value = (f64::from(self.range.value.pixel(value * std + mean)) + 0.5) as u8;
                if coloured { pixel.0[channel] = value } else { pixel.0 = [value; 3] }
            }
        }
        seen
    }

    /// How an image of this size is resized and cut.
    fn framing(&self, (width, height): (u32, u32)) -> Framing {
        let input = self.input_size.value;
        let (width, height) = (width.max(1), height.max(1));
        let guessed = self.resize.origin == Origin::Guess && self.crop.origin == Origin::Guess;
        let cut = match self.resize.value {
            Resize::Centre { kept, of } => {
                let side = ((f64::from(kept) / f64::from(of)) * f64::from(width.min(height))) as u32;
                let side = side.max(1);
                Some(Window { x: (width - side) / 2, y: (height - side) / 2, width: side, height: side })
            }
            _ => None,
        };
        let resized = match self.resize.value {
            // Somebody has prepared it.
            _ if guessed && (width, height) == (input.width, input.height) => (width, height),
            Resize::Keep => (width, height),
            Resize::Squash(size) => size.map_or((input.width, input.height), |size| (size.width, size.height)),
            Resize::Centre { .. } => (input.width, input.height),
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
            Resize::Inside(size) | Resize::Cover(size) => {
                let ratios = (f64::from(width) / f64::from(size.width), f64::from(height) / f64::from(size.height));
                let inside = matches!(self.resize.value, Resize::Inside(_));
                let ratio = if inside { ratios.0.max(ratios.1) } else { ratios.0.min(ratios.1) };
                let side = |side: u32| ((f64::from(side) / ratio).round_ties_even() as u32).max(1);
                (side(width), side(height))
            }
        };
        let fits = matches!(self.resize.value, Resize::Letterbox | Resize::Inside(_));
        let canvas = match self.crop.value {
            Some(crop) => (crop.width, crop.height),
            None if fits => (input.width, input.height),
            None => resized,
        };
        let (x, left, columns) = centre(resized.0, canvas.0, self.middle);
        let (y, top, rows) = centre(resized.1, canvas.1, self.middle);
        let fill = match self.resize.value {
            Resize::Letterbox => [self.pad.unwrap_or(BARS); 3],
            Resize::Inside(_) => self.mean_colour(),
            _ => [0; 3],
        };
        Framing { cut, resized, window: Window { x, y, width: columns, height: rows }, at: (left, top), canvas, fill }
    }

    /// The mean as a colour, rounded as Python rounds.
    fn mean_colour(&self) -> [u8; 3] {
        let mean = |channel: usize| self.mean.value.get(channel).or(self.mean.value.first()).copied().unwrap_or(0.0);
        [0, 1, 2].map(|channel| self.range.value.pixel(mean(channel)).round_ties_even().clamp(0.0, 255.0) as u8)
    }
}

/// A grey image as one of colours.
fn coloured(grey: &GrayImage) -> RgbImage {
    RgbImage::from_fn(grey.width(), grey.height(), |x, y| Rgb([grey.get_pixel(x, y).0[0]; 3]))
}

/// How an image becomes an input: a part of it resized, a window of that put on a canvas, which becomes the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Framing {
    /// The part of the image that is used; None for all of it.
    cut: Option<Window>,
    /// The size to which that part is resized.
    resized: (u32, u32),
    /// The part of the resized image that is kept.
    window: Window,
    /// Where that part lies on the canvas.
    at: (u32, u32),
    /// The size of the canvas.
    canvas: (u32, u32),
    /// What the canvas shows elsewhere.
    fill: [u8; 3],
}

impl CropGeometry {
    /// All of an image of this size.
    pub(super) fn whole((width, height): (u32, u32)) -> CropGeometry {
        CropGeometry { x: 0.0, y: 0.0, width: f64::from(width), height: f64::from(height), image: (width, height) }
    }
}

impl Framing {
    fn geometry(&self, image: (u32, u32)) -> CropGeometry {
        let cut = self.cut.unwrap_or(Window { x: 0, y: 0, width: image.0, height: image.1 });
        let scale =
            (f64::from(cut.width) / f64::from(self.resized.0), f64::from(cut.height) / f64::from(self.resized.1));
        let offset = |window: u32, at: u32| f64::from(window) - f64::from(at);
        CropGeometry {
            x: f64::from(cut.x) + offset(self.window.x, self.at.0) * scale.0,
            y: f64::from(cut.y) + offset(self.window.y, self.at.1) * scale.1,
            width: f64::from(self.canvas.0) * scale.0,
            height: f64::from(self.canvas.1) * scale.1,
            image,
        }
    }
}

/// Cuts the centre out of a side, or pads it: the first pixel that is kept, where it lies on the canvas, and how many are
/// kept.
fn centre(side: u32, canvas: u32, middle: Middle) -> (u32, u32, u32) {
    match middle {
        Middle::Torchvision if side >= canvas => ((f64::from(side - canvas) / 2.0).round_ties_even() as u32, 0, canvas),
        Middle::Transformers if side >= canvas => ((side - canvas) / 2, 0, canvas),
        Middle::Torchvision => (0, (canvas - side) / 2, side),
        Middle::Transformers => (0, (canvas - side).div_ceil(2), side),
    }
}
