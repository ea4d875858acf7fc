//! The one place where a frame is fitted to what the terminal has: colours and characters that it lacks are replaced.

use ratatui::buffer::Buffer;
use ratatui::style::Color;

use super::kitty::PLACEHOLDER;
use super::{Charset, Depth, Graphics, charset};

impl Graphics {
    /// Fits a frame that is about to be written.
    pub fn fit(&self, buffer: &mut Buffer) {
        let (depth, is_ascii) = (self.colours.depth, self.charset == Charset::Ascii);
        if depth == Depth::True && !is_ascii {
            return;
        }
        for cell in &mut buffer.content {
            // Its colour is the picture's id, and the terminal that shows it has all colours.
            if cell.symbol().starts_with(PLACEHOLDER) {
                continue;
            }
            for colour in [&mut cell.fg, &mut cell.bg, &mut cell.underline_color] {
                if let Color::Rgb(r, g, b) = *colour {
                    *colour = depth.telling([r, g, b]);
                }
            }
            if let Some(form) = charset::ascii(cell.symbol()).filter(|_| is_ascii) {
                cell.set_char(form);
            }
        }
    }

    /// Fits what ratatui wrote for the frame. It has the sixteen colours as `38;5;N`, where a terminal that has no more reads
    /// 5 as blinking.
    pub fn fit_bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        if self.colours.depth != Depth::Sixteen {
            return bytes;
        }
        let mut fitted = Vec::with_capacity(bytes.len());
        let mut rest = &bytes[..];
        while let Some(start) = rest.windows(2).position(|pair| pair == b"\x1b[") {
            let (before, sequence) = rest.split_at(start);
            fitted.extend_from_slice(before);
            let length = sequence.iter().skip(2).position(u8::is_ascii_alphabetic);
            let (sequence, after) = sequence.split_at(length.map_or(sequence.len(), |length| length + 3));
            match std::str::from_utf8(sequence).ok().and_then(|text| text.strip_prefix("\x1b[")?.strip_suffix('m')) {
                Some(rendition) => fitted.extend_from_slice(format!("\x1b[{}m", plain(rendition)).as_bytes()),
                None => fitted.extend_from_slice(sequence),
            }
            rest = after;
        }
        fitted.extend_from_slice(rest);
        fitted
    }
}

/// Parameters of `SGR` with colours by the numbers that all terminals know.
fn plain(rendition: &str) -> String {
    let mut numbers = rendition.split(';').map(|number| number.parse::<u16>().unwrap_or(0));
    let mut plain = Vec::new();
    while let Some(number) = numbers.next() {
        match number {
            38 | 48 => {
                let (_, colour) = (numbers.next(), numbers.next().unwrap_or(0));
                let first = if colour < 8 { number - 8 } else { number + 52 - 8 };
                plain.push(first + colour);
            }
            58 => drop((numbers.next(), numbers.next())),
            other => plain.push(other),
        }
    }
    plain.iter().map(ToString::to_string).collect::<Vec<_>>().join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixteen_colours_have_the_numbers_that_every_terminal_knows() {
        for (written, fitted) in [
            ("38;5;1;48;5;4", "31;44"),
            ("38;5;9;48;5;15", "91;107"),
            ("38;5;8", "90"),
            ("39;49", "39;49"),
            ("1", "1"),
            ("0", "0"),
        ] {
            assert_eq!(plain(written), fitted);
        }
    }
}
