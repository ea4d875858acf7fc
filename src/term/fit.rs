//! The one place where a frame is fitted to what the terminal has: colours and characters that it lacks are replaced.

use ratatui::buffer::Buffer;
use ratatui::style::Color;

use super::kitty::PLACEHOLDER;
use super::{Charset, Codes, Depth, Graphics, Protocol, charset};

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

    /// What may be written of cells.
    pub fn codes(&self) -> Codes {
        // Sixels and iTerm2's images are in the cells, and not every terminal takes them away with what is erased.
        let erases = !matches!(self.protocol, Protocol::Sixel | Protocol::Iterm2);
        Codes { sixteen: self.colours.depth == Depth::Sixteen, erases }
    }
}
