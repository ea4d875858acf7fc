//! A terminal that understands as much of the kitty graphics protocol as we speak, and blends as kitty does: in linear light,
//! with images that fade into nothing beyond their last pixels.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::{Rgb, RgbImage, Rgba, RgbaImage};
use ratatui::buffer::Buffer;

/// The terminal's memory and what it shows.
#[derive(Default)]
pub(crate) struct Kitty {
    pub(crate) images: BTreeMap<u32, RgbaImage>,
    /// Keys of the first piece, and the data so far.
    loading: Option<(Keys, String)>,
    placements: BTreeMap<(u32, u32), Keys>,
}

/// What a command says, by the letters of its keys; text is not needed.
#[derive(Clone, Debug)]
struct Keys(BTreeMap<char, String>);

impl Keys {
    fn new(text: &str) -> Keys {
        let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
        Keys(pairs.map(|(key, value)| (key.chars().next().unwrap(), value.to_owned())).collect())
    }

    fn text(&self, key: char) -> &str {
        self.0.get(&key).map_or("", String::as_str)
    }

    fn number(&self, key: char) -> i64 {
        self.text(key).parse().unwrap_or(0)
    }

    fn id(&self) -> u32 {
        self.number('i') as u32
    }
}

fn light(level: u8) -> f64 {
    let share = f64::from(level) / 255.0;
    if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
}

fn level(light: f64) -> u8 {
    let share = if light <= 0.003_130_8 { 12.92 * light } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 };
    (share.clamp(0.0, 1.0) * 255.0).round() as u8
}

impl Kitty {
    /// Takes what is written; text between the commands is left out.
    pub(crate) fn take(&mut self, text: &str) {
        for command in text.split("\x1b_G").skip(1) {
            let body = command.split("\x1b\\").next().unwrap();
            let (keys, data) = body.split_once(';').unwrap_or((body, ""));
            self.command(&Keys::new(keys), data);
        }
    }

    fn command(&mut self, keys: &Keys, data: &str) {
        match keys.text('a') {
            "p" => {
                assert!(self.loading.is_none(), "no other command comes into the middle of an image");
                assert!(self.images.contains_key(&keys.id()), "image {} is not there to be shown", keys.id());
                self.placements.insert((keys.id(), keys.number('p') as u32), keys.clone());
            }
            "d" => {
                // As kitty does it.
                self.loading = None;
                let (id, number) = (keys.id(), keys.number('p') as u32);
                self.placements.retain(|key, _| key.0 != id || number != 0 && key.1 != number);
                if keys.text('d') == "I" {
                    self.images.remove(&id);
                }
            }
            _ => {
                let (first, mut all) = self.loading.take().unwrap_or_else(|| (keys.clone(), String::new()));
                all.push_str(data);
                if keys.number('m') == 1 {
                    self.loading = Some((first, all));
                } else if let Ok(image) = image::load_from_memory(&STANDARD.decode(all).unwrap_or_default()) {
                    self.images.insert(first.id(), image.to_rgba8());
                }
            }
        }
    }

    /// Whether an image is on its way.
    pub(crate) fn is_loading(&self) -> bool {
        self.loading.is_some()
    }

    /// How many images are shown.
    pub(crate) fn shown(&self) -> usize {
        self.placements.len()
    }

    /// The pixels of a screen on which these cells are, black where there are no pictures.
    pub(crate) fn render(&self, cells: &Buffer, (width, height): (u32, u32)) -> RgbImage {
        let mut screen =
            vec![[0.0; 3]; (u32::from(cells.area.width) * width * u32::from(cells.area.height) * height) as usize];
        let across = u32::from(cells.area.width) * width;
        let mut placements: Vec<_> = self.placements.iter().collect();
        placements.sort_by_key(|((id, number), keys)| (keys.number('z'), *id, *number));
        for ((id, _), keys) in placements {
            let parent = keys.number('P') as u32;
            let [_, r, g, b] = parent.to_be_bytes();
            let is_anchor = |at: &(u16, u16)| {
                let cell = &cells[*at];
                cell.symbol().starts_with('\u{10eeee}') && cell.fg == ratatui::style::Color::Rgb(r, g, b)
            };
            let places = (0..cells.area.height).flat_map(|y| (0..cells.area.width).map(move |x| (x, y)));
            let Some(anchor) = places.into_iter().find(is_anchor) else { continue };
            let column = i64::from(anchor.0) + keys.number('H');
            let row = i64::from(anchor.1) + keys.number('V');
            let left = column * i64::from(width) + keys.number('X');
            let top = row * i64::from(height) + keys.number('Y');
            let image = &self.images[id];
            let source = match keys.number('w') {
                0 => [0, 0, image.width(), image.height()].map(i64::from),
                _ => ['x', 'y', 'w', 'h'].map(|key| keys.number(key)),
            };
            let right =
                if keys.number('c') > 0 { (column + keys.number('c')) * i64::from(width) } else { left + source[2] };
            let bottom =
                if keys.number('r') > 0 { (row + keys.number('r')) * i64::from(height) } else { top + source[3] };
            for y in top..bottom {
                for x in left..right {
                    let share = |at: i64, from: i64, to: i64| (at as f64 + 0.5 - from as f64) / (to - from) as f64;
                    let u = source[0] as f64 + share(x, left, right) * source[2] as f64;
                    let v = source[1] as f64 + share(y, top, bottom) * source[3] as f64;
                    let [r, g, b, opacity] = sample(image, u - 0.5, v - 0.5);
                    let below = &mut screen[(y * i64::from(across) + x) as usize];
                    for (below, over) in below.iter_mut().zip([r, g, b]) {
                        *below = *below * (1.0 - opacity) + over * opacity;
                    }
                }
            }
        }
        RgbImage::from_fn(across, u32::from(cells.area.height) * height, |x, y| {
            Rgb(screen[(y * across + x) as usize].map(level))
        })
    }
}

/// Light and opacity between four pixels, nothing beyond the last of them.
fn sample(image: &RgbaImage, u: f64, v: f64) -> [f64; 4] {
    let mut sum = [0.0; 4];
    for (x, y) in [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)] {
        let (column, row) = (u.floor() + x, v.floor() + y);
        let weight = (1.0 - (u - column).abs()) * (1.0 - (v - row).abs());
        if column < 0.0 || row < 0.0 {
            continue;
        }
        if let Some(Rgba([r, g, b, a])) = image.get_pixel_checked(column as u32, row as u32) {
            for (sum, part) in sum.iter_mut().zip([light(*r), light(*g), light(*b), f64::from(*a) / 255.0]) {
                *sum += weight * part;
            }
        }
    }
    sum
}
