//! Pictures out of characters: each cell is divided into dots, and has two colours for them.

use image::RgbImage;
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ratatui::style::{Color, Style};

use super::Depth;
use super::shade::{distance, mixture};

/// How a cell is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blocks {
    /// Not at all: a space on a ground of one colour. All that ASCII has.
    Spaces,
    /// Into an upper half and a lower one.
    Halves,
    /// Into two by two: U+2580 to U+259F.
    Quadrants,
    /// Into two by three: U+1FB00 to U+1FB3B.
    Sextants,
}

/// Quadrants by the sum of those in the foreground: 1, 2 above, 4, 8 below.
const QUADRANTS: [&str; 16] = [" ", "▘", "▝", "▀", "▖", "▌", "▞", "▛", "▗", "▚", "▐", "▜", "▄", "▙", "▟", "█"];

impl Blocks {
    /// Dots across and down a cell.
    pub fn dots(self) -> (u16, u16) {
        match self {
            Blocks::Spaces => (1, 1),
            Blocks::Halves => (1, 2),
            Blocks::Quadrants => (2, 2),
            Blocks::Sextants => (2, 3),
        }
    }

    /// The character with these dots in the foreground: a bit each, row by row.
    fn symbol(self, dots: usize) -> String {
        match (self, dots) {
            (_, 0) => " ".to_owned(),
            (Blocks::Spaces, _) => " ".to_owned(),
            (Blocks::Halves, _) => "▄".to_owned(),
            (Blocks::Quadrants, _) => QUADRANTS[dots % QUADRANTS.len()].to_owned(),
            // The two halves and the full block are among the quadrants, and left out of the list of sextants.
            (Blocks::Sextants, 21) => "▌".to_owned(),
            (Blocks::Sextants, 42) => "▐".to_owned(),
            (Blocks::Sextants, 63) => "█".to_owned(),
            (Blocks::Sextants, _) => {
                let number = dots as u32 - 1 - u32::from(dots > 21) - u32::from(dots > 42);
                char::from_u32(0x1fb00 + number).unwrap_or(' ').to_string()
            }
        }
    }
}

/// The cells of a picture, which should have as many pixels as there are dots.
pub(super) fn encode(image: &RgbImage, size: Size, blocks: Blocks, depth: Depth) -> Buffer {
    let (across, down) = blocks.dots();
    let mut cells = Buffer::empty(Rect::from(((0, 0).into(), size)));
    for position in cells.area.positions() {
        let (left, top) = (position.x * across, position.y * down);
        let places = (0..down).flat_map(|y| (0..across).map(move |x| (left + x, top + y)));
        let dots: Vec<[u8; 3]> =
            places.map(|(x, y)| image.get_pixel_checked(x.into(), y.into()).map_or([0; 3], |pixel| pixel.0)).collect();
        let (symbol, [ground, figure]) = best(&dots, blocks, depth);
        let Some(cell) = cells.cell_mut(position) else { continue };
        let style = Style::new().bg(ground);
        if ground == figure {
            cell.set_symbol(" ").set_style(style);
        } else {
            cell.set_symbol(&symbol).set_style(style.fg(figure));
        }
    }
    cells
}

/// The character for these dots, and the colours of background and foreground.
fn best(dots: &[[u8; 3]], blocks: Blocks, depth: Depth) -> (String, [Color; 2]) {
    let (chosen, colours) = match *dots {
        [whole] => (0, [whole; 2]),
        [upper, lower] => (2, [upper, lower]),
        _ => two_colours(dots),
    };
    // In a letter's grain, the difference between two neighbours of the palette would be lost.
    let mixes = depth == Depth::Sixteen || depth == Depth::Palette && blocks != Blocks::Spaces;
    if mixes {
        let shown = |at: usize| depth.colour(depth.number(colours[chosen >> at & 1])).map(f32::from);
        let error: f32 = dots.iter().enumerate().map(|(at, dot)| distance(shown(at), dot.map(f32::from))).sum();
        let mixture = mixture(depth, mean(dots), blocks);
        if mixture.error(dots) < error {
            return (mixture.symbol.to_owned(), [mixture.ground, mixture.figure].map(Color::Indexed));
        }
    }
    (blocks.symbol(chosen), colours.map(|colour| depth.nearest(colour)))
}

fn mean(dots: &[[u8; 3]]) -> [u8; 3] {
    let count = dots.len().max(1) as u32;
    [0, 1, 2].map(|at| ((dots.iter().map(|dot| u32::from(dot[at])).sum::<u32>() + count / 2) / count) as u8)
}

/// Which dots to put in the foreground, a bit each, and the colours of background and foreground, so that the squares of the
/// errors come to least. The first dot is always in the background: the other way round is the same picture.
fn two_colours(dots: &[[u8; 3]]) -> (usize, [[u8; 3]; 2]) {
    let sums = |chosen: usize| {
        let mut sums = [[0_u32; 4]; 2];
        for (at, dot) in dots.iter().enumerate() {
            let sum = &mut sums[chosen >> at & 1];
            for (sum, value) in sum.iter_mut().zip([dot[0], dot[1], dot[2], 1]) {
                *sum += u32::from(value);
            }
        }
        sums
    };
    // What the errors' squares fall short of those of the dots themselves.
    let gain = |[r, g, b, count]: [u32; 4]| (r * r + g * g + b * b).checked_div(count).unwrap_or(0);
    let patterns = (0..1 << dots.len()).step_by(2);
    let chosen = patterns.max_by_key(|chosen| sums(*chosen).map(gain).iter().sum::<u32>()).unwrap_or(0);
    let mean = |[r, g, b, count]: [u32; 4]| [r, g, b].map(|sum| ((sum + count / 2) / count.max(1)) as u8);
    let [ground, figure] = sums(chosen);
    (chosen, if figure[3] == 0 { [mean(ground); 2] } else { [mean(ground), mean(figure)] })
}

#[cfg(test)]
mod tests {
    use image::Rgb;
    use ratatui::style::Color;

    use super::*;

    const RED: [u8; 3] = [200, 0, 0];
    const BLUE: [u8; 3] = [0, 0, 200];

    /// One cell whose dots are blue where the bit is set and red elsewhere.
    fn cell(blocks: Blocks, dots: u32) -> (String, Color, Color) {
        let (across, down) = blocks.dots();
        let image = RgbImage::from_fn(across.into(), down.into(), |x, y| {
            Rgb(if dots >> (y * u32::from(across) + x) & 1 == 1 { BLUE } else { RED })
        });
        let cells = encode(&image, Size::new(1, 1), blocks, Depth::True);
        (cells[(0, 0)].symbol().to_owned(), cells[(0, 0)].fg, cells[(0, 0)].bg)
    }

    #[test]
    fn a_character_has_its_dots_where_the_picture_has_them() {
        let [red, blue] = [RED, BLUE].map(|[r, g, b]| Color::Rgb(r, g, b));
        for (blocks, dots, symbol) in [
            (Blocks::Halves, 0b10, "▄"),
            (Blocks::Quadrants, 0b0010, "▝"),
            (Blocks::Quadrants, 0b0110, "▞"),
            (Blocks::Quadrants, 0b1100, "▄"),
            (Blocks::Sextants, 0b00_00_10, "\u{1fb01}"),
            (Blocks::Sextants, 0b10_10_10, "▐"),
            (Blocks::Sextants, 0b11_11_10, "\u{1fb3b}"),
            (Blocks::Sextants, 0b11_00_00, "\u{1fb2d}"),
        ] {
            assert_eq!(cell(blocks, dots), (symbol.to_owned(), blue, red), "{blocks:?} {dots:b}");
        }
        // The same the other way round, since the first dot is in the background.
        assert_eq!(cell(Blocks::Quadrants, 0b0001), ("▟".to_owned(), red, blue));
        assert_eq!(cell(Blocks::Sextants, 0), (" ".to_owned(), Color::Reset, red));
    }

    #[test]
    fn all_patterns_have_characters_of_their_own() {
        for blocks in [Blocks::Quadrants, Blocks::Sextants] {
            let (across, down) = blocks.dots();
            let all: std::collections::BTreeSet<String> =
                (0..1 << (across * down)).map(|dots| blocks.symbol(dots)).collect();
            assert_eq!(all.len(), 1 << (across * down));
        }
    }

    #[test]
    fn the_two_colours_are_those_with_the_least_error() {
        // Two greys that are near one another, and two reds: they are not divided otherwise.
        let dots = [[100, 100, 100], [210, 0, 0], [110, 110, 110], [190, 0, 0]];
        assert_eq!(two_colours(&dots), (0b1010, [[105, 105, 105], [200, 0, 0]]));
    }

    #[test]
    fn finer_blocks_come_nearer_to_a_slanted_edge() {
        let at = |x: u32, y: u32| if 2 * x > y { [240, 240, 240] } else { [10, 10, 10] };
        let errors = [Blocks::Spaces, Blocks::Halves, Blocks::Quadrants, Blocks::Sextants].map(|blocks| {
            let (across, down) = blocks.dots();
            // Cells of 12x24 pixels, 6x6 of them.
            let (width, height) = (12 / u32::from(across), 24 / u32::from(down));
            let whole = RgbImage::from_fn(72, 144, |x, y| Rgb(at(x, y)));
            let small = image::imageops::resize(
                &whole,
                6 * u32::from(across),
                6 * u32::from(down),
                image::imageops::FilterType::Triangle,
            );
            let cells = encode(&small, Size::new(6, 6), blocks, Depth::True);
            let patterns: Vec<String> = (0..1 << (across * down)).map(|dots| blocks.symbol(dots)).collect();
            whole
                .enumerate_pixels()
                .map(|(x, y, pixel)| {
                    let cell = &cells[((x / 12) as u16, (y / 24) as u16)];
                    let dot = y % 24 / height * u32::from(across) + x % 12 / width;
                    let pattern = patterns.iter().position(|symbol| symbol == cell.symbol()).unwrap();
                    let is_figure = pattern >> dot & 1 == 1 || blocks == Blocks::Halves && pattern > 0 && dot == 1;
                    let Color::Rgb(value, ..) = (if is_figure { cell.fg } else { cell.bg }) else { panic!("a colour") };
                    u64::from(value.abs_diff(pixel.0[0]))
                })
                .sum::<u64>()
        });
        assert!(errors.is_sorted_by(|a, b| a > b), "{errors:?}");
    }
}
