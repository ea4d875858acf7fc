//! Heat over a picture.
//!
//! A [`Composition`] is a recipe, cheap to clone and to compare by whoever keys it; workers turn it into pixels at the
//! size that is needed. [`Composition::overlay`] gives what lies over the picture alone, for terminals that can lay one
//! picture over another.

use std::sync::Arc;

use image::{Rgb, RgbImage, Rgba, RgbaImage};
use ndarray::{Array2, ArrayView1};

use super::resize::{Filter, Window, resize, resize_window};
use super::superpixels::Outlines;
use super::{Colormap, Map, Region, Sign};

/// How much darker the parts of a picture get that the model did not see.
const UNSEEN_SHADE: f32 = 0.5;
/// How much darker the parts of a picture get that do not belong to a rule.
const OUTSIDE_SHADE: f32 = 0.85;
/// The share of the opacity that the coldest heat keeps: enough to see that there is heat, not so much that it veils.
const COLD_SHARE: f32 = 0.2;
/// Heat comes in steps of a hundredth: no eye tells them apart, and what has few colours is small to send.
const STEPS: f32 = 100.0;
/// Signed heat below this fades to black, the colour of what the model did not see. Terminals that enlarge a picture mix
/// colours without regard to how clear they are; a pale colour that nobody sees would leave a rim beside it.
const FAINT: f32 = 0.05;
/// What frames a place, and what is around that.
const FRAME: Rgba<u8> = Rgba([255, 255, 255, 255]);
const FRAME_EDGE: Rgba<u8> = Rgba([0, 0, 0, 255]);
/// Where a map has no value: dark, and not the colour of the lowest heat.
const NOTHING: Rgba<u8> = Rgba([38, 38, 42, 255]);
/// Pictures are written with at least so many pixels along their shorter side.
const WRITTEN_SIDE: f32 = 320.0;
/// A map whose values change by more than this share of themselves from one cell to the next is fine-grained.
const ROUGH: f64 = 0.25;

/// A map, and how to lay it over a picture.
#[derive(Debug, Clone)]
pub struct Heat {
    /// `[0, 1]`, or `[-1, 1]` where values are signed; any resolution, it is stretched over `region`. NaN is where there is
    /// nothing to show, and grey.
    pub map: Arc<Map>,
    /// How its values are shown.
    pub sign: Sign,
    /// Where the map lies, in pixels of the base picture.
    pub region: Region,
    /// Colours of positive maps.
    pub colormap: Colormap,
    /// How much of the picture the hottest heat hides, in `[0, 1]`.
    pub opacity: f32,
}

impl Heat {
    /// The map's value at `x`, `y`, in pixels of the base picture, as it is drawn there; none where there is no map. Where it
    /// is made of superpixels, it is the same all over each.
    pub fn value_at(&self, x: f32, y: f32, of_superpixels: bool) -> Option<f32> {
        let (u, v) = ((x - self.region.x) / self.region.width, (y - self.region.y) / self.region.height);
        let is_on = (0.0..=1.0).contains(&u) && (0.0..=1.0).contains(&v) && !self.map.is_empty();
        let (rows, columns) = self.map.dim();
        let value = is_on.then(|| {
            if of_superpixels {
                nearest(&self.map, u, v)
            } else {
                sample(&self.map, between(u, columns), between(v, rows))
            }
        })?;
        value.is_finite().then_some(value)
    }
}

/// The superpixels of a picture, and what is drawn of them.
#[derive(Debug, Clone)]
pub struct Superpixels {
    /// The superpixel at each pixel of the model's input, `[H, W]`; stretched over `region`.
    pub labels: Arc<Array2<u32>>,
    /// Where the labels lie, in pixels of the base picture.
    pub region: Region,
    /// Whether lines are drawn where one superpixel ends and the next begins.
    pub outlined: bool,
    /// The one that stands out.
    pub marked: Option<u32>,
    /// Whether the heat is the same all over each of them: then it ends where they do.
    pub carry_heat: bool,
}

/// A frame around a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    /// The place, in pixels of the base picture; it stays free.
    pub place: Region,
    /// How wide each of its two lines is, the light one and the dark one around it, in the same pixels; never narrower than one
    /// of those that are drawn.
    pub width: f32,
}

/// A picture with heat over it, or one of the two; and lines around its superpixels.
#[derive(Debug, Clone)]
pub struct Composition {
    /// The picture; its size is the composition's.
    pub base: Arc<RgbImage>,
    /// Whether the picture is seen, or only its place taken.
    pub show_base: bool,
    /// What lies over it.
    pub heat: Option<Heat>,
    /// Its superpixels, where it is divided.
    pub superpixels: Option<Superpixels>,
    /// Places that are framed.
    pub boxes: Vec<Frame>,
}

impl Composition {
    /// Width and height in pixels, at full size.
    pub fn size(&self) -> (u32, u32) {
        self.base.dimensions()
    }

    /// Width and height in pixels to be written at: full size, a thumbnail enlarged, so that a caption has room under it and
    /// heat can be seen.
    pub fn written_size(&self) -> (u32, u32) {
        let (width, height) = self.size();
        let factor = (WRITTEN_SIDE / width.min(height).max(1) as f32).max(1.0);
        ((width as f32 * factor) as u32, (height as f32 * factor) as u32)
    }

    /// Whether anything lies over the picture.
    pub fn has_overlay(&self) -> bool {
        let has_lines = self.superpixels.as_ref().is_some_and(Superpixels::has_lines);
        self.heat.is_some() || has_lines || !self.boxes.is_empty()
    }

    /// Whether what lies over the picture has sharp edges, and loses by being made small and enlarged again.
    pub fn has_edges(&self) -> bool {
        self.superpixels.is_some() || !self.boxes.is_empty()
    }

    /// Pixels along the longer side of an overlay that has a pixel for each value of a fine-grained map, such as one of
    /// gradients; none where the heat is smooth, and as good when it is made small and enlarged again.
    pub fn grain(&self) -> Option<u32> {
        let heat = self.heat.as_ref().filter(|heat| is_rough(&heat.map))?;
        let (width, height) = self.size();
        let (rows, columns) = heat.map.dim();
        let (across, down) = (columns as f32 / heat.region.width, rows as f32 / heat.region.height);
        Some((across.max(down) * width.max(height) as f32).ceil() as u32)
    }

    /// The part `window` of the composition at `width` x `height`, as one of its own. The window must lie inside.
    #[must_use]
    pub fn window(&self, (width, height): (u32, u32), window: Window) -> Composition {
        let (full_width, full_height) = self.size();
        let moved = |region: Region| {
            let region = region.scaled(width as f32 / full_width as f32, height as f32 / full_height as f32);
            Region { x: region.x - window.x as f32, y: region.y - window.y as f32, ..region }
        };
        let filter = self.filter(width, height);
        Composition {
            base: Arc::new(resize_window(&self.base, width, height, window, filter)),
            show_base: self.show_base,
            heat: self.heat.clone().map(|heat| Heat { region: moved(heat.region), ..heat }),
            superpixels: self.superpixels.clone().map(|lines| Superpixels { region: moved(lines.region), ..lines }),
            boxes: self.boxes.iter().map(|frame| frame.moved(width as f32 / full_width as f32, moved)).collect(),
        }
    }

    /// Enlarging interpolates, reducing averages.
    fn filter(&self, width: u32, height: u32) -> Filter {
        let (full_width, full_height) = self.size();
        if width <= full_width && height <= full_height { Filter::Bilinear } else { Filter::Bicubic }
    }

    /// The pixels at `width` x `height`. Enlarging interpolates, reducing averages.
    pub fn render(&self, width: u32, height: u32) -> RgbImage {
        let (width, height) = (width.max(1), height.max(1));
        let mut picture = self.base_at(width, height);
        if self.has_overlay() {
            for (under, over) in picture.pixels_mut().zip(self.overlay(width, height).pixels()) {
                *under = blend(*under, *over);
            }
        }
        picture
    }

    /// The picture alone at `width` x `height`; black where it is not to be seen.
    pub fn base_at(&self, width: u32, height: u32) -> RgbImage {
        if !self.show_base {
            return RgbImage::new(width, height);
        }
        if self.size() == (width, height) {
            self.base.as_ref().clone()
        } else {
            resize(self.base.as_ref(), width, height, self.filter(width, height))
        }
    }

    /// Heat and lines alone at `width` x `height`, to be laid over the picture: transparent where the picture is to be
    /// seen, black with some alpha where the model did not look. All transparent where there are neither.
    pub fn overlay(&self, width: u32, height: u32) -> RgbaImage {
        let (full_width, full_height) = self.size();
        let scale = (width as f32 / full_width as f32, height as f32 / full_height as f32);
        let outlines = self.superpixels.as_ref().map(|superpixels| {
            Outlines::new(&superpixels.labels, superpixels.region.scaled(scale.0, scale.1), (width, height))
        });
        let mut over = match &self.heat {
            Some(heat) => {
                let carry_heat = self.superpixels.as_ref().is_some_and(|superpixels| superpixels.carry_heat);
                self.heat_at(heat, scale, outlines.as_ref().filter(|_| carry_heat), (width, height))
            }
            None => RgbaImage::new(width, height),
        };
        if let Some((outlines, superpixels)) = outlines.zip(self.superpixels.as_ref()) {
            if superpixels.outlined {
                outlines.draw(&mut over);
            }
            if let Some(marked) = superpixels.marked {
                outlines.mark(&mut over, marked);
            }
        }
        let place = |place: Region| place.scaled(scale.0, scale.1);
        self.boxes.iter().for_each(|frame| frame.moved(scale.0.min(scale.1), place).draw(&mut over));
        over
    }

    fn heat_at(
        &self,
        heat: &Heat,
        scale: (f32, f32),
        outlines: Option<&Outlines<'_>>,
        (width, height): (u32, u32),
    ) -> RgbaImage {
        let region = heat.region.scaled(scale.0, scale.1);
        let opacity = heat.opacity.clamp(0.0, 1.0);
        let shade = |share: f32| Rgba([0, 0, 0, (share * 255.0) as u8]);
        // An empty rule leaves the picture as it is.
        // At about a pixel for each value, what lies between two of them would only be a blur of both.
        let is_exact = self.grain().is_some_and(|side| (side..2 * side).contains(&width.max(height)));
        let is_rule = heat.sign == Sign::Membership && heat.map.iter().any(|value| *value > 0.0);
        let pixel = |step: i32| {
            let value = step as f32 / STEPS;
            let ([r, g, b], alpha) = match heat.sign {
                Sign::Positive => (heat.colormap.colour(value), COLD_SHARE + (1.0 - COLD_SHARE) * value),
                Sign::Signed if self.show_base => signed(value),
                Sign::Signed => (Colormap::diverging(value), 1.0),
                Sign::Membership if self.show_base => {
                    return shade(if is_rule { OUTSIDE_SHADE * (1.0 - value) } else { 0.0 });
                }
                Sign::Membership => (Colormap::Grey.colour(value), 1.0),
            };
            let alpha = if self.show_base { opacity * alpha } else { 1.0 };
            Rgba([r, g, b, (alpha * 255.0).round() as u8])
        };
        let most = STEPS as i32;
        let pixels: Vec<Rgba<u8>> = (-most..=most).map(pixel).collect();
        let (rows, columns) = heat.map.dim();
        let place = |at: u32, start: f32, side: f32, count: usize| {
            let share = (at as f32 + 0.5 - start) / side;
            let around = if count > 0 { between(share, count) } else { (0, 0, 0.0) };
            (0.0..=1.0).contains(&share).then_some((share, around))
        };
        let across: Vec<_> = (0..width).map(|x| place(x, region.x, region.width, columns)).collect();
        let down: Vec<_> = (0..height).map(|y| place(y, region.y, region.height, rows)).collect();
        RgbaImage::from_fn(width, height, |x, y| {
            let Some(((u, across), (v, down))) = across[x as usize].zip(down[y as usize]) else {
                return shade(if is_rule { OUTSIDE_SHADE } else { UNSEEN_SHADE });
            };
            let whole = outlines.and_then(|outlines| heat.map.get(outlines.source(x, y)?).copied());
            let value = whole
                .unwrap_or_else(|| if is_exact { nearest(&heat.map, u, v) } else { sample(&heat.map, across, down) });
            if value.is_nan() {
                return NOTHING;
            }
            // To the nearest step, without a call for each pixel.
            let step = (f64::from(value * STEPS) + 0.5_f64.copysign(f64::from(value))) as i32;
            pixels.get((step + most) as usize).copied().unwrap_or_else(|| pixel(step))
        })
    }
}

impl Frame {
    /// The frame of another place, with its lines enlarged.
    pub(super) fn moved(self, scale: f32, place: impl Fn(Region) -> Region) -> Frame {
        Frame { place: place(self.place), width: self.width * scale }
    }

    /// Draws it: a light line, and a dark one around that, so that it shows on any picture. Of lines that would lie outside of
    /// the picture, its edge takes the place.
    fn draw(&self, over: &mut RgbaImage) {
        let Region { x, y, width, height } = self.place;
        let (left, top) = (x.round() as i64, y.round() as i64);
        let (right, bottom) = ((x + width).round() as i64 - 1, (y + height).round() as i64 - 1);
        let most = (i64::from(over.width()) - 1, i64::from(over.height()) - 1);
        let thick = (self.width.round() as i64).max(1);
        for grown in (1..=2 * thick).rev() {
            let colour = if grown > thick { FRAME_EDGE } else { FRAME };
            let (left, top) = ((left - grown).max(0), (top - grown).max(0));
            let (right, bottom) = ((right + grown).min(most.0), (bottom + grown).min(most.1));
            let across = (left..=right).flat_map(|x| [(x, top), (x, bottom)]);
            for (x, y) in across.chain((top..=bottom).flat_map(|y| [(left, y), (right, y)])) {
                if (0..=most.0).contains(&x) && (0..=most.1).contains(&y) {
                    over.put_pixel(x as u32, y as u32, colour);
                }
            }
        }
    }
}

impl Superpixels {
    /// The superpixel at `x`, `y`, in pixels of the base picture.
    pub fn at(&self, x: f32, y: f32) -> Option<u32> {
        let (u, v) = ((x - self.region.x) / self.region.width, (y - self.region.y) / self.region.height);
        let (height, width) = self.labels.dim();
        let inside = u >= 0.0 && v >= 0.0;
        inside.then(|| self.labels.get([(v * height as f32) as usize, (u * width as f32) as usize]).copied()).flatten()
    }

    /// Whether anything of them is drawn.
    fn has_lines(&self) -> bool {
        self.outlined || self.marked.is_some()
    }
}

/// Colour and share of the opacity of signed heat over a picture. The diverging map is pale around zero and dark at its ends,
/// and shows on no picture there: its vivid stretch tells the sign, and opacity how much.
fn signed(value: f32) -> ([u8; 3], f32) {
    let strength = value.abs();
    let fade = (strength / FAINT).min(1.0);
    let colour = Colormap::diverging((0.5 + 0.3 * strength).copysign(value));
    (colour.map(|channel| (f32::from(channel) * fade) as u8), strength)
}

/// Whether neighbours in a row differ about as much as the values are large.
fn is_rough(map: &Map) -> bool {
    let step = |row: ArrayView1<'_, f32>| (1..row.len()).map(|x| f64::from((row[x] - row[x - 1]).abs())).sum::<f64>();
    let steps: f64 = map.rows().into_iter().map(step).sum();
    steps > ROUGH * map.iter().map(|value| f64::from(value.abs())).sum::<f64>()
}

/// `over` laid on `under`.
fn blend(under: Rgb<u8>, over: Rgba<u8>) -> Rgb<u8> {
    let alpha = u32::from(over[3]);
    let mix = |under: u8, over: u8| ((u32::from(under) * (255 - alpha) + u32::from(over) * alpha + 127) / 255) as u8;
    Rgb([mix(under[0], over[0]), mix(under[1], over[1]), mix(under[2], over[2])])
}

/// The value of the cell at `u`, `v` in `[0, 1]` of the map's width and height; the map has one.
fn nearest(map: &Map, u: f32, v: f32) -> f32 {
    let cell = |share: f32, count: usize| ((share * count as f32) as usize).min(count - 1);
    map[[cell(v, map.nrows()), cell(u, map.ncols())]]
}

/// The map between four cells that [`between`] found across and down: bilinear, with half-pixel centres, its edges continued.
fn sample(map: &Map, (left, right, x): (usize, usize, f32), (top, bottom, y): (usize, usize, f32)) -> f32 {
    if map.is_empty() {
        return 0.0;
    }
    let row = |row: usize| map[[row, left]] * (1.0 - x) + map[[row, right]] * x;
    row(top) * (1.0 - y) + row(bottom) * y
}

/// The two of `count` cells along a side whose centres lie around `share` of it, and how far it is from the first to the
/// second; at the ends, twice the same. `count` is at least 1.
pub(super) fn between(share: f32, count: usize) -> (usize, usize, f32) {
    let position = (share * count as f32 - 0.5).clamp(0.0, (count - 1) as f32);
    let low = position as usize;
    (low, (low + 1).min(count - 1), position.fract())
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    /// A white picture of two pixels under a map of two values.
    fn rendered(map: Map, sign: Sign) -> [[u8; 3]; 2] {
        let base = Arc::new(RgbImage::from_pixel(2, 1, Rgb([255; 3])));
        let region = Region::whole(2, 1);
        let heat = Heat { map: map.into(), sign, region, colormap: Colormap::default(), opacity: 0.6 };
        let picture =
            Composition { base, show_base: true, heat: Some(heat), superpixels: None, boxes: vec![] }.render(2, 1);
        [0, 1].map(|x| picture.get_pixel(x, 0).0)
    }

    #[test]
    fn what_counts_neither_for_nor_against_leaves_the_picture_alone() {
        let [neutral, positive] = rendered(array![[0.0, 1.0]], Sign::Signed);
        assert_eq!(neutral, [255; 3]);
        assert!(positive[0] > positive[2] + 30, "{positive:?}");
    }

    #[test]
    fn weak_signed_heat_is_vivid_and_thin_and_none_is_black_and_clear() {
        let base = Arc::new(RgbImage::new(3, 1));
        let map = array![[-0.25, 0.0, 0.25]].into();
        let heat =
            Heat { map, sign: Sign::Signed, region: Region::whole(3, 1), colormap: Colormap::default(), opacity: 1.0 };
        let over =
            Composition { base, show_base: true, heat: Some(heat), superpixels: None, boxes: vec![] }.overlay(3, 1);
        let [against, none, for_it] = [0, 1, 2].map(|x| over.get_pixel(x, 0).0);
        assert!(against[2] > against[0] + 60 && for_it[0] > for_it[2] + 60, "{against:?} {for_it:?}");
        assert_eq!([against[3], for_it[3]], [64, 64]);
        assert_eq!(none, [0; 4]);
    }

    #[test]
    fn only_maps_whose_values_jump_from_cell_to_cell_need_a_pixel_for_each() {
        let grain = |map: Map| {
            let base = Arc::new(RgbImage::new(500, 375));
            let region = Region { x: 62.5, y: 0.0, width: 375.0, height: 375.0 };
            let heat =
                Heat { map: map.into(), sign: Sign::Positive, region, colormap: Colormap::default(), opacity: 0.6 };
            Composition { base, show_base: true, heat: Some(heat), superpixels: None, boxes: vec![] }.grain()
        };
        assert_eq!(grain(Map::from_shape_fn((150, 150), |(y, x)| (x + y) as f32 / 300.0)), None);
        assert_eq!(grain(Map::from_shape_fn((150, 150), |(y, x)| ((7 * x + 5 * y) % 11) as f32 / 10.0)), Some(200));
        assert_eq!(grain(Map::zeros((150, 150))), None);
    }

    #[test]
    fn where_a_map_has_no_value_it_is_grey_rather_than_cold() {
        let [none, cold] = rendered(array![[f32::NAN, 0.0]], Sign::Positive);
        assert_eq!(none, [38, 38, 42]);
        assert_ne!(cold, none);
    }

    #[test]
    fn a_rule_is_shown_as_it_is_and_the_rest_darkened() {
        let [outside, inside] = rendered(array![[0.0, 1.0]], Sign::Membership);
        assert_eq!(inside, [255; 3]);
        assert!(outside.iter().all(|value| *value < 100), "{outside:?}");
        assert_eq!(rendered(array![[0.0, 0.0]], Sign::Membership), [[255; 3]; 2], "an empty rule hides nothing");
    }
}
