//! How large a cell is in pixels: who says so, and whether that can be right.

use super::probe::Facts;
use super::reply::Reply;

/// Width and height of a cell in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CellSize {
    /// Pixels across.
    pub width: u16,
    /// Pixels down.
    pub height: u16,
}

impl CellSize {
    /// What a common terminal font comes to, when nobody says.
    pub const GUESS: CellSize = CellSize { width: 10, height: 20 };

    /// Whether anybody could read a font of that size.
    pub fn is_plausible(self) -> bool {
        (4..=200).contains(&self.width) && (8..=400).contains(&self.height)
    }
}

/// Reads `10x20`, as `--cell` takes it.
impl std::str::FromStr for CellSize {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (width, height) = text.split_once('x').ok_or("a cell is WxH pixels, such as 10x20")?;
        let side = |text: &str| text.parse().map_err(|_| "a cell is WxH pixels, such as 10x20");
        let cell = CellSize { width: side(width)?, height: side(height)? };
        if cell.is_plausible() { Ok(cell) } else { Err("a cell has 4x8 pixels or more, and 200x400 or less") }
    }
}

/// Where the size of a cell comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellSource {
    /// The terminal says it.
    Terminal(CellSize),
    /// The terminal says how large its window is.
    Window(CellSize),
    /// The operating system says how large the window is.
    System(CellSize),
    /// All that was said cannot be right: this.
    Doubtful(CellSize),
    /// Nobody says.
    Unknown,
}

impl CellSource {
    /// The size, if it is believed.
    pub fn cell(self) -> Option<CellSize> {
        match self {
            CellSource::Terminal(cell) | CellSource::Window(cell) | CellSource::System(cell) => Some(cell),
            CellSource::Doubtful(_) | CellSource::Unknown => None,
        }
    }
}

/// The window that Windows' OpenSSH server invents, in pixels.
const INVENTED: (u16, u16) = (640, 480);

/// The cell's size: as the terminal says, or from the window's.
pub fn cell_size(facts: &Facts) -> CellSource {
    let [columns, rows, width, height] = facts.window;
    let divide = |width: u16, height: u16| {
        (columns > 0 && rows > 0 && width > 0 && height > 0)
            .then(|| CellSize { width: width / columns, height: height / rows })
    };
    let said = facts.replies.iter().find_map(|reply| match reply {
        Reply::CellPixels { width, height } => Some(CellSize { width: *width, height: *height }),
        _ => None,
    });
    let window = facts.replies.iter().find_map(|reply| match reply {
        Reply::TextAreaPixels { width, height } => divide(*width, *height),
        _ => None,
    });
    let from_system = divide(width, height);
    let tmux_is_deceived = tmux_is_deceived(facts);
    let claims = [
        (said, CellSource::Terminal as fn(CellSize) -> CellSource, !tmux_is_deceived),
        (window, CellSource::Window, !tmux_is_deceived),
        (from_system, CellSource::System, !tmux_is_deceived && (width, height) != INVENTED),
    ];
    let claims = claims.into_iter().filter_map(|(cell, source, is_honest)| Some((cell?, source, is_honest)));
    let mut doubtful = CellSource::Unknown;
    for (cell, source, is_honest) in claims {
        if is_honest && cell.is_plausible() {
            return source(cell);
        }
        doubtful = CellSource::Doubtful(cell);
    }
    doubtful
}

/// tmux makes cells of what it is told of its window; here, of the invented one.
fn tmux_is_deceived(facts: &Facts) -> bool {
    facts.tmux.as_ref().is_some_and(|tmux| {
        let [columns, rows, width, height] = tmux.window;
        columns > 0 && rows > 0 && (width, height) == (INVENTED.0 / columns, INVENTED.1 / rows)
    })
}
