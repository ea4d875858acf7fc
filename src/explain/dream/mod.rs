//! What a unit wants to see: a picture that excites it, found by gradient ascent over frequencies, while it is turned, scaled and
//! moved, so that no single pixel matters. After Olah et al., Feature Visualization, Distill 2017.

mod spectrum;

use image::{Rgb, RgbImage};
use ndarray::{ArrayD, IxDyn};
use rand::RngExt as _;
use rustfft::num_complex::Complex32;

use self::spectrum::{Coordinates, Spectrum};
use super::{ExplainError, Monitor};
use crate::model::{Classifier, Settings, Target};
use crate::network::{Activation, Layer, Layout, Network};
use crate::random::{normal, random};
use crate::raster::Warp;

/// Pictures of noise that a dream is held against.
const NOISES: usize = 32;

/// Step size and moments of Adam (Kingma and Ba, 2015).
const RATE: f32 = 0.05;
const MOMENTS: (f32, f32) = (0.9, 0.999);

/// How far a picture is turned at most, in degrees, and how much it is scaled.
const TURN: f32 = 10.0;
const SCALE: f32 = 0.1;
/// It is moved by one pixel for so many of its side.
const PIXELS_A_SHIFT: usize = 28;

/// Steps after which little changes any more.
pub const STEPS: usize = 256;

/// What is to be excited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aim {
    /// The mean of a channel over the places of its layer.
    Channel {
        /// Index into [`Network::layers`].
        layer: usize,
        /// The channel.
        channel: usize,
    },
    /// The raw score of a class.
    Class(usize),
}

/// How a dream is dreamt.
#[derive(Debug, Clone)]
pub struct DreamOptions {
    /// Steps of ascent.
    pub steps: usize,
    /// Seed of the beginning, and of how pictures are moved.
    pub seed: u64,
    /// A picture to begin with, of the size of the network's input; near grey without.
    pub start: Option<RgbImage>,
}

/// A picture that excites a unit.
#[derive(Debug, Clone)]
pub struct Dream {
    /// The picture, as the network can be shown it.
    pub picture: RgbImage,
    /// Before it is rounded to 8 bits: red, green and blue in `(0, 1)`, `[3, H, W]`.
    pub values: ArrayD<f32>,
    /// What the unit says to the picture.
    pub value: f32,
}

/// What a unit says to noise that has the frequencies of a picture, each with its energy, but no order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OverNoise {
    /// The mean over pictures.
    pub mean: f32,
    /// Their standard deviation.
    pub deviation: f32,
}

impl OverNoise {
    /// How many standard deviations a value is over the mean.
    pub fn deviations(&self, value: f32) -> f32 {
        (value - self.mean) / self.deviation.max(f32::MIN_POSITIVE)
    }
}

/// Dreams. `report` is handed the picture so far after each step, with the number of steps done.
///
/// # Errors
/// [`ExplainError::Cancelled`] when the monitor says so, and what the network says.
pub fn dream(
    classifier: &Classifier,
    aim: Aim,
    options: &DreamOptions,
    monitor: &Monitor<'_>,
    mut report: impl FnMut(usize, &dyn Fn() -> RgbImage),
) -> Result<Dream, ExplainError> {
    let unit = Unit::new(classifier, aim)?;
    let extent @ (height, width) = classifier.network().input_extent();
    let coordinates = Coordinates::new(height, width);
    let mut spectrum = match &options.start {
        Some(start) => coordinates.of(&planes(start)),
        None => coordinates.beginning(options.seed),
    };
    let mut adam = Adam::new(spectrum.len());
    for step in 0..options.steps {
        monitor.check()?;
        let picture = coordinates.picture(&spectrum);
        let warp = warp(options.seed, step, extent);
        let gradient = unit.gradient(&warp.apply(&picture, extent, 0.5))?;
        let gradient = coordinates.pull_back(&picture, &warp.pull_back(&gradient, extent));
        adam.ascend(&mut spectrum, &gradient);
        report(step + 1, &|| image(&coordinates.picture(&spectrum), extent));
    }
    let values = coordinates.picture(&spectrum);
    let picture = image(&values, extent);
    let value = unit.value(&planes(&picture))?;
    let values = ArrayD::from_shape_vec(IxDyn(&[3, height, width]), values).unwrap_or_default();
    Ok(Dream { picture, values, value })
}

/// What a unit says to a picture of the size of the network's input.
///
/// # Errors
/// As [`dream`].
pub fn value_of(classifier: &Classifier, aim: Aim, picture: &RgbImage) -> Result<f32, ExplainError> {
    Unit::new(classifier, aim)?.value(&planes(picture))
}

/// What a unit says to noise with the frequencies of a picture.
///
/// # Errors
/// As [`dream`].
pub fn over_noise(
    classifier: &Classifier,
    aim: Aim,
    picture: &RgbImage,
    seed: u64,
    monitor: &Monitor<'_>,
) -> Result<OverNoise, ExplainError> {
    let unit = Unit::new(classifier, aim)?;
    let extent @ (height, width) = classifier.network().input_extent();
    let coordinates = Coordinates::new(height, width);
    let spectrum = coordinates.of(&planes(picture));
    let mut values = vec![];
    for number in 0..NOISES {
        monitor.check()?;
        let noise = coordinates.picture(&coordinates.shuffled(&spectrum, seed, number));
        values.push(unit.value(&planes(&image(&noise, extent)))?);
    }
    let mean = values.iter().sum::<f32>() / NOISES as f32;
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f32>();
    Ok(OverNoise { mean, deviation: (squares / (NOISES - 1) as f32).sqrt() })
}

/// A unit of a network, asked about pictures `[3, H, W]` with values from 0 to 1.
struct Unit<'a> {
    network: &'a Network,
    aim: Aim,
    /// The gradient of a class's score with respect to all scores.
    cotangent: Vec<f32>,
    layout: Layout,
    /// The network's input for black, and how much each colour adds to it, for each plane of the input.
    black: Vec<f32>,
    colours: Vec<[f32; 3]>,
}

impl<'a> Unit<'a> {
    fn new(classifier: &'a Classifier, aim: Aim) -> Result<Unit<'a>, ExplainError> {
        let (network, settings) = (classifier.network(), classifier.settings());
        let cotangent = match aim {
            Aim::Class(class) => Target::Class(class).cotangent(&network.first_run()?)?,
            Aim::Channel { layer, channel } => {
                let Layer { name, shape: [channels, ..], .. } = &network.layers()[layer];
                if channel >= *channels {
                    return Err(ExplainError::NoChannel { layer: name.clone(), channels: *channels, channel });
                }
                vec![]
            }
        };
        let (black, colours) = colours(settings);
        Ok(Unit { network, aim, cotangent, layout: settings.layout.value, black, colours })
    }

    fn tensor(&self, picture: &[f32]) -> ArrayD<f32> {
        let pixels = picture.len() / 3;
        let channels = self.black.len();
        let mut tensor = vec![0.0; channels * pixels];
        for (channel, (black, colours)) in self.black.iter().zip(&self.colours).enumerate() {
            for pixel in 0..pixels {
                let colour: f32 = (0..3).map(|plane| colours[plane] * picture[plane * pixels + pixel]).sum();
                tensor[self.place(pixel, channel, pixels)] = black + colour;
            }
        }
        ArrayD::from_shape_vec(IxDyn(self.network.input_shape()), tensor).unwrap_or_default()
    }

    fn place(&self, pixel: usize, channel: usize, pixels: usize) -> usize {
        match self.layout {
            Layout::Nchw => channel * pixels + pixel,
            Layout::Nhwc => pixel * self.black.len() + channel,
        }
    }

    fn value(&self, picture: &[f32]) -> Result<f32, ExplainError> {
        let input = self.tensor(picture);
        Ok(match self.aim {
            Aim::Class(class) => self.network.scores(input.view())?[class],
            Aim::Channel { layer, channel } => {
                let pass = self.network.forward(input.into())?;
                let activation = self.network.activation(&pass, layer)?;
                activation.index_axis(ndarray::Axis(0), channel).mean().unwrap_or_default()
            }
        })
    }

    /// The gradient with respect to the picture.
    fn gradient(&self, picture: &[f32]) -> Result<Vec<f32>, ExplainError> {
        let input = self.tensor(picture);
        let gradient = match self.aim {
            Aim::Class(_) => self.network.input_gradient(input.view(), &self.cotangent)?.1,
            Aim::Channel { layer, channel } => {
                let shape @ [_, height, width] = self.network.layers()[layer].shape;
                let mut cotangent = Activation::zeros(shape);
                cotangent.index_axis_mut(ndarray::Axis(0), channel).fill(1.0 / (height * width) as f32);
                self.network.activation_gradient(input.view(), layer, &cotangent)?
            }
        };
        let gradient: Vec<f32> = gradient.into_iter().collect();
        let pixels = picture.len() / 3;
        let mut back = vec![0.0; picture.len()];
        for (channel, colours) in self.colours.iter().enumerate() {
            for pixel in 0..pixels {
                let value = gradient[self.place(pixel, channel, pixels)];
                (0..3).for_each(|plane| back[plane * pixels + pixel] += colours[plane] * value);
            }
        }
        Ok(back)
    }
}

/// The input for black, and what full red, green and blue add to it.
fn colours(settings: &Settings) -> (Vec<f32>, Vec<[f32; 3]>) {
    let black = settings.normalised([0; 3]);
    let full = [[255, 0, 0], [0, 255, 0], [0, 0, 255]].map(|rgb| settings.normalised(rgb));
    let added = |channel: usize| [0, 1, 2].map(|colour: usize| full[colour][channel] - black[channel]);
    let colours = (0..black.len()).map(added).collect();
    (black, colours)
}

/// How the picture is turned, scaled and moved at a step.
fn warp(seed: u64, step: usize, (height, width): (usize, usize)) -> Warp {
    let mut random = random(seed, step);
    let mut within = |most: f32| most * (2.0 * random.random::<f32>() - 1.0);
    let shift = (height.max(width) / PIXELS_A_SHIFT).max(1) as f32;
    Warp {
        angle: within(TURN).to_radians(),
        scale: 1.0 + within(SCALE),
        // Whole pixels, or else all that the network ever sees is a little blurred.
        shift: (within(shift).round(), within(shift).round()),
    }
}

/// Adam's moments, kept for each number of a spectrum.
struct Adam {
    first: Spectrum,
    second: Spectrum,
    steps: i32,
}

impl Adam {
    fn new(len: usize) -> Adam {
        Adam { first: vec![Complex32::default(); len], second: vec![Complex32::default(); len], steps: 0 }
    }

    fn ascend(&mut self, spectrum: &mut [Complex32], gradient: &[Complex32]) {
        self.steps += 1;
        let (a, b) = MOMENTS;
        let (mend_a, mend_b) = (1.0 - a.powi(self.steps), 1.0 - b.powi(self.steps));
        let step = |first: f32, second: f32| RATE * (first / mend_a) / ((second / mend_b).sqrt() + 1e-8);
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((value, slope), (first, second)) in spectrum.iter_mut().zip(gradient).zip(moments) {
            *first = *first * a + *slope * (1.0 - a);
            let squares = Complex32::new(slope.re * slope.re, slope.im * slope.im);
            *second = *second * b + squares * (1.0 - b);
            *value += Complex32::new(step(first.re, second.re), step(first.im, second.im));
        }
    }
}

impl Coordinates {
    /// The same energies with other phases, those of white noise: the same for all colours, so that these stay what they are.
    fn shuffled(&self, spectrum: &[Complex32], seed: u64, number: usize) -> Spectrum {
        let pixels = spectrum.len() / 3;
        let mut draw = random(seed ^ 0x006e_6f69_7365, number);
        let phases = self.phases((0..pixels).map(|_| normal(&mut draw)).collect());
        spectrum.iter().enumerate().map(|(at, value)| value * phases[at % pixels]).collect()
    }
}

/// Red, green and blue, each in `[0, 1]`, `[3, H, W]`.
fn planes(image: &RgbImage) -> Vec<f32> {
    let plane = |channel: usize| image.pixels().map(move |pixel| f32::from(pixel.0[channel]) / 255.0);
    (0..3).flat_map(plane).collect()
}

fn image(picture: &[f32], (height, width): (usize, usize)) -> RgbImage {
    let pixels = height * width;
    RgbImage::from_fn(width as u32, height as u32, |x, y| {
        let at = y as usize * width + x as usize;
        Rgb([0, 1, 2].map(|channel: usize| (255.0 * picture[channel * pixels + at]).round().clamp(0.0, 255.0) as u8))
    })
}
