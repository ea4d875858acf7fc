//! What terminals answer when asked what they are and what they can draw.
//!
//! Replies arrive on the same wire as key presses, so [`super::input`] tells them apart by their shape; here their
//! content is read. A reply that nobody asked for, or that is garbage, becomes [`Reply::Unknown`] and is dropped.

use super::background;

/// One answer of the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// To a kitty graphics command: which image it was about, and whether the terminal took it.
    KittyGraphics {
        /// The `i=` of the command.
        id: u32,
        /// Whether the message was `OK`.
        ok: bool,
    },
    /// Name and version, as `XTVERSION` reports them: `kitty(0.41.1)`, `XTerm(379)`, `tmux 3.5a`.
    Version(String),
    /// Primary device attributes: 4 among them means sixel graphics.
    DeviceAttributes(Vec<u16>),
    /// Size of one cell, in pixels.
    CellPixels {
        /// Width of one cell.
        width: u16,
        /// Height of one cell.
        height: u16,
    },
    /// Size of the text area, in pixels.
    TextAreaPixels {
        /// Width of all columns.
        width: u16,
        /// Height of all rows.
        height: u16,
    },
    /// What is behind the text: red, green, blue.
    Background([u8; 3]),
    /// How many colours a sixel picture may have.
    SixelColours(u16),
    /// Where the cursor is, in a row other than the first.
    Cursor {
        /// Its column, from 1.
        column: u16,
    },
    /// The terminal works: the answer to a device status report, which every terminal gives.
    Status,
    /// Anything else.
    Unknown,
}

impl Reply {
    /// Reads a control sequence `ESC [ parameters final`; `None` when it has not the shape of a reply.
    pub(super) fn from_csi(parameters: &str, last: char) -> Option<Reply> {
        let numbers = |text: &str| -> Vec<u16> { text.split(';').map(|n| n.parse().unwrap_or(0)).collect() };
        match (parameters.strip_prefix(['?', '>', '=']), last) {
            (Some(list), 'c') if parameters.starts_with('?') => Some(Reply::DeviceAttributes(numbers(list))),
            (Some(list), 'S') => Some(match numbers(list)[..] {
                [1, 0, colours, ..] => Reply::SixelColours(colours),
                _ => Reply::Unknown,
            }),
            (Some(_), _) | (None, 'c' | 'x' | 'y') => Some(Reply::Unknown),
            (None, 't') => Some(match numbers(parameters)[..] {
                [6, height, width] if height > 0 && width > 0 => Reply::CellPixels { width, height },
                [4, height, width] if height > 0 && width > 0 => Reply::TextAreaPixels { width, height },
                _ => Reply::Unknown,
            }),
            // In the first row it has the shape of F3 with a modifier.
            (None, 'R') => match numbers(parameters)[..] {
                [row, column] if row > 1 => Some(Reply::Cursor { column }),
                _ => None,
            },
            (None, 'n') => Some(if parameters == "0" { Reply::Status } else { Reply::Unknown }),
            _ => None,
        }
    }

    /// Reads a string sequence; `introducer` is the byte after ESC: `P` (DCS), `_` (APC), `]` (OSC) and so on.
    pub(super) fn from_string(introducer: u8, body: &str) -> Reply {
        match introducer {
            b'P' => body.strip_prefix(">|").map_or(Reply::Unknown, |name| {
                Reply::Version(name.chars().filter(|c| !c.is_control()).take(100).collect())
            }),
            b']' => background::colour(body).map_or(Reply::Unknown, Reply::Background),
            b'_' => body.strip_prefix('G').and_then(kitty).unwrap_or(Reply::Unknown),
            _ => Reply::Unknown,
        }
    }
}

/// `i=31;OK` or `i=31,p=2;ENOENT:no such image`.
fn kitty(body: &str) -> Option<Reply> {
    let (keys, message) = body.split_once(';')?;
    let id = keys.split(',').find_map(|key| key.strip_prefix("i="))?.parse().ok()?;
    Some(Reply::KittyGraphics { id, ok: message == "OK" })
}
