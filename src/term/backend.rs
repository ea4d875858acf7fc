//! Cells as bytes, as few as will do: over a slow line, text is what a key press costs once pictures are there.
//!
//! The pen changes by what differs ([`super::pen`]), and what is on the screen already is remembered, so that each row is written
//! in the shortest way that leads there ([`super::rows`]).

use std::io::{self, Write};

use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::{Buffer, Cell, CellWidth as _};
use ratatui::layout::{Position, Rect, Size};

use super::rows;

/// What may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Codes {
    /// The sixteen colours by the numbers that all terminals know: `38;5;N` is blinking to those that have no more.
    pub sixteen: bool,
    /// Cells are all that is on the screen, since pictures are apart from them or made of them: blanks may be erased, and cells
    /// written once more.
    pub erases: bool,
}

/// ratatui's backend for crossterm, with a shorter way to say cells.
#[derive(Debug)]
pub struct Cells<W: Write> {
    inner: CrosstermBackend<W>,
    codes: Codes,
    shown: Buffer,
}

impl<W: Write> Cells<W> {
    /// Writes to `output`, whose screen is blank.
    pub fn new(output: W) -> Cells<W> {
        Cells { inner: CrosstermBackend::new(output), codes: Codes::default(), shown: Buffer::default() }
    }

    /// What may be written from now on, and how large the screen is; it was cleared since it had another size.
    pub fn set(&mut self, codes: Codes, size: Size) {
        self.codes = codes;
        if size != self.shown.area.as_size() {
            self.shown = Buffer::empty(Rect::from((Position::ORIGIN, size)));
        }
    }

    /// What leads from what is shown to these cells.
    fn written(&mut self, cells: &[(u16, u16, &Cell)]) -> String {
        let area = self.shown.area;
        let cells: Vec<_> = cells.iter().filter(|(x, y, _)| area.contains(Position::new(*x, *y))).collect();
        for (x, y, cell) in &cells {
            self.shown[(*x, *y)].clone_from(cell);
            for x in x + 1..(x + cell.cell_width()).min(area.width) {
                self.shown[(x, *y)].reset();
            }
        }
        let changed: Vec<_> = cells.iter().map(|(x, y, _)| (*x, *y)).collect();
        rows::written(&self.shown, &changed, self.codes)
    }
}

impl<W: Write> Backend for Cells<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let cells: Vec<_> = content.collect();
        let text = self.written(&cells);
        self.inner.write_all(text.as_bytes())
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
        self.shown.reset();
        self.inner.clear()
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        // On a screen of its own, ratatui clears all of it.
        self.shown.reset();
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ratatui::style::{Color, Modifier, Style};
    use ratatui::text::Line;
    use ratatui::widgets::Widget as _;

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

    /// What is in a run: where, how long, how it looks, and a character.
    type Run = (u16, u16, u16, u8, char);

    fn runs() -> impl Strategy<Value = Vec<Run>> {
        let character = prop::sample::select(vec![' ', ' ', ' ', 'a', 'b', '…', '金']);
        prop::collection::vec((0..SIZE.0, 0..SIZE.1, 0..SIZE.0, 0..30_u8, character), 0..16)
    }

    fn buffer(runs: &[Run]) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, SIZE.0, SIZE.1));
        for (x, y, length, look, character) in runs {
            let look = if *character == ' ' && look % 2 == 0 { Style::reset() } else { style(*look) };
            let end = (x + length).min(SIZE.0);
            for column in *x..end {
                // Bold and faint at once is more than the terminal of this test knows.
                buffer[(column, *y)].reset();
            }
            let text: String = (*x..end).map(|_| *character).collect();
            buffer.set_stringn(*x, *y, text, usize::from(end - x), look);
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
            before in runs(),
            after in runs(),
        ) {
            crossterm::style::force_color_output(true);
            let (mut before, mut after) = (before, after);
            // Not every terminal agrees what is left of a wide character of which half is written over.
            if before.iter().chain(&after).any(|run| run.4 == '金') {
                for (x, _, length, ..) in before.iter_mut().chain(&mut after) {
                    (*x, *length) = (*x & !1, *length & !1);
                }
            }
            let (before, after) = (buffer(&before), buffer(&after));
            let mut cells = [false, true].map(|erases| {
                let mut cells = Cells::new(io::sink());
                cells.set(Codes { sixteen: false, erases }, SIZE.into());
                cells
            });
            let empty = Buffer::empty(before.area);
            let mut terminals = [(); 3].map(|()| vt100::Parser::new(SIZE.1.try_into().unwrap(), SIZE.0.try_into().unwrap(), 0));
            for (old, new) in [(&empty, &before), (&before, &after)] {
                let changed = old.diff(new);
                terminals[0].process(&ratatuis(&changed));
                for (terminal, cells) in terminals[1..].iter_mut().zip(&mut cells) {
                    let bytes = cells.written(&changed);
                    prop_assert!(bytes.len() <= ratatuis(&changed).len() + 8);
                    terminal.process(bytes.as_bytes());
                }
                let [theirs, plain, erasing] = terminals.each_ref().map(|terminal| shown(terminal.screen()));
                prop_assert_eq!(&theirs, &plain);
                prop_assert_eq!(&theirs, &erasing);
            }
        }
    }

    /// What leads from one line to another, where blanks may be erased.
    fn between(before: &Line<'_>, after: &Line<'_>) -> String {
        let line = |line: &Line<'_>| {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 60, 1));
            line.render(buffer.area, &mut buffer);
            buffer
        };
        let (empty, before, after) = (line(&Line::default()), line(before), line(after));
        let mut cells = Cells::new(io::sink());
        cells.set(Codes { sixteen: false, erases: true }, empty.area.as_size());
        cells.written(&empty.diff(&before));
        cells.written(&before.diff(&after))
    }

    #[test]
    fn a_line_is_changed_in_the_shortest_way() {
        let red = || Line::styled("a".repeat(40), Style::new().fg(Color::Red));
        assert_eq!(between(&red(), &red()), "", "nothing");
        assert_eq!(between(&red(), &Line::default()), "\x1b[1H\x1b[K", "what is gone is erased");
        assert_eq!(between(&"one apple".into(), &"two apple".into()), "\x1b[1Htwo");
        assert_eq!(between(&"one of two".into(), &"two of one".into()), "\x1b[1Htwo of one", "what stays is short");
        let (long, short) = ("b".repeat(30), "first".to_owned() + &" ".repeat(20) + "last");
        assert_eq!(between(&long.into(), &short.into()), "\x1b[1Hfirst\x1b[K\x1b[20Clast", "the end is written after");
        let status = "…".to_owned() + &"c".repeat(12) + "0";
        let other = "…".to_owned() + &"c".repeat(12) + "1";
        assert_eq!(between(&status.into(), &other.into()), "\x1b[1;14H1");
        let (marked, other) = ("✓…".to_owned(), "✗".to_owned() + "… " + "c");
        assert_eq!(between(&marked.into(), &other.into()), "\x1b[1H✗\x1b[4Gc", "a sign may be as wide as two cells");
    }

    #[test]
    fn rows_follow_by_a_line_feed_where_none_can_have_wrapped() {
        let empty = Buffer::empty(Rect::new(0, 0, 6, 4));
        let written = |lines: [&str; 4]| {
            let mut cells = Cells::new(io::sink());
            cells.set(Codes::default(), empty.area.as_size());
            cells.written(&empty.diff(&Buffer::with_lines(lines)))
        };
        assert_eq!(written(["ab    ", "cd    ", "ef    ", "      "]), "\x1b[1Hab\r\ncd\r\nef");
        assert_eq!(written(["ab    ", "  cd  ", "      ", "  e   "]), "\x1b[1Hab\ncd\n\n\x08\x08e");
        assert_eq!(written(["abcdef", "g     ", "      ", "      "]), "\x1b[1Habcdef\x1b[2Hg");
        assert_eq!(written(["✓✓✓   ", "g     ", "      ", "      "]), "\x1b[1H✓✓✓\x1b[2Hg", "they may be wide");
        assert_eq!(written(["✓✓    ", "g     ", "      ", "      "]), "\x1b[1H✓✓\r\ng");
    }
}
