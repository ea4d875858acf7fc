//! How characters look, and the `SGR` that changes it, as short as it gets.

use std::fmt::Write as _;

use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};

use super::Codes;

/// How the next character will look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pen {
    fg: Color,
    bg: Color,
    line: Color,
    modifier: Modifier,
}

/// As the terminal begins.
pub(super) const PLAIN: Pen =
    Pen { fg: Color::Reset, bg: Color::Reset, line: Color::Reset, modifier: Modifier::empty() };

/// What shows on a blank.
const ON_BLANKS: Modifier = Modifier::REVERSED.union(Modifier::UNDERLINED).union(Modifier::CROSSED_OUT);

/// Whether a cell has nothing to be seen but its ground.
fn is_ground(cell: &Cell) -> bool {
    cell.symbol() == " " && !cell.modifier.intersects(ON_BLANKS)
}

/// Whether a cell is a blank on the terminal's own ground, such as erasing leaves.
pub(super) fn is_blank(cell: &Cell) -> bool {
    is_ground(cell) && cell.bg == Color::Reset
}

impl Pen {
    /// The nearest pen that a cell can be written with: of a blank, only the ground is seen.
    pub(super) fn for_cell(self, cell: &Cell) -> Pen {
        if is_ground(cell) && !self.modifier.intersects(ON_BLANKS) {
            Pen { bg: cell.bg, ..self }
        } else {
            Pen { fg: cell.fg, bg: cell.bg, line: cell.underline_color, modifier: cell.modifier }
        }
    }

    /// The nearest pen that erasing leaves the terminal's own ground with.
    pub(super) fn for_erasing(self) -> Pen {
        Pen { bg: Color::Reset, modifier: self.modifier - ON_BLANKS, ..self }
    }

    /// Changes to another, by what differs or from scratch, whichever is shorter.
    pub(super) fn change(&mut self, text: &mut String, wanted: Pen, codes: Codes) {
        if *self == wanted {
            return;
        }
        // Zero alone may be left out.
        let from_scratch = match parameters(PLAIN, wanted, codes) {
            parameters if parameters.is_empty() => parameters,
            parameters => format!("0;{parameters}"),
        };
        let differing = parameters(*self, wanted, codes);
        let shorter = if from_scratch.len() <= differing.len() { from_scratch } else { differing };
        let _ = write!(text, "\x1b[{shorter}m");
        *self = wanted;
    }
}

/// The parameters of `SGR` that lead from one pen to another.
fn parameters(from: Pen, to: Pen, codes: Codes) -> String {
    let mut parameters: Vec<String> = vec![];
    let (gone, mut come) = (from.modifier - to.modifier, to.modifier - from.modifier);
    for (modifiers, off) in [
        (Modifier::BOLD | Modifier::DIM, 22),
        (Modifier::ITALIC, 23),
        (Modifier::UNDERLINED, 24),
        (Modifier::SLOW_BLINK | Modifier::RAPID_BLINK, 25),
        (Modifier::REVERSED, 27),
        (Modifier::HIDDEN, 28),
        (Modifier::CROSSED_OUT, 29),
    ] {
        if gone.intersects(modifiers) {
            parameters.push(off.to_string());
            // What went with it comes back.
            come |= to.modifier & modifiers;
        }
    }
    for (modifier, on) in [
        (Modifier::BOLD, 1),
        (Modifier::DIM, 2),
        (Modifier::ITALIC, 3),
        (Modifier::UNDERLINED, 4),
        (Modifier::SLOW_BLINK, 5),
        (Modifier::RAPID_BLINK, 6),
        (Modifier::REVERSED, 7),
        (Modifier::HIDDEN, 8),
        (Modifier::CROSSED_OUT, 9),
    ] {
        if come.contains(modifier) {
            parameters.push(on.to_string());
        }
    }
    for (before, after, base) in [(from.fg, to.fg, 30), (from.bg, to.bg, 40)] {
        if before != after {
            parameters.push(colour(after, base, codes));
        }
    }
    // Where there are sixteen colours, no line has one of its own.
    if from.line != to.line && !codes.sixteen {
        parameters.push(colour(to.line, 50, codes));
    }
    parameters.join(";")
}

/// A colour, by the tens that say what has it: 30 the character, 40 the ground, 50 the line.
fn colour(colour: Color, base: u16, codes: Codes) -> String {
    let number = match colour {
        Color::Reset => return (base + 9).to_string(),
        Color::Rgb(r, g, b) => return format!("{};2;{r};{g};{b}", base + 8),
        Color::Indexed(number) => number,
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
    };
    match number {
        0..=7 if base < 50 => (base + u16::from(number)).to_string(),
        8..=15 if codes.sixteen => (base + 60 + u16::from(number) - 8).to_string(),
        _ => format!("{};5;{number}", base + 8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eight_colours_are_short_and_of_sixteen_none_is_a_number_that_not_every_terminal_knows() {
        for (fg, bg, sixteen, expected) in [
            (Color::Red, Color::Indexed(4), true, "31;44"),
            (Color::Indexed(9), Color::White, true, "91;107"),
            (Color::DarkGray, Color::Reset, true, "90"),
            (Color::Cyan, Color::Black, false, "36;40"),
            (Color::DarkGray, Color::Rgb(1, 2, 3), false, "38;5;8;48;2;1;2;3"),
        ] {
            let pen = Pen { fg, bg, ..PLAIN };
            assert_eq!(parameters(PLAIN, pen, Codes { sixteen, erases: false }), expected);
        }
    }

    #[test]
    fn the_way_back_to_plain_is_the_shortest() {
        let mut text = String::new();
        let mut pen = Pen { fg: Color::Red, modifier: Modifier::BOLD, ..PLAIN };
        pen.change(&mut text, PLAIN, Codes::default());
        assert_eq!(text, "\x1b[m");
    }
}
