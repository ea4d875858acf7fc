//! Pictures in few colours: a cell of two colours mixed, where the one that is missing lies between them.
//!
//! Dots of several colours side by side would do the same (dithering), but dots as large as half a cell are seen one by one. The
//! shades among the block elements mix two colours within a cell, as fine as the font is.

use super::{Blocks, Depth};

/// Characters that mix two colours.
struct Shades {
    /// Each with the share of its cell that is in the foreground.
    symbols: [(&'static str, f32); 2],
    /// How much a mixture's grain counts against it, as a share of its variance.
    grain: f32,
}

/// Light and medium shade. The dark one is the light one with the colours exchanged.
const SHADES: Shades = Shades { symbols: [("░", 0.25), ("▒", 0.5)], grain: 0.04 };
/// What ASCII has: the shares are those of a common font, and the grain is coarse.
const ASCII: Shades = Shades { symbols: [(":", 0.1), ("#", 0.3)], grain: 0.1 };

/// Two colours, by number, in one cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mixture {
    pub(super) symbol: &'static str,
    pub(super) ground: u8,
    pub(super) figure: u8,
    /// What it looks like from afar.
    colour: [f32; 3],
    grain: f32,
}

impl Mixture {
    /// How far it is from these dots, together.
    pub(super) fn error(&self, dots: &[[u8; 3]]) -> f32 {
        dots.iter().map(|dot| distance(self.colour, dot.map(f32::from)) + self.grain).sum()
    }
}

/// The mixture that comes nearest to a colour.
pub(super) fn mixture(depth: Depth, colour: [u8; 3], blocks: Blocks) -> Mixture {
    let shades = if blocks == Blocks::Spaces { ASCII } else { SHADES };
    let wanted = colour.map(f32::from);
    let pure = |number| Mixture {
        symbol: " ",
        ground: number,
        figure: number,
        colour: depth.colour(number).map(f32::from),
        grain: 0.0,
    };
    let mut best = pure(depth.number(colour));
    let mut least = distance(best.colour, wanted);
    let candidates: Vec<Mixture> = depth.around(colour).into_iter().map(pure).collect();
    for ground in &candidates {
        for figure in candidates.iter().filter(|figure| figure.ground != ground.ground) {
            for (symbol, share) in shades.symbols {
                // Light adds up, of which the values are roughly the roots.
                let mixed = [0, 1, 2]
                    .map(|at| (share * figure.colour[at].powi(2) + (1.0 - share) * ground.colour[at].powi(2)).sqrt());
                let grain = shades.grain * share * (1.0 - share) * distance(ground.colour, figure.colour);
                let error = distance(mixed, wanted) + grain;
                if error < least {
                    least = error;
                    best = Mixture { symbol, ground: ground.ground, figure: figure.ground, colour: mixed, grain };
                }
            }
        }
    }
    best
}

/// How far two colours are apart; see [`Depth::number`].
pub(super) fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    let [r, g, b] = [0, 1, 2].map(|at| (a[at] - b[at]).powi(2));
    2.0 * r + 4.0 * g + 3.0 * b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixture_comes_nearer_than_any_colour_that_the_terminal_has() {
        for colour in [[60, 60, 60], [100, 100, 100], [170, 170, 170], [90, 140, 200], [200, 120, 60], [250, 240, 200]]
        {
            for depth in [Depth::Sixteen, Depth::Palette] {
                let wanted = colour.map(f32::from);
                let nearest = depth.colour(depth.number(colour)).map(f32::from);
                let mixture = mixture(depth, colour, Blocks::Halves);
                let (mixed, plain) = (distance(mixture.colour, wanted), distance(nearest, wanted));
                assert!(mixed <= plain, "{depth:?} {colour:?}: {mixture:?}");
                assert!(plain < 300.0 || mixed < 0.7 * plain, "{depth:?} {colour:?}: {mixed} instead of {plain}");
            }
        }
    }

    #[test]
    fn a_colour_that_the_terminal_has_is_left_alone() {
        let red = mixture(Depth::Sixteen, [205, 0, 0], Blocks::Halves);
        assert_eq!((red.symbol, red.ground), (" ", 1));
        let blue = mixture(Depth::Palette, [95, 135, 175], Blocks::Halves);
        assert_eq!((blue.symbol, blue.ground), (" ", 67));
    }
}
