//! Colours and emphasis. One accent; right and wrong have colours of their own, and signs, so that nothing is said by
//! colour alone. The terminal's own palette is used; on a light background, those of its colours that can be read there.

use ratatui::style::{Color, Modifier, Style};

/// Styles, with or without colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Theme {
    /// Whether colours are wanted (not with `NO_COLOR`, nor on dumb terminals).
    pub colour: bool,
    /// Whether the background is light.
    pub light: bool,
}

#[expect(clippy::unused_self, reason = "which styles depend on the theme is the theme's business")]
impl Theme {
    /// Where the user is, and what they chose.
    pub(super) fn accent(self) -> Style {
        self.accent_bar().add_modifier(Modifier::BOLD)
    }

    /// A bar that belongs to what the user chose.
    pub(super) fn accent_bar(self) -> Style {
        self.tinted(if self.light { Color::Blue } else { Color::Cyan })
    }

    /// What can be read, but need not be.
    pub(super) fn quiet(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// What stands out without being chosen.
    pub(super) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// A right prediction, a thing done.
    pub(super) fn right(self) -> Style {
        self.tinted(Color::Green)
    }

    /// A wrong prediction.
    pub(super) fn wrong(self) -> Style {
        self.tinted(Color::Red)
    }

    /// An error or a caution.
    pub(super) fn warning(self) -> Style {
        self.tinted(if self.light { Color::Magenta } else { Color::Yellow })
    }

    fn tinted(self, colour: Color) -> Style {
        if self.colour { Style::new().fg(colour) } else { Style::new() }
    }
}
