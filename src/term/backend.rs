//! Cells as bytes, as few as will do: over a slow line, text is what a key press costs once pictures are there.
//!
//! The pen changes by what differs, blanks are not given colours that nobody sees, and long runs of them are erased.

use std::fmt::Write as _;
use std::io::{self, Write};

use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::style::{Color, Modifier};

/// Blanks from which on erasing is shorter than writing.
const RUN: usize = 12;

/// What may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Codes {
    /// The sixteen colours by the numbers that all terminals know: `38;5;N` is blinking to those that have no more.
    pub sixteen: bool,
    /// Blanks may be erased: pictures are apart from the cells, or made of them.
    pub erases: bool,
}

/// ratatui's backend for crossterm, with a shorter way to say cells.
#[derive(Debug)]
pub struct Cells<W: Write> {
    inner: CrosstermBackend<W>,
    codes: Codes,
}

impl<W: Write> Cells<W> {
    /// Writes to `output`.
    pub fn new(output: W) -> Cells<W> {
        Cells { inner: CrosstermBackend::new(output), codes: Codes::default() }
    }

    /// What may be written from now on.
    pub fn set_codes(&mut self, codes: Codes) {
        self.codes = codes;
    }
}

impl<W: Write> Backend for Cells<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let cells: Vec<_> = content.collect();
        self.inner.write_all(written(&cells, self.codes).as_bytes())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.inner.hide_cursor()
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.inner.show_cursor()
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        self.inner.get_cursor_position()
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.inner.set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.inner.clear()
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        self.inner.clear_region(clear_type)
    }

    fn size(&self) -> io::Result<Size> {
        self.inner.size()
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.inner.window_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        Backend::flush(&mut self.inner)
    }
}

/// How the next character will look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pen {
    fg: Color,
    bg: Color,
    line: Color,
    modifier: Modifier,
}

const PLAIN: Pen = Pen { fg: Color::Reset, bg: Color::Reset, line: Color::Reset, modifier: Modifier::empty() };

/// What shows on a blank.
const ON_BLANKS: Modifier = Modifier::REVERSED.union(Modifier::UNDERLINED).union(Modifier::CROSSED_OUT);

/// The cells that have changed, row by row.
fn written(cells: &[(u16, u16, &Cell)], codes: Codes) -> String {
    let mut text = String::new();
    let (mut pen, mut at) = (PLAIN, None);
    let mut rest = cells;
    while let Some(((x, y, cell), others)) = rest.split_first() {
        go(&mut text, &mut at, (*x, *y));
        let run = blanks(rest);
        if codes.erases && run >= RUN {
            let ground = Pen { bg: Color::Reset, modifier: pen.modifier - ON_BLANKS, ..pen };
            change(&mut text, &mut pen, ground, codes);
            let _ = write!(text, "\x1b[{run}X");
            rest = &rest[run..];
            continue;
        }
        let wanted = Pen { fg: cell.fg, bg: cell.bg, line: cell.underline_color, modifier: cell.modifier };
        let is_plain_blank = cell.symbol() == " " && !cell.modifier.intersects(ON_BLANKS);
        let wanted =
            if is_plain_blank && !pen.modifier.intersects(ON_BLANKS) { Pen { bg: cell.bg, ..pen } } else { wanted };
        change(&mut text, &mut pen, wanted, codes);
        text.push_str(cell.symbol());
        at = Some((x + 1, *y));
        rest = others;
    }
    change(&mut text, &mut pen, PLAIN, codes);
    text
}

/// How many blanks on the terminal's own ground begin here, side by side.
fn blanks(cells: &[(u16, u16, &Cell)]) -> usize {
    let Some((x, y, _)) = cells.first() else { return 0 };
    let is_blank = |(number, (column, row, cell)): &(usize, &(u16, u16, &Cell))| {
        (usize::from(*column), row) == (usize::from(*x) + number, y)
            && cell.symbol() == " "
            && cell.bg == Color::Reset
            && !cell.modifier.intersects(ON_BLANKS)
    };
    cells.iter().enumerate().take_while(is_blank).count()
}

/// Moves the cursor, where it is not there already. Columns are absolute: not every terminal agrees how wide a character is.
fn go(text: &mut String, at: &mut Option<(u16, u16)>, (x, y): (u16, u16)) {
    let _ = match *at {
        Some(place) if place == (x, y) => Ok(()),
        Some((_, row)) if row == y => write!(text, "\x1b[{}G", x + 1),
        _ if x == 0 => write!(text, "\x1b[{}H", y + 1),
        _ => write!(text, "\x1b[{};{}H", y + 1, x + 1),
    };
    *at = Some((x, y));
}

/// Changes the pen, by what differs or from scratch, whichever is shorter.
fn change(text: &mut String, pen: &mut Pen, wanted: Pen, codes: Codes) {
    if *pen == wanted {
        return;
    }
    let from_scratch = format!("0;{}", parameters(PLAIN, wanted, codes));
    let differing = parameters(*pen, wanted, codes);
    let shorter = if from_scratch.len() < differing.len() { from_scratch } else { differing };
    // Zero may be left out.
    let shorter = shorter.trim_end_matches(';');
    let _ = write!(text, "\x1b[{}m", if shorter == "0" { "" } else { shorter });
    *pen = wanted;
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
        0..=7 if codes.sixteen => (base + u16::from(number)).to_string(),
        8..=15 if codes.sixteen => (base + 60 + u16::from(number) - 8).to_string(),
        _ => format!("{};5;{number}", base + 8),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::*;

    const SIZE: (u16, u16) = (40, 6);

    /// A look, from a number.
    fn style(number: u8) -> Style {
        let colours = [Color::Reset, Color::Red, Color::DarkGray, Color::Indexed(200), Color::Rgb(1, 2, 3)];
        let modifiers = [
            Modifier::empty(),
            Modifier::BOLD,
            Modifier::DIM,
            Modifier::REVERSED,
            Modifier::UNDERLINED,
            Modifier::BOLD | Modifier::ITALIC,
        ];
        let number = usize::from(number);
        Style::new().fg(colours[number % 5]).bg(colours[number / 5 % 5]).add_modifier(modifiers[number % 6])
    }

    fn buffer(runs: &[(u16, u16, u16, u8, bool)]) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, SIZE.0, SIZE.1));
        for (x, y, length, look, is_blank) in runs {
            let (x, y) = (x % SIZE.0, y % SIZE.1);
            for column in x..(x + length % SIZE.0).min(SIZE.0) {
                let look = if *is_blank && look % 2 == 0 { Style::reset() } else { style(*look) };
                // Bold and faint at once is more than the terminal of this test knows.
                buffer[(column, y)].reset();
                buffer[(column, y)].set_char(if *is_blank { ' ' } else { 'a' }).set_style(look);
            }
        }
        buffer
    }

    /// What a terminal shows after these bytes: each cell's character, colours and the modifiers that vt100 knows. Colours
    /// of blanks that do not show are left out.
    fn shown(screen: &vt100::Screen) -> Vec<(String, String)> {
        let places = (0..SIZE.1).flat_map(|y| (0..SIZE.0).map(move |x| (x, y)));
        let cell = |(x, y): (u16, u16)| {
            let cell = screen.cell(y, x).unwrap();
            let text = if cell.contents().is_empty() { " ".to_owned() } else { cell.contents().to_owned() };
            let is_blank = text == " " && !cell.inverse() && !cell.underline();
            let look = format!(
                "{:?} {:?} {} {} {}",
                if is_blank { vt100::Color::Default } else { cell.fgcolor() },
                cell.bgcolor(),
                if is_blank { false } else { cell.bold() },
                cell.underline(),
                cell.inverse()
            );
            (text, look)
        };
        places.map(cell).collect()
    }

    fn ratatuis(cells: &[(u16, u16, &Cell)]) -> Vec<u8> {
        let mut bytes = vec![];
        CrosstermBackend::new(&mut bytes).draw(cells.iter().copied()).unwrap();
        bytes
    }

    proptest! {
        #[test]
        fn a_terminal_shows_what_it_shows_of_ratatuis_bytes(
            before in prop::collection::vec((0..40_u16, 0..6_u16, 0..40_u16, 0..30_u8, any::<bool>()), 0..12),
            after in prop::collection::vec((0..40_u16, 0..6_u16, 0..40_u16, 0..30_u8, any::<bool>()), 0..12),
        ) {
            crossterm::style::force_color_output(true);
            let (before, after) = (buffer(&before), buffer(&after));
            let empty = Buffer::empty(before.area);
            let mut terminals = [(); 3].map(|()| vt100::Parser::new(SIZE.1.try_into().unwrap(), SIZE.0.try_into().unwrap(), 0));
            for (old, new) in [(&empty, &before), (&before, &after)] {
                let cells = old.diff(new);
                terminals[0].process(&ratatuis(&cells));
                for (terminal, erases) in terminals[1..].iter_mut().zip([false, true]) {
                    let bytes = written(&cells, Codes { sixteen: false, erases });
                    prop_assert!(bytes.len() <= ratatuis(&cells).len() + 8);
                    terminal.process(bytes.as_bytes());
                }
                let [theirs, plain, erasing] = terminals.each_ref().map(|terminal| shown(terminal.screen()));
                prop_assert_eq!(&theirs, &plain);
                prop_assert_eq!(&theirs, &erasing);
            }
        }
    }

    #[test]
    fn the_sixteen_colours_have_the_numbers_that_every_terminal_knows() {
        let codes = Codes { sixteen: true, erases: false };
        for (fg, bg, expected) in [
            (Color::Red, Color::Indexed(4), "31;44"),
            (Color::Indexed(9), Color::White, "91;107"),
            (Color::DarkGray, Color::Reset, "90"),
        ] {
            let pen = Pen { fg, bg, ..PLAIN };
            assert_eq!(parameters(PLAIN, pen, codes), expected);
        }
    }

    #[test]
    fn nothing_that_changed_is_no_bytes_and_blanks_are_few() {
        assert_eq!(written(&[], Codes::default()), "");
        let mut text = Buffer::empty(Rect::new(0, 0, 40, 1));
        text.set_string(0, 0, "a".repeat(40), Style::new().fg(Color::Red));
        let blank = Buffer::empty(text.area);
        assert_eq!(written(&text.diff(&blank), Codes { sixteen: false, erases: true }), "\x1b[1H\x1b[40X");
    }
}
