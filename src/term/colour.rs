//! How many colours the terminal has, who says so, and the nearest of them.

use ratatui::style::Color;

use super::probe::{Environment, Facts};
use super::{decide::begins_with, terminal_name};

/// How many colours the terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    /// The sixteen that have names, in the usual shades of xterm.
    Sixteen,
    /// xterm's palette: 6 shades of each primary, and 24 greys.
    Palette,
    /// All of them, by 8 bits a primary.
    True,
}

/// How many colours, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Colours {
    /// How many.
    pub depth: Depth,
    /// Why, in a few words.
    pub reason: String,
}

/// Terminals whose name begins so (their answer to `XTVERSION`, `TERM_PROGRAM` or `TERM`), and what they have whatever `TERM`
/// says. Sources: their own documentation.
const TERMINALS: &[(&str, Depth)] = &[
    ("kitty", Depth::True),
    ("xterm-kitty", Depth::True),
    ("ghostty", Depth::True),
    ("xterm-ghostty", Depth::True),
    ("foot", Depth::True),
    ("WezTerm", Depth::True),
    ("iTerm", Depth::True),
    ("Konsole", Depth::True),
    ("mintty", Depth::True),
    ("alacritty", Depth::True),
    ("contour", Depth::True),
    ("rio", Depth::True),
    ("Warp", Depth::True),
    ("vscode", Depth::True),
    ("Hyper", Depth::True),
    ("VTE(", Depth::True),
    ("mlterm", Depth::True),
    ("st-", Depth::True),
    ("Zellij", Depth::True),
    // It takes what is nearest in a palette of its own, unless it is built and told otherwise.
    ("XTerm(", Depth::Palette),
    ("putty", Depth::Palette),
];

/// The first build of Apple's Terminal with 24-bit colours is 2.15 (464), of macOS 26; the last without is 2.14 (455).
const APPLE_TRUE: u32 = 460;

/// Decides. `TERM` counts before `COLORTERM` where it names something that has fewer colours than the terminal around it,
/// whose variables it passes on.
pub(super) fn colours(facts: &Facts) -> Colours {
    let Environment { term, term_program, .. } = &facts.environment;
    let environment = &facts.environment;
    let because = |depth, reason: String| Colours { depth, reason };
    let by_term = || {
        let said = if term.is_empty() { "TERM is not set".to_owned() } else { format!("TERM={term}") };
        because(of_term(term), said)
    };
    let name = terminal_name(facts);
    let known = |name: &str| TERMINALS.iter().find(|(start, _)| begins_with(name, start)).map(|(_, depth)| *depth);
    if let Some(tmux) = &facts.tmux {
        let has = |feature| tmux.features.split(',').any(|known| known == feature);
        if has("RGB") {
            return because(Depth::True, "tmux says that the terminal has them".to_owned());
        }
        for name in [&name, &tmux.term] {
            if let Some(depth) = known(name).filter(|depth| *depth >= of_term(&tmux.term)) {
                return because(depth, format!("{name} in tmux"));
            }
        }
        let depth = if has("256") { Depth::Palette.max(of_term(&tmux.term)) } else { of_term(&tmux.term) };
        return because(depth, format!("TERM={} around tmux", tmux.term));
    }
    if begins_with(term, "linux") || term.contains("16color") || term.contains("8color") || environment.in_screen() {
        return by_term();
    }
    if term_program == "Apple_Terminal" {
        let version = environment.term_program_version.split('.').next().and_then(|major| major.parse().ok());
        let is_new = version.is_some_and(|version: u32| version >= APPLE_TRUE);
        let (depth, which) =
            if is_new { (Depth::True, "of macOS 26 or newer") } else { (Depth::Palette, "before macOS 26") };
        return because(depth, format!("Apple's Terminal {which}"));
    }
    if matches!(&*environment.colorterm, "truecolor" | "24bit") {
        return because(Depth::True, format!("COLORTERM={}", environment.colorterm));
    }
    if environment.windows_terminal {
        return because(Depth::True, "Windows Terminal".to_owned());
    }
    for name in [&name, term] {
        if let Some(depth) = known(name).filter(|depth| *depth >= of_term(term)) {
            return because(depth, name.clone());
        }
    }
    by_term()
}

/// What `TERM` says in itself.
fn of_term(term: &str) -> Depth {
    if term.contains("direct") {
        Depth::True
    } else if term.contains("256") {
        Depth::Palette
    } else {
        Depth::Sixteen
    }
}

/// xterm's sixteen.
const SIXTEEN: [[u8; 3]; 16] = [
    [0, 0, 0],
    [205, 0, 0],
    [0, 205, 0],
    [205, 205, 0],
    [0, 0, 238],
    [205, 0, 205],
    [0, 205, 205],
    [229, 229, 229],
    [127, 127, 127],
    [255, 0, 0],
    [0, 255, 0],
    [255, 255, 0],
    [92, 92, 255],
    [255, 0, 255],
    [0, 255, 255],
    [255, 255, 255],
];
/// The six shades of a primary in xterm's palette.
const SHADES: [u8; 6] = [0, 95, 135, 175, 215, 255];

impl Depth {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Depth::Sixteen => "16",
            Depth::Palette => "256",
            Depth::True => "24-bit",
        }
    }

    /// The nearest colour for a dot of a picture.
    pub(super) fn nearest(self, colour: [u8; 3]) -> Color {
        match self {
            Depth::True => Color::Rgb(colour[0], colour[1], colour[2]),
            Depth::Sixteen | Depth::Palette => Color::Indexed(self.number(colour)),
        }
    }

    /// The colour for text, bars and the like, which have one because it means something: among sixteen, a muted blue is
    /// rather blue than grey.
    pub(super) fn telling(self, colour: [u8; 3]) -> Color {
        if self != Depth::Sixteen {
            return self.nearest(colour);
        }
        let grey = mean(colour.map(i32::from));
        self.nearest(colour.map(|value| (grey + 2 * (i32::from(value) - grey)).clamp(0, 255) as u8))
    }

    /// The number of the nearest colour. The first sixteen of the palette are whatever the user likes, so it does without.
    pub(super) fn number(self, colour: [u8; 3]) -> u8 {
        let colour = colour.map(i32::from);
        if self == Depth::Sixteen {
            return (0..16).min_by_key(|number| distance(SIXTEEN[usize::from(*number)], colour)).unwrap_or(0);
        }
        let shade = |value: i32| {
            SHADES.iter().zip(0..).min_by_key(|(shade, _)| (i32::from(**shade) - value).abs()).map_or(0, |(_, at)| at)
        };
        let [r, g, b] = colour.map(shade);
        let grey = ((mean(colour) - 3) / 10).clamp(0, 23) as u8;
        let [of_cube, of_greys]: [u8; 2] = [16 + 36 * r + 6 * g + b, 232 + grey];
        let is_grey = distance(self.colour(of_greys), colour) < distance(self.colour(of_cube), colour);
        if is_grey { of_greys } else { of_cube }
    }

    /// The numbers of those that a colour lies between.
    pub(super) fn around(self, colour: [u8; 3]) -> Vec<u8> {
        if self == Depth::Sixteen {
            return (0..16).collect();
        }
        // The shade that is no lighter, and the next.
        let darker = colour.map(|value| SHADES.iter().rposition(|shade| *shade <= value).unwrap_or(0).min(4) as u8);
        let corner = |at: u8| {
            let [r, g, b] = [0, 1, 2].map(|axis| darker[axis] + (at >> axis & 1));
            16 + 36 * r + 6 * g + b
        };
        let grey = (mean(colour.map(i32::from)) - 8).clamp(0, 229) / 10;
        (0..8).map(corner).chain([0, 1].map(|next| 232 + grey as u8 + next)).collect()
    }

    /// The colour of a number.
    pub(super) fn colour(self, number: u8) -> [u8; 3] {
        match number {
            0..=15 => SIXTEEN[usize::from(number)],
            16..=231 => {
                let at = number - 16;
                [at / 36, at / 6 % 6, at % 6].map(|shade| SHADES[usize::from(shade)])
            }
            232.. => [8 + 10 * (number - 232); 3],
        }
    }
}

/// How different two colours look, roughly: the eye sees green best and blue least.
fn distance(a: [u8; 3], b: [i32; 3]) -> i32 {
    let [r, g, b] = [0, 1, 2].map(|at| (i32::from(a[at]) - b[at]).pow(2));
    2 * r + 4 * g + 3 * b
}

/// The grey that is nearest to a colour, by that measure.
fn mean([r, g, b]: [i32; 3]) -> i32 {
    (2 * r + 4 * g + 3 * b) / 9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_of_the_palette_is_its_own_nearest() {
        for number in 16..=255 {
            let colour = Depth::Palette.colour(number);
            let nearest = Depth::Palette.number(colour);
            assert_eq!(Depth::Palette.colour(nearest), colour, "{number}");
        }
        for number in 0..16 {
            assert_eq!(Depth::Sixteen.number(Depth::Sixteen.colour(number)), number);
        }
    }

    #[test]
    fn among_sixteen_what_has_a_hue_keeps_it() {
        for (colour, expected) in
            [([33, 102, 172], 12), ([178, 24, 43], 9), ([120, 120, 120], 8), ([250, 250, 250], 15)]
        {
            assert_eq!(Depth::Sixteen.telling(colour), Color::Indexed(expected), "{colour:?}");
        }
    }

    #[test]
    fn the_nearest_in_the_palette_is_the_one_that_a_search_through_all_finds() {
        for colour in (0..4096).map(|n| [n % 16 * 17, n / 16 % 16 * 17, n / 256 * 17]) {
            let number = Depth::Palette.number(colour.map(|value| value as u8));
            let found = distance(Depth::Palette.colour(number), colour);
            let best = (16..=255).map(|number| distance(Depth::Palette.colour(number), colour)).min().unwrap();
            // Means are rounded, so that of two greys alike in distance the other may be taken.
            assert!(found <= best + 90, "{colour:?}: {found} instead of {best}");
            let around = Depth::Palette.around(colour.map(|value| value as u8));
            assert!(around.contains(&number), "{colour:?}: {number} is not in {around:?}");
        }
    }
}
