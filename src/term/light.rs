//! Blending in linear light, which is kitty's way, and what to lay over a picture there to get what everybody else's way gives.
//!
//! A screen's numbers are not proportional to its light. Files, and all other terminals, mix the numbers; kitty mixes the light,
//! where the same overlay comes out paler. With the picture below known, a colour and an opacity can be chosen for which the
//! mixture of light is the picture that the mixture of numbers would be, as nearly as a straight line in light is a curve.

use std::collections::HashMap;
use std::sync::LazyLock;

use image::{Rgb, RgbImage, Rgba, RgbaImage};

/// Pixels of the picture that count for one of the overlay, across and down; its neighbours' count as well.
pub(super) const SAMPLES: u32 = 4;
/// Levels of colour and opacity are this far apart: few that repeat are small to send, and what one of them lacks the other makes
/// up for.
const STEPS: f64 = 31.0;
/// How much the slope that would be right for the mean weighs against the slope that fits, where the picture is nearly flat.
const PRIOR: f64 = 1e-4;

/// The light of each of a screen's 256 levels, in `[0, 1]` (sRGB, IEC 61966-2-1).
static LIGHT: LazyLock<[f64; 256]> = LazyLock::new(|| {
    std::array::from_fn(|level| {
        let share = level as f64 / 255.0;
        if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    })
});
/// How fast the light grows there, for each level.
static GROWTH: LazyLock<[f64; 256]> = LazyLock::new(|| {
    std::array::from_fn(|level| {
        let (low, high) = (level.saturating_sub(1), (level + 1).min(255));
        (LIGHT[high] - LIGHT[low]) / (high - low) as f64
    })
});

/// The screen's level for a light.
fn level(light: f64) -> u8 {
    let above = LIGHT.partition_point(|below| *below < light).min(255);
    let is_nearer_below = above > 0 && light - LIGHT[above - 1] < LIGHT[above] - light;
    (above - usize::from(is_nearer_below)) as u8
}

/// What is known of the pixels under one of the overlay, in one channel: sums, weighted by how well the eye sees a difference
/// there, of the light below (`u`) and the light that is wanted (`f`).
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    weight: f64,
    u: f64,
    f: f64,
    uu: f64,
    uf: f64,
}

impl Sums {
    /// One pixel: what lies below, and what is to be seen.
    fn of(below: u8, wanted: u8) -> Sums {
        let (u, f) = (LIGHT[usize::from(below)], LIGHT[usize::from(wanted)]);
        // A level's worth of light is the unit in which errors are seen.
        let weight = (GROWTH[0] / GROWTH[usize::from(wanted)]).powi(2);
        Sums { weight, u: weight * u, f: weight * f, uu: weight * u * u, uf: weight * u * f }
    }

    fn add(&mut self, other: Sums) {
        self.weight += other.weight;
        self.u += other.u;
        self.f += other.f;
        self.uu += other.uu;
        self.uf += other.uf;
    }
}

/// The sums of three channels, and the overlay in the middle of them.
#[derive(Debug, Clone, Copy)]
struct Fit {
    sums: [Sums; 3],
    over: Rgba<u8>,
}

impl Fit {
    fn new(over: Rgba<u8>) -> Fit {
        Fit { sums: [Sums::default(); 3], over }
    }

    fn add(&mut self, below: Rgb<u8>, over: Rgba<u8>) {
        let wanted = blend(below, over);
        for (channel, sums) in self.sums.iter_mut().enumerate() {
            sums.add(Sums::of(below[channel], wanted[channel]));
        }
    }

    fn join(&mut self, other: &Fit) {
        for (sums, more) in self.sums.iter_mut().zip(other.sums) {
            sums.add(more);
        }
    }

    /// The overlay whose light, mixed with the light below, comes nearest to what is wanted: one opacity for the three channels,
    /// in steps, and then the best colour for it.
    fn solve(&self) -> Rgba<u8> {
        if matches!(self.over[3], 0 | 255) || self.sums[0].weight <= 0.0 {
            return self.over;
        }
        let (mut covariance, mut variance) = (0.0, 0.0);
        let share = 1.0 - f64::from(self.over[3]) / 255.0;
        for sums in &self.sums {
            let (u, f) = (sums.u / sums.weight, sums.f / sums.weight);
            let slope = share * GROWTH[usize::from(level(f))] / GROWTH[usize::from(level(u))];
            let prior = PRIOR * sums.weight;
            covariance += sums.uf - sums.u * f + prior * slope;
            variance += sums.uu - sums.u * u + prior;
        }
        // No light is darker than none: less of the picture comes through where it has more than is wanted.
        let darkest = self.sums.iter().filter(|sums| sums.u > 0.0).map(|sums| sums.f / sums.u).fold(1.0, f64::min);
        let through = (covariance / variance).clamp(0.0, darkest);
        let added = |through: f64| self.sums.map(|sums| (sums.f - through * sums.u) / sums.weight);
        // No colour is brighter than white: more of it is needed, and not a step less than that.
        let brightest = added(through).into_iter().fold(0.0, f64::max);
        let steps = ((1.0 - through) * STEPS).round().max((brightest * STEPS).ceil());
        let opacity = steps.clamp(1.0, STEPS) / STEPS;
        let colour = added(1.0 - opacity).map(|light| stepped(level((light / opacity).clamp(0.0, 1.0))));
        Rgba([colour[0], colour[1], colour[2], (opacity * 255.0).round() as u8])
    }
}

fn stepped(level: u8) -> u8 {
    ((f64::from(level) / 255.0 * STEPS).round() / STEPS * 255.0).round() as u8
}

/// `over` laid on `under` as files and most terminals do it.
fn blend(under: Rgb<u8>, over: Rgba<u8>) -> Rgb<u8> {
    let alpha = u32::from(over[3]);
    Rgb(std::array::from_fn(|channel| {
        let (under, over) = (u32::from(under[channel]), u32::from(over[channel]));
        ((under * (255 - alpha) + over * alpha + 127) / 255) as u8
    }))
}

/// A smooth overlay for linear light: a pixel for each square of [`SAMPLES`] pixels of `over` and of the picture below it, which
/// have the same size. It is meant to be enlarged by the terminal.
pub(super) fn smooth(below: &RgbImage, over: &RgbaImage) -> RgbaImage {
    let (width, height) = (over.width() / SAMPLES, over.height() / SAMPLES);
    let middle = |at: u32| at * SAMPLES + SAMPLES / 2;
    let mut cells: Vec<Fit> = (0..height)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .map(|(x, y)| Fit::new(*over.get_pixel(middle(x), middle(y))))
        .collect();
    // Sums over half a square each way, which several pixels share: each pixel's cell reaches half a square beyond itself.
    let half = SAMPLES / 2;
    let (across, down) = (2 * width, 2 * height);
    let mut quarters = vec![Fit::new(Rgba([0; 4])); (across * down) as usize];
    for (x, y, pixel) in over.enumerate_pixels() {
        let (column, row) = (x / half, y / half);
        if column < across && row < down {
            quarters[(row * across + column) as usize].add(*below.get_pixel(x, y), *pixel);
        }
    }
    for (number, cell) in (0..).zip(&mut cells) {
        let (x, y) = (number % width, number / width);
        for row in (2 * y).saturating_sub(1)..(2 * y + 3).min(down) {
            for column in (2 * x).saturating_sub(1)..(2 * x + 3).min(across) {
                cell.join(&quarters[(row * across + column) as usize]);
            }
        }
    }
    RgbaImage::from_fn(width, height, |x, y| cells[(y * width + x) as usize].solve())
}

/// An overlay of few colours for linear light: each stays one colour, the best for all places where it lies, so that edges are
/// where they were and the picture stays small. `below` is the picture below, of the same size.
pub(super) fn flat(below: &RgbImage, over: &RgbaImage) -> RgbaImage {
    let mut fits: HashMap<[u8; 4], Fit> = HashMap::new();
    for (below, over) in below.pixels().zip(over.pixels()) {
        fits.entry(over.0).or_insert_with(|| Fit::new(*over)).add(*below, *over);
    }
    let solved: HashMap<[u8; 4], Rgba<u8>> = fits.into_iter().map(|(over, fit)| (over, fit.solve())).collect();
    RgbaImage::from_fn(over.width(), over.height(), |x, y| {
        let pixel = over.get_pixel(x, y);
        solved.get(&pixel.0).copied().unwrap_or(*pixel)
    })
}
