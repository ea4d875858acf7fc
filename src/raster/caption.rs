//! Text and colour bars under a picture, for exported files.

use font8x8::UnicodeFonts;
use image::{Rgb, RgbImage};

/// Width and height of a character, in pixels.
const CELL: u32 = 8;
/// Pixels between lines, and around them.
const GAP: u32 = 4;
const INK: Rgb<u8> = Rgb([235, 235, 235]);
const PAPER: Rgb<u8> = Rgb([24, 24, 24]);

/// A scale: colours from `low` to `high`.
pub struct Bar<'a> {
    /// What the left end means.
    pub low: &'a str,
    /// What the right end means.
    pub high: &'a str,
    /// The colour at a position in `[0, 1]`.
    pub colour: &'a dyn Fn(f32) -> [u8; 3],
}

/// `picture` with lines of text and a colour bar under it. The result is as wide as the picture, at least 160 pixels;
/// lines are broken between words, and a word that does not fit is cut off.
pub fn caption(picture: &RgbImage, lines: &[String], bar: Option<&Bar<'_>>) -> RgbImage {
    let width = picture.width().max(20 * CELL);
    let scale = (width / 480).max(1);
    let row = (CELL + GAP) * scale;
    let lines: Vec<String> =
        lines.iter().flat_map(|line| broken(line, ((width - 2 * GAP * scale) / (CELL * scale)) as usize)).collect();
    let rows = lines.len() as u32 + u32::from(bar.is_some());
    let mut page = RgbImage::from_pixel(width, picture.height() + row * rows + GAP * scale, PAPER);
    image::imageops::replace(&mut page, picture, i64::from((width - picture.width()) / 2), 0);
    let mut y = picture.height() + GAP * scale;
    for line in &lines {
        write(&mut page, line, GAP * scale, y, scale);
        y += row;
    }
    if let Some(bar) = bar {
        let measure = |text: &str| text.chars().count() as u32 * CELL * scale;
        let gap = GAP * scale;
        write(&mut page, bar.low, gap, y, scale);
        let right = width.saturating_sub(gap + measure(bar.high));
        write(&mut page, bar.high, right, y, scale);
        let (from, to) = (2 * gap + measure(bar.low), right.saturating_sub(gap));
        for x in from..to {
            let colour = Rgb((bar.colour)((x - from) as f32 / (to - from).saturating_sub(1).max(1) as f32));
            for dy in 0..CELL * scale {
                page.put_pixel(x, y + dy, colour);
            }
        }
    }
    page
}

/// Pages below each other.
pub fn stack(pages: &[RgbImage]) -> RgbImage {
    let width = pages.iter().map(RgbImage::width).max().unwrap_or(1);
    let gaps = 2 * GAP * pages.len().saturating_sub(1) as u32;
    let height = (pages.iter().map(RgbImage::height).sum::<u32>() + gaps).max(1);
    let mut all = RgbImage::from_pixel(width, height, PAPER);
    let mut y = 0;
    for page in pages {
        image::imageops::replace(&mut all, page, 0, i64::from(y));
        y += page.height() + 2 * GAP;
    }
    all
}

/// The text in lines of `width` characters at most, longer words aside.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Writes `text` with its upper left corner at `x`, `y`, each of the font's pixels `scale` wide. Characters without a
/// glyph become a question mark.
fn write(page: &mut RgbImage, text: &str, x: u32, y: u32, scale: u32) {
    for (position, character) in text.chars().enumerate() {
        let glyph = glyph(character);
        let left = x + position as u32 * CELL * scale;
        for (down, bits) in glyph.iter().enumerate() {
            for right in (0..CELL).filter(|right| bits >> right & 1 == 1) {
                for (dx, dy) in (0..scale * scale).map(|i| (i % scale, i / scale)) {
                    let (px, py) = (left + right * scale + dx, y + down as u32 * scale + dy);
                    if px < page.width() && py < page.height() {
                        page.put_pixel(px, py, INK);
                    }
                }
            }
        }
    }
}

fn glyph(character: char) -> [u8; 8] {
    font8x8::BASIC_FONTS
        .get(character)
        .or_else(|| font8x8::LATIN_FONTS.get(character))
        .or_else(|| font8x8::BASIC_FONTS.get('?'))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_stays_whole_and_the_bar_runs_from_low_to_high() {
        let picture = RgbImage::from_pixel(200, 50, Rgb([10, 200, 30]));
        let bar = Bar { low: "0", high: "7.1", colour: &|share| [(share * 255.0) as u8, 0, 0] };
        let page = caption(&picture, &["grad-cam".into()], Some(&bar));
        assert_eq!(page.width(), 200);
        assert!((0..200).all(|x| (0..50).all(|y| *page.get_pixel(x, y) == Rgb([10, 200, 30]))));
        let row: Vec<u8> =
            (16..170).map(|x| page.get_pixel(x, 50 + 4 + 12 + 2)[0]).filter(|red| *red != 24 && *red != 235).collect();
        assert!(row.is_sorted() && row.len() > 100, "{row:?}");
        assert!(page.pixels().any(|pixel| *pixel == INK), "the text is written");
    }

    #[test]
    fn a_long_text_is_broken_between_words() {
        assert_eq!(broken("if the top left can be seen", 11), ["if the top", "left can be", "seen"]);
        assert_eq!(broken("raw 0.1  logit 2", 40), ["raw 0.1  logit 2"]);
        let lines = |text: &str| caption(&RgbImage::new(1, 1), &[text.into()], None).height();
        assert_eq!(lines("nineteen characters and more") - lines("short"), CELL + GAP);
    }

    #[test]
    fn a_tiny_picture_and_a_long_text_are_no_trouble() {
        let page = caption(&RgbImage::new(1, 1), &["x".repeat(500), "日本".into()], None);
        assert_eq!(page.width(), 160);
    }
}
